"""A case system before a gateway's API, as its supplier would write it; and the gateways, which run."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from gateway.app import build_console_site
from gateway.case_systems import clients
from gateway.context import Gateway
from gateway.core.permissions import Scope

Http = TestClient[web.Request, web.Application]
JSON, XML, PROBLEM = "application/json", "application/xml", "application/problem+json"


@asynccontextmanager
async def served(gw: Gateway) -> AsyncIterator[Http]:
    """The console's port of this gateway, and nothing else of it."""
    client = TestClient(TestServer(build_console_site(gw), port=gw.config.console.port))
    await client.start_server()
    try:
        yield client
    finally:
        await client.close()


@dataclass
class Supplier:
    """One client with its token."""

    http: Http
    token: str

    async def get(self, address: str, accept: str = "*/*") -> ClientResponse:
        """Ask for something."""
        return await self.http.get(f"/api/v1{address}", headers={**self._who(), "Accept": accept})

    async def post(self, address: str, body: Any, *, kind: str = JSON, key: str | None = None) -> ClientResponse:
        """Do something; `key` where it is repeated."""
        said = {"json": body} if isinstance(body, dict) else {"data": body}
        headers = {**self._who(), "Idempotency-Key": key or token_hex(8), "Content-Type": kind}
        return await self.http.post(f"/api/v1{address}", headers=headers, **said)

    async def delete(self, address: str) -> ClientResponse:
        """Take something away."""
        return await self.http.delete(f"/api/v1{address}", headers=self._who())

    def _who(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def token(http: Http, name: str, secret: str, **more: str) -> ClientResponse:
    """Ask for a token."""
    form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret, **more}
    return await http.post("/api/v1/token", data=form)


async def supplier(http: Http, gw: Gateway, scopes: Iterable[Scope] = tuple(Scope), name: str = "") -> Supplier:
    """A new client of this gateway, let in."""
    name = name or f"one-{token_hex(4)}"
    secret = clients.add_client(gw, name, "An invented case system", scopes, "agnes")
    got = await token(http, name, secret)
    return Supplier(http, (await got.json())["access_token"])
