"""Views of the inbox that a person saves, and the inbox and the list of what was sent as files."""

import csv
import io
from datetime import date, timedelta

import pytest
from sqlalchemy import update

from gateway.access import people
from gateway.casework import list_files, saved_views
from gateway.casework.saved_views import LONGEST_NAME, MOST_VIEWS
from gateway.console.inbox import SHOWN
from gateway.core import labels
from gateway.core.permissions import Role
from gateway.exchange.send import send_notices
from gateway.store import audit_log, audit_search, tables
from gateway.store.audit_search import AuditQuery
from schemas.message import Child
from tests.children import notice, without_urgency
from tests.consoles import sign_in_name
from tests.flows.reporting import transfer
from tests.flows.test_console_oversight import Visitor, later
from tests.flows.test_inbox import came, cases_on, from_there

OFFICER, OUTREACH = Role.CME_OFFICER, Role.OUTREACH
OLIVE, OTTO = map(sign_in_name, (OFFICER, OUTREACH))


async def download(visitor: Visitor, address: str, role: Role = OFFICER) -> list[dict[str, str]]:
    """The rows of a file, by the headings of its columns."""
    text = (await visitor.get(role, address)).removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def exports(visitor: Visitor, about: str | None = None) -> list[dict[str, object]]:
    sought = AuditQuery(acts=("list.exported",), abouts=(about,) if about else None)
    entries = visitor.gw.store.look(lambda tx: audit_search.search_entries(tx, sought, None, 9))
    return [{"by": entry.actor, "entry": entry.entry} for entry in entries]


async def test_a_view_is_a_link_for_who_saved_it_until_they_delete_it(visitor: Visitor) -> None:
    await came(visitor, from_there(visitor), from_there(visitor, name="whereabouts-unknown-notice"))
    plain = await visitor.get(OFFICER, "/inbox")
    assert "Save this view" not in plain
    query = "kind=TransferNotice&authority=885&sort=received"
    page = await visitor.get(OFFICER, f"/inbox?{query}")
    assert "Do not use a child&#39;s name." in page
    typed = {"kind": "TransferNotice", "authority": "885", "sort": "received"}
    assert all(f'name="{name}" value="{value}"' in page for name, value in typed.items())
    await visitor.post(OFFICER, "/inbox/views", 303, name="Transfers <b>from</b> 885", **typed)
    page = await visitor.get(OFFICER, "/inbox")
    link = f'href="/inbox?{query.replace("&", "&amp;")}">Transfers &lt;b&gt;from&lt;/b&gt; 885</a>'
    assert link in page
    shown = await visitor.get(OFFICER, f"/inbox?{query}")
    assert len(cases_on(shown)) == 1
    assert 'aria-current="page">Transfers' in shown
    assert "Transfers" not in await visitor.get(Role.SERVICE_MANAGER, "/inbox")
    await visitor.post(Role.SERVICE_MANAGER, "/inbox/views/delete", 303, name="Transfers <b>from</b> 885")
    assert link in await visitor.get(OFFICER, "/inbox")
    for _ in range(2):
        await visitor.post(OFFICER, "/inbox/views/delete", 303, name="Transfers <b>from</b> 885")
    assert "Transfers" not in await visitor.get(OFFICER, "/inbox")
    entries = visitor.gw.store.look(lambda tx: audit_log.list_entries_from(tx, 0, 10_000))
    acts = [entry for entry in entries if entry.act.startswith("person.view-")]
    assert [(entry.act, entry.actor) for entry in acts] == [
        ("person.view-saved", OLIVE),
        ("person.view-deleted", OLIVE),
    ]
    assert not any("Transfers" in entry.entry for entry in entries)


async def test_a_view_without_a_fit_name_is_not_saved_and_what_was_asked_for_stays(visitor: Visitor) -> None:
    await came(visitor, from_there(visitor))
    saved_views.save_view(visitor.gw, OLIVE, "Late", "due=late")
    for name in ("", "x" * (LONGEST_NAME + 1), "hid\u200bden", "two\nlines", "Late"):
        page = (await visitor.post(OFFICER, "/inbox/views", 422, name=name, authority="885")).decode()
        assert "The view was not saved." in page
        assert 'href="#view-name"' in page
        assert 'name="authority" value="885"' in page
    for number in range(MOST_VIEWS - 1):
        saved_views.save_view(visitor.gw, OLIVE, f"View {number}", "due=late")
    page = (await visitor.post(OFFICER, "/inbox/views", 422, name="One more", authority="885")).decode()
    assert f"at most {MOST_VIEWS} saved views" in page
    assert len(saved_views.list_views(visitor.gw, OLIVE)) == MOST_VIEWS


async def test_what_is_no_filter_is_no_part_of_a_view(visitor: Visitor) -> None:
    typed = {"kind": "x" * 900, "authority": "y" * 900, "officer": "z" * 900, "due": "late", "sort": "'"}
    await visitor.post(OFFICER, "/inbox/views", 303, name="Odd", **typed)
    # Whom others have is nothing for who sees assigned cases only.
    await visitor.post(OUTREACH, "/inbox/views", 303, name="Mine", officer=OLIVE, due="today")
    saved = [saved_views.list_views(visitor.gw, person)[0].query for person in (OLIVE, OTTO)]
    assert saved == ["due=late", "due=today"]


async def test_a_view_of_which_nothing_waits_keeps_its_filters_selected(visitor: Visitor) -> None:
    page = await visitor.get(OFFICER, f"/inbox?kind=TransferNotice&authority=330&officer={OLIVE}")
    for value in ("TransferNotice", "330", OLIVE):
        assert f'value="{value}" selected' in page


