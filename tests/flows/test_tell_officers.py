"""Officers are told of new work by email, through real mail servers: as each chose, once, and of nothing about a child."""

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest

from gateway import home_folder
from gateway.access import mail_choices, people
from gateway.context import Gateway
from gateway.core.findings import FindingLevel
from gateway.core.officer_news import MailChoice
from gateway.core.permissions import Role
from gateway.errors import NotAllowed
from gateway.monitoring import health
from gateway.reconciliation import tell_officers as telling
from gateway.store import audit_log, inbox, officer_mails
from gateway.store.audit_log import AuditEntry
from schemas.message import Child
from tests import mail
from tests.children import notice
from tests.conftest import free_port, introduce, make
from tests.consoles import NAMES, sign_in_name, staff
from tests.flows.reporting import exchange
from tests.flows.test_exchange import until
from tests.mail import Servers

OURS, OFFICE = "gateway@sandwell.example", "cme@birmingham.example"
OLIVE, OTTO, AGNES = (sign_in_name(role) for role in (Role.CME_OFFICER, Role.OUTREACH, Role.ADMIN))
# A notice about a child of whom nothing may be said.
PHONE_ONLY = "transfer-notice-phone-only"


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with mail.home() as home, mail.servers(home, free_port(), free_port()) as made:
        yield made


@pytest.fixture
def sandwell(tmp_path: Path, servers: Servers) -> Iterator[Gateway]:
    make(tmp_path / "333", "333", "Sandwell").store.close()
    with (tmp_path / "333" / "gateway.toml").open("a") as settings:
        settings.write(servers.build_settings(OURS))
    gw = home_folder.open_gateway(tmp_path / "333")
    staff(gw)
    for old in servers.list_mails(OFFICE):
        assert b"CME-NEWS" in old
    yield gw
    gw.store.close()


@pytest.fixture
def there(tmp_path: Path, sandwell: Gateway) -> Iterator[Gateway]:
    gw = make(tmp_path / "885", "885", "Worcestershire")
    introduce(sandwell, gw)
    yield gw
    gw.store.close()


async def bring(there: Gateway, sandwell: Gateway, *names: str) -> list[str]:
    """Notices of theirs that come; return the names of the children."""
    children, there.now = [], sandwell.now
    for name in names:
        message = notice("885", "333", name=name, now=there.now())
        children += [child.surname for child in message.list_all(Child)]
        await exchange(there, sandwell, message)
    return children


async def look(gw: Gateway, times: int = 1) -> int:
    """Look so often, and let go of the connections to the servers; return how many were told."""
    told = sum([await telling.tell_officers(gw) for _ in range(times)])
    for carrier in gw.carriers.values():
        await carrier.close()
    return told


async def wait_for_mails(servers: Servers, before: list[bytes], count: int) -> list[bytes]:
    """Wait until so many came since then, and return them; more than these never come."""

    def list_new() -> list[bytes]:
        return [raw for raw in servers.list_mails(OFFICE) if raw not in before]

    await until(lambda: len(list_new()) >= count)
    assert len(list_new()) == count
    return list_new()


def later(gw: Gateway, by: timedelta) -> None:
    moment = gw.now() + by
    gw.now = lambda: moment


async def test_an_officer_is_told_at_once_how_much_is_new_and_never_twice(
    sandwell: Gateway, there: Gateway, servers: Servers
) -> None:
    before = servers.list_mails(OFFICE)
    mail_choices.choose_mail(sandwell, OLIVE, OFFICE, MailChoice.AT_ONCE, "08:00")
    assert await look(sandwell) == 0
    children = await bring(there, sandwell, "transfer-notice", PHONE_ONLY)
    # A second process looks too, and this one again.
    second = home_folder.open_gateway(sandwell.config.home)
    assert await look(sandwell, 3) + await look(second, 2) == 1
    second.store.close()
    [raw] = await wait_for_mails(servers, before, 1)
    told = message_from_bytes(raw, _class=EmailMessage, policy=policy.SMTP)
    assert told["Subject"] == "OFFICIAL: CME: 2 new notices, 2 urgent (333)"
    body = told.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert f"{sandwell.config.console_url}/inbox" in text
    for said in (*children, "phone", "Worcestershire", NAMES[Role.CME_OFFICER]):
        assert said not in raw.decode()
    [entry] = [it for it in list_entries(sandwell) if it.act == "person.mailed"]
    assert entry.about == OLIVE
    assert '"counts":"notices=2 urgent=2"' in entry.entry
    # What comes within ten minutes is collected.
    await bring(there, sandwell, "transfer-notice")
    later(sandwell, timedelta(minutes=9))
    assert await look(sandwell, 2) == 0
    await bring(there, sandwell, "whereabouts-enquiry")
    later(sandwell, timedelta(minutes=2))
    assert await look(sandwell, 2) == 1
    assert any(b"CME: 2 new notices, 1 urgent (333)" in it for it in await wait_for_mails(servers, before, 2))


def list_entries(gw: Gateway) -> list[audit_log.LoggedEntry]:
    return gw.store.look(lambda tx: audit_log.list_entries_from(tx, 0, 10_000))


