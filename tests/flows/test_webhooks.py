"""A case system is told of what happens: signed, in order, again until it was taken; and nobody can make us call
elsewhere.
"""

import asyncio
import hmac
import json as text_of
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters import webhook as carrier
from adapters.safe_addresses import may_be_called
from gateway.case_systems import clients, webhooks
from gateway.context import Gateway
from gateway.core.permissions import Scope
from gateway.core.webhook_events import WebhookEvent
from gateway.errors import NotAllowed
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.monitoring import doctor
from gateway.store import audit_log, outbox
from gateway.store import webhooks as kept
from gateway.store.audit_log import AuditEntry
from gateway.store.webhooks import Webhook
from keys import tls
from schemas.message import Acknowledgement, Needs, Officer
from tests.children import notice
from tests.conftest import free_port, introduce, make
from tests.consoles import house
from tests.delivering import deliver_now
from tests.flows.reporting import transfer
from tests.suppliers import served, supplier
from tests.world import Wire, World

OFFICER = Officer(name="Olive Testofficer", role="cme_officer", phone_no="01632 960101")


@dataclass
class Receiver:
    """A case system's end of a webhook: what it was told, and how it answers."""

    port: int
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: int = 204
    slow: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/hook"

    @property
    def events(self) -> list[tuple[str, str]]:
        said = [text_of.loads(body) for _, body in self.told]
        return [(one["type"], one["data"]["id"]) for one in said]

    async def take(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.slow)
        self.told.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers=self.headers)


