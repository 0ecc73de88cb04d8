"""Which authority somebody means: found by any part of its name, its DfE code, or the name of one that it replaced.

    exactly one name or code, in any case and spelling of signs     -> that authority
    anything less                                                   -> those that may be meant, the likeliest first

A notice goes where somebody said, never where a part of a word pointed: what is not exact is offered, and chosen.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache

from schemas import codes

# That are offered at once.
MOST_FOUND = 12
# Characters of what somebody types that are looked at.
MOST_TYPED = 100
# Of a word, before a slip of the pen is looked for; and how alike the two must be.
SLIP_FROM, ALIKE = 4, 0.75
CODE = re.compile(r"[0-9]{1,3}")
IN_LIST = re.compile(r".*\(([0-9]{3})\)[^()]*")


@dataclass(frozen=True, slots=True)
class FoundAuthority:
    """An authority that may be meant; `former`: the one that it replaced, by whose name it was found."""

    code: str
    name: str
    former: str = ""


def find_exact_authority(text: str, among: Collection[str]) -> str | None:
    """Return the code of the one of these that has this name, code or entry in a list; None for anything less."""
    listed = IN_LIST.fullmatch(text.strip()[:MOST_TYPED])
    plain = _normalise(listed[1] if listed else text[:MOST_TYPED])
    exact = [code for code in among if plain in (code, _normalise(codes.authority_name(code) or code))]
    return exact[0] if len(exact) == 1 else None


def find_authorities(text: str, among: Collection[str]) -> list[FoundAuthority]:
    """Find the ones of these that may be meant, the likeliest first; none where nothing was typed."""
    plain = _normalise(text[:MOST_TYPED])
    if not plain:
        return []
    if CODE.fullmatch(plain):
        by_code = [FoundAuthority(code, _name_live(code)) for code in among if code.startswith(plain)]
        return sorted(by_code + _find_former(plain, among), key=lambda authority: authority.code)[:MOST_FOUND]
    by_name = [FoundAuthority(code, _name_live(code)) for code in among if _is_part(plain, _name_live(code))]
    by_name.sort(key=lambda authority: (_rank(plain, authority.name), authority.name))
    known = {authority.code for authority in by_name}
    meant = by_name + [it for it in _find_former(plain, among) if it.code not in known]
    return (meant or _find_alike(plain, among))[:MOST_FOUND]


def _find_former(plain: str, among: Collection[str]) -> list[FoundAuthority]:
    """Find those that replaced one of this name, or code."""
    return [
        FoundAuthority(successor, _name_live(successor), name)
        for code, name, successors in _list_former()
        if code == plain or _is_part(plain, name)
        for successor in successors
        if successor in among
    ]


@cache
def _list_former() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    rows = {row["code"]: row for row in codes.list_rows("authorities_ended")}

    def follow(code: str, seen: frozenset[str]) -> Iterator[str]:
        if code not in rows:
            yield code
        elif code not in seen:
            for successor in rows[code]["successors"].split():
                yield from follow(successor, seen | {code})

    return tuple((code, row["label"], tuple(follow(code, frozenset()))) for code, row in rows.items())


def _find_alike(plain: str, among: Collection[str]) -> list[FoundAuthority]:
    """Find those whose names have a word like each of these: a slip of the pen."""
    alike = []
    for code in among:
        parts = _normalise(_name_live(code)).split()
        if all(len(word) >= SLIP_FROM and get_close_matches(word, parts, 1, ALIKE) for word in plain.split()):
            alike.append(FoundAuthority(code, _name_live(code)))
    return sorted(alike, key=lambda it: it.name)


def _is_part(plain: str, name: str) -> bool:
    """Tell whether each word that was typed is part of the name."""
    whole = _normalise(name)
    return all(word in whole for word in plain.split())


def _rank(plain: str, name: str) -> int:
    """Rank how well a name fits: it begins so, one of its words does, or it only holds it."""
    whole = _normalise(name)
    return 0 if whole.startswith(plain) else 1 if f" {plain}" in whole else 2


def _name_live(code: str) -> str:
    return codes.authority_name(code) or code


@lru_cache(1024)
def _normalise(text: str) -> str:
    """Return a name in one spelling: small letters without accents, `and` for &, one space for other signs."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(re.sub(r"['’.]", "", plain.replace("&", " and ")).replace(",", " ").replace("-", " ").split())
