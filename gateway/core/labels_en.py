"""The labels in English: tables of texts by code, and nothing else.

`labels.py` chooses among them. Another language is a module with the same tables, in which every key stands too.

A status is found by its address, from the most particular to the most general: side, state, then why it stands so
(`causes`; with a star for any code), or how it goes there, or the group of its kind. `{partner}` is the other
authority, `{authority}` a third one, `{result}` a code in words.
"""

from collections.abc import Mapping
from typing import NamedTuple


class StatusText(NamedTuple):
    """What a tag says, and the line under it."""

    tag: str
    line: str = ""


class ActionText(NamedTuple):
    """What an act is called: its heading, its button, what it does, and what is said once it is done."""

    title: str
    button: str
    lead: str
    done: str


KINDS = {
    "TransferNotice": "Transfer notice",
    "WhereaboutsEnquiry": "Whereabouts enquiry",
    "WhereaboutsUnknownNotice": "Whereabouts unknown notice",
    "WhereaboutsResponse": "Answer",
    "LocatedNotice": "End of search notice",
    "Acknowledgement": "Acknowledgement",
    "Outcome": "Outcome",
    "Withdrawal": "Withdrawal",
    "Reminder": "Reminder",
}

# In a sentence that is about either.
NOTICE, ENQUIRY = "notice", "enquiry"
# Of which nothing more is known.
MESSAGE = "Message"
THE_OTHER_AUTHORITY, ANOTHER_AUTHORITY = "the other authority", "another authority"
NOT_RECORDED = "not recorded"
# A user whose name is not known any more.
SOMEONE = "someone"

STATUSES: Mapping[str, StatusText] = {
    "sent/queued": StatusText("Sending", "Not delivered yet."),
    "sent/sent": StatusText("Sent", "Awaiting a delivery receipt from {partner}."),
    "sent/sent/email": StatusText("Sent", "Emailed to {partner}. Awaiting a reply."),
    "sent/sent/email/reply": StatusText("Sent", "Emailed to {partner}."),
    "sent/received": StatusText("Delivered", "No reply needed."),
    "sent/received/transfer": StatusText("Delivered", "Not yet accepted by an officer at {partner}."),
    "sent/received/enquiry": StatusText("Delivered", "Not yet answered by an officer at {partner}."),
    "sent/acknowledged": StatusText("Acknowledged", "{partner} has seen this. Awaiting their answer."),
    "sent/acknowledged/transfer": StatusText("Accepted", "{partner} has accepted this notice. Awaiting the outcome."),
    "sent/acknowledged/unknown": StatusText(
        "Acknowledged", "{partner} has seen the notice. This does not mean they know the child."
    ),
    "sent/accepted-by-mail": StatusText(
        "Accepted by email", "An officer at your authority read this in an email. It is not a signed acceptance."
    ),
    "sent/passed-on": StatusText(
        "Redirect needed", "{partner} says another authority is responsible. Nothing has been sent to that authority."
    ),
    "sent/passed-on/referred:*": StatusText(
        "Redirect needed", "{partner} says {authority} is responsible. Nothing has been sent to {authority}."
    ),
    "sent/rejected": StatusText("Rejected", "{partner} rejected this."),
    "sent/rejected/officer": StatusText("Rejected by officer", "An officer at {partner} rejected this."),
    "sent/rejected/officer:*": StatusText("Rejected by officer", "An officer at {partner} rejected this: {result}."),
    "sent/rejected/gateway": StatusText(
        "Refused by gateway", "The gateway of {partner} refused this. No officer there has seen it."
    ),
    "sent/rejected/email": StatusText(
        "Not accepted, by email", "An officer at your authority read in an email that {partner} does not accept this."
    ),
    "sent/failed": StatusText("Not delivered", "{partner} does not have this."),
    "sent/concluded": StatusText("Concluded"),
    "sent/concluded/transfer": StatusText("Outcome received"),
    "sent/concluded/enquiry": StatusText("Answered"),
    "sent/concluded/unknown": StatusText("Answered"),
    "sent/concluded/outcome:*": StatusText("Outcome received", "Outcome from {partner}: {result}."),
    "sent/concluded/outcome:not-found-at-address": StatusText(
        "Outcome received: child not found", "{partner} did not find the child at the address. This case is closed."
    ),
    "sent/concluded/answer:*": StatusText("Answered", "Answer from {partner}: {result}."),
    "sent/concluded/answer:found": StatusText(
        "Known to them", "The child is known to {partner}. Call to confirm where the child is."
    ),
    "sent/concluded/answer:ring-me": StatusText("Call them", "{partner} asks you to call about this child."),
    "sent/concluded/answer:no-trace": StatusText("No trace", "{partner} has no trace of this child."),
    "sent/concluded/ended": StatusText("Search ended", "Your authority ended this search."),
    "sent/concluded/ended:*": StatusText("Search ended", "Your authority ended this search: {result}."),
    "sent/closed": StatusText("Closed", "An officer at your authority closed this."),
    "sent/closed/accepted": StatusText(
        "Closed without outcome", "An officer at your authority closed this after {partner} accepted the notice."
    ),
    "sent/closed/phone": StatusText(
        "Closed without outcome", "An officer at your authority closed this after a phone handover."
    ),
    "sent/closed/told:*": StatusText("Closed: told by phone", "{partner} told an officer at your authority: {result}."),
    "sent/closed/told:found": StatusText(
        "Closed: told by phone", "{partner} told an officer at your authority that they know this child."
    ),
    "sent/closed/told:no-trace": StatusText(
        "Closed: told by phone", "{partner} told an officer at your authority that they have no trace of this child."
    ),
    "sent/closed/told:not-found-at-address": StatusText(
        "Told by phone: child not found",
        "{partner} told your authority that the child was not found at the address. This case is closed.",
    ),
    "sent/closed/redirected:*": StatusText("Redirected", "Sent to {authority} instead."),
    "sent/withdrawn": StatusText("Withdrawn", "Your authority withdrew this."),
    "sent/withdrawn/replaced": StatusText("Replaced", "Replaced by a newer notice to {partner}."),
    "sent/withdrawn/ended": StatusText("Not sent", "The search ended before this was sent."),
    "sent/expired": StatusText("Expired", "No longer needed."),
    "came/new": StatusText("New", "No reply due from you. Check whether you know the child."),
    "came/new/transfer": StatusText("New", "Acknowledgement due from you."),
    "came/new/enquiry": StatusText("New", "Answer due from you."),
    "came/acknowledged": StatusText("Acknowledged", "Nothing more is due from you."),
    "came/acknowledged/transfer": StatusText("Accepted", "Outcome due from you."),
    "came/acknowledged/enquiry": StatusText("Acknowledged", "Answer due from you."),
    "came/passed-on": StatusText("Referred back", "You told {partner} that another authority is responsible."),
    "came/passed-on/referred:*": StatusText(
        "Referred back", "You told {partner} to try {authority}. {partner} decides what happens next."
    ),
    "came/rejected": StatusText("Rejected", "You rejected this."),
    "came/rejected/officer:*": StatusText("Rejected", "You rejected this: {result}."),
    "came/concluded": StatusText("Closed"),
    "came/concluded/outcome:*": StatusText("Closed", "You sent the outcome: {result}."),
    "came/concluded/answer:*": StatusText("Closed", "You answered: {result}."),
    "came/concluded/answer:found": StatusText("Closed", "You answered that you know this child."),
    "came/concluded/answer:no-trace": StatusText("Closed", "You answered that you have no trace of this child."),
    "came/concluded/answer:ring-me": StatusText("Closed", "You asked {partner} to call you."),
    "came/concluded/ended": StatusText("Closed", "{partner} ended its search."),
    "came/withdrawn": StatusText("Withdrawn", "{partner} withdrew this."),
    "came/superseded": StatusText("Replaced", "Use the newer notice from {partner}."),
    "came/filed": StatusText("Received", "No action needed."),
    "came/does-not-fit": StatusText("Check this reply", "It has no effect on the case. Call {partner}."),
    "came/about-nothing": StatusText(
        "Unknown case", "It is about a message that this gateway does not have. No action needed."
    ),
}

