"""Cards travel by themselves: a newer card of a confirmed identity is taken, whichever way it comes; no other is."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.https import CARD_TYPE
from adapters.route import NotReached, PartnerAnswer
from gateway import app, home_folder
from gateway.auditing import bursts
from gateway.authorities import partners
from gateway.context import Gateway
from gateway.core.findings import FindingLevel
from gateway.exchange import card_rounds
from gateway.exchange.newer_cards import take_newer_card
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.monitoring import health
from gateway.store import audit_log, partner_cards
from gateway.store.partner_cards import CardExchange
from keys import card
from keys.card import MAX_CARD_BYTES, Card, Route
from keys.ring import Ring
from tests.children import notice
from tests.command import run_command
from tests.conftest import introduce, make
from tests.flows.test_exchange import codes, until, whole

Pair = tuple[Gateway, Gateway]
# Makes a card, as a token, of the present one and the identity key of its authority.
MakeCard = Callable[[Card, Ed25519PrivateKey], str]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Pair]:
    """Sandwell and Worcestershire, where the database makes no difference."""
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    introduce(sandwell, worcestershire)
    yield sandwell, worcestershire
    for gw in (sandwell, worcestershire):
        gw.store.close()


def identity_of(gw: Gateway) -> Ed25519PrivateKey:
    return Ring.open_identity(gw.config.home / home_folder.KEYS, passphrase=gw.config.read_passphrase())


def newer(there: Gateway, serial: int = 2, **changed: object) -> str:
    """Their card with a higher serial, signed."""
    return card.write(replace(there.own_card, serial=serial, **changed), identity_of(there))  # type: ignore[arg-type]


def exchange(gw: Gateway, authority: str) -> CardExchange:
    return gw.store.look(lambda tx: partner_cards.get_card_exchange(tx, authority))


def find_held(gw: Gateway, authority: str) -> int | None:
    """The serial of our card that a partner has said it holds."""
    return exchange(gw, authority).held


def note_shown(gw: Gateway, authority: str) -> None:
    """A partner was shown our card of now before."""
    serial = gw.own_card.serial
    gw.store.run(lambda tx: partner_cards.note_card_exchange(tx, authority, offered=serial))


def refusals(gw: Gateway) -> list[str]:
    """What was refused, as the audit log has it, the oldest first."""
    kept = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="card.refused"))
    return [json.loads(one.entry)["detail"]["code"] for one in reversed(kept)]


async def test_a_newer_card_of_the_confirmed_identity_is_taken_and_noted(pair: Pair) -> None:
    sandwell, worcestershire = pair
    before = partners.get_known_partner(sandwell, "885").confirmed
    verdict = await take_newer_card(sandwell, newer(worcestershire, name="Another name"), "885", "https")
    assert (verdict.held, verdict.is_taken, verdict.refused) == (2, True, "")
    assert sandwell.trust.get_card("885").name == "Another name"
    after = partners.get_known_partner(sandwell, "885")
    # What people confirmed stays theirs.
    assert replace(after.confirmed, serial=1, card=before.card) == before
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="card.taken"))
    assert json.loads(entry.entry)["detail"] == {"serial": 2, "by": "https"}
    # Once more, and one that is older: neither is anything new.
    assert (await take_newer_card(sandwell, newer(worcestershire, name="Another name"), "885", "https")).refused == ""
    assert refusals(sandwell) == []


def forge(theirs: Card, _: Ed25519PrivateKey) -> str:
    """A card of an identity key that somebody else made."""
    own = Ed25519PrivateKey.generate()
    return card.write(replace(theirs, serial=9, identity=own.public_key().public_bytes_raw()), own)


def change_signature(theirs: Card, identity: Ed25519PrivateKey) -> str:
    """A card in which one character is another."""
    head, body, tail = card.write(replace(theirs, serial=9), identity).split(".")
    return f"{head}.{body}.{'B' if tail[0] == 'A' else 'A'}{tail[1:]}"


def on_port_of_ours(theirs: Card, identity: Ed25519PrivateKey) -> str:
    """A card that names the gateway of Sandwell as its own."""
    return card.write(replace(theirs, serial=9, routes=(SANDWELLS[0],)), identity)


SANDWELLS: list[Route] = []
BAD: dict[str, tuple[str, MakeCard]] = {
    "rolled back": ("card.older", lambda it, key: card.write(replace(it, serial=4, name="As before"), key)),
    "the same serial, other content": (
        "card.serial-reused",
        lambda it, key: card.write(replace(it, serial=5, name="Other"), key),
    ),
    "expired": (
        "card.expired",
        lambda it, key: card.write(replace(it, serial=9, expires_at=it.issued_at), key),
    ),
    "from the future": (
        "card.from-the-future",
        lambda it, key: card.write(replace(it, serial=9, issued_at=it.issued_at + timedelta(days=1)), key),
    ),
    "forged, under another identity": ("card.other-identity", forge),
    "changed on its way": ("card.signature", change_signature),
    "huge": ("card.malformed", lambda *_: "A" * (MAX_CARD_BYTES + 1)),
    "empty": ("card.malformed", lambda *_: ""),
    "a page of a proxy": ("card.malformed", lambda *_: "<html>Blocked</html>"),
    "with a route to nowhere good": (
        "card.route",
        lambda it, key: card.write(replace(it, serial=9, routes=(Route("https", "file:///etc", "sealed"),)), key),
    ),
    "with the gateway of another authority": ("partner.same-gateway", on_port_of_ours),
}


@pytest.mark.parametrize(("code", "make_card"), BAD.values(), ids=BAD)
async def test_a_bad_card_is_refused_by_name_and_changes_nothing(two: Pair, code: str, make_card: MakeCard) -> None:
    sandwell, worcestershire = two
    SANDWELLS[:] = sandwell.own_card.routes
    await take_newer_card(sandwell, newer(worcestershire, serial=5), "885", "https")
    held = sandwell.trust.get_card("885")
    bad = make_card(worcestershire.own_card, identity_of(worcestershire))
    for _ in range(3):
        assert (await take_newer_card(sandwell, bad, "885", "https")).refused == code
    assert sandwell.trust.get_card("885") == held
    assert refusals(sandwell) == [code]
    assert exchange(sandwell, "885").refused == code
    findings = {one.name: one for one in health.measure_health(sandwell).findings}
    assert findings["newer card of 885"].level is FindingLevel.WARN
    # The next good one ends it.
    await take_newer_card(sandwell, newer(worcestershire, serial=10), "885", "https")
    assert "newer card of 885" not in {one.name for one in health.measure_health(sandwell).findings}


async def test_the_card_of_another_authority_is_refused(two: Pair) -> None:
    sandwell, worcestershire = two
    own = card.write(replace(sandwell.own_card, serial=2), identity_of(sandwell))
    verdict = await take_newer_card(sandwell, own, "885", "https")
    assert verdict.refused == "card.other-authority"
    assert worcestershire.own_card == sandwell.trust.get_card("885")


async def test_causes_that_take_turns_are_bounded(two: Pair) -> None:
    sandwell, worcestershire = two
    for _ in range(20):
        for bad in ("x", forge(worcestershire.own_card, identity_of(sandwell))):
            await take_newer_card(sandwell, bad, "885", "https")
    assert len(refusals(sandwell)) == 1
    sandwell.store.run(lambda tx: bursts.write_counted(tx, sandwell, everything=True))
    assert len(refusals(sandwell)) == 2


async def test_a_partner_is_asked_by_the_timer_and_its_newer_card_is_taken(pair: Pair) -> None:
    sandwell, worcestershire = pair
    home_folder.renew_card(worcestershire.config.home, by="ines")
    renewed = home_folder.open_gateway(worcestershire.config.home)
    # Its keys are new too, and so is its certificate: no word of the old card is of use but its identity and address.
    async with app.run_gateway(renewed), app.run_gateway(sandwell):
        await until(lambda: sandwell.trust.get_card("885").serial == 2)
        # And it was shown ours.
        await until(lambda: exchange(sandwell, "885").held == 1)
    noted = exchange(sandwell, "885")
    assert noted.asked_at
    assert noted.due_at
    assert noted.trouble is None
    pause = noted.due_at - noted.asked_at
    assert card_rounds.ASK_EVERY * 0.7 < pause < card_rounds.ASK_EVERY * 1.3
    renewed.store.close()


async def test_a_card_is_given_only_to_who_holds_an_earlier_one(two: Pair) -> None:
    sandwell, worcestershire = two
    url = worcestershire.config.exchange_url
    right = card_rounds.compute_identity_digest(worcestershire.own_card)
    async with app.run_gateway(worcestershire), aiohttp.ClientSession() as session:
        for query in ("", "?identity=", f"?identity={'0' * 64}", f"?identity={right[:-1]}", "?identity=%ff"):
            async with session.get(f"{url}/card{query}", ssl=False) as answer:
                assert answer.status == 404
                assert "885" not in await answer.text()
        async with session.get(f"{url}/card?identity={right}", ssl=False) as answer:
            assert (answer.status, await answer.text()) == (200, worcestershire.own_card_text)
    assert sandwell.trust.get_card("885") == worcestershire.own_card


async def show(url: str, content: str | bytes, kind: str = CARD_TYPE) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/card", data=content, headers={"Content-Type": kind}, ssl=False) as answer,
    ):
        return answer.status, await answer.text()


async def test_a_card_that_is_shown_is_judged_by_itself(two: Pair, tmp_path: Path) -> None:
    sandwell, worcestershire = two
    stranger = make(tmp_path / "330", "330", "Birmingham")
    url = sandwell.config.exchange_url
    async with app.run_gateway(sandwell):
        assert (await show(url, newer(worcestershire)))[0] == 200
        assert sandwell.trust.get_card("885").serial == 2
        assert await show(url, newer(worcestershire)) == (200, '{"held": 2, "refused": null}')
        assert await show(url, newer(worcestershire, 1)) == (200, '{"held": 2, "refused": "card.older"}')
        assert (await show(url, newer(worcestershire, 3), "text/plain"))[0] == 415
        assert (await show(url, b"A" * (MAX_CARD_BYTES + 1)))[0] == 413
        for content in (stranger.own_card_text, forge(worcestershire.own_card, identity_of(sandwell)), "x", b"\xff"):
            status, text = await show(url, content)
            assert status == 409
            assert "urn:cme-exchange:problem:card." in text
        # Who shows too many that are refused is held up, whatever they show next.
        statuses = [(await show(url, "x"))[0] for _ in range(30)]
        assert statuses[-1] == 429
    assert sandwell.trust.list_authorities() == ["885"]
    assert sandwell.trust.get_card("885").serial == 2
    # Nothing of what proved nothing stands at the partner, nor that somebody has an older card of it.
    assert exchange(sandwell, "885").refused is None
    assert refusals(sandwell) == ["card.older"]
    stranger.store.close()


Answer = Callable[[aiohttp.web.Request], Awaitable[aiohttp.web.StreamResponse]]


@asynccontextmanager
async def in_the_middle(sandwell: Gateway, worcestershire: Gateway, answer: Answer) -> AsyncIterator[None]:
    """At Worcestershire's port another server answers, with another certificate."""
    served = aiohttp.web.Application()
    served.router.add_get("/exchange/v1/card", answer)
    runner = aiohttp.web.AppRunner(served)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    home = sandwell.config.home
    context.load_cert_chain(home / home_folder.TLS_CERTIFICATE, home / home_folder.TLS_KEY)
    await aiohttp.web.TCPSite(runner, "127.0.0.1", worcestershire.config.listen.port, ssl_context=context).start()
    try:
        yield
    finally:
        await sandwell.carriers["https"].close()
        await runner.cleanup()