@asynccontextmanager
async def receiving(folder: Path, gw: Gateway) -> AsyncIterator[Receiver]:
    """It listens with a certificate that the gateway was told of."""
    key, certificate = tls.self_signed("127.0.0.1", now=gw.now(), days=9)
    (folder / "key.pem").write_bytes(key)
    (folder / "ca.pem").write_bytes(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    receiver = Receiver(free_port())
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", receiver.port, ssl_context=context).start()
    ours = replace(gw.config.api, webhook_hosts=f"127.0.0.1:{receiver.port}", webhook_ca_file=str(folder / "ca.pem"))
    gw.config = replace(gw.config, api=ours)
    try:
        yield receiver
    finally:
        await runner.cleanup()


Told = tuple[Gateway, Gateway, Receiver]


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    """Worcestershire, Sandwell, and a case system of Worcestershire's that listens."""
    gw, sandwell = house(tmp_path / "885", "885", "Worcestershire", ()), make(tmp_path / "333", "333", "Sandwell")
    introduce(gw, sandwell)
    clients.add_client(gw, "one-test", "ONE", Scope, "agnes")
    async with receiving(tmp_path, gw) as receiver:
        yield gw, sandwell, receiver
    for one in (gw, sandwell):
        one.store.close()


def hooked(gw: Gateway, url: str, *events: WebhookEvent) -> tuple[Webhook, str]:
    shown: list[str] = []
    hook = webhooks.add_webhook(
        gw, "one-test", "api:one-test", url, events or tuple(WebhookEvent), also=lambda *told: shown.append(told[-1])
    )
    return hook, shown[0]


async def came(gw: Gateway, sandwell: Gateway, needs: Needs | None = None) -> str:
    sent = transfer(gw.now(), needs=needs)
    await receive_parcels(gw, [one.sealed for one in prepare_messages(sandwell, [sent], "test")], "333")
    return sent.header.message_id


def stands(gw: Gateway) -> Webhook:
    [found] = gw.store.look(kept.list_webhooks)
    return found


def later(gw: Gateway, by: timedelta) -> None:
    gw.now = partial(lambda before: before() + by, gw.now)


async def test_what_happens_is_told_in_order_signed_and_without_a_word_of_the_child(told: Told) -> None:
    gw, sandwell, receiver = told
    before = await came(gw, sandwell)
    _, secret = hooked(gw, receiver.url)
    first, second = await came(gw, sandwell), await came(gw, sandwell)
    respond.acknowledge_notice(gw, first, Acknowledgement(decision="accepted", officer=OFFICER), "otto")
    await webhooks.send_events_due(gw)
    assert receiver.events == [("notice.received", first), ("notice.received", second), ("notice.state", first)]
    assert before not in str(receiver.told)
    for headers, body in receiver.told:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = hmac.digest(b64decode(secret.removeprefix("whsec_")), signed, "sha256")
        assert headers["webhook-signature"] == f"v1,{b64encode(mac).decode()}"
        assert set(text_of.loads(body)) == {"type", "timestamp", "data"}
    assert len({headers["webhook-id"] for headers, _ in receiver.told}) == 3
    await webhooks.send_events_due(gw)
    assert len(receiver.told) == 3


async def test_what_is_urgent_is_told_as_such_once_it_was_received(told: Told) -> None:
    gw, sandwell, receiver = told
    hooked(gw, receiver.url)
    ordinary = await came(gw, sandwell, Needs(risk_group=("poor-attendance",)))
    urgent = await came(gw, sandwell, Needs(risk_group=("harm-or-neglect",), mash_referral=gw.now().date()))
    await webhooks.send_events_due(gw)
    assert receiver.events == [("notice.received", ordinary), ("notice.received", urgent), ("notice.urgent", urgent)]
    assert b"harm" not in b"".join(body for _, body in receiver.told)


async def test_a_restore_is_told_to_those_who_asked_for_it(told: Told) -> None:
    gw, _, receiver = told
    hooked(gw, receiver.url)
    hooked(gw, receiver.url, WebhookEvent.RECEIVED)
    for act in ("gateway.restored", "gateway.restore-noticed"):
        gw.store.run(lambda tx, act=act: audit_log.append_entries(tx, gw.now(), [AuditEntry(act, "ada", gw.code)]))  # type: ignore[misc]
    await webhooks.send_events_due(gw)
    assert receiver.events == [("gateway.restored", "")] * 2


async def test_only_those_events_are_told_that_were_asked_for(told: Told) -> None:
    gw, sandwell, receiver = told
    hooked(gw, receiver.url, WebhookEvent.RECEIPT)
    await came(gw, sandwell)
    await webhooks.send_events_due(gw)
    assert receiver.told == []


async def test_what_was_not_taken_is_told_again_under_the_same_id_and_nothing_overtakes_it(told: Told) -> None:
    gw, sandwell, receiver = told
    hooked(gw, receiver.url)
    receiver.status = 500
    first = await came(gw, sandwell)
    await webhooks.send_events_due(gw)
    second = await came(gw, sandwell)
    # It waits.
    await webhooks.send_events_due(gw)
    assert (stands(gw).tries, stands(gw).failed_as, len(receiver.told)) == (1, "answered 500", 1)
    receiver.status = 200
    later(gw, timedelta(seconds=5))
    await webhooks.send_events_due(gw)
    assert receiver.events == [("notice.received", one) for one in (first, first, second)]
    ids = [headers["webhook-id"] for headers, _ in receiver.told]
    assert (ids[0], stands(gw).failing_since, stands(gw).tries) == (ids[1], None, 0)


async def test_after_three_days_it_is_given_up_doctor_says_so_and_it_can_go_on_where_it_stood(told: Told) -> None:
    gw, sandwell, receiver = told
    hook, _ = hooked(gw, receiver.url)
    receiver.status = 410
    missed = await came(gw, sandwell)
    for _ in range(5):
        await webhooks.send_events_due(gw)
        later(gw, timedelta(hours=19))
    assert not stands(gw).active
    assert [
        entry.about for entry in gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="webhook.given-up"))
    ] == [hook.id]
    [check] = [one for one in doctor.run_checks(gw) if one.name == "webhooks"]
    assert (check.result, f"api resume {hook.id}" in check.detail) == ("warn", True)
    receiver.status = 204
    receiver.told.clear()
    webhooks.resume_webhook(gw, hook.id, "ines")
    await webhooks.send_events_due(gw)
    assert receiver.events == [("notice.received", missed)]