# How one authority answers in a search, by the values of `search_status.AnswerState`.
ANSWERING: Mapping[str, StatusText] = {
    "found": StatusText("Known to them", "Call to confirm where the child is."),
    "ring": StatusText("Call them", "They ask you to call about this child."),
    "no trace": StatusText("No trace"),
    "rejected": StatusText("Rejected"),
    "has it, no answer": StatusText("Awaiting answer"),
    "letter sent, no answer": StatusText("Emailed, awaiting answer"),
    "accepted by mail, no answer": StatusText(
        "Email reply, no answer yet",
        "An officer at your authority read this in an email. It does not say whether they know the child.",
    ),
    "not there yet": StatusText("Not delivered yet"),
    "given up": StatusText("Not delivered"),
    "ended without an answer": StatusText("Ended, no answer"),
}

# What is due, by `duties.Missing`; and what is done about it, by `duties.DutyStep`.
HOLD_REASONS = {
    "court": "Court proceedings or legal claim",
    "complaint": "Complaint",
    "safeguarding-review": "Safeguarding practice review",
    "inquiry": "Public inquiry",
    "police": "Police investigation",
    "subject-access": "Subject access request",
    "other": "Other reason",
}
# Why a case has not ended.
OPEN_WORK = {
    "message": "a message in it is waiting for a reply, a delivery or a decision",
    "review": "its search is under review",
    "email": "an email reply has not been read",
    "unfinished": "a correction has not been finished",
    "file": "a file for ONE has not been written",
    "alert": "an urgent message has not been marked as dealt with",
}
MISSING = {
    "receipt": "Delivery receipt",
    "delivery": "Delivery",
    "acknowledgement": "Acknowledgement",
    "answer": "Answer",
    "outcome": "Outcome",
    "decision": "Decision",
}
STEPS = {"wait": "Due", "ring": "Overdue", "escalate": "Overdue: escalated to the service manager"}
# What is to be done about it next, in a report.
NEXT_STEPS = {
    "wait": "Not overdue",
    "ring": "Overdue: call them",
    "escalate": "Overdue: service manager to call",
    "reply": "Overdue: reply now",
    "decide": "Overdue: decide",
}
# From whom it is due.
OWED_BY = {"them": "Other authorities", "us": "You"}

# What is due and when, by whether it is late; a decision is due from the beginning.
DUTIES = {
    "wait": "{missing} due by {on}",
    "late": "{missing} was due {on}",
    "late/decision": "{missing} due since {on}",
}
# The mark before what is late.
OVERDUE_MARK = "Overdue:"
# Of a 14-day review, the same.
REVIEWS = {"wait": "Due {on}", "today": "Due today", "late": "Overdue since {on}"}
# By what the inbox is sorted (`inbox_order.InboxSort`), when what is due is due (`DueWhen`), and for whom nobody has
# the case.
INBOX_SORTS = {
    "urgency": "Most urgent first",
    "due": "Due first",
    "received": "Oldest first",
    "authority": "By authority",
    "kind": "By type of notice",
}
DUE_WHEN = {"late": "Overdue", "today": "Due today", "week": "Due this week"}
UNASSIGNED = "Not assigned"
# Why a message is left out where several are dealt with at once.
LEFT_OUT = {
    "reply": "This is a reply. Open the case to deal with it.",
    "needs-answer": "This notice needs an answer, not an acceptance. Open the case to answer it.",
    "not-called": "No call is recorded. Call the named officer, then accept the notice in its case.",
    "already": 'This notice can no longer be accepted. Its status is "{status}".',
    "has-case": "This case is already assigned to {person}.",
}
# From what a notice was filled in.
FILLED_FROM = {
    "received": "Filled in from a notice you received about this child.",
    "sent": "Filled in from a notice you sent about this child.",
    "sibling": "Filled in from the notice you sent about a brother or sister.",
    "pupil-index": "Filled in from your pupil index.",
}
FILLED_IN_STATUS = "Filled in: check"
# What came of a visit.
VISIT_RESULTS = {
    "child-seen": "Child seen",
    "family-seen": "Family seen, but not the child",
    "no-answer": "No answer",
    "moved": "The family no longer lives there",
    "other": "Something else",
}
# What was written down, as the timeline has it.
CASE_NOTES = {
    "note": "Note",
    "visit": "Visit",
    "visit/on": "Visit on {on}: {result}",
    "not-shared": "Decision not to share information",
    "not-shared/on": "Decision not to share information, made by {decided_by} on {on}",
}
# Of somebody who is away today.
AWAY = {"": "{person} (away until {until}; no deputy)", "deputy": "{person} (away until {until}; deputy: {deputy})"}
# How a report counts what was done, or should have been.
ON_TIME, OVERDUE = "On time", "Overdue"
# What was done about what is due, by who owes it where that matters.
PURSUITS = {
    "handed-over": "handed over by phone",
    "reminded/them": "reminder sent",
    "reminded/us": "{partner} sent a reminder",
    "escalated": "escalated to the service manager",
}

# Of a contact on a card.
MASH_CONTACT = "Safeguarding (MASH)"

# Of people who sign in, by `permissions.Role`; the roles that messages name are in schemas/codes/roles.csv.
ROLES = {
    "cme_officer": "CME officer",
    "pupil_tracking": "Pupil tracking officer",
    "outreach": "Outreach officer",
    "service_manager": "Service manager",
    "auditor": "Auditor",
    "operator": "System operator",
    "admin": "Administrator",
}

# With which account a user signs in.
ACCOUNTS = {"local": "gateway account", "oidc": "council account", "directory": "council account"}

