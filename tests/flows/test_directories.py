"""A scheme is joined by one call to its keeper; its directory then opens all members, and is believed no further."""

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from adapters.route import NotReached
from gateway import app, home_folder
from gateway.authorities import identities, partners, suspend
from gateway.console.application import build_application
from gateway.context import Gateway
from gateway.core.expiry import ExpiryKind
from gateway.core.findings import FindingLevel, HealthFinding
from gateway.core.permissions import Role
from gateway.directories import join, overview, rounds, take
from gateway.directories import keeper as keeping
from gateway.errors import NotAllowed, NotFound
from gateway.exchange.prepare import prepare_messages
from gateway.monitoring import health
from gateway.monitoring.expiry_warnings import give_warnings
from gateway.store import access_changes, audit_log, directories
from gateway.store import partners as stored_partners
from keys import card, directory
from keys.directory import MAX_DIRECTORY_BYTES, DirectoryMember
from keys.errors import Refusal, RefusalCode
from keys.ring import Ring
from tests.children import notice
from tests.conftest import introduce, make, new_database
from tests.consoles import house
from tests.directories import SCHEME, Keeper, build_member, join_scheme, list_member
from tests.flows.test_console_oversight import Visitor
from tests.refusals import expect_refusal

Pair = tuple[Gateway, Gateway]