async def test_the_inbox_is_a_file_with_every_row_in_the_order_and_with_the_filter_shown(visitor: Visitor) -> None:
    waiting = [from_there(visitor) for _ in range(SHOWN + 3)]
    sibling = from_there(visitor, name="transfer-notice-siblings")
    hidden = [from_there(visitor, name=f"transfer-notice-{level}") for level in ("phone-only", "restricted")]
    await came(visitor, *waiting)
    later(visitor, 1 / 1440)
    [case, *_] = await came(visitor, sibling, *hidden, from_there(visitor, name="whereabouts-unknown-notice"))
    people.assign_case(visitor.gw, case, OLIVE, "mona")
    address = "kind=TransferNotice&sort=received"
    rows = await download(visitor, f"/inbox/list.csv?{address}")
    assert len(rows) == SHOWN + 6
    shown = cases_on(await visitor.get(OFFICER, f"/inbox?{address}")) + cases_on(
        await visitor.get(OFFICER, f"/inbox?{address}&page=2")
    )
    by_case = {message.header.case_id: message.header.message_id for message in (*waiting, sibling, *hidden)}
    assert [row["Reference"] for row in rows] == [by_case[it] for it in map(type(case), shown)]
    first, mine = rows[0], next(row for row in rows if row["Reference"] == sibling.header.message_id)
    assert first["Child"] == "Testchild-Example, Ada"
    assert first["Date of birth"] == "31 Mar 2016"
    assert (first["From"], first["Status"]) == ("Worcestershire (885)", "New")
    assert (first["Due from you"], first["Overdue"], first["Assigned to"]) == (
        "Acknowledgement",
        "",
        labels.name_unassigned(),
    )
    assert (mine["Assigned to"], bool(mine["Siblings"])) == ("Olive Testofficer", True)
    restricted = [row for row in rows if row["Restriction"]]
    assert [(row["Child"], row["Date of birth"], row["Siblings"]) for row in restricted] == [("This child", "", "")] * 2
    # One entry, which mentions whom it named and nobody else.
    [logged] = exports(visitor)
    assert logged["by"] == OLIVE
    assert f'"names":{SHOWN + 4},"rows":{SHOWN + 6}' in str(logged["entry"])
    assert len(exports(visitor, sibling.header.message_id)) == 1
    audit = await visitor.get(Role.AUDITOR, "/audit?kind=list.exported")
    assert f"downloaded a list of children (inbox). Rows: {SHOWN + 6}. Names on it: {SHOWN + 4}." in audit
    assert [exports(visitor, message.header.message_id) for message in hidden] == [[], []]


async def test_a_file_names_nobody_who_is_not_assigned_and_says_what_is_late(visitor: Visitor) -> None:
    mine, _ = await came(visitor, from_there(visitor), from_there(visitor))
    people.assign_case(visitor.gw, mine, OTTO, OLIVE)
    later(visitor, 8)
    [row] = await download(visitor, "/inbox/list.csv?due=late", OUTREACH)
    assert row["Overdue"] == "Overdue"
    await visitor.get(Role.AUDITOR, "/inbox/list.csv", 403)
    assert await download(visitor, "/inbox/list.csv?due=today") == []
    assert len(exports(visitor)) == 2


async def test_no_cell_of_a_file_is_a_formula(visitor: Visitor) -> None:
    born = date(2015, 9, 3)
    await came(visitor, from_there(visitor, child=Child(surname="=cmd|x", dob=born, sex="F", upn_unknown="not-known")))
    [row] = await download(visitor, "/inbox/list.csv")
    assert row["Child"] == "'=cmd|x"


async def test_what_was_sent_is_a_file_in_its_order_with_replies_where_they_are_shown(visitor: Visitor) -> None:
    now = visitor.gw.now()
    some = [without_urgency(transfer(now + timedelta(milliseconds=at))) for at in range(SHOWN + 2)]
    withheld = notice(name="transfer-notice-phone-only", now=now)
    send_notices(visitor.gw, [*some, withheld], OLIVE, confirmed=["notice.same-child"])
    rows = await download(visitor, "/sent/list.csv")
    assert len(rows) == SHOWN + 3
    page = await visitor.get(OFFICER, "/sent")
    assert [row["Reference"][-12:] in page for row in rows] == [True] * SHOWN + [False] * 3
    [row] = [row for row in rows if row["Reference"] == withheld.header.message_id]
    assert (row["Child"], row["Date of birth"], row["Restriction"]) == ("This child", "", "Phone only")
    assert {row["Sent by"] for row in rows} == {OLIVE}
    assert await download(visitor, "/sent/list.csv", OUTREACH) == []
    assert '"list":"sent"' in str(exports(visitor)[0]["entry"])


async def test_a_list_that_is_too_long_for_a_file_is_offered_by_the_year(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_files, "MOST_ROWS", 1)
    year = visitor.gw.now().year
    some = [transfer(visitor.gw.now()) for _ in range(2)]
    send_notices(visitor.gw, some, OLIVE, confirmed=["notice.same-child"])
    year_before = visitor.gw.now() - timedelta(days=365)
    at = tables.outbox.c.message_id == some[0].header.message_id
    visitor.gw.store.run(lambda tx: tx.execute(update(tables.outbox).where(at).values(queued_at=year_before)))
    page = await visitor.get(OFFICER, "/sent/list.csv")
    assert "too many for one file" in page
    assert exports(visitor) == []
    for offered in (year - 1, year):
        assert f'href="/sent/list.csv?year={offered}"' in page
        assert len(await download(visitor, f"/sent/list.csv?year={offered}")) == 1
    await came(visitor, from_there(visitor), from_there(visitor))
    assert "more than 1 rows" in await visitor.get(OFFICER, "/inbox/list.csv", 409)