# Words of the pages, as docs/glossary.md explains them; a test holds the two.
WORDS = {
    "partner authority": "an authority whose card is confirmed",
    "CME": (
        "children missing education: of compulsory school age, not on a school's register and not suitably "
        "educated otherwise (Education Act 1996, 436A)"
    ),
    "notice": "what opens a case: a transfer notice, a whereabouts enquiry or a whereabouts unknown notice",
    "reply": "what answers a notice: an acknowledgement, an answer or an outcome",
    "case": "all messages about one child with one case reference",
    "assigned case": "a case that one or more people deal with; an outreach officer sees no other",
    "acknowledgement": (
        "an officer's first reply: accepted, rejected, or referred back. Its good form is an acceptance"
    ),
    "redirect": (
        "to send a notice that was rejected, referred back or not delivered to another authority, in the same case"
    ),
    "answer": "the reply to an enquiry: whether the authority knows the child",
    "outcome": "the result for the child; it closes the case for both authorities",
    "withdrawal": "the sender's message to stop using a notice",
    "correction": "a notice that replaces one that was wrong",
    "reminder": "a signed message that a reply to a notice is overdue",
    "search": "an enquiry, or a whereabouts unknown notice: an authority asks others about a child",
    "review": "of a search, every 14 days until it ends: what was checked, and with what result",
    "possible match": (
        "a pupil who may be the child of another authority's search, with reasons and a score; an officer decides"
    ),
    "pupil index": "a copy of the authority's pupil records, encrypted, against which searches are matched",
    "outstanding, due, overdue": "a reply or decision that has not come; the day it is due; past that day",
    "phone handover": ("a case given to the other authority by phone, and recorded; it counts as an acknowledgement"),
    "escalate": "to tell the service manager who to call",
    "doubt": "what a safeguard finds and an officer may confirm, because it is right as it is",
    "working day": "a day on which an office works: no weekend, no bank holiday in England, not closed",
    "school day": "a working day within a term and outside its half-term",
    "UPN": "unique pupil number: a check letter and twelve characters; a temporary one ends in a letter",
    "card": "an authority's signed identity file: keys, routes, contacts",
    "fingerprint": "40 digits of the identity key, read out by phone before a card is trusted",
    "one-time password": "with which a user signs in once, and then chooses their own",
    "authenticator app": "shows a code that is asked for beside the password",
    "audit log": "everything that was done or viewed, in entries that no one can change unseen",
    "checkpoint": "the signed size and root of an audit log (C2SP tlog-checkpoint)",
    "daily comparison": (
        "each day two gateways compare what they sent and received, by signed statements of ids and digests"
    ),
}

# What a role may do, for those who give it to a user.
ROLE_HINTS = {
    "cme_officer": "Views and answers notices, sends new ones, searches for children.",
    "pupil_tracking": "The same as a CME officer. Also reviews searches every 14 days.",
    "outreach": "Views assigned cases and records calls.",
    "service_manager": "The same as a CME officer. Also sees reports, system health and the audit log.",
    "auditor": "Reviews the audit log. Cannot see a child's record.",
    "operator": "Sees whether the gateway is working. Cannot see anything about a child.",
    "admin": "Manages users, roles, partner authorities and connected systems. Cannot see anything about a child.",
}

# What a connected system may do (`permissions.Scope`): its name, and a hint.
SCOPES = {
    "notices:read": ("View notices", "Lists and views notices. Each view is logged."),
    "notices:send": ("Send notices", "Sends and withdraws notices."),
    "notices:answer": ("Reply to notices", "Sends acknowledgements, answers and outcomes."),
    "status:read": ("View the status of notices", "Also lists authorities. Shows nothing about a child."),
    "webhooks": ("Receive notifications", "Gets a notification when a notice changes. Includes nothing about a child."),
}
# Of what it is notified, by `webhook_events.WebhookEvent`.
EVENTS = {
    "notice.received": "Message received",
    "notice.state": "Status of a message may have changed",
    "receipt.received": "Delivery receipt received",
    "notice.urgent": "Urgent safeguarding notice received",
    "gateway.restored": "Gateway restored from a backup",
}

# The same for those who write a connected system.
EVENTS_IN_FULL = {
    "notice.received": "A message was received",
    "notice.state": "The status of a message may have changed: get its status",
    "receipt.received": "A delivery receipt was received for a message you sent",
    "notice.urgent": "A message was received that is about the safety of a child",
    "gateway.restored": "The gateway was restored from a backup: check everything that is open",
}

RESTRICTIONS = {"none": "None", "address-withheld": "Address withheld", "phone-only": "Phone only"}

# What nobody may do with such a case.
RESTRICTION_WARNINGS = {
    "none": "",
    "address-withheld": "Address withheld. Do not tell anyone this child's address or school.",
    "phone-only": "Phone only. Do not send any details about this child. Call the named officer.",
}

# Of a message about the safety of a child: the tag, what it says (`urgency.UrgentReason`), and what an officer does.
URGENT_TAG = "Safeguarding"
URGENT_REASONS = {
    "harm": "says that the child is at risk of harm or neglect",
    "protection-plan": "says that the child is on a child protection plan",
    "harm-enquiry": "was sent under section 47 of the Children Act 1989 (enquiries about significant harm)",
    "mash": "says that the child has been referred to a multi-agency safeguarding hub (MASH)",
    "restriction-missed": "says that a restriction was missed when the notice was sent",
}
URGENT_CALLS = {
    "ours": "Call your MASH now: {contact}.",
    "ours/unknown": "Call your MASH now. Its telephone number is not in the settings of this service.",
    "theirs": "Call the MASH at {partner} now: {contact}.",
    "theirs/unknown": "Call the MASH at {partner} now. Its telephone number is not on their card.",
    "restriction-missed": (
        "Do not use or share the details in the notice. Call {partner}, and tell everyone who has a copy."
    ),
}
NOT_AN_ALERT = (
    "This service does not raise the alarm: nobody acts on it until you call. If a child is in immediate danger, call"
    " 999."
)
# What decides the answer to a notice, in the lines at the top of its case.
SUMMARY = {
    "dob": "Date of birth",
    "new-address": "New address",
    "old-address": "Previous address",
    "area": "In our area?",
    "ours": "Already ours?",
    "siblings": "Siblings",
    "dates": "Dates",
    "restriction": "Restriction",
    "call": "Call",
    "called": "Call recorded?",
}
MISSING_VALUES = {"address": "Not given", "withheld": "Withheld", "siblings": "None named", "dates": "None given"}
BORN, BORN_ESTIMATED = "{on}, aged {age}", "{on} (estimated), aged about {age}"
CHILD_BORN = "{name}, born {on}"
MORE = "{first}, and {count} more"
# The dates that matter, by what happened; of a move, how certain it is.
SUMMARY_DATES = {
    "moved/confirmed": "Moved {on} (confirmed).",
    "moved/believed": "Believed moved {on}.",
    "moved/possible": "Possible move {on}.",
    "left": "Off roll {on}.",
    "attended": "Last at school {on}.",
    "starts": "Expected to start {on}.",
    "seen": "Last seen {on}.",
    "reply-by": "Reply needed by {on}.",
    "unknown-since": "Whereabouts unknown since {on}.",
}
# How far it may be shared, and until when that holds.
SUMMARY_RESTRICTION = "{level}: {reason}"
SUMMARY_REVIEW = "{restriction}. Review {on}"
# Whether the new address is in our area, by `answer_facts.AreaState`.
AREAS = {
    "ours": "Yes",
    "elsewhere": "No, in {authority}",
    "unknown": "Not known: this postcode is not in the postcode index",
    "no-postcode": "Not known: no postcode was given",
    "no-index": "Not known: no postcode index has been loaded",
}
# Whether the child is ours, by `match_state.MatchState`; "no-index" where there is no pupil index, and "sibling" where
# it is only a brother or sister whom we know.
ALREADY_OURS = {
    "matched": "Possibly {children}",
    "sibling": "Not this child. Possibly a sibling: {children}",
    "person": "Check your case management system",
    "none": "No match in the pupil index of {on}",
    "no-index": "Not known: no pupil index has been loaded",
}
# A child of ours who may be the one, and why.
POSSIBLY = "{child} ({reason})"
# Whether a call about a notice is recorded.
CALLED = {"yes": "Yes, {on}", "no": "No"}

# How a message travels, by the kind of its route.
ROUTES = {"https": "HTTPS", "sftp": "SFTP", "mailbox": "mailbox", "email": "email"}

# How a message to one authority is protected on its way.
PROTECTIONS = {
    "sealed": "Encrypted. Only their gateway can open it",
    "person-smime": "Encrypted email (S/MIME)",
    "person-tls": "Email sent over TLS only",
    "notify-only": "Email that only asks them to call you",
}

