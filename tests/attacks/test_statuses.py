"""No answer but a verified receipt ends a delivery, whoever gives it: a proxy that is being set up, or a hostile host
(CWE-754).
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast, get_args

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from adapters.https import Https
from adapters.mailbox import Mailbox
from adapters.route import Attempt, Parcel, PartnerAnswer, Receipted, Refused, RouteAddress, TryLater
from adapters.statuses import PROBLEM, TABLE, Means, get_meaning, is_of_exchange, not_taken
from gateway.context import Gateway
from gateway.core.delivery import PATIENCE, DeliveryState
from gateway.core.findings import FindingLevel
from gateway.core.health_rules import PARTNER_LATE
from gateway.core.message_protection import Protection
from gateway.exchange.delivery_result import settle_try
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from gateway.monitoring import health
from gateway.store import outbox, partner_health
from schemas.shapes import MessageId
from tests.children import notice
from tests.conftest import introduce, make
from tests.contract.test_hostile_servers import server
from tests.delivering import deliver_now

SEED = random.SystemRandom().randrange(2**32)
DOCS = Path(__file__).parents[2] / "docs" / "routes.md"
BODIES = ("", "<html>It works!</html>", "{}", "[1]", '{"type": "about:blank"}', '{"type": 7}', "[" * 5000, "null")
OF_EXCHANGE = f'{{"type": "{PROBLEM}http.405", "status": 405, "title": "no"}}'
PROTECTIONS: tuple[Protection, ...] = get_args(Protection)
Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


@given(st.integers(100, 599), st.sampled_from((*BODIES, OF_EXCHANGE)), st.integers(1, 100))
def test_every_status_has_a_meaning_and_only_halves_and_a_finding_at_once_differ(
    status: int, body: str, messages: int
) -> None:
    answer = PartnerAnswer(status, body.encode(), {})
    of_exchange = is_of_exchange(answer)
    assert of_exchange == (body == OF_EXCHANGE)
    expected = Means.LATER
    if status == 413 and messages > 1:
        expected = Means.HALVES
    elif status in (400, 405, 415) and of_exchange:
        expected = Means.AT_ONCE
    assert get_meaning(status, of_exchange=of_exchange, messages=messages) is expected
    tried = not_taken(answer)
    assert isinstance(tried, TryLater)
    assert tried.code == f"{'refused' if of_exchange else 'answered'}.{status}"


def test_the_page_repeats_the_table() -> None:
    page = DOCS.read_text()
    for row in TABLE:
        assert f"| {row.answer} | {row.means} |" in page


@given(
    st.sampled_from(["email.550", "email.552", "email.554", "other.code-that-is-longer"]), st.sampled_from(PROTECTIONS)
)
def test_no_word_of_a_mail_server_ends_what_a_gateway_must_receipt(code: str, protection: Protection) -> None:
    """It is a finding at once. A letter is another matter: a person wrote it, and chooses another way."""
    now = datetime(2026, 11, 26, 9, tzinfo=UTC)
    gw = cast(Gateway, SimpleNamespace(now=lambda: now))
    for age in (timedelta(0), PATIENCE - timedelta(seconds=1), PATIENCE):
        claimed = outbox.ClaimedDelivery(MessageId("m1"), "885", "digest", b"", now - age, 1, protection)
        end = settle_try(gw, claimed, Refused(code, "no"), route="email", jitter=0.0).settled
        goes_on = protection == "sealed" and age < PATIENCE
        assert (end.state is DeliveryState.QUEUED) == goes_on
        assert (end.due_at is not None) == goes_on
        assert end.state in (DeliveryState.QUEUED, DeliveryState.FAILED)
        assert code in str(end.reason)


@pytest.mark.parametrize("code", ["email.550", "answered.404"])
def test_a_refusal_by_mail_is_a_finding_at_once(tmp_path: Path, code: str) -> None:
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, there)
    ready = prepare_messages(gw, [notice()], "olive")
    gw.store.run(lambda tx: queue_messages(tx, gw, ready))
    gw.store.run(lambda tx: partner_health.note_route_failure(tx, gw.now(), "885", "email", "refused", code=code))
    assert bool(find(gw, gw.now())) == (code == "email.550")
    for one in (gw, there):
        one.store.close()


class Answers(Https):
    """Whatever is delivered, each is answered with this."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__()
        self.attempt = attempt

    async def deliver(self, address: RouteAddress, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        return [self.attempt] * len(parcels)


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "é" * 1000])
async def test_receipts_that_do_not_hold_are_a_finding_though_all_else_passes(tmp_path: Path, token: str) -> None:
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, there)
    clock = gw.now()
    gw.now = lambda: clock
    ready = prepare_messages(gw, [notice(), notice()], "olive")
    gw.store.run(lambda tx: queue_messages(tx, gw, ready))
    gw.carriers = {"https": Answers(Receipted(token))}
    await deliver_now(gw)
    names = [one.name for one in health.measure_health(gw).findings]
    assert "receipts of 885" not in names
    clock += PARTNER_LATE + timedelta(minutes=1)
    # Another message went through.
    gw.store.run(lambda tx: partner_health.note_route_success(tx, gw.now(), "885", "https"))
    [found] = [one for one in health.measure_health(gw).findings if one.name == "receipts of 885"]
    assert found.level is FindingLevel.WARN
    assert "2 wait" in found.sentence
    for one in (gw, there):
        one.store.close()


