"""Templates to pages: Jinja2 with the macros of the GOV.UK Design System, everything escaped."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader
from markupsafe import Markup

from gateway.access.sessions import IDLE
from gateway.casework.messages import StoredMessage
from gateway.core import labels
from gateway.core.authority_search import find_authorities, find_exact_authority
from gateway.core.calendar import LONDON
from gateway.core.labels import StatusLabel
from gateway.core.mail_replies import describe_mail_reply
from gateway.core.moments import format_moment
from gateway.core.permissions import Permission
from gateway.paper import as_html, bars
from schemas import codes
from schemas.message import RestrictionLevel
from schemas.reading import list_sections

# Contrast with white 9.3 to 1.
BRAND_COLOUR = "#1b4d6b"


def render_page(template: str, values: Mapping[str, Any]) -> str:
    """Render a whole page."""
    return build_environment().get_template(template).render(values)


@cache
def build_environment() -> Environment:
    """Load the templates of this package and of `govuk_frontend_jinja`, once for the process."""
    macros = PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})
    loader = ChoiceLoader([PackageLoader("gateway.console"), macros])
    environment = Environment(
        autoescape=True,
        loader=loader,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=as_html.show_hidden_signs,
        auto_reload=False,
    )
    environment.filters |= {
        "day": format_day,
        "iso_day": format_iso_day,
        "moment": format_moment,
        "second": format_second,
        "kind": labels.name_kind,
        "status": get_status,
        "missing": labels.name_missing,
        "restriction": labels.name_restriction,
        "role": labels.name_role,
        "route": labels.name_route,
        "answering": labels.build_answering,
        "contradiction": labels.explain_contradiction,
        "match_reason": labels.name_match_reason,
        "authority": labels.name_authority,
        "authority_in_full": labels.name_authority_in_full,
        "tail": shorten_id,
        "hold_reason": labels.name_hold_reason,
        "open_work": labels.describe_open_work,
    }
    environment.tests |= {"restricted": is_restricted, "phone_only": is_phone_only}
    environment.globals |= {
        "Act": Permission,
        "sections": list_sections,
        "drawn": draw_bars,
        "labels": codes.get_labels,
        "mail_says": describe_mail_reply,
        "name_status": labels.name_status,
        "describe_duty": labels.describe_duty,
        "describe_review": labels.describe_review,
        "explain_urgent": labels.explain_urgent,
        "name_urgent": labels.name_urgent,
        "tell_whom_to_call": labels.tell_whom_to_call,
        "warn_of_no_alert": labels.warn_of_no_alert,
        "find_authorities": find_authorities,
        "find_exact_authority": find_exact_authority,
        "explain_filled_in": labels.explain_filled_in,
        "name_filled_in": labels.name_filled_in,
        "explain_failure": labels.explain_failure,
        "explain_mail_choice": labels.explain_mail_choice,
    }
    environment.globals |= {"brand_colour": BRAND_COLOUR, "idle": IDLE}
    return environment


def format_second(at: datetime) -> str:
    """Return a moment to the second, as a log has it: "25 Nov 2026 04:12:31"."""
    local = at.astimezone(LONDON)
    return f"{local.day} {local:%b %Y %H:%M:%S}"


def format_day(on: date | datetime) -> str:
    """Return a day as a page has it: "25 November 2026"."""
    local = on.astimezone(LONDON) if isinstance(on, datetime) else on
    return f"{local.day} {local:%B %Y}"


def format_iso_day(text: str) -> str:
    """Write a day that was kept as text."""
    return format_day(date.fromisoformat(text))


def get_status(message: StoredMessage) -> StatusLabel:
    """Return where a message stands, for a person."""
    return message.summary.status


def is_restricted(restriction: RestrictionLevel) -> bool:
    """Tell whether less than all of it may be shared, so that a tag says so."""
    return restriction != "none"


def is_phone_only(restriction: RestrictionLevel) -> bool:
    """Tell whether nothing about the child may be written, so that nobody is named."""
    return restriction == "phone-only"


def shorten_id(message_id: str) -> str:
    """Return the last twelve characters of an id: enough to tell it apart, and to find it again."""
    return message_id[-12:]


def draw_bars(picture: bars.Bars) -> Markup:
    """Draw a picture as SVG."""
    return Markup(bars.draw_svg(picture))  # noqa: S704 - every text in it is escaped there