# How well the gateway is, by `findings.FindingLevel`.
LEVELS = {"ok": "OK", "warn": "Warning", "fail": "Problem"}

# How the records of two authorities differ, by `statement_diff.DifferenceKind`; and what is done about it.
DIFFERENCES = {
    "missing-there": "They do not have it",
    "missing-here": "You do not have it",
    "forgotten-here": "They have it from you, and it is not recorded here",
    "receipt-lost": "The delivery receipt is missing here",
    "digest-differs": "The contents differ",
    "state-differs": "The status differs",
}
REMEDIES = {"sent again": "Sent again", "asked for": "Asked for", "for a person": "Call them"}

# Of a child in the pupil index, by the columns of the extract.
PUPIL_FIELDS = {
    "surname": "Surname",
    "forename": "Forename",
    "middle_names": "Middle names",
    "preferred_surname": "Preferred surname",
    "preferred_forename": "Preferred forename",
    "former_surname": "Former surname",
    "dob": "Date of birth",
    "sex": "Sex",
    "nc_year": "NC year",
    "upn": "UPN",
    "former_upn": "Former UPN",
    "postcode": "Postcode",
}
# How strong a possible match is, from how many in a hundred.
STRENGTHS = ((90, "Very strong"), (75, "Strong"), (50, "Possible"), (0, "Weak"))

# How far a notice has come that is written for import into ONE, by `core.transfer_stage`.
IMPORTS = {
    "waiting": "Waiting to be written",
    "written": "Written, no result yet",
    "matched": "Matched",
    "conflicts": "Matched with conflicts",
    "unmatched": "Unmatched",
    "dropped": "Not written: notice withdrawn, replaced or rejected",
}
# What a file from ONE holds.
EXTRACTS = {"leavers": "Leavers", "children": "Pupil index"}

# What a statistics report says where a code list has nothing.
COUNTED = {
    "gone": "Deleted",
    "not-said": "Not recorded",
    "rejected": "Rejected",
    "ended": "No outcome",
    "none-yet": "None yet",
}

# How one try to deliver ended.
TRIES = {
    "later": "{kind} could not be delivered by {route}. The gateway will try again.",
    "handed over": "{kind} sent by {route}. Awaiting a delivery receipt.",
    "gave up": "{kind} could not be delivered by {route}. The gateway stopped trying.",
    "refused": "{kind} could not be delivered by {route}. It was refused.",
    "rejected": "{kind} refused by the gateway of {partner}.",
    "receipted": "{kind} delivered by {route}.",
}

# The same of the last try (`Owed.tried`), in a list.
LAST_TRIES = {
    "not tried yet": "Not tried yet",
    "later": "Could not be delivered by {route}",
    "handed over": "Sent by {route}, awaiting a delivery receipt",
    "gave up": "Could not be delivered by {route}",
    "refused": "Refused by {route}",
    "rejected": "Refused by their gateway",
    "receipted": "Delivered by {route}",
}

# The acts of the timeline of a case, by the acts of the audit log: `{kind}` is the message, `{partner}` the other
# authority.
ACTS = {
    "notice.queued": "{kind} sent",
    "notice.read": "{kind} viewed",
    "notice.read-in-full": "{kind} viewed in full, after the restriction was checked with the sender",
    "notice.urgent": "{kind} marked as safeguarding",
    "notice.announced": "Service manager told of the {kind}",
    "notice.urgent-seen": "{kind} marked as dealt with",
    "notice.withdrawn": "{kind} withdrawn",
    "receipt.issued-anew": "{kind}: delivery receipt sent to {partner} again, with the newest keys",
    "receipt.verified": "{kind} delivered to {partner}",
    "notice.sent": "{kind} on its way to {partner}",
    "notice.rejected": "{kind} refused by the gateway of {partner}",
    "notice.failed": "{kind} not delivered to {partner}",
    "notice.retried": "{kind} retried",
    "notice.sealed-anew": "{kind} sent again with the correct time",
    "notice.signed-anew": "{kind} sent again with the newest keys",
    "notice.mail-came": "{kind}: email received from {partner}",
    "notice.accepted-by-mail": "{kind} accepted by email: an officer at your authority read this, and it is not signed",
    "notice.not-accepted": "{kind} not accepted: an officer at your authority read this in an email",
    "notice.not-from-a-person": "{kind}: the email reply was not from a person",
    "notice.came-back": "{kind} returned as not delivered, after an unsigned email had accepted it",
    "notice.answered": "{kind}: email reply received from {partner}",
    "notice.handed-over": "{kind}: phone handover recorded",
    "notice.called": "{kind}: call recorded",
    "notice.outcome-told": "{kind}: result told by phone was recorded",
    "notice.sent-on": "{kind} redirected to another authority",
    "notice.escalated": "{kind} escalated to the service manager",
    "case.closed": "Case closed without an outcome",
    "case.assigned": "Assigned to {person}",
    "case.unassigned": "No longer assigned to {person}",
    "case.stood-down": "Search ended",
    "case.held": "Put on legal hold",
    "case.released": "Legal hold ended",
    "case.purged": "Details deleted: their retention time had passed",
    "case.note-added": "Note added",
    "case.visit-recorded": "Visit recorded",
    "case.not-shared": "Decision not to share information recorded",
    "statement.difference": "{kind} differs from the records of {partner}",
    "message.kept": "{kind} received from {partner}",
    "message.refused": "{kind} from {partner} refused",
    "reply.without-effect": "{kind} received from {partner}, with no effect on the case",
    "reply.read": "{kind}: email reply viewed",
    "reply.judged": "{kind}: email reply assessed, with no effect on the case",
    "reply.put-aside": "{kind} that has no effect was marked as checked",
    "one.written": "{kind} passed to ONE",
    "one.answered": "{kind}: ONE has replied",
    "draft.made": "Leaver record created",
    "draft.renewed": "Leaver record updated from a newer file",
    "draft.read": "Leaver record viewed",
    "draft.sent": "Leaver record sent as a notice",
    "draft.discarded": "Leaver record discarded",
    "search.matched": "{kind} checked against the pupil index",
    "match.read": "{kind}: possible matches viewed",
}

# What a reply says, in the timeline of a case: by whether we sent it or it came, and its cause (`causes`).
REPLIES = {
    "sent/accepted": "Accepted",
    "sent/officer": "Rejected: {reason}",
    "sent/referred": "Referred back: you suggested {authority}",
    "sent/outcome": "Outcome sent: {result}",
    "sent/answer": "Answered: {result}",
    "sent/ended": "Search ended: {result}",
    "came/accepted": "Accepted",
    "came/officer": "Rejected: {reason}",
    "came/referred": "Referred back: they suggest {authority}",
    "came/outcome": "Outcome received: {result}",
    "came/answer": "Answer received: {result}",
    "came/ended": "Search ended: {result}",
}
# Why a notice was rejected, as whoever rejected it sees it; any other reason is in the list of reasons.
REJECTIONS = {
    "sent/not-our-area": "not in our area",
    "sent/wrong-child": "the details do not match our records",
    "sent/other": "another reason",
    "came/not-our-area": "not in their area",
    "came/wrong-child": "the details do not match their records",
    "came/other": "another reason",
}
# By whom, after what was done.
DONE_BY = "{what}, by {who}"

# A call that an officer recorded.
HANDED_OVER = "Handed over by phone"
CALLED_ABOUT = "Called {partner}"
TOLD = "Told by phone: {result}"

