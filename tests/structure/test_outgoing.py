"""There is one way out of this machine: what opens an HTTP client, or a connection by itself, is named here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What opens a connection, or a client that does.
OPENS = {
    *("ClientSession", "TCPConnector", "UnixConnector", "open_connection", "create_connection", "sock_connect"),
    *("urlopen", "HTTPConnection", "HTTPSConnection", "start_tls", "connect_ex"),
}
LIBRARIES = {("asyncssh", "connect"), ("aiosmtplib", "SMTP"), ("socket", "socket"), ("aiohttp", "request")}
FORBIDDEN_MODULES = {"requests", "urllib.request", "http.client", "httpx", "smtplib", "imaplib", "ftplib", "telnetlib"}
ALLOWED = {
    # The way out, and the proxy.
    "adapters/outgoing.py",
    # SSH, straight or in a tunnel of the proxy.
    "adapters/ssh.py",
    # Our own relay, straight.
    "adapters/email.py",
    # Our own port: does it answer?
    "gateway/monitoring/doctor.py",
    # A demonstration on this machine.
    "gateway/demo/mail.py",
    "gateway/demo/routes.py",
    "gateway/demo/stage.py",
    # The port that others call.
    "gateway/partner_api/connections.py",
}


def find_openings(text: str) -> Iterator[str]:
    """What in this source opens a connection."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import():
                yield from (name.name for name in node.names if name.name in FORBIDDEN_MODULES)
            case ast.ImportFrom() if node.module in FORBIDDEN_MODULES:
                yield node.module or ""
            case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)) if (module, name) in LIBRARIES:
                yield f"{module}.{name}"
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in OPENS:
                yield name
            case ast.keyword(arg="trust_env", value=ast.Constant(value=True)):
                yield "trust_env"


def test_connections_begin_in_one_place() -> None:
    opens = {
        str(path.relative_to(ROOT)): found
        for package in ("adapters", "gateway", "keys", "schemas")
        for path in sorted((ROOT / package).rglob("*.py"))
        if (found := sorted(set(find_openings(path.read_text("utf-8")))))
    }
    assert {path: found for path, found in opens.items() if path not in ALLOWED} == {}
    # What is allowed is there.
    assert sorted(opens) == sorted(ALLOWED)
    assert "trust_env" not in {name for found in opens.values() for name in found}


@pytest.mark.parametrize(
    "line",
    [
        "aiohttp.ClientSession()",
        "ClientSession()",
        "asyncio.open_connection('a', 1)",
        "loop.create_connection(x)",
        "asyncssh.connect('a')",
        "import urllib.request",
        "from http.client import HTTPSConnection",
        "open_session(trust_env=True)",
    ],
)
def test_each_way_would_be_found(line: str) -> None:
    assert list(find_openings(line))
