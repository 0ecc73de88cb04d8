"""Nothing that is asked with every message reads a whole table: what is quick with ten notices is
quick with a million.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event

from gateway.core.delivery import DeliveryState
from gateway.core.draft_state import DraftState
from gateway.core.inbox_state import InboxState
from gateway.core.mail_replies import Judgement, MailReplyKind, MailReplyStage
from gateway.core.match_state import FOR_PEOPLE, MatchState
from gateway.core.message_name import MessageName
from gateway.core.replies import Misfit
from gateway.core.transfer_stage import TransferStage
from gateway.store import (
    alerts,
    audit_log,
    audit_search,
    blind_index,
    case_notes,
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
    purge,
    reminders,
    retention,
    reviews,
    searches,
    statements,
    transfer_files,
)
from gateway.store.audit_log import AuditEntry
from gateway.store.audit_search import AuditQuery
from gateway.store.blind_index import IndexedMessage, IndexHit
from gateway.store.database import Store
from gateway.store.drafts import NewDraft
from gateway.store.idempotency import RepeatableRequest
from gateway.store.inbox import ArrivedMessage, StoredReceipt
from gateway.store.mail_replies import NewMailReply
from gateway.store.mailboxes import MailboxBundle
from gateway.store.outbox import QueuedNotice, SettledTry
from gateway.store.searches import PossibleMatch, ReceivedSearch
from schemas.shapes import CaseId, MessageId

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
GROWS = (
    "alerts",
    "assignments",
    "case_notes",
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

MESSAGES = [MessageId("m1"), MessageId("m2")]
CASES = [CaseId("c1"), CaseId("c2")]


def arrived(number: int, sequence: int = 1) -> ArrivedMessage:
    name = MessageId(f"m{number}")
    return ArrivedMessage(
        "885", name, CaseId(f"c{number}"), None, None, sequence, "TransferNotice", "none", False, name, b"k", b"c", NOW
    )


def queued(number: int) -> QueuedNotice:
    name = MessageId(f"m{number}")
    return QueuedNotice(
        name, CaseId(f"c{number}"), None, 1, "885", "TransferNotice", "none", False, name, b"s", b"k", b"c", "olive"
    )


def mailed(number: int) -> NewMailReply:
    name = MessageId(f"m{number}")
    return NewMailReply(
        name, NOW, MailReplyKind.REPLY, "b.example", True, False, False, number, MailReplyStage.WAITING, b"k", b"c"
    )


SEARCH = ReceivedSearch("885", MessageId("m1"), "WhereaboutsEnquiry", NOW, MatchState.NEW, NOW)
POSSIBLE = PossibleMatch(1, 90, ("upn",), b"k", b"c")
WORK: dict[str, Callable[[Connection], object]] = {
    "queue": lambda tx: outbox.add_deliveries(tx, NOW, [queued(3), queued(4)]),
    "which partners": lambda tx: outbox.list_partners_due(tx, NOW),
    "claim": lambda tx: outbox.claim_deliveries(tx, NOW, "885", 100),
    "settle": lambda tx: outbox.settle_deliveries(
        tx, NOW, [SettledTry(MessageId("m1"), DeliveryState.RECEIVED, "https", "receipted")]
    ),
    "postpone": lambda tx: outbox.postpone_deliveries(tx, "885", NOW),
    "who owes receipts": lambda tx: outbox.list_partners_awaited(tx),
    "what is overdue": lambda tx: outbox.has_overdue(tx, NOW),
    "deliver it again": lambda tx: outbox.queue_overdue(tx, NOW),
    "ask for a receipt": lambda tx: outbox.request_receipt(tx, MessageId("m1"), "885", NOW),
    "for which we hold no receipt": lambda tx: statements.find_unreceipted(tx, "885", MESSAGES),
    "the receipts for these": lambda tx: list(statements.list_accepting_receipts(tx, "885", MESSAGES)),
    "what a receipt is for": lambda tx: outbox.list_awaiting_receipt(tx, "885", ["m1", "m2"]),
    "was this row sent": lambda tx: intake.find_sent_by_digest(tx, ["d1", "d2"]),
    "what was sent about this child": lambda tx: intake.find_sent_by_child(tx, ["c1", "c2"]),
    "is this row a draft": lambda tx: (
        drafts.find_drafts_by_digest(tx, ["d1", "d2"]),
        drafts.list_open_drafts(tx, ["c1", "c2"]),
    ),
    "one draft": lambda tx: drafts.get_locked_draft(tx, "r1"),
    "end a draft": lambda tx: drafts.end_draft(tx, NOW, "r1", DraftState.SENT, "olive"),
    "the oldest drafts": lambda tx: (drafts.list_drafts(tx, DraftState.OPEN, 50), drafts.count_open_drafts(tx)),
    "mails that wait to be read": lambda tx: (
        mail_replies.list_waiting_replies(tx, 25, cursor=1),
        mail_replies.count_waiting_replies(tx),
        mail_replies.list_waiting_since(tx),
    ),
    "mails about a notice": lambda tx: (
        mail_replies.add_mail_reply(tx, mailed(3)),
        mail_replies.list_mail_replies_about(tx, ["m1", "m2"]),
        mail_replies.count_mail_replies(tx, MessageId("m1")),
        mail_replies.list_accepting_replies(tx, MessageId("m1")),
    ),
    "one mail": lambda tx: (
        mail_replies.get_locked_mail_reply(tx, 1),
        mail_replies.set_judgement(tx, NOW, mail_replies.get_mail_reply(tx, 1), Judgement.ACCEPTED, "olive"),
        mail_replies.list_mail_replies(tx, 25, cursor=9),
    ),
    "undo an acceptance": lambda tx: mail_replies.undo_judgements(tx, [1]),
    "where some postcodes lie": lambda tx: postcodes.find_postcode_authorities(tx, ["B708SZ", "WR19ZZ"]),
    "where a postcode lies": lambda tx: postcodes.find_postcode_authority(tx, "B708SZ"),
    "keep for others": lambda tx: mailboxes.add_bundle(
        tx, MailboxBundle("885", "messages", "b", "333", b"sealed", NOW)
    ),
    "what lies in a mailbox": lambda tx: (
        mailboxes.list_oldest_bundles(tx, "885", "messages", 4),
        mailboxes.sum_mailbox_bytes(tx, "885"),
    ),
    "advance": lambda tx: outbox.advance_delivery(tx, NOW, MessageId("m1"), "885", DeliveryState.ACKNOWLEDGED),
    "next in the case": lambda tx: outbox.get_next_sequence(tx, CaseId("c1"), "885"),
    "one sent": lambda tx: (
        outbox.get_delivery(tx, MessageId("m1")),
        outbox.get_locked_notice(tx, MessageId("m1")),
        outbox.list_tries(tx, MessageId("m1")),
    ),
    "newest sent": lambda tx: outbox.search_outbox(tx),
    "a page of what was sent": lambda tx: (
        outbox.search_outbox(tx, outbox.OutboxQuery(since=NOW, cursor=(NOW, "m1")), limit=50),
        outbox.search_outbox(tx, limit=50),
    ),
    "a page of what came": lambda tx: (
        inbox.search_inbox(tx, NOW, inbox.InboxQuery(since=NOW, cursor=(NOW, "m1")), limit=50),
        inbox.search_inbox(tx, NOW, inbox.InboxQuery(cursor=(NOW, "m1"), oldest_first=True), limit=50),
        inbox.search_inbox(tx, NOW, limit=50),
        outbox.search_outbox(tx, outbox.OutboxQuery(cursor=(NOW, "m1"), oldest_first=True), limit=50),
    ),
    "what is owed": lambda tx: (
        outbox.list_owed_deliveries(tx, tuple(DeliveryState)),
        inbox.list_owed_messages(tx, NOW),
        inbox.list_waiting_rows(tx, NOW),
        inbox.list_waiting_assignments(tx),
    ),
    "what was written down about a case": lambda tx: case_notes.list_case_notes(tx, CaseId("c1")),
    "raise an alert": lambda tx: alerts.add_alerts(tx, NOW, [(MessageName("885", MessageId("m1")), True)]),
    "an alert was announced": lambda tx: alerts.set_told(tx, NOW, [MessageName("885", MessageId("m1"))]),
    "what is urgent": lambda tx: (
        alerts.list_untold(tx),
        alerts.is_waiting(tx, MessageName("885", MessageId("m1"))),
        alerts.end_waiting(tx, MessageName("885", MessageId("m1"))),
        inbox.list_unread_tasks(tx, 32),
    ),
    "what was done about it": lambda tx: (
        outbox.list_last_tries(tx, MESSAGES),
        reminders.list_reminders(tx, ["m1", "m2"]),
        inbox.list_last_reminders(tx, MESSAGES),
    ),
    "the copies of a page": lambda tx: (
        outbox.list_locked_notices(tx, MESSAGES),
        inbox.list_locked_messages(tx, {MessageName("885", message_id) for message_id in MESSAGES}),
    ),
    "forget old answers": lambda tx: idempotency.delete_old_requests(tx, NOW),
    "was this request answered": lambda tx: (
        idempotency.find_request(tx, "one", "k"),
        idempotency.set_request_answer(tx, RepeatableRequest("one", "k", "s", "c", NOW, 202)),
    ),
    "seen before": lambda tx: inbox.find_own_receipts(tx, "333", ["m1", "m2"]),
    "keep": lambda tx: inbox.add_messages(tx, NOW, [arrived(3, 2), arrived(4, 2)]),
    "what overtook it": lambda tx: inbox.list_overtakers(tx, "885", MESSAGES),
    "what it names": lambda tx: (
        outbox.find_sent_names(tx, MESSAGES),
        inbox.find_received_names(tx, "885", MESSAGES),
    ),
    "whose case it is": lambda tx: (
        outbox.list_opened_cases(tx, CASES),
        outbox.find_cases_with(tx, "885", CASES),
        inbox.list_case_messages(tx, CASES),
    ),
    "a newer word": lambda tx: inbox.has_later_word(tx, "885", MessageId("m1"), MessageId("m2"), NOW, 1),
    "a reply that does not fit": lambda tx: inbox.set_misfit(
        tx, NOW, "885", MessageId("m1"), InboxState.DOES_NOT_FIT, Misfit.LATE
    ),
    "replies about nothing": inbox.count_replies_about_nothing,
    "mark": lambda tx: inbox.set_state(tx, NOW, "885", MessageId("m1"), InboxState.ACKNOWLEDGED),
    "one received": lambda tx: (
        inbox.find_message_names(tx, "m1"),
        inbox.is_predecessor_missing(tx, inbox.get_message(tx, MessageName("885", MessageId("m1")))),
    ),
    "newest received": lambda tx: inbox.search_inbox(tx, NOW),
    "receipts": lambda tx: inbox.add_receipts(
        tx, NOW, [StoredReceipt("333", "m1", MessageId("m1"), "accepted", "token")]
    ),
    "a message's receipts": lambda tx: inbox.list_receipts(tx, MessageId("m1"), issuer="333"),
    "note what is due for import": lambda tx: transfer_files.add_files_due(tx, NOW, [("885", "m1"), ("885", "m3")]),
    "what is to be written": lambda tx: transfer_files.list_files_due(tx),
    "write it": lambda tx: transfer_files.set_file_written(
        tx,
        NOW,
        "885",
        MessageId("m1"),
        transfer_files.get_next_file_number(tx, "885"),
        "885LLLL_CTF_333LLLL_001.xml",
        ["Surname"],
    ),
    "what an answer is about": lambda tx: transfer_files.find_file_by_name(tx, "885LLLL_CTF_333LLLL_001.xml"),
    "newest imports": lambda tx: transfer_files.list_transfer_files(tx, other_than="333"),
    "the oldest that waits": lambda tx: transfer_files.find_oldest_file_due(tx),
    "the newest checkpoint of a partner": lambda tx: (
        partner_checkpoints.find_largest_checkpoint(tx, "885"),
        partner_checkpoints.find_checkpoint_of_size(tx, "885", 7),
        partner_checkpoints.find_alarm(tx, "885"),
        partner_checkpoints.find_restart_accepted(tx, "885"),
    ),
    "under review": lambda tx: reviews.begin_reviews(tx, NOW, CASES, "cme-gateway"),
    "the review of a case": lambda tx: reviews.list_review_acts(tx, CaseId("c1")),
    "note a search": lambda tx: searches.add_searches(tx, NOW, [("885", MessageId("m9"), "WhereaboutsEnquiry")]),
    "which searches are due": lambda tx: (children.find_current_load(tx), searches.list_searches_due(tx, 1, 50)),
    "which children are near": lambda tx: (
        children.list_locked_children(tx, 1, children.find_child_numbers(tx, 1, [-5, 7])),
        children.find_counts(tx, 1, [-5, 7]),
    ),
    "keep what the index says": lambda tx: searches.set_matches(tx, NOW, SEARCH, 1, MatchState.MATCHED, [POSSIBLE]),
    "a search ends": lambda tx: searches.end_search(tx, NOW, "885", MessageId("m1")),
    "the machine answered": lambda tx: searches.set_machine_answered(tx, SEARCH),
    "one search": lambda tx: (
        searches.find_search(tx, "885", MessageId("m1")),
        searches.list_matches(tx, "885", MessageId("m1")),
    ),
    "the oldest searches": lambda tx: (
        searches.list_match_strengths(tx, searches.list_searches(tx, FOR_PEOPLE, 50)),
        searches.count_searches(tx, MatchState.NONE),
        inbox.list_unmatched_searches(tx),
    ),
    "what waits, without the unmatched": lambda tx: inbox.search_inbox(tx, NOW, inbox.InboxQuery(unmatched=False)),
    "clear away old keys": lambda tx: children.delete_child_keys(tx, 1, 3),
    "clear away old children": lambda tx: (children.list_old_loads(tx, 2), children.delete_children(tx, 1, 100)),
    "health of every partner": lambda tx: (
        outbox.count_by_state(tx, tuple(DeliveryState)[:4]),
        partner_health.list_route_reach(tx),
    ),
    "how a batch went": lambda tx: partner_health.note_route_endings(tx, NOW, "885", [("https", "later", "why", None)]),
    "dead letters": lambda tx: (outbox.list_dead_letters(tx, None, 50), outbox.list_dead_letters(tx, "885", 50)),
    "try one again": lambda tx: outbox.release_delivery(tx, NOW, MessageId("m1")),
    "health of the rest": lambda tx: (
        mailboxes.list_mailbox_fill(tx, ["885", "330"]),
        audit_log.find_checkpoint_size(tx),
        partner_checkpoints.list_alarms(tx),
        transfer_files.count_files(tx, TransferStage.WAITING),
        heartbeats.list_heartbeats(tx),
    ),
    "make findable": lambda tx: blind_index.index_messages(
        tx, [IndexedMessage("came", "885", MessageId("m9"), (-5, 7))]
    ),
    "which old ones are to be made findable": lambda tx: blind_index.list_unindexed(tx, 100),
    "make an old one findable": lambda tx: blind_index.index_old_messages(
        tx, [(IndexHit(-1, "sent", "885", MessageId("m8")), (-5, 7))]
    ),
    "which marks are of an older version": lambda tx: (
        blind_index.list_outdated(tx, 100),
        blind_index.count_waiting(tx, 1_000),
    ),
    "renew the marks of one": lambda tx: blind_index.renew_marks(
        tx, [(IndexHit(1, "sent", "885", MessageId("m8")), (-5, 9))]
    ),
    "find by very many marks": lambda tx: blind_index.find_marked(tx, [range(2_000), [7]], limit=50),
    "old ones are settled": lambda tx: blind_index.delete_unindexed(tx, [-1, -2]),
    "find by one mark": lambda tx: blind_index.find_marked(tx, [[-5]], limit=50),
    "find by several, the next page": lambda tx: blind_index.find_marked(
        tx, [[-5, 8], [7], [6, 9]], limit=50, cursor=100
    ),
    "how what was found stands": lambda tx: (
        outbox.list_deliveries_by_id(tx, MESSAGES),
        inbox.list_messages_by_id(tx, NOW, MESSAGES),
    ),
    "judge cases": lambda tx: retention.read_cases(tx, CASES),
    "destroy a case": lambda tx: purge.destroy_case(tx, CASES[0]),
    "forget what is destroyed": lambda tx: blind_index.delete_from_index(
        tx, [MessageName("", MessageId("m1")), MessageName("885", MessageId("m2"))]
    ),
    "audit": lambda tx: audit_log.append_entries(tx, NOW, [AuditEntry("notice.queued", "olive", "m1")]),
    "what was done to it": lambda tx: audit_log.list_newest_entries(tx, about="m1"),
    "the newest of the log": lambda tx: audit_search.search_entries(tx, AuditQuery(), 900, 51),
    "the log by kind": lambda tx: audit_search.search_entries(
        tx, AuditQuery(acts=("notice.read", "match.read")), 900, 51
    ),
    "the log by person": lambda tx: (
        audit_search.search_entries(tx, AuditQuery(actor="olive"), 900, 51),
        audit_search.has_actor(tx, "olive"),
    ),
    "the log by partner": lambda tx: audit_search.search_entries(tx, AuditQuery(partner="885"), 900, 51),
    "the log by time": lambda tx: audit_search.search_entries(tx, AuditQuery(since=NOW, until=NOW), None, 51),
    "the log by person and time": lambda tx: audit_search.search_entries(
        tx, AuditQuery(actor="olive", since=NOW, until=NOW), 900, 51
    ),
    "the log by person and kind": lambda tx: audit_search.search_entries(
        tx, AuditQuery(actor="olive", acts=("notice.read",)), 900, 51
    ),
    "one entry": lambda tx: (audit_search.get_entry(tx, 0), audit_search.find_checkpoint_over(tx, 0)),
    "when partners were in touch": lambda tx: audit_search.list_last_acts(tx, ("message.kept", "receipt.verified")),
    "an id by its end": lambda tx: audit_search.list_ids_ending(tx, "0123456789ab"),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('plans') / 'store.db'}")
    store.migrate(create=True)
    store.run(lambda tx: inbox.add_messages(tx, NOW, [arrived(1), arrived(2)]))
    store.run(lambda tx: outbox.add_deliveries(tx, NOW, [queued(1), queued(2)]))
    store.run(lambda tx: drafts.add_drafts(tx, NOW, [NewDraft("r1", "d1", "c1", "s1", "why", "f", 2, b"k", b"c")]))
    store.run(lambda tx: searches.add_searches(tx, NOW, [("885", MessageId("m1"), "WhereaboutsEnquiry")]))
    store.run(
        lambda tx: blind_index.index_messages(
            tx,
            [
                IndexedMessage("came", "885", MessageId("m1"), (-5, 7)),
                IndexedMessage("sent", "885", MessageId("m2"), (-5, 6)),
            ],
        )
    )
    store.run(lambda tx: audit_log.append_entries(tx, NOW, [AuditEntry("notice.queued", "olive", "m1")]))
    store.run(lambda tx: mail_replies.add_mail_reply(tx, mailed(1)))
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
    # With a limit: it stops after a page.
    newest_first = [plan for plan in whole if "USING INDEX" in plan]
    assert whole == newest_first
    assert not [plan for plan in plans if "TEMP B-TREE" in plan], "a listing is sorted whole for its first page"
