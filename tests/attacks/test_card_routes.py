"""A card leads nowhere but to a gateway's port, a folder or a mailbox: no inside address, no file,
no query (CWE-918).
"""

import asyncio
import json
import random
import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import sftp
from adapters.client import Client
from adapters.route import Login, NotReached, RouteAddress
from adapters.safe_addresses import may_be_called
from gateway import home_folder
from gateway.authorities import partners
from gateway.errors import ConfigProblem
from gateway.monitoring.queues import check_queues
from gateway.settings.rules import FILE
from keys import card
from keys.card import Card, Route
from keys.errors import CardRoute, Refusal
from keys.ring import Ring
from keys.trust import Trust
from tests.conftest import free_port, make

SEED = random.SystemRandom().randrange(2**32)
GOOD = (
    ("https", "https://gateway.sandwell.example:8443/exchange/v1"),
    ("https", "https://10.1.2.3/exchange/v1"),
    ("https", "https://[2001:db8::1]:8443/exchange/v1"),
    # A demo on one machine; whether it is called is settled there.
    ("https", "https://127.0.0.1:8443/exchange/v1"),
    ("mailbox", "https://gateway.birmingham.example/exchange/v1/mailboxes/333"),
    ("sftp", "sftp://files.example:22/box/333"),
    ("email", "mailto:gateway@sandwell.example"),
)
BAD = (
    ("https", "http://gateway.example/exchange/v1"),
    ("https", "https://user:password@gateway.example/exchange/v1"),
    ("https", "https://user@gateway.example/"),
    ("https", "https://gateway.example/admin?do=delete&x="),
    ("https", "https://gateway.example/#part"),
    ("https", "file:///etc/passwd"),
    ("https", "https:///exchange/v1"),
    ("https", "https://gateway.example:99999/"),
    ("https", "https://gateway.example\\@127.0.0.1/"),
    ("https", "https://gateway.example/../../admin"),
    ("https", "https://gateway.example/%2e%2e/admin"),
    ("https", "https://gateway.example/a b"),
    ("https", "https://gateway.example/\x00"),
    # A Cyrillic letter.
    ("https", "https://gаteway.example/"),
    ("https", "gopher://gateway.example/"),
    ("mailbox", "http://gateway.example/exchange/v1/mailboxes/333"),
    ("sftp", "sftp://user@files.example/box"),
    ("sftp", "sftp://127.0.0.1:22/../../etc"),
    ("sftp", "file:///box"),
    ("email", "mailto:a@b.example?bcc=c@d.example"),
    ("email", "mailto:a@b.example,c@d.example"),
    ("email", "mailto:"),
    ("email", "https://b.example/"),
)


def with_route(theirs: Card, kind: str, url: str) -> Card:
    return replace(theirs, serial=theirs.serial + 1, routes=(Route(kind, url, "sealed"),))


def is_taken(new: Card) -> bool:
    try:
        card.check_routes(new)
    except CardRoute:
        return False
    return True


@pytest.mark.parametrize(("kind", "url"), GOOD)
def test_a_plain_route_is_taken(tmp_path: Path, kind: str, url: str) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    assert is_taken(with_route(gw.own_card, kind, url))
    gw.store.close()


def test_no_card_with_another_route_is_taken_new_or_known(tmp_path: Path) -> None:
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    identity = Ring.open_identity(there.config.home / home_folder.KEYS, passphrase=there.config.read_passphrase())
    whole = (there.config.home / home_folder.CARD_FILE).read_text("ascii")
    for known in (False, True):
        if known:
            partners.add_partner(gw, whole, by="test")
        for kind, url in BAD:
            try:
                token = card.write(with_route(there.own_card, kind, url), identity)
            except (ValueError, Refusal):
                # No card can say it.
                continue
            with pytest.raises(Exception, match=r"card\.|route") as why:
                partners.check_partner_card(gw, token)
            assert getattr(why.value, "code", "").startswith("card."), url
    moved = with_route(there.own_card, "https", "https://elsewhere.example:8443/exchange/v1")
    was, becomes = partners.list_changed_routes(gw, moved)
    assert was.startswith(f"no longer: https {there.config.exchange_url}, which shows ")
    assert becomes == "from now on: https https://elsewhere.example:8443/exchange/v1"
    for one in (gw, there):
        one.store.close()


def test_we_write_no_card_that_no_partner_would_take(tmp_path: Path) -> None:
    home = tmp_path / "333"
    make(home, "333", "Sandwell").store.close()
    settings, before = (home / FILE).read_text(), (home / home_folder.CARD_FILE).read_text("ascii")
    for kind, url in BAD:
        if kind == "https" and url.isprintable():
            (home / FILE).write_text(
                re.sub(r"(?m)^url = .*", "", settings).replace("[listen]", f"[listen]\nurl = {json.dumps(url)}")
            )
            with pytest.raises(ConfigProblem) as why:
                home_folder.renew_card(home, by="test")
            assert why.value.code.startswith("config."), url
    assert (home / home_folder.CARD_FILE).read_text("ascii") == before


