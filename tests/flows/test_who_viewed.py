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
from gateway.auditing.who_viewed import ChildQuestion, ChildViews
from gateway.casework import case
from gateway.console.application import build_application
from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.store import audit_log
from schemas.message import Child, Message, TransferNotice
from tests.children import notice
from tests.conftest import introduce
from tests.consoles import house
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


def ask(gw: Gateway, typed: str, **more: object) -> ChildViews:
    return who_viewed.list_child_views(gw, ChildQuestion(typed, **more), "ada")  # type: ignore[arg-type]  # its own names


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


def test_that_it_was_asked_is_logged_without_what_was_typed(visitor: Visitor) -> None:
    gw = visitor.gw
    ask(gw, "Viewed-Example")
    assert logged(gw, "audit.child-reviewed") == [{"by": "name", "found": 1, "entries": 2}]
    every = gw.store.look(lambda tx: [one.entry for one in audit_log.list_entries(tx)])
    assert not [entry for entry in every if "viewed-example" in entry.lower()]


def test_views_come_page_by_page(visitor: Visitor) -> None:
    gw = visitor.gw
    first = who_viewed.list_child_views(gw, ChildQuestion("Viewed-Example"), "ada", most=1)
    assert first.below is not None
    rest = who_viewed.list_child_views(gw, ChildQuestion("Viewed-Example", cursor=first.below), "ada", most=1)
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
