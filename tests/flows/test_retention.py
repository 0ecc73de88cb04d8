"""How long cases are kept: what ends, what is held, and that a purge leaves nothing of the child."""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway import app
from gateway.auditing import audit
from gateway.casework import by_hand, find
from gateway.casework.by_hand import PhoneCall
from gateway.casework.case_notes import CaseNote, add_case_note
from gateway.context import Gateway
from gateway.core.calendar import Span
from gateway.core.delivery import DeliveryState
from gateway.core.draft_state import DraftState
from gateway.core.findings import FindingLevel
from gateway.core.message_name import MessageName
from gateway.core.retention import HoldReason
from gateway.errors import NotAllowed, NotFound, StoreUnavailable
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.monitoring.health import measure_health
from gateway.reports import statistics, timeliness, trend
from gateway.retention import legal_holds, purge
from gateway.settings.sections import OneSettings
from gateway.store import audit_log, drafts, intake, outbox, purge_runs, statements, tables
from gateway.store.database import Tx
from gateway.store.drafts import NewDraft
from gateway.store.intake import SentRow
from gateway.store.tables import inbox, outbox_contents
from keys import at_rest
from schemas.shapes import CaseId, MessageId
from tests import folders
from tests.children import notice, without_urgency
from tests.conftest import introduce, make, new_database
from tests.flows.reporting import acknowledge, at, conclude, exchange
from tests.flows.test_exchange import until
from tests.remains import find_remains, list_data_files, list_secrets, read_files, write_back
from tests.storage_keys import replace_storage_key

Pair = tuple[Gateway, Gateway]
DAYS = 90
# Of the child of the samples, and of what was written down about it.
CLEAR = (b"Testchild", b"X333210123001", b"Grandmother", b"She will look", b"2016-03-31")


def later(pair: Sequence[Gateway], days: float) -> datetime:
    """So many days later, for both."""
    moment = pair[0].now() + timedelta(days=days)
    at(moment, *pair)
    return moment


async def send_case(pair: Pair) -> tuple[MessageId, CaseId]:
    """A transfer notice that is calm, from Sandwell to Worcestershire."""
    sandwell, worcestershire = pair
    message = without_urgency(notice(sandwell.code, worcestershire.code, now=sandwell.now()))
    return await exchange(sandwell, worcestershire, message, ()), message.header.case_id


async def finish_case(pair: Pair) -> tuple[MessageId, CaseId]:
    """A case that has all that a case can have, and has ended."""
    sandwell, worcestershire = pair
    message_id, case_id = await send_case(pair)
    await acknowledge(worcestershire, sandwell, message_id)
    call = PhoneCall(spoken_to="Wilma Invented", at=sandwell.now(), note="She will look.")
    by_hand.record_received_call(worcestershire, MessageName(sandwell.code, message_id), call, "otto")
    add_leaver(sandwell, message_id)
    await conclude(worcestershire, sandwell, message_id)
    for gw in pair:
        add_case_note(gw, case_id, CaseNote("Grandmother called."), "olive")
    return message_id, case_id


def add_leaver(gw: Gateway, message_id: MessageId) -> None:
    """As if the notice had been made of a leaver's row, which an officer had to check."""
    digests = [f"{number}{message_id.replace('-', '')}".ljust(64, "0") for number in range(8)]

    def write(tx: Tx) -> None:
        intake.add_sent_rows(tx, gw.now(), [SentRow(digests[0], message_id, digests[1], digests[2], digests[3])])
        locked = at_rest.lock(b"a row", about=message_id, ring=gw.ring)
        assert locked.data_key
        new = NewDraft(
            message_id, digests[4], digests[5], digests[6], "unsure", "f" * 64, 1, locked.data_key, locked.content
        )
        drafts.add_drafts(tx, gw.now(), [replace(new, person=digests[7])])
        drafts.end_draft(tx, gw.now(), message_id, DraftState.SENT, "olive", message_id=message_id)

    gw.store.run(write)


def purge_now(*gateways: Gateway) -> list[int]:
    return [purge.run_purge(gw, "test").cases for gw in gateways]


