"""Who hosts a mailbox speaks for nobody; and no sender jams or fills the mailbox for the others (CWE-294, CWE-770)."""

import json
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bounded_answers import read_answer
from adapters.https import MESSAGES_TYPE
from adapters.mailbox import MAX_LIST_BYTES, MOST_PARTS, Mailbox, _list_in
from adapters.route import Bundle, HandedOver, Left, NotReached, Parcel, RouteAddress, TryLater
from gateway import app, home_folder
from gateway.authorities import partners
from gateway.context import Gateway
from gateway.core.resting import FIRST_REST, LONGEST_REST, Resting
from gateway.errors import NotAllowed
from gateway.exchange import mailbox
from gateway.exchange.prepare import prepare_messages
from gateway.partner_api.exchange import build_exchange_application
from gateway.settings.sections import HostingSettings
from gateway.store import mailboxes
from keys import bearer, card, receipt
from keys.ring import Ring
from tests.children import notice
from tests.conftest import make
from tests.contract.test_hostile_servers import says, server
from tests.flows.test_mailbox import Three, at, closed, three

# The fixture.
__all__ = ["three"]
SEED = random.SystemRandom().randrange(2**32)


@asynccontextmanager
async def asking(gw: Gateway) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A session that believes this gateway's certificate, and the address of its exchange port."""
    trusted = ssl.create_default_context(cafile=str(gw.config.home / "tls.pem"))
    connector = aiohttp.TCPConnector(ssl=trusted)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session, f"https://127.0.0.1:{gw.config.listen.port}/exchange/v1"


# Nobody need say who asks; the last is open to whoever has its address, which cannot be guessed.
OPEN = ("/healthz", "/readyz", "/exchange/v1/card", "/exchange/v1/directory/invented.jwt")
NAMES = {"owner": "885", "name": f"333-{'0' * 64}", "scheme": "invented", "place": "invented"}


def doors(gw: Gateway) -> list[tuple[str, str]]:
    """Every method and path of the exchange port that asks who calls, with invented names in it."""
    found = set()
    for route in build_exchange_application(gw).router.routes():
        said = route.resource.get_info() if route.resource else {}
        path = str(said.get("path") or said["formatter"]).format(**NAMES)
        if path not in OPEN and route.method != "HEAD":
            found.add((route.method, path))
    return sorted(found)


async def test_a_token_that_a_host_saw_is_good_nowhere_else(three: Three) -> None:
    """At no door of any gateway but the host's: not the owner's, not the sender's, not a third one's that holds the
    mailbox too.
    """
    sandwell, worcestershire, host = three
    seen: list[str] = []
    for gw, other in ((sandwell, worcestershire), (worcestershire, worcestershire)):
        _, address = at(gw, other)
        seen.append(address.bearer())
    for victim in (worcestershire, sandwell):
        elsewhere = replace(victim, carriers={}, config=replace(victim.config, hosting=HostingSettings("885")))
        async with app.run_gateway(elsewhere), asking(victim) as (session, base):
            for token in seen:
                for method, path in doors(victim):
                    headers = {"Authorization": f"Bearer {token}", "Content-Type": MESSAGES_TYPE}
                    url = base.removesuffix("/exchange/v1") + path
                    async with session.request(method, url, headers=headers, data=b"x") as answer:
                        assert answer.status == 401, (method, path)
    assert len(doors(host)) > 8
    # They are for the host, and for nobody else.
    for token in seen:
        assert bearer.verify(token, audience=host.code, trust=host.trust, now=host.now()) in ("333", "885")


async def test_no_card_may_name_another_ones_gateway_as_its_own(three: Three, tmp_path: Path) -> None:
    """Or tokens for a mailbox's host would be made for whoever copied its public address and certificate."""
    sandwell, worcestershire, host = three
    forger = make(tmp_path / "201", "201", "City of London")
    identity = Ring.open_identity(forger.config.home / home_folder.KEYS, passphrase=forger.config.read_passphrase())
    theirs = replace(forger.own_card, serial=2, routes=host.own_card.routes)
    with pytest.raises(NotAllowed) as why:
        partners.add_partner(sandwell, card.write(theirs, identity), by="test")
    assert why.value.code == "partner.same-gateway"
    _, address = at(sandwell, worcestershire)
    assert bearer.verify(address.bearer(), audience=host.code, trust=host.trust, now=host.now()) == "333"
    forger.store.close()


