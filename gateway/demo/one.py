"""A ONE that does not exist, for the demo and the tests: it takes Common Transfer Files in, and says what it made of
each.

It does what ONE's help describes: no space in a file's name, the current version or the one before, a family name must
be there, names no longer than its fields; a pupil is matched, matched with conflicts, or unmatched. It reads the files
by itself, with nothing of what wrote them, so that it finds our mistakes.
"""

import csv
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lxml import etree

WRONG_VERSION = "CTF is not an expected version. Proceeding with upload may mean some data may not import."
NAME = re.compile(r"[0-9]{3}(LLLL|[0-9]{4})_(CTF|CML|CMJ)_([0-9]{3}(LLLL|[0-9]{4})|XXXXXXX|MMMMMMM)_[0-9]{3}\.xml")
# Where in a file, the field's name in ONE, its length.
FIELDS = (
    ("UPN", "UPN", 13),
    ("UniqueLearnerNumber", "ULN", 10),
    ("Surname", "Family Name", 30),
    ("Forename", "Given Name", 15),
    ("BasicDetails/FormerUPN", "Former UPN", 13),
    ("BasicDetails/MiddleNames", "Given Name 2", 25),
    ("BasicDetails/PreferredSurname", "Chosen Family Name", 30),
    ("BasicDetails/PreferredForename", "Chosen Given Name", 15),
)


@dataclass(frozen=True, slots=True)
class Student:
    """A child whom ONE has already."""

    family_name: str
    given_name: str
    dob: str
    upn: str = ""


def answer_files(imports: Path, answers: Path, students: Sequence[Student], today: date) -> dict[str, str]:
    """Take in every file that lies there, and answer in one extract: file name to result."""
    files = sorted(file for file in imports.iterdir() if file.is_file() and not file.name.startswith("."))
    results = {file.name: judge_file(file.name, file.read_bytes(), students, today) for file in files}
    if results:
        half = answers / ".extract"
        with half.open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(("File Name", "Result"))
            table.writerows(results.items())
        # It has not grown for long.
        os.utime(half, (0, 0))
        half.rename(answers / f"answers-{files[0].stem}.csv")
    (imports / "processed").mkdir(exist_ok=True)
    # After the answer: who is stopped in between answers again.
    for file in files:
        file.rename(imports / "processed" / file.name)
    return results


def judge_file(name: str, text: bytes, students: Sequence[Student], today: date) -> str:
    """Return what it makes of one file: one of its three words, or its error."""
    if not NAME.fullmatch(name):
        return "The file name does not have the form of a CTF's, or has a space."
    root = etree.fromstring(text)
    pupils = root.findall("./CTFpupilData/Pupil")
    newest = today.year % 100 if today.month >= 8 else today.year % 100 - 1
    if root.tag != "CTfile" or root.findtext("./Header/CTFversion") not in (f"{newest}.0", f"{newest - 1}.0"):
        return WRONG_VERSION
    if len(pupils) != 1:
        return "There is not one pupil in the file."
    faults = list(_faults(name, root, pupils[0]))
    return faults[0] if faults else _match(pupils[0], students)


def _faults(name: str, root: etree._Element, pupil: etree._Element) -> Iterator[str]:
    places = [
        root.findtext(f"./Header/{school}/{part}") or ""
        for school in ("SourceSchool", "DestSchool")
        for part in ("LEA", "Estab")
    ]
    if name[:7] != "".join(places[:2]) or name[12:19] != "".join(places[2:]):
        yield "The file name and its header name different places."
    if not pupil.findtext("Surname"):
        yield "Family Name is mandatory."
    for path, field, longest in FIELDS:
        if len(pupil.findtext(path) or "") > longest:
            yield f"{field} is longer than {longest} characters."
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", pupil.findtext("DOB") or ""):
        yield "DOB is not a date."
    if pupil.findtext("Sex") not in ("F", "M", "U"):
        yield "Sex is not a code of the list."
    if any(
        not (element.text or "").strip()
        for element in pupil.iter()
        if len(element) == 0 and element.tag != "BasicDetails"
    ):
        yield "An element is empty."


def _match(pupil: etree._Element, students: Sequence[Student]) -> str:
    upn, given = pupil.findtext("UPN") or "", pupil.findtext("Forename") or ""
    asked = ((pupil.findtext("Surname") or "").casefold(), given.casefold(), pupil.findtext("DOB"))
    for student in students:
        known = (student.family_name.casefold(), student.given_name.casefold(), student.dob)
        if upn and student.upn == upn:
            return "matched" if known == asked else "matched with conflicts"
        if known == asked:
            return "matched with conflicts" if upn and student.upn else "matched"
    return "unmatched"