# Who did something, where it is no person.
ACTORS = {"cme-gateway": "The gateway"}

# What came by email in answer to an email of ours, and what an officer read in it: `mail_replies`.
MAIL_REPLIES = {
    "reply": "Email reply",
    "automatic": "Automatic email reply",
    "report": "Report that an email was not delivered",
    "accepted-by-mail": "Accepted by email",
    "not-accepted": "Not accepted",
    "not-from-a-person": "Not from a person",
}

# How such an email stands.
MAIL_STAGES = {
    "waiting": "{what}: not read yet",
    "undone": "Accepted by email, then returned as not delivered",
}

# Why a reply has no effect on what it names: `replies.Misfit`.
MISFITS = {
    "sender": "It answers a message that was not sent to them.",
    "case": "It names a different case from the message it answers.",
    "test": "It is a test and the message it answers is not, or the other way round.",
    "late": "It arrived too late: the message it answers was already closed, withdrawn or replaced.",
    "unknown": "It is about a message that this gateway does not have.",
}

# Why a child of ours may be the one for whom they search, or may not: the reasons of `matching`.
MATCH_REASONS = {
    "upn": "same UPN",
    "upn-former": "a former UPN matches",
    "upn-slip": "UPN differs by one character",
    "upn-other": "different UPN",
    "dob": "same date of birth",
    "dob-swapped": "date of birth with day and month swapped",
    "dob-digit": "date of birth differs by one digit, or two digits are swapped",
    "dob-year": "same day and month of birth, and the year differs by one",
    "dob-month": "same month and year of birth, different day",
    "dob-january": "same year of birth, and 1 January in both records, as where only the year is known",
    "dob-near": "dates of birth one day apart, or two of day, month and year are the same",
    "dob-estimated": "a date of birth is estimated or 1 January, and the year is the same",
    "dob-estimated-near": "a date of birth is estimated or 1 January, and the years are next to each other",
    "dob-same-year": "different date of birth in the same year",
    "dob-other": "different date of birth",
    "surname": "same surname",
    "surname-known-as": "same former or preferred surname",
    "surname-part": "part of a double-barrelled surname is the same",
    "surname-sound": "surname sounds the same, or is spelled differently",
    "surname-slip": "surname may have a typing error",
    "surname-among-names": "the surname in one record is among the other names in the other",
    "surname-other": "different surname",
    "forename": "same forename",
    "forename-known-as": "same preferred forename or middle name",
    "forename-part": "part of the forename is the same",
    "forename-nickname": "one forename is short for the other, or the same name in another language",
    "forename-sound": "forename sounds the same, or is spelled differently",
    "forename-slip": "forename may have a typing error",
    "forename-initial": "forename is an initial only, and it is the same",
    "forename-missing": "one record has no forename, or says only Baby or Unknown",
    "forename-other": "different forename",
    "one-name": "one of them has only one name",
    "names-swapped": "surname and forename are swapped",
    "sex-other": "a different sex is recorded",
    "postcode": "same postcode",
    "sibling": "more likely to be a sibling or twin",
    "twin": "may be a twin, or the same child under another forename",
    "named-sibling": "this is not the child, but a sibling named in the notice",
}
# Why a notice was found, or is only similar: the reasons of `near_search`.
FIND_REASONS = {
    "surname": "same surname",
    "surname-other": "same former or preferred surname",
    "surname-sound": "surname sounds alike",
    "surname-slip": "surname is spelt nearly the same",
    "forename": "same forename",
    "forename-other": "same middle or preferred name",
    "forename-sound": "forename sounds alike",
    "forename-slip": "forename is spelt nearly the same",
    "forename-nickname": "another form of the forename",
    "name-left-out": "one of the names is different",
    "dob": "same date of birth",
    "dob-swapped": "date of birth with day and month swapped",
    "dob-digit": "date of birth differs by one digit, or two digits are swapped",
    "dob-left-out": "different date of birth",
    "dob-year": "same year of birth",
    "dob-day": "same day and month of birth",
    "year-left-out": "different year of birth",
    "day-left-out": "different day and month of birth",
    "upn": "same UPN",
    "upn-former": "same former UPN",
    "upn-sibling": "UPN of a brother or sister",
    "upn-slip": "UPN differs by one character",
    "upn-left-out": "different UPN",
    "uln": "same ULN",
    "uln-left-out": "different ULN",
    "postcode": "same postcode",
    "postcode-left-out": "different postcode",
    "phone": "same telephone number",
    "phone-left-out": "different telephone number",
    "reference": "same reference",
    "reference-case": "same case reference",
    "reference-left-out": "different reference",
}

# What the list of possible matches says where there is none, by `match_state.MatchState`; and in any other state.
WITHOUT_MATCHES = {
    "new": "Not checked against the pupil index yet.",
    "none": "No possible match in the pupil index. To reply to all such notices: cme-gateway matches reply-all",
    "person": "No matches are shown for this notice. Check your case management system.",
}
NOTHING_DUE = "No reply is due any more."
# A reply of no trace to a search that is not restricted.
NO_TRACE_NOTE = (
    "We looked under the names that you gave. If the child has, or had, another surname or forename, correct your "
    "notice with it, and we will look again."
)

# In what way a partner's log is not the one that was seen before, by `checkpoint_rules.LogContradiction`.
CONTRADICTIONS = {
    "fork": "it signed two different logs of the same length",
    "rollback": "it signed a shorter log after a longer one",
    "no-proof": "it cannot show that its log today continues the earlier copies",
}

# Why an outside witness did not cosign our audit log, by `witness_answers.WitnessTrouble`.
WITNESS_TROUBLES = {
    "not-reached": "The outside witness has given no answer",
    "unknown-log": "The outside witness has not known this audit log",
    "unknown-key": "The outside witness has not known the key that signs this audit log",
    "not-signed": "The outside witness has answered without a valid signature",
    "ahead": "The outside witness has held a longer audit log",
    "contradicts": "The outside witness has held another audit log",
}

