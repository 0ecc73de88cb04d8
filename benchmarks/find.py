"""How long it takes to find notices among a million, on SQLite and PostgreSQL, how large their blind index is, and what
it costs.

    python -m benchmarks.find [messages]

How many misspelt names are found, and what the marks betray, is `benchmarks/find_spellings.py`'s.

The children are invented (`tests/population.py`), their surnames borne as unevenly as real ones; one in fifty is given
the commonest name, so that a search for it has 20,000 hits. Half of the messages name a child, the others are replies.
Their marks are made as the gateway makes them, and written in bulk; then `gateway.casework.find.find_notices` is timed
whole: marks, questions, how each hit stands, and the entry of the audit log, which waits for the disk. So that the
messages stand somewhere, each has a row in the inbox, without its content.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, insert

from benchmarks.limit import median_us
from gateway import home_folder
from gateway.authorities.partners import add_partner
from gateway.casework import find
from gateway.context import Gateway
from gateway.core.child import ComparedChild
from gateway.core.search_terms import Term, list_terms
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from gateway.store import blind_index, tables
from gateway.store.blind_index import IndexedMessage
from keys import blind
from schemas.identifiers import build_uuid7
from schemas.message import Child, Message, TransferNotice
from schemas.shapes import CaseId, MessageId
from tests.children import notice
from tests.conftest import free_port, make, new_database
from tests.population import Town
from tests.postgres import server

# Messages in one transaction.
STEP = 10_000
# Of children: 20,000 of a million messages, for every second names one.
COMMON, COMMON_IN_A_HUNDRED = "smith", 4
# Searches of each kind.
ASKED = 200
FIRST = datetime(2024, 9, 1, tzinfo=UTC)
OUT = Console(highlight=False, width=100)


def people(size: int) -> list[ComparedChild]:
    """As many children, of whom so many bear the commonest name."""
    chance = Random(1)  # noqa: S311 - the same each time
    common = COMMON_IN_A_HUNDRED / 100
    town = Town(size, 2).children
    return [replace(one, surname=COMMON) if chance.random() < common else one for one in town]


def fill(gw: Gateway, children: list[ComparedChild], messages: int) -> None:
    """So many messages, every second one about one of these children."""
    chance, frame, reply = Random(3), notice(), notice(name="outcome")  # noqa: S311
    for begin in range(0, messages, STEP):
        numbers = range(begin, min(begin + STEP, messages))
        some = [_anew(reply, n, chance) if n % 2 else _about(frame, children[n // 2], n, chance) for n in numbers]
        its = [
            IndexedMessage("came", "885", one.header.message_id, blind.compute_marks(list_terms(one), gw.ring))
            for one in some
        ]
        gw.store.run(lambda tx, some=some, its=its: _put(tx, some, its))  # type: ignore[misc]


def _anew(frame: Message, number: int, chance: Random) -> Message:
    at = FIRST + timedelta(seconds=number * 60)
    message_id, case = (build_uuid7(at, chance.randbytes(10)) for _ in range(2))
    return Message(
        replace(frame.header, message_id=MessageId(message_id), case_id=CaseId(case), created_at=at), frame.body
    )


def _about(frame: Message, child: ComparedChild, number: int, chance: Random) -> Message:
    said = Child(
        upn=child.upns[0] if child.upns else None,
        surname=child.surname,
        forename=child.forename,
        middle_names=" ".join(child.middle_names) or None,
        dob=child.dob,
        sex=child.sex,
    )
    assert isinstance(frame.body, TransferNotice)
    about = Message(frame.header, replace(frame.body, child=said, sibling=()))
    return _anew(about, number, chance)


def _put(tx: Connection, some: list[Message], its: list[IndexedMessage]) -> None:
    rows = [
        {
            "sender": "885",
            "message_id": one.header.message_id,
            "case_id": one.header.case_id,
            "sequence": 1,
            "kind": one.kind,
            "restriction": "none",
            "test": False,
            "digest": one.header.message_id,
            "content": b"",
            "received_at": one.header.created_at,
            "shown_from": one.header.created_at,
            "state": "new",
            "state_at": one.header.created_at,
        }
        for one in some
    ]
    tx.execute(insert(tables.inbox), rows)
    blind_index.index_messages(tx, its)


def searches(children: list[ComparedChild]) -> dict[str, Callable[[Random], str]]:
    """What is typed, by kind."""
    known = [one for one in children if one.upns]

    def by_name_and_day(chance: Random) -> str:
        one = chance.choice(children)
        return f"{one.forename} {one.surname} {one.dob:%d/%m/%Y}"

    def by_both_names(chance: Random) -> str:
        one = chance.choice(children)
        return f"{one.forename} {one.surname}"

    return {
        "a UPN": lambda chance: chance.choice(known).upns[0],
        f'the commonest surname, "{COMMON.title()}"': lambda _: COMMON,
        "any surname": lambda chance: chance.choice(children).surname.split()[0],
        "a date of birth": lambda chance: f"{chance.choice(children).dob:%d/%m/%Y}",
        "both names and a date of birth": by_name_and_day,
        "surname and date of birth": lambda chance: by_name_and_day(chance).split(" ", 1)[1],
        "both names": by_both_names,
        "two common names that nobody bears together": lambda _: f"{COMMON} muhammad chowdhury",
        "nobody": lambda _: "nobody",
        "the commonest surname and a year": lambda chance: f"{COMMON} {chance.choice(children).dob.year}",
        "any surname and a year": lambda chance: by_name_and_day(chance).split(" ", 1)[1][:-11] + " 2015",
        "a day without a year": lambda chance: f"{chance.choice(children).dob:%d/%m}",
        "a surname with a slip": lambda chance: f"{chance.choice(children).surname.split()[0]}q",
    }


def ask(gw: Gateway, typed: list[str], *, alike: bool = False) -> tuple[float, float, float]:
    """Milliseconds, the median and the 95th percentile; and how many were found, on average."""
    took, found = [], 0
    for one in typed:
        began = time.perf_counter()
        found += len(find.find_notices(gw, one, "bench", alike=alike).hits)
        took.append((time.perf_counter() - began) * 1000)
    return median(took), sorted(took)[len(took) * 95 // 100], found / len(typed)


def measure(gw: Gateway, children: list[ComparedChild], title: str) -> Table:
    """Every kind of search."""
    table = Table(title, "p50, ms", "p95, ms", "hits on a page", box=None, pad_edge=False)
    for kind, typed in searches(children).items():
        chance = Random(4)  # noqa: S311
        asked = [text for text in (typed(chance) for _ in range(ASKED)) if len(text) > 1]
        for alike in (False, True):
            p50, p95, hits = ask(gw, asked, alike=alike)
            table.add_row(kind + (", --alike" if alike else ""), f"{p50:.1f}", f"{p95:.1f}", f"{hits:.1f}")
    return table


def cost(gw: Gateway) -> Iterator[str]:
    """What the index adds to one notice."""
    message, count = notice(), 100
    its: set[Term] = list_terms(message)
    yield (
        f"{len(its)} marks of the sample: made in "
        f"{median_us(lambda: blind.compute_marks(list_terms(message), gw.ring)):.0f}"
        " microseconds"
    )
    with_them: list[float] = []
    without: list[float] = []
    for _ in range(20):
        for times, own in ((with_them, True), (without, False)):
            ready = prepare_messages(gw, [notice() for _ in range(count)], "bench")
            ready = ready if own else [replace(one, marks=()) for one in ready]
            began = time.perf_counter()
            gw.store.run(lambda tx, ready=ready: queue_messages(tx, gw, ready))  # type: ignore[misc]
            times.append((time.perf_counter() - began) / count * 1e6)
    yield (
        f"a notice queued, in batches of {count}: {median(with_them):.0f} microseconds; without marks"
        f" {median(without):.0f}"
    )


def size(gw: Gateway) -> str:
    """Bytes of the index in the database."""
    if gw.store.engine.dialect.name == "postgresql":
        said = "SELECT sum(pg_total_relation_size(name::regclass)) FROM (VALUES ('marks'), ('marked')) AS t(name)"
    else:
        said = "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'mark%'"
    try:
        found = gw.store.look(lambda tx: tx.exec_driver_sql(said).scalar())
    except Exception:  # noqa: BLE001 - this SQLite was built without the table
        return "its size is not known here"
    return f"{int(found or 0) / 2**20:.0f} MiB"


async def main(messages: int) -> None:
    """Both databases, one after the other."""
    children = people(messages // 2)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        url = new_database(stack.enter_context(server(free_port())).url)
        there = make(folder / "885", "885", "Worcestershire")
        for title, store_url in (("SQLite", ""), ("PostgreSQL", url)):
            gw = make(folder / title, "333", "Sandwell", store_url)
            add_partner(gw, (there.config.home / home_folder.CARD_FILE).read_text("ascii"), by="bench")
            gw.refresh_trust()
            began = time.perf_counter()
            fill(gw, children, messages)
            if store_url:
                with gw.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    # As its own keeper does in time.
                    connection.exec_driver_sql("VACUUM ANALYZE")
            taken = time.perf_counter() - began
            OUT.print(f"\n[bold]{title}[/bold]: {messages:,} messages in {taken:.0f} s; the index has {size(gw)}")
            OUT.print(measure(gw, children, "found by"))
            for line in cost(gw):
                OUT.print(line)
            gw.store.close()
        there.store.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
