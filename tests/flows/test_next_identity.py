"""Our identity key is replaced while notices go both ways: people of each partner confirm the new one, nothing waits for
them, and nothing is lost or refused.
"""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import app, home_folder
from gateway.authorities import partners
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel
from gateway.core.own_keys import KeyKind, KeyState
from gateway.directories import keeper as keeping
from gateway.directories import take
from gateway.errors import ConfigProblem, NotAllowed
from gateway.exchange import card_rounds
from gateway.exchange.newer_cards import SHOWN, take_newer_card
from gateway.monitoring import health
from gateway.own_keys import identity, inventory
from gateway.store import audit_log, owner, partner_cards
from keys import card
from keys.errors import RefusalCode
from keys.ring import IDENTITY_FILE, NEXT_IDENTITY_FILE
from schemas.shapes import MessageId
from tests.command import run_command
from tests.conftest import make
from tests.directories import NAME, SCHEME, Keeper, join_scheme, list_member
from tests.flows.test_cards import two
from tests.flows.test_changed_cards import acts, is_whole, send, state, three
from tests.flows.test_exchange import Pair, until
from tests.refusals import expect_refusal

__all__ = ("three", "two")


def run(gw: Gateway, *words: str, say: str = "") -> tuple[int, str]:
    done = run_command(*words, "--home", str(gw.config.home), "--by", "ines", say=say)
    return done.returncode, done.stdout + done.stderr


def begin(gw: Gateway) -> str:
    """Make the new identity key; return its fingerprint, as people read it out."""
    done = run_command("keys", "rotate-identity", "--yes", "--json", "--home", str(gw.config.home), "--by", "ines")
    fingerprint: str = json.loads(done.stdout)["fingerprint"]
    return fingerprint


def findings(gw: Gateway) -> dict[str, FindingLevel]:
    return {it.name: it.level for it in health.measure_health(gw).findings}


def detail(gw: Gateway, act: str) -> dict[str, str]:
    [entry] = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act=act))
    found: dict[str, str] = json.loads(entry.entry)["detail"]
    return found


def list_refused(gw: Gateway) -> list[str]:
    """The codes for which cards were refused, and who showed one."""
    entries = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="card.refused"))
    entries += gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="caller.refused"))
    return [code for it in entries if (code := json.loads(it.entry)["detail"]["code"]).startswith("card.")]


def note_exchanged(gw: Gateway) -> None:
    """Its partners have given their cards when they were asked, as gateways of this version do."""
    for code in gw.trust.list_authorities():
        gw.store.run(lambda tx, code=code: partner_cards.note_card_exchange(tx, code, answered_at=gw.now()))  # type: ignore[misc]


def reopen(gw: Gateway) -> Gateway:
    gw.store.close()
    return home_folder.open_gateway(gw.config.home)


