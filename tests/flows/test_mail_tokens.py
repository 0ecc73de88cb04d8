"""Signing in at mail servers by token, where no password is taken: a token server, and Dovecot and Exim that ask for
its tokens.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_urlsafe

import pytest
from aiohttp import web

from adapters.email import Email
from adapters.route import MailAccount, NotReached, TokenSource
from adapters.tokens import Tokens
from gateway.demo.mail import prepare_servers
from gateway.errors import ConfigProblem
from gateway.settings.file import parse
from tests import mail
from tests.conftest import free_port
from tests.mail import Servers

OURS = "gateway@sandwell.example"
SECRET = "the secret of this test"
XOAUTH2 = r"""
xoauth2:
  driver = plaintext
  public_name = XOAUTH2
  server_prompts = :
  server_condition = ${if match{$auth1}{\Nauth=Bearer TOKEN\N}}
  server_set_id = $auth1
  server_advertise_condition = ${if def:tls_in_cipher}
"""


@dataclass
class TokenServer:
    """Gives one token, and says of any whether it is that one."""

    token: str = field(default_factory=lambda: token_urlsafe(40))
    seconds: int = 3600
    given: int = 0
    # Does it still say so when it is asked?
    stands: bool = True

    async def give(self, request: web.Request) -> web.Response:
        form = await request.post()
        if (form["grant_type"], form["client_id"], form["client_secret"]) != ("client_credentials", "333", SECRET):
            return web.json_response({"error": "invalid_client"}, status=401)
        self.given += 1
        return web.json_response({"access_token": self.token, "expires_in": self.seconds, "token_type": "Bearer"})

    async def judge(self, request: web.Request) -> web.Response:
        form = await request.post()
        return web.json_response({"active": self.stands and form.get("token") == self.token, "email": OURS})


@asynccontextmanager
async def token_server(servers_home: Path, made: TokenServer) -> AsyncIterator[tuple[str, str]]:
    """Its address for us, over TLS with the mail servers' certificate, and for Dovecot."""
    app = web.Application()
    app.add_routes([web.post("/token", made.give), web.post("/judge", made.judge)])
    runner = web.AppRunner(app)
    await runner.setup()
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted.load_cert_chain(servers_home / "tls.pem", servers_home / "tls.key")
    ports = free_port(), free_port()
    await web.TCPSite(runner, "127.0.0.1", ports[0], ssl_context=trusted).start()
    await web.TCPSite(runner, "127.0.0.1", ports[1]).start()
    try:
        yield f"https://127.0.0.1:{ports[0]}/token", f"http://127.0.0.1:{ports[1]}/judge"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def world(made: TokenServer) -> AsyncIterator[tuple[MailAccount, Servers]]:
    """Mail servers that take nothing but tokens of this server."""
    mail.need_servers()
    with mail.home() as home:
        smtp, imap = free_port(), free_port()
        # The certificate, which the token server shows too.
        prepare_servers(Servers(home, smtp, imap))
        async with token_server(home, made) as (ours, theirs):
            asks = home / "oauth2.conf"
            asks.write_text(
                f"introspection_mode = post\nintrospection_url = {theirs}\nusername_attribute = email\n"
                "active_attribute = active\nactive_value = true\n"
            )
            dovecot = (
                "auth_mechanisms = xoauth2\npassdb {\n  driver = oauth2\n  mechanisms = xoauth2\n  args ="
                f" {asks}\n}}\n"
            )
            with mail.servers(home, smtp, imap, exim=XOAUTH2.replace("TOKEN", made.token), dovecot=dovecot) as servers:
                (home / "secret").write_text(SECRET)
                tokens = f'token_url = "{ours}"\nclient_id = "333"\nclient_secret_file = "{home / "secret"}"\n'
                text = '[authority]\ncode = "333"\nname = "Sandwell"\n' + servers.build_settings(OURS, tokens)
                account = parse(text, home).mail_account()
                assert account is not None
                yield account, servers


async def test_both_servers_let_us_in_by_token_and_it_is_got_once() -> None:
    made = TokenServer()
    async with world(made) as (account, _):
        carrier = Email()
        for _ in range(2):
            assert await carrier.try_servers(account) == [("mail server", None), ("mailbox's server", None)]
        await carrier.close()
    assert made.given == 1
    assert SECRET not in repr(account)


async def test_a_token_that_no_server_knows_is_told() -> None:
    made = TokenServer()
    async with world(made) as (account, _):
        made.token, made.stands = "another", False
        carrier = Email()
        assert await carrier.try_servers(account) == [
            ("mail server", "your email server refused this gateway (535)"),
            ("mailbox's server", "your mailbox refused the sign-in"),
        ]
        await carrier.close()


async def test_a_wrong_secret_is_told() -> None:
    async with world(TokenServer()) as (account, _):
        assert account.tokens is not None
        wrong = replace(account, tokens=replace(account.tokens, client_secret="another"))
        carrier = Email()
        said = "the email service refused this gateway's identity and gave no token"
        assert await carrier.try_servers(wrong) == [("mail server", said), ("mailbox's server", said)]
        await carrier.close()


async def test_a_token_is_got_anew_before_it_ends() -> None:
    made = TokenServer(seconds=60)
    async with world(made) as (account, _):
        assert account.tokens is not None
        tokens = Tokens()
        for _ in range(2):
            assert await tokens.get_token(account.tokens, account.authorities) == made.token
    assert made.given == 2


async def test_a_token_server_that_is_away_is_told() -> None:
    with pytest.raises(NotReached, match="cannot be fetched"):
        await Tokens().get_token(TokenSource(f"https://127.0.0.1:{free_port()}/token", "333", "", SECRET), None)


@pytest.mark.parametrize(
    "wrong", ['token_url = "http://login.example/token"', 'token_url = "https://login.example/token"']
)
def test_a_token_server_is_asked_over_tls_with_an_identity(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigProblem, match="token_url"):
        parse(f'[authority]\ncode = "333"\nname = "Sandwell"\n[email]\n{wrong}\n', tmp_path)
