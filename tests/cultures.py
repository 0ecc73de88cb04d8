"""An invented town of many cultures, and searches with the errors that go with them.

`cultures.csv` has the names and shares. How names are built differs: a Somali child bears its own name, its father's and
its grandfather's; a Sikh child Singh or Kaur, as surname or in the middle; Roma and Polish surnames end otherwise for a
girl. Names are borne unevenly, and a share of each is made of syllables, as rare names are.

Rates: the forename of one child differs between two records in 13 of 100, the surname in 5.6, nearly always another
surname altogether (Lam, Harron and others 2024, ALSPAC). Dates differ in 3 of 100. Shares of cultures and what each adds
are assumed. Short and other forms are drawn from the lists that matching reads, so those figures flatter; letters of
romanisation are changed by rules that matching does not know.
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from gateway.core.child import ComparedChild
from gateway.core.name_forms import list_forms
from gateway.core.names import normalise_name
from tests.population import ENDS, ONSETS, VOWELS, Search, Town, spread

FATHERS = ("somali", "afghan", "arab")
SHARED_SURNAMES = ("sikh", "pakistani", "bangladeshi")
# Of a hundred children: born, on paper, on 1 January.
JANUARY = {"somali": 12, "afghan": 18, "arab": 5, "roma": 1}
# Of a hundred children: bear a name that no list has.
RARE_SURNAME, RARE_FORENAME = 25, 10
ROMANISED = (
    *(
        ("oo", "u"),
        ("ee", "i"),
        ("u", "oo"),
        ("i", "ee"),
        ("kh", "h"),
        ("q", "k"),
        ("y", "i"),
        ("ai", "ay"),
        ("f", "ff"),
    ),
    *(("ss", "s"), ("a", "aa"), ("w", "v"), ("sh", "s"), ("z", "s"), ("dh", "d"), ("ou", "u"), ("j", "y"), ("th", "t")),
)


@dataclass(frozen=True, slots=True)
class NameList:
    """Names, and how often each is borne: the sums of the weights up to it."""

    names: tuple[str, ...]
    sums: Sequence[float]


@dataclass(frozen=True, slots=True)
class Culture:
    """How children of one culture are called."""

    name: str
    share: float
    surnames: NameList
    female: NameList
    male: NameList
    middle: NameList


@cache
def list_cultures() -> tuple[Culture, ...]:
    """Every culture, the commonest first."""
    _, *lines = (Path(__file__).parent / "cultures.csv").read_text("utf-8").splitlines()
    return tuple(
        Culture(
            row["culture"],
            float(row["share"]),
            *(_list_by_rank(tuple(row[kind].split())) for kind in ("surnames", "female", "male", "middle")),
        )
        for row in csv.DictReader(lines)
    )


def _list_by_rank(names: tuple[str, ...]) -> NameList:
    return NameList(names, spread(names))


class MixedTown(Town):
    """Children of one authority, a family at a time, of many cultures. `alike`: as many of each.

    `cultures`: other lists of names. `other_forms`: returns the short and other forms of a forename, by another list
    than matching reads.
    """

    def __init__(
        self,
        size: int,
        seed: int,
        *,
        alike: bool = False,
        cultures: Sequence[Culture] = (),
        other_forms: Callable[[str], Iterable[str]] = list_forms,
    ) -> None:
        """As many children as that, the same for the same seed."""
        self.culture: list[str] = []
        self.other_forms = other_forms
        self._cultures = cultures or list_cultures()
        self._shares = [1.0 if alike else one.share for one in self._cultures]
        self.of = self._cultures[0]
        super().__init__(size, seed)

    def _family(self, most: int) -> None:
        self.of = self.by.choices(self._cultures, self._shares)[0]
        before = len(self.children)
        super()._family(most)
        self.culture += [self.of.name] * (len(self.children) - before)

    def child(self, surname: str, postcode: str, born: date) -> ComparedChild:
        """One child of this family."""
        sex = self.by.choice("FM")
        surname, forename, middle = self._call(normalise_name(surname), sex)
        if self.by.random() * 100 < JANUARY.get(self.of.name, 0.3):
            born = date(born.year, 1, 1)
        return ComparedChild(
            surname=surname,
            forename=forename,
            other_surnames=(),
            other_forenames=(),
            middle_names=middle,
            dob=born,
            dob_estimated=False,
            sex=sex,
            upns=(self.upn(),) if self.by.random() < 0.96 else (),
            postcode=postcode,
        )

    def _call(self, surname: str, sex: str) -> tuple[str, str, tuple[str, ...]]:
        forename, middle = normalise_name(self.forename(sex)), (normalise_name(self._middle()),)
        if self.of.name in FATHERS:
            return surname, forename, middle
        if self.of.name == "sikh":
            title = "singh" if sex == "M" else "kaur"
            return (title, forename, ()) if self.by.random() < 0.3 else (surname, forename, (title,))
        if self.of.name in SHARED_SURNAMES and sex == "M" and self.by.random() < 0.4:
            return surname, f"{self.by.choice(('muhammad', 'mohammed'))} {forename}", ()
        if sex == "M" and self.of.name == "roma":
            surname = re.sub("ova$", "", surname)
        if sex == "F" and self.of.name == "polish":
            surname = re.sub("(?<=[scd])ki$", "ka", surname)
        return surname, forename, middle if self.by.random() < 0.5 else ()

    def surname(self) -> str:
        """A surname of the culture."""
        if self.by.random() * 100 < RARE_SURNAME:
            return self._make_name()
        return self._draw(self.of.surnames)

    def forename(self, sex: str) -> str:
        """A forename of the culture."""
        if self.by.random() * 100 < RARE_FORENAME:
            return self._make_name()
        return self._draw(self.of.female if sex == "F" else self.of.male)

    def _middle(self) -> str:
        return self._draw(self.of.middle)

    def _draw(self, some: NameList) -> str:
        return self.by.choices(some.names, cum_weights=some.sums)[0]

    def _make_name(self) -> str:
        return "".join(self.by.choice(part.split()) for part in (ONSETS, VOWELS, ONSETS, VOWELS, ENDS))

    def stranger(self) -> Search:
        """A search for a child who is elsewhere."""
        self.of = self.by.choices(self._cultures, self._shares)[0]
        made = self.child(self.surname(), self._postcode(), self._born())
        return Search(f"elsewhere: {self.of.name}", replace(made, upns=()), None)

    def ask(self, number: int, kind: str) -> Search | None:
        """A search for this child with this error, and no UPN, from another address; None where it cannot be made."""
        self.of = next(one for one in self._cultures if one.name == self.culture[number])
        ours = self.children[number]
        made = CULTURE_KINDS[kind][1](self, replace(ours, upns=(), postcode=self._postcode()))
        return Search(kind, made, number) if made is not None else None

    def ask_any(self, number: int) -> Search:
        """A search for this child with what errors come, at their rates; the kinds that were made, joined."""
        search = Search("as we have it", replace(self.children[number], upns=(), postcode=self._postcode()), number)
        self.of = next(one for one in self._cultures if one.name == self.culture[number])
        made: list[str] = []
        for kind, (share, make) in CULTURE_KINDS.items():
            if self.by.random() * 100 < share and (child := make(self, search.child)) is not None:
                search, made = replace(search, child=child), [*made, kind]
        return replace(search, kind=" + ".join(made) or "as we have it")


Make = Callable[[MixedTown, ComparedChild], ComparedChild | None]


def _other_surname(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    other = normalise_name(town.surname())
    return replace(child, surname=other) if other != child.surname else None


def _other_forename(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    other = normalise_name(town.forename(child.sex))
    return replace(child, forename=other) if other != child.forename else None


def _fathers_name(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    if town.of.name not in FATHERS or not child.middle_names:
        return None
    return replace(child, surname=child.middle_names[0], middle_names=())


def _shared_surname(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    if town.of.name not in SHARED_SURNAMES:
        return None
    if town.of.name == "sikh":
        title = "singh" if child.sex == "M" else "kaur"
    else:
        title = "khan" if child.sex == "M" else "begum"
    return replace(child, surname=title, middle_names=()) if title != child.surname else None


def _cut_elsewhere(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    if not child.middle_names:
        return None
    if town.by.random() < 0.5:
        return replace(child, surname=f"{child.middle_names[0]} {child.surname}", middle_names=())
    return replace(child, forename=f"{child.forename} {child.middle_names[0]}", middle_names=())


def _january(_: MixedTown, child: ComparedChild) -> ComparedChild | None:
    born = date(child.dob.year, 1, 1)
    return replace(child, dob=born) if born != child.dob else None


def _flagged(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    made = _january(town, child)
    return replace(made, dob_estimated=True) if made else None


def _other_form(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    forms = sorted(town.other_forms(child.forename))
    return replace(child, forename=town.by.choice(forms)) if forms else None


def _romanise(town: MixedTown, name: str) -> str | None:
    possible = [(old, new) for old, new in ROMANISED if old in name[1:]]
    if not possible:
        return None
    old, new = town.by.choice(possible)
    return name[0] + name[1:].replace(old, new, 1)


def _romanised(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    if town.of.name in ("british", "welsh", "irish", "traveller"):
        return None
    surname, forename = _romanise(town, child.surname), _romanise(town, child.forename)
    if town.by.random() < 0.5:
        return replace(child, forename=forename) if forename else None
    return replace(child, surname=surname) if surname else None


def _woman_or_man(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    for end, instead in (("ova", ""), ("ska", "ski"), ("cka", "cki"), ("ski", "ska"), ("cki", "cka")):
        if child.surname.endswith(end):
            return replace(child, surname=child.surname.removesuffix(end) + instead)
    return None


def _particle(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    for begins in ("al ", "mc", "o"):
        if child.surname.startswith(begins) and len(child.surname) > 6:
            rest = child.surname.removeprefix(begins)
            return replace(child, surname=town.by.choice((rest, f"{begins.strip()} {rest}", f"{begins.strip()}{rest}")))
    return None


def _cut_off(_: MixedTown, child: ComparedChild) -> ComparedChild | None:
    return replace(child, surname=child.surname[:8]) if len(child.surname) > 8 else None


def _slip(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    if town.by.random() < 0.5:
        return replace(child, surname=town.slip(child.surname)) if len(child.surname) > 3 else None
    return replace(child, forename=town.slip(child.forename)) if len(child.forename) > 3 else None


def _digit(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    text = child.dob.isoformat()
    at = town.by.choice((3, 6, 8, 9))
    try:
        made = date.fromisoformat(text[:at] + town.by.choice("0123456789") + text[at + 1 :])
    except ValueError:
        return None
    return replace(child, dob=made) if made != child.dob else None


def _turned(_: MixedTown, child: ComparedChild) -> ComparedChild | None:
    try:
        made = child.dob.replace(day=child.dob.month, month=child.dob.day)
    except ValueError:
        return None
    return replace(child, dob=made) if made != child.dob else None


def _far_date(town: MixedTown, child: ComparedChild) -> ComparedChild | None:
    made = date(child.dob.year, 1, 1) + timedelta(town.by.randrange(365))
    return replace(child, dob=made) if made != child.dob else None


# Each kind of error, with its share in a hundred where errors come together.
CULTURE_KINDS: dict[str, tuple[float, Make]] = {
    "another surname": (5.3, _other_surname),
    "another forename": (2, _other_forename),
    "Baby for a forename": (0.3, lambda _, c: replace(c, forename="baby")),
    "middle name for the forename": (
        2,
        lambda _, c: replace(c, forename=c.middle_names[0], middle_names=()) if c.middle_names else None,
    ),
    "short or other form of the forename": (5, _other_form),
    "father's name as surname": (8, _fathers_name),
    "Singh, Kaur, Khan or Begum as surname": (4, _shared_surname),
    "names divided elsewhere": (4, _cut_elsewhere),
    "romanised otherwise": (6, _romanised),
    "ending of the other sex": (10, _woman_or_man),
    "Al-, O' or Mc otherwise": (10, _particle),
    "cut off after eight letters": (0.5, _cut_off),
    "no middle name": (30, lambda _, c: replace(c, middle_names=()) if c.middle_names else None),
    "names swapped": (0.5, lambda _, c: replace(c, surname=c.forename, forename=c.surname)),
    "typing error": (2, _slip),
    "wrong sex": (0.3, lambda _, c: replace(c, sex="F" if c.sex == "M" else "M")),
    "one digit of the date": (1.2, _digit),
    "day and month swapped": (0.5, _turned),
    "1 January, not flagged": (0.7, _january),
    "1 January, flagged": (0.4, _flagged),
    "another day and month": (0.2, _far_date),
}
