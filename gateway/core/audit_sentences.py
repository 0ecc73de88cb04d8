"""Every act of the audit log as a sentence: who did what to what. No sentence says anything about a child.

A sentence names parts of its entry in braces: {who}, {about}, {partner}, and members of the detail. What the sentence does not
use of the detail is told beside it. A test holds these against the acts that the code writes.
"""

from collections.abc import Mapping
from string import Formatter

from gateway.core.audit_acts import READINGS

SENTENCES = {
    "audit.exported": "{who} took the whole log out.",
    "audit.reviewed": "{who} reviewed this log.",
    "audit.verified": "{who} had this log checked ({entries} entries, {faults} faults).",
    "caller.refused": "A caller who could not show who they are was not let in ({code}).",
    "card.renewed": "{who} renewed our card (serial {serial}).",
    "case.assigned": "{who} assigned the case to {to}.",
    "case.closed": "{who} closed the case; the ground: {ground}.",
    "case.stood-down": "{who} stood the whole search down.",
    "case.unassigned": "{who} took the case away from {from}.",
    "children.loaded": "{who} loaded the index of our own children: {children} of them.",
    "client.added": "{who} let a case system call the API, as {about} ({scopes}).",
    "client.ended": "{who} ended the case system {about}: it may call no more.",
    "client.let-in": "The case system {about} got a token.",
    "client.new-secret": "{who} gave the case system {about} a new secret; the old one counts no more.",
    "client.refused": "A case system was not let in as {about} ({why}).",
    "composition.begun": "{who} began to write a notice.",
    "composition.changed": "{who} wrote at a notice.",
    "composition.given-up": "{who} gave up a notice that was being written.",
    "composition.lapsed": "What {by} was writing was left for too long: it ended, and what it said was destroyed.",
    "composition.read": "{who} read a notice that is being written.",
    "composition.sent": "{who} sent what was written.",
    "correspondent.entered": "{who} entered the mailbox to which letters to {partner} go.",
    "correspondent.removed": "{who} removed the mailbox to which letters to {partner} went.",
    "draft.discarded": "{who} discarded a draft.",
    "draft.made": "The gateway made a draft of a row of an extract.",
    "draft.read": "{who} read what a draft says of a child.",
    "draft.renewed": "The gateway made a draft anew, as its row came again otherwise.",
    "draft.sent": "{who} made a notice of a draft.",
    "gateway.made": "This gateway was made.",
    "gateway.started": "The gateway started.",
    "gateway.stopped": "The gateway stopped.",
    "keys.rotated": "{who} changed our keys for new ones (old ones revoked: {revoked}).",
    "list.read": "{who} saw the names of {names} children in a list.",
    "mailbox.expired": "A bundle that we kept for {owner} was not fetched in time, and was forgotten.",
    "mailbox.fetched": "{owner} fetched a bundle that we kept for it.",
    "mailbox.kept": "A bundle by {partner} was kept for {owner} in its mailbox.",
    "match.read": "{who} read a search of {partner} and its possible matches ({matches}).",
    "message.kept": "A message of {partner} came, and was kept.",
    "message.refused": "A message of {partner} came, and was refused ({codes}).",
    "notice.accepted-by-mail": "{who} read in a mail that {partner} accepts our letter ({worth}).",
    "notice.came-back": "Our letter to {partner} came back, after it was accepted by mail without a signature.",
    "notice.escalated": "A notice with {partner} was late, and became one for the service manager.",
    "notice.failed": "The gateway gave up a delivery to {partner}.",
    "notice.handed-over": "{who} wrote down that a notice was handed over to {partner} by telephone.",
    "notice.mail-came": "A mail came in answer to our letter to {partner} ({what}).",
    "notice.not-accepted": "{who} read in a mail that {partner} does not accept our letter ({worth}).",
    "notice.not-from-a-person": "{who} found that a mail in answer to our letter to {partner} was not from a person.",
    "notice.outcome-told": "{who} wrote down the outcome that {partner} told by telephone ({result}).",
    "notice.queued": "{who} sent a message to {partner}.",
    "notice.read": "{who} read what a message says of a child.",
    "notice.read-in-full": "{who} read in full a message of {partner} that contradicts itself about its restriction.",
    "notice.rejected": "{partner} refused our message.",
    "notice.released": "{who} had {count} messages to {partner} tried again.",
    "notice.retried": "{who} had a message to {partner} that was given up tried again.",
    "notice.sealed-anew": "The gateway sealed a message to {partner} again, which bore a time of a clock that ran fast.",
    "notice.searched": "{who} looked for notices by {by}, and found {found}.",
    "notice.sent": "The gateway handed a message to {partner} over.",
    "notice.sent-on": "{who} sent on to another authority what was for {partner}.",
    "notice.withdrawn": "{who} took a notice to {partner} back.",
    "one.answered": "ONE said what it made of a transfer file ({result}).",
    "one.file-accepted": "{who} let a file from ONE be taken in as it is ({why}).",
    "one.file-put-aside": "{who} put a file from ONE aside, so that nothing comes of it ({why}).",
    "one.headings-accepted": "{who} let the headings of a file from ONE ({kind}) pass; {unknown} of them are not read.",
    "one.taken-in": "The gateway took an extract of leavers in.",
    "one.written": "{who} wrote a notice as a transfer file.",
    "partner.added": "{who} confirmed the card of {partner} (serial {serial}).",
    "person.added": "{who} made an account for {about} ({roles}).",
    "person.back": "{who} opened the account of {about} again.",
    "person.ended": "{who} ended the account of {about}.",
    "person.locked": "The account of {about} was locked after too many wrong tries.",
    "person.password": "{who} chose a new password.",
    "person.refused": "Somebody was not let in as {about} ({why}).",
    "person.reset": "{who} gave {about} a new one-time password.",
    "person.roles": "{who} changed the roles of {about} (from {from} to {to}).",
    "person.second-factor": "{who} set up a second factor.",
    "person.signed-in": "{who} signed in ({through}).",
    "person.signed-out": "{who} signed out.",
    "postcodes.imported": "{who} took in a directory of {postcodes} postcodes.",
    "receipt.verified": "The signed receipt of {partner} came, and holds.",
    "reply.put-aside": "{who} put aside a reply of {partner} that does not fit.",
    "reply.judged": "{who} said what a reply by mail of {partner} is, to no effect ({judgement}).",
    "reply.read": "{who} read a reply by mail of {partner}.",
    "reply.without-effect": "A reply of {partner} was kept, and has no effect ({why}).",
    "reply.unknown": "A mail came that is about nothing of ours.",
    "report.inspection": "{who} made the list for an inspection: {listed} children, {opened} records read.",
    "report.statistics": "{who} made statistics (records counted by machine: {opened}).",
    "review.done": "{who} reviewed the case.",
    "route.strange": "{count} things that are nothing of the gateway's lie at a route to {partner}.",
    "search.matched": "The gateway held a search of {partner} against our own children.",
    "search.read": "{who} read a search as a whole, with its answers ({answers}).",
    "search.sent": "{who} asked other authorities for a child.",
    "statement.difference": "Our account and that of {partner} differ on a message ({difference}).",
    "webhook.added": "{who} had a case system told of what happens ({events}).",
    "webhook.given-up": "A case system was told nothing more, as it did not take it ({why}).",
    "webhook.removed": "{who} had a case system told no more of what happens.",
    "webhook.resumed": "{who} had a case system told again of what happens.",
    "witness.accepted": "{who} accepted that the audit log of {partner} began anew.",
    "witness.alarm": "The audit log of {partner} is not the one that we saw ({alarm}).",
}
TOGETHER = {  # of entries that stand for many, with how many
    "caller.refused": "Callers who could not show who they are were not let in, {count} times ({code}).",
    "client.let-in": "The case system {about} got tokens, {count} times.",
    "client.refused": "Case systems were not let in, {count} times ({why}).",
    "mailbox.kept": "Bundles by {partner} were kept for {owner} in its mailbox: {count}.",
    "message.refused": "Messages of {partner} came, and were refused: {count} ({codes}).",
    "person.refused": "Somebody was not let in, {count} times ({why}).",
    "reply.unknown": "Mails came that are about nothing of ours: {count}.",
    "statement.difference": "Our account and that of {partner} differ on {count} messages ({difference}).",
}
BEFORE = {  # of acts that are written no more, and stand in older logs
    "notice.answered": "A reply by mail of {partner} counted as an acknowledgement, though nobody had read it.",
    "client.locked": "The case system {about} was locked after too many wrong secrets.",
}
NOT_SAID = "not said"