async def test_whatever_certificate_a_server_shows_and_nobody_is_told_who_asks(two: Pair) -> None:
    """A server in the middle gives a card of its own; it is told nothing by which it could call anybody."""
    sandwell, worcestershire = two
    seen: list[dict[str, str]] = []
    answers = [forge(worcestershire.own_card, identity_of(sandwell)), newer(worcestershire)]

    async def answer_card(request: aiohttp.web.Request) -> aiohttp.web.Response:
        seen.append(dict(request.headers))
        return aiohttp.web.Response(text=answers[len(seen) - 1])

    async with in_the_middle(sandwell, worcestershire, answer_card):
        assert (await card_rounds.fetch_card(sandwell, "885")).refused == "card.other-identity"
        assert (await card_rounds.fetch_card(sandwell, "885")).held == 2
    assert len(seen) == 2
    assert all("authorization" not in {name.lower() for name in headers} for headers in seen)


async def huge(_: aiohttp.web.Request) -> aiohttp.web.Response:
    return aiohttp.web.Response(body=b"A" * 2_000_000)


async def elsewhere(_: aiohttp.web.Request) -> aiohttp.web.Response:
    raise aiohttp.web.HTTPFound("https://127.0.0.1:1/")


async def broken(_: aiohttp.web.Request) -> aiohttp.web.Response:
    return aiohttp.web.Response(status=500)


