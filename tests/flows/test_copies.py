"""A copy is taken out with the entries that say who views it, or for a machine: there is no third way."""

from collections.abc import Collection

import pytest
from sqlalchemy import update
from sqlalchemy.exc import NoResultFound

from gateway import copies
from gateway.copies import Machine, View
from gateway.core.message_name import MessageName
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry
from gateway.store.tables import outbox_contents
from schemas.shapes import MessageId
from tests.children import notice
from tests.flows.test_exchange import Pair


def test_a_persons_view_is_an_entry_of_the_same_transaction_and_a_machines_is_none(pair: Pair) -> None:
    gw, _ = pair
    message = notice(now=gw.now())
    gw.store.run(lambda tx: queue_messages(tx, gw, prepare_messages(gw, [message], "olive")))
    message_id = message.header.message_id
    name = MessageName("", message_id)
    views = [AuditEntry("notice.read", by, message_id, "885") for by in ("olive", "Amina Ali")]
    view = View(views[0], views[1:])

    def take_for_both() -> tuple[copies.Copy, copies.Copy]:
        by_machine = gw.store.run(lambda tx: copies.take_sent(tx, gw, message_id, Machine.MATCH))
        by_person = gw.store.run(lambda tx: copies.take_copies(tx, gw, [name], view))
        return by_machine, by_person[name]

    before = len(gw.store.look(lambda tx: audit_log.list_newest_entries(tx, about=message_id)))
    first, second = take_for_both()
    entries = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, about=message_id))
    assert len(entries) == before + len(views)
    assert {(one.act, one.actor) for one in entries} >= {("notice.read", "olive"), ("notice.read", "Amina Ali")}
    assert copies.open_copy(gw, first) == copies.open_copy(gw, second) == message


def test_what_is_not_there_leaves_no_view_behind(pair: Pair) -> None:
    gw, _ = pair
    view = View(AuditEntry("notice.read", "olive", "nothing", "885"))
    before = gw.store.look(lambda tx: audit_log.list_newest_entries(tx))
    with pytest.raises(NoResultFound):
        gw.store.run(lambda tx: copies.take_received(tx, gw, "885", MessageId("nothing"), view))
    assert gw.store.look(lambda tx: audit_log.list_newest_entries(tx)) == before


def test_a_view_without_an_entry_cannot_be_made() -> None:
    with pytest.raises(TypeError):
        View()  # type: ignore[call-arg]


async def test_of_a_list_only_what_can_still_be_opened_is_a_view_and_nothing_is_none(pair: Pair) -> None:
    gw, _ = pair
    held, destroyed = [notice(now=gw.now()) for _ in range(2)]
    gw.store.run(lambda tx: queue_messages(tx, gw, prepare_messages(gw, [held, destroyed], "olive")))
    of = outbox_contents.c.message_id
    gw.store.run(
        lambda tx: tx.execute(update(outbox_contents).values(data_key=None).where(of == destroyed.header.message_id))
    )
    told: list[Collection[MessageName]] = []

    def describe_view(keys: Collection[MessageName]) -> View:
        told.append(list(keys))
        return View(AuditEntry("list.read", "olive", mentions=tuple(message_id for _, message_id in keys)))

    for message in (held, destroyed):
        name = MessageName("", message.header.message_id)
        taken = gw.store.run(lambda tx, name=name: copies.take_held(tx, gw, [name], describe_view))  # type: ignore[misc]
        assert list(taken) == [name] * (message is held)
    assert told == [[("", held.header.message_id)]]
    [entry] = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="list.read"))
    assert entry.actor == "olive"
