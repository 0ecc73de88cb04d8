"""Say what a check of health is about, as people read it; `name` of a finding stays as it is, for programs that look
for it.
"""

import re
from collections.abc import Mapping

from gateway.core import labels

LABELS: Mapping[str, str] = {
    "settings, keys, database": "Settings, keys and database",
    "tables": "Database tables",
    "database": "Database",
    "free space": "Free disk space",
    "loops": "Background jobs",
    "signing in": "Sign-in",
    "gateway": "Gateway",
    "calendars": "Calendars",
    "term dates": "Term dates",
    "card and keys": "Card and keys",
    "card and certificate": "Card and server certificate",
    "tls.key": "Key of the server certificate",
    "passphrase": "Passphrase",
    "keys": "Keys",
    "identity key": "Identity key",
    "telephone": "Telephone number",
    "service manager": "Emails to the service manager",
    "our card": "Card of this authority",
    "our certificate": "Server certificate",
    "our signing key": "Signing key",
    "our sealing key": "Encryption key",
    "undelivered notices": "Notices not yet delivered",
    "notices given up": "Notices not delivered",
    "notices refused by partners": "Notices rejected by partners",
    "our clock": "Clock of this server",
    "clock": "Clock of this server",
    "who we are": "Proof of identity to partners",
    "partners": "Partner authorities",
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
    "what is owed": "Outstanding replies and decisions",
    "reviews of searches": "14-day reviews",
    "checkpoint": "Signing of the audit log",
    "audit log": "Audit log",
    "ONE's folder": "Folder for leavers from ONE",
    "ONE's import folder": "Folder for import into ONE",
    "ONE's answers folder": "Folder for results from ONE",
    "ONE's children folder": "Folder for the pupil index",
}
# a pattern, and the label with what it found: an authority by its name, and anything else as it is
PATTERNS: tuple[tuple[str, str], ...] = (
    ("loop: (?P<rest>.+)", "Background job: {rest}"),
    ("card of (?P<authority>[0-9]{3})", "Card of {authority}"),
    ("certificate of (?P<authority>[0-9]{3})", "Certificate of {authority}"),
    ("signing key of (?P<authority>[0-9]{3})", "Signing key of {authority}"),
    ("sealing key of (?P<authority>[0-9]{3})", "Encryption key of {authority}"),
    ("delivery to (?P<authority>[0-9]{3})", "Delivery to {authority}"),
    ("replies of (?P<authority>[0-9]{3})", "Replies from {authority}"),
    ("receipts of (?P<authority>[0-9]{3})", "Delivery receipts from {authority}"),
    ("clock of (?P<authority>[0-9]{3})", "Clock of {authority}"),
    ("statement of (?P<authority>[0-9]{3})", "Daily comparison with {authority}"),
    ("mailbox of (?P<authority>[0-9]{3})", "Mailbox for {authority}"),
    ("audit log of (?P<authority>[0-9]{3})", "Audit log of {authority}"),
    ("letters to (?P<authority>[0-9]{3})", "Emails to {authority}"),
    ("route to (?P<authority>[0-9]{3})", "Route to {authority}"),
    ("route (?P<rest>[a-z]+) to (?P<authority>[0-9]{3})", "{rest} route to {authority}"),
    ("our (?P<rest>[a-z]+) route", "{rest} route of this authority"),
    ("left at our (?P<rest>[a-z]+) route", "Not processed on the {rest} route of this authority"),
    ("left at (?P<authority>[0-9]{3})'s (?P<rest>[a-z]+) route", "Not processed on the {rest} route to {authority}"),
    ("left in (?P<folder>.+)", "Not processed: {folder}"),
)
ROUTES: Mapping[str, str] = {"https": "HTTPS", "sftp": "SFTP", "email": "Email", "mailbox": "Mailbox"}


def find_label(name: str) -> str:
    """Return what people read for the name of a check; what has no label here is shown as it is called."""
    if name in LABELS:
        return LABELS[name]
    for pattern, label in PATTERNS:
        if match := re.fullmatch(pattern, name):
            parts = match.groupdict()
            words = {key: _say_part(key, text) for key, text in parts.items()}
            return label.format(**words)
    return name


def _say_part(key: str, text: str) -> str:
    if key == "authority":
        return labels.name_authority_in_full(text)
    return find_label(text) if key == "folder" else ROUTES.get(text, text)