async def test_one_that_is_slow_holds_up_no_other_and_two_processes_tell_once(told: Told) -> None:
    gw, sandwell, receiver = told
    hooked(gw, receiver.url)
    await came(gw, sandwell)
    receiver.slow = 0.3
    await asyncio.gather(webhooks.send_events_due(gw), webhooks.send_events_due(gw))
    assert len(receiver.told) == 1


async def test_a_redirect_is_not_followed(told: Told) -> None:
    gw, sandwell, receiver = told
    hooked(gw, receiver.url)
    receiver.status, receiver.headers = 307, {"Location": receiver.url}
    await came(gw, sandwell)
    await webhooks.send_events_due(gw)
    assert (len(receiver.told), stands(gw).failed_as) == (1, "answered 307")


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        pytest.param({"webhook_hosts": "cases.example"}, "the host is not listed any more", id="host listed no more"),
        pytest.param(
            {"webhook_ca_file": ""}, "ClientConnectorCertificateError", id="nobody vouches for its certificate"
        ),
    ],
)
async def test_whom_a_setting_does_not_allow_is_not_told_anything(
    told: Told, setting: dict[str, Any], reason: str
) -> None:
    gw, sandwell, receiver = told
    hooked(gw, receiver.url)
    await came(gw, sandwell)
    gw.config = replace(gw.config, api=replace(gw.config.api, **setting))
    await webhooks.send_events_due(gw)
    assert (receiver.told, stands(gw).failed_as) == ([], reason)


