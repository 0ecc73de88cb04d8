"""Everything held about one child, in one file: all of it, of nobody else, and without what must not be in it."""

import stat
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from gateway.casework import by_hand
from gateway.casework.by_hand import PhoneCall
from gateway.casework.case_notes import CaseNote, add_case_note
from gateway.context import Gateway
from gateway.core.message_name import MessageName
from gateway.core.permissions import Role
from gateway.errors import NotFound, Unusable
from gateway.paper import as_html
from gateway.paper.page import ReportPage
from gateway.retention import purge, subject_access
from gateway.store import audit_log
from schemas.message import Address, Child, Message, Sibling, TransferNotice
from schemas.shapes import CaseId
from tests.children import notice, without_urgency
from tests.command import run_command
from tests.consoles import NAMES
from tests.flows.reporting import acknowledge, conclude, exchange
from tests.flows.test_console_oversight import Visitor
from tests.flows.test_retention import later

Pair = tuple[Gateway, Gateway]
ADA = "Testchild-Example Ada 31/03/2016"


def collect(gw: Gateway, typed: str) -> tuple[ReportPage, str]:
    page = subject_access.collect_child(gw, typed, "mona")
    return page, as_html.write(page).decode()


def about(child: Child, **changes: object) -> Message:
    """A transfer notice about another child."""
    message = without_urgency(notice())
    assert isinstance(message.body, TransferNotice)
    return replace(message, body=replace(message.body, child=child, **changes))  # type: ignore[arg-type]


def ada() -> Child:
    """The child of the samples."""
    body = notice().body
    assert isinstance(body, TransferNotice)
    assert body.child
    return body.child


async def begin(pair: Pair) -> CaseId:
    """A case about Ada with a reply, a note and a call."""
    sandwell, worcestershire = pair
    message = without_urgency(notice(now=sandwell.now()))
    message_id = await exchange(sandwell, worcestershire, message)
    await acknowledge(worcestershire, sandwell, message_id)
    call = PhoneCall("Wilma Invented", worcestershire.now(), "She will look on Friday.")
    by_hand.record_received_call(worcestershire, MessageName("333", message_id), call, "otto")
    add_case_note(worcestershire, message.header.case_id, CaseNote("Grandmother called."), "otto")
    return message.header.case_id


async def test_all_of_it_is_there_however_the_child_is_named(pair: Pair) -> None:
    case_id = await begin(pair)
    child = ada()
    other = about(
        replace(
            child,
            surname="Otherchild",
            dob=date(2014, 5, 6),
            upn=None,
            former_upn=(),
            unique_learner_number=None,
            upn_unknown="not-known",
        )
    )
    await exchange(*pair, other, ["notice.same-child"])
    gw = pair[1]
    for typed in (ADA, child.upn or "", case_id):
        page, text = collect(gw, typed)
        for words in (
            "Testchild-Example",
            "Grandmother called.",
            "She will look on Friday.",
            "Wilma Invented",
            case_id,
        ):
            assert words in text, (typed, words)
        assert "Otherchild" not in text
        [viewed] = [table for table in page.tables if table.title == "Who viewed it"]
        assert any("mona" in str(row[1]) for row in viewed.rows)
        assert "Before you disclose" in " ".join(page.notes)
    entries = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="subject-access.made"))
    assert len(entries) == 3
    assert not any(
        word in entry.entry for entry in entries for word in ("Testchild", "Ada", "2016-03", child.upn or "?")
    )
    read = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read"))
    assert len([entry for entry in read if '"for":"subject-access"' in entry.entry]) >= 6


@pytest.mark.parametrize("typed", ["Testchild-Example Ada", "Testchild-Example", "31/03/2016", "B69 3DB", "Ada 2015"])
async def test_what_may_be_several_children_makes_no_file(pair: Pair, typed: str) -> None:
    await begin(pair)
    with pytest.raises(Unusable):
        subject_access.collect_child(pair[0], typed, "mona")
    assert not pair[0].store.look(lambda tx: audit_log.list_newest_entries(tx, act="subject-access.made"))