def says(status: int, body: str) -> Behaviour:
    async def behave(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body)

    return behave


@pytest.mark.parametrize("carrier", [Https, Mailbox])
async def test_no_answer_ends_a_delivery(tmp_path: Path, carrier: type[Https] | type[Mailbox]) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    statuses = [
        200,
        201,
        204,
        301,
        400,
        401,
        403,
        404,
        405,
        410,
        413,
        415,
        418,
        451,
        501,
        *chance.sample(range(205, 600), 10),
    ]
    for number, status in enumerate(statuses):
        folder = tmp_path / str(number)
        folder.mkdir()
        body = "" if status in (204, 304) else chance.choice((*BODIES, OF_EXCHANGE))
        ours = carrier()
        async with server(folder, says(status, body)) as address:
            attempts = await ours.deliver(address, [Parcel("1", b"a"), Parcel("2", b"b")])
            await ours.close()
        if not (carrier is Mailbox and status == 202):
            assert [type(one) for one in attempts] == [TryLater, TryLater], status


@pytest.mark.parametrize(
    ("status", "body", "waits"),
    [
        (404, "<html>nginx</html>", PARTNER_LATE),
        (301, "", PARTNER_LATE),
        (200, "<html>It works!</html>", PARTNER_LATE),
        (405, OF_EXCHANGE, timedelta(0)),
        (405, "<html>nginx</html>", PARTNER_LATE),
    ],
)
async def test_what_a_partner_answers_is_a_finding_in_time_and_the_notice_goes_on(
    tmp_path: Path, status: int, body: str, waits: timedelta
) -> None:
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, there)
    clock = gw.now()
    gw.now = lambda: clock
    ready = prepare_messages(gw, [notice()], "olive")
    gw.store.run(lambda tx: queue_messages(tx, gw, ready))
    (tmp_path / "server").mkdir()
    async with server(tmp_path / "server", says(status, body)) as address:
        gw.carriers = {"https": _At(Https(), address)}
        await deliver_now(gw)
        assert bool(find(gw, clock)) == (waits == timedelta(0))
        clock += PARTNER_LATE + timedelta(minutes=1)
        await deliver_now(gw)
        [finding] = find(gw, clock)
        assert str(status) in finding or "receipt" in finding
    assert gw.store.look(lambda tx: outbox.get_delivery(tx, ready[0].message_id)).state is DeliveryState.QUEUED
    for carrier in gw.carriers.values():
        await carrier.close()
    for one in (gw, there):
        one.store.close()


class _At:
    """The carrier itself, with another address than the card's."""

    def __init__(self, carrier: Https, address: RouteAddress) -> None:
        self._carrier, self._address = carrier, address

    async def deliver(self, _: RouteAddress, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        return await self._carrier.deliver(self._address, parcels)

    async def close(self) -> None:
        await self._carrier.close()


def find(gw: Gateway, now: datetime) -> list[str]:
    """What Health says of deliveries to 885."""
    found = [
        one
        for one in health.measure_health(gw).findings
        if one.name == "delivery to 885" and one.level is not FindingLevel.OK
    ]
    return [one.sentence for one in found]