@pytest.fixture(params=["sqlite", "postgresql"])
def strangers(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Sandwell and Worcestershire, who have never spoken, on either database."""
    is_sqlite = request.param == "sqlite"
    urls = ["" if is_sqlite else new_database(request.getfixturevalue("postgres")) for _ in range(2)]
    made = [make(tmp_path / code, code, code, url) for code, url in zip(("333", "885"), urls, strict=True)]
    yield made[0], made[1]
    for gw in made:
        gw.store.close()


@pytest.fixture
def sandwell(tmp_path: Path) -> Iterator[Gateway]:
    """Sandwell alone, where the database makes no difference."""
    gw = make(tmp_path / "333", "333", "Sandwell")
    yield gw
    gw.store.close()


def entries(gw: Gateway, act: str) -> list[dict[str, Any]]:
    """The details of the entries of this act, the oldest first."""
    kept = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act=act))
    return [json.loads(one.entry).get("detail", {}) for one in reversed(kept)]


def findings(gw: Gateway) -> dict[str, HealthFinding]:
    return {one.name: one for one in health.measure_health(gw).findings}


def joined(gw: Gateway) -> directories.JoinedDirectory:
    return gw.store.look(lambda tx: directories.get_directory(tx, SCHEME))


def partner(gw: Gateway, code: str) -> stored_partners.Partner:
    return gw.store.look(lambda tx: stored_partners.get_partner(tx, code))


async def test_one_call_to_the_keeper_opens_a_member_for_notices_both_ways(strangers: Pair) -> None:
    sandwell, worcestershire = strangers
    keeper = Keeper()
    text = keeper.publish(sandwell, *map(list_member, strangers))
    with pytest.raises(Refusal):
        prepare_messages(sandwell, [notice(recipient="885")], "agnes")
    for gw, other in ((sandwell, "885"), (worcestershire, "333")):
        assert join_scheme(gw, text, keeper).added == [other]
        prepare_messages(gw, [notice(gw.code, other)], "agnes")
        assert partner(gw, other).trusted_by == SCHEME
        assert "by the directory of west-midlands" in partners.describe_trust(partner(gw, other))
        [entry] = entries(gw, "directory.joined")
        assert entry == {"scheme": SCHEME, "fingerprint": keeper.fingerprint}
        assert findings(gw)[f"directory of {SCHEME}"].level is FindingLevel.OK


def list_authorities(name: str) -> list[str]:
    """The DfE codes of a list of ours."""
    lines = (files("schemas") / "codes" / f"{name}.csv").read_text("utf-8").splitlines()
    return [row["code"] for row in csv.DictReader(line for line in lines if not line.startswith("#"))]


def test_153_authorities_are_joined_by_one_call_each(tmp_path: Path) -> None:
    """A real keeper, 153 cards of England and those of Wales, and a real member that joins.

    What people do is counted where they do it: whoever types digits has heard them on the phone. A keeper and a member
    read both fingerprints in one call.
    """
    england, wales = list_authorities("authorities_live"), list_authorities("authorities_wales")
    assert (len(england), len(wales)) == (153, 22)
    sandwell, worcestershire = make(tmp_path / "333", "333", "S"), make(tmp_path / "885", "885", "W")
    calls = set[frozenset[str]]()

    def read_out(by: str, to: str, digits: str) -> str:
        calls.add(frozenset({by, to}))
        return digits

    made = keeping.create_kept_directory(sandwell, SCHEME, "England and Wales", 90, by="ines")
    texts = [
        worcestershire.own_card_text if code == "885" else build_member(sandwell.own_card, code)[0].token
        for code in (*england, *wales)
        if code != "333"
    ]
    for text in texts:
        offered = keeping.read_offered_member(sandwell, text)
        assert not offered.is_confirmed
        code = offered.card.authority
        keeping.add_kept_member(sandwell, offered, read_out(code, "333", offered.fingerprint), by="ines")
    keeping.build_directory(sandwell, by="ines")
    keeping.sign_directory(sandwell, by="ines")
    keeping.publish_directory(sandwell, tmp_path, by="ines")
    everybody = {*england, *wales}
    assert set(sandwell.trust.list_authorities()) == everybody - {"333"}
    assert len(calls) == len(everybody) - 1 < len(everybody) * (len(everybody) - 1) // 2

    text = (tmp_path / "directory.jwt").read_text()
    assert len(text) < MAX_DIRECTORY_BYTES / 4
    offered_directory = join.read_offered_directory(worcestershire, text)
    told = read_out("333", "885", made.fingerprint)
    changes = join.join_directory(worcestershire, offered_directory, told, None, by="olive")
    assert (set(changes.added), changes.conflicts) == (everybody - {"885"}, {})
    assert set(worcestershire.trust.list_authorities()) == everybody - {"885"}
    # Both fingerprints were read in the call that was counted before.
    assert len(calls) == len(everybody) - 1
    # The service manager is told once, not 174 times.
    changed = worcestershire.store.look(
        lambda tx: access_changes.list_access_changes(tx, joined(worcestershire).joined_at)
    )
    assert [change.person for change in changed] == [f"174: {SCHEME}"]
    for gw in (sandwell, worcestershire):
        gw.store.close()


def test_nothing_is_joined_without_the_digits_that_the_keeper_reads(sandwell: Gateway) -> None:
    keeper = Keeper()
    text = keeper.publish(sandwell, build_member(sandwell.own_card, "885")[0])
    offered = join.read_offered_directory(sandwell, text)
    for told, code in (("", "directory.unconfirmed"), (Keeper().fingerprint, "directory.fingerprint")):
        with pytest.raises(NotAllowed) as why:
            join.join_directory(sandwell, offered, told, None, by="ines")
        assert why.value.code == code
    assert sandwell.trust.list_authorities() == []
    with pytest.raises(NotFound):
        take.take_directory(sandwell, text, SCHEME)


def test_a_scheme_is_joined_once_and_again_only_under_another_key_that_was_read_out(sandwell: Gateway) -> None:
    keeper, after_a_loss = Keeper(), Keeper()
    member = build_member(sandwell.own_card, "885")[0]
    join_scheme(sandwell, keeper.publish(sandwell, member), keeper)
    with pytest.raises(NotAllowed, match="joined before"):
        join.read_offered_directory(sandwell, keeper.publish(sandwell, member), new_key=True)
    text = after_a_loss.publish(sandwell, member)
    with pytest.raises(NotAllowed, match="joined before"):
        join.read_offered_directory(sandwell, text)
    offered = join.read_offered_directory(sandwell, text, new_key=True)
    join.join_directory(sandwell, offered, after_a_loss.fingerprint, None, by="ines")
    assert entries(sandwell, "directory.joined")[-1]["before"] == keeper.fingerprint
    with expect_refusal(RefusalCode.DIRECTORY_OTHER_KEY):
        take.take_directory(sandwell, keeper.publish(sandwell, member), SCHEME)


def change_signature(text: str) -> str:
    """One character is another."""
    return f"{text[:-50]}{'B' if text[-50] == 'A' else 'A'}{text[-49:]}"


MakeText = Callable[[Gateway, Keeper, DirectoryMember], str]
BAD: dict[str, tuple[str, MakeText]] = {
    "expired": (
        "directory.expired",
        lambda gw, it, one: it.sign(
            gw, (one,), created_at=gw.now() - timedelta(days=9), expires_at=gw.now() - timedelta(days=1)
        ),
    ),
    "from the future": (
        "directory.from-the-future",
        lambda gw, it, one: it.sign(gw, (one,), created_at=gw.now() + timedelta(hours=1)),
    ),
    "rolled back": ("directory.older", lambda gw, it, one: it.signed[0]),
    "forged": ("directory.other-key", lambda gw, it, one: Keeper(signed=it.signed).sign(gw, (one,))),
    "another of the same number": (
        "directory.fork",
        lambda gw, it, one: Keeper(key=it.key, signed=it.signed[:-1]).sign(gw, (one,)),
    ),
    "of another scheme": (
        "directory.other-scheme",
        lambda gw, it, one: Keeper(key=it.key, scheme="north-east").sign(gw, (one,)),
    ),
    "huge": ("directory.malformed", lambda *_: "A" * (MAX_DIRECTORY_BYTES + 1)),
    "cut": ("directory.malformed", lambda gw, it, one: it.sign(gw, (one,))[:-400].rpartition(".")[0]),
    "changed": ("directory.signature", lambda gw, it, one: change_signature(it.sign(gw, (one,)))),
    "empty": ("directory.malformed", lambda *_: ""),
    "a page of a proxy": ("directory.malformed", lambda *_: "<html>Blocked</html>"),
    "a card": ("directory.type", lambda gw, it, one: gw.own_card_text),
}


@pytest.mark.parametrize(("code", "make_text"), BAD.values(), ids=BAD)
def test_a_bad_directory_is_refused_by_name_and_changes_nothing(
    sandwell: Gateway, code: str, make_text: MakeText
) -> None:
    keeper = Keeper()
    first, new = (build_member(sandwell.own_card, code)[0] for code in ("885", "330"))
    join_scheme(sandwell, keeper.publish(sandwell, first), keeper)
    take.take_directory(sandwell, keeper.publish(sandwell, first), SCHEME)
    before = sandwell.store.look(stored_partners.list_partners)
    bad = make_text(sandwell, keeper, new)
    for _ in range(3):
        with pytest.raises(Refusal) as why:
            take.take_directory(sandwell, bad, SCHEME)
        assert why.value.code == code
    assert sandwell.store.look(stored_partners.list_partners) == before
    assert joined(sandwell).version == 2
    assert [entry["code"] for entry in entries(sandwell, "directory.refused")] == [code]
    assert findings(sandwell)[f"fetching the directory of {SCHEME}"].level is FindingLevel.WARN
    # The next good one ends it.
    assert take.take_directory(sandwell, keeper.publish(sandwell, first, new), SCHEME).added == ["330"]
    assert f"fetching the directory of {SCHEME}" not in findings(sandwell)


def test_a_keeper_that_signs_ever_more_of_one_number_fills_no_database(sandwell: Gateway) -> None:
    keeper = Keeper()
    member = build_member(sandwell.own_card, "885")[0]
    join_scheme(sandwell, keeper.publish(sandwell, member), keeper)
    for number in range(directories.MOST_FORKS + 2):
        other = Keeper(key=keeper.key).sign(sandwell, (member,), name=f"Another {number}")
        with expect_refusal(RefusalCode.DIRECTORY_FORK):
            take.take_directory(sandwell, other, SCHEME)
    assert len(sandwell.store.look(directories.list_forks)) == directories.MOST_FORKS
    assert len(entries(sandwell, "directory.fork")) == directories.MOST_FORKS


def test_an_expired_directory_adds_nothing_is_a_warning_and_ends_nothing(sandwell: Gateway) -> None:
    keeper = Keeper()
    join_scheme(sandwell, keeper.publish(sandwell, build_member(sandwell.own_card, "885")[0]), keeper)
    later = sandwell.now() + timedelta(days=91)
    sandwell.now = lambda: later
    its = findings(sandwell)[f"directory of {SCHEME}"]
    assert its.level is FindingLevel.WARN
    assert "expired" in its.sentence
    prepare_messages(sandwell, [notice(recipient="885")], "agnes")
    old = Keeper().sign(sandwell, (), expires_at=later, created_at=later - timedelta(days=1))
    with expect_refusal(RefusalCode.DIRECTORY_EXPIRED):
        join.read_offered_directory(sandwell, old)


def test_a_directory_is_in_the_table_of_what_expires_and_warned_of_by_its_schedule(sandwell: Gateway) -> None:
    keeper, began = Keeper(), sandwell.now()
    join_scheme(sandwell, keeper.publish(sandwell, build_member(sandwell.own_card, "885")[0]), keeper)
    for number in (1, 2):
        ends = began.replace(microsecond=0) + timedelta(days=90)
        warned = list[tuple[str, int]]()
        for days in range(92):
            sandwell.now = lambda now=began + timedelta(days=days, hours=1): now  # type: ignore[misc]
            warned += [(it.id, it.days) for it in give_warnings(sandwell) if it.kind is ExpiryKind.DIRECTORY]
            level = findings(sandwell)[f"directory of {SCHEME}"].level
            assert level is (FindingLevel.WARN if warned else FindingLevel.OK)
        # What is published anew is warned of anew.
        assert warned == [(f"{SCHEME}/{number}", days) for days in (30, 14, *range(7, -1, -1))]
        listed = [it for it in health.measure_health(sandwell).list_next_expiries() if it.kind is ExpiryKind.DIRECTORY]
        assert [(it.id, it.ends_at) for it in listed] == [(f"{SCHEME}/{number}", ends)]
        began += timedelta(days=92)
        sandwell.now = lambda now=began: now  # type: ignore[misc]
        take.take_directory(sandwell, keeper.publish(sandwell), SCHEME)


def test_an_identity_that_people_revoked_comes_back_by_no_directory(strangers: Pair) -> None:
    sandwell, worcestershire = strangers
    keeper = Keeper()
    join_scheme(sandwell, keeper.publish(sandwell, list_member(worcestershire)), keeper)
    assert sandwell.trust.knows("885")
    identities.revoke_identity(sandwell, "885", told_by="Olive Invented", by="ines")
    newer = DirectoryMember("885", "active", renew(worcestershire, serial=7))
    changes = take.take_directory(sandwell, keeper.publish(sandwell, newer), SCHEME)
    assert changes.conflicts == {"885": "revoked"}
    assert partner(sandwell, "885").serial == 1
    assert findings(sandwell)[f"885 in {SCHEME}"].level is FindingLevel.FAIL
    # Nor does a person's removal of the partner let it in again.
    suspend.remove_partner(sandwell, "885", by="ines")
    changes = take.take_directory(sandwell, keeper.publish(sandwell, newer), SCHEME)
    assert not sandwell.trust.knows("885")
    # Another identity of theirs is what the keeper lists once it has called them.
    other, _ = build_member(worcestershire.own_card, "885", serial=9)
    assert take.take_directory(sandwell, keeper.publish(sandwell, other), SCHEME).conflicts == {}


def renew(gw: Gateway, *, serial: int) -> str:
    """Its card with another serial, signed with the same identity key."""
    identity = Ring.open_identity(gw.config.home / "keys", passphrase=gw.config.read_passphrase())
    return card.write(replace(gw.own_card, serial=serial), identity)


def test_what_was_confirmed_by_phone_goes_before_what_a_directory_says(strangers: Pair) -> None:
    sandwell, worcestershire = strangers
    introduce(sandwell, worcestershire)
    confirmed = partner(sandwell, "885")
    keeper = Keeper()
    other, _ = build_member(worcestershire.own_card, "885", serial=99)
    changes = join_scheme(sandwell, keeper.publish(sandwell, other), keeper)
    assert changes.conflicts == {"885": "identity"}
    assert partner(sandwell, "885") == confirmed
    its = findings(sandwell)[f"885 in {SCHEME}"]
    assert (its.level, its.authority) == (FindingLevel.FAIL, "885")
    # Nor does it suspend, or let go, whom people confirmed.
    right = list_member(worcestershire, status="suspended")
    take.take_directory(sandwell, keeper.publish(sandwell, right), SCHEME)
    assert partner(sandwell, "885") == confirmed
    its = findings(sandwell)[f"885 in {SCHEME}"]
    assert its.level is FindingLevel.WARN
    assert "exchange goes on" in its.sentence
    take.take_directory(sandwell, keeper.publish(sandwell), SCHEME)
    assert partner(sandwell, "885") == confirmed
    # A newer card of the identity that they confirmed is welcome, whoever brings it.
    identity = Ring.open_identity(
        worcestershire.config.home / "keys", passphrase=worcestershire.config.read_passphrase()
    )
    newer = card.write(replace(worcestershire.own_card, serial=2, name="Another name"), identity)
    take.take_directory(sandwell, keeper.publish(sandwell, DirectoryMember("885", "active", newer)), SCHEME)
    assert (partner(sandwell, "885").serial, partner(sandwell, "885").trusted_by) == (2, None)
    assert sandwell.trust.get_card("885").name == "Another name"
    assert f"885 in {SCHEME}" not in findings(sandwell)


def test_another_identity_of_ours_in_a_directory_is_an_alarm(sandwell: Gateway) -> None:
    keeper = Keeper()
    changes = join_scheme(sandwell, keeper.publish(sandwell, build_member(sandwell.own_card, "333")[0]), keeper)
    assert changes.added == []
    assert findings(sandwell)[f"this authority in {SCHEME}"].level is FindingLevel.FAIL
    take.take_directory(sandwell, keeper.publish(sandwell, list_member(sandwell, status="suspended")), SCHEME)
    assert "do not exchange" in findings(sandwell)[f"this authority in {SCHEME}"].sentence
    take.take_directory(sandwell, keeper.publish(sandwell, list_member(sandwell)), SCHEME)
    assert f"this authority in {SCHEME}" not in findings(sandwell)


def test_a_members_new_identity_is_followed_where_the_directory_alone_vouches_for_it(sandwell: Gateway) -> None:
    keeper = Keeper()
    join_scheme(sandwell, keeper.publish(sandwell, build_member(sandwell.own_card, "885")[0]), keeper)
    before = partner(sandwell, "885").fingerprint
    anew, _ = build_member(sandwell.own_card, "885")
    assert take.take_directory(sandwell, keeper.publish(sandwell, anew), SCHEME).renewed == ["885"]
    [entry] = entries(sandwell, "directory.identity-changed")
    assert (entry["before"], entry["now"]) == (before, card.compute_fingerprint(card.read(anew.token)))


def test_two_members_with_one_gateway_are_both_left_out(sandwell: Gateway) -> None:
    keeper = Keeper()
    one, _ = build_member(sandwell.own_card, "885")
    other, _ = build_member(sandwell.own_card, "330", routes=card.read(one.token).routes)
    ours, _ = build_member(sandwell.own_card, "334", routes=sandwell.own_card.routes)
    changes = join_scheme(sandwell, keeper.publish(sandwell, one, other, ours), keeper)
    assert changes.added == []
    assert changes.conflicts == dict.fromkeys(("885", "330", "334"), "gateway")
    assert findings(sandwell)[f"330 in {SCHEME}"].level is FindingLevel.WARN


@pytest.mark.parametrize("status", ["suspended", "ended", "not listed"])
def test_a_member_that_is_switched_off_is_sent_and_accepted_nothing_until_it_is_let_go_on(
    sandwell: Gateway, status: Any
) -> None:
    keeper = Keeper()
    member, _ = build_member(sandwell.own_card, "885")
    join_scheme(sandwell, keeper.publish(sandwell, member), keeper)
    off = () if status == "not listed" else (replace(member, status=status),)
    assert take.take_directory(sandwell, keeper.publish(sandwell, *off), SCHEME).suspended == ["885"]
    assert entries(sandwell, "directory.member-suspended") == [{"scheme": SCHEME, "waiting": 0}]
    with expect_refusal(RefusalCode.CARD_SUSPENDED):
        prepare_messages(sandwell, [notice(recipient="885")], "agnes")
    with expect_refusal(RefusalCode.CARD_SUSPENDED):
        sandwell.trust.current_card("885", sandwell.now())
    assert findings(sandwell)["suspended: 885"].level is FindingLevel.WARN
    # The same again is no news.
    assert take.take_directory(sandwell, keeper.publish(sandwell, *off), SCHEME).suspended == []
    assert take.take_directory(sandwell, keeper.publish(sandwell, member), SCHEME).resumed == ["885"]
    prepare_messages(sandwell, [notice(recipient="885")], "agnes")


def test_a_new_key_of_the_scheme_is_followed_without_a_call(sandwell: Gateway) -> None:
    keeper = Keeper()
    member = build_member(sandwell.own_card, "885")[0]
    join_scheme(sandwell, keeper.publish(sandwell, member), keeper)
    new = Keeper(signed=keeper.signed)
    new.handovers = (directory.write_handover(SCHEME, keeper.key, new.key.public_key().public_bytes_raw()),)
    assert take.take_directory(sandwell, new.publish(sandwell, member), SCHEME).is_taken
    [its] = overview.list_directory_statuses(sandwell)
    assert its.fingerprint == new.fingerprint
    with expect_refusal(RefusalCode.DIRECTORY_OTHER_KEY):
        take.take_directory(sandwell, keeper.publish(sandwell, member), SCHEME)


def test_two_processes_that_take_a_directory_at_once_take_it_once(strangers: Pair) -> None:
    sandwell, _ = strangers
    keeper = Keeper()
    members = [build_member(sandwell.own_card, code)[0] for code in ("330", "334", "335", "336")]
    join_scheme(sandwell, keeper.publish(sandwell), keeper)
    text = keeper.publish(sandwell, *members)
    others = [home_folder.open_gateway(sandwell.config.home) for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda gw: take.take_directory(gw, text, SCHEME), [sandwell, *others]))
    assert sorted(it.is_taken for it in verdicts) == [False, False, False, True]
    assert len(entries(sandwell, "directory.member-added")) == 4
    for gw in (sandwell, *others):
        gw.refresh_trust()
        assert gw.trust.list_authorities() == ["330", "334", "335", "336"]
    for gw in others:
        gw.store.close()


Answer = Callable[[web.Request], Any]


@asynccontextmanager
async def serve(gw: Gateway, answer: Answer) -> AsyncIterator[str]:
    """A server of a keeper, with some certificate; yields the address of its directory."""
    import ssl

    from tests.conftest import free_port

    served = web.Application()
    served.router.add_get("/cme/directory.jwt", answer)
    runner = web.AppRunner(served)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(gw.config.home / home_folder.TLS_CERTIFICATE, gw.config.home / home_folder.TLS_KEY)
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{port}/cme/directory.jwt"
    finally:
        await gw.carriers["https"].close()
        await runner.cleanup()


async def test_a_directory_is_fetched_without_a_word_of_who_asks(sandwell: Gateway) -> None:
    keeper, seen = Keeper(), []
    member = build_member(sandwell.own_card, "885")[0]

    async def answer(request: web.Request) -> web.Response:
        seen.append({name.lower() for name in request.headers})
        return web.Response(text=keeper.signed[-1])

    async with serve(sandwell, answer) as url:
        keeper.publish(sandwell)
        join_scheme(sandwell, await rounds.fetch_text(sandwell, url), keeper, url)
        keeper.publish(sandwell, member)
        assert (await rounds.fetch_directory(sandwell, SCHEME)).added == ["885"]
        assert not (await rounds.fetch_directory(sandwell, SCHEME)).is_taken
    assert all("authorization" not in headers for headers in seen)
    its = joined(sandwell)
    assert its.trouble is None
    assert its.asked_at
    assert its.due_at
    assert rounds.FETCH_EVERY * 0.7 < its.due_at - its.asked_at < rounds.FETCH_EVERY * 1.3


async def huge(_: web.Request) -> web.Response:
    return web.Response(body=b"A" * (MAX_DIRECTORY_BYTES + 1))


async def elsewhere(_: web.Request) -> web.Response:
    raise web.HTTPFound("https://127.0.0.1:1/")


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100000"})
    await response.prepare(request)
    await response.write(b"eyJ")
    assert request.transport
    request.transport.close()
    return response


async def slow(_: web.Request) -> web.Response:
    await asyncio.sleep(1)
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [(huge, "longer than"), (elsewhere, "answered 302"), (cut, "lost"), (slow, "did not answer in time")],
)
async def test_what_is_no_directory_is_noted_and_fetched_again_later(
    sandwell: Gateway, answer: Answer, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answer is slow:
        monkeypatch.setattr(rounds, "FETCH_SECONDS", 0.3)
    keeper = Keeper()
    async with serve(sandwell, answer) as url:
        join_scheme(sandwell, keeper.publish(sandwell), keeper, url)
        with pytest.raises(NotReached, match=trouble):
            await rounds.fetch_directory(sandwell, SCHEME)
    its = joined(sandwell)
    assert trouble in (its.trouble or "")
    assert its.asked_at
    assert its.due_at
    assert rounds.FETCH_AGAIN * 0.7 < its.due_at - its.asked_at < rounds.FETCH_AGAIN * 1.3
    assert findings(sandwell)[f"fetching the directory of {SCHEME}"].level is FindingLevel.WARN


@pytest.mark.parametrize(
    "url",
    [
        *("http://keeper.example/d.jwt", "file:///etc/passwd", "https://keeper.example", "https://keeper.example/"),
        *("https://a@keeper.example/d.jwt", "https://keeper.example/d.jwt?x=1", "https://keeper.example/d#x", ""),
    ],
)
async def test_an_address_that_is_none_is_not_called(sandwell: Gateway, url: str) -> None:
    with pytest.raises(NotAllowed) as why:
        await rounds.fetch_text(sandwell, url)
    assert why.value.code == "directory.url"


async def test_a_keeper_that_shows_two_members_different_directories_is_found_out(strangers: Pair) -> None:
    """The two compare what they hold, by real servers; both texts are kept as proof, at both."""
    sandwell, worcestershire = strangers
    keeper = Keeper()
    first = keeper.publish(sandwell, *map(list_member, strangers))
    for gw in strangers:
        join_scheme(gw, first, keeper)
    liar = Keeper(key=keeper.key, signed=list(keeper.signed))
    extra = build_member(sandwell.own_card, "330")[0]
    to_one = keeper.publish(sandwell, *map(list_member, strangers))
    to_other = liar.publish(sandwell, *map(list_member, strangers), extra)
    take.take_directory(sandwell, to_one, SCHEME)
    take.take_directory(worcestershire, to_other, SCHEME)
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        for gw in strangers:
            await rounds.compare_with_members(gw)
    [at_the_other] = worcestershire.store.look(directories.list_forks)
    assert (at_the_other.source, at_the_other.ours, at_the_other.theirs) == ("333", to_other, to_one)
    [fork] = sandwell.store.look(directories.list_forks)
    assert (fork.version, fork.source, fork.ours, fork.theirs) == (2, "885", to_one, to_other)
    assert entries(sandwell, "directory.fork") == [
        {"version": 2, "ours": directory.compute_digest(to_one), "theirs": directory.compute_digest(to_other)}
    ]
    assert findings(sandwell)[f"keeper of {SCHEME}"].level is FindingLevel.FAIL
    # Nothing of the other one was taken.
    assert sandwell.trust.list_authorities() == ["885"]


def test_a_partner_of_a_directory_counts_as_confirmed_by_phone_only_once_its_digits_were_read_out(
    strangers: Pair,
) -> None:
    """Its very card, which is held, may be confirmed; without the digits nothing changes."""
    sandwell, worcestershire = strangers
    keeper = Keeper()
    join_scheme(sandwell, keeper.publish(sandwell, list_member(worcestershire)), keeper)
    offered = partners.read_offered_card(sandwell, worcestershire.own_card_text)
    assert (offered.is_held, offered.is_confirmed) == (False, False)
    for told in ("", "1" * 40):
        with pytest.raises(NotAllowed):
            partners.add_offered_card(sandwell, offered, told, by="ines")
    assert partner(sandwell, "885").trusted_by == SCHEME
    partners.add_offered_card(sandwell, offered, offered.fingerprint, by="ines")
    assert partner(sandwell, "885").trusted_by is None
    take.take_directory(sandwell, keeper.publish(sandwell), SCHEME)
    assert not partner(sandwell, "885").is_suspended


async def test_the_console_says_by_what_a_partner_is_trusted(tmp_path: Path) -> None:
    gw, there = house(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    keeper = Keeper()
    join_scheme(gw, keeper.publish(gw, list_member(there)), keeper)
    async with TestClient(TestServer(build_application(gw), port=gw.config.console.port)) as client:
        visitor = Visitor(gw, there, client)
        for path in ("/partners", "/partners/885"):
            assert f"by the directory of {SCHEME}" in await visitor.get(Role.ADMIN, path)
        take.take_directory(gw, keeper.publish(gw), SCHEME)
        for path in ("/partners", "/partners/885"):
            assert "Exchange suspended" in await visitor.get(Role.ADMIN, path)
        page = await visitor.get(Role.OPERATOR, "/health")
        assert f"Directory of {SCHEME}" in page
        assert "Suspended: Worcestershire (885)" in page
    for one in (gw, there):
        one.store.close()


async def test_a_member_that_is_held_back_gets_the_newest_from_another(strangers: Pair) -> None:
    sandwell, worcestershire = strangers
    keeper = Keeper()
    first = keeper.publish(sandwell, *map(list_member, strangers))
    for gw in strangers:
        join_scheme(gw, first, keeper)
    keeper.publish(sandwell, *map(list_member, strangers))
    newest = keeper.publish(sandwell, *map(list_member, strangers), build_member(sandwell.own_card, "330")[0])
    take.take_directory(worcestershire, newest, SCHEME)
    async with app.run_gateway(worcestershire):
        await rounds.compare_with_members(sandwell)
        assert joined(sandwell).version == 3
        await rounds.compare_with_members(sandwell)
        await sandwell.carriers["https"].close()
    assert sandwell.trust.list_authorities() == ["330", "885"]
    assert sandwell.store.look(directories.list_forks) == []
    assert "held by 1 partners" in findings(sandwell)[f"directory of {SCHEME}"].sentence


async def test_a_member_that_lies_about_a_directory_proves_nothing(strangers: Pair) -> None:
    sandwell, worcestershire = strangers
    keeper = Keeper()
    first = keeper.publish(sandwell, *map(list_member, strangers))
    join_scheme(sandwell, first, keeper)
    async with app.run_gateway(worcestershire):
        word = directories.MemberWord(SCHEME, "885", 1, "0" * 64, sandwell.now(), differs=False)
        await rounds.hear_word(sandwell, word)
        await sandwell.carriers["https"].close()
    assert sandwell.store.look(directories.list_forks) == []
    assert findings(sandwell)[f"word of 885 on {SCHEME}"].level is FindingLevel.WARN
    assert joined(sandwell).refused is None
