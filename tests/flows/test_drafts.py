"""A leaver at whom an officer must look: the row waits, locked, until somebody sends it, discards it, or it comes again
whole.
"""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from gateway.auditing import who_viewed
from gateway.auditing.who_viewed import ChildQuestion
from gateway.core import labels
from gateway.core.draft_state import DraftState
from gateway.errors import NotAllowed, NotFound, Unfit
from gateway.exchange import respond
from gateway.monitoring import doctor
from gateway.one import drafts, held_files, leaver_rules
from gateway.settings.sections import OneSettings
from gateway.store import audit_log, outbox
from gateway.store import drafts as kept
from schemas import rules, xml
from schemas.message import Message, Restriction, RestrictionLevel, TransferNotice, WhereaboutsEnquiry
from tests import folders
from tests.children import notice
from tests.conftest import introduce, make, new_database
from tests.flows.test_command_line import cme_gateway
from tests.flows.test_exchange import Pair
from tests.flows.test_leavers_folder import ADA, NOWHERE, RESTRICTED, TODAY, pair, put, report

__all__ = ["pair"]

HEAD = (
    "UPN,Surname,Forename,Date of Birth,Gender,Date of Leaving,Restricted,Destination LA,New Address,New"
    " Postcode,School Name,Closure,Checklist Complete"
)
LOST = ",Gone-Example,Dan,2014-01-15,M,2026-10-23,,,,,Exampleton,Lost,yes"
WITHHELD = Restriction(
    level="address-withheld", reason="refuge", decided_by="Olive Invented", decided_on=TODAY, review_on=date(2027, 5, 1)
)


async def take_in(pair: Pair, tmp_path: Path, *rows: str, head: str | None = None) -> list[dict[str, str]]:
    """What the report says of these rows, in a file of their own."""
    put(tmp_path, *rows, **({"head": head} if head else {}))
    await folders.take_in_leavers(pair[0], tmp_path / "one")
    return report(tmp_path)


async def test_a_row_that_is_held_is_a_draft_once(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    [first] = await take_in(pair, tmp_path, NOWHERE)
    [again] = await take_in(pair, tmp_path, NOWHERE)
    [draft] = sandwell.store.look(lambda tx: kept.list_drafts(tx, DraftState.OPEN, 10))
    assert (first["Result"], first["Draft"]) == (again["Result"], again["Draft"]) == ("held", draft.draft_id)
    assert draft.reason == first["Reason"]
    assert len(sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="draft."))) == 1