# What a check of health is about, by its name (`findings.HealthFinding`), which programs look for.
CHECKS = {
    "settings, keys, database": "Settings, keys and database",
    "tables": "Database tables",
    "database": "Database",
    "free space": "Free disk space",
    "loops": "Background jobs",
    "settings of processes": "Settings of the processes",
    "signing in": "Sign-in",
    "own access": "Access that administrators gave themselves",
    "gateway": "Gateway",
    "calendars": "Calendars",
    "term dates": "Term dates",
    "card and keys": "Card and keys",
    "card and certificate": "Card and server certificate",
    "tls.key": "Key of the server certificate",
    "passphrase": "Passphrase",
    "keys": "Keys",
    "identity key": "Identity key",
    "storage key": "Storage key",
    "HSM": "HSM",
    "encryption": "Encryption to partners",
    "versions of partners": "Versions of partners",
    "signatures": "Signatures of this gateway",
    "contacts on our card": "Contacts on the card",
    "PIN of the HSM": "PIN of the HSM",
    "telephone": "Telephone number",
    "service manager": "Emails to the service manager",
    "our card": "Card of this authority",
    "our certificate": "Server certificate",
    "our signing key": "Signing key",
    "our sealing key": "Encryption key",
    "our storage key": "Storage key",
    "encryption of stored data": "New storage key",
    "undelivered notices": "Notices not yet delivered",
    "notices given up": "Notices not delivered",
    "notices refused by partners": "Notices rejected by partners",
    "search for notices": "Search for notices",
    "our clock": "Clock of this server",
    "clock": "Clock of this server",
    "who we are": "Proof of identity to partners",
    "partners": "Partner authorities",
    "proxy": "Outbound proxy",
    "our mailbox": "Mailbox of this authority",
    "our SFTP folder": "SFTP folder of this authority",
    "our mailbox by mail": "Email address of the gateway",
    "enquiries": "Enquiries about leavers",
    "letters": "Emails to CME teams",
    "certificate for letters": "Certificate for emails to CME teams",
    "replies by mail": "Email replies to read",
    "notices to be imported": "Notices waiting for import into ONE",
    "imports without a match": "Imports without a matching pupil in ONE",
    "drafts": "Leavers to check",
    "possible matches": "Possible matches to check",
    "index of our children": "Pupil index",
    "webhooks": "Notifications to connected systems",
    "emails to officers": "Emails to officers about new work",
    "what is owed": "Outstanding replies and decisions",
    "reviews of searches": "14-day reviews",
    "checkpoint": "Signing of the audit log",
    "restored": "Restored gateway",
    "restored by hand": "Restored gateway",
    "audit log": "Audit log",
    "outside witnesses": "Outside witnesses of the audit log",
    "ONE's folder": "Folder for leavers from ONE",
    "ONE's import folder": "Folder for import into ONE",
    "ONE's answers folder": "Folder for results from ONE",
    "ONE's children folder": "Folder for the pupil index",
}
# What expires, by `expiry.ExpiryKind`.
EXPIRIES = {
    "card": "Card",
    "certificate": "Certificate",
    "signing key": "Signing key",
    "sealing key": "Encryption key",
    "storage key": "Storage key",
    "certificate for letters": "Certificate for emails to CME teams",
    "directory": "Directory",
}
# What a key of ours is called and for, by `own_keys.KeyKind`.
OWN_KEYS = {
    "identity": ("Identity key", "Signs the card"),
    "signing": ("Signing key", "Signs messages, delivery receipts and the audit log"),
    "sealing": ("Encryption key", "Others encrypt messages to it"),
    "storage": ("Storage key", "Encrypts what is stored here"),
    "recognition": ("Recognition key", "Recognises what is stored, and finds it. It never changes"),
    "certificate": ("Server certificate", "Partners know the exchange port by it"),
    "letters": ("Certificate for emails", "Signs emails to CME teams"),
}
# By `own_keys.KeyState`.
KEY_STATES = {
    "waiting": "Not used yet",
    "active": "In use",
    "retired": "Retired",
    "revoked": "Revoked",
}
# A pattern of such names, and the label with what it found: an authority by its name, and anything else as it is.
CHECK_PATTERNS = {
    "loop: (?P<rest>.+)": "Background job: {rest}",
    "process: (?P<rest>.+)": "Process {rest}",
    "card of (?P<authority>[0-9]{3})": "Card of {authority}",
    "certificate of (?P<authority>[0-9]{3})": "Certificate of {authority}",
    "identity of (?P<authority>[0-9]{3})": "Identity key of {authority}",
    "newer card of (?P<authority>[0-9]{3})": "Newer card of {authority}",
    "our identity at (?P<authority>[0-9]{3})": "This authority's new identity key at {authority}",
    "our card at (?P<authority>[0-9]{3})": "This authority's card at {authority}",
    "signing key of (?P<authority>[0-9]{3})": "Signing key of {authority}",
    "sealing key of (?P<authority>[0-9]{3})": "Encryption key of {authority}",
    "directory of (?P<rest>.+)": "Directory of {rest}",
    "keeper of (?P<rest>.+)": "Keeper of the directory of {rest}",
    "fetching the directory of (?P<rest>.+)": "Fetching the directory of {rest}",
    "members suspended in (?P<rest>.+)": "Members suspended in the directory of {rest}",
    "word of (?P<authority>[0-9]{3}) on (?P<rest>.+)": "What {authority} holds of the directory of {rest}",
    "this authority in (?P<rest>.+)": "This authority in the directory of {rest}",
    "(?P<authority>[0-9]{3}) in (?P<rest>.+)": "{authority} in the directory of {rest}",
    "suspended: (?P<authority>[0-9]{3})": "Suspended: {authority}",
    "delivery to (?P<authority>[0-9]{3})": "Delivery to {authority}",
    "connection to (?P<authority>[0-9]{3})": "Connection test with {authority}",
    "replies of (?P<authority>[0-9]{3})": "Replies from {authority}",
    "receipts of (?P<authority>[0-9]{3})": "Delivery receipts from {authority}",
    "clock of (?P<authority>[0-9]{3})": "Clock of {authority}",
    "statement of (?P<authority>[0-9]{3})": "Daily comparison with {authority}",
    "mailbox of (?P<authority>[0-9]{3})": "Mailbox for {authority}",
    "audit log of (?P<authority>[0-9]{3})": "Audit log of {authority}",
    "letters to (?P<authority>[0-9]{3})": "Emails to {authority}",
    "route to (?P<authority>[0-9]{3})": "Route to {authority}",
    "route (?P<rest>[a-z]+) to (?P<authority>[0-9]{3})": "{rest} route to {authority}",
    "outside witness (?P<rest>.+)": "Outside witness {rest}",
    "our (?P<rest>[a-z]+) route": "{rest} route of this authority",
    "left at our (?P<rest>[a-z]+) route": "Not processed on the {rest} route of this authority",
    "left at (?P<authority>[0-9]{3})'s (?P<rest>[a-z]+) route": "Not processed on the {rest} route to {authority}",
    "left in (?P<folder>.+)": "Not processed: {folder}",
}

# What a test of the connection looks at besides the routes (`exchange.connection_tests`).
CONNECTION_PARTS = {
    "routes": "Routes",
    "keys": "Keys",
    "clock": "Clocks",
    "card": "Cards",
    "serials": "Card serials",
    "back": "From them to you",
    "back-met": "What their gateway met",
}
CONNECTION_ROUTE = "{route}, from you to them"
CONNECTION_WORKS = "Works"
BOTH_WAYS_WORK = "Both ways work."
CONNECTION_SERIALS = (
    "They hold serial {0} of your card, the newest is {1}. You hold serial {2} of theirs, the newest is {3}."
)