async def test_a_file_of_issuers_that_is_none_ends_a_try_and_not_the_gateway(
    told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    gw, sandwell, receiver = told
    hooked(gw, receiver.url)
    await came(gw, sandwell)
    (gw.config.home / "issuers.pem").write_text("no certificate")
    for file in ("issuers.pem", "gone.pem"):
        gw.config = replace(gw.config, api=replace(gw.config.api, webhook_ca_file=file))
        await webhooks.send_events_due(gw)
        assert (receiver.told, stands(gw).failed_as) == ([], None)
        later(gw, timedelta(minutes=10))
        # An operator must mend it, and doctor names the file.
        assert "webhook failed" in "".join(capfd.readouterr())
        [check] = [one for one in doctor.run_checks(gw) if one.name == "webhooks" and file in one.detail]
        assert check.result == "warn"


async def test_a_client_that_has_ended_is_told_nothing(told: Told) -> None:
    gw, sandwell, receiver = told
    hooked(gw, receiver.url)
    await came(gw, sandwell)
    clients.end_client(gw, "one-test", "agnes")
    await webhooks.send_events_due(gw)
    assert receiver.told == []


async def test_a_receipt_that_comes_is_told_of(told: Told) -> None:
    gw, sandwell, receiver = told
    hooked(gw, receiver.url)
    [sent] = send_notices(gw, [notice("885", "333")], "olive")
    world = World(gw.config.home, houses={"333": sandwell, "885": gw})
    gw.carriers = {"https": Wire(world)}
    await deliver_now(gw)
    assert gw.store.look(lambda tx: outbox.get_delivery(tx, sent)).state == "received"
    await webhooks.send_events_due(gw)
    assert receiver.events == [("receipt.received", sent), ("notice.state", sent)]


@pytest.mark.parametrize(
    "url",
    [
        "http://cases.example/hook",
        "https://cases.example:8443/hook",
        "https://other.example/hook",
        "https://cases.example@other.example/hook",
        "https://other.example#@cases.example/",
        "https://cases.example\\@other.example/",
        "https://cases.example.other.example/",
        "https://cases.example/\r\nX: y",
        "https://[::1/hook",
        "https://cases.example:99999/",
        "ftp://cases.example/",
        "//cases.example/",
        "https://cäses.example/",
        "https://cases.example/" + "x" * 500,
    ],
)
def test_an_address_that_is_not_listed_is_refused(url: str) -> None:
    assert carrier.is_allowed("https://cases.example/hook?a=b", {"cases.example"})
    assert carrier.is_allowed("https://cases.example:8444/", {"cases.example:8444"})
    assert not carrier.is_allowed(url, {"cases.example"})


async def test_a_listed_name_that_leads_to_this_machine_is_not_called(told: Told) -> None:
    gw, _, receiver = told
    port = receiver.port
    allowed = carrier.AllowedHosts({f"localhost:{port}"}, gw.config.webhook_ca())
    why = await carrier.post(f"https://localhost:{port}/hook", b"{}", {}, allowed)
    assert (why is not None, receiver.told) == (True, [])


@pytest.mark.parametrize(
    ("address", "fits"),
    [("127.0.0.1", False), ("::1", False), ("::ffff:127.0.0.1", False), ("169.254.169.254", False), ("fe80::1", False), ("::", False), ("224.0.0.1", False), ("10.1.2.3", True), ("192.0.43.8", True)],
)  # fmt: skip
def test_where_a_name_may_lead(address: str, fits: bool) -> None:
    assert may_be_called(address) == fits


async def test_a_client_makes_lists_and_removes_its_own_webhooks_and_sees_a_secret_once(told: Told) -> None:
    gw, _, receiver = told
    async with served(gw) as http:
        one, other = await supplier(http, gw), await supplier(http, gw)
        body: dict[str, Any] = {"url": receiver.url, "events": ["notice.received"]}
        got = await one.post("/webhooks", body, key="k")
        made = await got.json()
        assert (got.status, made["secret"].startswith("whsec_")) == (201, True)
        # A repeat makes no second.
        assert await (await one.post("/webhooks", body, key="k")).json() == made
        [listed] = (await (await one.get("/webhooks")).json())["webhooks"]
        assert (listed["id"], listed["active"], "secret" in listed) == (made["id"], True, False)
        assert (await (await other.get("/webhooks")).json())["webhooks"] == []
        assert (await other.delete(f"/webhooks/{made['id']}")).status == 404
        assert (await one.delete(f"/webhooks/{made['id']}")).status == 204
        assert (await one.delete(f"/webhooks/{made['id']}")).status == 404
        for wrong in ({**body, "url": "https://169.254.169.254/"}, {**body, "events": []}):
            assert (await one.post("/webhooks", wrong)).status == 422
        for wrong in (
            {**body, "events": ["child.found"]},
            {**body, "more": 1},
            {"url": receiver.url},
            {**body, "events": [[]]},
        ):
            assert (await one.post("/webhooks", wrong)).status == 400


async def test_a_client_has_no_more_than_ten(told: Told) -> None:
    gw, _, receiver = told
    for number in range(webhooks.MOST):
        hooked(gw, f"{receiver.url}/{number}")
    with pytest.raises(NotAllowed, match=r"webhook\.too-many"):
        hooked(gw, receiver.url)


def test_on_either_database_a_webhook_is_claimed_once_and_keeps_its_place(pair: tuple[Gateway, Gateway]) -> None:
    gw, _ = pair
    gw.config = replace(gw.config, api=replace(gw.config.api, webhook_hosts="cases.example"))
    clients.add_client(gw, "one-test", "ONE", Scope, "agnes")
    made, _ = hooked(gw, "https://cases.example/hook", WebhookEvent.RECEIVED)
    now = gw.now()
    [hook] = gw.store.look(lambda tx: kept.list_webhooks_due(tx, now))
    assert (hook.id, hook.events, hook.next_entry) == (made.id, (WebhookEvent.RECEIVED,), made.next_entry)
    until = now + timedelta(minutes=1)
    assert [gw.store.run(lambda tx: kept.claim_webhook(tx, hook, now, until)) for _ in range(2)] == [True, False]
    assert gw.store.look(lambda tx: kept.list_webhooks_due(tx, now)) == []
    gw.store.run(lambda tx: kept.set_webhook_failed(tx, hook, now, now, "answered 500"))
    gw.store.run(lambda tx: kept.set_webhook_told(tx, hook, 7, now))
    assert (stands(gw).next_entry, stands(gw).tries, stands(gw).failing_since) == (7, 0, None)
    assert [one.number for one in gw.store.look(lambda tx: audit_log.list_entries_from(tx, 1, 2))] == [1, 2]