async def test_an_identity_key_is_replaced_while_notices_go_both_ways(
    three: dict[str, Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_rounds, "ASK_AGAIN", timedelta(seconds=0.5))
    ours, first, second = three["333"], three["885"], three["330"]
    before = card.compute_fingerprint(ours.own_card)
    note_exchanged(ours)
    sent: list[tuple[Gateway, MessageId]] = []

    async def keep_sending() -> None:
        while True:
            for code, other in permutations(three, 2):
                sent.append((three[code], await asyncio.to_thread(send, three[code], other)))
            await asyncio.sleep(0.3)

    async with AsyncExitStack() as running:
        for gw in three.values():
            await running.enter_async_context(app.run_gateway(gw))
        sending = asyncio.create_task(keep_sending())
        now = await asyncio.to_thread(begin, ours)
        # Each gateway has it by itself, and its people are told to compare.
        await until(lambda: all("identity of 333" in findings(gw) for gw in (first, second)))
        code, says = await asyncio.to_thread(run, ours, "keys", "finish-identity")
        assert (code, "(keys.identity-unconfirmed)" in says, "Worcestershire" in says) == (5, True, True)
        wrong = await asyncio.to_thread(run, first, "partner", "confirm-identity", "333", "--fingerprint", before)
        assert (wrong[0], "(partner.fingerprint)" in wrong[1]) == (5, True)
        code, _ = await asyncio.to_thread(run, first, "partner", "confirm-identity", "333", "--fingerprint", now)
        assert code == 0
        await until(lambda: acts(ours, "partner.holds-new-identity") == 1)
        named = findings(ours)
        assert ("our identity at 885" in named, named["our identity at 330"]) == (False, FindingLevel.WARN)
        # Meanwhile the other keys change: each partner believes the card whose identity key it has confirmed.
        renewed = await asyncio.to_thread(home_folder.rotate_keys, ours.config.home, by="ines")
        await until(lambda: all(gw.trust.get_card("333").serial == renewed.serial for gw in (first, second)))
        assert [card.compute_fingerprint(gw.trust.get_card("333")) for gw in (first, second)] == [now, before]
        assert (await asyncio.to_thread(run, second, "partner", "confirm-identity", "333", "--fingerprint", now))[
            0
        ] == 0
        await until(lambda: acts(ours, "partner.holds-new-identity") == 2)
        code, says = await asyncio.to_thread(run, ours, "keys", "finish-identity")
        assert code == 0, says
        await until(lambda: card.compute_fingerprint(ours.own_card) == now)
        await until(lambda: all(gw.trust.get_card("333").serial == ours.own_card.serial for gw in (first, second)))
        await asyncio.sleep(0.5)
        sending.cancel()
        await until(lambda: all(state(gw, it) is DeliveryState.RECEIVED for gw, it in sent))
        assert not [
            name for gw in three.values() for name in findings(gw) if "identity " in name and name[-1].isdigit()
        ]
    assert len(sent) > 20
    assert all(is_whole(gw) for gw in three.values())
    # One that a newer card overtook may come; none was strange to anybody.
    assert {code for gw in three.values() for code in list_refused(gw)} <= {RefusalCode.CARD_OLDER}
    # It is in the log of both sides.
    assert detail(ours, "keys.identity-made") == {"now": now}
    assert detail(ours, "keys.identity-changed") == {"before": before, "now": now}
    for gw in (first, second):
        assert detail(gw, "partner.identity-announced") == {"now": now}
        assert detail(gw, "partner.identity-changed") == {"before": before, "now": now}
    again = home_folder.open_gateway(ours.config.home)
    assert (card.compute_fingerprint(again.own_card), again.next_card) == (now, None)
    assert not (ours.config.home / home_folder.KEYS / NEXT_IDENTITY_FILE).exists()
    again.store.close()


def test_it_is_asked_first_and_made_once_and_needs_the_present_key(two: Pair) -> None:
    ours, _ = two
    keys = ours.config.home / home_folder.KEYS
    code, says = run(ours, "keys", "rotate-identity", say="n\n")
    assert (code, "1 partner, and the keeper" in " ".join(says.split())) == (5, True)
    assert not (keys / NEXT_IDENTITY_FILE).exists()
    assert "(keys.no-next-identity)" in run(ours, "keys", "finish-identity")[1]
    assert "(keys.no-next-identity)" in run_command("card", "export", "--next", "--home", str(ours.config.home)).stderr
    (keys / IDENTITY_FILE).rename(keys / "away")
    assert "(ring.identity-away)" in run(ours, "keys", "rotate-identity", say="y\n")[1]
    (keys / "away").rename(keys / IDENTITY_FILE)
    assert run(ours, "keys", "rotate-identity", say="y\n")[0] == 0
    assert "(keys.identity-under-way)" in run(ours, "keys", "rotate-identity", "--yes")[1]
    ours = reopen(ours)
    listed = [(it.kind, it.state) for it in inventory.list_own_keys(ours)]
    assert listed[:2] == [(KeyKind.IDENTITY, KeyState.WAITING), (KeyKind.IDENTITY, KeyState.ACTIVE)]
    # A renewal without it would take it back from whoever has confirmed it.
    (keys / NEXT_IDENTITY_FILE).rename(keys / "away")
    assert "(ring.identity-away)" in run(ours, "card", "renew")[1]
    assert (ours.config.home / home_folder.NEXT_CARD_FILE).exists()
    ours.store.close()


def test_a_partner_whose_gateway_cannot_say_so_is_recorded_by_hand(two: Pair, tmp_path: Path) -> None:
    ours, there = two
    told = begin(ours)
    ours = reopen(ours)
    file = tmp_path / "next.card"
    done = run_command("card", "export", "--next", "--home", str(ours.config.home))
    assert told in done.stderr
    file.write_text(done.stdout)
    assert run(there, "partner", "add", str(file), "--new-identity", "--fingerprint", told)[0] == 0
    assert run(ours, "keys", "identity-held", "885", "--told-by", "")[0] == 2
    assert "(partner.not-found)" in run(ours, "keys", "identity-held", "330", "--told-by", "Wilma Example")[1]
    assert run(ours, "keys", "identity-held", "885", "--told-by", "Wilma Example")[0] == 0
    assert detail(ours, "partner.holds-new-identity") == {"now": told, "told_by": "Wilma Example"}
    assert run(ours, "keys", "finish-identity")[0] == 0
    ours.store.close()


@pytest.mark.parametrize("broken_off", ["before the files", "before the card", "before the old card is away"])
def test_a_command_that_is_killed_leaves_a_gateway_that_opens_and_is_run_again(two: Pair, broken_off: str) -> None:
    ours, _ = two
    told = begin(ours)
    ours = reopen(ours)
    identity.note_partner_confirmed(ours, "885", told_by="Wilma Example", by="ines")
    home, following = ours.config.home, identity.get_next_card(ours)
    ours.store.run(lambda tx: owner.add_identity(tx, "333", following.identity))
    if broken_off != "before the files":
        (home / home_folder.KEYS / NEXT_IDENTITY_FILE).replace(home / home_folder.KEYS / IDENTITY_FILE)
    if broken_off == "before the old card is away":
        (home / home_folder.CARD_FILE).write_text(ours.next_card_text)
    ours = reopen(ours)
    again = identity.finish_identity_change(home, by="ines")
    assert card.compute_fingerprint(again) == told
    ours = reopen(ours)
    assert (ours.own_card.identity, ours.next_card) == (following.identity, None)
    ours.store.close()


async def test_only_the_announced_key_waits_and_nothing_counts_before_people_confirm_it(two: Pair) -> None:
    ours, there = two
    note_exchanged(ours)
    begin(ours)
    ours = reopen(ours)
    stranger = Ed25519PrivateKey.generate()
    forged = card.write(
        replace(ours.own_card, serial=9, identity=stranger.public_key().public_bytes_raw(), extensions={}), stranger
    )
    # Before the announcement came, the very card is one of a stranger.
    unknown = await take_newer_card(there, ours.next_card_text, "333", SHOWN)
    assert unknown.refused == RefusalCode.CARD_OTHER_IDENTITY
    with pytest.raises(NotAllowed, match=r"partner\.no-waiting-identity"):
        partners.read_waiting_card(there, "333")
    assert (await take_newer_card(there, ours.own_card_text, "333", SHOWN)).is_taken
    assert (await take_newer_card(there, forged, "333", SHOWN)).refused == RefusalCode.CARD_OTHER_IDENTITY
    assert (await take_newer_card(there, ours.next_card_text, "333", SHOWN)).refused == "card.identity-unconfirmed"
    assert there.trust.get_card("333").identity == ours.own_card.identity
    # Again and again: one entry.
    for _ in range(3):
        await take_newer_card(there, ours.next_card_text, "333", SHOWN)
    assert acts(there, "partner.identity-announced") == 1
    # The ordinary way of adding a card does not take it either.
    with expect_refusal(RefusalCode.CARD_OTHER_IDENTITY):
        partners.read_offered_card(there, ours.next_card_text)
    offered = partners.read_waiting_card(there, "333")
    partners.add_partner(there, offered.token, by="ines", new_identity=True)
    assert (await take_newer_card(there, ours.own_card_text, "333", SHOWN)).refused == RefusalCode.CARD_OTHER_IDENTITY
    ours.store.close()


def test_the_database_of_another_identity_is_still_refused(two: Pair) -> None:
    ours, there = two
    begin(ours)
    ours.store.run(lambda tx: owner.add_identity(tx, "333", there.own_card.identity))
    with pytest.raises(ConfigProblem, match=r"store\.not-ours"):
        home_folder.open_gateway(ours.config.home)


def test_members_that_know_us_by_a_directory_alone_take_the_new_key_from_it(tmp_path: Path) -> None:
    ours, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    keeper = Keeper()
    text = keeper.publish(ours, list_member(ours), list_member(there))
    for gw in (ours, there):
        join_scheme(gw, text, keeper)
    told = begin(ours)
    ours = reopen(ours)
    identity.note_partner_confirmed(ours, "885", told_by="Wilma Example", by="ines")
    # The keeper has not listed it yet.
    assert findings(ours)["this authority in west-midlands"] is FindingLevel.WARN
    with pytest.raises(NotAllowed, match="the keeper of west-midlands"):
        identity.finish_identity_change(ours.config.home, by="ines")
    text = keeper.publish(ours, list_member(ours, token=ours.next_card_text), list_member(there))
    for gw in (ours, there):
        take.take_directory(gw, text, SCHEME)
        gw.refresh_trust()
        assert not [name for name, level in findings(gw).items() if SCHEME in name and level is not FindingLevel.OK]
    assert card.compute_fingerprint(there.trust.get_card("333")) == told
    assert card.compute_fingerprint(identity.finish_identity_change(ours.config.home, by="ines")) == told
    for gw in (ours, there):
        gw.store.close()


def test_a_keeper_lists_its_own_next_card(tmp_path: Path) -> None:
    ours = make(tmp_path / "333", "333", "Sandwell")
    keeping.create_kept_directory(ours, SCHEME, NAME, 90, by="ines")
    keeping.build_directory(ours, by="ines")
    keeping.sign_directory(ours, by="ines")
    keeping.publish_directory(ours, by="ines")
    begin(ours)
    ours = reopen(ours)
    version, changed = keeping.build_directory(ours, by="ines")
    assert (version, ["new identity key" in it for it in changed]) == (2, [True])
    ours.store.close()