# What an officer does with one notice, by `open_actions.CaseAction`; of an enquiry first, where that is another thing.
# `{partner}` is the other authority, `{authority}` a third one, `{notice}` what the message is called.
ACTIONS: Mapping[str, ActionText] = {
    "call": ActionText(
        "Record the call",
        "Record call",
        "Use this when you have called {partner} about this notice. Write nothing about the child.",
        "Call recorded.",
    ),
    "accept": ActionText(
        "Accept this notice",
        "Accept notice",
        "You'll tell {partner} that your team has this case.",
        "Notice accepted. The gateway is telling {partner}.",
    ),
    "answer": ActionText(
        "Answer this {notice}",
        "Send answer",
        (
            "Tell {partner} whether you know this child. Do not give the child's address. If you know the child, they"
            " will call you."
        ),
        "Your answer is being sent to {partner}.",
    ),
    "outcome": ActionText(
        "Send the outcome",
        "Send outcome",
        "This closes the case for you and {partner}, even if the child was not found. You cannot change it.",
        "The outcome is being sent to {partner}. This case is closed.",
    ),
    "reject": ActionText(
        "Reject this notice",
        "Reject notice",
        "{partner} stays responsible for the case and will be told why.",
        "Notice rejected. The gateway is telling {partner} why.",
    ),
    "pass-on": ActionText(
        "Refer back: another authority is responsible",
        "Refer back to {partner}",
        "You'll tell {partner} which authority to try. Nothing is sent to that authority.",
        "Referred back to {partner}. Nothing is sent to {authority}.",
    ),
    "handover": ActionText(
        "Record a phone handover",
        "Record handover",
        "Use this if you have told an officer at {partner} about the child by phone. The notice will still be sent.",
        "Phone handover recorded.",
    ),
    "handover/reply": ActionText(
        "Record that you told them by phone",
        "Record call",
        "Use this if you have told an officer at {partner} by phone what this says. Nothing more is then due from you.",
        "Call recorded.",
    ),
    "told": ActionText(
        "Record an outcome by phone",
        "Record and close case",
        (
            "Use this if {partner} has given you the result by phone. This closes the case, even if the child was not"
            " found."
        ),
        "Outcome recorded. This case is closed.",
    ),
    "told/enquiry": ActionText(
        "Record an answer by phone",
        "Record answer",
        "Use this if {partner} has told you by phone whether they know this child.",
        "Answer recorded.",
    ),
    "close": ActionText(
        "Close this case without an outcome",
        "Close case",
        (
            "{partner} has accepted the case or you handed it over by phone. The gateway will stop following up the"
            " outcome."
        ),
        "Case closed without an outcome.",
    ),
    "remind": ActionText(
        "Send a reminder",
        "Send reminder",
        "{partner} will see that you are waiting. The gateway also sends one reminder when a reply is overdue.",
        "The reminder is being sent to {partner}.",
    ),
    "send-on": ActionText(
        "Redirect to another authority",
        "Redirect notice",
        "The notice will be sent to the authority you choose. Your notice to {partner} will be closed.",
        "Notice redirected to {authority}.",
    ),
    "located": ActionText(
        "End this search",
        "End search",
        "Everyone you asked will be told to stop looking, except those you asked by phone: call them. They will not be"
        " told where the child is.",
        "Search ended. The gateway is telling everyone you asked.",
    ),
    "correct": ActionText(
        "Correct this {notice}",
        "Start correction",
        "You can change the {notice} and send it again. The new version replaces this one when you send it.",
        "Correction started.",
    ),
    "put-aside": ActionText(
        "Mark this reply as checked",
        "Mark as checked",
        "Use this when you have read the reply and called {partner} if you needed to. Nothing is sent.",
        "Reply marked as checked. It has no effect on the case.",
    ),
    "withdraw": ActionText(
        "Withdraw this {notice}",
        "Withdraw {notice}",
        "If {partner} has it, they will be told to stop using it. This cannot be undone.",
        "Withdrawn. If {partner} has it, the gateway is telling them to stop using it.",
    ),
}
# What is said once something is done that is no form of one notice.
BANNERS = {
    "search-ended": ACTIONS["located"].done,
    "note": "Note added.",
    "visit": "Visit recorded.",
    "not-shared": "Decision recorded.",
    "reply": "Email reply recorded.",
    "hold": "The case is on legal hold. Its details are not deleted.",
    "release": "The legal hold is released.",
    "try-again": "The gateway is trying to deliver it again.",
}

# What a report is called, and what it counts.
REPORTS = {
    "statistics": ("Statistics", "numbers of notices, reasons and outcomes"),
    "timeliness": ("Timeliness", "how quickly notices are delivered, acknowledged and resolved"),
    "inspection": ("Inspection list", "children and their provision"),
}
# What the team's figures are called, what is counted, and the headings of the three numbers: all, late, due this week.
FIGURES = {
    "inbox": ("Waiting in the inbox", "Notices and replies that you received and need to deal with."),
    "us": ("Due from you", "Replies, outcomes and decisions that are due from you, also about notices that you sent."),
    "them": ("Due from other authorities", "Delivery receipts, acknowledgements, answers and outcomes."),
}
FIGURE_HEADINGS = {
    "": ("All", "Overdue", "Due this week"),
    "officer": ("Waiting", "Overdue", "Due this week"),
    "us": ("Due from you", "Overdue from you", "Due this week"),
    "them": ("Due from them", "Overdue from them", "Due this week"),
}
# What a report says of its small numbers: where they are hidden, and where the team may see them.
SMALL_NUMBERS = {
    "hidden": (
        '"c" means a number from 1 to 5, or one hidden to protect it. Do not share two reports with overlapping dates.'
    ),
    "shown": (
        "DO NOT PUBLISH. FOR YOUR TEAM ONLY. Numbers from 1 to 5 could identify a child. Do not share this report"
        " outside your team."
    ),
}

# The email to the service manager about what is overdue, in its parts; what ends with "one" is said of one.
OVERDUE_EMAIL = {
    "count": "{count} notices are overdue",
    "count/one": "1 notice is overdue",
    "lead": "{count} notices are overdue and need you to act.",
    "lead/one": "1 notice is overdue and needs you to act.",
    "them": "{authority}: {kind}. {missing} was due on {on}{late}.",
    "us": "{authority}: {kind}. {missing} from you was due on {on}{late}.",
    "late": ", now {count} working days late",
    "late/one": ", now 1 working day late",
    "call": "Call {contact}.",
    "no-number": "No telephone number is recorded for them.",
    "reference": "Reference {reference}",
    "more": "{count} more notices are not listed in this email.",
    "more/one": "1 more notice is not listed in this email.",
    "all": "See all overdue notices: {address}",
}

# The parts of the email to the service manager about what is urgent, by `write_urgent_part`.
URGENT_EMAIL = {
    "count": "{count} urgent safeguarding notices",
    "count/one": "1 urgent safeguarding notice",
    "lead": "{count} urgent safeguarding notices have been received. An officer needs to call your MASH now.",
    "lead/one": "1 urgent safeguarding notice has been received. An officer needs to call your MASH now.",
    "notice": "{kind} from {authority}",
    "call": "Call: {contact}",
    "not-an-alert": "This email is not a referral, and this service does not raise the alarm with anyone else.",
    "all": "See them first in the inbox: {address}",
}

# The email to an officer about new work: of one thing, and of several. It says nothing about any child.
OFFICER_EMAIL = {
    "subject": "OFFICIAL: CME",
    "lead": "Since you were last told:",
    "notices": "{count} new notices",
    "notices/one": "1 new notice",
    "urgent": "{count} urgent",
    "assigned": "{count} cases assigned to you",
    "assigned/one": "1 case assigned to you",
    "answers": "{count} answers",
    "answers/one": "1 answer",
    "failed": "{count} not delivered",
    "inbox": "See your inbox: {address}",
    "why": "You chose to get this email. Change it on your account page: {address}",
    "no-reply": "Do not reply to this email. It is not an alert: if a child may be at risk, call.",
}
# When somebody is told, by `officer_news.MailChoice`: as it is chosen, and in a hint.
MAIL_CHOICES = {
    "none": ("Do not send me emails", ""),
    "at-once": ("As it happens", "At most one email every 10 minutes."),
    "daily": ("Once a day", "Only on days when there is something new."),
}
# The email to the service manager about changes by which somebody may have got access to children's records.
ACCESS_EMAIL = {
    "count": "{count} changes to who can see children's records",
    "count/one": "1 change to who can see children's records",
    "lead": "There were {count} changes to who can see children's records in the CME gateway:",
    "lead/one": "There was 1 change to who can see children's records in the CME gateway:",
    "roles": "- {by} gave {person} this access: {roles}. {on}",
    "roles/own": "- {person} gave themselves this access, because no other administrator could: {roles}. {on}",
    "reset": "- {by} gave {person} a one-time password. That account has this access: {roles}. {on}",
    "partner": "- {by} added {person} as a partner authority. You can now send each other notices. {on}",
    "directory": "- A directory added partner authorities ({person}). You can now send each other notices. {on}",
    "what-now": "If you did not expect this, ask the administrator, and ask another one to take the role away.",
    "all": "See all changes to users: {address}",
}
# The same, of those who had nobody to approve it, for System health.
OWN_ACCESS = "{person} gave themselves this access on {on}, because no other administrator could: {roles}. {told}"
OWN_ACCESS_TOLD = {"told": "The service manager was told by email.", "untold": "No email has told the service manager."}

