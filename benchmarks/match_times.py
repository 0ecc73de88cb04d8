"""How long a search takes through the store: keys, questions to the database, unlocking, comparing, judging.

What is timed is `match_incoming.ask_index_about`, which stands behind the case of a notice. Beside it stands exact
matching through the same store: the same UPN, or the same surname, forename and date of birth. Times are by the wall
and, in brackets, of one core: where other work shares the machine only the latter can be compared.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from statistics import median

from rich.table import Table

from gateway.context import Gateway
from gateway.core import blocking
from gateway.core.child import ComparedChild
from gateway.exchange.known_children import digest_keys
from gateway.searches import children_index, match_incoming
from gateway.store import children as stored_children
from gateway.store.children import IndexLoad
from gateway.store.database import Tx
from schemas.message import Child, Message, WhereaboutsEnquiry
from tests.children import notice

# Of a hundred searches, so many took no longer than what the last column says.
HIGH = 95


def build_enquiry(sought: ComparedChild) -> Message:
    """A whereabouts enquiry about this child."""
    frame = notice(name="whereabouts-enquiry")
    assert isinstance(frame.body, WhereaboutsEnquiry)
    assert frame.body.previous_address is not None
    upns = [upn for upn in sought.upns if upn]
    child = Child(
        upn=next(iter(upns), None),
        upn_unknown=None if upns else "not-known",
        former_upn=tuple(upns[1:]),
        surname=sought.surname,
        forename=sought.forename or None,
        middle_names=" ".join(sought.middle_names) or None,
        dob=sought.dob,
        dob_estimated=sought.dob_estimated,
        sex=sought.sex,
    )
    address = replace(frame.body.previous_address, post_code=sought.postcode)
    return Message(frame.header, replace(frame.body, child=child, previous_address=address, sibling=()))


def find_exactly(tx: Tx, gw: Gateway, index: IndexLoad, sought: ComparedChild) -> list[int]:
    """The children with the same UPN, or the same surname, forename and date of birth."""
    named = [blocking.namesake_key(sought), f"d|{sought.dob}"]
    upns = [f"u|{upn}" for upn in sought.upns if upn]
    digests = {key: next(iter(digest_keys(gw, index.load, [key]))) for key in (*named, *upns)}
    lying = stored_children.find_children_by_key(tx, index.load, set(digests.values()))
    numbers = [lying.get(digests[key], set()) for key in named]
    by_upn = {number for key in upns for number in lying.get(digests[key], ())}
    near = sorted(by_upn | numbers[0] & numbers[1])
    described = [
        children_index.open_our_child(gw, index.load, one).described
        for one in stored_children.list_locked_children(tx, index.load, near)
    ]
    return [
        number
        for number, one in zip(near, described, strict=True)
        if number in by_upn or (one.surname, one.forename) == (sought.surname, sought.forename)
    ]


def time_searches(gw: Gateway, name: str, sought: Sequence[ComparedChild]) -> Table:
    """Milliseconds of a search, each in a transaction of its own, as the gateway asks."""
    index = gw.store.look(stored_children.find_current_load)
    assert index is not None
    table = Table(f"ms a search, {name}", "median", f"of {HIGH} in 100", "longest", box=None, pad_edge=False)
    ways: dict[str, list[Callable[[Tx], object]]] = {
        "matching": [partial(match_incoming.ask_index_about, gw=gw, message=build_enquiry(one)) for one in sought],
        "exact": [partial(find_exactly, gw=gw, index=index, sought=one) for one in sought],
    }
    for kind, works in ways.items():
        wall, core = zip(*(_time_look(gw, work) for work in works), strict=True)
        table.add_row(kind, *(f"{measure(wall):.1f} ({measure(core):.1f})" for measure in (median, _find_high, max)))
    return table


def _find_high(times: Sequence[float]) -> float:
    return sorted(times)[len(times) * HIGH // 100]


def _time_look(gw: Gateway, work: Callable[[Tx], object]) -> tuple[float, float]:
    began, used = time.perf_counter(), time.process_time()
    gw.store.look(work)
    return (time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000