def is_held(gw: Gateway, message_id: MessageId) -> bool:
    def look(tx: Tx) -> bool:
        ours = select(outbox_contents.c.data_key).where(outbox_contents.c.message_id == message_id)
        theirs = select(inbox.c.data_key).where(inbox.c.message_id == message_id)
        return any(tx.scalar(query) is not None for query in (ours, theirs))

    return gw.store.look(look)


def list_faults(gw: Gateway) -> list[str]:
    """All but that `exchange` settles what was sent without the entries."""
    ours = ("receipts, but the log", "which does not match its entries")
    return [fault for fault in audit.verify_own_log(gw).faults if not any(words in fault for words in ours)]


async def test_nothing_of_the_child_is_left_in_any_file(pair: Pair, capfd: pytest.CaptureFixture[str]) -> None:
    message_id, case_id = await finish_case(pair)
    before = [gw.store.look(list_secrets) for gw in pair]
    for gw, secrets in zip(pair, before, strict=True):
        # Data keys under the storage key of before are gone too, afterwards.
        replace_storage_key(gw)
        for name, pieces in gw.store.look(list_secrets).items():
            secrets[name] |= pieces
        write_back(gw)
        there = find_remains(read_files(list_data_files(gw)), secrets)
        # The test can see what it looks for.
        assert there.keys() == secrets.keys()
        assert {"case_notes.data_key", "marks.mark", "marked.marks"} <= there.keys()
    assert {"intake.child", "drafts.data_key", "outbox_contents.sealed"} <= before[0].keys()
    assert {"calls.data_key", "inbox.content"} <= before[1].keys()
    later(pair, DAYS - 1)
    assert purge_now(*pair) == [0, 0]
    assert is_held(pair[0], message_id)
    later(pair, 2)
    assert [[case.case_id for case in purge.preview_purge(gw).due] for gw in pair] == [[case_id], [case_id]]
    assert purge_now(*pair) == [1, 1]
    for gw, secrets in zip(pair, before, strict=True):
        write_back(gw)
        files = read_files([*list_data_files(gw), gw.config.home])
        assert find_remains(files, secrets) == {}
        assert [name for name, held in files.items() if any(words in held for words in CLEAR)] == []
        assert not is_held(gw, message_id)
        assert list_faults(gw) == []
        assert list(find.find_notices(gw, "testchild", "otto").hits) == []
    assert purge_now(*pair) == [0, 0]
    said = "".join(capfd.readouterr()).encode()
    assert not any(words in said for words in CLEAR)


async def test_a_copy_that_is_gone_without_an_entry_is_a_fault_and_so_is_one_that_came_back(pair: Pair) -> None:
    sandwell, _ = pair
    message_id, _ = await finish_case(pair)
    mine = outbox_contents.c.message_id == message_id
    held = sandwell.store.look(lambda tx: dict(tx.execute(select(outbox_contents).where(mine)).one()._mapping))
    empty = {"data_key": None, "content": b"", "sealed": b""}
    sandwell.store.run(lambda tx: tx.execute(outbox_contents.update().where(mine).values(empty)))
    assert any("no entry says so" in fault for fault in list_faults(sandwell))
    sandwell.store.run(lambda tx: tx.execute(outbox_contents.update().where(mine).values(held)))
    later(pair, DAYS + 1)
    assert purge_now(sandwell) == [1]
    assert list_faults(sandwell) == []
    sandwell.store.run(lambda tx: tx.execute(outbox_contents.update().where(mine).values(held)))
    assert any("says that it was deleted" in fault for fault in list_faults(sandwell))


async def test_reports_give_the_same_figures_before_and_after(pair: Pair) -> None:
    begun = pair[0].now().date()
    for result in ("in-education", "not-found-at-address"):
        message_id, _ = await send_case(pair)
        await acknowledge(pair[1], pair[0], message_id)
        await conclude(pair[1], pair[0], message_id, result)
    await send_case(pair)
    later(pair, 40)
    message_id, _ = await finish_case(pair)
    days = [Span(begun, begun + timedelta(days=length)) for length in (0, 1, 30, 39, 40, 41, 60, 200)]
    later(pair, DAYS + 1)

    def list_reports() -> list[object]:
        return [
            (
                statistics.make_statistics(gw, span, "sam", whole=True),
                timeliness.make_timeliness(gw, span, whole=True),
                trend.list_month_figures(gw),
            )
            for gw in pair
            for span in days
        ]

    before = list_reports()
    assert purge_now(*pair) == [3, 3]
    assert list_reports() == before
    assert purge_now(*pair) == [0, 0]
    assert list_reports() == before


