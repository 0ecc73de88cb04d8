"""The lists of reviews and of unfinished notices name the children, as the inbox does: one entry a list."""

from dataclasses import replace

import pytest

from gateway.casework import compose
from gateway.core.composition import Said
from gateway.core.permissions import Role
from gateway.exchange import enquire
from gateway.store import audit_log, audit_search
from gateway.store.audit_search import AuditQuery
from tests.children import notice
from tests.flows.test_console_oversight import Visitor

OFFICER = Role.CME_OFFICER
BORN = {"surname": "Testchild-Example", "forename": "Ada", "dob": "2016-03-31"}


def write(visitor: Visitor, **body: Said) -> str:
    """A notice that is being written and says this so far."""
    name = compose.begin_composition(visitor.gw, "TransferNotice", "olive")
    now = compose.open_composition(visitor.gw, name, "olive")
    compose.save_composition(visitor.gw, replace(now, body={**now.body, **body}), "olive")
    return name


def mentions(visitor: Visitor, name: str) -> int:
    """How many lists named it."""
    sought = AuditQuery(acts=("list.read",), abouts=(name,))
    return len(visitor.gw.store.look(lambda tx: audit_search.search_entries(tx, sought, None, 9)))


async def test_a_review_says_whom_the_search_is_for_and_pages_name_those_they_show(visitor: Visitor) -> None:
    asked = notice(name="whereabouts-enquiry", now=visitor.gw.now())
    enquire.ask_authorities(visitor.gw, asked, ["885"], {}, by="tara")
    page = await visitor.get(OFFICER, "/reviews")
    assert ">Testchild-Example, Eve</a>" in page
    assert "Born 2 December 2013" in page
    [entry] = visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="list.read"))
    assert entry.actor.startswith("cme.officer")


@pytest.mark.parametrize(
    ("body", "shown", "hidden"),
    [
        ({"child": BORN}, ("Testchild-Example, Ada", "Born 31 March 2016"), ("Child not named",)),
        ({"child": {"surname": "Mononym"}}, ("Mononym",), ("Born", "Child not named")),
        ({"child": {**BORN, "dob": "yesterday"}}, ("Testchild-Example, Ada",), ("Born",)),
        ({}, ("Child not named",), ("Born",)),
        (
            {"child": BORN, "restriction": {"level": "phone-only"}},
            ("Child not named",),
            ("Testchild", "Born"),
        ),
    ],
)
async def test_an_unfinished_notice_is_called_by_the_child_as_far_as_it_was_written(
    visitor: Visitor, body: dict[str, Said], shown: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    name = write(visitor, **body)
    page = await visitor.get(OFFICER, "/compositions")
    assert all(text in page for text in shown)
    assert not any(text in page for text in hidden)
    assert mentions(visitor, name) == 1


async def test_of_unfinished_notices_each_is_on_some_page_and_one_that_was_deleted_on_none(visitor: Visitor) -> None:
    names = [write(visitor, child=BORN) for _ in range(27)]
    compose.give_up_composition(visitor.gw, names[0], "olive")
    pages = [await visitor.get(OFFICER, f"/compositions?page={number}") for number in (1, 2)]
    on_pages = [[name for name in names if f'href="/compositions/{name}"' in page] for page in pages]
    assert [len(some) for some in on_pages] == [25, 1]
    assert sorted(on_pages[0] + on_pages[1]) == sorted(names[1:])
    assert [mentions(visitor, name) for name in names] == [0, *[1] * 26]


async def test_officers_see_whom_to_call_at_partners_and_what_partners_see_of_us(visitor: Visitor) -> None:
    own = await visitor.get(OFFICER, "/partners/own")
    assert "No MASH telephone number is set." in own
    assert "01632 960101" in own
    assert "Not on their card" in await visitor.get(OFFICER, "/partners")
    assert "Contacts" in await visitor.get(OFFICER, "/partners/885")
    await visitor.get(Role.OUTREACH, "/partners/own", 403)
