"""Notes, visits and decisions: kept locked, shown to whoever opens the case, and told to nobody else."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from gateway.access import people
from gateway.casework import case_notes
from gateway.casework.case_notes import CaseNote
from gateway.core import labels
from gateway.core.permissions import Role
from gateway.core.visits import VisitResult
from gateway.errors import NotAllowed, NotFound
from gateway.exchange.send import send_notices
from gateway.store import audit_log, outbox, tables
from gateway.store import case_notes as store
from keys.errors import Refusal
from schemas.reading import format_day
from schemas.shapes import CaseId
from tests.children import notice
from tests.command import run_command
from tests.consoles import NAMES, sign_in_name
from tests.flows.test_console_oversight import Visitor
from tests.flows.test_inbox import came, from_there

OFFICER, OUTREACH = Role.CME_OFFICER, Role.OUTREACH
OLIVE, OTTO = map(sign_in_name, (OFFICER, OUTREACH))
SAID = "Curtains drawn; neighbour says Tuesday"
DECIDED_BY, REASON = "Sally Specimen, service manager", "The father must not learn of the new school"
NOTICES = ("transfer-notice", "transfer-notice-phone-only", "whereabouts-unknown-notice")


def visit(visitor: Visitor, days: int = 0, **more: str) -> dict[str, str]:
    """What somebody types of a visit so many days ago."""
    day = visitor.gw.now().date() - timedelta(days=days)
    return {f"on-{part}": str(getattr(day, part)) for part in ("day", "month", "year")} | {"result": "no-answer"} | more


@pytest.mark.parametrize("ours", [False, True])
async def test_a_note_and_a_visit_are_shown_with_the_case_and_lie_locked(visitor: Visitor, ours: bool) -> None:
    gw = visitor.gw
    if ours:
        messages = [notice(name=name, now=gw.now()) for name in NOTICES]
        send_notices(gw, messages, OLIVE, confirmed=["notice.same-child"])
        cases = [message.header.case_id for message in messages]
    else:
        cases = await came(visitor, *(from_there(visitor, name=name) for name in NOTICES))
    before = gw.store.look(lambda tx: len(outbox.search_outbox(tx, limit=None)))
    for case in cases:
        assert "Stored encrypted. Not sent to anyone." in await visitor.get(OFFICER, f"/cases/{case}/note")
        await visitor.post(OFFICER, f"/cases/{case}/note", status=303, text=SAID)
        await visitor.post(OFFICER, f"/cases/{case}/visit", status=303, **visit(visitor, 1))
        page = await visitor.get(OFFICER, f"/cases/{case}?done=visit")
        on = format_day(gw.now().date() - timedelta(days=1))
        assert f"Visit on {on}: no answer, by {NAMES[OFFICER]}" in page
        assert f"Note, by {NAMES[OFFICER]}" in page
        assert SAID in page
        assert "Visit recorded." in page
    # Nowhere in the clear: not in the log, not in any file of the database; and nothing leaves.
    entries = gw.store.look(lambda tx: audit_log.list_entries_from(tx, 0, 10_000))
    acts = [(entry.act, entry.actor) for entry in entries if entry.about in cases]
    assert acts == [("case.note-added", OLIVE), ("case.visit-recorded", OLIVE)] * len(cases)
    for file in gw.config.home.rglob("*"):
        if file.is_file():
            assert b"Curtains drawn" not in file.read_bytes(), file
    assert gw.store.look(lambda tx: len(outbox.search_outbox(tx, limit=None))) == before


async def test_an_outreach_officer_writes_down_a_visit_in_their_cases_and_in_no_other(visitor: Visitor) -> None:
    mine, other = await came(visitor, from_there(visitor), from_there(visitor))
    people.assign_case(visitor.gw, mine, OTTO, OLIVE)
    await visitor.post(OUTREACH, f"/cases/{mine}/visit", status=303, **visit(visitor, text=SAID))
    assert SAID in await visitor.get(OUTREACH, f"/cases/{mine}")
    for kind in ("note", "visit"):
        await visitor.get(OUTREACH, f"/cases/{other}/{kind}", status=403)
        await visitor.post(OUTREACH, f"/cases/{other}/{kind}", status=403, **visit(visitor, text=SAID))
        await visitor.post(Role.AUDITOR, f"/cases/{mine}/{kind}", status=403, **visit(visitor, text=SAID))
    assert len(visitor.gw.store.look(lambda tx: store.list_case_notes(tx, mine))) == 1


async def test_what_is_incomplete_or_about_no_case_is_refused_and_what_was_typed_stays(visitor: Visitor) -> None:
    gw = visitor.gw
    [case] = await came(visitor, from_there(visitor))
    for kind, typed in (
        ("note", {"text": " "}),
        ("note", {"text": "x" * 4001}),
        ("note", {"text": "hid\u200bden"}),
        ("visit", visit(visitor, -1, text=SAID)),
        ("visit", visit(visitor, result="")),
        ("visit", {"result": "child-seen", "text": SAID}),
        ("visit", visit(visitor, result="other-code")),
    ):
        page = (await visitor.post(OFFICER, f"/cases/{case}/{kind}", status=422, **typed)).decode()
        assert "There is a problem" in page
        # An invisible sign is shown as its code.
        assert typed.get("text", "").strip().partition("\u200b")[0] in page
    today = gw.now().date()
    for note in (
        CaseNote(""),
        CaseNote("", today),
        CaseNote(SAID, today + timedelta(days=1), VisitResult.MOVED),
        CaseNote(SAID, None, VisitResult.MOVED),
        CaseNote("x" * 4001),
        CaseNote("hid\u200bden"),
    ):
        with pytest.raises(NotAllowed):
            case_notes.add_case_note(gw, case, note, OLIVE)
    with pytest.raises(NotFound):
        case_notes.add_case_note(gw, CaseId("11111111-1111-4111-8111-111111111111"), CaseNote(SAID), OLIVE)
    assert gw.store.look(lambda tx: tx.execute(select(tables.case_notes)).all()) == []


async def test_a_note_of_one_case_opens_in_no_other_and_a_destroyed_one_nowhere(visitor: Visitor) -> None:
    gw = visitor.gw
    case, other = await came(visitor, from_there(visitor), from_there(visitor))
    case_notes.add_case_note(gw, case, CaseNote(SAID), OLIVE)
    gw.store.run(lambda tx: tx.execute(update(tables.case_notes).values(case_id=other)))
    [moved] = gw.store.look(lambda tx: store.list_case_notes(tx, other))
    with pytest.raises(Refusal):
        case_notes.open_case_note(gw, moved)
    gw.store.run(lambda tx: tx.execute(update(tables.case_notes).values(case_id=case, data_key=None)))
    page = await visitor.get(OFFICER, f"/cases/{case}")
    assert "What was written has been permanently deleted." in page
    assert SAID not in page


def test_every_result_of_a_visit_has_words() -> None:
    said = {labels.describe_case_note("visit", "1 May 2026", result) for result in VisitResult}
    assert len(said) == len(VisitResult)


def decision(visitor: Visitor, days: int = 0, **more: str) -> dict[str, str]:
    """What somebody types of a decision so many days ago."""
    typed = visit(visitor, days) | {"decided_by": DECIDED_BY, "text": REASON} | more
    return {name: value for name, value in typed.items() if name != "result"}


async def test_a_decision_not_to_share_is_kept_locked_shown_with_the_case_and_never_sent(visitor: Visitor) -> None:
    gw = visitor.gw
    case, phone_only = await came(
        visitor, from_there(visitor, name="whereabouts-enquiry"), from_there(visitor, name="transfer-notice-phone-only")
    )
    before = gw.store.look(lambda tx: len(outbox.search_outbox(tx, limit=None)))
    for each in (case, phone_only):
        assert "Children Act 2004" in await visitor.get(OFFICER, f"/cases/{each}/not-shared")
        assert "Record a decision not to share" in await visitor.get(OFFICER, f"/cases/{each}")
        await visitor.post(OFFICER, f"/cases/{each}/not-shared", status=303, **decision(visitor, 1))
        page = await visitor.get(OFFICER, f"/cases/{each}?done=not-shared")
        on = format_day(gw.now().date() - timedelta(days=1))
        assert f"Decision not to share information, made by {DECIDED_BY} on {on}, by {NAMES[OFFICER]}" in page
        assert REASON in page
        assert "Decision recorded." in page
    entries = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="case.not-shared"))
    assert [(entry.actor, entry.about) for entry in entries] == [(OLIVE, phone_only), (OLIVE, case)]
    assert not [entry.entry for entry in entries if REASON in entry.entry or "Sally" in entry.entry]
    for file in gw.config.home.rglob("*"):
        if file.is_file():
            assert REASON.encode() not in file.read_bytes(), file
    assert gw.store.look(lambda tx: len(outbox.search_outbox(tx, limit=None))) == before


async def test_only_who_may_answer_decides_not_to(visitor: Visitor) -> None:
    [case] = await came(visitor, from_there(visitor))
    people.assign_case(visitor.gw, case, OTTO, OLIVE)
    assert "Record a decision" not in await visitor.get(OUTREACH, f"/cases/{case}")
    for role in (OUTREACH, Role.AUDITOR, Role.OPERATOR, Role.ADMIN):
        await visitor.get(role, f"/cases/{case}/not-shared", status=403)
        await visitor.post(role, f"/cases/{case}/not-shared", status=403, **decision(visitor))
    assert visitor.gw.store.look(lambda tx: store.list_case_notes(tx, case)) == []


async def test_a_decision_without_its_reason_its_day_or_who_made_it_is_refused(visitor: Visitor) -> None:
    gw = visitor.gw
    [case] = await came(visitor, from_there(visitor))
    for typed in (
        decision(visitor, text=" "),
        decision(visitor, decided_by=" "),
        decision(visitor, -1),
        decision(visitor, text="hid\u200bden"),
        decision(visitor, decided_by="hid\u200bden"),
    ):
        assert b"There is a problem" in await visitor.post(OFFICER, f"/cases/{case}/not-shared", status=422, **typed)
    today = gw.now().date()
    for note in (
        CaseNote("", decided_by=DECIDED_BY, decided_on=today),
        CaseNote(REASON, decided_by=DECIDED_BY),
        CaseNote(REASON, decided_on=today),
        CaseNote(REASON, decided_by=" ", decided_on=today),
        CaseNote(REASON, decided_by="x" * 201, decided_on=today),
        CaseNote(REASON, decided_by=DECIDED_BY, decided_on=today + timedelta(days=1)),
        CaseNote(REASON, today, VisitResult.MOVED, DECIDED_BY, today),
    ):
        with pytest.raises(NotAllowed, match=r"case-note\.incomplete"):
            case_notes.add_case_note(gw, case, note, OLIVE)
    assert gw.store.look(lambda tx: tx.execute(select(tables.case_notes)).all()) == []


async def test_a_decision_is_recorded_in_a_terminal_too(visitor: Visitor) -> None:
    gw = visitor.gw
    [case] = await came(visitor, from_there(visitor))
    words = ("record-not-shared", case, "--decided-by", DECIDED_BY, "--on", "2026-01-05", "--reason-file", "-")
    ran = run_command(*words, "--by", OLIVE, "--home", str(gw.config.home), say=REASON)
    assert (ran.returncode, ran.stdout) == (0, "Decision recorded.\n"), ran.stderr
    assert f"made by {DECIDED_BY} on 5 January 2026" in await visitor.get(OFFICER, f"/cases/{case}")
    unknown = run_command(*words[:1], "1" * 36, *words[2:], "--home", str(gw.config.home), say=REASON)
    assert unknown.returncode == 4
    assert REASON not in unknown.stdout + unknown.stderr
