"""Who viewed a child, asked by an auditor with what a parent would tell them; and the log as a file."""

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.auditing import who_viewed
from gateway.auditing.who_viewed import ChildQuestion, ChildViews, UnsentRecord
from gateway.casework import case, compose
from gateway.casework.compose import list_written_records
from gateway.console.application import build_application
from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.one.drafts import list_draft_records
from gateway.store import audit_log
from schemas.message import Child, Message, TransferNotice
from tests.children import notice
from tests.conftest import introduce
from tests.consoles import house
from tests.flows.test_compose import written
from tests.flows.test_console_oversight import Visitor


def about(surname: str) -> Message:
    """A notice about a child with this surname."""
    made = notice("885", "333")
    assert isinstance(made.body, TransferNotice)
    assert isinstance(made.body.child, Child)
    return replace(made, body=replace(made.body, child=replace(made.body.child, surname=surname)))


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Visitor]:
    """Sandwell has two notices of Worcestershire, about two children; Olive viewed the first, twice."""
    gw, there = house(tmp_path / "333", "333", "Sandwell"), house(tmp_path / "885", "885", "Worcestershire", ())
    introduce(gw, there)
    sent = [about("Viewed-Example"), about("Unseen-Example")]
    await receive_parcels(gw, [one.sealed for one in prepare_messages(there, sent, "test")], "885")
    for _ in range(2):
        case.open_case(gw, sent[0].header.case_id, "olive")
    client = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await client.start_server()
    yield Visitor(gw, there, client)
    await client.close()
    for one in (gw, there):
        one.store.close()


def records(gw: Gateway) -> list[UnsentRecord]:
    return [*list_draft_records(gw, 99), *list_written_records(gw, 99)]


def ask(gw: Gateway, typed: str, **more: object) -> ChildViews:
    question = ChildQuestion(typed, **more)  # type: ignore[arg-type]  # its own names
    return who_viewed.list_child_views(gw, question, "ada", unsent=records(gw))


def logged(gw: Gateway, act: str) -> list[dict[str, object]]:
    found = gw.store.look(lambda tx: list(audit_log.list_newest_entries(tx, act=act)))
    return [json.loads(one.entry)["detail"] for one in found]


def test_views_are_found_by_the_name_of_the_child_and_by_no_other(visitor: Visitor) -> None:
    gw = visitor.gw
    found = ask(gw, "viewed-example")
    assert [(line.actor, line.act) for line in found.lines] == [("olive", "notice.read")] * 2
    assert len(found.cases) == 1
    other = ask(gw, "Unseen-Example")
    assert (len(other.cases), other.lines) == (1, [])
    assert ask(gw, "Nobody-Example").cases == ()


def write_about(gw: Gateway, surname: str, level: str = "none") -> str:
    """Somebody writes a notice about a child, of which no more is said yet; Olive viewed it."""
    name = compose.begin_composition(gw, "TransferNotice", "olive")
    now = compose.open_composition(gw, name, "olive")
    body = {**now.body, "child": {"surname": surname}, "restriction": {"level": level}}
    compose.save_composition(gw, replace(now, body=body), "olive")
    return name


def test_views_of_a_notice_that_is_being_written_are_found_too_but_not_of_a_phone_only_child(visitor: Visitor) -> None:
    gw = visitor.gw
    write_about(gw, "Written-Example")
    write_about(gw, "Hidden-Example", "phone-only")
    found = ask(gw, "Written-Example")
    assert (found.cases, found.records) == ((), 1)
    assert [(line.actor, line.act) for line in found.lines] == [("olive", "composition.read")]
    assert logged(gw, "audit.child-reviewed")[0] == {"by": "name", "found": 0, "entries": 1, "records": 1}
    for typed in ("Hidden-Example", "Nobody-Example", "Written-Example 31/03/2016"):
        assert ask(gw, typed).records == 0


async def test_of_a_notice_that_was_sent_it_is_found_who_viewed_it_before(visitor: Visitor) -> None:
    gw = visitor.gw
    name = written(gw)
    compose.open_composition(gw, name, "olive")
    compose.send_composition(gw, name, (), "olive")
    found = ask(gw, "Testchild-Example")
    assert (len(found.cases), found.records) == (1, 1)
    assert "composition.read" in {line.act for line in found.lines}
    page = (await visitor.post(Role.AUDITOR, "/audit/child", typed="Testchild-Example 31/03/2016")).decode()
    assert "1 leaver record or written notice found too." in page
    assert "viewed an unfinished notice" in page


def test_that_it_was_asked_is_logged_without_what_was_typed(visitor: Visitor) -> None:
    gw = visitor.gw
    ask(gw, "Viewed-Example")
    assert logged(gw, "audit.child-reviewed") == [{"by": "name", "found": 1, "entries": 2}]
    every = gw.store.look(lambda tx: [one.entry for one in audit_log.list_entries(tx)])
    assert not [entry for entry in every if "viewed-example" in entry.lower()]


def test_views_come_page_by_page(visitor: Visitor) -> None:
    gw = visitor.gw
    first = who_viewed.list_child_views(gw, ChildQuestion("Viewed-Example", most=1), "ada")
    assert first.below is not None
    rest = who_viewed.list_child_views(gw, ChildQuestion("Viewed-Example", cursor=first.below, most=1), "ada")
    assert (len(rest.lines), rest.below) == (1, None)
    assert rest.lines[0].number < first.lines[0].number


async def test_the_auditor_sees_entries_and_references_and_nothing_of_the_record(visitor: Visitor) -> None:
    text = (await visitor.post(Role.AUDITOR, "/audit/child", typed="Viewed-Example", period="this month")).decode()
    assert "1 case found" in text
    assert "olive viewed a child" in text
    record = notice().list_all(Child)[0]
    assert record.dob.isoformat() not in text
    assert str(record.dob.year) not in text
    assert str(record.upn) not in text
    past = (await visitor.post(Role.AUDITOR, "/audit/child", typed="Viewed-Example", period="last month")).decode()
    assert "No one viewed these notices in this period." in past
    refused = (await visitor.post(Role.AUDITOR, "/audit/child", 422, typed="")).decode()
    assert 'href="#typed"' in refused
    await visitor.post(Role.ADMIN, "/audit/child", 403, typed="Viewed-Example")
    await visitor.post(Role.OPERATOR, "/audit/file", 403)


async def test_what_was_found_is_had_as_a_file_and_the_file_is_logged(visitor: Visitor) -> None:
    gw = visitor.gw
    answer = await visitor.post(Role.AUDITOR, "/audit/child", 200, **{"typed": "Viewed-Example", "as": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.decode("utf-8-sig"))))
    assert [row["User"] for row in rows] == ["olive", "olive"]
    assert "viewed-example" not in answer.decode().lower()
    assert logged(gw, "audit.child-reviewed")[0]["as"] == "csv"
    answer = await visitor.post(Role.AUDITOR, "/audit/file", person="olive")
    assert {row["User"] for row in csv.DictReader(io.StringIO(answer.decode("utf-8-sig")))} == {"olive"}
    assert logged(gw, "audit.list-exported") == [{"person": "olive", "entries": 2}]


async def test_last_month_is_one_click(visitor: Visitor) -> None:
    text = await visitor.get(Role.AUDITOR, "/audit?person=olive")
    assert "/audit?person=olive&amp;since=" in text
    assert "last month" in text
