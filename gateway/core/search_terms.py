"""By which terms a message can be found. No I/O. What a person types is read in `typed_search`.

    upn, uln         of the child, former ones too; the UPNs of brothers and sisters whom it names
    surname          the present, preferred and former one; each part of a double-barrelled name, and the whole, written
                     together
    forename         the same of forename, middle names, and what the child is called
    ...-sound        how each of these sounds, for names that are spelt nearly alike
    dob              the date of birth
    postcode, phone  of addresses and adults in an unrestricted notice
    reference        the last twelve characters of MessageId and ConversationId, as lists show them

Of a phone-only child nothing can be found but the reference. A surname and a date together are no term of their own: a
date has so few messages that asking each of them for the name costs less than one more mark in every message
(`benchmarks/find.py`).

Whatever a search can work out for itself is no term: a year is its days, a slip of the keyboard every spelling that is
one letter off (`near_spellings`). So the index holds no more of a name than its spelling and its sound. The beginning
of a name is no term either: the marks of beginnings repeat so often that they would betray how names begin.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from gateway.core.names import name_sound, normalise_name
from schemas.message import RESTRICTIONS, Address, Child, Contact, Message, Sibling

# Of the terms. Where they change, it rises, and a gateway that runs makes older messages findable by the new ones.
INDEX_VERSION = 2
# Characters of an id: its last group.
TAIL = 12
# Of the United Kingdom, after which the first zero is left out.
COUNTRY = "44"


NameKind: TypeAlias = Literal["surname", "forename"]
NAME_KINDS: tuple[NameKind, ...] = ("surname", "forename")
# Fields of a child.
OF_SURNAME = ("surname", "preferred_surname", "former_surname")
OF_FORENAME = ("forename", "middle_names", "preferred_forename")


class Term(NamedTuple):
    """One thing by which a message can be found."""

    kind: str
    value: str


def list_terms(message: Message) -> set[Term]:
    """Return by which terms this message can be found."""
    head = message.header
    all_terms = {build_reference(head.message_id), build_reference(head.case_id)}
    if message.restriction != RESTRICTIONS[-1]:
        for child in message.list_all(Child):
            all_terms.update(list_child_terms(child))
        all_terms.update(Term("upn", sibling.upn) for sibling in message.list_all(Sibling) if sibling.upn)
    if message.restriction == RESTRICTIONS[0]:
        all_terms.update(_place_terms(message))
    return all_terms


def build_reference(written: str) -> Term:
    """Build the term of an id, or of its end."""
    return Term("reference", written[-TAIL:])


def list_child_terms(child: Child) -> set[Term]:
    """Return by which terms a child is found."""
    written = {name: getattr(child, name) for name in ("upn", "unique_learner_number", *OF_SURNAME, *OF_FORENAME)}
    return list_written_terms({**written, "former_upn": child.former_upn, "dob": child.dob.isoformat()})


def list_written_terms(child: Mapping[str, Any]) -> set[Term]:
    """Return by which terms a child is found of which so far this is written, by the names of the fields of `Child`."""
    terms = {Term("upn", upn) for upn in (child.get("upn"), *(child.get("former_upn") or ())) if upn}
    terms |= {
        Term(kind, child[name]) for kind, name in (("uln", "unique_learner_number"), ("dob", "dob")) if child.get(name)
    }
    for kind, fields in (("surname", OF_SURNAME), ("forename", OF_FORENAME)):
        for name in list_name_parts(child.get(field) for field in fields):
            terms |= {Term(kind, name), build_sound(kind, name)}
    return terms


def _place_terms(message: Message) -> Iterator[Term]:
    """Yield where the child lived or is to live, and how to reach the adults."""
    for address in message.list_all(Address):
        if address.post_code:
            yield Term("postcode", normalise_postcode(address.post_code))
    for contact in message.list_all(Contact):
        if contact.phone_no:
            yield Term("phone", normalise_phone(contact.phone_no))


def list_name_parts(names: Iterable[str | None]) -> Iterator[str]:
    """Yield what these names are found by: each part, and the whole written together."""
    for name in filter(None, names):
        parts = normalise_name(name).split()
        for part in {*parts, join_name(name), *(map(join_name, name.split()) if len(parts) > 2 else ())}:
            if says_enough(part):
                yield part


def join_name(name: str) -> str:
    """Return a name in small letters without accents, written together."""
    return normalise_name(name).replace(" ", "")


def build_sound(kind: str, name: str) -> Term:
    """Build the term of how a name sounds."""
    return Term(f"{kind}-sound", name_sound(name))


def says_enough(name: str) -> bool:
    """Tell whether a name says enough: an initial does not; a letter that is a whole word in its script does."""
    return len(name) > 1 or not name.isascii()


def normalise_postcode(written: str) -> str:
    """Return a postcode in capitals, without spaces."""
    return "".join(written.split()).upper()


def normalise_phone(written: str) -> str:
    """Return the digits of a telephone number as it is dialled here; another country's with its code and a plus."""
    digits = re.sub("[^0-9]", "", written)
    if not written.lstrip(" (").startswith("+") and not digits.startswith("00"):
        return digits
    whole = digits.removeprefix("00")
    return f"0{whole.removeprefix(COUNTRY).lstrip('0')}" if whole.startswith(COUNTRY) else f"+{whole}"
