"""A page as one HTML file that needs nothing else, reads well, and prints well on A4."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from gateway.paper import bars
from gateway.paper.page import MARKING, ReportPage
from schemas.hidden_signs import show_hidden


def write(page: ReportPage) -> bytes:
    """Return the whole file. Everything in it but our own drawings is escaped."""
    style = (files("gateway.paper") / "templates" / "page.css").read_text("utf-8")
    foot = {"marking": MARKING, "style": Markup(style)}  # noqa: S704 - a file of ours
    return _template().render(page=page, svg=_drawn, **foot).encode()


@cache
def _template() -> Template:
    loader = PackageLoader("gateway.paper")
    return Environment(
        autoescape=True, loader=loader, undefined=StrictUndefined, trim_blocks=True, finalize=show_hidden_signs
    ).get_template("page.html")


def show_hidden_signs(value: object) -> object:
    """Make of each text that a page prints one in which nothing is hidden; markup stays what it is."""
    if not isinstance(value, str) or (shown := show_hidden(value)) is value:
        return value
    return Markup(shown) if isinstance(value, Markup) else shown  # noqa: S704 - a code in brackets is no markup


def _drawn(picture: bars.Bars) -> Markup:
    return Markup(bars.draw_svg(picture))  # noqa: S704 - every text in it is escaped there
