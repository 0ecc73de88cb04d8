"""What admins do with accounts: what they may not give themselves, what a page asks first, and what it says after."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from gateway import console
from gateway.access import people, tell_manager
from gateway.auditing import browse
from gateway.console.application import build_application
from gateway.context import Gateway
from gateway.core import access_rules
from gateway.core.permissions import Permission, Reach, Role, get_reach
from gateway.errors import NotAllowed
from gateway.monitoring import health
from gateway.settings.sections import HelpSettings
from gateway.store import access_changes, audit_log
from gateway.store import people as store_people
from gateway.store.access_changes import AccessChange
from tests.consoles import PASSWORD, house, session, sign_in_name
from tests.flows.test_console_oversight import Visitor

ADMIN, OFFICER = sign_in_name(Role.ADMIN), sign_in_name(Role.CME_OFFICER)
SECOND = "second@council.example"


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Visitor]:
    gw = house(tmp_path / "333", "333", "Sandwell")
    client = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await client.start_server()
    yield Visitor(gw, gw, client)
    await client.close()
    gw.store.close()


def changes(gw: Gateway) -> list[AccessChange]:
    return list(gw.store.look(lambda tx: access_changes.list_access_changes(tx, gw.now() - timedelta(days=1))))


@given(st.sets(st.sampled_from(Role)), st.sets(st.sampled_from(Role)))
def test_whatever_opens_a_child_is_told_when_it_is_gained(before: set[Role], after: set[Role]) -> None:
    gained = {role for role in after - before if get_reach([role], Permission.READ_CHILD) > Reach.NONE}
    assert gained <= access_rules.find_guarded(after, before) <= after - before
    for own in (True, False):
        for others in (0, 1, 2):
            stopped = access_rules.needs_second_admin(after - before, is_own=own, other_admins=others)
            assert stopped == bool(own and others and after - before)


def test_an_admin_gives_themselves_nothing_while_another_admin_can(visitor: Visitor) -> None:
    gw = visitor.gw
    people.add_account(gw, SECOND, "Second Testadmin", [Role.ADMIN], ADMIN)
    for role in set(Role) - {Role.ADMIN}:
        with pytest.raises(NotAllowed) as why:
            people.set_roles(gw, ADMIN, [Role.ADMIN, role], ADMIN)
        assert (why.value.code, "Second Testadmin" in why.value.next_on_page) == ("people.own-roles", True)
    people.set_roles(gw, ADMIN, [Role.ADMIN, Role.CME_OFFICER], SECOND)
    # What was given is taken away by anybody.
    people.set_roles(gw, ADMIN, [Role.ADMIN], ADMIN)
    # The other one has left: there is nobody who could.
    people.set_active(gw, SECOND, False, ADMIN)
    people.set_roles(gw, ADMIN, [Role.ADMIN, Role.CME_OFFICER], ADMIN)
    assert [(one.person, one.by, one.is_own) for one in changes(gw)] == [
        (SECOND, ADMIN, False),
        (ADMIN, SECOND, False),
        (ADMIN, ADMIN, True),
    ]


def test_every_way_to_an_officers_page_is_noted_and_a_way_to_none_is_not(visitor: Visitor) -> None:
    gw = visitor.gw
    people.add_account(gw, "log@council.example", "Log Testreader", [Role.AUDITOR, Role.OPERATOR], ADMIN)
    people.reset_password(gw, sign_in_name(Role.AUDITOR), ADMIN)
    people.set_roles(gw, "log@council.example", [Role.AUDITOR], ADMIN)
    assert changes(gw) == []
    people.add_account(gw, "other@council.example", "Other Testofficer", [Role.CME_OFFICER], ADMIN)
    people.reset_password(gw, OFFICER, ADMIN)
    people.set_roles(gw, "log@council.example", [Role.AUDITOR, Role.OUTREACH], ADMIN)
    assert [(one.kind, one.person, set(one.roles)) for one in changes(gw)] == [
        ("roles", "other@council.example", {Role.CME_OFFICER}),
        ("reset", OFFICER, {Role.CME_OFFICER}),
        ("roles", "log@council.example", {Role.OUTREACH}),
    ]


async def test_health_shows_for_a_month_that_the_only_admin_gave_themselves_access(visitor: Visitor) -> None:
    gw = visitor.gw
    await asyncio.to_thread(people.set_roles, gw, ADMIN, [Role.ADMIN, Role.CME_OFFICER], ADMIN)
    [shown] = [one for one in health.measure_health(gw).findings if one.name == "own access"]
    assert "Agnes Testadmin gave themselves this access" in shown.sentence
    assert "No email has told the service manager." in shown.sentence
    # Nobody is named in the settings who could be told.
    assert await tell_manager.tell_access_changes(gw) == 0
    then = gw.now() + timedelta(days=31)
    gw.now = lambda: then
    assert "own access" not in {one.name for one in health.measure_health(gw).findings}


@pytest.mark.parametrize("act", ["end", "reset"])
async def test_an_act_that_ends_sessions_asks_first_and_says_what_else_it_does(visitor: Visitor, act: str) -> None:
    gw = visitor.gw
    session(gw, Role.CME_OFFICER)
    before = (await asyncio.to_thread(people.get_account_overview, gw, OFFICER)).person
    asked = await visitor.get(Role.ADMIN, f"/people/{quote(OFFICER)}/{act}")
    assert (await asyncio.to_thread(people.get_account_overview, gw, OFFICER)).person == before
    assert "signed out" in asked
    assert ("case is assigned" in asked) if act == "end" else ("authenticator app" in asked)
    assert "Cancel" in asked


async def test_whoever_ends_or_changes_their_own_account_reads_what_is_true(visitor: Visitor) -> None:
    gw = visitor.gw
    await asyncio.to_thread(people.add_account, gw, SECOND, "Second Testadmin", [Role.ADMIN], ADMIN)
    cookies, token = session(gw, Role.ADMIN)
    path = f"/people/{quote(ADMIN)}"
    ask = await visitor.client.get(f"{path}/end", cookies=cookies)
    assert "Deactivate your own account?" in await ask.text()
    answer = await visitor.client.post(f"{path}/end", cookies=cookies, data={"form_token": token})
    text = await answer.text()
    assert "You deactivated your account" in text
    assert "30 minutes" not in text
    again = await visitor.client.get("/people", cookies=cookies)
    assert "30 minutes" not in await again.text()
    assert "your account is deactivated" in await again.text()


async def test_ones_own_roles_are_asked_about_first(visitor: Visitor) -> None:
    gw = visitor.gw
    path = f"/people/{quote(ADMIN)}/roles"
    cookies, token = session(gw, Role.ADMIN)
    typed = [("form_token", token), ("roles", "admin"), ("roles", "auditor")]
    asked = await (await visitor.client.post(path, cookies=cookies, data=typed)).text()
    assert "Change your own roles?" in asked
    assert "Auditor" in asked
    assert (await asyncio.to_thread(people.get_account_overview, gw, ADMIN)).person.roles == {Role.ADMIN}
    done = await (await visitor.client.post(path, cookies=cookies, data=[*typed, ("sure", "yes")])).text()
    assert "You changed your roles" in done
    assert (await asyncio.to_thread(people.get_account_overview, gw, ADMIN)).person.roles == {Role.ADMIN, Role.AUDITOR}


async def test_all_that_is_wrong_with_a_new_account_is_said_at_once_each_with_its_field(visitor: Visitor) -> None:
    text = (await visitor.post(Role.ADMIN, "/people/add", 422)).decode()
    summary = text.partition("govuk-error-summary__list")[2].partition("</ul>")[0]
    assert [f'href="#{field}"' in summary for field in ("name", "called", "roles")] == [True] * 3
    # What to do stands below what is wrong.
    assert summary.index("at least one role") < summary.index("Select one or more roles.")
    assert all(f'id="{field}-error"' in text for field in ("name", "called", "roles"))
    assert "cme_officer" not in summary
    taken = (await visitor.post(Role.ADMIN, "/people/add", 422, name=OFFICER, called="A", roles="auditor")).decode()
    assert "already has an account" in taken


async def test_a_changed_name_is_shown_from_then_on_and_the_old_one_of_what_was_done_before(visitor: Visitor) -> None:
    gw, place = visitor.gw, f"/people/{quote(OFFICER)}/called"
    old = gw.store.look(lambda tx: store_people.get_person(tx, OFFICER)).called
    people.set_active(gw, OFFICER, True, ADMIN)
    assert f'value="{old}"' in await visitor.get(Role.ADMIN, place)
    await visitor.post(Role.ADMIN, place, 422, called=" ")
    await visitor.post(Role.CME_OFFICER, place, 403, called="Nobody Example")
    for _ in range(2):
        await visitor.post(Role.ADMIN, place, 303, called="  Ash   Newname ")
    assert "Ash Newname" in await visitor.get(Role.ADMIN, "/people")
    people.set_active(gw, OFFICER, True, ADMIN)
    sentences = [
        line.sentence
        for line in gw.store.look(lambda tx: browse.explain_entries(tx, list(audit_log.list_entries(tx))))
        if line.about == OFFICER and line.act in ("person.back", "person.called")
    ]
    admin = gw.store.look(lambda tx: store_people.get_person(tx, ADMIN)).called
    assert sentences == [
        f"{admin} reactivated the user {old}.",
        f"{admin} changed the name of {old} (from {old} to Ash Newname).",
        f"{admin} reactivated the user Ash Newname.",
    ]
    gw.store.run(
        lambda tx: store_people.update_person(tx, replace(store_people.get_person(tx, OFFICER), through="directory"))
    )
    with pytest.raises(NotAllowed, match=r"people\.directory"):
        people.set_called(gw, OFFICER, "Other Example", ADMIN)


async def test_backup_codes_are_shown_once_and_counted_after(visitor: Visitor) -> None:
    gw, place = visitor.gw, "/account/backup-codes"
    cookies, _ = session(gw, Role.CME_OFFICER)
    got = await visitor.client.get(place, cookies=cookies, allow_redirects=False)
    assert (got.status, got.headers["Location"]) == (303, "/account")
    await visitor.post(Role.CME_OFFICER, place, 409)
    officer = gw.store.look(lambda tx: store_people.get_person(tx, OFFICER))
    gw.store.run(lambda tx: store_people.update_person(tx, replace(officer, code_secret=b"x")))
    assert "will stop working" not in await visitor.get(Role.CME_OFFICER, place)
    shown = (await visitor.post(Role.CME_OFFICER, place)).decode()
    assert len(re.findall(r"[0-9]{4} [0-9]{4} [0-9]{4}", shown)) == 10
    account = await visitor.get(Role.CME_OFFICER, "/account")
    assert "10 left" in account
    assert not re.search(r"[0-9]{4} [0-9]{4} [0-9]{4}", account)
    assert "The 10 codes you have left will stop working." in await visitor.get(Role.CME_OFFICER, place)


async def test_the_list_says_who_has_a_second_factor(visitor: Visitor) -> None:
    text = await visitor.get(Role.ADMIN, "/people")
    assert "Second factor" in text
    assert len(re.findall(r'data-label="Second factor">None</td>', text)) == len(Role)
    assert PASSWORD not in text


async def test_who_must_set_up_an_app_is_led_there_from_every_page(visitor: Visitor) -> None:
    gw = visitor.gw
    gw.config = replace(gw.config, console=replace(gw.config.console, second_factor="admin"))
    visitor.client.session.cookie_jar.clear()
    typed = {"name": ADMIN, "password": PASSWORD}
    answer = await visitor.client.post("/sign-in", data=typed, allow_redirects=False)
    assert answer.headers["Location"] == "/sign-in/app"
    cookies = {name: morsel.value for name, morsel in answer.cookies.items()}
    page = await visitor.client.get("/sign-in/app", cookies=cookies)
    assert "Your council requires a second factor" in await page.text()
    for address in ("/people", "/account", "/"):
        answer = await visitor.client.get(address, cookies=cookies, allow_redirects=False)
        assert answer.status in (303, 404)
        assert answer.headers.get("Location", "/sign-in").startswith("/sign-in")


async def test_the_privacy_page_counts_every_cookie(visitor: Visitor) -> None:
    modules = Path(console.__file__).parent.glob("*.py")
    cookies = {name for module in modules for name in re.findall(r'"__Host-[a-z-]+"', module.read_text("utf-8"))}
    text = await (await visitor.client.get("/privacy")).text()
    assert f"It uses {len(cookies)} cookies" in text


async def test_whoever_cannot_sign_in_reads_whom_to_ask_and_nothing_about_accounts(visitor: Visitor) -> None:
    gw = visitor.gw
    desk = HelpSettings(
        "the <CME> desk", "0121 496 0999", "desk@sandwell.example", "Ring & ask.", "https://x.example/f"
    )
    gw.config = replace(gw.config, help=desk)
    for address in ("/sign-in", "/help", "/no-such-page", "/privacy", "/words"):
        text = await (await visitor.client.get(address)).text()
        assert all(part in text for part in ("the &lt;CME&gt; desk", "0121 496 0999", "mailto:desk@sandwell.example"))
        assert 'href="https://x.example/f"' in text
    assert "/help#password" in await (await visitor.client.get("/sign-in")).text()
    pages = [await (await visitor.client.get(f"/help?name={name}")).text() for name in (ADMIN, "nobody@x.example")]
    assert pages[0] == pages[1]
    assert "Ring &amp; ask." in pages[0]