async def slow(_: aiohttp.web.Request) -> aiohttp.web.Response:
    await asyncio.sleep(5)
    return aiohttp.web.Response()


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (huge, f"the answer is longer than {MAX_CARD_BYTES} bytes"),
        (elsewhere, "the partner's gateway answered 302"),
        (broken, "the partner's gateway answered 500"),
        (slow, "the partner's gateway did not answer in time"),
    ],
)
async def test_what_is_no_answer_is_noted_and_asked_again_later(
    two: Pair, answer: Answer, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, worcestershire = two
    monkeypatch.setattr(card_rounds, "ASK_SECONDS", 1)
    async with in_the_middle(sandwell, worcestershire, answer):
        with pytest.raises(NotReached, match=trouble):
            await card_rounds.fetch_card(sandwell, "885")
    noted = exchange(sandwell, "885")
    assert noted.trouble == trouble
    assert noted.asked_at
    assert noted.due_at
    assert card_rounds.ASK_AGAIN * 0.7 < noted.due_at - noted.asked_at < card_rounds.ASK_AGAIN * 1.3


async def test_two_processes_take_a_card_once(pair: Pair) -> None:
    sandwell, worcestershire = pair
    token = newer(worcestershire)
    other = home_folder.open_gateway(sandwell.config.home)
    verdicts = await asyncio.gather(*(take_newer_card(gw, token, "885", "https") for gw in (sandwell, other)))
    assert [verdict.held for verdict in verdicts] == [2, 2]
    assert [verdict.refused for verdict in verdicts] == ["", ""]
    assert len(sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="card.taken"))) == 1
    # Nor does the slower of two take an older one over a newer.
    newest = newer(worcestershire, 4)
    await take_newer_card(other, newest, "885", "https")
    await take_newer_card(sandwell, newer(worcestershire, 3), "885", "https")
    assert partners.get_known_partner(sandwell, "885").confirmed.card == newest
    other.store.close()