async def test_what_waits_for_somebody_is_kept(pair: Pair) -> None:
    sandwell, worcestershire = pair
    message_id, case_id = await send_case(pair)
    later(pair, 120)
    assert purge_now(*pair) == [0, 0]
    await acknowledge(worcestershire, sandwell, message_id)
    later(pair, 120)
    assert purge_now(*pair) == [0, 0]
    await conclude(worcestershire, sandwell, message_id)
    later(pair, DAYS - 1)
    assert purge_now(*pair) == [0, 0]
    # The case ends with the last thing that happens in it.
    add_case_note(sandwell, case_id, CaseNote("A letter came back."), "olive")
    later(pair, 2)
    assert purge_now(*pair) == [0, 1]
    later(pair, DAYS)
    assert purge_now(*pair) == [1, 0]


async def test_a_held_case_is_kept_until_it_is_released(pair: Pair) -> None:
    sandwell, _ = pair
    message_id, case_id = await finish_case(pair)
    later(pair, DAYS + 1)
    assert legal_holds.hold_case(sandwell, message_id, HoldReason.COURT, "mona", "Claim 12") == case_id
    with pytest.raises(NotAllowed):
        legal_holds.hold_case(sandwell, case_id, HoldReason.COURT, "mona")
    [listed] = legal_holds.list_holds(sandwell)
    assert (listed.case_id, listed.reason, listed.by) == (case_id, HoldReason.COURT, "mona")
    hold = legal_holds.find_hold(sandwell, case_id)
    assert hold
    assert hold.note == "Claim 12"
    assert purge_now(sandwell) == [0]
    assert purge.preview_purge(sandwell).held == 1
    legal_holds.release_case(sandwell, case_id, "mona")
    with pytest.raises(NotFound):
        legal_holds.release_case(sandwell, case_id, "mona")
    assert purge_now(sandwell) == [1]
    with pytest.raises(NotAllowed):
        legal_holds.hold_case(sandwell, case_id, HoldReason.COURT, "mona")
    acts = [entry.act for entry in sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, about=case_id))]
    assert acts[:3] == ["case.purged", "case.released", "case.held"]


async def test_of_a_hold_and_a_purge_at_the_same_time_one_sees_the_other(pair: Pair) -> None:
    sandwell, _ = pair
    cases = [await finish_case(pair) for _ in range(4)]
    later(pair, DAYS + 1)
    number = sandwell.store.run(lambda tx: purge_runs.begin_run(tx, sandwell.now(), "test"))
    for message_id, case_id in cases:
        together = threading.Barrier(2)
        told: dict[str, object] = {}

        def hold(case_id: CaseId = case_id, told: dict[str, object] = told, gate: threading.Barrier = together) -> None:
            gate.wait()
            try:
                told["held"] = legal_holds.hold_case(sandwell, case_id, HoldReason.COURT, "mona")
            except NotAllowed as why:
                told["held"] = why.code

        holder = threading.Thread(target=hold)
        holder.start()
        together.wait()
        work = partial(purge.purge_case, gw=sandwell, case_id=case_id, by="test", number=number)
        purged = sandwell.store.run(work)
        holder.join()
        assert told["held"] == ("hold.purged" if purged else case_id)
        assert is_held(sandwell, message_id) is not purged


