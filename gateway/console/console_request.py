"""One request of one person, and the answers that a page may give."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from gateway.access.sessions import Session
from gateway.console import navigation
from gateway.console.pages import render_page
from gateway.context import Gateway
from gateway.core.inbox_order import InboxCounts
from gateway.core.permissions import Permission, Reach, get_reach

SESSION_COOKIE = "__Host-session"
GATEWAY = web.AppKey("gateway", Gateway)


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    """Who asks, how far the act of this endpoint is open to them, and what they typed."""

    web_request: web.Request = field(repr=False)
    gw: Gateway
    session: Session | None
    secret: str = field(repr=False)
    reach: Reach
    form: MultiDictProxy[str] = field(repr=False)
    # How much waits on the pages beside this one.
    counts: Mapping[str, int | InboxCounts] = field(default_factory=dict)

    @property
    def by(self) -> str:
        """Return the name under which they signed in, as the audit log has it."""
        assert self.session is not None  # noqa: S101 - an endpoint with an act lets nobody in without one
        return self.session.person.name

    def may_do(self, act: Permission) -> bool:
        """Return whether this act is open to them, at least in some cases."""
        return self.session is not None and get_reach(self.session.roles, act) > Reach.NONE

    def get_part(self, name: str) -> str:
        """Return a part of the address."""
        return self.web_request.match_info[name]

    def get_typed(self, name: str) -> str:
        """Return what was typed into a field, without spaces around it."""
        return str(self.form.get(name, "")).strip()

    def render_page(self, template: str, *, status: int = 200, **values: object) -> web.Response:
        """Render a page of the console."""
        context: Mapping[str, Any] = {
            "request": self,
            "gw": self.gw,
            "session": self.session,
            "head": navigation.build_head(self.may_do, self.web_request.path, self.counts),
            **values,
        }
        return web.Response(text=render_page(template, context), content_type="text/html", status=status)


def redirect_to(address: str) -> web.Response:
    """Redirect to another page, by GET. `address` is ours: nothing that was typed becomes one."""
    return web.Response(status=303, headers={"Location": address})


def build_empty_form() -> MultiDictProxy[str]:
    """Return the form of a request that has none."""
    return MultiDictProxy(MultiDict())
