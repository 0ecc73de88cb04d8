"""What an identity provider may answer, and what we make of it: a real server that says whatever the test wants."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from adapters import openid
from adapters.openid import AGAIN, KEPT, CodeRefused, IdentityProvider, NotAsAgreed, Registration
from adapters.route import NotReached
from tests.conftest import free_port


@dataclass
class Provider:
    """Counts what it is asked."""

    issuer: str
    # What it says otherwise than it should.
    discovery: dict[str, object] = field(default_factory=dict)
    kid: str = "first"
    silent_seconds: float = 0
    asked: list[str] = field(default_factory=list)
    form: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    token: Callable[[], web.StreamResponse] = lambda: web.json_response({"id_token": "a.b.c"})

    async def describe(self, request: web.Request) -> web.StreamResponse:
        self.asked.append("discovery")
        await asyncio.sleep(self.silent_seconds)
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=333",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        return web.json_response({k: v for k, v in (said | self.discovery).items() if v is not None})

    async def keys(self, request: web.Request) -> web.StreamResponse:
        self.asked.append("keys")
        return web.json_response({"keys": [{"kid": self.kid}, "no key"]})

    async def give(self, request: web.Request) -> web.StreamResponse:
        self.form = {key: str(value) for key, value in (await request.post()).items()}
        self.headers = dict(request.headers)
        return self.token()


@dataclass
class Clock:
    """Seconds that pass when the test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def world(**said: object) -> AsyncIterator[tuple[Provider, IdentityProvider, Clock]]:
    """The provider on loopback, and ours that asks it."""
    port, clock = free_port(), Clock()
    theirs = Provider(f"http://127.0.0.1:{port}", said)
    app = web.Application()
    app.add_routes([web.get("/.well-known/openid-configuration", theirs.describe)])
    app.add_routes([web.get("/keys", theirs.keys), web.post("/token", theirs.give)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield theirs, IdentityProvider(Registration(theirs.issuer, "id: 333", "s+cret &%"), clock), clock
    finally:
        await runner.cleanup()


async def redeem(ours: IdentityProvider) -> str:
    return await ours.redeem_code(
        "the code", verifier="the verifier", redirect_uri="https://console.example/sign-in/answer"
    )


async def test_what_it_says_of_itself_is_kept_for_an_hour() -> None:
    async with world() as (theirs, ours, clock):
        assert (await ours.get_endpoints()).authorization == f"{theirs.issuer}/authorize?tenant=333"
        await ours.get_keys("first")
        clock.now += KEPT
        await ours.get_keys("first")
        assert theirs.asked == ["discovery", "keys"]
        clock.now += 1
        await ours.get_keys("first")
        assert theirs.asked == ["discovery", "keys"] * 2


async def test_a_key_that_is_not_known_is_looked_for_once_a_minute() -> None:
    async with world() as (theirs, ours, clock):
        await ours.get_keys("first")
        theirs.kid = "second"
        assert {"kid": "second"} in await ours.get_keys("second")
        theirs.kid = "third"
        for _ in range(5):
            assert {"kid": "third"} not in await ours.get_keys("third")
        assert theirs.asked.count("keys") == 2
        clock.now += AGAIN
        assert {"kid": "third"} in await ours.get_keys("third")
        assert theirs.asked.count("keys") == 3


async def test_a_provider_that_was_away_is_asked_again() -> None:
    async with world(issuer="https://another.example") as (theirs, ours, _):
        with pytest.raises(NotAsAgreed):
            await ours.get_endpoints()
        theirs.discovery.clear()
        await ours.get_endpoints()


@pytest.mark.parametrize(
    ("methods", "by_post"),
    [
        (None, False),
        (["client_secret_post", "client_secret_basic"], False),
        (["private_key_jwt", "client_secret_post"], True),
    ],
)
async def test_the_secret_goes_as_the_provider_wants_it(methods: object, by_post: bool) -> None:
    async with world(token_endpoint_auth_methods_supported=methods) as (theirs, ours, _):
        assert await redeem(ours) == "a.b.c"
        assert theirs.form["code_verifier"] == "the verifier"
        if by_post:
            assert (theirs.form["client_id"], theirs.form["client_secret"]) == ("id: 333", "s+cret &%")
            assert "Authorization" not in theirs.headers
        else:
            assert "client_secret" not in theirs.form
            # RFC 6749, 2.3.1.
            assert theirs.headers["Authorization"] == "Basic aWQlM0ErMzMzOnMlMkJjcmV0KyUyNiUyNQ=="


WRONG: dict[str, dict[str, object]] = {
    "of another": {"issuer": "https://login.elsewhere.example"},
    "of nobody": {"issuer": None},
    "without an endpoint": {"token_endpoint": None},
    "with an endpoint that is no address": {"jwks_uri": 7},
    "with an endpoint elsewhere in the clear": {"token_endpoint": "http://login.elsewhere.example/token"},
    "with an endpoint that is a file": {"jwks_uri": "file:///etc/passwd"},
    "with an endpoint that is a script": {"authorization_endpoint": "javascript:alert(1)"},
    "with a name in an address": {"authorization_endpoint": "https://127.0.0.1@login.elsewhere.example/"},
    "with an address that none can read": {"jwks_uri": "https://[::1"},
    "which takes no secret": {"token_endpoint_auth_methods_supported": ["private_key_jwt", 7]},
    "which takes what is no list": {"token_endpoint_auth_methods_supported": "client_secret_post"},
}


@pytest.mark.parametrize("said", WRONG.values(), ids=WRONG)
async def test_a_description_that_is_wrong_is_refused(said: dict[str, object]) -> None:
    async with world(**said) as (_, ours, _clock):
        with pytest.raises(NotAsAgreed):
            await ours.get_endpoints()


async def test_plain_http_is_for_a_provider_on_this_machine_alone() -> None:
    far = IdentityProvider(Registration("http://login.elsewhere.example", "id", "secret"))
    with pytest.raises(NotAsAgreed, match="not under https"):
        await far.get_endpoints()
    async with world(token_endpoint="http://localhost:1/token") as (_, near, _clock):
        assert (await near.get_endpoints()).token == "http://localhost:1/token"


def moved() -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": "/token"})


ANSWERS: dict[str, tuple[type[Exception], Callable[[], web.StreamResponse]]] = {
    "which is a page": (NotAsAgreed, lambda: web.Response(text="<html>", content_type="text/html")),
    "which is empty": (NotAsAgreed, lambda: web.Response()),
    "which is a list": (NotAsAgreed, lambda: web.json_response([])),
    "without an ID token": (NotAsAgreed, lambda: web.json_response({"access_token": "x"})),
    "with an ID token that is none": (NotAsAgreed, lambda: web.json_response({"id_token": 7})),
    "which leads elsewhere": (NotAsAgreed, moved),
    "which is too large": (NotAsAgreed, lambda: web.json_response({"id_token": "x" * 300_000})),
    "which is nested too deep": (NotAsAgreed, lambda: web.Response(text="[" * 100_000)),
    "which is no text": (NotAsAgreed, lambda: web.Response(body=b"\xff\xfe\x00")),
    "with an ID token, but of a refusal": (NotAsAgreed, lambda: web.json_response({"id_token": "a.b.c"}, status=400)),
    "that refuses": (CodeRefused, lambda: web.json_response({"error": "invalid_grant"}, status=400)),
    "that is busy": (NotReached, lambda: web.json_response({"error": "x"}, status=429)),
    "that fails": (NotReached, lambda: web.json_response({"error": "x"}, status=503)),
}


@pytest.mark.parametrize(("outcome", "answer"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_to_a_code(outcome: type[Exception], answer: Callable[[], web.StreamResponse]) -> None:
    async with world() as (theirs, ours, _):
        theirs.token = answer
        with pytest.raises(outcome):
            await redeem(ours)


async def test_a_packed_answer_is_measured_unpacked() -> None:
    def packed() -> web.StreamResponse:
        answer = web.json_response({"id_token": "x" * 5_000_000})
        answer.enable_compression(web.ContentCoding.gzip)
        return answer

    async with world() as (theirs, ours, _):
        theirs.token = packed
        with pytest.raises(NotAsAgreed, match="too large"):
            await redeem(ours)


async def test_a_provider_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openid, "TIMEOUT", aiohttp.ClientTimeout(total=0.3))
    async with world() as (theirs, ours, _):
        theirs.silent_seconds = 60
        with pytest.raises(NotReached, match="in time"):
            await ours.get_endpoints()


async def test_nothing_secret_is_shown_of_a_registration() -> None:
    assert "s+cret" not in repr(Registration("https://x.example", "id", "s+cret"))