KINDS: Mapping[
    str, tuple[str, tuple[str, ...]]
] = {  # what an auditor asks for, and by which beginnings of acts it is found
    "readings": ("Who read what is said of a child", READINGS),
    "messages": ("What was sent, and what came", ("notice.", "message.", "receipt.", "reply.")),
    "cases": ("Cases, searches and reviews", ("case.", "search.", "match.", "review.")),
    "drafts": (
        "Drafts, what is being written, extracts and ONE",
        ("draft.", "composition.", "one.", "children.", "postcodes."),
    ),
    "people": ("People: signing in, accounts and roles", ("person.",)),
    "systems": ("Case systems at the API", ("client.", "webhook.")),
    "partners": ("Partners, their logs and statements", ("partner.", "correspondent.", "witness.", "statement.")),
    "refused": (
        "What was refused",
        (
            "message.refused",
            "caller.refused",
            "person.refused",
            "person.locked",
            "client.refused",
            "notice.rejected",
            "route.strange",
        ),
    ),
    "gateway": ("The gateway, its keys and mailboxes", ("gateway.", "card.", "keys.", "mailbox.", "route.", "caller.")),
    "log": ("Reports, and reviews of this log", ("audit.", "report.")),
}


def told(act: str, parts: Mapping[str, str]) -> str:
    """The sentence on an act; one that has none is named as it is called."""
    return _sentence(act, parts).format_map(_Parts(parts))


def _sentence(act: str, parts: Mapping[str, object]) -> str:
    """The sentence on one of its kind, or on many."""
    many = TOGETHER.get(act) if "count" in parts else None
    return many or (SENTENCES | BEFORE).get(act, f"{{who}} did: {act}")


def untold(act: str, detail: Mapping[str, object]) -> dict[str, str]:
    """What the sentence leaves out of the detail."""
    used = {name for _, name, _, _ in Formatter().parse(_sentence(act, detail)) if name}
    return {name.replace("-", " "): str(value) for name, value in detail.items() if name not in used}


def title(act: str) -> str:
    """An act in general."""
    general = dict.fromkeys(("who", "about", "to", "from"), "somebody") | dict.fromkeys(
        ("partner", "owner"), "an authority"
    )
    sentence = SENTENCES[act]
    for end in (" (", ": {", "; the"):  # particulars of one entry
        sentence = sentence.partition(end)[0]
    said = sentence.format_map(_Plenty(general)).rstrip(".")
    return said[0].upper() + said[1:]


class _Parts(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return NOT_SAID


class _Plenty(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "some"


def acts_of(kind: str) -> tuple[str, ...]:
    """The acts of a kind; of one act, itself; none where there is no such kind or act."""
    if kind in KINDS:
        beginnings = KINDS[kind][1]
        return tuple(act for act in SENTENCES if act.startswith(beginnings))
    return (kind,) if kind in SENTENCES else ()