def test_doctor_names_a_card_from_before_its_routes_were_checked(tmp_path: Path) -> None:
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    old = with_route(there.own_card, "https", "https://user@gateway.example/")
    gw.trust = Trust({"885": old})
    assert "card of 885" in [one.name for one in gw.store.look(lambda tx: list(check_queues(tx, gw)))]
    gw.trust = Trust({"885": there.own_card})
    assert "card of 885" not in [one.name for one in gw.store.look(lambda tx: list(check_queues(tx, gw)))]
    for one in (gw, there):
        one.store.close()


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=30), st.sampled_from(["https", "mailbox", "sftp", "email"]))
def test_whatever_stands_there_it_is_judged(text: str, kind: str) -> None:
    for url in (text, f"https://{text}", f"https://a.example/{text}", f"https://{text}@b.example/", f"mailto:{text}"):
        try:
            card.check_routes(replace(EMPTY, routes=(Route(kind, url, "sealed"),)))
        except CardRoute:
            continue
        assert url.isascii()
        assert not set(url) & set('?#\\ \n\r\t\x00"<>')
        assert "@" not in url.removeprefix("mailto:").partition("/")[0] or kind == "email"


EMPTY: Any = None


@pytest.fixture(autouse=True, scope="module")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> None:
    global EMPTY
    gw = make(tmp_path_factory.mktemp("card") / "333", "333", "Sandwell")
    EMPTY = gw.own_card
    gw.store.close()


INSIDE = ("127.0.0.1", "127.9.8.7", "[::1]", "[::ffff:127.0.0.1]", "localhost", "2130706433", "0x7f.1", "127.1")
NEVER = (
    "169.254.169.254",
    "[fe80::1]",
    "224.0.0.1",
    "0.0.0.0",  # noqa: S104 - to be refused
    "[::]",
    "[::ffff:169.254.169.254]",
    "240.0.0.1",
)


async def test_nothing_on_this_machine_is_called_where_our_own_gateway_is_elsewhere() -> None:
    called: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.append(await reader.read(100))
        writer.close()

    port = free_port()
    server = await asyncio.start_server(note, "127.0.0.1", port)
    client = Client()
    for host in (*INSIDE, *NEVER):
        for loopback in (False, True) if host in NEVER else (False,):
            address = RouteAddress("333", "885", f"https://{host}:{port}/x", None, lambda: "token", loopback=loopback)
            with pytest.raises(NotReached):
                await asyncio.wait_for(client.send_request("GET", address, "/y", most=10), 20)
    for url in (
        "http://127.0.0.1:1/",
        "https://u:p@a.example/",
        "file:///etc/passwd",
        "https://a.example/?x=",
        "https://[/",
    ):
        with pytest.raises(NotReached):
            await client.send_request(
                "GET", RouteAddress("333", "885", url, None, lambda: "t", loopback=True), "/y", most=10
            )
    assert called == []
    await client.close()
    server.close()


@pytest.mark.parametrize("host", [*INSIDE, *NEVER])
async def test_no_sftp_server_inside_is_signed_in_to(host: str) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    pin, login = key.export_public_key().decode().strip(), Login("sandwell", password="a password for nobody")
    called: list[object] = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.append(writer)
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ours = sftp.carrier()
    with pytest.raises(NotReached):
        await ours.collect(RouteAddress("333", "885", f"sftp://{host}:{port}/box", pin, lambda: "", login))
    assert called == []
    await ours.close()
    server.close()


async def test_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing real gives a name to such an address here, so the look-up alone is replaced."""
    chance, asked = random.Random(SEED), []
    client = Client()
    for _ in range(10):
        inside = chance.choice(("127.0.0.1", "169.254.169.254", "::1", "fe80::1", "0.0.0.0"))  # noqa: S104 - to be refused
        family = socket.AF_INET6 if ":" in inside else socket.AF_INET

        def look_up(host: str, port: int, *_: object, at: str = inside, kind: int = family, **__: object) -> list[Any]:
            asked.append(host)
            return [(kind, socket.SOCK_STREAM, 6, "", (at, port) if ":" not in at else (at, port, 0, 0))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        address = RouteAddress("333", "885", f"https://inside-{chance.random()}.example/x", None, lambda: "token")
        with pytest.raises(NotReached):
            await client.send_request("GET", address, "/y", most=10)
    assert len(asked) == 10
    await client.close()


@given(st.ip_addresses())
def test_every_address_is_judged_and_private_ones_may_be_called(address: Any) -> None:
    inside = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is None and not address.is_reserved:
        assert may_be_called(str(address)) == (not inside)
    assert may_be_called("10.1.2.3")
    assert may_be_called("127.0.0.1", loopback=True)
