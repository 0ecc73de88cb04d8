"""How long every call of the API takes with a million messages in the store, on SQLite and PostgreSQL, over real HTTP.

    python -m benchmarks.api [messages]

The store is that of `pages`. One case system, with a real token, makes one call after the other. Beside each call
stands the limit of the same run: a bare handler that checks the same token, reads the same body, and answers as many
bytes that it had at hand.
"""

import asyncio
import json as text_of
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from secrets import token_hex
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlencode
from uuid import UUID

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from rich.table import Table

from benchmarks.pages import LIMIT_MS, OUT, fill
from gateway.api.notices import build_cursor
from gateway.auditing import audit
from gateway.case_systems import clients
from gateway.context import Gateway
from gateway.core.permissions import Scope
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from schemas import json
from schemas.shapes import MessageId
from tests.children import notice
from tests.conftest import free_port, introduce, make, new_database
from tests.consoles import house
from tests.postgres import server
from tests.suppliers import JSON, XML, Http, served

# Times each call.
ASKED = 100
AS_FORM = "application/x-www-form-urlencoded"
OFFICER = {"Name": "Olive Testofficer", "Role": "cme_officer", "PhoneNo": "01632 960101"}
NAME = "one-bench"


@dataclass(frozen=True)
class Asked:
    """One call, but for what differs each time."""

    says: str
    method: str
    address: Callable[[int], str]
    body: Callable[[int], bytes] = lambda _: b""
    kind: str = JSON
    accept: str = JSON


def calls(newest: Sequence[Mapping[str, object]], came: Sequence[str], secret: str, messages: int) -> list[Asked]:
    """Every call of the API's table that goes to the store."""
    chance = Random(5)  # noqa: S311 - the same each time
    last = newest[-1]["at"]
    assert isinstance(last, datetime)
    deep = build_cursor(last - timedelta(minutes=messages * 3 // 4), MessageId(str(UUID(int=0))))
    one = [str(chance.choice(newest)["message_id"]) for _ in range(ASKED)]
    form = {"grant_type": "client_credentials", "client_id": NAME, "client_secret": secret}
    accepted = text_of.dumps({"Decision": "accepted", "Officer": OFFICER}).encode()
    return [
        Asked("POST /token", "POST", lambda _: "/token", lambda _: urlencode(form).encode(), kind=AS_FORM),
        Asked("GET /notices, came, first page", "GET", lambda _: "/notices?direction=came"),
        Asked("GET /notices, sent, first page", "GET", lambda _: "/notices?direction=sent"),
        Asked("GET /notices, came, that wait", "GET", lambda _: "/notices?direction=came&state=new"),
        Asked("GET /notices, sent, of a partner", "GET", lambda _: "/notices?direction=sent&partner=885"),
        Asked("GET /notices, came, deep", "GET", lambda _: f"/notices?direction=came&cursor={deep}"),
        Asked("GET /notices, sent, deep", "GET", lambda _: f"/notices?direction=sent&cursor={deep}"),
        Asked("GET /notices/{notice}, JSON", "GET", lambda n: f"/notices/{one[n]}"),
        Asked("GET /notices/{notice}, XML", "GET", lambda n: f"/notices/{one[n]}", accept=XML),
        Asked("GET /notices/{notice}/status", "GET", lambda n: f"/notices/{one[n]}/status"),
        Asked("GET /authorities", "GET", lambda _: "/authorities"),
        Asked("GET /webhooks", "GET", lambda _: "/webhooks"),
        Asked("POST /notices", "POST", lambda _: "/notices", lambda _: json.write(notice("333", "885"))),
        Asked(
            "POST /notices/{notice}/acknowledgement", "POST",
            lambda n: f"/notices/{came[n]}/acknowledgement", lambda _: accepted,
        ),
    ]  # fmt: skip


async def measure(gw: Gateway, asked: Sequence[Asked], token: str, title: str) -> Table:
    """Every call, the slowest first, and beside it the limit."""
    rows = []
    async with served(gw) as http, _bare(gw) as bare:
        for one in asked:
            took, limit = [], []
            for number in range(ASKED):
                headers = {"Authorization": f"Bearer {token}", "Accept": one.accept, "Content-Type": one.kind}
                body = one.body(number)
                ask = _ask(http, one, f"/api/v1{one.address(number)}", body, headers)
                ms, size = await _timed(ask)
                took.append(ms)
                limit.append((await _timed(_ask(bare, one, f"/{size}", body, headers)))[0])
            rows.append((_p95(took), median(took), median(limit), _p95(limit), size, one.says))
    table = Table(
        f"{title}: call", "p50, ms", "p95, ms", "limit p50", "limit p95", "bytes", "", box=None, pad_edge=False
    )
    for p95, p50, bare50, bare95, size, says in sorted(rows, reverse=True):
        over = "over" if p95 > LIMIT_MS else ""
        table.add_row(says, f"{p50:.1f}", f"{p95:.1f}", f"{bare50:.1f}", f"{bare95:.1f}", f"{size:,}", over)
    return table


async def _ask(http: Http, one: Asked, address: str, body: bytes, headers: Mapping[str, str]) -> ClientResponse:
    return await http.request(one.method, address, data=body, headers={**headers, "Idempotency-Key": token_hex(8)})


async def _timed(asked: Awaitable[ClientResponse]) -> tuple[float, int]:
    began = time.perf_counter()
    got = await asked
    text = await got.read()
    assert got.status in (200, 202), text
    return (time.perf_counter() - began) * 1000, len(text)


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[len(times) * 95 // 100]


def _bare(gw: Gateway) -> TestClient[web.Request, web.Application]:
    """What no API can do without: the token is checked, the body read, bytes are given."""

    async def give(request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        await asyncio.to_thread(clients.get_token_client, gw, token)
        await request.read()
        return web.Response(body=bytes(int(request.match_info["size"])))

    app = web.Application()
    app.router.add_route("*", "/{size}", give)
    return TestClient(TestServer(app))


async def one_store(gw: Gateway, there: Gateway, messages: int, title: str) -> None:
    """Fill it, let a case system in, and ask."""
    began = time.perf_counter()
    newest = fill(gw, messages)
    await audit.sign_checkpoint(gw)
    sent = [notice("885", "333") for _ in range(ASKED)]
    for one in sent:
        await receive_parcels(gw, [sealed.sealed for sealed in prepare_messages(there, [one], "bench")], "885")
    if title == "PostgreSQL":
        with gw.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # As its own keeper does in time.
            connection.exec_driver_sql("VACUUM ANALYZE")
    OUT.print(f"\n[bold]{title}[/bold]: {messages:,} messages in {time.perf_counter() - began:.0f} s")
    gw.config = replace(gw.config, api=replace(gw.config.api, requests_per_minute=1_000_000))
    secret = clients.add_client(gw, NAME, "An invented case system", Scope, "bench")
    token, _ = clients.issue_client_token(gw, NAME, secret, ())
    asked = calls(newest, [one.header.message_id for one in sent], secret, messages)
    OUT.print(await measure(gw, asked, token, title))


async def main(messages: int) -> None:
    """Both databases, one after the other."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        url = new_database(stack.enter_context(server(free_port())).url)
        for title, store_url in (("SQLite", ""), ("PostgreSQL", url)):
            gw = house(folder / title, "333", "Sandwell", (), store_url=store_url)
            there = make(folder / f"{title}-885", "885", "Worcestershire")
            introduce(gw, there)
            await one_store(gw, there, messages, title)
            for one in (gw, there):
                one.store.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