async def test_what_lay_there_before_it_was_checked_jams_nobody(three: Three) -> None:
    sandwell, _, host = three
    [good] = prepare_messages(sandwell, [notice()], "olive")
    said = {"audience": "333", "message_id": good.message_id, "sha256": good.digest, "codes": (), "checkpoint": None}
    given = receipt.issue(**said, ring=host.ring, now=host.now()).encode()  # type: ignore[arg-type]
    old = [b"\x01" * 12_000_000, good.sealed, b"plain\nwords", given, b"\xff", b""]
    for kind in get_args(mailboxes.Kind):
        for number, content in enumerate(old):
            held = mailboxes.MailboxBundle("885", kind, f"333-{number:064x}", "333", content, host.now())
            host.store.run(lambda tx, h=held: mailboxes.add_bundle(tx, h))  # type: ignore[misc]  # bound at once
    assert len(host.store.run(lambda tx: mailbox.forget_unreadable(tx, host, "885"))) == 2 * (len(old) - 1)
    assert [one.content for one in await mailbox.list_messages_to_fetch(host, "885")] == [good.sealed]
    assert [one.content for one in await mailbox.list_receipts_to_fetch(host, "885", "333")] == [given]


async def test_a_host_takes_the_old_form_at_that_mailbox_and_nowhere_else(three: Three) -> None:
    sandwell, _, host = three
    old = bearer.issue("885", ring=sandwell.ring, now=sandwell.now())
    other = bearer.issue("332", ring=sandwell.ring, now=sandwell.now())
    [ready] = prepare_messages(sandwell, [notice()], "olive")
    async with app.run_gateway(replace(host, carriers={})), asking(host) as (session, base):
        for token, path, status in (
            (old, "/mailboxes/885/messages", 202),
            (other, "/mailboxes/885/messages", 401),
            (old, "/messages", 401),
        ):
            headers = {"Authorization": f"BEARER {token}", "Content-Type": "application/vnd.cme-exchange.messages"}
            async with session.post(base + path, headers=headers, data=ready.sealed) as answer:
                assert answer.status == status, path


async def test_what_is_left_is_a_sealed_message_from_its_sender_to_the_owner(three: Three) -> None:
    sandwell, worcestershire, host = three
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    carrier, address = at(sandwell, worcestershire)
    [good] = prepare_messages(sandwell, [notice()], "olive")
    head, _, body = good.sealed.decode().partition(".")
    for_host = prepare_messages(sandwell, [notice("333", host.code)], "olive")[0].sealed
    bad = [
        bytes([chance.randrange(32)]) * chance.choice((1, 1000, 1_000_000)),
        b"\x01" * 12_000_000,
        bytes(chance.choices(range(32, 127), k=chance.randint(1, 500))),
        f"{head}.{body}\x00".encode(),
        f"{head}.{body}.{body}".encode(),
        f"{body}.{head}".encode(),
        b"." * 100,
        b"\n" * 50,
        for_host,
        f"{head}.{'A' * 1_100_000}".encode(),
    ]
    chance.shuffle(bad)
    async with app.run_gateway(replace(host, carriers={})):
        for one in bad:
            [attempt] = await carrier.deliver(address, [Parcel("x", one)])
            assert isinstance(attempt, TryLater), one[:40]
        assert host.store.look(lambda tx: mailboxes.sum_mailbox_bytes(tx, "885")) == 0
        [attempt] = await carrier.deliver(address, [Parcel(good.message_id, good.sealed)])
        assert isinstance(attempt, HandedOver)
        theirs, own = at(worcestershire, worcestershire)
        [bundle] = await theirs.collect(own)
        assert isinstance(bundle, Bundle)
        assert bundle.lines == (good.sealed,)
        for nonsense in ("", "no receipt", "\x01" * 1000, good.sealed.decode()):
            with pytest.raises(NotReached):
                await theirs.finish(own, bundle, [nonsense])
        await closed(sandwell, worcestershire)