async def test_a_card_that_has_expired_here_is_followed_by_the_next(two: Pair) -> None:
    sandwell, worcestershire = two
    short = newer(worcestershire, 2, expires_at=sandwell.now().replace(microsecond=0) + timedelta(seconds=60))
    await take_newer_card(sandwell, short, "885", "https")
    later = sandwell.now() + timedelta(minutes=2)
    sandwell.now = lambda: later
    home_folder.renew_card(worcestershire.config.home, by="ines")
    home_folder.renew_card(worcestershire.config.home, by="ines")
    assert home_folder.take_up_own(worcestershire)
    async with app.run_gateway(worcestershire):
        assert (await card_rounds.fetch_card(sandwell, "885")).held == 3
    await sandwell.carriers["https"].close()


async def test_health_names_a_partner_whose_card_could_not_be_renewed_before_it_ends(two: Pair) -> None:
    sandwell, worcestershire = two
    with pytest.raises(NotReached):
        await card_rounds.fetch_card(sandwell, "885")
    late = worcestershire.own_card.expires_at - timedelta(days=20)
    sandwell.now = lambda: late
    [finding] = [one for one in health.measure_health(sandwell).findings if one.name == "card of 885"]
    assert finding.level is FindingLevel.WARN
    assert "it could not be fetched: the partner's gateway cannot be reached." in finding.sentence
    assert "partner fetch-card 885" in finding.next_in_terminal
    await sandwell.carriers["https"].close()