async def test_of_whom_nothing_is_held_there_is_no_file(pair: Pair) -> None:
    await begin(pair)
    with pytest.raises(NotFound):
        subject_access.collect_child(pair[0], "Nobody Ada 31/03/2016", "mona")


async def test_a_restricted_childs_file_says_nothing_of_where_it_is(pair: Pair) -> None:
    await begin(pair)
    sandwell, worcestershire = pair
    restricted = notice(name="transfer-notice-restricted", now=sandwell.now())
    assert isinstance(restricted.body, TransferNotice)
    same = replace(restricted, body=replace(restricted.body, child=ada()))
    await exchange(sandwell, worcestershire, same, ["notice.same-child", "restriction.known-before"])
    open_one = notice(now=sandwell.now())
    assert isinstance(open_one.body, TransferNotice)
    _, text = collect(worcestershire, ADA)
    assert "This child is restricted" in text
    assert "Grandmother" not in text
    assert "She will look" not in text
    places = [address.post_code for address in open_one.list_all(Address)]
    assert places
    schools = [school.school_name for school in open_one.body.school if school.school_name]
    assert schools
    assert [place for place in (*places, *schools) if place and place in text] == []


async def test_a_case_in_which_a_child_is_only_named_is_listed_by_its_reference(pair: Pair) -> None:
    child = ada()
    assert child.upn
    other = replace(
        child,
        surname="Otherchild",
        dob=date(2014, 5, 6),
        upn=None,
        former_upn=(),
        unique_learner_number=None,
        upn_unknown="not-known",
    )
    sibling = Sibling(surname="Testchild-Example", forename="Ada", dob=child.dob, upn=child.upn)
    message = about(other, sibling=(sibling,))
    await exchange(*pair, message, ["notice.same-child"])
    _, text = collect(pair[1], child.upn)
    assert message.header.case_id in text
    assert "This child is named in it" in text
    assert "Otherchild" not in text


async def test_of_a_case_that_was_purged_the_log_is_left(pair: Pair) -> None:
    sandwell, worcestershire = pair
    message_id = await exchange(sandwell, worcestershire, message := without_urgency(notice(now=sandwell.now())))
    await conclude(worcestershire, sandwell, message_id)
    later(pair, 91)
    assert purge.run_purge(worcestershire, "test").cases == 1
    with pytest.raises(NotFound):
        subject_access.collect_child(worcestershire, ADA, "mona")
    _, text = collect(worcestershire, message.header.case_id)
    assert "Details deleted" in text
    assert "Testchild" not in text


async def test_the_file_is_for_who_answers_for_the_records(visitor: Visitor) -> None:
    message = without_urgency(notice("885", "333", now=visitor.gw.now()))
    await exchange(visitor.there, visitor.gw, message)
    for role in NAMES:
        await visitor.get(role, "/retention/child", 200 if role is Role.SERVICE_MANAGER else 403)
    sent = await visitor.post(Role.SERVICE_MANAGER, "/retention/child", typed=ADA)
    assert b"Testchild-Example" in sent
    wrong = await visitor.post(Role.SERVICE_MANAGER, "/retention/child", 422, typed="Ada")
    assert b"not enough to tell one child from another" in wrong


async def test_the_command_writes_a_file_for_its_owner_alone(pair: Pair, tmp_path: Path) -> None:
    await begin(pair)
    file = tmp_path / "child.html"
    home = str(pair[1].config.home)
    ran = run_command("subject-access", *ADA.split(), "--by", "Mona", "--html", str(file), CME_GATEWAY_HOME=home)
    assert ran.returncode == 0, ran.stderr
    assert "Testchild" not in ran.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "Grandmother called." in file.read_text()
    ran = run_command("subject-access", *ADA.split(), "--by", "Mona", CME_GATEWAY_HOME=home)
    assert ran.returncode != 0
    file.unlink()
    ran = run_command("subject-access", "--by", "Mona", "--html", str(file), say=f"{ADA}\n", CME_GATEWAY_HOME=home)
    assert ran.returncode == 0, ran.stderr
    assert "Grandmother called." in file.read_text()
