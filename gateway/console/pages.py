"""Templates to pages: Jinja2 with the macros of the GOV.UK Design System, everything escaped."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from aiohttp import web
from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader
from markupsafe import Markup

from gateway.access.sessions import IDLE
from gateway.core.calendar import LONDON
from gateway.core.mail_replies import say
from gateway.core.permissions import Act
from gateway.paper import as_html, bars
from schemas import codes
from schemas.reading import sections, words

BRAND_COLOUR = "#1b4d6b"  # contrast with white 9.3 to 1


class Pages:
    """The templates, read once."""

    def __init__(self) -> None:
        """Of this package, and of `govuk_frontend_jinja`."""
        macros = PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})
        loader = ChoiceLoader([PackageLoader("gateway.console"), macros])
        self._environment = Environment(
            autoescape=True, loader=loader, trim_blocks=True, lstrip_blocks=True, finalize=as_html.seen
        )
        self._environment.filters |= {
            "day": day,
            "iso_day": iso_day,
            "moment": moment,
            "second": second,
            "words": words,
            "authority": authority,
            "tail": tail,
        }
        self._environment.globals |= {
            "Act": Act,
            "sections": sections,
            "drawn": drawn,
            "labels": codes.labels,
            "mail_says": say,
        }
        self._environment.globals |= {"brand_colour": BRAND_COLOUR, "idle": IDLE}

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        """A whole page."""
        return self._environment.get_template(template).render(values)


PAGES = web.AppKey("pages", Pages)


def moment(at: datetime) -> str:
    """A moment as people here write it, in their time."""
    local = at.astimezone(LONDON)
    return f"{local.day} {local:%B %Y}, {local:%H:%M}"


def second(at: datetime) -> str:
    """A moment to the second, for a log."""
    local = at.astimezone(LONDON)
    return f"{local.day} {local:%b %Y}, {local:%H:%M:%S}"


def day(on: date | datetime) -> str:
    """A day as people write it."""
    local = on.astimezone(LONDON) if isinstance(on, datetime) else on
    return f"{local.day} {local:%B %Y}"


def iso_day(text: str) -> str:
    """Write a day that was kept as text."""
    return day(date.fromisoformat(text))


def authority(code: str) -> str:
    """The name of an authority."""
    return codes.authority_name(code) or code


def tail(message_id: str) -> str:
    """The last twelve characters of an id: enough to tell it apart, and to find it again."""
    return message_id[-12:]


def drawn(picture: bars.Bars) -> Markup:
    """A picture as SVG."""
    return Markup(bars.svg(picture))  # noqa: S704 - every text in it is escaped there