async def test_three_gateways_hold_each_others_cards(tmp_path: Path) -> None:
    names = {"333": "Sandwell", "885": "Worcestershire", "330": "Birmingham"}
    gateways = [make(tmp_path / code, code, name) for code, name in names.items()]
    for at, one in enumerate(gateways):
        for other in gateways[at + 1 :]:
            introduce(one, other)
    for gw in gateways:
        gw.store.close()
        home_folder.renew_card(gw.config.home, by="ines")
    opened = [home_folder.open_gateway(gw.config.home) for gw in gateways]
    async with app.run_gateway(opened[0]), app.run_gateway(opened[1]), app.run_gateway(opened[2]):
        await until(
            lambda: all(gw.trust.get_card(code).serial == 2 for gw in opened for code in names if code != gw.code)
        )
    for gw in opened:
        gw.store.close()


async def test_cards_among_messages_are_answered_one_by_one_and_hold_up_no_message(two: Pair) -> None:
    sandwell, worcestershire = two
    ready = prepare_messages(worcestershire, [notice("885", "333")], "test")[0].sealed
    good, forged = newer(worcestershire, 2).encode(), forge(worcestershire.own_card, identity_of(sandwell)).encode()
    own = newer(sandwell).encode()
    lines = [forged, ready, good, own]
    receipts = await receive_parcels(sandwell, lines, "885")
    assert [codes(worcestershire, sandwell, *pair) for pair in zip(receipts, lines, strict=True)] == [
        ("card.other-identity",),
        (),
        (),
        ("card.other-authority",),
    ]
    assert sandwell.trust.get_card("885").serial == 2
    # More than anybody has reason to send are not looked at.
    many = [newer(worcestershire, serial).encode() for serial in range(3, 9)]
    receipts = await receive_parcels(sandwell, many, "885")
    last = [codes(worcestershire, sandwell, *pair) for pair in zip(receipts, many, strict=True)][-2:]
    assert last == [("message.too-many-cards",)] * 2
    assert sandwell.trust.get_card("885").serial == 6
    assert not whole(sandwell).faults