async def test_a_purge_that_stopped_half_way_goes_on(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    sandwell, _ = pair
    cases = [await finish_case(pair) for _ in range(4)]
    later(pair, DAYS + 1)
    secrets = sandwell.store.look(list_secrets)
    done = [0]
    destroy = purge.purge_case

    def die_at_the_third(tx: Tx, **work: object) -> bool:
        ended = destroy(tx, **work)  # type: ignore[arg-type]
        done[0] += 1
        if done[0] == 3:
            raise StoreUnavailable("store.full")
        return ended

    with monkeypatch.context() as patch:
        patch.setattr(purge, "purge_case", die_at_the_third)
        with pytest.raises(StoreUnavailable):
            purge_now(sandwell)
    assert [is_held(sandwell, message_id) for message_id, _ in cases].count(True) == 2
    assert list_faults(sandwell) == []
    last = sandwell.store.look(purge_runs.find_last_run)
    assert last
    assert last.cases == 2
    assert last.ended_at is None
    assert purge_now(sandwell) == [2]
    write_back(sandwell)
    assert find_remains(read_files(list_data_files(sandwell)), secrets) == {}
    last = sandwell.store.look(purge_runs.find_last_run)
    assert last
    assert last.ended_at


async def test_one_case_that_cannot_be_deleted_keeps_no_other(pair: Pair) -> None:
    sandwell, _ = pair
    first, _ = await finish_case(pair)
    second, _ = await finish_case(pair)
    mine = outbox_contents.c.message_id == first
    sandwell.store.run(lambda tx: tx.execute(outbox_contents.update().where(mine).values(content=b"x" * 99)))
    later(pair, DAYS + 1)
    result = purge.run_purge(sandwell, "test")
    assert result.cases == 1
    assert len(result.troubles) == 1
    assert is_held(sandwell, first)
    assert not is_held(sandwell, second)
    last = sandwell.store.look(purge_runs.find_last_run)
    assert last
    assert last.ended_at is None
    assert last.trouble


async def test_the_case_of_another_child_stays(pair: Pair) -> None:
    sandwell, worcestershire = pair
    message_id, _ = await finish_case(pair)
    other = notice("885", "333", now=sandwell.now())
    kept = await exchange(worcestershire, sandwell, without_urgency(other), ())
    later(pair, DAYS + 1)
    assert purge_now(sandwell) == [1]
    assert is_held(sandwell, kept)
    assert not is_held(sandwell, message_id)
    [hit] = find.find_notices(sandwell, "testchild", "otto").hits
    assert hit.message_id == kept


async def test_processed_files_go_after_their_days_and_those_that_wait_stay(pair: Pair) -> None:
    sandwell, _ = pair
    home = sandwell.config.home / "taken-in" / "leavers"
    for place in ("done", "failed", "waiting", "working"):
        (home / place / "20261101-090000-0000000a").mkdir(parents=True)
        (home / place / "20261101-090000-0000000a" / "original").write_text("Testchild-Example,2016-03-31")
    assert purge.preview_purge(sandwell).files == 0
    later(pair, 31)
    assert purge.preview_purge(sandwell).files == 2
    assert purge.run_purge(sandwell, "test").files == 2
    left = [path.relative_to(home).parts[0] for path in home.rglob("original")]
    assert sorted(left) == ["waiting", "working"]
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="retention.purged"))
    assert '"files":2' in entry.entry


async def test_what_comes_to_a_case_that_was_purged_is_kept_and_purged_in_its_turn(pair: Pair) -> None:
    sandwell, _ = pair
    message_id, case_id = await finish_case(pair)
    later(pair, DAYS + 1)
    assert purge_now(*pair) == [1, 1]
    add_case_note(sandwell, case_id, CaseNote("The family wrote to us."), "olive")
    secrets = sandwell.store.look(list_secrets)
    assert "case_notes.content" in secrets
    later(pair, DAYS - 1)
    assert purge_now(sandwell) == [0]
    later(pair, 2)
    assert purge_now(sandwell) == [1]
    write_back(sandwell)
    assert find_remains(read_files(list_data_files(sandwell)), secrets) == {}
    assert list_faults(sandwell) == []
    assert not is_held(sandwell, message_id)


async def test_a_repeat_of_a_purged_message_gets_the_same_receipt_and_keeps_nothing(pair: Pair) -> None:
    sandwell, worcestershire = pair
    message_id, _ = await send_case(pair)
    sealed = sandwell.store.look(lambda tx: outbox.get_sealed_notice(tx, message_id))
    [first] = await receive_parcels(worcestershire, [sealed], "333")
    await acknowledge(worcestershire, sandwell, message_id)
    await conclude(worcestershire, sandwell, message_id)
    later(pair, DAYS + 1)
    assert purge_now(worcestershire) == [1]
    assert await receive_parcels(worcestershire, [sealed], "333") == [first]
    assert not is_held(worcestershire, message_id)


