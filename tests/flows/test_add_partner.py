"""An administrator adds a partner in the browser: from the file of a card, with the fingerprint that was read out."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer

from adapters.route import NotReached
from gateway import home_folder
from gateway.access import tell_manager
from gateway.authorities import partners
from gateway.console.application import MAX_FORM_BYTES, build_application
from gateway.core.access_rules import AccessGrant
from gateway.core.permissions import Permission, Reach, Role, get_reach
from gateway.errors import NotAllowed
from gateway.exchange import card_rounds
from gateway.exchange.newer_cards import take_newer_card
from gateway.settings.rules import FILE
from gateway.store import access_changes, audit_log, partner_cards
from keys import card
from tests.conftest import make
from tests.consoles import house, session, sign_in_name
from tests.flows.test_console_oversight import Visitor

ADMIN = Role.ADMIN


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Visitor]:
    """Sandwell, which has no partner yet; Worcestershire would become one."""
    gw, there = house(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    client = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await client.start_server()
    yield Visitor(gw, there, client)
    await client.close()
    for one in (gw, there):
        one.store.close()


def read_file(visitor: Visitor) -> bytes:
    return (visitor.there.config.home / home_folder.CARD_FILE).read_bytes()


async def upload(visitor: Visitor, file: bytes, role: Role = ADMIN, to: str = "/partners/add") -> tuple[int, str]:
    """Choose this file, and go on."""
    cookies, token = session(visitor.gw, role)
    form = FormData()
    form.add_field("form_token", token)
    form.add_field("card", file, filename="theirs.card", content_type="application/octet-stream")
    got = await visitor.client.post(to, data=form, cookies=cookies, allow_redirects=False)
    return got.status, unescape(await got.text())


def hidden_card(page: str) -> str:
    [token] = re.findall('name="card" value="([^"]+)"', page)
    return str(token)


def known(visitor: Visitor) -> list[int]:
    """The serials of the cards that are held."""
    return [partner.card.serial for partner in partners.list_known_partners(visitor.gw)]


async def test_a_card_is_added_once_its_fingerprint_was_read_out(visitor: Visitor) -> None:
    spoken = card.compute_fingerprint(visitor.there.own_card)
    # As an editor under Windows saves it, and as a mail breaks it.
    file = "\r\n".join(re.findall(".{1,76}", read_file(visitor).decode().strip())).encode("utf-16")
    status, page = await upload(visitor, file)
    assert status == 200
    assert "Worcestershire (885)" in page
    assert spoken in page
    assert known(visitor) == []
    confirm = {"card": hidden_card(page)}
    for wrong in ("", "1" * 40, spoken[:-1], f"{spoken}0"):
        text = (await visitor.post(ADMIN, "/partners/add/confirm", 422, **confirm, fingerprint=wrong)).decode()
        assert "The card was not added." in text
    assert known(visitor) == []
    await visitor.post(ADMIN, "/partners/add/confirm", 303, **confirm, fingerprint=f" {spoken.replace(' ', '  ')} ")
    assert known(visitor) == [visitor.there.own_card.serial]
    assert visitor.gw.trust.get_card("885").identity == visitor.there.own_card.identity
    [entry] = visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="partner.added"))
    assert (entry.actor, entry.partner) == (sign_in_name(ADMIN), "885")
    # Of whom the service manager is told by email.
    [change] = visitor.gw.store.look(lambda tx: access_changes.list_access_changes(tx, entry.at))
    assert (change.kind, change.person) == (AccessGrant.PARTNER_ADDED, "Worcestershire (885)")
    line = visitor.gw.store.look(lambda tx: tell_manager._describe_change(tx, change))
    assert f"added {change.person} as a partner authority" in line
    assert "is confirmed" in await visitor.get(ADMIN, "/partners/885?done=added")
    assert "You already have this card" in (await upload(visitor, read_file(visitor)))[1]


async def test_a_newer_card_of_a_partner_is_added_without_a_call_and_says_what_changes(visitor: Visitor) -> None:
    there, home = visitor.there, visitor.there.config.home
    partners.add_partner(visitor.gw, read_file(visitor).decode(), by="test")
    old = read_file(visitor)
    text = (home / FILE).read_text()
    (home / FILE).write_text(f'{text}\n[mash]\nname = "Invented MASH"\ntelephone = "01632 960212"\n')
    home_folder.renew_card(home, by="test")
    status, page = await upload(visitor, read_file(visitor))
    assert status == 200
    assert f"(replaces {there.own_card.serial})" in page
    assert "from now on: Invented MASH, 01632 960212" in page
    assert "You do not need to call" in page
    await visitor.post(ADMIN, "/partners/add/confirm", 303, card=hidden_card(page))
    assert known(visitor) == [there.own_card.serial + 1]
    status, page = await upload(visitor, old)
    assert (status, "It is not newer than the card held here." in page) == (422, True)


async def test_a_card_of_another_identity_is_not_taken_for_a_newer_one(visitor: Visitor, tmp_path: Path) -> None:
    partners.add_partner(visitor.gw, read_file(visitor).decode(), by="test")
    stranger = make(tmp_path / "stranger", "885", "Worcestershire")
    forged = (stranger.config.home / home_folder.CARD_FILE).read_bytes()
    stranger.store.close()
    status, page = await upload(visitor, forged)
    assert (status, "not signed with the identity key that was confirmed" in page) == (422, True)
    typed = {"card": forged.decode().strip(), "fingerprint": card.compute_fingerprint(stranger.own_card)}
    await visitor.post(ADMIN, "/partners/add/confirm", 422, **typed)
    assert known(visitor) == [visitor.there.own_card.serial]


async def test_what_is_no_card_or_is_our_own_is_refused_and_nothing_is_added(visitor: Visitor) -> None:
    good = read_file(visitor)
    ours = (visitor.gw.config.home / home_folder.CARD_FILE).read_bytes()
    for file in (b"", b"\0" * 500, b"no card", good[:-9], good.replace(b".", b"", 1), ours, b"\xff\xfe\xd8"):
        status, page = await upload(visitor, file)
        assert (status, "There is a problem" in page) == (422, True)
    await visitor.post(ADMIN, "/partners/add", 422)
    assert known(visitor) == []


async def test_an_upload_has_a_bound_and_is_taken_by_this_page_only(visitor: Visitor) -> None:
    assert (await upload(visitor, b"a" * MAX_FORM_BYTES))[0] == 413
    for to in ("/partners/add/confirm", "/people/add"):
        assert (await upload(visitor, read_file(visitor), to=to))[0] == 415
    cookies, _ = session(visitor.gw, ADMIN)
    for body in (b"", b"--x\r\n\r\n", b'--x\r\nContent-Disposition: form-data; name="card"\r\n\r\nabc', b"x" * 999):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        got = await visitor.client.post("/partners/add", data=body, headers=headers, cookies=cookies)
        assert got.status in (400, 403), (body, got.status)


async def test_nobody_but_an_administrator_adds_a_partner(visitor: Visitor) -> None:
    assert [role for role in Role if get_reach([role], Permission.MANAGE_PARTNERS) > Reach.NONE] == [ADMIN]
    for role in (Role.OPERATOR, Role.CME_OFFICER):
        assert (await upload(visitor, read_file(visitor), role))[0] == 403
        assert 'href="/partners/add"' not in await visitor.get(role, "/partners")
    assert 'href="/partners/add"' in await visitor.get(ADMIN, "/partners")


def test_the_flow_itself_refuses_what_nobody_read_out(visitor: Visitor) -> None:
    offered = partners.read_offered_card(visitor.gw, read_file(visitor).decode())
    for told, code in (("", "partner.unconfirmed"), ("12345", "partner.fingerprint")):
        with pytest.raises(NotAllowed) as refused:
            partners.add_offered_card(visitor.gw, offered, told, by="test")
        assert refused.value.code == code
    assert known(visitor) == []


async def test_the_page_of_a_partner_says_when_it_was_asked_what_was_refused_and_which_of_ours_it_holds(
    visitor: Visitor, tmp_path: Path
) -> None:
    gw = visitor.gw
    partners.add_partner(gw, read_file(visitor).decode(), by="test")
    page = await visitor.get(ADMIN, "/partners/885")
    assert "Not known which serial they hold" in page
    with pytest.raises(NotReached):
        await card_rounds.fetch_card(gw, "885")
    await gw.carriers["https"].close()
    home_folder.renew_card(visitor.there.config.home, by="test")
    await take_newer_card(gw, read_file(visitor).decode(), "885", "https")
    stranger = make(tmp_path / "stranger", "885", "Worcestershire")
    await take_newer_card(gw, stranger.own_card_text, "885", "https")
    stranger.store.close()
    gw.store.run(lambda tx: partner_cards.note_card_exchange(tx, "885", held=1, trouble="its gateway <b>is</b> away"))
    page = await visitor.get(ADMIN, "/partners/885")
    for said in (
        "Serial 2, issued",
        "Last asked for a newer card",
        "its gateway <b>is</b> away",
        "Newer card accepted",
        "It is not signed with the identity key that was confirmed",
        "Serial 1",
    ):
        assert said in unescape(page)
    assert "<b>is</b>" not in page
    assert "Newer card of Worcestershire (885)" in await visitor.get(Role.SERVICE_MANAGER, "/health")
