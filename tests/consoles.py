"""Authorities whose consoles run, with one invented person for each role, and a real browser before them."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from secrets import token_urlsafe
from threading import Event, Thread

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.async_api import Browser, Page, async_playwright
from sqlalchemy import Connection

from gateway import home_folder
from gateway.access import sessions
from gateway.access.people import LOCAL
from gateway.access.sessions import SignInStage
from gateway.app import run_gateway
from gateway.console.console_request import SESSION_COOKIE
from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.store import audit_log, outbox
from gateway.store import people as store
from gateway.store.audit_log import AuditEntry
from gateway.store.outbox import OPEN
from gateway.store.people import Person, StoredSession
from keys import passwords
from tests.conftest import free_port, introduce
from tests.needs import need

CHROMIUM = "/usr/bin/chromium-headless-shell"
PASSWORD = "purple-tractor-wednesday"
NAMES = {
    Role.CME_OFFICER: "Olive Testofficer",
    Role.PUPIL_TRACKING: "Percy Testtracker",
    Role.OUTREACH: "Otto Testvisitor",
    Role.SERVICE_MANAGER: "Mona Testmanager",
    Role.AUDITOR: "Ada Testauditor",
    Role.OPERATOR: "Oscar Testoperator",
    Role.ADMIN: "Agnes Testadmin",
}


def sign_in_name(role: Role) -> str:
    """With which the person of this role signs in."""
    return f"{role.value.replace('_', '.')}@council.example"


def hashed() -> str:
    """Their password as the store keeps it: slow to make, so it is made once at each cost."""
    return _hashed_at(passwords.PASSES, passwords.KIBIBYTES)


@cache
def _hashed_at(passes: int, kibibytes: int) -> str:
    return passwords.hash_password(PASSWORD)


def staff(gw: Gateway, roles: Sequence[Role] = tuple(Role)) -> None:
    """One person for each role, who has chosen a password."""
    now = gw.now()
    people = [
        Person(sign_in_name(role), NAMES[role], frozenset({role}), True, LOCAL, now, "test", password=hashed())
        for role in roles
    ]
    for person in people:
        gw.store.run(partial(_add, gw=gw, person=person))


def _add(tx: Connection, gw: Gateway, person: Person) -> None:
    store.add_person(tx, person)
    roles = " ".join(sorted(person.roles))
    audit_log.append_entries(tx, gw.now(), [AuditEntry("person.added", "test", person.name, detail={"roles": roles})])


def house(
    home: Path, code: str, name: str, roles: Sequence[Role] = tuple(Role), settings: str = "", store_url: str = ""
) -> Gateway:
    """A gateway with a console, and people who may sign in."""
    home_folder.create_gateway(
        home,
        home_folder.NewGateway(
            code=code,
            name=name,
            port=free_port(),
            telephone="01632 960101",
            console_port=free_port(),
            store_url=store_url,
        ),
    )
    if settings:
        file = home / "gateway.toml"
        file.write_text(f"{file.read_text()}\n{settings}\n")
    gw = home_folder.open_gateway(home)
    staff(gw, roles)
    return gw


@asynccontextmanager
async def two_houses(
    folder: Path, roles: Sequence[Role] = (Role.CME_OFFICER,)
) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Sandwell and Worcestershire, who trust each other, and run."""
    sandwell = house(folder / "333", "333", "Sandwell", roles)
    worcestershire = house(folder / "885", "885", "Worcestershire", roles)
    introduce(sandwell, worcestershire)
    async with run_gateway(sandwell), run_gateway(worcestershire):
        yield sandwell, worcestershire
    for gw in (sandwell, worcestershire):
        gw.store.close()


async def settled(*houses: Gateway) -> None:
    """Everything that was queued has been receipted, and what came of it too."""
    async with asyncio.timeout(30):
        while True:
            await asyncio.sleep(0.1)
            open_ones = [
                await gw.store.read(lambda tx: outbox.search_outbox(tx, outbox.OutboxQuery(states=OPEN), limit=1))
                for gw in houses
            ]
            if not any(open_ones):
                return


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's browser: one for all tests of a process, since to start one takes a second of processor; each has
    contexts of its own.
    """
    need("Chromium", "fonts")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(_start_chromium())
        try:
            yield browser
        finally:
            for context in browser.contexts:
                await context.close()
            await browser.close()


@cache
def _start_chromium() -> str:
    """Start the browser, which ends with this process; return where it listens."""
    port, ready = free_port(), Event()
    Thread(target=asyncio.run, args=(_run_chromium(port, ready),), daemon=True).start()
    assert ready.wait(60), "Chromium did not start"
    return f"http://127.0.0.1:{port}"


async def _run_chromium(port: int, ready: Event) -> None:
    async with async_playwright() as playwright:
        await playwright.chromium.launch(executable_path=CHROMIUM, args=[f"--remote-debugging-port={port}"])
        ready.set()
        await asyncio.Event().wait()


@dataclass(frozen=True)
class Desk:
    """Somebody before a browser; `said` is what the browser had to complain of."""

    gw: Gateway
    page: Page
    said: list[str]

    async def open(self, address: str) -> None:
        """Go to one of our pages."""
        await self.page.goto(f"{self.gw.config.console_url}{address}")


async def desk(browser: Browser, gw: Gateway, role: Role | None, **options: object) -> Desk:
    """Somebody of this role, signed in; a context of its own."""
    context = await browser.new_context(**options)  # type: ignore[arg-type]  # of playwright's own names
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    made = Desk(gw, page, said)
    if role is not None:
        await made.open("/sign-in")
        await page.get_by_label("Email address or username").fill(sign_in_name(role))
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(lambda url: "/sign-in" not in url)
    return made


def session(gw: Gateway, role: Role) -> tuple[dict[str, str], str]:
    """A session of this person, made in the store: its cookie, and the token of its forms."""
    secret, token, now = token_urlsafe(32), token_urlsafe(32), gw.now()
    kept = StoredSession(sessions.compute_secret_digest(secret), sign_in_name(role), SignInStage.IN, token, now, now)
    gw.store.run(lambda tx: store.add_session(tx, kept))
    return {SESSION_COOKIE: secret}, token


RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
# What it passed would be a hundred times as much to carry.
RUN_AXE = f"""async () => {{
    const found = await axe.run({json.dumps(RULES)})
    return {{violations: found.violations}}
}}"""
SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
# What the browser says of a page that says no.
REFUSED = "Failed to load resource"


async def assert_accessible(desk: Desk) -> None:
    """The page that is open: no violation that axe finds (WCAG 2.2 AA), no way sideways, no complaint
    of the browser.
    """
    if not await desk.page.evaluate("Boolean(window.axe)"):
        await desk.page.evaluate(AXE_SCRIPT)
    found = AxeResults(await desk.page.evaluate(RUN_AXE))
    assert found.violations_count == 0, f"{desk.page.url}: {found.generate_report()}"
    await assert_fits(desk)


async def assert_fits(desk: Desk) -> None:
    """The page that is open: no way sideways, no complaint of the browser."""
    assert not await desk.page.evaluate(SIDEWAYS), f"{desk.page.url} is wider than the screen"
    assert [one for one in desk.said if REFUSED not in one] == [], desk.page.url
