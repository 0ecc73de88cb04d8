"""Who is told of new work by email: each person's own choice, and the address, which an admin may set too."""

import re
from dataclasses import replace

from gateway.context import Gateway
from gateway.core.officer_news import MailChoice
from gateway.core.permissions import Permission, get_reach
from gateway.errors import NotAllowed
from gateway.settings.rules import MAIL_ADDRESS
from gateway.store import audit_log, officer_mails, people
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.officer_mails import OfficerMail
from gateway.store.people import Person

# Of an address (RFC 5321, 4.5.3.1).
MOST_ADDRESS = 254
TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
# When the working day begins.
USUAL_TIME = "08:00"


def find_mail_choice(gw: Gateway, name: str) -> OfficerMail:
    """Return what somebody chose; where they never did, that they are told nothing. Raises NotFound."""
    return gw.store.look(lambda tx: _find_choice(tx, people.get_person(tx, name)))


def _find_choice(tx: Tx, person: Person) -> OfficerMail:
    """Return what they chose. A username that is an address is offered as theirs."""
    own = person.name if MAIL_ADDRESS.fullmatch(person.name) else ""
    size = audit_log.get_tree_head(tx).size
    nothing = OfficerMail(person.name, own, MailChoice.NONE, USUAL_TIME, size, size)
    return officer_mails.find_officer_mail(tx, person.name) or nothing


def has_news(person: Person) -> bool:
    """Tell whether there is anything of which this person may be told."""
    return person.active and bool(get_reach(person.roles, Permission.SEE_WORK))


def choose_mail(gw: Gateway, name: str, address: str, choice: MailChoice, daily_at: str) -> None:
    """Choose when one is told oneself, and where. What happened before is not told. Raises NotFound or NotAllowed."""
    if choice is not MailChoice.NONE or address:
        _check_address(address)
    if not TIME.fullmatch(daily_at):
        raise NotAllowed("officer-mail.time")

    def write(tx: Tx) -> None:
        was = _find_choice(tx, people.get_person(tx, name))
        chosen = replace(was, address=address, choice=choice, daily_at=daily_at, failing_since=None, failed_as=None)
        if was.choice is MailChoice.NONE:
            size = audit_log.get_tree_head(tx).size
            chosen = replace(chosen, told_entry=size, begun_entry=size)
        if choice is MailChoice.DAILY and was.choice is not MailChoice.DAILY:
            # The first goes at the next such time.
            chosen = replace(chosen, begun_at=gw.now())
        officer_mails.replace_officer_mail(tx, chosen)
        _log_choice(tx, gw, name, name, choice)

    gw.store.run(write)


def set_mail_address(gw: Gateway, name: str, address: str, by: str) -> None:
    """Set the address of somebody else, whose own choice stands. Raises NotFound or NotAllowed."""
    _check_address(address)

    def write(tx: Tx) -> None:
        was = _find_choice(tx, people.get_person(tx, name))
        officer_mails.replace_officer_mail(tx, replace(was, address=address, failing_since=None, failed_as=None))
        _log_choice(tx, gw, by, name, was.choice)

    gw.store.run(write)


def _check_address(address: str) -> None:
    if len(address) > MOST_ADDRESS or not MAIL_ADDRESS.fullmatch(address):
        raise NotAllowed("officer-mail.address")


def _log_choice(tx: Tx, gw: Gateway, by: str, name: str, choice: MailChoice) -> None:
    detail = {"choice": choice.value}
    audit_log.append_entries(tx, gw.now(), [AuditEntry("person.mail-set", by, name, detail=detail)])