async def test_an_officer_sends_it_and_the_row_is_done(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    [held] = await take_in(pair, tmp_path, NOWHERE)
    sent = drafts.send_draft(sandwell, held["Draft"], "885", None, "olive")
    body = respond.read_outgoing(sandwell, sent, "olive").body
    assert isinstance(body, TransferNotice)
    assert body.child
    assert (body.child.surname, body.ring.name) == ("Gone-Example", "olive")
    assert sandwell.store.look(lambda tx: kept.get_draft(tx, held["Draft"])).message_id == sent
    with pytest.raises(NotAllowed, match=r"draft\.ended"):
        drafts.send_draft(sandwell, held["Draft"], "885", None, "olive")
    [again] = await take_in(pair, tmp_path, NOWHERE)
    [whole] = await take_in(pair, tmp_path, ",Gone-Example,Dan,2014-01-15,M,7,2026-10-23,,885,,,")
    assert [(line["Result"], line["MessageId"]) for line in (again, whole)] == [("before", sent)] * 2
    assert len(sandwell.store.look(lambda tx: outbox.search_outbox(tx))) == 1


async def test_an_auditor_finds_who_viewed_a_leavers_record_but_not_a_restricted_one(
    pair: Pair, tmp_path: Path
) -> None:
    sandwell, _ = pair
    for held in await take_in(pair, tmp_path, NOWHERE, RESTRICTED):
        drafts.read_draft(sandwell, held["Draft"], "olive")
    records = drafts.list_draft_records(sandwell, 10)
    asked = [
        ChildQuestion("Gone-Example 15/01/2014"),
        ChildQuestion("Gone-Example 2013"),
        ChildQuestion("Hidden-Example"),
    ]
    views = [who_viewed.list_child_views(sandwell, question, "ada", unsent=records) for question in asked]
    assert [view.records for view in views] == [1, 0, 0]
    assert [(line.actor, line.act) for line in views[0].lines] == [("olive", "draft.read")]


async def test_a_restricted_child_is_sent_only_as_far_as_an_officer_says(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    [held] = await take_in(
        pair, tmp_path, RESTRICTED.replace(",885,,,", ',885,"1 Secret Road, Hiddenham",WR1 9ZZ,Exampleton')
    )
    with pytest.raises(NotAllowed, match=r"draft\.restriction"):
        drafts.send_draft(sandwell, held["Draft"], "885", None, "olive")
    with pytest.raises(Unfit, match="reason"):
        drafts.send_draft(sandwell, held["Draft"], "885", Restriction(level="address-withheld"), "olive")
    sent = drafts.send_draft(sandwell, held["Draft"], "885", WITHHELD, "olive")
    body = respond.read_outgoing(sandwell, sent, "olive").body
    assert isinstance(body, TransferNotice)
    assert (body.destination_address, body.school, body.restriction) == (None, (), WITHHELD)
    assert body.child


@pytest.mark.parametrize("level", ["address-withheld", "phone-only"])
def test_what_a_restriction_forbids_is_left_out(level: RestrictionLevel) -> None:
    """The fullest notice that we publish, under each restriction: no rule has anything against it."""
    full = notice()
    assert isinstance(full.body, TransferNotice)
    body = leaver_rules.apply_restriction(full.body, replace(WITHHELD, level=level))
    message = Message(full.header, body)
    assert rules.list_errors(rules.check(message, today=TODAY)) == []
    assert ("Testchild" in xml.write(message).decode()) == (level == "address-withheld")


async def test_a_mended_row_takes_the_place_of_its_draft_and_a_whole_one_ends_it(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    [first] = await take_in(pair, tmp_path, NOWHERE)
    [mended] = await take_in(pair, tmp_path, NOWHERE.replace(",M,7,", ",M,8,"))
    assert mended["Draft"] == first["Draft"]
    assert drafts.read_draft(sandwell, first["Draft"], "olive")[1]["nc_year"] == "8"
    # Another day, too.
    [whole] = await take_in(pair, tmp_path, ",Gone-Example,Dan,2014-01-15,M,8,2026-10-24,,885,,,")
    assert whole["Result"] == "sent"
    ended = sandwell.store.look(lambda tx: kept.get_draft(tx, first["Draft"]))
    assert (ended.state, ended.message_id, ended.ended_by) == (DraftState.SENT, whole["MessageId"], "cme-gateway")
    acts = [
        entry.act for entry in sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, about=first["Draft"]))
    ]
    assert acts == ["draft.sent", "draft.read", "draft.renewed", "draft.made"]


async def test_a_discarded_draft_does_not_come_again_and_may_still_be_sent(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    [held] = await take_in(pair, tmp_path, NOWHERE)
    drafts.discard_draft(sandwell, held["Draft"], "not-moving", "olive")
    with pytest.raises(NotAllowed, match=r"draft\.ended"):
        drafts.discard_draft(sandwell, held["Draft"], "duplicate", "olive")
    [again] = await take_in(pair, tmp_path, NOWHERE)
    assert (again["Result"], again["Draft"]) == ("before", held["Draft"])
    assert "discarded" in again["Reason"]
    drafts.send_draft(sandwell, held["Draft"], "885", None, "olive")
    assert sandwell.store.look(lambda tx: kept.get_draft(tx, held["Draft"])).state is DraftState.SENT
    with pytest.raises(NotFound):
        drafts.discard_draft(sandwell, "none", "duplicate", "olive")


async def test_nothing_about_the_child_lies_open(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    await take_in(pair, tmp_path, NOWHERE, RESTRICTED)
    entries = "".join(entry.entry for entry in sandwell.store.look(lambda tx: list(audit_log.list_entries(tx))))
    lies = b"".join(path.read_bytes() for path in sandwell.config.home.glob("store.db*"))
    listed = repr(sandwell.store.look(lambda tx: kept.list_drafts(tx, DraftState.OPEN, 10)))
    for name in ("Hidden-Example", "Gone-Example", "2014-01-15"):
        assert name.encode() not in lies
        assert name not in entries + listed


async def test_a_row_that_no_notice_can_hold_is_kept_whole(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    long = "Long-Example" + "x" * 300
    [held] = await take_in(pair, tmp_path, f",{long},Ida,2014-01-15,F,7,,,885,,,")
    [again] = await take_in(pair, tmp_path, f",{long},Ida,2014-01-15,F,7,,,885,,,")
    assert (held["Result"], again["Draft"]) == ("held", held["Draft"])
    assert drafts.read_draft(sandwell, held["Draft"], "olive")[1]["surname"] == long
    with pytest.raises(xml.Unreadable):
        drafts.send_draft(sandwell, held["Draft"], "885", None, "olive")
    assert [
        entry.act for entry in sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="draft.renewed"))
    ] == []


async def test_the_same_child_twice_is_sent_once_and_the_other_row_is_looked_at(pair: Pair, tmp_path: Path) -> None:
    other = ADA.replace(",885,", ",330,")
    for turn, first in enumerate(("sent", "before")):
        lines = await take_in(pair, tmp_path, ADA, ADA, other, other)
        assert [line["Result"] for line in lines] == [first, "ignored", "held", "ignored"], turn
    assert "row 2" in lines[2]["Reason"]
    assert "row 4" in lines[3]["Reason"]


async def test_a_lost_child_becomes_an_enquiry_to_each_neighbour_once(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    sandwell.config = replace(sandwell.config, one=replace(sandwell.config.one, enquire_of="885"))
    for turn, result in enumerate(("sent", "before")):
        [line] = await take_in(pair, tmp_path, LOST, head=HEAD)
        assert line["Result"] == result, turn
    [sent] = sandwell.store.look(lambda tx: outbox.search_outbox(tx))
    assert (sent.kind, sent.recipient, sent.message_id) == ("WhereaboutsEnquiry", "885", line["MessageId"])
    body = respond.read_outgoing(sandwell, sent.message_id, "olive").body
    assert isinstance(body, WhereaboutsEnquiry)
    assert (body.circulation, body.last_seen_on, body.note) == ("named", date(2026, 10, 23), leaver_rules.ASKED)
    [found] = await take_in(pair, tmp_path, LOST.replace(",,,,,Exam", ",,885,,,Exam").replace("Lost", ""), head=HEAD)
    assert (found["Result"], found["To"]) == ("sent", "885"), "an enquiry does not stand in the way of the notice"


async def test_an_enquiry_that_cannot_go_to_all_goes_to_none(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    sandwell.config = replace(sandwell.config, one=replace(sandwell.config.one, enquire_of="885 330"))
    [held] = await take_in(pair, tmp_path, LOST, head=HEAD)
    assert held["Result"] == "held"
    assert "Birmingham" in held["Reason"]
    assert sandwell.store.look(lambda tx: outbox.search_outbox(tx)) == []
    assert ("enquiries", "warn") in {(one.name, one.result) for one in doctor.run_checks(sandwell)}


@pytest.mark.parametrize(
    ("row", "result", "why"),
    [
        (LOST.replace(",yes", ",no"), "held", "checklist"),
        (LOST.replace(",yes", ","), "held", "checklist"),
        (LOST.replace("23,,", "23,Y,"), "held", "restricted"),
        (LOST.replace("23,,,,,", "23,,885,,,"), "held", "cannot be found"),
        (LOST.replace("Lost", "GONE AWAY"), "held", "closure value"),
        (LOST.replace("Lost", "moved  out"), "sent", ""),
        (LOST.replace("Lost", ""), "sent", ""),
        (LOST.replace("Lost", "EHE"), "ignored", "closure value"),
        (LOST.replace("Lost", "EHE").replace("23,,", "23,Y,"), "ignored", "closure value"),
        (LOST.replace("Lost", "Asylum"), "held", "closure value"),
    ],
)
async def test_what_a_closure_value_does(pair: Pair, tmp_path: Path, row: str, result: str, why: str) -> None:
    sandwell, _ = pair
    closures = {"lost": "enquire", "moved out": "transfer", "ehe": "ignore", "asylum": "hold"}
    one = replace(sandwell.config.one, enquire_of="885")
    sandwell.config = replace(sandwell.config, one=one, one_closures=closures)
    [line] = await take_in(pair, tmp_path, row, head=HEAD)
    assert line["Result"] == result
    assert why in line["Reason"]
    assert bool(line["Draft"]) == (result == "held")


async def test_nobody_is_asked_about_a_child_who_may_be_restricted(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    sandwell.config = replace(sandwell.config, one=replace(sandwell.config.one, enquire_of="885", unsaid="send"))
    line, _ = await take_in(
        pair, tmp_path, "Gone-Example,2014-01-15,yes", head="Surname,Date of Birth,Checklist Complete"
    )
    assert (line["Result"], "No one was asked" in line["Reason"]) == ("held", True)


async def test_without_neighbours_a_lost_child_waits(pair: Pair, tmp_path: Path) -> None:
    [line] = await take_in(pair, tmp_path, LOST, head=HEAD)
    assert (line["Result"], "no authorities to ask are set up" in line["Reason"]) == ("held", True)


async def test_drafts_are_kept_in_postgresql_too(postgres: str, tmp_path: Path) -> None:
    sandwell = make(tmp_path / "333", "333", "Sandwell", new_database(postgres))
    worcestershire = make(tmp_path / "885", "885", "Worcestershire")
    introduce(sandwell, worcestershire)
    sandwell.config = replace(sandwell.config, one=OneSettings(str(tmp_path / "one"), enquire_of="885"))
    (tmp_path / "one").mkdir()
    both = (sandwell, worcestershire)
    [held] = await take_in(both, tmp_path, NOWHERE)
    [mended] = await take_in(both, tmp_path, NOWHERE.replace(",M,7,", ",M,8,"))
    [again] = await take_in(both, tmp_path, NOWHERE.replace(",M,7,", ",M,8,"))
    assert held["Draft"] == mended["Draft"] == again["Draft"]
    assert drafts.read_draft(sandwell, held["Draft"], "olive")[1]["nc_year"] == "8"
    [whole] = await take_in(both, tmp_path, ",Gone-Example,Dan,2014-01-15,M,8,2026-10-23,,885,,,")
    put(tmp_path, LOST.replace("Dan", "Eli"), head=HEAD)
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    [other_headings] = held_files.find_all(sandwell.config.home)
    held_files.accept_file(sandwell, other_headings.file_id, "ines")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    [lost] = report(tmp_path)
    assert (whole["Result"], lost["Result"]) == ("sent", "sent")
    assert sandwell.store.look(lambda tx: kept.count_open_drafts(tx)) == (0, None)
    for gw in both:
        gw.store.close()


async def test_doctor_says_how_many_wait_and_warns_after_a_working_day(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    friday = datetime(2026, 11, 20, 15, tzinfo=UTC)
    sandwell.now = lambda: friday
    sandwell.config = replace(sandwell.config, one=OneSettings(str(tmp_path / "one"), unsaid="send"))
    await take_in(pair, tmp_path, NOWHERE)

    def check(now: datetime) -> tuple[str, str]:
        sandwell.now = lambda: now
        [one] = [one for one in doctor.run_checks(sandwell) if one.name == "drafts"]
        return one.result, one.detail

    result, detail = check(friday + timedelta(days=2))
    assert (result, "1 to be checked" in detail) == ("ok", True)
    assert check(friday + timedelta(days=3, minutes=1))[0] == "warn"


async def test_the_officers_commands(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    lines = await take_in(pair, tmp_path, NOWHERE, RESTRICTED, ",Stays-Example,Jo,2014-01-15,F,7,,,333,,,")
    gone, hidden, stays = (line["Draft"] for line in lines)
    home = ("--home", str(sandwell.config.home))
    listed = cme_gateway("drafts", "list", *home).stdout
    assert all(one in listed for one in (gone, hidden, stays))
    assert "Example" not in listed
    shown = cme_gateway("drafts", "show", hidden, "--by", "olive", *home).stdout
    assert "Hidden-Example" in shown
    assert f"olive: {labels.describe_act('draft.read')}" in shown
    row = json.loads(cme_gateway("drafts", "show", hidden, "--json", *home).stdout)["row"]
    assert (row["surname"], row["restricted"]) == ("Hidden-Example", "Y")
    refused = cme_gateway("drafts", "send", hidden, "--to", "885", *home)
    assert (refused.returncode, "draft.restriction" in refused.stderr) == (5, True)
    words = ("--restriction", "phone-only", "--reason", "police-advice", "--review-on", "2027-05-01")
    assert cme_gateway("drafts", "send", hidden, "--to", "885", *words, *home).returncode == 0
    assert cme_gateway("drafts", "send", gone, "--to", "885", *home).returncode == 0
    assert cme_gateway("drafts", "discard", stays, "within-area", *home).returncode == 0
    assert "No leavers to check." in cme_gateway("leavers", "list", *home).stdout
    assert "Discarded:" in cme_gateway("leavers", "list", "--state", "discarded", *home).stdout
    assert cme_gateway("drafts", "show", "none", *home).returncode == 4
    assert cme_gateway("drafts", "discard", gone, "no-such-reason", *home).returncode == 2
    assert {one.restriction for one in sandwell.store.look(lambda tx: outbox.search_outbox(tx))} == {
        "none",
        "phone-only",
    }
