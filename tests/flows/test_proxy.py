"""Everything that leaves over HTTPS goes through the council's proxy, a real one: by address where somebody else gave
us the address, and each of the proxy's refusals is named.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from adapters import webhook
from adapters.openid import IdentityProvider, Registration
from adapters.outgoing import find_proxy_trouble
from adapters.outside_witness import add_checkpoint
from adapters.proxy import Proxy
from adapters.route import Asker, Login, NotReached, Parcel, RouteAddress, TokenSource, TryLater
from adapters.sftp import Sftp
from adapters.tokens import Tokens
from adapters.webhook import AllowedHosts
from gateway import app, home_folder
from gateway.context import Gateway, wall_clock
from gateway.core.connection_causes import CAUSES, PROXY
from gateway.core.delivery import DeliveryState
from gateway.errors import ConfigProblem
from gateway.exchange.card_rounds import fetch_card
from gateway.exchange.send import send_notices
from gateway.monitoring import doctor, health
from gateway.settings.file import parse
from gateway.store import outbox
from keys import tls
from tests.children import notice
from tests.conftest import free_port, introduce
from tests.delivering import deliver_now
from tests.flows.test_exchange import Pair, state, until
from tests.proxies import RunningProxy, answer_with, find_machine_address, run_proxy
from tests.sshd import sshd

SECRET = "open-sesame-of-a-test"
SIGN_IN = f"BasicAuth gateway {SECRET}"


@pytest.fixture
def here() -> str:
    return find_machine_address()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningProxy]:
    """A proxy that wants a sign-in."""
    with run_proxy(tmp_path / "proxy", free_port(), SIGN_IN) as made:
        yield made


def build_proxy(running: RunningProxy, **other: object) -> Proxy:
    return replace(Proxy("127.0.0.1", running.port, "gateway", SECRET), **other)  # type: ignore[arg-type]


def settle(home: Path, code: str, name: str, host: str) -> Gateway:
    new = home_folder.NewGateway(code=code, name=name, host=host, port=free_port(), telephone="01632 960101")
    home_folder.create_gateway(home, new)
    return home_folder.open_gateway(home)


@pytest.fixture
async def pair(tmp_path: Path, here: str, running: RunningProxy) -> AsyncIterator[Pair]:
    """Sandwell, which calls others by the proxy of its settings; Worcestershire is not on loopback."""
    sandwell = settle(tmp_path / "333", "333", "Sandwell", "127.0.0.1")
    sandwell.store.close()
    (tmp_path / "333" / "proxy-password").write_text(f"{SECRET}\n")
    with (tmp_path / "333" / "gateway.toml").open("a") as settings:
        settings.write(f'\n[proxy]\nurl = "{running.url}"\nuser = "gateway"\npassword_file = "proxy-password"\n')
    both = home_folder.open_gateway(tmp_path / "333"), settle(tmp_path / "885", "885", "Worcestershire", here)
    introduce(*both)
    yield both
    for gw in both:
        for carrier in gw.carriers.values():
            await carrier.close()
        gw.store.close()


async def ask(gw: Gateway, address: RouteAddress) -> int:
    """Ask the gateway there for something; the status of its answer."""
    carrier = gw.carriers["https"]
    assert isinstance(carrier, Asker)
    return (await carrier.ask(address, "/nothing", 99_999)).status


def target(gw: Gateway) -> str:
    """What the proxy is asked for, where this gateway is called."""
    return urlsplit(gw.config.exchange_url).netloc


def address_of(gw: Gateway, there: Gateway) -> RouteAddress:
    return gw.build_address(there.code, there.own_card.routes[0])


async def test_a_notice_and_cards_go_through_a_proxy_that_wants_a_sign_in(pair: Pair, running: RunningProxy) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        await fetch_card(sandwell, "885")
        assert set(running.list_targets()) == {target(worcestershire)}
        checks = await asyncio.to_thread(doctor.run_checks, sandwell)
    [check] = [check for check in checks if check.name == "proxy"]
    assert (check.result, check.detail) == ("ok", f"Connects: 127.0.0.1:{running.port}")


async def test_what_is_excepted_goes_straight(pair: Pair, running: RunningProxy, here: str) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire):
        for exception in (here, f"{here}/24", "0.0.0.0/0"):
            address = replace(address_of(sandwell, worcestershire), proxy=build_proxy(running, exceptions=(exception,)))
            assert await ask(sandwell, address) == 404
        assert running.list_targets() == []
        other = replace(address, proxy=build_proxy(running, exceptions=("10.0.0.0/8", ".gov.uk")))
        assert await ask(sandwell, other) == 404
    assert running.list_targets() == [target(worcestershire)]


async def test_the_server_behind_the_tunnel_must_be_the_one_of_the_card(pair: Pair, running: RunningProxy) -> None:
    sandwell, worcestershire = pair
    _, other = tls.self_signed(find_machine_address(), now=sandwell.now(), days=9)
    async with app.run_gateway(worcestershire):
        wrong = replace(address_of(sandwell, worcestershire), pin=tls.der_base64(other))
        with pytest.raises(NotReached) as why:
            await ask(sandwell, wrong)
    assert why.value.short == "other-certificate"
    assert running.list_targets() == [target(worcestershire)]


@pytest.mark.parametrize("url", ["https://nowhere.invalid", "https://169.254.169.254", "https://127.0.0.1:1"])
async def test_a_card_cannot_have_the_proxy_call_what_we_would_not(pair: Pair, running: RunningProxy, url: str) -> None:
    """A name is not given to the proxy, and the proxy's own machine is never asked for."""
    sandwell, worcestershire = pair
    address = replace(address_of(sandwell, worcestershire), url=url, loopback=False)
    with pytest.raises(NotReached):
        await ask(sandwell, address)
    assert running.list_targets() == []
    # Where this machine may be called, it is called straight.
    with pytest.raises(NotReached):
        await ask(sandwell, replace(address, loopback=True))
    assert running.list_targets() == []


