"""What a template compares with a text is one of the texts there are: nothing else checks it, and a slip hides what is
behind it.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import get_args

from jinja2 import Environment, nodes

from gateway.access.sessions import SignInStage
from gateway.console.forms import Kind
from gateway.core.delivery import DeliveryState
from gateway.core.duties import DutyStep, Missing
from gateway.core.inbox_state import InboxState
from gateway.core.labels import Colour
from gateway.core.mail_replies import MailReplyKind, MailReplyStage
from gateway.core.message_name import DIRECTIONS
from gateway.core.officer_news import MailChoice
from schemas.message import KINDS

TEMPLATES = Path(__file__).parents[2] / "gateway" / "console" / "templates"
# By the name of what is compared. A restriction is in none: what hangs on it is decided in Python.
KNOWN: dict[str, Collection[str]] = {
    "direction": DIRECTIONS,
    "question.kind": get_args(Kind),
    "kinds": get_args(Kind),
    "search.kind": KINDS,
    "mail.choice": list(MailChoice),
    "item.state": [*DeliveryState, *InboxState],
    "opening.state": [*DeliveryState, *InboxState],
    "session.stage": list(SignInStage),
    "mail.stage": list(MailReplyStage),
    "what": list(MailReplyKind),
    "step": list(DutyStep),
    "missing": list(Missing),
    "owed_by": ("us", "them"),
    "colour": get_args(Colour),
    "through": ("local", "directory"),
}
# Of one page only: its own fields and addresses, the code of an error, and the use of a key in a card.
OWN = {
    "account.html": {"password", "email", "away"},
    "account-email.html": {"choice", "daily_at", "address"},
    "audit-lines.html": {"case"},
    "case-system-add.html": {"called", "id", "scopes"},
    "case-system-tell.html": {"webhook.no-event", "url", "events"},
    "compose-check.html": {"#weighed"},
    "partner.html": {"sig"},
    "waiting-file.html": {"one.headings"},
    "waiting-files.html": {"accepted", "put-aside"},
}


def find_compared(text: str) -> Iterator[tuple[str, str]]:
    """Find every text that a template compares, with the name of that with which it does: `mail.stage`."""
    for compare in Environment(autoescape=True).parse(text).find_all(nodes.Compare):
        sides = [compare.expr, *(operand.expr for operand in compare.ops)]
        for left, operand in zip(sides, compare.ops, strict=False):
            right = operand.expr
            some = list(right.items) if isinstance(right, nodes.Tuple | nodes.List) else [right]
            for const, other in [(left, right), *((one, left) for one in some)]:
                is_key = operand.op in ("in", "notin") and not isinstance(right, nodes.Tuple | nodes.List)
                if isinstance(const, nodes.Const) and isinstance(const.value, str) and not is_key:
                    yield name_compared(other), const.value


def name_compared(node: nodes.Node) -> str:
    """Name it by its last two names, without the `.value` of an enum."""
    if isinstance(node, nodes.Getattr):
        of = name_compared(node.node)
        return of if node.attr == "value" else f"{of.rpartition('.')[2]}.{node.attr}"
    return node.name if isinstance(node, nodes.Name) else ""


def list_slips(file: str, text: str) -> list[tuple[str, str]]:
    """List what a template compares with a text that cannot be."""
    return [
        (name, value)
        for name, value in find_compared(text)
        if value not in KNOWN.get(name, KNOWN.get(name.rpartition(".")[2], ())) and value not in OWN.get(file, ())
    ]


def test_what_templates_compare_is_a_code_that_there_is() -> None:
    slips = {file.name: list_slips(file.name, file.read_text("utf-8")) for file in sorted(TEMPLATES.glob("*.html"))}
    assert {name: some for name, some in slips.items() if some} == {}


def test_a_slip_is_found() -> None:
    assert list_slips("x.html", '{% if item.state.value == "faild" %}{% endif %}') == [("item.state", "faild")]
    assert list_slips("x.html", '{{ 1 if owed.step in ("wait", "rign") }}') == [("owed.step", "rign")]
    assert list_slips("x.html", '{% if "a" in typed %}{% endif %}{{ 1 if owed.step != "wait" }}') == []
    assert list_slips("x.html", '{{ 1 if first.restriction == "phone-only" }}') == [("first.restriction", "phone-only")]


def test_no_code_is_allowed_that_no_page_compares() -> None:
    for file, allowed in OWN.items():
        assert allowed <= {value for _, value in find_compared((TEMPLATES / file).read_text("utf-8"))}


def test_every_class_that_our_styles_name_is_used() -> None:
    styles = (TEMPLATES.parent / "static" / "console.css").read_text("utf-8")
    selectors = re.sub(r"/\*.*?\*/|\{[^{}]*\}", "", styles, flags=re.DOTALL)
    named = {name for name in re.findall(r"\.([a-z][\w-]*)", selectors) if not name.startswith("govuk-")}
    pages = [*TEMPLATES.glob("*.html"), *TEMPLATES.parent.glob("static/*.js"), *TEMPLATES.parents[1].rglob("*.py")]
    used = set(re.findall(r"[\w-]+", " ".join(page.read_text("utf-8") for page in pages)))
    assert named <= used, "a class that was renamed in a page only has no style any more"
