"""What a cell of an extract means: yes or no, nothing at all, a name, or something that only a machine writes. No I/O.

What is not known counts for neither yes nor no: whoever asks says what follows from it. What is strange is never a yes,
and never goes out as a name: a person looks. Why is said without a word about the child.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

YES = frozenset(("y", "yes", "true", "1", "x", "complete", "completed", "confirmed"))
NO = frozenset(("", "n", "no", "0", "false"))
# In a column that there is: nothing says what it would hold.
NO_CELL = "no cell in this row"
# Stands for a byte or a sign that no text holds.
STRANGE = "\ufffd"
INVISIBLE = "\ufeff\u200b\u2060\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# C0 and C1 controls and halves of a pair; and a space that cannot be broken where it stands for the second byte of an
# accent
NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]|(?<=[ÃÂ])\xa0|[\ue000-\uf8ff\ufff9-\uffff]")

# As SQL tools, spreadsheets and programming languages write that there is nothing
NOTHING = frozenset(
    (
        *(
            "null",
            "(null)",
            "[null]",
            "<null>",
            "{null}",
            "\\n",
            "nil",
            "none",
            "nan",
            "nat",
            "na",
            "<na>",
            "n/a",
            "n.a.",
        ),
        *(
            "undefined",
            "missing value",
            "not a number",
            "-",
            "--",
            "---",
            ".",
            "?",
            "??",
            "(blank)",
            "[blank]",
            "<blank>",
        ),
    )
)
# Of spreadsheets (#N/A, #NAME?, #WERT!, ####, Err:502), reports (#Error) and databases (#Deleted): a formula or a field
# has failed
ERROR = re.compile(r"#(?:[¡¿]?[^\W\d_][\w/]*\s?[!?]?|#*)|Err(?:or)?[: ]\s?[0-9]{3}", re.IGNORECASE)
# These are also names when they begin with a capital: Null, Nil, Na, Nan, Nat
MAY_BE_NAMES = frozenset(("null", "nil", "na", "nan", "nat"))
NO_NAMES = frozenset(("true", "false", "unknown", "not known", "not recorded", "not available", "tbc", "tba", "error"))
MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
# As a spreadsheet mends "May 1".
DAY = re.compile(rf"[0-9]{{1,2}}-{MONTH}|{MONTH}-[0-9]{{2}}|[0-9.]+E[+-]?[0-9]+", re.IGNORECASE)

PLAIN = re.compile(r"[0-9 '.-]*[A-Za-z][A-Za-z0-9 '.-]*")
SIGNS_OF_NAMES = frozenset("'’‘ʼʻʿʾ`´-‐‑‒–—.,()/&\"“”·‧・ \u200c\u200d")
ENTITY = re.compile(r"&#?[A-Za-z0-9]+;|\\[ux][0-9a-f]{2}|[=%][0-9A-F]{2}", re.IGNORECASE)
# UTF-8 that was read as Windows-1252 and written again: an accent becomes Ã, Â or â with what is no letter behind it
TWICE = re.compile(
    "[ÃÂ](?:[^\\w\\s\x00-\x7f\u0300-\u036f]|[²³¹¼½¾ªºµŠŒŽŸšœžƒ])"
    "|â(?:[^\\w\\s\x00-\x7f\u0300-\u036f’‘]|[²³¹¼½¾])"
    "|(?<=[a-zà-öø-ÿ])[ÃÂ]"
)
# Where nothing says how a file is written, it is read as Windows-1252: what letters of other encodings look like in it.
# One such name shows it of the whole file; what may as well be right holds that name alone
LOWER, UPPER = "a-zà-öø-ÿšœž", "A-ZÀ-ÖØ-ÞŠŒŽ"
OTHER_ENCODING = re.compile(
    f"[ƒµªºŸ]|(?<=[{LOWER}])[À-ÖØ-ÞŠŒŽ]|(?<=[{UPPER}])[À-ÖØ-ÞŠŒŽ](?=[{LOWER}])"
    f"|(?<=[{UPPER}][{UPPER}])[à-öø-ÿšœž]|\xa0(?=[{LOWER}])|[À-ÖØ-öø-ÿ]{{3}}"
)
# as a Mac writes í or ñ; as Turkish Windows writes ğ, ş and ı, where another has ð, þ and ý
MAYBE_OTHER = re.compile(f"(?<=[{LOWER}])[’‘–—“”](?=[{LOWER}]|$)|[ðþýÐÞÝ]")
WRITTEN = (
    "The name or address may have wrong characters, because of the encoding of the file. Export the file as UTF-8."
)
MACHINE = "A cell has an error or an empty value that a spreadsheet or database wrote."
MONTH_FIRST = "Other rows have the month before the day, so this date may be wrong. Write dates as 2015-03-31."
SIGN = (
    "A name includes a character that names do not have. Correct it in the case management system, or send it as it is."
)


def is_yes(text: str) -> bool:
    """Tell whether it is a word that means yes, and no other."""
    return text.casefold() in YES


def may_be_yes(text: str) -> bool:
    """Tell whether it is anything but empty or no."""
    return text.casefold() not in NO


def clean_cell(text: str) -> str:
    """Return what a cell holds, in one spelling: trimmed also of invisible characters; what is no text is marked as
    STRANGE.
    """
    # So its only white space are blanks, and nothing in it cannot be seen.
    if text.isprintable():
        text = text.strip()
        return " ".join(text.split()) if "  " in text else text
    return " ".join(NO_TEXT.sub(STRANGE, text).split()).strip(INVISIBLE).strip()


def is_nothing(text: str) -> bool:
    """Tell whether it is how a machine writes that there is nothing."""
    return text.casefold() in NOTHING


def is_error(text: str) -> bool:
    """Tell whether it is how a spreadsheet or a report writes that something has failed."""
    return text[:1] in ("#", "E", "e") and bool(ERROR.fullmatch(text))


def blank_if_machine_written(text: str) -> str:
    """Return what a cell holds that is not a name; empty where a machine wrote that there is nothing, or that something
    failed.
    """
    return "" if is_nothing(text) or is_error(text) else text


def find_doubt(names: Sequence[str], others: Iterable[str] = (), *, guessed: bool = False) -> str:
    """Return why the names of a child, the surname first, or its other words must be looked at; empty where nothing is
    strange.

    `guessed`: nothing says how the file is written.
    """
    others = list(others)
    every = (*names, *others)
    if any(STRANGE in text or TWICE.search(text) for text in every if not text.isascii()):
        return WRITTEN
    if guessed and any(MAYBE_OTHER.search(name) or seems_of_other_encoding(name) for name in names):
        return WRITTEN
    if any(map(is_error, others)) or any(map(is_machine_written, names)):
        return MACHINE
    given_names = [name for name in names if name]
    if given_names and all(map(is_nothing, given_names)):
        return MACHINE
    return SIGN if any(map(_has_strange_sign, names)) else ""


def is_machine_written(name: str) -> bool:
    """Tell whether it is no name, but what a machine, or a person in its place, writes for none.

    A child may be called Null.
    """
    small = name.casefold()
    if is_error(name):
        return bool(name)
    if small in NOTHING:
        return not (small in MAY_BE_NAMES and name == name.capitalize())
    return (small in NO_NAMES and not (small in ("true", "false") and name == name.capitalize())) or bool(
        DAY.fullmatch(name)
    )


def _has_strange_sign(name: str) -> bool:
    if not name or PLAIN.fullmatch(name):
        return False
    kinds = [unicodedata.category(sign) for sign in name]
    if ENTITY.search(name) or not any(kind[0] == "L" for kind in kinds):
        return True
    return any(
        kind[0] not in "LM" and kind != "Nd" and sign not in SIGNS_OF_NAMES
        for sign, kind in zip(name, kinds, strict=True)
    )


def seems_of_other_encoding(name: str) -> bool:
    """Tell whether a name that was read as Windows-1252 shows that its file was written otherwise."""
    return not name.isascii() and bool(OTHER_ENCODING.search(name) or STRANGE in name or _has_strange_sign(name))
