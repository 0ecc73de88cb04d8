"""One request of one person, and the answers that a room may give."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from gateway.authority import Authority
from gateway.console.pages import PAGES, Pages
from gateway.core.permissions import Act, Reach, reach
from gateway.sessions import Session

NAVIGATION = (  # the rooms in the head of every page, for those to whom they are open
    (Act.SEE_WORK, "/inbox", "Inbox"),
    (Act.SEE_WORK, "/sent", "Sent"),
    (Act.SEE_WORK, "/unanswered", "Unanswered"),
    (Act.SEND, "/compositions", "Write"),
    (Act.SEND, "/drafts", "Drafts"),
    (Act.ANSWER, "/matches", "Matches"),
    (Act.SEARCH, "/reviews", "Reviews"),
    (Act.FIND, "/find", "Find"),
    (Act.REPORT, "/reports", "Reports"),
    (Act.SEE_PARTNERS, "/partners", "Partners"),
    (Act.AUDIT, "/audit", "Audit log"),
    (Act.SEE_HEALTH, "/health", "Health"),
    (Act.MANAGE_PEOPLE, "/people", "People"),
    (Act.SEE_SYSTEMS, "/case-systems", "Case systems"),
)
SESSION_COOKIE = "__Host-session"
HERE = web.AppKey("here", Authority)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, how far the act of this door is open to them, and what they typed."""

    request: web.Request = field(repr=False)
    here: Authority
    session: Session | None
    secret: str = field(repr=False)
    reach: Reach
    form: MultiDictProxy[str] = field(repr=False)

    @property
    def by(self) -> str:
        """The name under which they signed in, as the audit log has it."""
        assert self.session is not None  # noqa: S101 - a door with an act lets nobody in without one
        return self.session.person.name

    def may(self, act: Act) -> bool:
        """Is this act open to them, at least in some cases?"""
        return self.session is not None and reach(self.session.roles, act) > Reach.NONE

    def part(self, name: str) -> str:
        """A part of the address."""
        return self.request.match_info[name]

    def typed(self, name: str) -> str:
        """What was typed into a field, without spaces around it."""
        return str(self.form.get(name, "")).strip()

    def page(self, template: str, *, status: int = 200, **values: object) -> web.Response:
        """A page of the console."""
        said: Mapping[str, Any] = {
            "visit": self,
            "here": self.here,
            "session": self.session,
            "navigation": NAVIGATION,
            **values,
        }
        pages: Pages = self.request.app[PAGES]
        return web.Response(text=pages.render(template, said), content_type="text/html", status=status)


def goto(address: str) -> web.Response:
    """See another page, by GET. `address` is ours: nothing that was typed becomes one."""
    return web.Response(status=303, headers={"Location": address})


def nothing_typed() -> MultiDictProxy[str]:
    """The form of a request that has none."""
    return MultiDictProxy(MultiDict())