@asynccontextmanager
async def https_server(folder: Path, host: str, *routes: web.RouteDef) -> AsyncIterator[tuple[str, str]]:
    """Its address, and its certificate as PEM."""
    key, certificate = tls.self_signed(host, now=wall_clock(), days=9)
    (folder / "server.pem").write_bytes(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    site = web.Application()
    site.add_routes(routes)
    runner = web.AppRunner(site, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, host, port, ssl_context=context).start()
    try:
        yield f"https://{host}:{port}", certificate.decode()
    finally:
        await runner.cleanup()


async def answer_all(request: web.Request) -> web.StreamResponse:
    issuer = str(request.url.origin())
    named = {name: f"{issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    return web.json_response({"issuer": issuer, "access_token": "a token", "keys": [], **named})


async def test_webhooks_tokens_sign_in_and_outside_witnesses_go_by_it_too(
    tmp_path: Path, here: str, running: RunningProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = build_proxy(running)
    async with https_server(tmp_path, here, web.route("*", "/{rest:.*}", answer_all)) as (url, ca):
        # The identity provider's certificate is one that the system trusts.
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
        host = url.removeprefix("https://")
        assert await webhook.post(f"{url}/hook", b"{}", {}, AllowedHosts([host], ca, proxy)) is None
        source = TokenSource(f"{url}/token", "id", "scope", "secret", proxy)
        assert await Tokens().get_token(source, ca) == "a token"
        provider = IdentityProvider(Registration(url, "id", "secret", proxy))
        assert (await provider.get_endpoints()).token == f"{url}/token_endpoint"
        assert (await add_checkpoint(url, "a checkpoint", ca=ca, proxy=proxy)).status == 200
    assert running.list_targets() == [host] * 4


async def test_an_address_of_ours_is_given_by_name_and_one_of_a_client_is_not(
    tmp_path: Path, running: RunningProxy
) -> None:
    proxy = build_proxy(running)
    provider = IdentityProvider(Registration("https://sign-in.invalid", "id", "secret", proxy))
    with pytest.raises(NotReached, match="not reached through your proxy"):
        await provider.get_endpoints()
    assert running.list_targets() == ["sign-in.invalid:443"]
    why = await webhook.post("https://hook.invalid", b"", {}, AllowedHosts(["hook.invalid"], proxy=proxy))
    assert why == "ClientConnectorDNSError"
    assert running.list_targets() == ["sign-in.invalid:443"]


async def test_no_proxy_is_read_from_the_environment(
    tmp_path: Path, here: str, running: RunningProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        for spelt in (name, name.lower()):
            monkeypatch.setenv(spelt, f"http://gateway:{SECRET}@127.0.0.1:{running.port}")
    async with https_server(tmp_path, here, web.route("*", "/{rest:.*}", answer_all)) as (url, ca):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
        host = url.removeprefix("https://")
        assert await webhook.post(f"{url}/hook", b"{}", {}, AllowedHosts([host], ca)) is None
        await IdentityProvider(Registration(url, "id", "secret")).get_endpoints()
    assert running.list_targets() == []


HTML = b"<html><body>This page is blocked. Sign in to the network.</body></html>"
PAGES = {
    "a page in place of a tunnel": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + HTML,
    "a redirect to a page": b"HTTP/1.1 302 Found\r\nLocation: https://portal.example\r\n\r\n",
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a page without a head": HTML,
}


@asynccontextmanager
async def troubled(kind: str, folder: Path, port: int) -> AsyncIterator[Proxy]:
    """A proxy, or what stands in its place, with this trouble."""
    proxy = Proxy("127.0.0.1", port, "gateway", SECRET)
    async with AsyncExitStack() as stack:
        match kind:
            case "unreachable":
                pass
            case "no-name":
                proxy = replace(proxy, host="proxy.invalid")
            case "sign-in":
                stack.enter_context(run_proxy(folder, port, "BasicAuth gateway another-secret"))
            case "refused":
                stack.enter_context(run_proxy(folder, port, SIGN_IN, "ConnectPort 443"))
            case "no-way":
                stack.enter_context(run_proxy(folder, port, SIGN_IN))
            case "silent":
                await stack.enter_async_context(answer_with(None, port))
            case "sign-in-kind":
                head = b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate\r\n\r\n"
                await stack.enter_async_context(answer_with(head, port))
            case "not-a-proxy":
                await stack.enter_async_context(answer_with(PAGES["a page in place of a tunnel"], port))
        yield proxy


@pytest.mark.parametrize("kind", [code.removeprefix(PROXY) for code in CAUSES if code.startswith(PROXY)])
async def test_each_trouble_of_a_proxy_is_named_in_doctor_and_in_health(
    tmp_path: Path, pair: Pair, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("adapters.outgoing.ANSWER_SECONDS", 2.0)
    sandwell, _ = pair
    code = f"proxy.{kind}"
    async with troubled(kind, tmp_path / "troubled", free_port()) as proxy:
        sandwell.proxy = proxy
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await deliver_now(sandwell)
        checks = await asyncio.to_thread(doctor.run_checks, sandwell)
    check = next(check for check in reversed(checks) if check.name == "proxy")
    assert CAUSES[code].name_as(code) in check.detail
    assert CAUSES[code].next_in_terminal in check.detail
    reason = sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).reason
    assert reason is not None
    assert "your proxy" in reason
    found = [one for one in health.measure_health(sandwell).findings if one.name == "proxy"]
    # That it cannot reach one partner is nothing that is wrong with the proxy.
    assert [(one.level, one.next_on_page) for one in found] == (
        [] if kind == "no-way" else [("fail", CAUSES[code].next_on_page)]
    )
    assert SECRET not in f"{check}{reason}{found}{caplog.text}{proxy}"


async def test_a_proxy_that_wants_a_sign_in_where_none_is_set(running: RunningProxy) -> None:
    without = build_proxy(running, user="", password="")
    trouble = await asyncio.to_thread(find_proxy_trouble, without, [("192.0.2.254", 443)])
    assert trouble is not None
    assert (trouble.short, str(trouble)) == ("proxy.sign-in", "your proxy wants a sign-in (407)")


@pytest.mark.parametrize("answer", PAGES.values(), ids=PAGES)
async def test_whatever_is_no_answer_of_a_proxy_is_told_as_that(answer: bytes) -> None:
    port = free_port()
    async with answer_with(answer, port):
        trouble = await asyncio.to_thread(find_proxy_trouble, Proxy("127.0.0.1", port), [("192.0.2.254", 443)])
    assert trouble is not None
    assert trouble.short == "proxy.not-a-proxy"


async def test_a_proxy_whose_answer_has_no_end_is_read_to_a_bound() -> None:
    port = free_port()
    async with answer_with(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000, port):
        trouble = await asyncio.to_thread(find_proxy_trouble, Proxy("127.0.0.1", port), [("192.0.2.254", 443)])
    assert trouble is not None
    assert trouble.short == "proxy.not-a-proxy"


async def test_sftp_goes_by_it_where_the_settings_say_so(tmp_path: Path, running: RunningProxy, here: str) -> None:
    with sshd(tmp_path / "sshd", free_port(), settings=f"ListenAddress {here}") as server:
        login = Login(server.user, server.private_key.read_bytes())
        url = server.url.replace("127.0.0.1", here)
        straight = RouteAddress("333", "885", url, server.host_key, lambda: "", login, proxy=build_proxy(running))
        for address, asked in (
            (straight, 0),
            (replace(straight, proxy=build_proxy(running, carries_sftp=True)), 1),
        ):
            carrier = Sftp()
            [ending] = await carrier.deliver(address, [Parcel("an id", b"sealed")])
            assert not isinstance(ending, TryLater), ending
            await carrier.close()
            assert len(running.list_targets()) == asked


WRONG = {
    'url = "proxy.sandwell.gov.uk:3128"': "address and port",
    'url = "https://proxy.sandwell.gov.uk:3128"': "address and port",
    'url = "http://gateway:secret@proxy.sandwell.gov.uk:3128"': "address and port",
    'url = "http://proxy.sandwell.gov.uk"': "address and port",
    'url = "http://proxy.sandwell.gov.uk:99999"': "address and port",
    'exceptions = "10.0.0.0/8"': "address and port",
    'url = "http://proxy:3128"\nuser = "gateway"': "both a user and a password_file",
    'url = "http://proxy:3128"\nexceptions = "10.0.0.0/99"': "not 10.0.0.0/99",
    'url = "http://proxy:3128"\nexceptions = "10.0.0.0/8, .gov.uk"': "not 10.0.0.0/8,",
    'url = "http://proxy:3128"\nexceptions = "*.gov.uk"': r"not \*.gov.uk",
    'url = "http://proxy:3128"\nsftp = "yes"': "direct or proxy",
}


@pytest.mark.parametrize("lines", WRONG)
def test_a_wrong_setting_is_named(tmp_path: Path, lines: str) -> None:
    with pytest.raises(ConfigProblem, match=WRONG[lines]):
        parse(f'[authority]\ncode = "333"\nname = "Sandwell"\n[proxy]\n{lines}\n', tmp_path)


def test_the_password_is_read_from_its_file(tmp_path: Path) -> None:
    lines = (
        'url = "http://[2001:db8::1]:3128"\nuser = "gateway"\npassword_file = "secret"\nexceptions = "10.0.0.0/8 .a.b"'
    )
    config = parse(f'[authority]\ncode = "333"\nname = "Sandwell"\n[proxy]\n{lines}\n', tmp_path)
    with pytest.raises(ConfigProblem, match="secret"):
        config.read_proxy()
    (tmp_path / "secret").write_text("väldigt hemligt\n")
    proxy = config.read_proxy()
    assert proxy is not None
    assert (proxy.host, proxy.port, proxy.password) == ("2001:db8::1", 3128, "väldigt hemligt")
    assert proxy.is_bypassed("10.1.2.3")
    assert proxy.is_bypassed("X.A.B.")
    assert not proxy.is_bypassed("xa.b")
    assert proxy.is_bypassed("localhost")
    assert proxy.is_bypassed("127.3.2.1")
    assert not proxy.is_bypassed("10.example")