async def test_what_was_purged_is_never_sent_again(pair: Pair) -> None:
    sandwell, _ = pair
    message = without_urgency(notice(now=sandwell.now()))
    send_notices(sandwell, [message], "olive")
    message_id = message.header.message_id

    def ask_again(tx: Tx) -> list[bool]:
        lost = datetime(2020, 1, 1, tzinfo=UTC)
        receipt = outbox.request_receipt(tx, message_id, "885", sandwell.now())
        return [receipt, statements.queue_again(tx, sandwell.now(), message_id, sealed_since=lost, reason="lost")]

    def close(tx: Tx) -> bool:
        return outbox.advance_delivery(tx, sandwell.now(), message_id, "885", DeliveryState.CLOSED)

    assert sandwell.store.run(close)
    # Before, it can be.
    assert sandwell.store.run(ask_again) == [True, True]
    assert sandwell.store.run(close)
    later(pair, DAYS + 1)
    assert purge_now(sandwell) == [1]
    assert sandwell.store.run(ask_again) == [False, False]


async def test_the_gateway_purges_by_itself_and_health_says_where_it_does_not(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, _ = pair
    message_id, _ = await finish_case(pair)
    later(pair, DAYS + 1)
    assert "deletion of old cases" in list_warnings(sandwell)
    monkeypatch.setattr(purge, "LOOK_EVERY", 0.05)
    async with app.run_gateway(sandwell):
        await until(lambda: not is_held(sandwell, message_id))
        await until(lambda: "deletion of old cases" not in list_warnings(sandwell))
    later(pair, 1.6)
    assert "deletion of old cases" in list_warnings(sandwell)
    number = sandwell.store.run(lambda tx: purge_runs.begin_run(tx, sandwell.now(), "test"))
    sandwell.store.run(lambda tx: purge_runs.note_trouble(tx, number, "The database was in use."))
    assert "The database was in use." in list_warnings(sandwell)["deletion of old cases"]


def list_warnings(gw: Gateway) -> dict[str, str]:
    """What Health warns of, by its name."""
    findings = measure_health(gw).findings
    return {finding.label: finding.sentence for finding in findings if finding.level is not FindingLevel.OK}


async def test_two_processes_purge_at_the_same_time_and_each_case_is_purged_once(pair: Pair) -> None:
    sandwell, _ = pair
    cases = [await finish_case(pair) for _ in range(4)]
    later(pair, DAYS + 1)
    results: list[int] = []
    purgers = [threading.Thread(target=lambda: results.extend(purge_now(sandwell))) for _ in range(2)]
    for purger in purgers:
        purger.start()
    for purger in purgers:
        purger.join()
    assert sum(results) == len(cases)
    assert purge_now(sandwell) == [0]
    entries = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="case.purged"))
    assert len(entries) == len(cases)


async def test_a_leaver_whose_row_was_forgotten_waits_for_an_officer(tmp_path: Path, postgres: str) -> None:
    for name, url in (("sqlite", ""), ("postgresql", new_database(postgres))):
        place = tmp_path / name
        both = make(place / "333", "333", "Sandwell", url), make(place / "885", "885", "Worcestershire")
        introduce(*both)
        gw = both[0]
        gw.config = replace(gw.config, one=OneSettings(str(place / "one")))
        (place / "one").mkdir()
        await take_in(gw, place)
        [sent] = gw.store.look(lambda tx, gw=gw: outbox.search_outbox(tx))  # type: ignore[misc]
        moved = partial(
            outbox.advance_delivery,
            now=gw.now(),
            message_id=sent.message_id,
            recipient="885",
            state=DeliveryState.CONCLUDED,
        )
        gw.store.run(lambda tx, moved=moved: moved(tx))  # type: ignore[misc]
        await take_in(gw, place)
        assert folders.rows_of(place / "333", "leavers")[0]["Result"] == "before"
        later(both, DAYS + 1)
        assert purge_now(gw) == [1]
        await take_in(gw, place)
        line = folders.rows_of(place / "333", "leavers")[0]
        assert (line["Result"], "may have been sent and deleted" in line["Reason"]) == ("held", True)
        for one in both:
            one.store.close()


