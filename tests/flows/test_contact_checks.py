"""Whom partners ring is checked twice a year: people here are reminded, and partners see how old each check is."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import home_folder
from gateway.authorities import partners
from gateway.context import Gateway
from gateway.core.findings import FindingLevel, HealthFinding
from gateway.core.permissions import Role
from gateway.monitoring import health
from gateway.settings.rules import FILE
from gateway.store import audit_log, partner_cards
from keys import card
from tests.command import run_command
from tests.conftest import introduce, make, new_database
from tests.flows.test_console_oversight import Visitor
from tests.flows.test_exchange import Pair
from tests.frozen import card_reader_0_2

MASH = '\n[mash]\nname = "Sandwell MASH (invented)"\ntelephone = "01632 960199"\n'


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Sandwell, which has a MASH, and Worcestershire, which exchanges cards with it."""
    url = new_database(request.getfixturevalue("postgres")) if request.param == "postgresql" else ""
    sandwell, worcestershire = make(tmp_path / "333", "333", "Sandwell", url), make(tmp_path / "885", "885", "Worcs")
    with (tmp_path / "333" / FILE).open("a") as settings:
        settings.write(MASH)
    introduce(sandwell, worcestershire)
    sandwell = reopen(sandwell)
    yield sandwell, worcestershire
    for gw in (sandwell, worcestershire):
        gw.store.close()


def reopen(gw: Gateway, days: int = 0) -> Gateway:
    """As a process that starts so many days later."""
    gw.store.close()
    again = home_folder.open_gateway(gw.config.home)
    clock = again.now
    again.now = lambda: clock() + timedelta(days=days)
    return again


def confirm(gw: Gateway, say: str = "y\n") -> int:
    words = ("card", "confirm-contacts", "--home", str(gw.config.home), "--by", "ines")
    return run_command(*words, say=say).returncode


def note_exchange(gw: Gateway) -> None:
    """The partner gave its card when it was asked, as gateways of this version do."""
    gw.store.run(lambda tx: partner_cards.note_card_exchange(tx, "885", answered_at=gw.now()))


def find_reminder(gw: Gateway) -> HealthFinding | None:
    return next((it for it in health.measure_health(gw).findings if it.name == "contacts on our card"), None)


def test_people_are_reminded_after_half_a_year_and_partners_see_how_old_each_check_is(pair: Pair) -> None:
    sandwell, worcestershire = pair
    note_exchange(sandwell)
    assert find_reminder(sandwell) is None
    late = reopen(sandwell, days=181)
    reminder = find_reminder(late)
    assert reminder
    assert reminder.level is FindingLevel.WARN
    assert "MASH" in reminder.sentence
    assert "card confirm-contacts" in reminder.next_in_terminal
    assert confirm(late) == 0
    today = reopen(late)
    assert find_reminder(today) is None
    assert {*card.read_contact_dates(today.own_card)} == {"cme_officer", "mash"}
    acts = [it.act for it in today.store.look(lambda tx: list(audit_log.list_entries(tx)))]
    assert {"card.contacts-checked", "card.renewed"} <= {*acts}
    # The card reaches the partner, which shows the age of each as its own clock has it.
    partners.add_partner(worcestershire, today.own_card_text, by="otto")
    clock = worcestershire.now
    worcestershire.now = lambda: clock() + timedelta(days=200)
    known = partners.get_known_partner(worcestershire, "333")
    shown = partners.describe_contact_checks(known.card, worcestershire.now())
    assert [text.endswith("200 days ago") for text in shown.values()] == [True, True]
    listed = run_command("partner", "show", "333", "--home", str(worcestershire.config.home)).stdout
    assert "Sandwell MASH (invented), 01632 960199. Last checked on" in " ".join(listed.split())
    today.store.close()


def test_a_contact_that_was_changed_is_not_checked_any_more(pair: Pair) -> None:
    sandwell, _ = pair
    note_exchange(sandwell)
    assert confirm(sandwell) == 0
    file = sandwell.config.home / FILE
    file.write_text(file.read_text().replace("960199", "960177"))
    assert run_command("card", "renew", "--home", str(sandwell.config.home), "--by", "ines").returncode == 0
    changed = reopen(sandwell, days=170)
    # The date of the other stays, and goes on to the newer card.
    assert {*card.read_contact_dates(changed.own_card)} == {"cme_officer"}
    late = reopen(changed, days=181)
    reminder = find_reminder(late)
    assert reminder
    assert "MASH" in reminder.sentence
    late.store.close()


def test_no_card_is_written_that_an_older_partner_cannot_read(pair: Pair) -> None:
    sandwell, _ = pair
    # Nothing shows that Worcestershire exchanges cards, so it may be of version 0.2.
    assert confirm(sandwell) == 0
    plain = reopen(sandwell, days=1)
    assert card_reader_0_2.read_card(plain.own_card_text)["serial"] == plain.own_card.serial
    said = find_reminder(plain)
    assert said
    assert said.level is FindingLevel.OK
    assert "older gateways could not read it" in said.sentence
    # It was upgraded: the date that was kept is on the next card.
    note_exchange(plain)
    assert run_command("card", "renew", "--home", str(plain.config.home), "--by", "ines").returncode == 0
    dated = reopen(plain)
    assert {*card.read_contact_dates(dated.own_card)} == {"cme_officer", "mash"}
    with pytest.raises(card_reader_0_2.Refused):
        card_reader_0_2.read_card(dated.own_card_text)
    dated.store.close()


def test_who_has_not_checked_confirms_nothing(pair: Pair) -> None:
    sandwell, _ = pair
    before = (sandwell.config.home / home_folder.CARD_FILE).read_text()
    assert confirm(sandwell, say="n\n") == 5
    assert (sandwell.config.home / home_folder.CARD_FILE).read_text() == before
    assert sandwell.store.look(lambda tx: home_folder.find_contact_checks(tx, sandwell.config)) == {}


async def test_the_console_says_how_old_each_check_is_of_ours_and_of_a_partners(visitor: Visitor) -> None:
    here, there = visitor.gw, visitor.there
    await asyncio.to_thread(note_exchange, here)
    assert await asyncio.to_thread(confirm, there) == 0
    for path in ("/partners/own", "/partners/885"):
        assert "Not known when it was last checked" in await visitor.get(Role.SERVICE_MANAGER, path)
    assert await asyncio.to_thread(confirm, here) == 0
    assert "Last checked on" in await visitor.get(Role.SERVICE_MANAGER, "/partners/own")


def test_what_another_gateway_writes_into_the_dates_never_spoils_its_card(pair: Pair) -> None:
    sandwell, _ = pair
    ours = sandwell.own_card
    tomorrow = int((ours.issued_at + timedelta(days=1)).timestamp())
    dates: list[Any] = ["x", -1, 10**12, {}, tomorrow, True, None]
    claims: list[Any] = [None, 7, "x", [], *({"mash": date} for date in dates)]
    for said in claims:
        assert card.read_contact_dates(replace(ours, extensions={card.CONTACTS_CHECKED: said})) == {}
    mixed = {card.CONTACTS_CHECKED: {"mash": None, "cme_officer": 1_790_000_000}}
    assert {*card.read_contact_dates(replace(ours, extensions=mixed))} == {"cme_officer"}
