"""Cards are renewed and keys changed while notices are under way, both ways: nobody does anything by hand, and all arrive."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from gateway import app, home_folder
from gateway.auditing import audit
from gateway.context import Gateway
from gateway.core import statement_diff
from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel
from gateway.exchange import receive, respond, statements
from gateway.exchange.newer_cards import take_newer_card
from gateway.exchange.send import send_notices
from gateway.monitoring import health
from gateway.store import audit_log, inbox, outbox, partner_cards
from keys import card, receipt, tls
from keys.ring import RING_FILE, Ring
from keys.trust import Trust
from schemas.message import Acknowledgement
from schemas.shapes import MessageId
from tests.children import notice
from tests.conftest import introduce, make
from tests.delivering import deliver_now
from tests.flows.test_exchange import OFFICER, until

NAMES = {"333": "Sandwell", "885": "Worcestershire", "330": "Birmingham"}


@pytest.fixture
def three(tmp_path: Path) -> Iterator[dict[str, Gateway]]:
    """Three authorities, each of which knows the others."""
    made = {code: make(tmp_path / code, code, name) for code, name in NAMES.items()}
    for code, gw in made.items():
        for other in made.values():
            if code < other.code:
                introduce(gw, other)
    yield made
    for gw in made.values():
        gw.store.close()


def state(gw: Gateway, message_id: MessageId) -> DeliveryState:
    return gw.store.look(lambda tx: outbox.get_delivery(tx, message_id)).state


def acts(gw: Gateway, act: str) -> int:
    return len(gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act=act)))


def send(gw: Gateway, to: str) -> MessageId:
    [sent] = send_notices(gw, [notice(sender=gw.code, recipient=to)], by="olive")
    return sent


def is_whole(gw: Gateway) -> bool:
    return not gw.store.look(lambda tx: audit.verify_log(tx, Trust({gw.code: gw.own_card}), gw.code)).faults


async def test_one_renews_and_rotates_while_notices_go_both_ways_and_nobody_does_a_thing(
    three: dict[str, Gateway],
) -> None:
    sent: list[tuple[Gateway, MessageId]] = []
    rotates = three["333"]

    async def keep_sending() -> None:
        while True:
            for code, other in permutations(three, 2):
                sent.append((three[code], await asyncio.to_thread(send, three[code], other)))
            await asyncio.sleep(0.2)

    def hold(serial: int) -> bool:
        """It has taken its own card up, and everybody else holds it."""
        partners = [three[code].trust.get_card("333").serial for code in ("885", "330")]
        return [rotates.own_card.serial, *partners] == [serial] * 3

    async with AsyncExitStack() as running:
        for gw in three.values():
            await running.enter_async_context(app.run_gateway(gw))
        sending = asyncio.create_task(keep_sending())
        for change in (home_folder.rotate_keys, home_folder.renew_card):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(change, rotates.config.home, by="ines")
            newest = card.read((rotates.config.home / home_folder.CARD_FILE).read_text()).serial
            await until(lambda newest=newest: hold(newest))  # type: ignore[misc]
        await asyncio.sleep(0.5)
        sending.cancel()
        await until(lambda: all(state(gw, it) is DeliveryState.RECEIVED for gw, it in sent))
        # The certificate is the one that the card announced, and no connection was refused for it.
        assert acts(rotates, "card.certificate-changed") == 0
    assert len(sent) > 20
    assert all(is_whole(gw) for gw in three.values())
    assert [acts(three[code], "card.refused") for code in three] == [0, 0, 0]


async def test_what_was_signed_with_a_key_that_was_revoked_is_signed_anew_and_arrives(
    three: dict[str, Gateway],
) -> None:
    """Under way while the keys are stolen and replaced, both ways: nothing ends as rejected."""
    sandwell, worcestershire = three["333"], three["885"]
    out = [send(sandwell, "885") for _ in range(3)]
    back = [send(worcestershire, "333") for _ in range(3)]
    home_folder.rotate_keys(sandwell.config.home, by="ines", revoke=True)
    newest = (sandwell.config.home / home_folder.CARD_FILE).read_text()
    await take_newer_card(worcestershire, newest, "333", "https")
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        # It takes up the new keys itself, for it was opened before.
        await until(lambda: sandwell.own_card.serial == 2)
        await until(lambda: all(state(sandwell, it) is DeliveryState.RECEIVED for it in out))
        await until(lambda: all(state(worcestershire, it) is DeliveryState.RECEIVED for it in back))
    assert acts(sandwell, "notice.rejected") == 0
    assert acts(sandwell, "notice.signed-anew") == 3
    assert is_whole(sandwell)
    assert is_whole(worcestershire)


async def test_a_receipt_whose_key_was_revoked_is_signed_anew(three: dict[str, Gateway]) -> None:
    sandwell, worcestershire = three["333"], three["885"]
    out = send(sandwell, "885")
    [it] = sandwell.store.look(lambda tx: outbox.claim_deliveries(tx, sandwell.now(), "885", 1))
    [lost] = await receive.receive_parcels(worcestershire, [it.sealed], "333")
    home_folder.rotate_keys(worcestershire.config.home, by="ines", revoke=True)
    assert home_folder.take_up_own(worcestershire)
    await take_newer_card(sandwell, worcestershire.own_card_text, "885", "https")
    assert not receipt.has_valid_key(lost, worcestershire.own_card.keys)
    for _ in range(2):
        [again] = await receive.receive_parcels(worcestershire, [it.sealed], "333")
    assert receipt.has_valid_key(again, worcestershire.own_card.keys)
    receipt.verify(again, issuer="885", audience="333", sha256=it.digest, trust=sandwell.trust, now=sandwell.now())
    assert acts(worcestershire, "receipt.issued-anew") == 1
    assert len(worcestershire.store.look(lambda tx: inbox.list_receipts(tx, out, issuer="885"))) == 2
    await audit.sign_checkpoint(worcestershire)
    assert is_whole(worcestershire)


async def test_restored_from_before_a_rotation_a_gateway_is_told_and_heals(three: dict[str, Gateway]) -> None:
    """Its partner holds a newer card than it has, and sealed to keys that are lost: the next card is newer than that."""
    sandwell, worcestershire = three["333"], three["885"]
    home = sandwell.config.home
    backup = {path: path.read_bytes() for path in (home / home_folder.CARD_FILE, home / home_folder.KEYS / RING_FILE)}
    home_folder.rotate_keys(home, by="ines")
    await take_newer_card(worcestershire, (home / home_folder.CARD_FILE).read_text(), "333", "https")
    back = [send(worcestershire, "333") for _ in range(3)]
    for path, content in backup.items():
        path.write_bytes(content)
    restored = home_folder.open_gateway(home)
    assert restored.own_card.serial == 1
    async with app.run_gateway(worcestershire), app.run_gateway(restored):
        await until(lambda: restored.store.look(lambda tx: partner_cards.get_card_exchange(tx, "885")).held == 2)
        findings = {it.name: it for it in health.measure_health(restored).findings}
        assert findings["our card at 885"].level is FindingLevel.FAIL
        await asyncio.to_thread(home_folder.renew_card, home, by="ines")
        await until(lambda: worcestershire.trust.get_card("333").serial == 3)
        await until(lambda: all(state(worcestershire, it) is DeliveryState.RECEIVED for it in back))
    assert acts(worcestershire, "notice.signed-anew") == 3
    restored.store.close()


def shown_certificate(gw: Gateway) -> str:
    listen = gw.config.listen
    return tls.der_base64(ssl.get_server_certificate((listen.host, listen.port)).encode())


async def test_a_new_certificate_stands_on_a_newer_card_before_it_is_shown(three: dict[str, Gateway]) -> None:
    sandwell, others = three["333"], [three["885"], three["330"]]
    home = sandwell.config.home
    key, certificate = tls.self_signed("127.0.0.1", now=sandwell.now(), days=100)
    (home / home_folder.TLS_KEY).write_bytes(key)
    (home / home_folder.TLS_CERTIFICATE).write_bytes(certificate)
    home_folder.renew_card(home, by="ines")
    assert home_folder.take_up_own(sandwell)
    for gw in others:
        await take_newer_card(gw, sandwell.own_card_text, "333", "https")
    old = tls.der_base64(certificate)
    [_, announced] = [route.certificate for route in sandwell.own_card.routes]
    assert old != announced
    # One partner does not run, so we do not know that it holds this card: the old certificate stays.
    async with app.run_gateway(sandwell), app.run_gateway(others[0]):
        await until(lambda: sandwell.store.look(lambda tx: partner_cards.get_card_exchange(tx, "885")).held == 2)
        assert await asyncio.to_thread(shown_certificate, sandwell) == old
        first = await asyncio.to_thread(send, others[0], "333")
        await until(lambda: state(others[0], first) is DeliveryState.RECEIVED)
        async with app.run_gateway(others[1]):
            # Now it does.
            sandwell.store.run(lambda tx: partner_cards.set_card_due(tx, "330", sandwell.now()))
            await until(lambda: acts(sandwell, "card.certificate-changed") == 1)
            while await asyncio.to_thread(shown_certificate, sandwell) != announced:
                await asyncio.sleep(0.1)
            for gw in others:
                out = await asyncio.to_thread(send, gw, "333")
                await until(lambda gw=gw, out=out: state(gw, out) is DeliveryState.RECEIVED)  # type: ignore[misc]
    assert not (home / home_folder.TLS_NEXT).exists()
    # The next card names the new one alone.
    assert [route.certificate for route in home_folder.renew_card(home, by="ines").routes] == [announced]


async def test_a_certificate_that_was_changed_by_hand_has_the_newer_card_fetched_at_once(
    three: dict[str, Gateway],
) -> None:
    """The old card pins what is not shown any more, and its gateway does not tell anybody."""
    sandwell, worcestershire = three["333"], three["885"]
    home, due_at = sandwell.config.home, sandwell.now() + timedelta(hours=6)
    key, certificate = tls.self_signed("127.0.0.1", now=sandwell.now(), days=700)
    (home / home_folder.TLS_KEY).write_bytes(key)
    (home / home_folder.TLS_CERTIFICATE).write_bytes(certificate)
    home_folder.renew_card(home, by="ines")
    renewed = home_folder.open_gateway(home)
    renewed.carriers = {}
    worcestershire.store.run(lambda tx: partner_cards.note_card_exchange(tx, "333", due_at=due_at, offered=1))
    out = send(worcestershire, "333")
    async with app.run_gateway(renewed), app.run_gateway(worcestershire):
        await until(lambda: state(worcestershire, out) is DeliveryState.RECEIVED)
    assert worcestershire.trust.get_card("333").serial == 2
    renewed.store.close()


def test_a_certificate_that_waits_is_shown_after_fourteen_days_and_before_the_old_one_ends(
    three: dict[str, Gateway],
) -> None:
    sandwell = three["333"]
    home = sandwell.config.home
    made = sandwell.now()
    for days, later in ((100, home_folder.CERTIFICATE_PATIENCE), (5, timedelta(days=4, hours=1))):
        key, certificate = tls.self_signed("127.0.0.1", now=made, days=days)
        (home / home_folder.TLS_KEY).write_bytes(key)
        (home / home_folder.TLS_CERTIFICATE).write_bytes(certificate)
        home_folder.renew_card(home, by="ines")
        assert home_folder.take_up_own(sandwell)
        for waited, shown in ((timedelta(hours=1), False), (later, True), (later, False)):
            sandwell.now = lambda waited=waited: made + waited  # type: ignore[misc]
            assert home_folder.take_next_certificate(sandwell) is shown
        app._load_server_tls(sandwell.config)


def test_a_crash_between_key_and_certificate_is_mended_at_the_start(three: dict[str, Gateway]) -> None:
    home = three["333"].config.home
    next_pem = b"".join(tls.self_signed("127.0.0.1", now=three["333"].now(), days=100))
    (home / home_folder.TLS_NEXT).write_bytes(next_pem)
    (home / home_folder.TLS_KEY).write_bytes(next_pem)
    app._load_server_tls(three["333"].config)
    assert home_folder.read_certificate(home) == tls.without_key(next_pem)
    assert not (home / home_folder.TLS_NEXT).exists()


async def test_keys_that_the_card_does_not_have_yet_are_not_taken_up(three: dict[str, Gateway]) -> None:
    sandwell = three["333"]
    Ring.rotate(
        sandwell.config.home / home_folder.KEYS, passphrase=sandwell.config.read_passphrase(), now=sandwell.now()
    )
    before = sandwell.ring
    assert not home_folder.take_up_own(sandwell)
    assert sandwell.ring is before
    home_folder.renew_card(sandwell.config.home, by="ines")
    assert home_folder.take_up_own(sandwell)
    assert sandwell.ring.signing.kid != before.signing.kid
    await deliver_now(sandwell)


async def test_the_comparison_has_receipts_signed_anew_whose_key_was_revoked(
    three: dict[str, Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were good when they came, and the messages have moved on since."""
    monkeypatch.setattr(statement_diff, "RECEIPT_WAIT", timedelta(0))
    sandwell, worcestershire = three["333"], three["885"]
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        sent = [send(sandwell, "885") for _ in range(3)]
        await until(lambda: all(state(sandwell, it) is DeliveryState.RECEIVED for it in sent))
        accepted = Acknowledgement(decision="accepted", officer=OFFICER)
        respond.acknowledge_notice(worcestershire, sent[0], accepted, by="otto")
        await until(lambda: state(sandwell, sent[0]) is DeliveryState.ACKNOWLEDGED)
        home_folder.rotate_keys(worcestershire.config.home, by="ines", revoke=True)
        await until(lambda: sandwell.trust.get_card("885").serial == 2)
        assert [counts(sandwell, it) for it in sent] == [[False]] * 3
        await until(lambda: worcestershire.own_card.serial == 2)
        told = await statements.compare_with(sandwell, "885", sandwell.now() - statements.DAYS)
        assert [(it.difference.differs, it.done) for it in told] == [("receipt-lost", statements.SENT_AGAIN)] * 3
        await until(lambda: all(counts(sandwell, it) == [False, True] for it in sent))
        assert await statements.compare_with(sandwell, "885", sandwell.now() - statements.DAYS) == []
    assert [state(sandwell, it) for it in sent] == [DeliveryState.ACKNOWLEDGED, *[DeliveryState.RECEIVED] * 2]
    assert acts(worcestershire, "receipt.issued-anew") == 3
    assert is_whole(sandwell)
    assert is_whole(worcestershire)


def counts(gw: Gateway, message_id: MessageId) -> list[bool]:
    """Whether each receipt of 885 for this message counts by its newest card, oldest first."""
    held = gw.store.look(lambda tx: inbox.list_receipts(tx, message_id, issuer="885"))
    return [receipt.has_valid_key(str(it["token"]), gw.trust.get_card("885").keys) for it in held]