async def test_a_key_that_is_not_known_has_the_card_fetched_at_once_and_not_more_often_than_it_may(two: Pair) -> None:
    sandwell, worcestershire = two
    now = sandwell.now()
    sandwell.store.run(
        lambda tx: partner_cards.note_card_exchange(tx, "885", asked_at=now, due_at=now + card_rounds.ASK_EVERY, held=1)
    )
    await card_rounds.ask_soon(sandwell, "885")
    soon = exchange(sandwell, "885")
    assert (soon.due_at, soon.held) == (now + card_rounds.LEAST_PAUSE, None)
    # A hundred more at once write nothing.
    written = sandwell.store.look(audit_log.get_tree_head)
    sandwell.store.run(lambda tx: partner_cards.note_card_exchange(tx, "885", held=7))
    for _ in range(100):
        await card_rounds.ask_soon(sandwell, "885")
    assert exchange(sandwell, "885").held == 7
    assert sandwell.store.look(audit_log.get_tree_head) == written
    assert worcestershire.own_card == sandwell.trust.get_card("885")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[1]",
        b'{"held": true}',
        b'{"held": -1}',
        b'{"held": "5"}',
        b'{"held": 99999999}',
        b"\xff",
        b"[" * 4_000,
    ],
)
def test_what_a_partner_says_it_holds_is_believed_only_where_it_can_be(body: bytes) -> None:
    assert card_rounds._read_held(PartnerAnswer(200, body, {}), 3) is None
    assert card_rounds._read_held(PartnerAnswer(200, b'{"held": 5}', {}), 3) == 5
    assert card_rounds._read_held(PartnerAnswer(404, b'{"held": 5}', {}), 3) is None


def test_a_new_identity_key_needs_people_and_is_in_the_log(two: Pair, tmp_path: Path) -> None:
    sandwell, worcestershire = two
    before = card.compute_fingerprint(worcestershire.own_card)
    own = Ed25519PrivateKey.generate()
    new = replace(worcestershire.own_card, serial=1, identity=own.public_key().public_bytes_raw())
    file = tmp_path / "theirs.card"
    file.write_text(card.write(new, own))
    words = ("partner", "add", str(file), "--home", str(sandwell.config.home))
    told = card.compute_fingerprint(new)
    assert "(card.other-identity)" in run_command(*words, "--fingerprint", told).stderr
    assert "(partner.fingerprint)" in run_command(*words, "--new-identity", "--fingerprint", before).stderr
    sandwell.refresh_trust()
    assert sandwell.trust.get_card("885") == worcestershire.own_card
    done = run_command(*words, "--new-identity", "--fingerprint", told)
    assert (done.returncode, "new identity key" in done.stderr) == (0, True)
    sandwell.refresh_trust()
    assert sandwell.trust.get_card("885").identity == new.identity
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="partner.identity-changed"))
    assert json.loads(entry.entry)["detail"] == {"before": before, "now": told}


async def test_a_card_is_fetched_by_a_command_and_shown_with_what_was_refused(two: Pair) -> None:
    sandwell, worcestershire = two
    home = str(sandwell.config.home)
    fetch = ("partner", "fetch-card", "885", "--home", home)
    gone = await asyncio.to_thread(run_command, *fetch)
    assert (gone.returncode, "(card.not-fetched)" in gone.stderr) == (1, True)
    assert "the partner's gateway cannot be reached" in run_command("partner", "show", "885", "--home", home).stdout
    nobody = run_command("partner", "fetch-card", "330", "--home", home)
    assert "(card.unknown-authority)" in nobody.stderr
    async with app.run_gateway(worcestershire):
        same = await asyncio.to_thread(run_command, *fetch, "--json")
        assert json.loads(same.stdout) == {"authority": "885", "serial": 1, "taken": False}
        await asyncio.to_thread(home_folder.renew_card, worcestershire.config.home, by="ines")
        await until(lambda: worcestershire.own_card.serial == 2)
        taken = await asyncio.to_thread(run_command, *fetch)
        assert "Card number 2 of Worcestershire (885) replaces number 1." in taken.stdout
        worcestershire.own_card_text = forge(worcestershire.own_card, identity_of(worcestershire))
        refused = await asyncio.to_thread(run_command, *fetch)
        assert (refused.returncode, "(card.not-taken)" in refused.stderr) == (5, True)
    shown = run_command("partner", "show", "885", "--home", home).stdout
    assert "number 2" in shown
    assert "It is not signed with the identity key that was confirmed" in shown
