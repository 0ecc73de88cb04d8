"""Nothing that is asked with every message reads a whole table: what is quick with ten notices is quick with a million."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event

from gateway.core.delivery import State
from gateway.core.inbox_state import Standing
from gateway.core.mail_replies import Judgement, Stage, What
from gateway.core.message_name import MessageName
from gateway.core.replies import Misfit
from gateway.store import (
    audit_log,
    audit_search,
    blind_index,
    children,
    drafts,
    heartbeats,
    idempotency,
    inbox,
    intake,
    mail_replies,
    mailboxes,
    outbox,
    partner_checkpoints,
    partner_health,
    postcodes,
    reminders,
    reviews,
    searches,
    statements,
    transfer_files,
)
from gateway.store.audit_log import Entry
from gateway.store.audit_search import Sought
from gateway.store.blind_index import Lying, Marked
from gateway.store.database import Store
from gateway.store.drafts import Made
from gateway.store.idempotency import Kept
from gateway.store.inbox import Arrived, Receipt
from gateway.store.mail_replies import Came
from gateway.store.mailboxes import Held
from gateway.store.outbox import Queued, Settled
from gateway.store.searches import Found, Possible, Search

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
GROWS = (
    "outbox",
    "outbox_contents",
    "attempts",
    "inbox",
    "receipts",
    "audit_entries",
    "mail_replies",
    "mailboxes",
    "postcodes",
    "transfer_files",
    "intake",
    "drafts",
    "witnessed",
    "reviews",
    "children",
    "child_keys",
    "searches",
    "matches",
    "marked",
    "marks",
    "unmarked",
    "api_answers",
)


def arrived(number: int, sequence: int = 1) -> Arrived:
    name = f"m{number}"
    return Arrived(
        "885", name, f"c{number}", None, None, sequence, "TransferNotice", "none", False, name, b"k", b"c", NOW
    )


def queued(number: int) -> Queued:
    name = f"m{number}"
    return Queued(name, f"c{number}", None, 1, "885", "TransferNotice", "none", False, name, b"s", b"k", b"c", "olive")


def mailed(number: int) -> Came:
    name = f"m{number}"
    return Came(name, NOW, What.REPLY, "b.example", True, False, False, number, Stage.WAITING, b"k", b"c")


SEARCH = Search("885", "m1", "WhereaboutsEnquiry", NOW, Found.NEW, NOW)
POSSIBLE = Possible(1, 90, ("upn",), b"k", b"c")
WORK: dict[str, Callable[[Connection], object]] = {
    "queue": lambda tx: outbox.add(tx, NOW, [queued(3), queued(4)]),
    "which partners": lambda tx: outbox.partners_due(tx, NOW),
    "claim": lambda tx: outbox.claim(tx, NOW, "885", 100),
    "settle": lambda tx: outbox.settle(tx, NOW, [Settled("m1", State.RECEIVED, "https", "receipted")]),
    "postpone": lambda tx: outbox.postpone(tx, "885", NOW),
    "who owes receipts": lambda tx: outbox.partners_sent(tx),
    "what is overdue": lambda tx: outbox.overdue(tx, NOW),
    "deliver it again": lambda tx: outbox.queue_overdue(tx, NOW),
    "ask for a receipt": lambda tx: outbox.ask_receipt(tx, "m1", "885", NOW),
    "for which we hold no receipt": lambda tx: statements.unreceipted(tx, "885", ["m1", "m2"]),
    "what a receipt is for": lambda tx: outbox.awaiting(tx, "885", ["m1", "m2"]),
    "was this row sent": lambda tx: intake.known(tx, ["d1", "d2"]),
    "what was sent about this child": lambda tx: intake.find_of(tx, ["c1", "c2"]),
    "is this row a draft": lambda tx: (drafts.known(tx, ["d1", "d2"]), drafts.open_of(tx, ["c1", "c2"])),
    "one draft": lambda tx: drafts.locked(tx, "r1"),
    "end a draft": lambda tx: drafts.end(tx, NOW, "r1", drafts.State.SENT, "olive"),
    "the oldest drafts": lambda tx: (drafts.search(tx, drafts.State.OPEN, 50), drafts.waiting(tx)),
    "mails that wait to be read": lambda tx: (
        mail_replies.waiting(tx, 25, after=1),
        mail_replies.count_waiting(tx),
        mail_replies.waiting_since(tx),
    ),
    "mails about a notice": lambda tx: (
        mail_replies.add(tx, mailed(3)),
        mail_replies.about(tx, ["m1", "m2"]),
        mail_replies.count_about(tx, "m1"),
        mail_replies.accepted(tx, "m1"),
    ),
    "one mail": lambda tx: (
        mail_replies.locked(tx, 1),
        mail_replies.judge(tx, NOW, mail_replies.get(tx, 1), Judgement.ACCEPTED, "olive"),
        mail_replies.page(tx, 25, before=9),
    ),
    "undo an acceptance": lambda tx: mail_replies.undo(tx, [1]),
    "where some postcodes lie": lambda tx: postcodes.find_all(tx, ["B708SZ", "WR19ZZ"]),
    "where a postcode lies": lambda tx: postcodes.find(tx, "B708SZ"),
    "keep for others": lambda tx: mailboxes.put(tx, Held("885", "messages", "b", "333", b"sealed", NOW)),
    "what lies in a mailbox": lambda tx: (mailboxes.oldest(tx, "885", "messages", 4), mailboxes.size(tx, "885")),
    "advance": lambda tx: outbox.advance(tx, NOW, "m1", "885", State.ACKNOWLEDGED),
    "next in the case": lambda tx: outbox.next_sequence(tx, "c1", "885"),
    "one sent": lambda tx: (outbox.get(tx, "m1"), outbox.locked(tx, "m1"), outbox.tries(tx, "m1")),
    "newest sent": lambda tx: outbox.search(tx),
    "a page of what was sent": lambda tx: (
        outbox.page(tx, since=NOW, before=(NOW, "m1"), limit=50),
        outbox.page(tx, limit=50),
    ),
    "a page of what came": lambda tx: (
        inbox.search(tx, NOW, since=NOW, beyond=(NOW, "m1"), limit=50),
        inbox.search(tx, NOW, beyond=(NOW, "m1"), oldest_first=True, limit=50),
        inbox.search(tx, NOW, limit=50),
    ),
    "what is owed": lambda tx: (outbox.owing(tx, tuple(State)), inbox.owing(tx, NOW), inbox.waiting(tx, NOW, 100)),
    "what was done about it": lambda tx: (
        outbox.last_tries(tx, ["m1", "m2"]),
        reminders.about(tx, ["m1", "m2"]),
        inbox.reminders(tx, ["m1", "m2"]),
    ),
    "the copies of a page": lambda tx: (
        outbox.all_locked(tx, ["m1", "m2"]),
        inbox.all_locked(tx, {("885", "m1"), ("885", "m2")}),
    ),
    "forget old answers": lambda tx: idempotency.forget(tx, NOW),
    "was this request answered": lambda tx: (
        idempotency.find(tx, "one", "k"),
        idempotency.end(tx, Kept("one", "k", "s", "c", NOW, 202)),
    ),
    "seen before": lambda tx: inbox.receipts_for(tx, "333", ["m1", "m2"]),
    "keep": lambda tx: inbox.keep(tx, NOW, [arrived(3, 2), arrived(4, 2)]),
    "what overtook it": lambda tx: inbox.overtakers(tx, "885", ["m1", "m2"]),
    "what it names": lambda tx: (outbox.named(tx, {"m1", "m2"}), inbox.named(tx, "885", {"m1", "m2"})),
    "whose case it is": lambda tx: (
        outbox.opened(tx, {"c1", "c2"}),
        outbox.cases_with(tx, "885", {"c1", "c2"}),
        inbox.in_cases(tx, {"c1", "c2"}),
    ),
    "a newer word": lambda tx: inbox.said_later(tx, "885", "m1", "m2", NOW, 1),
    "a reply that does not fit": lambda tx: inbox.set_aside(tx, NOW, "885", "m1", Standing.DOES_NOT_FIT, Misfit.LATE),
    "replies about nothing": inbox.about_nothing,
    "mark": lambda tx: inbox.mark(tx, NOW, "885", "m1", Standing.ACKNOWLEDGED),
    "one received": lambda tx: (
        inbox.find_names(tx, "m1"),
        inbox.missing_before(tx, inbox.get(tx, MessageName("885", "m1"))),
    ),
    "newest received": lambda tx: inbox.search(tx, NOW),
    "receipts": lambda tx: inbox.add_receipts(tx, NOW, [Receipt("333", "m1", "m1", "accepted", "token")]),
    "a message's receipts": lambda tx: inbox.receipts_about(tx, "m1", issuer="333"),
    "note what is due for import": lambda tx: transfer_files.due(tx, NOW, [("885", "m1"), ("885", "m3")]),
    "what is to be written": lambda tx: transfer_files.waiting(tx),
    "write it": lambda tx: transfer_files.set_written(
        tx, NOW, "885", "m1", transfer_files.next_number(tx, "885"), "885LLLL_CTF_333LLLL_001.xml", ["Surname"]
    ),
    "what an answer is about": lambda tx: transfer_files.named(tx, "885LLLL_CTF_333LLLL_001.xml"),
    "newest imports": lambda tx: transfer_files.search(tx, other_than="333"),
    "the oldest that waits": lambda tx: transfer_files.oldest_waiting(tx),
    "the newest checkpoint of a partner": lambda tx: (
        partner_checkpoints.largest(tx, "885"),
        partner_checkpoints.of_size(tx, "885", 7),
        partner_checkpoints.alarm_of(tx, "885"),
        partner_checkpoints.began_anew(tx, "885"),
    ),
    "under review": lambda tx: reviews.begin(tx, NOW, ["c1", "c2"], "cme-gateway"),
    "the review of a case": lambda tx: reviews.of_case(tx, "c1"),
    "note a search": lambda tx: searches.note(tx, NOW, [("885", "m9", "WhereaboutsEnquiry")]),
    "which searches are due": lambda tx: (children.current(tx), searches.due(tx, 1, 50)),
    "which children are near": lambda tx: (
        children.locked(tx, 1, children.numbers(tx, 1, [-5, 7])),
        children.counts(tx, 1, [-5, 7]),
    ),
    "keep what the index says": lambda tx: searches.set_found(tx, NOW, SEARCH, 1, Found.MATCHED, [POSSIBLE]),
    "a search ends": lambda tx: searches.end(tx, NOW, "885", "m1"),
    "the machine answered": lambda tx: searches.set_answered(tx, SEARCH),
    "one search": lambda tx: (searches.get(tx, "885", "m1"), searches.possible(tx, "885", "m1")),
    "the oldest searches": lambda tx: (
        searches.strengths(tx, searches.waiting(tx, searches.FOR_PEOPLE, 50)),
        searches.count(tx, Found.NONE),
        inbox.unmatched(tx),
    ),
    "what waits, without the unmatched": lambda tx: inbox.search(tx, NOW, unmatched=False),
    "clear away old keys": lambda tx: children.clear_keys(tx, 1, 3),
    "clear away old children": lambda tx: (children.left(tx, 2), children.clear_children(tx, 1, 100)),
    "health of every partner": lambda tx: (outbox.standing(tx, tuple(State)[:4]), partner_health.every(tx)),
    "how a batch went": lambda tx: partner_health.note_endings(tx, NOW, "885", [("https", "later", "why", None)]),
    "dead letters": lambda tx: (outbox.given_up(tx, None, 50), outbox.given_up(tx, "885", 50)),
    "try one again": lambda tx: outbox.release_one(tx, NOW, "m1"),
    "health of the rest": lambda tx: (
        mailboxes.fill(tx, ["885", "330"]),
        audit_log.covered(tx),
        partner_checkpoints.alarms(tx),
        transfer_files.count(tx, transfer_files.Stage.WAITING),
        heartbeats.every(tx),
    ),
    "make findable": lambda tx: blind_index.put(tx, [Marked("came", "885", "m9", (-5, 7))]),
    "which old ones are to be made findable": lambda tx: blind_index.old(tx, 100),
    "make an old one findable": lambda tx: blind_index.put_old(tx, [(Lying(-1, "sent", "885", "m8"), (-5, 7))]),
    "old ones are settled": lambda tx: blind_index.settle_old(tx, [-1, -2]),
    "find by one mark": lambda tx: blind_index.find(tx, [[-5]], limit=50),
    "find by several, the next page": lambda tx: blind_index.find(tx, [[-5, 8], [7], [6, 9]], limit=50, before=100),
    "how what was found stands": lambda tx: (outbox.several(tx, ["m1", "m2"]), inbox.several(tx, NOW, ["m1", "m2"])),
    "forget what is destroyed": lambda tx: blind_index.forget(tx, ["m1", "m2"]),
    "audit": lambda tx: audit_log.append(tx, NOW, [Entry("notice.queued", "olive", "m1")]),
    "what was done to it": lambda tx: audit_log.search(tx, about="m1"),
    "the newest of the log": lambda tx: audit_search.newest(tx, Sought(), 900, 51),
    "the log by kind": lambda tx: audit_search.newest(tx, Sought(acts=("notice.read", "match.read")), 900, 51),
    "the log by person": lambda tx: (
        audit_search.newest(tx, Sought(actor="olive"), 900, 51),
        audit_search.has_actor(tx, "olive"),
    ),
    "the log by partner": lambda tx: audit_search.newest(tx, Sought(partner="885"), 900, 51),
    "the log by time": lambda tx: audit_search.newest(tx, Sought(since=NOW, until=NOW), None, 51),
    "the log by person and time": lambda tx: audit_search.newest(
        tx, Sought(actor="olive", since=NOW, until=NOW), 900, 51
    ),
    "the log by person and kind": lambda tx: audit_search.newest(
        tx, Sought(actor="olive", acts=("notice.read",)), 900, 51
    ),
    "one entry": lambda tx: (audit_search.one(tx, 0), audit_search.checkpoint_over(tx, 0)),
    "when partners were in touch": lambda tx: audit_search.last_with(tx, ("message.kept", "receipt.verified")),
    "an id by its end": lambda tx: audit_search.ids_ending(tx, "0123456789ab"),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('plans') / 'store.db'}")
    store.migrate(create=True)
    store.run(lambda tx: inbox.keep(tx, NOW, [arrived(1), arrived(2)]))
    store.run(lambda tx: outbox.add(tx, NOW, [queued(1), queued(2)]))
    store.run(lambda tx: drafts.put(tx, NOW, [Made("r1", "d1", "c1", "s1", "why", "f", 2, b"k", b"c")]))
    store.run(lambda tx: searches.note(tx, NOW, [("885", "m1", "WhereaboutsEnquiry")]))
    store.run(
        lambda tx: blind_index.put(tx, [Marked("came", "885", "m1", (-5, 7)), Marked("sent", "885", "m2", (-5, 6))])
    )
    store.run(lambda tx: audit_log.append(tx, NOW, [Entry("notice.queued", "olive", "m1")]))
    store.run(lambda tx: mail_replies.add(tx, mailed(1)))
    return store


@pytest.mark.parametrize("name", WORK)
def test_it_reads_no_whole_table(store: Store, name: str) -> None:
    plans: list[str] = []

    def explain(connection: Connection, _: object, statement: str, values: Sequence[Any], *__: object) -> None:
        cursor = connection.connection.cursor()
        cursor.execute(
            "EXPLAIN QUERY PLAN " + statement, values[0] if values and isinstance(values[0], tuple) else values
        )
        plans.extend(str(row[3]) for row in cursor.fetchall())

    event.listen(store.engine, "before_cursor_execute", explain)
    try:
        store.look(WORK[name])
    finally:
        event.remove(store.engine, "before_cursor_execute", explain)
    whole = [plan for plan in plans for table in GROWS if plan.startswith(f"SCAN {table}")]
    newest_first = [plan for plan in whole if "USING INDEX" in plan]  # with a limit: it stops after a page
    assert whole == newest_first
    assert not [plan for plan in plans if "TEMP B-TREE" in plan], "a listing is sorted whole for its first page"
