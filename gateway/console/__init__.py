"""The console: what officers, managers, auditors and operators see in a browser.

Pages are made here; decisions are made in flows.

    application   the rooms put together, what every answer carries, and what is shown when something is refused
    endpoints         every address with the act that it needs: who may come in is settled here and nowhere else
    visit         one request of one person: who, how far, what they typed
    questions     what a form asks, and what was answered
    paging        a long list, a page at a time
    ...           one module for each room: worklist, case, acts, compose, searches, unanswered, audit_log, reports,
    health, people, ...

It works without JavaScript. No asset comes from elsewhere, and no address holds anything about a child.
"""
