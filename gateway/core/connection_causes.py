"""Why another gateway was not reached, by the code of a try: what it means, who has to act, and how.

Health, `doctor` and the connection test show the same words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MustAct(StrEnum):
    """Who has to do something about it."""

    OURS = "this authority"
    NETWORK = "your network team"
    THEIRS = "the other authority"


@dataclass(frozen=True, slots=True)
class ConnectionCause:
    """What stands in the way, and the next step."""

    sentence: str
    who: MustAct
    next_on_page: str
    next_in_terminal: str

    def name_as(self, code: str) -> str:
        """Return the sentence with its code, which a person can look up."""
        return f"{self.sentence.removesuffix('.')} [{code}]."


# How the codes begin that are about the council's own proxy: `adapters.outgoing`.
PROXY = "proxy."
# They reach us not.
ONE_WAY = "one-way"
# Our card has no route that can be tested; theirs has none but servers where things are left.
NO_WAY_BACK, SERVER_ONLY = "no-way-back", "server-only"
# The proxy does its work, and could not reach the other side.
NO_WAY = "proxy.no-way"
_PROXY_URL = (
    "Ask your network team for the address of the proxy, and correct the settings.",
    "Ask your network team for the address and port of the proxy, and correct [proxy] url in gateway.toml.",
)
_PROXY_SIGN_IN = (
    "Ask your network team for the user and password of the proxy, and correct the settings.",
    "Ask your network team for the user and password. Correct [proxy] user and password_file, then restart.",
)

_PROXY_CAUSES: Mapping[str, ConnectionCause] = {
    "proxy.unreachable": ConnectionCause(
        "Your proxy does not answer at the address in the settings.", MustAct.NETWORK, *_PROXY_URL
    ),
    "proxy.no-name": ConnectionCause("The name of your proxy cannot be found.", MustAct.NETWORK, *_PROXY_URL),
    "proxy.not-a-proxy": ConnectionCause(
        "A web page answers at the address of your proxy, and not a proxy.", MustAct.NETWORK, *_PROXY_URL
    ),
    "proxy.sign-in": ConnectionCause(
        "Your proxy does not accept the sign-in of this gateway.", MustAct.NETWORK, *_PROXY_SIGN_IN
    ),
    "proxy.sign-in-kind": ConnectionCause(
        "Your proxy wants a kind of sign-in that this gateway does not have, such as NTLM or Kerberos.",
        MustAct.NETWORK,
        "Ask your network team to let this server through without a sign-in, or with a Basic sign-in.",
        "Ask your network team to let this server through without a sign-in, or with a Basic sign-in.",
    ),
    "proxy.refused": ConnectionCause(
        "Your proxy does not allow the connection to this address and port.",
        MustAct.NETWORK,
        "Ask your network team to allow CONNECT to the addresses and ports of all partners.",
        "Ask your network team to allow CONNECT to the addresses and ports that `cme-gateway partner show` lists.",
    ),
    "proxy.silent": ConnectionCause(
        "Your proxy did not answer in time whether it can connect.",
        MustAct.NETWORK,
        "Ask your network team what the proxy says about this connection. Their firewall may drop it.",
        "Ask your network team what the proxy's log says about this connection. A firewall behind it may drop it.",
    ),
    NO_WAY: ConnectionCause(
        "Your proxy works, and could not connect to the other gateway.",
        MustAct.THEIRS,
        "Call them. Ask if their gateway is running, and if their firewall lets your proxy in.",
        "Call them. Ask if their gateway is running, and if their firewall lets the address of your proxy in.",
    ),
}


_CALL = "Call them."
_FETCH = "Run `cme-gateway partner fetch-card` with their code. If it brings none, call them."
_RENEW_THERE = "Run `cme-gateway card renew`, or send them your card and call them."

CAUSES: Mapping[str, ConnectionCause] = {
    **_PROXY_CAUSES,
    "no-name": ConnectionCause(
        "The name of their gateway cannot be found from this server.",
        MustAct.NETWORK,
        "Ask your network team to make the name known here. If it is wrong on their card, call them.",
        "Look the name up on this server. Your network team adds it to DNS. If it is wrong on their card, call.",
    ),
    "closed-port": ConnectionCause(
        "Nothing answers at the port of their gateway: it refused the connection.",
        MustAct.THEIRS,
        "Call them. Is their gateway running? Is the port on their card right? Does their firewall refuse it?",
        "Call them. Is their gateway running? Is the port on their card right? Does their firewall refuse it?",
    ),
    "no-answer": ConnectionCause(
        "Nothing came back from the address of their gateway. A firewall drops the connection.",
        MustAct.NETWORK,
        "Ask your network team to let this server connect to their address and port. Then call them.",
        "Ask your network team to let this server connect to their address and port. Then call them.",
    ),
    "unreachable": ConnectionCause(
        "There is no way from this server to the address of their gateway.",
        MustAct.NETWORK,
        "Ask your network team for a way to their address and port.",
        "Ask your network team for a way to their address and port.",
    ),
    "lost": ConnectionCause(
        "The connection was made, and broken off before an answer came.",
        MustAct.NETWORK,
        "Try again. If this keeps happening, ask your network team what looks into the connection.",
        "Try again. If this keeps happening, ask your network team what looks into the connection.",
    ),
    "not-tls": ConnectionCause(
        "Something else answers at the port of their gateway. The port is wrong.",
        MustAct.THEIRS,
        "Call them. The port on their card is not that of their gateway.",
        "Call them. The port on their card is not that of their gateway.",
    ),
    "tls-failed": ConnectionCause(
        "Their gateway and this one could not agree on encryption.",
        MustAct.THEIRS,
        "Call them. What stands before their gateway must pass TLS 1.3 through.",
        "Call them. What stands before their gateway must pass TLS 1.3 through.",
    ),
    "other-certificate": ConnectionCause(
        "Another certificate was shown than the one on their card.",
        MustAct.THEIRS,
        "Call them and ask for their newest card. If theirs is right, a proxy of yours opens TLS and must not.",
        "Run `cme-gateway partner fetch-card` with their code. If that does not help, a proxy of yours opens TLS.",
    ),
    "expired-certificate": ConnectionCause(
        "The certificate of their gateway has expired.",
        MustAct.THEIRS,
        "Call them. They must renew their card, which makes a new certificate.",
        "Call them. They must run `cme-gateway card renew`, which makes a new certificate.",
    ),
    "clock": ConnectionCause(
        "The clocks of the two servers differ by more than 2 minutes.",
        MustAct.OURS,
        "Have this server's clock set by NTP. If it is right, call them about theirs.",
        "Have this server's clock set by NTP. If it is right, call them about theirs.",
    ),
    "old-card-here": ConnectionCause(
        "This gateway holds an older card of theirs.", MustAct.OURS, f"{_CALL} Ask for their newest card.", _FETCH
    ),
    "old-card-there": ConnectionCause(
        "They hold an older card of this authority, and do not know its newest keys.",
        MustAct.THEIRS,
        "The gateway shows them its newest card by itself. If that does not help, call them, and send them the card.",
        _RENEW_THERE,
    ),
    "wrong-key": ConnectionCause(
        "What was encrypted to a published key could not be opened with it, or a signature does not hold.",
        MustAct.THEIRS,
        "Call them. Whoever cannot open it has other keys than its card says: a backup may have been restored there.",
        "Call them. Whoever cannot open it has other keys than its card says: a backup may have been restored there.",
    ),
    "wrong-key-here": ConnectionCause(
        "What they encrypted to this authority's card could not be opened here.",
        MustAct.OURS,
        "Have the card renewed on the server, so that it has the keys of this gateway.",
        "Run `cme-gateway card renew`, so that the card has the keys of this gateway.",
    ),
    "web-page": ConnectionCause(
        "A web page or a proxy answered, and not their gateway.",
        MustAct.THEIRS,
        "Call them. What stands before their gateway must pass the connection through.",
        "Call them. What stands before their gateway must pass the connection through to the exchange port.",
    ),
    "older-version": ConnectionCause(
        "Their gateway answers, and accepts this one. Its older version cannot test the way back.",
        MustAct.THEIRS,
        "Ask them to upgrade when it suits them. Nothing is wrong with the connection from here.",
        "Ask them to upgrade when it suits them. Nothing is wrong with the connection from here.",
    ),
    ONE_WAY: ConnectionCause(
        "One way only: your gateway reaches theirs, and theirs does not reach yours.",
        MustAct.NETWORK,
        "Ask your network team to let their address connect to the exchange port of this server.",
        "Ask your network team to let their address connect to the exchange port. Check [listen] url, and run `serve`.",
    ),
    NO_WAY_BACK: ConnectionCause(
        "They are reached, and accept this gateway. The card of this authority has no route that they could test.",
        MustAct.OURS,
        "Nothing needs to be done.",
        "Nothing needs to be done.",
    ),
    SERVER_ONLY: ConnectionCause(
        "This gateway is let in at the server where messages are left for them. They fetch them later.",
        MustAct.OURS,
        "Nothing needs to be done. A delivery receipt shows that a notice came.",
        "Nothing needs to be done. A delivery receipt shows that a notice came.",
    ),
    "tested-lately": ConnectionCause(
        "They were tested less than a minute ago.", MustAct.OURS, "Wait one minute.", "Wait one minute."
    ),
    "suspended": ConnectionCause("They have suspended exchange with this authority.", MustAct.THEIRS, _CALL, _CALL),
    "suspended-here": ConnectionCause(
        "Exchange with them is suspended here.",
        MustAct.OURS,
        "Ask your IT team to resume it, if it may be.",
        "Run `cme-gateway partner resume` with their code, if it may be.",
    ),
    "refused": ConnectionCause(
        "Their gateway answered, and refused the test.",
        MustAct.THEIRS,
        "Call them, and ask what their server log says.",
        "Call them, and ask what their server log says.",
    ),
    "no-route": ConnectionCause(
        "Their card has no route by which the connection can be tested.",
        MustAct.THEIRS,
        "Send a notice when there is one. A delivery receipt shows that it came.",
        "Send a notice when there is one. A delivery receipt shows that it came.",
    ),
    "not-let-in": ConnectionCause(
        "The server of this route does not let this gateway in.",
        MustAct.OURS,
        "Ask your IT team to run the check on the server, which says why.",
        "Run `cme-gateway outbox` and look at the reasons, or ask who runs that server.",
    ),
}
# What is looked at besides the routes, in the order in which it is told. Of the serials of cards there is no code.
KEYS, CLOCK, CARD, SERIALS, BACK, BACK_MET = "keys", "clock", "card", "serials", "back", "back-met"
FURTHER = (KEYS, CLOCK, CARD, SERIALS, BACK, BACK_MET)
# Codes that are no fault of the connection from here.
WELL = frozenset({"ok", "older-version", NO_WAY_BACK, SERVER_ONLY})

_CLOCK = {
    "bearer.expired",
    "bearer.from-the-future",
    "envelope.from-the-future",
    "envelope.too-old",
    "card.from-the-future",
    "key.not-yet",
}
_OLD_CARD = {"key.unknown", "key.out-of-date", "key.revoked", "card.unknown-authority", "card.expired"}


def judge_problem(status: int, code: str) -> str:
    """Return the cause where their gateway itself answered a test with a problem of the exchange.

    Args:
        status: of HTTP. With 401 it did not believe the caller; else it read what was sealed.
        code: of the problem, such as `key.unknown`.
    """
    if code in _CLOCK:
        return "clock"
    if code == "card.suspended":
        return "suspended"
    if status == 401:
        return "old-card-there" if code in _OLD_CARD else "wrong-key" if code.endswith(".signature") else "refused"
    if status == 404:
        return "older-version"
    if status == 429:
        return "tested-lately"
    if status == 409 and code.startswith(("envelope.", "key.")):
        return "wrong-key"
    return "refused"


def find_main_cause(results: Mapping[str, str]) -> str:
    """Return the first code that stands in the way, in the order of `order_results`; "ok" where none does."""
    return next((code for name, code in order_results(results).items() if name != SERIALS and code not in WELL), "ok")


def order_results(results: Mapping[str, str]) -> dict[str, str]:
    """Return them as they are told: the routes, then what was learned by one of them.

    An entry of the audit log has them in the order of their names.
    """
    routes = sorted(name for name in results if name not in FURTHER)
    return {name: results[name] for name in (*routes, *FURTHER) if name in results}


def get_cause(code: str) -> ConnectionCause:
    """Return what a code means; one that is not known, as of a later version, is a refusal."""
    return CAUSES.get(code, CAUSES["refused"])


def find_proxy_cause(code: str | None) -> ConnectionCause | None:
    """Return what is wrong with the council's own proxy, if that is what a code says."""
    return CAUSES.get(code) if code and code.startswith(PROXY) and code != NO_WAY else None