async def take_in(gw: Gateway, place: Path) -> None:
    """The same extract again."""
    file = place / "one" / "leavers.csv"
    file.write_text(
        "Surname,Date of Birth,Date of Leaving,Restricted,Destination LA\nTestchild,2015-06-01,2026-10-23,N,885\n"
    )
    os.utime(file, (time.time() - 60, time.time() - 60))
    assert await folders.take_in_leavers(gw, place / "one") == 1


async def test_what_was_destroyed_while_another_run_ended_is_overwritten_by_the_next(pair: Pair) -> None:
    sandwell, _ = pair
    cases = [await finish_case(pair) for _ in range(2)]
    secrets = sandwell.store.look(list_secrets)
    later(pair, DAYS + 1)
    begun = sandwell.store.run(lambda tx: purge_runs.begin_run(tx, sandwell.now(), "slow"))
    sandwell.store.run(partial(purge.purge_case, gw=sandwell, case_id=cases[0][1], by="slow", number=begun))
    assert purge_now(sandwell) == [1]
    write_back(sandwell)
    assert find_remains(read_files(list_data_files(sandwell)), secrets) == {}
    # The slow one goes on, and dies.
    await finish_case(pair)
    secrets = sandwell.store.look(list_secrets)
    later(pair, DAYS + 1)
    [case] = purge.preview_purge(sandwell).due
    sandwell.store.run(partial(purge.purge_case, gw=sandwell, case_id=case.case_id, by="slow", number=begun))
    write_back(sandwell)
    assert find_remains(read_files(list_data_files(sandwell)), secrets)
    assert purge_now(sandwell) == [0]
    write_back(sandwell)
    assert find_remains(read_files(list_data_files(sandwell)), secrets) == {}
    assert sandwell.store.look(purge_runs.list_pending) == {}


async def test_the_runs_that_are_kept_do_not_grow_without_end(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    sandwell, _ = pair
    monkeypatch.setattr(purge_runs, "MOST_RUNS", 5)
    await finish_case(pair)
    later(pair, DAYS + 1)
    assert purge_now(sandwell) == [1]
    ended = sandwell.store.look(purge_runs.find_last_ended)
    for _ in range(20):
        sandwell.store.run(lambda tx: purge_runs.begin_run(tx, sandwell.now(), "failing"))
    # Of when it was last finished, and of leavers who are not known again, it is never ignorant.
    assert sandwell.store.look(purge_runs.find_last_ended) == ended
    assert sandwell.store.look(purge_runs.find_forgotten_leavers)
    count = sandwell.store.look(lambda tx: tx.scalar(select(func.count()).select_from(tables.purge_runs)))
    assert count is not None
    assert count <= 7


async def test_what_ended_outside_cases_goes_too_and_what_waits_for_an_officer_stays(pair: Pair) -> None:
    sandwell, _ = pair
    ids = [f"{number}".ljust(36, "0") for number in range(3)]
    for draft_id in ids:
        add_leaver(sandwell, MessageId(draft_id))
    states = (DraftState.DISCARDED, DraftState.OPEN, DraftState.SENT)

    def set_states(tx: Tx) -> None:
        for draft_id, draft_state in zip(ids, states, strict=True):
            mine = tables.drafts.c.draft_id == draft_id
            tx.execute(tables.drafts.update().where(mine).values(state=draft_state, message_id=None))
        answer = {"client": "one", "key": "k", "said": "f" * 64, "claim": "c", "begun_at": sandwell.now()}
        tx.execute(tables.api_answers.insert().values(**answer, data_key=b"k" * 60, content=b"c" * 60))

    sandwell.store.run(set_states)
    assert purge.run_purge(sandwell, "test").records == 0
    later(pair, DAYS + 1)
    assert purge.preview_purge(sandwell).records == 2
    assert purge.run_purge(sandwell, "test").records == 2
    left = sandwell.store.look(lambda tx: set(tx.scalars(select(tables.drafts.c.draft_id))))
    assert left == {ids[1], ids[2]}
