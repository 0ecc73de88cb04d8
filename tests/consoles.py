"""Authorities whose consoles run, with one invented person for each role, and a real browser before them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from secrets import token_urlsafe

from playwright.async_api import Browser, Page, async_playwright

from gateway import setup, sign_in
from gateway.app import running
from gateway.authority import Authority
from gateway.console.visit import SESSION_COOKIE
from gateway.core.permissions import Role
from gateway.people import LOCAL
from gateway.sign_in import Stage
from gateway.store import people as store
from gateway.store.people import Kept, Person
from keys import passwords
from tests.conftest import free_port, introduce

CHROMIUM = "/usr/bin/chromium"
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


@cache
def hashed() -> str:
    """Their password as the store keeps it: slow to make, so it is made once."""
    return passwords.hashed(PASSWORD)


def staff(here: Authority, roles: Sequence[Role] = tuple(Role)) -> None:
    """One person for each role, who has chosen a password."""
    now = here.now()
    people = [
        Person(sign_in_name(role), NAMES[role], frozenset({role}), True, LOCAL, now, "test", hashed()) for role in roles
    ]
    for person in people:
        here.store.run(partial(store.add, person=person))


def house(home: Path, code: str, name: str, roles: Sequence[Role] = tuple(Role), settings: str = "") -> Authority:
    """A gateway with a console, and people who may sign in."""
    setup.create(home, code=code, name=name, port=free_port(), telephone="01632 960101", console_port=free_port())
    if settings:
        file = home / "gateway.toml"
        file.write_text(f"{file.read_text()}\n{settings}\n")
    here = setup.open_authority(home)
    staff(here, roles)
    return here


@asynccontextmanager
async def two_houses(
    folder: Path, roles: Sequence[Role] = (Role.CME_OFFICER,)
) -> AsyncIterator[tuple[Authority, Authority]]:
    """Sandwell and Worcestershire, who trust each other, and run."""
    sandwell = house(folder / "333", "333", "Sandwell", roles)
    worcestershire = house(folder / "885", "885", "Worcestershire", roles)
    introduce(sandwell, worcestershire)
    async with running(sandwell), running(worcestershire):
        yield sandwell, worcestershire
    for here in (sandwell, worcestershire):
        here.store.close()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(frozen=True)
class Desk:
    """Somebody before a browser; `said` is what the browser had to complain of."""

    here: Authority
    page: Page
    said: list[str]

    async def open(self, address: str) -> None:
        """Go to one of our pages."""
        await self.page.goto(f"{self.here.config.console_url}{address}")


async def desk(browser: Browser, here: Authority, role: Role | None, **options: object) -> Desk:
    """Somebody of this role, signed in; a context of its own."""
    context = await browser.new_context(**options)  # type: ignore[arg-type]  # of playwright's own names
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    made = Desk(here, page, said)
    if role is not None:
        await made.open("/sign-in")
        await page.get_by_label("Name, or mail address").fill(sign_in_name(role))
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(lambda url: "/sign-in" not in url)
    return made


def session(here: Authority, role: Role) -> tuple[dict[str, str], str]:
    """A session of this person, made in the store: its cookie, and the token of its forms."""
    secret, token, now = token_urlsafe(32), token_urlsafe(32), here.now()
    kept = Kept(sign_in.digest_of(secret), sign_in_name(role), Stage.IN, token, now, now)
    here.store.run(lambda tx: store.begin(tx, kept))
    return {SESSION_COOKIE: secret}, token