async def test_each_is_told_what_is_theirs_and_an_account_that_ended_nothing(
    sandwell: Gateway, there: Gateway, servers: Servers
) -> None:
    for name in (OLIVE, OTTO):
        mail_choices.choose_mail(sandwell, name, OFFICE, MailChoice.AT_ONCE, "08:00")
    people.set_active(sandwell, OLIVE, False, AGNES)
    before = servers.list_mails(OFFICE)
    await bring(there, sandwell, "transfer-notice")
    # Who sees assigned cases only is told of no other; of the one that is assigned, once it is.
    assert await look(sandwell) == 0
    [came] = sandwell.store.look(lambda tx: inbox.search_inbox(tx, sandwell.now()))
    people.assign_case(sandwell, came.case_id, OTTO, OLIVE)
    assert await look(sandwell) == 1
    [raw] = await wait_for_mails(servers, before, 1)
    assert b"1 case assigned to you (333)" in raw
    # It comes back, and is told nothing of what happened meanwhile.
    people.set_active(sandwell, OLIVE, True, AGNES)
    later(sandwell, timedelta(minutes=11))
    assert await look(sandwell) == 0
    assert mail_choices.find_mail_choice(sandwell, OLIVE).choice is MailChoice.NONE


async def test_who_chose_once_a_day_is_told_at_that_time_of_all_that_was_new(
    sandwell: Gateway, there: Gateway, servers: Servers
) -> None:
    before = servers.list_mails(OFFICE)
    real = sandwell.now()
    noon = real.replace(hour=12, minute=0, second=0, microsecond=0)
    sandwell.now = lambda: noon
    mail_choices.choose_mail(sandwell, OLIVE, OFFICE, MailChoice.DAILY, "09:00")
    add_news(sandwell, "m1")
    assert await look(sandwell) == 0
    later(sandwell, timedelta(hours=20, minutes=30))
    assert await look(sandwell) == 0
    later(sandwell, timedelta(hours=1))
    assert await look(sandwell, 3) == 1
    # On a day without anything new, nobody is told; nor is what comes after the time before the next day.
    later(sandwell, timedelta(days=1))
    assert await look(sandwell) == 0
    add_news(sandwell, "m2")
    later(sandwell, timedelta(minutes=11))
    assert await look(sandwell) == 0
    later(sandwell, timedelta(days=1))
    assert await look(sandwell) == 1
    await wait_for_mails(servers, before, 2)


def add_news(gw: Gateway, about: str) -> None:
    """Somebody assigns a case."""
    entry = AuditEntry("case.assigned", OTTO, about, detail={"to": OLIVE})
    gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))


async def test_what_cannot_be_sent_is_said_by_health_tried_again_and_holds_up_nobody(
    sandwell: Gateway, servers: Servers
) -> None:
    before = servers.list_mails(OFFICE)
    # Exim refuses an address that it does not know at once.
    mail_choices.choose_mail(sandwell, OLIVE, "nobody@birmingham.example", MailChoice.AT_ONCE, "08:00")
    mail_choices.choose_mail(sandwell, OTTO, OFFICE, MailChoice.AT_ONCE, "08:00")
    add_news(sandwell, "m1")
    to_otto = AuditEntry("case.assigned", OLIVE, "m2", detail={"to": OTTO})
    sandwell.store.run(lambda tx: audit_log.append_entries(tx, sandwell.now(), [to_otto]))
    assert await look(sandwell, 3) == 1
    [finding] = [it for it in health.measure_health(sandwell).findings if it.name == "emails to officers"]
    assert finding.level is FindingLevel.WARN
    assert "1 not sent since" in finding.sentence
    assert "nobody@" not in finding.sentence
    mail_choices.set_mail_address(sandwell, OLIVE, OFFICE, AGNES)
    later(sandwell, timedelta(minutes=11))
    assert await look(sandwell, 2) == 1
    await wait_for_mails(servers, before, 2)
    [finding] = [it for it in health.measure_health(sandwell).findings if it.name == "emails to officers"]
    assert finding.level is FindingLevel.OK


async def test_an_email_that_was_begun_when_the_process_died_is_not_sent_again(sandwell: Gateway) -> None:
    mail_choices.choose_mail(sandwell, OLIVE, OFFICE, MailChoice.AT_ONCE, "08:00")
    add_news(sandwell, "m1")
    [(person, chosen)] = sandwell.store.look(partial(telling._list_due, gw=sandwell))
    # Two processes see the same, and one begins.
    begin = partial(telling._begin_mail, gw=sandwell, person=person, chosen=chosen)
    begun = [sandwell.store.run(begin) for _ in range(2)]
    assert [it is not None for it in begun] == [True, False]
    later(sandwell, timedelta(hours=1))
    assert await look(sandwell) == 0
    # With what comes next, it is counted too.
    add_news(sandwell, "m2")
    assert await look(sandwell) == 1
    [entry] = [it for it in list_entries(sandwell) if it.act == "person.mailed"]
    assert '"counts":"assigned=2"' in entry.entry


def test_an_address_or_a_time_that_is_none_is_refused_and_the_choice_is_ones_own(sandwell: Gateway) -> None:
    for address in ("", "olive", "olive@", "o@x", "a b@council.example", f"{'a' * 64}@{'b' * 60}.{'c' * 60}" * 3):
        with pytest.raises(NotAllowed, match=r"officer-mail\.address"):
            mail_choices.choose_mail(sandwell, OLIVE, address, MailChoice.DAILY, "08:00")
        with pytest.raises(NotAllowed, match=r"officer-mail\.address"):
            mail_choices.set_mail_address(sandwell, OLIVE, address, AGNES)
    for time in ("", "8", "24:00", "08:60", "8am"):
        with pytest.raises(NotAllowed, match=r"officer-mail\.time"):
            mail_choices.choose_mail(sandwell, OLIVE, OFFICE, MailChoice.DAILY, time)
    mail_choices.set_mail_address(sandwell, OLIVE, OFFICE, AGNES)
    chosen = mail_choices.find_mail_choice(sandwell, OLIVE)
    assert (chosen.choice, chosen.address) == (MailChoice.NONE, OFFICE)
    assert sandwell.store.look(officer_mails.list_officer_mails) == []