# With what an email to a CME team begins, by the kind of its message; and of any other.
LETTERS = {
    "TransferNotice": (
        "We believe a child has moved to your area. Please confirm that your team will take on this case."
    ),
    "WhereaboutsEnquiry": (
        "Do you know where this child is? Please check your records and call us, even if you have no trace."
    ),
    "WhereaboutsUnknownNotice": (
        "We have completed reasonable enquiries and do not know where this child is. Please check your records and call"
        " us if you know the child."
    ),
    # Not "found": this also goes out where the child was not found.
    "LocatedNotice": "We have ended our search for this child. You do not need to look any more.",
    "Withdrawal": "Please disregard our earlier email. We have withdrawn the notice.",
    "Reminder": "We have not had your reply about a child. Please call us today.",
}
OTHER_LETTER = "This email is about a case you already have."

# Why an authority cannot be asked about a child.
OUT_OF_REACH = {
    "own": "this is your own authority",
    "ended": "it no longer exists: ask its successor",
    "no-account": "it is contacted by email, and this gateway has no email account",
    "unknown": "it is not a partner authority, and has no email address here",
    "no-route": "their card has no route that this gateway uses",
    "card": "their card cannot be used: {why}",
}
# How an authority is reached (`reach.ReachWay`), in the list from which it is chosen, and beside its name.
REACH = {"gateway": "", "email": "by email only", "none": "cannot be reached: call them"}
REACH_IN_LIST = "{name} ({code}) - {reach}"
# How many of some authorities can be reached.
REACH_COUNTED = "{reached} of {all} can be reached"
# What is said where a notice would go to an authority that cannot be reached, and whom to call.
CANNOT_SEND = (
    "{authority} cannot be reached: {why}. {call}, or ask your IT team to add its card, or an email address for"
    " letters."
)
CALL_THEM = {"known": "Call {contact}", "unknown": "Call them"}

# What an authority that a search could not ask said by phone, by codes of `whereabouts_results`.
SEARCH_CALLS = {
    "found": "They know this child",
    "no-trace": "They have no trace of this child",
    "ring-me": "They will call you back (no answer yet)",
}

# Why a message was not delivered (`failure_cause.FailureCause`), as an officer needs to know it.
FAILURES = {
    "no-receipt": "{partner} did not confirm that it arrived.",
    "no-address": "The email address for {partner} was removed from this gateway.",
    "removed": "{partner} is no longer a partner authority of this gateway.",
    "suspended": "Exchange with {partner} is suspended. Nothing is sent there until it is resumed.",
    "returned": "An email server reported that the email to {partner} did not arrive.",
    "unreachable": "The gateway of {partner} could not be reached, or did not answer as agreed.",
    "refused": "It was refused on its way to {partner}.",
    "card": "The card of {partner} cannot be used.",
    "our-email": "The email server of your authority did not send it.",
    "our-gateway": "This gateway could not send it.",
    "other": "It could not be delivered to {partner}.",
}
# Whose move it is then, of a notice and of a reply.
FAILED_MOVES = {
    "notice": "You need to act. Try again, call them, or send it another way.",
    "reply": "You need to act. Try again, or call them and tell them.",
}

# Why a notice is not pursued any more, once its search has ended. These texts are stored, and migrations look for them.
SEARCH_ENDS = {"found": "the child is found", "not-found": "the search has ended: {way}"}

# How a table, column or index of the database is not what it should be, by the change that would mend it.
SCHEMA_CHANGES = {
    "add_table": "the table {name} is missing",
    "add_column": "the column {name} is missing",
    "add_index": "the index {name} is missing",
    "add_constraint": "the constraint {name} is missing",
    "add_fk": "the foreign key {name} is missing",
    "modify_type": "the column {name} has another type",
    "modify_nullable": "the column {name} may be empty where it must not, or must not where it may",
    "modify_default": "the column {name} has another default",
    "remove_table": "the table {name} does not belong to the gateway",
    "remove_column": "the column {name} does not belong to the gateway",
    "remove_index": "the index {name} does not belong to the gateway",
    "remove_constraint": "the constraint {name} does not belong to the gateway",
    "remove_fk": "the foreign key {name} does not belong to the gateway",
    "unguarded": "the table {name} can be changed, but must not be",
}
OTHER_SCHEMA_CHANGE = "{name} is not what it should be"

# By which details notices are looked for.
SEARCHED_BY = {
    "name": "name",
    "dob": "date of birth",
    "upn": "UPN",
    "uln": "ULN",
    "postcode": "postcode",
    "phone": "telephone number",
    "reference": "reference",
}

# The codes in the details of entries of the audit log, by act and part.
AUDIT_CODES: Mapping[str, Mapping[str, str]] = {
    "audit.child-reviewed/by": SEARCHED_BY,
    "case.closed/ground": {"accepted": "accepted", "handed over by telephone": "handed over by phone"},
    "children.read/by": {"upn": "by UPN", "name": "by name and date of birth", "choice": "chosen to fill in a notice"},
    "composition.begun/filled-from": {
        "received": "a notice received",
        "sent": "a notice sent",
        "sibling": "the notice about a sibling",
        "pupil-index": "the pupil index",
    },
    "client.added/scopes": {code: name for code, (name, _) in SCOPES.items()},
    "client.refused/why": {"unknown": "unknown system", "secret": "wrong secret", "ended": "removed system"},
    "notice.mail-came/what": MAIL_REPLIES,
    "notice.searched/by": SEARCHED_BY,
    "person.added/roles": ROLES,
    "person.mail-set/choice": {"none": "never", "at-once": "as it happens", "daily": "once a day"},
    "person.refused/why": {
        "unknown": "unknown user",
        "ended": "deactivated user",
        "locked": "locked account",
        "password": "wrong password",
        "code": "wrong security code",
        "expired": "expired one-time password",
    },
    "person.roles/from": ROLES,
    "person.roles/to": ROLES,
    "person.signed-in/through": ACCOUNTS,
    "reply.judged/judgement": MAIL_REPLIES,
    "reply.without-effect/why": {code: text.rstrip(".") for code, text in MISFITS.items()},
    "statement.difference/difference": DIFFERENCES,
    "webhook.added/events": EVENTS,
    "search.called/result": SEARCH_CALLS,
}
# What was just done with a partner, by the word in the address of the page after it.
PARTNER_ACTS = {
    "added": "The card of {whose} is confirmed. Notices can be exchanged once they have added yours too.",
    "suspended": "Exchange with {whose} is suspended.",
    "resumed": "Exchange with {whose} is resumed.",
    "still-suspended": (
        "Your suspension of {whose} is ended. The directory of a scheme still suspends it: call the keeper."
    ),
}
