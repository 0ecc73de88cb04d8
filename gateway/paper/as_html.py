"""A page as one HTML file that needs nothing else, reads well, and prints well on A4."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from gateway.paper import bars
from gateway.paper.page import MARKING, Page


def write(page: Page) -> bytes:
    """The whole file. Everything in it but our own drawings is escaped."""
    style = (files("gateway.paper") / "templates" / "page.css").read_text("utf-8")
    foot = {"marking": MARKING, "style": Markup(style)}  # noqa: S704 - a file of ours
    return _template().render(page=page, svg=_drawn, **foot).encode()


@cache
def _template() -> Template:
    loader = PackageLoader("gateway.paper")
    return Environment(autoescape=True, loader=loader, undefined=StrictUndefined, trim_blocks=True).get_template(
        "page.html"
    )


def _drawn(picture: bars.Bars) -> Markup:
    return Markup(bars.svg(picture))  # noqa: S704 - every text in it is escaped there
