"""What comes again: a row is done where the same was sent; what says other things, or names another child, is never
taken for it.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.context import Gateway
from gateway.core.draft_state import DraftState
from gateway.errors import NotAllowed
from gateway.exchange import respond
from gateway.one import drafts
from gateway.settings.sections import OneSettings
from gateway.store import drafts as kept
from gateway.store import outbox
from gateway.store.drafts import Draft
from schemas.message import Restriction, TransferNotice
from schemas.shapes import MessageId
from tests import folders
from tests.conftest import introduce, make, new_database
from tests.flows.test_leavers_folder import put

ADA = (
    'X333210123001,Testchild-Example,Ada,31/03/2016,F,5,23/10/2026,,885,"44 Placeholder Road, Inventchester",WR1'
    " 9ZZ,Exampleton"
)
MENDED = ADA.replace("44 ", "46 ")
BEA = ADA.replace("Testchild-Example,Ada,31/03/2016", "Other-Example,Bea,11/09/2012")


@pytest.fixture(params=["sqlite", "postgresql"])
def sandwell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """Sandwell, whose folder is watched, and partners to whom it may send."""
    url = "" if request.param == "sqlite" else new_database(request.getfixturevalue("postgres"))
    ours = make(tmp_path / "333", "333", "Sandwell", url)
    for code, name in (("885", "Worcestershire"), ("330", "Birmingham")):
        theirs = make(tmp_path / code, code, name)
        introduce(ours, theirs)
        theirs.store.close()
    (tmp_path / "one").mkdir()
    ours.config = replace(ours.config, one=OneSettings(str(tmp_path / "one")))
    yield ours
    ours.store.close()


async def take_in(gw: Gateway, tmp_path: Path, *rows: str) -> list[dict[str, str]]:
    put(tmp_path, *rows)
    await folders.take_in_leavers(gw, tmp_path / "one")
    return folders.rows_of(gw.config.home, "leavers")


def draft_of(gw: Gateway, line: dict[str, str]) -> Draft:
    return gw.store.look(lambda tx: kept.get_draft(tx, line["Draft"]))


def sent(gw: Gateway) -> list[TransferNotice]:
    """The notices that were sent, the oldest first."""
    found = gw.store.look(lambda tx: outbox.search_outbox(tx, limit=None))
    bodies = [respond.read_outgoing(gw, one.message_id, "olive").body for one in reversed(found)]
    return [body for body in bodies if isinstance(body, TransferNotice)]


def waiting(gw: Gateway) -> list[dict[str, str]]:
    """The rows of the drafts that are open."""
    found = gw.store.look(lambda tx: kept.list_drafts(tx, DraftState.OPEN, 1000))
    return [dict(drafts.read_draft(gw, one.draft_id, "olive")[1]) for one in found]


async def test_a_mended_row_offers_a_correction_and_is_done_when_it_was_made(sandwell: Gateway, tmp_path: Path) -> None:
    [first] = await take_in(sandwell, tmp_path, ADA)
    [again] = await take_in(sandwell, tmp_path, ADA)
    [mended] = await take_in(sandwell, tmp_path, MENDED)
    [twice] = await take_in(sandwell, tmp_path, MENDED)
    assert [line["Result"] for line in (first, again, mended, twice)] == ["sent", "before", "held", "held"]
    assert "the details have changed" in mended["Reason"]
    assert mended["Draft"] == twice["Draft"]
    assert draft_of(sandwell, mended).corrects == first["MessageId"]
    new = drafts.send_correction(sandwell, mended["Draft"], None, "olive")
    delivery = sandwell.store.look(lambda tx: outbox.get_delivery(tx, new))
    old = sandwell.store.look(lambda tx: outbox.get_delivery(tx, MessageId(first["MessageId"])))
    assert (delivery.case_id, delivery.recipient) == (old.case_id, old.recipient)
    address = sent(sandwell)[-1].destination_address
    assert address is not None
    assert address.address_line[0].startswith("46")
    [done] = await take_in(sandwell, tmp_path, MENDED)
    [back] = await take_in(sandwell, tmp_path, ADA)
    assert (done["Result"], back["Result"]) == ("before", "held"), "what was corrected back is another mend"
    with pytest.raises(NotAllowed, match=r"draft\.ended"):
        drafts.send_correction(sandwell, mended["Draft"], None, "olive")


async def test_a_later_mend_takes_the_place_of_the_open_draft(sandwell: Gateway, tmp_path: Path) -> None:
    await take_in(sandwell, tmp_path, ADA)
    lines = [(await take_in(sandwell, tmp_path, ADA.replace("44 ", f"{n} ")))[0] for n in (46, 48, 50)]
    assert {line["Draft"] for line in lines} == {lines[0]["Draft"]}
    assert [row["new_address"][:2] for row in waiting(sandwell)] == ["50"]


async def test_a_mended_name_or_birthday_is_a_correction_and_both_may_be_another_child(
    sandwell: Gateway, tmp_path: Path
) -> None:
    [first] = await take_in(sandwell, tmp_path, ADA)
    for row, says in (
        (ADA.replace("Ada", "Adah"), "the details have changed"),
        (ADA.replace("2016", "2015"), "the details have changed"),
        (BEA, "another name and date of birth"),
    ):
        [line] = await take_in(sandwell, tmp_path, row)
        assert (line["Result"], says in line["Reason"]) == ("held", True)
        assert draft_of(sandwell, line).corrects == first["MessageId"]


async def test_another_child_who_is_sent_is_done_and_the_first_one_too(sandwell: Gateway, tmp_path: Path) -> None:
    await take_in(sandwell, tmp_path, ADA)
    [held] = await take_in(sandwell, tmp_path, BEA)
    drafts.send_draft(sandwell, held["Draft"], "885", None, "olive", confirmed=["upn.other-child"])
    for _ in range(2):
        assert (await take_in(sandwell, tmp_path, BEA))[0]["Result"] == "before"
        assert (await take_in(sandwell, tmp_path, ADA))[0]["Result"] == "before"
    assert [(await take_in(sandwell, tmp_path, row))[0]["Result"] for row in (MENDED, BEA.replace("44", "46"))] == [
        "held",
        "held",
    ]


async def test_another_child_with_the_upn_is_held_whatever_day_and_authority_it_names(
    sandwell: Gateway, tmp_path: Path
) -> None:
    await take_in(sandwell, tmp_path, ADA)
    for row in (BEA.replace("23/10/2026", "24/10/2026"), BEA.replace(",885,", ",330,")):
        [line] = await take_in(sandwell, tmp_path, row)
        assert (line["Result"], "another name" in line["Reason"]) == ("held", True)


async def test_a_draft_is_not_taken_away_by_another_child_with_its_upn(sandwell: Gateway, tmp_path: Path) -> None:
    """Nor ended as sent, nor written over."""
    nowhere = ADA.replace(",885,", ",,").replace("WR1 9ZZ", "")
    other = BEA.replace(",885,", ",,").replace("WR1 9ZZ", "")
    await take_in(sandwell, tmp_path, nowhere)
    await take_in(sandwell, tmp_path, other)
    assert {row["forename"] for row in waiting(sandwell)} == {"Ada", "Bea"}
    [line] = await take_in(sandwell, tmp_path, BEA)
    assert line["Result"] == "sent"
    assert {row["forename"] for row in waiting(sandwell)} == {"Ada"}


async def test_a_draft_that_has_ended_does_not_stand_for_a_row_that_says_other_things(
    sandwell: Gateway, tmp_path: Path
) -> None:
    nowhere = ADA.replace(",885,", ",,").replace("WR1 9ZZ", "")
    [first] = await take_in(sandwell, tmp_path, nowhere)
    message = drafts.send_draft(sandwell, first["Draft"], "885", None, "olive")
    assert (await take_in(sandwell, tmp_path, nowhere))[0]["Result"] == "before"
    [mended] = await take_in(sandwell, tmp_path, nowhere.replace("Ada", "Adah"))
    assert (mended["Result"], mended["Draft"] != first["Draft"]) == ("held", True)
    assert draft_of(sandwell, mended).corrects == message
    drafts.discard_draft(sandwell, mended["Draft"], "duplicate", "olive")
    [again] = await take_in(sandwell, tmp_path, nowhere.replace("Ada", "Adah"))
    [other] = await take_in(sandwell, tmp_path, nowhere.replace("Ada", "Adahh"))
    assert (again["Result"], other["Result"]) == ("before", "held")


async def test_a_child_who_becomes_restricted_after_the_notice_went_is_a_draft_that_corrects(
    sandwell: Gateway, tmp_path: Path
) -> None:
    await take_in(sandwell, tmp_path, ADA)
    [line] = await take_in(sandwell, tmp_path, ADA.replace("2026,,885", "2026,Y,885"))
    assert (line["Result"], "restricted" in line["Reason"], "was sent before" in line["Reason"]) == ("held", True, True)
    with pytest.raises(NotAllowed, match=r"draft\.restriction"):
        drafts.send_correction(sandwell, line["Draft"], None, "olive")
    drafts.send_correction(sandwell, line["Draft"], Restriction(level="none"), "olive", confirmed=["restriction.known"])


async def test_what_a_version_before_has_sent_is_compared_with_the_notice_itself(
    sandwell: Gateway, tmp_path: Path
) -> None:
    await take_in(sandwell, tmp_path, ADA)
    with sandwell.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE intake SET child = NULL, person = NULL, said = NULL")
    assert (await take_in(sandwell, tmp_path, ADA))[0]["Result"] == "before"
    [line] = await take_in(sandwell, tmp_path, BEA)
    assert (line["Result"], "another name" in line["Reason"]) == ("held", True)


NAMES = (
    ("Testchild-Example", "Ada", "31/03/2016"),
    ("Other-Example", "Bea", "11/09/2012"),
    ("Testchild-Example", "Adah", "31/03/2016"),
)
PLACES = ("885", "330", "")


async def test_no_child_is_lost_whatever_comes_in_whatever_order(sandwell: Gateway, tmp_path: Path) -> None:
    """After each file every child that it names is in a notice, or in a draft; what it says of the child is in one of
    them too.
    """
    chance = random.Random(17)
    every = list(itertools.product(NAMES, PLACES, ("44", "46"), ("X333210123001", "")))
    for _ in range(20):
        some = chance.sample(every, chance.choice((1, 1, 2, 3)))
        rows = [
            f'{upn},{surname},{forename},{born},F,5,23/10/2026,,{to},"{house} Placeholder Road",,Exampleton'
            for (surname, forename, born), to, house, upn in some
        ]
        lines = await take_in(sandwell, tmp_path, *rows)
        assert {line["Result"] for line in lines} <= {"sent", "before", "held", "ignored"}
        notices, drafted = sent(sandwell), waiting(sandwell)
        told = {
            (
                one.child.surname,
                one.child.forename,
                f"{one.child.dob:%d/%m/%Y}",
                one.destination_address.address_line[0][:2],
            )
            for one in notices
            if one.child and one.destination_address
        }
        told |= {(one["surname"], one["forename"], one["dob"], one["new_address"][:2]) for one in drafted}
        for (person, _, house, _), line in zip(some, lines, strict=True):
            assert (*person, house) in told or line["Result"] == "ignored", (person, house, line)
