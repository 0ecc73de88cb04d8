"""The service manager is told by a mail, through real mail servers, once, and of nothing about a child."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from gateway import home_folder
from gateway.access import people, tell_manager
from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.monitoring import health
from gateway.reconciliation import announce, send_reminders
from gateway.store import alerts, audit_log, tables
from schemas.message import Child, Needs
from tests import mail
from tests.children import notice
from tests.conftest import free_port, introduce, make
from tests.flows.reporting import transfer
from tests.flows.test_exchange import until
from tests.mail import Servers

OURS, MANAGER = "gateway@sandwell.example", "cme@birmingham.example"


@pytest.fixture
def servers() -> Iterator[Servers]:
    with mail.home() as home, mail.servers(home, free_port(), free_port()) as made:
        yield made


@pytest.fixture
def sandwell(tmp_path: Path, servers: Servers) -> Iterator[Gateway]:
    make(tmp_path / "333", "333", "Sandwell").store.close()
    with (tmp_path / "333" / "gateway.toml").open("a") as settings:
        settings.write('[mash]\nname = "Sandwell MASH"\ntelephone = "01632 960199"\n')
        settings.write(f'[deadlines]\nservice_manager = "{MANAGER}"\n{servers.build_settings(OURS)}')
    gw = home_folder.open_gateway(tmp_path / "333")
    introduce(gw, make(tmp_path / "885", "885", "Worcestershire"))
    yield gw
    gw.store.close()


async def test_the_service_manager_is_told_once_of_whom_to_ring(sandwell: Gateway, servers: Servers) -> None:
    message = notice()
    [sent] = send_notices(sandwell, [message], "olive")
    real = sandwell.now
    # No receipt came.
    sandwell.now = lambda: real() + timedelta(hours=3)
    for _ in range(2):
        await send_reminders.send_due_reminders(sandwell)
    for carrier in sandwell.carriers.values():
        await carrier.close()
    await until(lambda: len(servers.list_mails(MANAGER)) > 0)
    [raw] = servers.list_mails(MANAGER)
    told = message_from_bytes(raw, _class=EmailMessage, policy=policy.SMTP)
    assert told["Subject"] == "OFFICIAL-SENSITIVE: 1 notice is overdue (333)"
    body = told.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert sent in text
    assert "1 notice is overdue and needs you to act." in text
    assert "Worcestershire (885): transfer notice. Delivery receipt was due on " in text
    assert f"{sandwell.config.console_url}/unanswered?late=yes" in text
    assert "01632 960101" in text
    [child, *_] = message.list_all(Child)
    assert child.surname not in raw.decode()


async def test_of_what_is_urgent_the_service_manager_is_told_at_once_and_once(
    sandwell: Gateway, servers: Servers
) -> None:
    there = home_folder.open_gateway(sandwell.config.home.parent / "885")
    needs = Needs(risk_group=("harm-or-neglect",))
    messages = [transfer(sandwell.now(), needs=its) for its in (needs, needs, None)]
    messages = [
        replace(it, header=replace(it.header, sender=it.header.recipient, recipient=it.header.sender))
        for it in messages
    ]
    ready = prepare_messages(there, messages, "test", confirmed=["notice.same-child"])
    await receive_parcels(sandwell, [one.sealed for one in ready], "885")
    there.store.close()
    # It goes with the first look that can.
    account, sandwell.mail = sandwell.mail, None
    assert await announce.announce_urgent(sandwell) == 0
    sandwell.mail = account
    assert [await announce.announce_urgent(sandwell) for _ in range(3)] == [2, 0, 0]
    for carrier in sandwell.carriers.values():
        await carrier.close()
    await until(lambda: len(servers.list_mails(MANAGER)) > 0)
    [raw] = servers.list_mails(MANAGER)
    told = message_from_bytes(raw, _class=EmailMessage, policy=policy.SMTP)
    assert told["Subject"] == "OFFICIAL-SENSITIVE: 2 urgent safeguarding notices (333)"
    body = told.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "2 x transfer notice from Worcestershire (885)" in text
    assert "Call: Sandwell MASH, 01632 960199" in text
    assert f"{sandwell.config.console_url}/inbox" in text
    for said in ("Testchild", "2016", "harm", *(message.header.message_id for message in messages)):
        assert said not in raw.decode()
    entries = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.announced"))
    assert {entry.about for entry in entries} == {message.header.message_id for message in messages[:2]}


async def test_what_came_before_is_read_once_and_what_of_it_is_urgent_is_announced(sandwell: Gateway) -> None:
    there = home_folder.open_gateway(sandwell.config.home.parent / "885")
    messages = [notice("885", "333", now=sandwell.now()) for _ in range(40)]
    ready = prepare_messages(there, messages, "test", confirmed=["notice.same-child"])
    await receive_parcels(sandwell, [one.sealed for one in ready], "885")
    there.store.close()
    # As a gateway of before kept them.
    sandwell.store.run(lambda tx: tx.execute(delete(tables.alerts)))
    sandwell.store.run(lambda tx: tx.execute(update(tables.inbox).values(urgent=None)))
    assert await announce.read_earlier_tasks(sandwell) == 40
    assert await announce.read_earlier_tasks(sandwell) == 0
    assert len(sandwell.store.look(alerts.list_untold)) == 40


async def test_a_mail_that_cannot_go_now_goes_with_the_next_look(sandwell: Gateway, servers: Servers) -> None:
    send_notices(sandwell, [notice()], "olive")
    real, account = sandwell.now, sandwell.mail
    sandwell.now = lambda: real() + timedelta(hours=3)
    sandwell.mail = None
    assert len((await send_reminders.send_due_reminders(sandwell)).escalated) == 1
    sandwell.mail = account
    assert (await send_reminders.send_due_reminders(sandwell)).escalated == ()
    for carrier in sandwell.carriers.values():
        await carrier.close()
    await until(lambda: len(servers.list_mails(MANAGER)) == 1)


async def test_the_service_manager_is_told_once_who_got_access_to_children(sandwell: Gateway, servers: Servers) -> None:
    people.add_account(sandwell, "agnes@sandwell.example", "Agnes Testadmin", [Role.ADMIN], "root")
    roles = [Role.ADMIN, Role.CME_OFFICER]
    people.set_roles(sandwell, "agnes@sandwell.example", roles, "agnes@sandwell.example")
    account, sandwell.mail = sandwell.mail, None
    assert await tell_manager.tell_access_changes(sandwell) == 0
    sandwell.mail = account
    assert [await tell_manager.tell_access_changes(sandwell) for _ in range(2)] == [3, 0]
    for carrier in sandwell.carriers.values():
        await carrier.close()
    await until(lambda: len(servers.list_mails(MANAGER)) == 1)
    told = message_from_bytes(servers.list_mails(MANAGER)[0], _class=EmailMessage, policy=policy.SMTP)
    assert told["Subject"] == "3 changes to who can see children's records (333)"
    body = told.get_body(("plain",))
    assert body is not None
    text = " ".join(body.get_content().split())
    assert "- root gave Agnes Testadmin (agnes@sandwell.example) this access: Administrator." in text
    assert "- test added Worcestershire (885) as a partner authority." in text
    assert "gave themselves this access, because no other administrator could: CME officer." in text
    [shown] = [one for one in health.measure_health(sandwell).findings if one.name == "own access"]
    assert "The service manager was told by email." in shown.sentence
