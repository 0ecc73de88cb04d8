"""The cultures of `tests.cultures` with names that others published, where their packages are installed beside it.

Surnames are those of Faker (MIT): with counts for the British (Office for National Statistics), as a plain list
otherwise, of which each name is borne as often as the next. Forenames, and which is a short form of which, are those of
`nam_dict.txt` (Jörg Michael, 2008, GNU Free Documentation License), as gender-guesser carries it: a digit says how
common each is in a country, and each step is twice as many people. Neither has anything to do with matching.

What no list was found for keeps ours: all names of Sikh, Somali, Roma and Bangladeshi families, the surnames of
Pakistani, Afghan, Welsh and Traveller families, the forenames of West African families.
"""

import string
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module, resources
from itertools import accumulate, product

from gateway.core.names import normalise_name
from tests.cultures import Culture, NameList, list_cultures

# Whose surnames Faker has, by the name of its lists.
SURNAMES = {
    "british": ("en_GB",),
    "hindu": ("en_IN",),
    "polish": ("pl_PL",),
    "romanian": ("ro_RO",),
    "west-african": ("yo_NG", "ig_NG", "ha_NG", "tw_GH"),
    "arab": ("fr_DZ",),
    "chinese": ("zh_CN",),
    "vietnamese": ("vi_VN",),
    "portuguese": ("pt_PT", "pt_BR"),
    "irish": ("en_IE",),
    "turkish-kurdish": ("tr_TR",),
}
# Its lists of surnames; of Chinese names those in Latin letters.
LISTS = ("last_romanized_names", "last_names", "unisex_last_names", "male_last_names")
# Whose forenames the dictionary has, by their column in it.
FORENAMES = {
    "british": 30,
    "irish": 31,
    "welsh": 30,
    "traveller": 31,
    "portuguese": 35,
    "polish": 53,
    "romanian": 57,
    "turkish-kurdish": 76,
    "arab": 77,
    "pakistani": 77,
    "afghan": 77,
    "chinese": 79,
    "hindu": 80,
    "vietnamese": 83,
}
# In its lines: what a name is, the name, and a second sorting of the same name.
SEXES = {"F": "F", "1F": "F", "?F": "F", "M": "M", "1M": "M", "?M": "M", "?": "FM"}
NAME, SORTED_AGAIN = slice(3, 29), 29


def list_published_cultures() -> Sequence[Culture]:
    """List every culture, with published names where there are any."""
    forenames = _read_forenames()
    return [_replace_names(culture, forenames) for culture in list_cultures()]


def list_short_forms() -> Mapping[str, frozenset[str]]:
    """List for each forename its short and long forms, as the dictionary pairs them."""
    forms: dict[str, set[str]] = defaultdict(set)
    for line in _read_lines():
        if line.startswith("="):
            short, full = (normalise_name(name) for name in line[NAME].split())
            forms[short].add(full)
            forms[full].add(short)
    return {name: frozenset(others) for name, others in forms.items()}


def _replace_names(culture: Culture, forenames: Mapping[tuple[str, int], NameList]) -> Culture:
    if culture.name in SURNAMES:
        culture = replace(culture, surnames=_list_surnames(SURNAMES[culture.name]))
    if column := FORENAMES.get(culture.name):
        female, male = forenames["F", column], forenames["M", column]
        culture = replace(culture, female=female, male=male, middle=male)
    return culture


def _list_surnames(locales: Iterable[str]) -> NameList:
    weights: dict[str, float] = {}
    for locale in locales:
        provider = import_module(f"faker.providers.person.{locale}").Provider
        some = next(names for name in LISTS if len(names := getattr(provider, name, ())) > 1)
        weights |= some if isinstance(some, Mapping) else dict.fromkeys(some, 1.0)
    return _build_list(weights)


def _read_forenames() -> Mapping[tuple[str, int], NameList]:
    weights: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for line in _read_lines():
        if line[SORTED_AGAIN] == "+":
            continue
        # A plus in a name stands for a hyphen, a space or nothing.
        name = line[NAME].strip().replace("+", " ")
        for sex, column in product(SEXES.get(line[:2].strip(), ""), set(FORENAMES.values())):
            if line[column] in string.hexdigits:
                weights[sex, column][name] = 2.0 ** int(line[column], 16)
    return {key: _build_list(names) for key, names in weights.items()}


def _read_lines() -> Iterable[str]:
    text = resources.files("gender_guesser").joinpath("data/nam_dict.txt").read_text("utf-8")
    return (line for line in text.splitlines() if not line.startswith("#"))


def _build_list(weights: Mapping[str, float]) -> NameList:
    return NameList(tuple(weights), list(accumulate(weights.values())))
