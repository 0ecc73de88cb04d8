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

CAUSES: Mapping[str, ConnectionCause] = {
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


def find_proxy_cause(code: str | None) -> ConnectionCause | None:
    """Return what is wrong with the council's own proxy, if that is what a code says."""
    return CAUSES.get(code) if code and code.startswith(PROXY) and code != NO_WAY else None
