"""A copy is taken out with the entries that say who views it, or for a machine: there is no third way."""

import pytest
from sqlalchemy.exc import NoResultFound

from gateway import copies
from gateway.copies import Machine
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry
from schemas.shapes import MessageId
from tests.children import notice
from tests.flows.test_exchange import Pair


def test_a_persons_view_is_an_entry_of_the_same_transaction_and_a_machines_is_none(pair: Pair) -> None:
    gw, _ = pair
    message = notice(now=gw.now())
    gw.store.run(lambda tx: queue_messages(tx, gw, prepare_messages(gw, [message], "olive")))
    message_id = message.header.message_id
    views = [AuditEntry("notice.read", by, message_id, "885") for by in ("olive", "Amina Ali")]

    def take_for_both() -> tuple[copies.Copy, copies.Copy]:
        by_machine = gw.store.run(lambda tx: copies.take_sent(tx, gw, message_id, Machine.MATCH))
        by_person = gw.store.run(lambda tx: copies.take_copies(tx, gw, [("", message_id)], views))
        return by_machine, by_person["", message_id]

    before = len(gw.store.look(lambda tx: audit_log.list_newest_entries(tx, about=message_id)))
    first, second = take_for_both()
    entries = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, about=message_id))
    assert len(entries) == before + len(views)
    assert {(one.act, one.actor) for one in entries} >= {("notice.read", "olive"), ("notice.read", "Amina Ali")}
    assert copies.open_copy(gw, first) == copies.open_copy(gw, second) == message


def test_what_is_not_there_leaves_no_view_behind(pair: Pair) -> None:
    gw, _ = pair
    views = [AuditEntry("notice.read", "olive", "nothing", "885")]
    before = gw.store.look(lambda tx: audit_log.list_newest_entries(tx))
    with pytest.raises(NoResultFound):
        gw.store.run(lambda tx: copies.take_received(tx, gw, "885", MessageId("nothing"), views))
    assert gw.store.look(lambda tx: audit_log.list_newest_entries(tx)) == before