async def test_one_sender_cannot_fill_a_mailbox(three: Three) -> None:
    sandwell, worcestershire, host = three
    host.config = replace(host.config, hosting=HostingSettings("885", megabytes=200))
    carrier, address = at(sandwell, worcestershire)
    [good] = prepare_messages(sandwell, [notice()], "olive")
    head, _, body = good.sealed.decode().partition(".")
    large = [[Parcel("x", f"{head}.{body}{letter * 900_000}".encode())] * 1 for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    async with app.run_gateway(replace(host, carriers={})):
        ends = [(await carrier.deliver(address, bundle))[0] for bundle in large]
        await closed(sandwell)
    share = 200_000_000 // mailbox.SHARES
    taken = sum(isinstance(one, HandedOver) for one in ends)
    assert share // 905_000 - 1 <= taken <= share // 900_000
    assert ends[-1] == TryLater("their mailbox is full")
    assert host.store.look(lambda tx: mailboxes.sum_mailbox_bytes(tx, "885")) <= share


async def test_what_is_handed_out_fits_into_what_is_read(three: Three) -> None:
    sandwell, worcestershire, host = three
    host.config = replace(host.config, hosting=HostingSettings("885", megabytes=2000))
    [good] = prepare_messages(sandwell, [notice()], "olive")
    head, _, body = good.sealed.decode().partition(".")
    line = f"{head}.{body}{'A' * 900_000}"
    for letter in "ABCDEF":
        content = "\n".join(f"{line}{letter * number}" for number in range(1, 17)).encode()
        await mailbox.take_in_bundle(host, "885", "333", content)
    _, own = at(worcestershire, worcestershire)
    async with app.run_gateway(replace(host, carriers={})):
        names = []
        async with asking(host) as (session, base):
            headers = {"Authorization": f"Bearer {own.bearer()}"}
            # Each a bundle as large as one may be: none is handed out twice, and none is forgotten.
            for _ in range(6):
                async with session.get(f"{base}/mailboxes/885/messages", headers=headers) as answer:
                    names += [one["name"] for one in json.loads(await read_answer(answer, MAX_LIST_BYTES))]
        assert len(set(names)) == len(names) == 6
        await closed(worcestershire)


async def test_what_its_owner_cannot_handle_lets_all_behind_it_pass(three: Three) -> None:
    """However many lie there, and whoever left them: each rests, longer each time, and comes again."""
    sandwell, worcestershire, host = three
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    sealed = prepare_messages(sandwell, [notice() for _ in range(3)], "olive")
    head, _, body = sealed[0].sealed.decode().partition(".")
    for number in range(chance.randint(mailbox.BUNDLES, 4 * mailbox.BUNDLES)):
        content = f"{head}.{body}{'A' * number}".encode()
        await mailbox.take_in_bundle(host, "885", "333", content)
    good = sealed[1].sealed
    await mailbox.take_in_bundle(host, "885", "333", good)
    theirs, own = at(worcestershire, worcestershire)
    async with app.run_gateway(replace(host, carriers={})):
        seen: list[bytes] = []
        while good not in seen:
            found = [one for one in await theirs.collect(own) if isinstance(one, Bundle)]
            assert found
            seen += [line for one in found for line in one.lines]
            assert len(set(seen)) == len(seen)
        await closed(worcestershire)


@given(st.lists(st.tuples(st.floats(0, 2000), st.sets(st.sampled_from("abcde"))), max_size=30))
def test_what_rests_comes_again_after_a_rest_that_doubles_up_to_a_bound(steps: list[tuple[float, set[str]]]) -> None:
    resting, now = Resting(), 0.0
    waits: dict[str, float] = {}
    for later, asked in steps:
        now += later
        names = asked - resting.list_names("here", now)
        resting.handed_out("here", names, now)
        assert names <= resting.list_names("here", now)
        assert not resting.list_names("there", now)
        for name in names:
            wait = next(s for s in range(1, 10_000) if name not in resting.list_names("here", now + s))
            assert FIRST_REST <= wait <= LONGEST_REST
            assert wait in {min(2 * waits.get(name, wait), LONGEST_REST), FIRST_REST}
            waits[name] = wait
    resting.forget("here", "a")
    assert "a" not in resting.list_names("here", now)


def test_a_list_of_more_parts_than_there_can_be_bundles_is_not_parsed() -> None:
    for part in ("[]", "{}", "0", '"", ""'):
        rows = f"[{', '.join([part] * (MOST_PARTS + 1))}]".encode()
        assert isinstance(json.loads(rows), list)
        with pytest.raises(NotReached):
            _list_in(rows)


async def test_what_a_hostile_host_hands_out_holds_up_nothing_and_is_counted(tmp_path: Path) -> None:
    good = {"name": f"333-{'a' * 64}", "sender": "333", "lines": ["abc.def"]}
    rows: list[object] = [7, None, [], {}, {"name": "x"}, {"name": 1, "sender": 2, "lines": 3}, good, "x", [[]]]
    wrong: list[dict[str, object]] = [{"lines": "abc"}, {"lines": [1]}, {"name": "../../receipts/x"}, {"lines": {}}]
    rows += [good | one for one in wrong]
    random.Random(SEED).shuffle(rows)
    ours = Mailbox()
    async with server(tmp_path, says(200, json.dumps(rows))) as address:
        found = await ours.collect(replace(address, us="885"))
        await ours.close()
    assert [one.name for one in found if isinstance(one, Bundle)] == [good["name"]]
    assert sum(one.count for one in found if isinstance(one, Left)) == len(rows) - 1
    assert isinstance(address, RouteAddress)
