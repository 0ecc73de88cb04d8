"""The console: what officers, managers, auditors and operators see in a browser.

Pages are made here; decisions are made in flows.

    application       the endpoints together, the headers of every answer, the page of a refusal
    endpoints         every address with the permission that it needs, checked here and nowhere else
    console_request   one request of one person: who they are, what they may do, what they typed
    forms             what a form asks, and what was answered
    paging            a long list, a page at a time
    ...               one module a group of pages: worklist, case, case_actions, compose, searches, unanswered, ...

It works without JavaScript. No asset comes from elsewhere, and no address holds anything about a child.
"""
