"""Case systems that may call the API: made and ended by an admin, and let in by id and secret for ten minutes at a
time.

The secret is shown once, when the client is made. It has 256 bits, which nobody guesses, so wrong ones lock nothing:
whoever knows a client's id could keep it out. They are counted by address, and noted together. What a token grants is
never more than the client may do at the moment of the call, so one that has ended is refused at once.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from gateway.auditing import bursts
from gateway.context import SYSTEM, Gateway
from gateway.core.permissions import Scope
from gateway.errors import NotAllowed
from gateway.store import audit_log, clients
from gateway.store.audit_log import AuditEntry
from gateway.store.clients import ApiClient
from gateway.store.database import Tx
from keys import api_token
from keys.errors import Refusal
from schemas.hidden_signs import is_line

ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,38})[a-z0-9]")
# Characters.
MAX_NAME = 80
# Tokens of one client in a minute; more of them are one entry.
LET_IN_SINGLY = 10
# Before a client's id in the audit log, so that no person is called so.
ACTOR = "api:"


class NotLetIn(NotAllowed):
    """The client is not known, has ended, or its secret or token is wrong."""


def name_actor(client: ApiClient) -> str:
    """Return who acts, as the audit log has it."""
    return f"{ACTOR}{client.id}"


def get_token_audience(gw: Gateway) -> str:
    """Return for whom tokens are: this API, and no other gateway's."""
    return f"{gw.config.console_url}/api/v1"


def list_clients(gw: Gateway) -> list[ApiClient]:
    """List all clients, those that have ended too."""
    return gw.store.look(clients.list_clients)


def add_client(gw: Gateway, name: str, called: str, scopes: Iterable[Scope], by: str) -> str:
    """Add a client, and return its secret, which nobody can be shown again. Raises NotAllowed."""
    called, wanted = " ".join(called.split()), frozenset(scopes)
    _check_client(name, called)
    if not wanted:
        raise NotAllowed("client.no-scope", scopes=", ".join(Scope))
    secret = api_token.new_secret()
    client = ApiClient(name, called, wanted, True, gw.now(), by, api_token.digest_secret(secret))

    def write(tx: Tx) -> None:
        clients.add_client(tx, client)
        _log_client_act(tx, gw, AuditEntry("client.added", by, name, detail={"scopes": " ".join(sorted(wanted))}))

    gw.store.run(write)
    return secret


def _check_client(name: str, called: str) -> None:
    if not ID.fullmatch(name):
        raise NotAllowed("client.id")
    if not (0 < len(called) <= MAX_NAME and is_line(called)):
        raise NotAllowed("client.name", most=MAX_NAME)


def end_client(gw: Gateway, name: str, by: str) -> None:
    """End a client: it is let in no more, and its tokens count no more. Raises NotFound."""

    def write(tx: Tx) -> None:
        client = clients.get_client(tx, name)
        # It ends once.
        if client.active:
            clients.update_client(tx, replace(client, active=False))
            _log_client_act(tx, gw, AuditEntry("client.ended", by, name))

    gw.store.run(write)


def renew_secret(gw: Gateway, name: str, by: str) -> str:
    """Replace a secret that was lost or seen, which counts no more. Raises NotFound or NotAllowed.

    Tokens that were given for the old one end by themselves, within ten minutes.
    """
    secret = api_token.new_secret()

    def write(tx: Tx) -> None:
        client = clients.get_client(tx, name)
        if not client.active:
            raise NotAllowed("client.ended", "secret")
        clients.update_client(tx, replace(client, secret=api_token.digest_secret(secret)))
        _log_client_act(tx, gw, AuditEntry("client.new-secret", by, name))

    gw.store.run(write)
    return secret


def is_client_secret(gw: Gateway, name: str, secret: str) -> bool:
    """Tell whether this is the secret of a client that may call. It takes as long for an id that nobody has."""
    client = gw.store.look(lambda tx: clients.find_client(tx, name))
    return api_token.is_right_secret(secret, client.secret if client else None) and client is not None and client.active


def issue_client_token(
    gw: Gateway, name: str, secret: str, wanted: Iterable[str], address: str = ""
) -> tuple[str, tuple[Scope, ...]]:
    """Issue a token to who shows its secret; return it and the scopes granted: the wanted, or all. Raises NotAllowed.

    `address`: from where. Whatever is refused, it is refused in the same words, and noted in the same way.
    """

    def write(tx: Tx) -> ApiClient | None:
        client = clients.find_client(tx, name)
        right = api_token.is_right_secret(secret, client.secret if client else None)
        if client is None or not (right and client.active):
            why = "unknown" if client is None else "secret" if client.active else "ended"
            entry = AuditEntry("client.refused", SYSTEM, client.id if client else None, detail={"why": why})
            bursts.write_burst_in(tx, gw, entry, address)
            return None
        clients.update_client(tx, replace(client, seen_at=gw.now()))
        entry = AuditEntry("client.let-in", name_actor(client), client.id, detail={"through": "secret"})
        audit_log.append_entries(tx, gw.now(), bursts.count_entry(gw, entry, singly=LET_IN_SINGLY, about=client.id))
        return client

    client = gw.store.run(write)
    if client is None:
        raise NotLetIn("client.refused")
    scopes = _grant_scopes(client, frozenset(wanted))
    token = api_token.issue(client.id, scopes, audience=get_token_audience(gw), ring=gw.ring, now=gw.now())
    return token, scopes


def _grant_scopes(client: ApiClient, wanted: frozenset[str]) -> tuple[Scope, ...]:
    if wanted - client.scopes:
        raise NotAllowed("client.scope")
    return tuple(sorted(scope for scope in client.scopes if not wanted or scope in wanted))


def get_token_client(gw: Gateway, token: str) -> tuple[ApiClient, tuple[Scope, ...]]:
    """Return whose token this is, and what it may do now. Raises NotLetIn."""
    try:
        granted = api_token.verify(token, audience=get_token_audience(gw), ring=gw.ring, now=gw.now())
    except Refusal as why:
        raise NotLetIn("client.refused").with_words_of(why) from None
    client = gw.store.look(lambda tx: clients.find_client(tx, granted.client))
    if client is None or not client.active:
        raise NotLetIn("client.ended")
    return client, tuple(scope for scope in Scope if scope in client.scopes and scope in granted.scopes)


def _log_client_act(tx: Tx, gw: Gateway, entry: AuditEntry) -> None:
    audit_log.append_entries(tx, gw.now(), [entry])
