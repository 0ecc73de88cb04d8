"""Who calls, and how much they may send: settled before a body is read."""

from dataclasses import dataclass, field

from aiohttp import web

from gateway.authority import Authority
from gateway.store import log
from gateway.store.log import Entry
from keys import bearer
from keys.errors import Refusal


@dataclass(slots=True)
class Budget:
    """What one partner may still send: a bucket that fills up again by the minute."""

    per_minute: int
    left: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        """It starts full."""
        self.left = self.per_minute

    def take(self, messages: int, now: float) -> float:
        """Take for these messages, at this many seconds: 0, or the seconds to wait until there is enough."""
        self.left = min(self.per_minute, self.left + (now - self.at) * self.per_minute / 60)
        self.at = now
        if messages <= self.left:
            self.left -= messages
            return 0.0
        return (min(messages, self.per_minute) - self.left) * 60 / self.per_minute


HERE = web.AppKey("here", Authority)
BUDGETS = web.AppKey("budgets", dict[str, Budget])


async def caller(request: web.Request, audience: str) -> str:
    """The authority that calls, by its token for this audience. Raises HTTPUnauthorized; that somebody tried is noted."""
    here = request.app[HERE]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        return bearer.verify(token if scheme == "Bearer" else "", audience=audience, trust=here.trust, now=here.now())
    except Refusal as why:
        entry = Entry("caller.refused", "cme-gateway", detail={"code": why.code})
        await here.store.write(lambda tx: log.append(tx, here.now(), [entry]))
        raise web.HTTPUnauthorized(text=why.code, headers={"WWW-Authenticate": "Bearer"}) from None


def wait_for_budget(request: web.Request, authority: str, messages: int, now: float) -> float:
    """0, or the seconds that this caller must wait before so many messages."""
    per_minute = request.app[HERE].config.limits.messages_per_minute
    return request.app[BUDGETS].setdefault(authority, Budget(per_minute)).take(messages, now)
