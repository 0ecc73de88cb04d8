"""An invented population, with families, siblings, twins and namesakes; and searches, with the errors that people make.

Names are drawn as unevenly as they are borne: a few are common, so that namesakes with near dates of birth are there,
and most are rare. The lists are ours, of spellings that every school knows; rare names are made of syllables. Shares
are assumptions, not counts: what is known of errors in such notices is that they are there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from random import Random

from gateway.core.child import ComparedChild
from gateway.core.names import normalise_name
from schemas.identifiers import CHECK_ALPHABET, upn_check_letter

SURNAMES = """Smith Khan Jones Ahmed Singh Ali Williams Hussain Taylor Brown Begum Patel Kaur Davies Evans Mahmood Wilson Thomas
Roberts Johnson Lewis Walker Robinson Wood Thompson White Watson Jackson Wright Green Harris Cooper King Lee Martin Clarke James
Morgan Hughes Edwards Hill Moore Clark Harrison Scott Young Morris Hall Ward Turner Carter Phillips Mitchell Patterson Adams
Campbell Anderson Allen Cook Bailey Parker Miller Davis Murphy Price Bell Baker Griffiths Kelly Simpson Marshall Collins Bennett Cox
Richardson Fox Gray Rose Chapman Hunt Robertson Shaw Reynolds Lloyd Ellis Richards Russell Wilkinson Graham Stewart Reid
Murray Powell Palmer Holmes Rogers Stevens Walsh Hunter Thomson Matthews Ross Owen Mason Knight Kennedy Butler Saunders Chowdhury
Choudhury Rahman Islam Miah Uddin Akhtar Malik Iqbal Shah Sharma Gill Sandhu Dhillon Nowak Kowalski Wojcik Popescu Ionescu Okafor
Adeyemi Mensah Osei Mohamed Abdi Hassan Ibrahim Yusuf Nguyen Chen Wang Silva Santos Kovalenko Shevchenko"""
FEMALE = """Olivia Amelia Isla Ava Mia Ivy Lily Isabella Rosie Sophia Grace Freya Willow Florence Emily Ella Poppy Evie Elsie
Charlotte Evelyn Sienna Sofia Daisy Phoebe Sophie Alice Harper Matilda Ruby Emilia Maya Millie Isabelle Eva Luna Jessica Ada
Fatima Aisha Maryam Zainab Khadija Hannah Elizabeth Katherine Abigail Rebecca Victoria Alexandra Samantha Zara Amina Safa Anaya
Simran Jasleen Zofia Maja Ioana Chloe Megan Lucy Holly Scarlett Layla Imogen Molly Erin Leah Jasmine Amber Nicole Georgia"""
MALE = """Muhammad Noah George Oliver Leo Arthur Oscar Theodore Freddie Theo Archie Jack Charlie Henry Harry Jacob Thomas William
Alfie James Joshua Alexander Lucas Adam Isaac Max Daniel Joseph Ethan Samuel Benjamin Edward Mohammed Logan Reuben Yusuf Ibrahim
Ali Ahmed Hassan Hamza Omar Abdullah Zayn Jayden Hayden Aiden Jake Luke Matthew Michael Nathan Ryan Liam Callum Connor Kian Arjun
Rohan Jakub Filip Kacper Andrei David Gabriel Finley Riley Toby Louie Frankie Stephen Christopher Nicholas Anthony"""
SHORT = {
    "Isabella": "Bella", "Charlotte": "Lottie", "Elizabeth": "Lizzie", "Katherine": "Katie", "Abigail": "Abby", "Rebecca": "Becky",
    "Victoria": "Vicky", "Samantha": "Sam", "Jessica": "Jess", "Matilda": "Tilly", "Theodore": "Theo", "Thomas": "Tom",
    "William": "Bill", "Joshua": "Josh", "Alexander": "Alex", "Daniel": "Dan", "Joseph": "Joe", "Samuel": "Sam", "Benjamin": "Ben",
    "Edward": "Ted", "Matthew": "Matt", "Michael": "Mike", "Nathan": "Nate", "Stephen": "Steve", "Christopher": "Chris",
    "Nicholas": "Nick", "Anthony": "Tony", "Alexandra": "Lexi", "Oliver": "Ollie",
}  # fmt: skip
ROMANISED = {
    "Muhammad": "Mohamed", "Mohammed": "Muhammad", "Yusuf": "Youssef", "Ahmed": "Ahmad", "Ibrahim": "Ebrahim", "Hassan": "Hasan",
    "Aisha": "Ayesha", "Fatima": "Fatimah", "Zainab": "Zaynab", "Khadija": "Khadijah", "Maryam": "Mariam", "Omar": "Umar",
    "Abdullah": "Abdallah", "Amina": "Aminah", "Zayn": "Zain", "Hussain": "Hussein", "Chowdhury": "Choudhry", "Mahmood": "Mahmud",
    "Akhtar": "Akthar", "Jakub": "Yakub", "Zofia": "Sofia", "Hamza": "Hamzah",
}  # fmt: skip
ONSETS = "b br c ch d f g gl h j k kr l m n p pr r s sh st t th tr v w y z"
VOWELS = "a e i o u ai ee ou"
ENDS = "n r l s m t nd rd ck ston ley ton ski wala ez ova"
# How many bear a name of the lists.
COMMON = {"surname": 0.62, "forename": 0.85}
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
# Of birth: eighteen years.
FIRST_DAY, DAYS = date(2008, 9, 1), 6575


@dataclass(frozen=True, slots=True)
class Search:
    """A search that came: what it says, which error it holds, and the number of the child who is meant, if there is
    one.
    """

    kind: str
    child: ComparedChild
    meant: int | None


@cache
def spread(some: tuple[str, ...]) -> list[float]:
    """How unevenly names are borne, the commonest first."""
    return list(accumulate(1 / (n + 4) for n in range(len(some))))


class Town:
    """Children of one authority, a family at a time."""

    def __init__(self, size: int, seed: int) -> None:
        """As many children as that, the same for the same seed."""
        self.by = Random(seed)
        self._names = {names: (some := tuple(names.split()), spread(some)) for names in (SURNAMES, FEMALE, MALE)}
        self._parts = [part.split() for part in (ONSETS, VOWELS, ONSETS, VOWELS, ENDS)]
        self._serial = 0
        self.children: list[ComparedChild] = []
        self.family: list[int] = []
        while len(self.children) < size:
            self._family(size - len(self.children))

    def _family(self, most: int) -> None:
        surname, postcode, number = self.surname(), self._postcode(), len(self.family)
        born = self._born()
        for _ in range(min(most, self.by.choices((1, 2, 3, 4, 5), (35, 38, 17, 7, 3))[0])):
            child = self.child(surname, postcode, born)
            if child.forename not in [one.forename for one in self.children[number:]]:
                self.children.append(child)
                self.family.append(number)
            # Or the next is a twin.
            if self.by.random() > 0.03:
                born = FIRST_DAY + timedelta((born - FIRST_DAY).days + self.by.randint(330, 1600))
                born = born if born < FIRST_DAY + timedelta(DAYS) else self._born()

    def child(self, surname: str, postcode: str, born: date) -> ComparedChild:
        """One child of this family."""
        sex = self.by.choice("FM")
        known = self.by.random() < 0.96
        return ComparedChild(
            surname=normalise_name(surname),
            forename=normalise_name(self.forename(sex)),
            other_surnames=(),
            other_forenames=(),
            middle_names=(normalise_name(self.forename(sex)),) if self.by.random() < 0.6 else (),
            dob=born,
            dob_estimated=False,
            sex=sex,
            upns=(self.upn(),) if known else (),
            postcode=postcode,
        )

    def surname(self) -> str:
        """As unevenly as they are borne; one in twenty is double-barrelled."""
        one = self._one("surname", SURNAMES)
        return f"{one}-{self._one('surname', SURNAMES)}" if self.by.random() < 0.05 else one

    def forename(self, sex: str) -> str:
        """As unevenly as they are borne."""
        return self._one("forename", FEMALE if sex == "F" else MALE)

    def _one(self, kind: str, common: str) -> str:
        if self.by.random() < COMMON[kind]:
            names, uneven = self._names[common]
            return self.by.choices(names, cum_weights=uneven)[0]
        return "".join(self.by.choice(part) for part in self._parts).capitalize()

    def upn(self) -> str:
        """A UPN that nobody else has."""
        self._serial += 1
        body = f"{self.by.choice((333, 330, 885, 352))}{self.by.randint(2000, 6999)}{self.by.randint(12, 24)}{self._serial % 1000:03}"
        return upn_check_letter(body) + body

    def _postcode(self) -> str:
        return f"B{self.by.randint(60, 79)}{self.by.randint(1, 9)}{self.by.choice('ABDEFGHJ')}{self.by.choice(CHECK_ALPHABET)}"

    def _born(self) -> date:
        return FIRST_DAY + timedelta(self.by.randrange(DAYS))

    def searches(self, known: int, elsewhere: int) -> list[Search]:
        """Searches for children who are here, each kind of error in its share, and for children who are not."""
        kinds, shares = list(KINDS), [share for share, _ in KINDS.values()]
        asked = self.by.choices(kinds, shares, k=known)
        return [*map(self.search, asked), *(self._stranger() for _ in range(elsewhere))]

    def search(self, kind: str) -> Search:
        """A search for a child who is here, with this error."""
        while True:
            number = self.by.randrange(len(self.children))
            made = KINDS[kind][1](self, self._as_asked(self.children[number]))
            if made is not None:
                return Search(kind, made, number)

    def _as_asked(self, child: ComparedChild) -> ComparedChild:
        """As another authority knows the child: mostly at another address, and with the UPN in four of five."""
        moved = self.by.random() < 0.9
        upns = child.upns if self.by.random() < 0.8 else ()
        return replace(child, postcode=self._postcode() if moved else child.postcode, upns=upns)

    def _stranger(self) -> Search:
        chance = self.by.random()
        known = self.by.choice(self.children)
        upns = (self.upn(),) if self.by.random() < 0.8 else ()
        other = self.child(self.surname(), self._postcode(), self._born())
        # Whose family is here.
        if chance < 0.05:
            near = known.dob if self.by.random() < 0.3 else other.dob
            other = replace(other, surname=known.surname, postcode=known.postcode, dob=near)
            if other.forename == known.forename:
                other = replace(other, forename="zzyx")
            return Search("elsewhere: brother, sister or twin of one here", replace(other, upns=upns), None)
        if chance < 0.10:
            other = replace(other, surname=known.surname, forename=known.forename, sex=known.sex)
            return Search("elsewhere: namesake of one here", replace(other, upns=upns), None)
        return Search("elsewhere", replace(other, upns=upns), None)

    def slip(self, name: str) -> str:
        """A name with one letter wrong, missing, too many, or two in the wrong order."""
        at = self.by.randrange(1, len(name)) if len(name) > 1 else 0
        letter = self.by.choice(ALPHABET)
        match self.by.randrange(4):
            case 0:
                return name[:at] + letter + name[at + 1 :]
            case 1:
                return name[:at] + name[at + 1 :]
            case 2:
                return name[:at] + letter + name[at:]
            case _:
                return name[: at - 1] + name[at] + name[at - 1] + name[at + 1 :]


def _swapped(town: Town, child: ComparedChild) -> ComparedChild | None:
    try:
        made = replace(child, dob=child.dob.replace(day=child.dob.month, month=child.dob.day))
    except ValueError:
        return None
    return made if made.dob != child.dob else None


def _digit(town: Town, child: ComparedChild) -> ComparedChild | None:
    text = child.dob.isoformat()
    at = town.by.choice((3, 5, 6, 8, 9))
    try:
        made = date.fromisoformat(text[:at] + town.by.choice("0123456789") + text[at + 1 :])
    except ValueError:
        return None
    return replace(child, dob=made) if made != child.dob else None


def _slip(town: Town, child: ComparedChild) -> ComparedChild | None:
    if town.by.random() < 0.5:
        return replace(child, surname=town.slip(child.surname)) if len(child.surname) > 3 else None
    return replace(child, forename=town.slip(child.forename)) if len(child.forename) > 3 else None


def _other_spelling(names: dict[str, str]) -> "Kind":
    spelled = {normalise_name(one): normalise_name(other) for one, other in names.items()}

    def made(town: Town, child: ComparedChild) -> ComparedChild | None:
        forename, surname = spelled.get(child.forename), spelled.get(child.surname)
        if not forename and not surname:
            return None
        return replace(child, forename=forename or child.forename, surname=surname or child.surname)

    return made


def _part(town: Town, child: ComparedChild) -> ComparedChild | None:
    first, _, last = child.surname.partition(" ")
    return replace(child, surname=town.by.choice((first, last))) if last else None


Kind = Callable[[Town, ComparedChild], ComparedChild | None]


def _no_upn(child: ComparedChild) -> ComparedChild:
    return replace(child, upns=())


# Each kind of error, with its share in a hundred.
KINDS: dict[str, tuple[int, Kind]] = {
    "as we have it": (30, lambda _, c: c),
    "no UPN": (14, lambda _, c: _no_upn(c)),
    "temporary UPN": (3, lambda t, c: replace(c, upns=(t.upn()[:-1] + "B",))),
    "another UPN": (2, lambda t, c: replace(c, upns=(t.upn(),))),
    "UPN given as former": (2, lambda t, c: replace(c, upns=(t.upn(), *c.upns)) if c.upns else None),
    "day and month swapped": (4, lambda t, c: _swapped(t, _no_upn(c))),
    "one digit of the date": (4, lambda t, c: _digit(t, _no_upn(c))),
    "estimated date": (3, lambda _, c: replace(_no_upn(c), dob=date(c.dob.year, 1, 1), dob_estimated=True)),
    "nickname": (5, lambda t, c: _other_spelling(SHORT)(t, _no_upn(c))),
    "other romanisation": (5, lambda t, c: _other_spelling(ROMANISED)(t, _no_upn(c))),
    "typing error": (6, lambda t, c: _slip(t, _no_upn(c))),
    "half of a double-barrelled name": (3, lambda t, c: _part(t, _no_upn(c))),
    "names swapped": (3, lambda _, c: replace(_no_upn(c), surname=c.forename, forename=c.surname)),
    "known by the middle name": (
        3,
        lambda _, c: replace(_no_upn(c), forename=c.middle_names[0]) if c.middle_names else None,
    ),
    "former surname given too": (
        3,
        lambda t, c: replace(_no_upn(c), surname=normalise_name(t.surname()), other_surnames=(c.surname,)),
    ),
    "another surname, with the UPN": (
        2,
        lambda t, c: replace(c, surname=normalise_name(t.surname())) if c.upns else None,
    ),
    "one name only": (1, lambda _, c: replace(c, surname=c.forename, forename="") if c.upns else None),
    "typing error, and a swapped date": (2, lambda t, c: (s := _slip(t, _no_upn(c))) and _swapped(t, s)),
    "typing error, and a digit": (2, lambda t, c: (s := _slip(t, _no_upn(c))) and _digit(t, s)),
    "typing error in the UPN": (3, lambda t, c: replace(c, upns=(t.slip(c.upns[0]).upper(),)) if c.upns else None),
}
