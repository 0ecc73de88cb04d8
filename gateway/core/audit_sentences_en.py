"""The sentences of the audit log in English: tables of texts by act, and nothing else.

`audit_sentences.py` chooses among them; another language is a module with the same tables. A sentence names parts of
its entry in braces: {who}, {about}, {partner}, and members of the detail.
"""

from collections.abc import Mapping

SENTENCES = {
    "notice.urgent-seen": "{who} marked an urgent message from {partner} as dealt with.",
    "audit.child-reviewed": "{who} asked who viewed a child's details ({by}; cases found: {found}).",
    "audit.evidence-exported": "{who} saved evidence of an exchange with {partner}.",
    "audit.exported": "{who} exported the audit log.",
    "audit.list-exported": "{who} downloaded {entries} entries of the audit log.",
    "audit.reviewed": "{who} viewed the audit log.",
    "audit.verified": "{who} checked the audit log ({entries} entries, {faults} problems).",
    "caller.refused": "A caller could not prove its identity and was refused ({code}).",
    "card.refused": "A card that came as {partner}'s was refused ({code}).",
    "card.renewed": "{who} renewed this authority's card (serial {serial}).",
    "card.taken": "A newer card of {partner} was accepted (serial {serial}, {by}). It has the confirmed identity key.",
    "case.assigned": "{who} assigned the case to {to}.",
    "case.closed": "{who} closed the case without an outcome: {ground}.",
    "case.note-added": "{who} added a note to the case.",
    "case.not-shared": "{who} recorded a decision not to share information in the case.",
    "case.visit-recorded": "{who} recorded a visit in the case.",
    "case.held": "{who} put the case on legal hold ({reason}).",
    "case.purged": (
        "The case's details were deleted ({messages} messages, {notes} notes), at least {days} days after it ended."
    ),
    "case.released": "{who} ended the legal hold on the case.",
    "case.stood-down": "{who} ended the search.",
    "case.unassigned": "{who} removed {from} from the case.",
    "children.loaded": "{who} loaded the pupil index ({children} children).",
    "children.read": "{who} looked up a child in the pupil index and was shown {names} ({by}).",
    "client.added": "{who} added the connected system {about} ({scopes}).",
    "client.ended": "{who} removed the connected system {about}.",
    "client.let-in": "The connected system {about} got an access token.",
    "client.new-secret": "{who} replaced the secret of the connected system {about}.",
    "client.refused": "An attempt to connect as {about} was refused ({why}).",
    "card.taken-up": "The gateway began to use this authority's renewed card (serial {serial}) and its keys.",
    "card.certificate-changed": "The gateway began to show the server certificate that its card had announced.",
    "composition.begun": "{who} started a notice.",
    "composition.changed": "{who} changed an unfinished notice.",
    "composition.given-up": "{who} deleted an unfinished notice.",
    "composition.lapsed": "An unfinished notice was deleted after 28 days without a change (started by {by}).",
    "composition.read": "{who} viewed an unfinished notice.",
    "composition.sent": "{who} sent a notice they had written.",
    "correspondent.entered": "{who} added the email address used for {partner}.",
    "correspondent.removed": "{who} removed the email address used for {partner}.",
    "directory.added": "{who} added the card of {partner} to the directory that is kept here (serial {serial}).",
    "directory.built": "{who} built version {version} of the directory that is kept here.",
    "directory.created": "{who} set up the directory of {scheme} (fingerprint {fingerprint}).",
    "directory.fork": (
        "Warning: the keeper of {about} signed two different directories under number {version} ({ours}, {theirs})."
    ),
    "directory.identity-changed": "The directory of {scheme} gave {partner} a new identity key (fingerprint {now}).",
    "directory.joined": "{who} joined the directory of {scheme} (fingerprint {fingerprint}, confirmed by phone).",
    "directory.key-rotated": "{who} replaced the key of the directory that is kept here (fingerprint {fingerprint}).",
    "directory.member-added": "{partner} became a partner by the directory of {scheme} (serial {serial}).",
    "directory.member-resumed": "The directory of {scheme} ended the suspension of {partner}.",
    "directory.member-suspended": "The directory of {scheme} suspended exchange with {partner} (waiting: {waiting}).",
    "directory.published": "{who} published version {version} of the directory that is kept here.",
    "directory.refused": "A directory that came as that of {about} was refused ({code}).",
    "directory.signed": "{who} signed version {version} of the directory that is kept here ({digest}).",
    "directory.status-changed": "{who} set {partner} to {status} in the directory that is kept here.",
    "directory.taken": "Version {version} of the directory of {scheme} was accepted (partners added: {added}).",
    "draft.discarded": "{who} discarded a leaver record.",
    "draft.made": "The gateway added a leaver record to check.",
    "draft.read": "{who} viewed a leaver record.",
    "draft.renewed": "The gateway updated a leaver record.",
    "draft.sent": "{who} sent a notice made from a leaver record.",
    "backup.made": "{who} made a backup ({files} files, SHA-256 {sha256}).",
    "gateway.made": "This gateway was set up.",
    "gateway.restore-noticed": "{partner} holds a later audit log of this gateway ({held} entries; here {here}).",
    "gateway.restored": "{who} restored this gateway from the backup of {made_at}. Later entries were lost.",
    "gateway.started": "The gateway started.",
    "gateway.stopped": "The gateway stopped.",
    "index.renewed": "The gateway made {notices} older notices findable (version {version} of the search index).",
    "keys.rotated": "{who} replaced the gateway's keys (old keys revoked: {revoked}).",
    "list.exported": "{who} downloaded a list of children ({list}). Rows: {rows}. Names on it: {names}.",
    "list.read": "{who} viewed a list of children. Names on it: {names}.",
    "mailbox.expired": "Messages held for {owner} were deleted because they were not collected.",
    "mailbox.fetched": "{owner} collected messages held for it.",
    "mailbox.kept": "Messages from {partner} were stored for {owner} to collect.",
    "match.read": "{who} viewed a notice from {partner} and its possible matches ({matches}).",
    "message.kept": "A message from {partner} was received.",
    "message.refused": "A message from {partner} was refused ({codes}).",
    "notice.accepted-by-mail": "{who} recorded that {partner} accepted a notice by email ({worth}).",
    "notice.announced": "The service manager was emailed about an urgent safeguarding notice from {partner}.",
    "notice.called": "{who} recorded a call to {partner} about a notice.",
    "notice.came-back": "An email to {partner} was not delivered, after it had been recorded as accepted by email.",
    "notice.escalated": "A notice to {partner} was overdue and was escalated to the service manager.",
    "notice.failed": "A message to {partner} could not be delivered.",
    "notice.handed-over": "{who} recorded a phone handover to {partner}.",
    "notice.mail-came": "An email from {partner} was received about a notice ({what}). This is not an acceptance.",
    "notice.not-accepted": "{who} recorded that {partner} did not accept a notice, in an email ({worth}).",
    "notice.not-from-a-person": "{who} recorded that an email about a notice to {partner} was not from a person.",
    "notice.outcome-told": "{who} recorded a result given by {partner} by phone or letter ({result}).",
    "notice.queued": "{who} sent a message to {partner}.",
    "notice.read": "{who} viewed a child's details in a message.",
    "notice.read-in-full": (
        "{who} viewed all details in a message from {partner} that contradicts itself about its restriction."
    ),
    "notice.rejected": "{partner}'s gateway refused a message from this authority.",
    "notice.released": "{who} retried {count} undelivered messages to {partner}.",
    "notice.retried": "{who} retried an undelivered message to {partner}.",
    "notice.signed-anew": "The gateway encrypted a message to {partner} again, because keys were changed.",
    "notice.sealed-anew": (
        "The gateway corrected the time of a message to {partner}, because this server's clock was fast."
    ),
    "notice.searched": "{who} searched for notices ({by}; found: {found}).",
    "notice.sent": "The gateway passed a message to {partner} for delivery. No delivery receipt yet.",
    "notice.sent-on": "{who} redirected a notice for {partner} to another authority.",
    "notice.urgent": "A message from {partner} is about the safety of a child and was put first.",
    "notice.withdrawn": "{who} withdrew a notice to {partner}.",
    "one.answered": "ONE reported the result of a file ({result}).",
    "one.file-accepted": "{who} accepted a file from ONE as it is ({why}).",
    "one.file-put-aside": "{who} set aside a file from ONE without loading it ({why}).",
    "one.headings-accepted": "{who} accepted the headings of a file from ONE ({kind}; not read: {unknown}).",
    "one.taken-in": "The gateway processed a file of leavers.",
    "one.written": "{who} created a Common Transfer File from a notice.",
    "partner.identity-changed": "{who} confirmed a new identity key of {partner} by phone (fingerprint {now}).",
    "partner.removed": "{who} removed the partner {partner} (messages not delivered: {waiting}).",
    "partner.resumed": "{who} resumed exchange with {partner}.",
    "partner.suspended": "{who} suspended exchange with {partner} (messages that wait: {waiting}).",
    "partner.added": "{who} confirmed the card of {partner} (serial {serial}).",
    "person.added": "{who} added the user {about} ({roles}).",
    "person.away": "{who} recorded that {about} is away from {since} to {until} (deputy: {deputy}).",
    "person.back": "{who} reactivated the user {about}.",
    "person.backup-code": "{who} used a backup code to sign in ({left} left).",
    "person.backup-codes": "{who} made new backup codes.",
    "person.called": "{who} changed the name of {about} (from {from} to {to}).",
    "person.ended": "{who} deactivated the user {about}.",
    "person.here": "{who} recorded that {about} is not away.",
    "person.locked": "The account of {about} was locked after too many wrong attempts.",
    "person.mail-set": "{who} chose when {about} is emailed about new work ({choice}).",
    "person.mailed": "The gateway emailed {about} about new work ({counts}).",
    "person.password": "{who} changed their password.",
    "person.refused": "A sign-in as {about} was refused ({why}).",
    "person.reset": "{who} gave {about} a one-time password.",
    "person.roles": "{who} changed the roles of {about} (from {from} to {to}).",
    "person.second-factor": "{who} set up an authenticator app.",
    "person.signed-in": "{who} signed in ({through}).",
    "person.signed-out": "{who} signed out.",
    "person.view-deleted": "{who} deleted a saved view of the inbox.",
    "person.view-saved": "{who} saved a view of the inbox.",
    "postcodes.imported": "{who} imported {postcodes} postcodes.",
    "receipt.issued-anew": "The gateway signed a delivery receipt for {partner} again, because its keys were changed.",
    "receipt.verified": "A delivery receipt from {partner} was received and checked.",
    "reply.put-aside": "{who} marked a reply from {partner} that has no effect as checked.",
    "reply.judged": "{who} recorded what an email reply from {partner} is, without changing the notice ({judgement}).",
    "reply.read": "{who} viewed an email reply from {partner}.",
    "reply.without-effect": "A reply from {partner} was received that has no effect on the case ({why}).",
    "reply.unknown": "An email was received that does not match any notice.",
    "report.inspection": "{who} created an inspection list ({listed} children, {opened} records viewed).",
    "report.statistics": "{who} created a statistics report (records counted automatically: {opened}).",
    "retention.listed": "{who} viewed the list of cases that will be deleted ({cases} cases).",
    "retention.purged": (
        "{who} deleted what had passed its retention time ({cases} cases, {records} other records, {files} files)."
    ),
    "subject-access.made": (
        "{who} created a file of everything held about a child, found by {by} ({cases} cases, {messages} messages)."
    ),
    "review.done": "{who} recorded a 14-day review.",
    "route.strange": "{count} unrecognised files or emails were found on a route to {partner}.",
    "search.called": "{who} recorded a call to {partner}, which a search could not ask ({result}).",
    "search.matched": "The gateway checked a notice from {partner} against the pupil index.",
    "search.read": "{who} viewed a search and its answers ({answers}).",
    "search.sent": "{who} asked other authorities about a child.",
    "statement.difference": "Records of a message differ between this authority and {partner} ({difference}).",
    "webhook.added": "{who} set up notifications for a connected system ({events}).",
    "webhook.given-up": "Notifications to a connected system stopped after repeated failures ({why}).",
    "webhook.removed": "{who} stopped notifications to a connected system.",
    "webhook.resumed": "{who} restarted notifications to a connected system.",
    "witness.explained": "{partner} signed that it was restored on {restored_at}.",
    "witness.accepted": "{who} cleared the warning about {partner}'s audit log.",
    "witness.alarm": "Warning: the audit log of {partner} does not match earlier copies ({alarm}).",
}
# Of entries that count many, with how many
TOGETHER = {
    "directory.refused": "Directories that came as that of {about} were refused, {count} times ({code}).",
    "caller.refused": "Callers could not prove their identity and were refused, {count} times ({code}).",
    "client.let-in": "The connected system {about} got access tokens, {count} times.",
    "client.refused": "Attempts to connect were refused, {count} times ({why}).",
    "mailbox.kept": "Messages from {partner} were stored for {owner} to collect, {count} times.",
    "message.refused": "{count} messages from {partner} were refused ({codes}).",
    "person.refused": "Sign-ins were refused, {count} times ({why}).",
    "reply.unknown": "{count} emails were received that do not match any notice.",
    "statement.difference": "Records of {count} messages differ between this authority and {partner} ({difference}).",
}
# Of acts that are no longer written, and are in older logs
BEFORE = {
    "notice.answered": (
        "{partner} replied by email, and this was counted as an acknowledgement. It is not an acceptance."
    ),
    "client.locked": "The connected system {about} was locked after too many wrong secrets.",
}
# How one user or system is called where any is meant
IN_GENERAL: Mapping[str, str] = {
    "the connected system {about}": "a connected system",
    "the user {about}": "a user",
    " as {about}": "",
}
NOT_SAID = "not recorded"
# What takes the place of a part, where an act is named in general: of a person, of an authority, and of anything else.
SOMEONE = "someone"
AN_AUTHORITY = "an authority"
SOME = "some"
# Of an act that has no sentence.
UNKNOWN_ACT = "{{who}} did: {act}"

# What an auditor may ask for: `audit_sentences.KINDS`.
KINDS = {
    "readings": "Views of children's details",
    "messages": "Notices sent and received",
    "cases": "Cases, searches and reviews",
    "drafts": "Leavers, unfinished notices and files",
    "people": "Users and sign-in",
    "systems": "Connected systems",
    "partners": "Partner authorities",
    "refused": "Refused",
    "gateway": "Gateway, keys and mailboxes",
    "log": "Reports and reviews of this log",
}
