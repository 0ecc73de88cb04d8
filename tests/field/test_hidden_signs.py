"""Signs that nobody sees: refused where our own people write them, shown where others did; and no
name is harmed by it.
"""

import io
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access import people
from gateway.casework import by_hand, find
from gateway.casework.by_hand import PhoneCall
from gateway.cli.output import _Terminal, in_ascii, note_text
from gateway.console import forms
from gateway.console.forms import Question
from gateway.console.pages import build_environment
from gateway.context import Gateway
from gateway.core import composition
from gateway.core.permissions import Role
from gateway.core.typed_search import parse_query
from gateway.errors import ConfigProblem, NotAllowed, Unfit, Unusable
from gateway.exchange import letters
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import send_notices
from gateway.paper import as_csv, as_html
from gateway.paper.page import Column, ReportPage, ReportTable
from gateway.settings.file import load, parse
from schemas import json as message_json
from schemas import xml
from schemas.hidden_signs import CODE, check_message, find_hidden, is_line, show_hidden
from schemas.inspection import inspect_file
from schemas.layout import list_slots
from schemas.message import Child, Message, TransferNotice
from tests.children import notice
from tests.command import run_command
from tests.conftest import introduce, make
from tests.consoles import house
from tests.suppliers import served, supplier

# Names as they are borne, in many scripts; invented as to their bearers.
NAMES = {
    "Welsh": "Siôn Ŵyn Ŷr",
    "Somali": "Xaawo Cabdi",
    "Vietnamese": "Nguyễn Thị Hồng",
    "Vietnamese, taken apart": unicodedata.normalize("NFD", "Nguyễn Thị Hồng"),
    "Arabic": "محمد بن سلمان",
    "Arabic, with vowels": "مُحَمَّد",
    "Persian, with a joiner": "علی‌رضا",
    "Urdu": "ذوالفقار",
    "Hebrew, with vowels": "אַבְרָהָם",
    "Hindi": "श्रीमती",
    "Bengali, joiner before the silencing sign": "র‍্যাব",
    "Malayalam, joiner at the end": "രാജന്‍",
    "Sinhala": "ශ්‍රී",
    "Tamil": "சரஸ்வதி",
    "Khmer": "ខ្មែរ",
    "Burmese": "မြန်မာ",
    "Mongolian, with a vowel apart": "ᠮᠣᠩᠭᠣᠯ᠎ᠠ",
    "Chinese": "龍葵",
    "Japanese, a variant of a sign": "葛󠄀城",
    "Korean": "김민준",
    "Greek": "Αλέξανδρος",
    "Cyrillic": "Олександр",
    "Irish": "Ó Súilleabháin",
    "apostrophes": "O'Brien O’Brien Oʼodham ʻAlohi ʿAlī",
    "hyphens": "Example-Smith Example‐Smith Example–Smith",
    "Polish and others": "Łukasz Søren Þór Ħal ẞ ĳ",
    "a hard space": "Van\u00a0der Example",
    "one letter": "O",
}
HIDING = {
    "a C1 control": "\x9b",
    "another": "\x85",
    "escape": "\x1b",
    "delete": "\x7f",
    "backspace": "\x08",
    "right to left": "\u202e",
    "an isolate": "\u2066",
    "a mark of direction": "\u200f",
    "an Arabic mark of direction": "\u061c",
    "zero width": "\u200b",
    "a joiner between Latin letters": "\u200c",
    "the other joiner": "\u200d",
    "a word joiner": "\u2060",
    "a byte order mark": "\ufeff",
    "a soft hyphen": "\u00ad",
    "a grapheme joiner": "\u034f",
    "a Hangul filler": "\u3164",
    "a variant of a Latin letter": "\ufe0f",
    "a Mongolian vowel separator": "\u180e",
    "a tag": "\U000e0041",
    "a blank of Braille": "\u2800",
    "a line separator": "\u2028",
    "an annotation": "\ufff9",
    "invisible times": "\u2062",
}
# Which the schema refuses, on both sides.
NOT_OF_A_MESSAGE = (
    "a C1 control",
    "another",
    "escape",
    "delete",
    "backspace",
    "right to left",
    "an isolate",
    "a line separator",
)
BAD = {why: f"Ma{sign}ryam" for why, sign in HIDING.items()}


@pytest.fixture(scope="module")
def sandwell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with a partner, for all of these."""
    folder = tmp_path_factory.mktemp("hidden")
    gw, there = make(folder / "333", "333", "Sandwell"), make(folder / "885", "885", "Worcestershire")
    introduce(gw, there)
    yield gw
    for one in (gw, there):
        one.store.close()


def with_surname(surname: str) -> Message:
    message = notice()
    body = message.body
    assert isinstance(body, TransferNotice)
    assert body.child is not None
    child = replace(body.child, surname=surname, preferred_surname=None, former_surname=None)
    return Message(message.header, replace(body, child=child))


SURNAME = next(slot for slot in list_slots(Child) if slot.field == "surname")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_passes_unharmed(name: str, sandwell: Gateway) -> None:
    assert find_hidden(name) is None
    assert is_line(name)
    assert composition.parse_value(SURNAME, name) == name
    assert [shown(name) for shown in SHOWN.values()] == [name] * len(SHOWN)
    message = with_surname(name)
    send_notices(sandwell, [message], "olive")
    # One letter is too little to find anybody by.
    if name != "O":
        hits = find.find_notices(sandwell, name.split()[-1], "olive").hits
        assert message.header.message_id in [hit.message_id for hit in hits]


def of_terminal(said: str) -> str:
    out = io.StringIO()
    _Terminal(file=out, highlight=False, width=4_000).print(said, markup=False, soft_wrap=True, end="")
    return out.getvalue()


def of_a_page(said: str) -> str:
    template = build_environment().from_string("{{ said }}")
    return str(template.render(said=said)).replace("&#39;", "'")


def page_of(said: str) -> ReportPage:
    return ReportPage(
        "Title", "Sandwell", "today", [], [ReportTable("Table", [Column("Name"), Column("Other")], [[said, "x"]])]
    )


def of_paper(said: str) -> str:
    text = as_html.write(page_of(said)).decode()
    return text.partition('<th scope="row">')[2].partition("</th>")[0].replace("&#39;", "'")


def of_a_table(said: str) -> str:
    return as_csv.defuse_cell(said)


def of_a_letter(said: str) -> str:
    message = with_surname(said)
    assert isinstance(message.body, TransferNotice)
    assert message.body.ring is not None
    given = {"us": "333", "name": "Sandwell", "called": "CME-X", "belongs_to": None, "ring": message.body.ring}
    words = letters.compose_letter(message, "person-tls", **given)  # type: ignore[arg-type]
    return next(line.strip() for line in words.text.split("\n") if line.strip().startswith("Surname"))[
        len("Surname") :
    ].strip()


SHOWN: dict[str, Callable[[str], str]] = {
    "terminal": of_terminal,
    "page": of_a_page,
    "paper": of_paper,
    "table": of_a_table,
    "letter": of_a_letter,
}


@pytest.mark.parametrize("why", BAD)
def test_what_others_hid_is_shown_in_everything_that_is_read(why: str) -> None:
    code = f"Ma[U+{ord(HIDING[why]):04X}]ryam"
    for where, shown in SHOWN.items():
        if where != "letter" or why not in NOT_OF_A_MESSAGE:
            assert shown(BAD[why]) == code, where
    assert in_ascii(BAD[why]).isascii()


def test_a_carriage_return_does_not_hide_what_stands_before_it() -> None:
    assert of_terminal("accepted\rrejected\tx") == "accepted[U+000D]rejected[U+0009]x"


@pytest.mark.parametrize("why", BAD)
def test_what_our_own_people_hide_is_refused_with_its_code(why: str, sandwell: Gateway) -> None:
    """In the console's forms, from a file or a case system, in notes of calls, and as a name."""
    bad, code = BAD[why], f"U+{ord(HIDING[why]):04X}"
    with pytest.raises(ValueError, match=rf"cannot be seen \({code.replace('+', '[+]')}\)"):
        composition.parse_value(SURNAME, bad)
    said = forms.read_answers((Question("note", "Note", "note"),), {"note": bad}, sandwell.now().date())
    assert said.wrong or not any(sign in str(said.values["note"]) for sign in HIDING.values())
    assert not is_line(bad)
    message = with_surname(bad)
    try:
        xml.write(message)
    except xml.Unreadable:
        # Both sides refuse it by the schema.
        return
    with pytest.raises(Unfit) as refused:
        prepare_messages(sandwell, [message], "olive")
    [finding] = refused.value.findings
    assert (finding.code, finding.element) == (CODE, "Message/TransferNotice/Child/Surname")
    assert code in finding.sentence
    assert "Ma" not in finding.sentence.split("(")[0].replace("Many", "")


def test_what_was_shown_and_is_typed_again_is_refused_too() -> None:
    with pytest.raises(ValueError, match=r"U\+202E"):
        composition.parse_value(SURNAME, "Ma[U+202E]ryam")
    assert check_message(with_surname("Ma[U+202E]ryam"))
    assert not check_message(with_surname("Maryam [U]"))


def test_a_file_is_checked_for_them_before_it_is_sent() -> None:
    text = xml.write(with_surname("Ma\u200bryam"))
    [finding] = [one for one in inspect_file(text, today=date(2026, 12, 1)).problems if one.code == CODE]
    assert finding.line == next(n for n, line in enumerate(text.split(b"\n"), 1) if b"<Surname>" in line)


async def test_a_case_system_is_told_which_element_holds_one(tmp_path: Path) -> None:
    gw, partner = house(tmp_path / "333", "333", "Sandwell", ()), make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, partner)
    async with served(gw) as http:
        one = await supplier(http, gw, name="one-test")
        got = await one.post("/notices", message_json.write(with_surname("Ma\u200bryam")))
        said = await got.json(content_type=None)
    assert (got.status, said["code"]) == (422, "notice.unfit")
    assert CODE in str(said)
    assert "Ma" not in str(said["title"])
    for each in (gw, partner):
        each.store.close()


def test_what_a_partner_sends_is_taken() -> None:
    """A partner with an older version would lose a child otherwise; the page shows it."""
    message = with_surname("Ma\u200bryam")
    assert xml.read(xml.write(message)) == message
    assert message_json.read(message_json.write(message)) == message


def test_a_call_with_a_hidden_sign_is_refused(sandwell: Gateway) -> None:
    message = notice()
    send_notices(sandwell, [message], "olive")
    with pytest.raises(NotAllowed, match="cannot be seen"):
        by_hand.record_handover(sandwell, message.header.message_id, PhoneCall("Olive\u202e", sandwell.now()), "olive")


def test_a_note_and_a_name_at_the_terminal_are_refused(sandwell: Gateway, tmp_path: Path) -> None:
    home = str(sandwell.config.home)
    assert run_command("keys", "rotate", "--home", home, "--by", "Olive\u202e").returncode == 2
    with pytest.raises(NotAllowed, match="called"):
        people.add_account(sandwell, "ash@sandwell.example", "Ash\u200b Example", [Role.CME_OFFICER], "agnes")
    people.add_account(sandwell, "ash@sandwell.example", NAMES["Persian, with a joiner"], [Role.CME_OFFICER], "agnes")
    (tmp_path / "note.txt").write_text("Please ring\u202e.", "utf-8")
    with pytest.raises(Unusable, match=r"U\+202E"):
        note_text(tmp_path / "note.txt")


@pytest.mark.parametrize("why", BAD)
def test_what_is_sought_is_said_to_hold_one(why: str) -> None:
    with pytest.raises(Unusable, match=rf"U[+]{ord(HIDING[why]):04X}") as refused:
        parse_query(BAD[why], date(2026, 11, 27))
    assert refused.value.code == "find.not-understood"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=300, deadline=None)
def test_whatever_is_shown_hides_nothing(said: str) -> None:
    shown = show_hidden(said)
    assert show_hidden(shown) == shown
    unseen = [sign for sign in shown if unicodedata.category(sign) in ("Cc", "Zl", "Zp") and sign not in "\t\n\r"]
    assert not unseen
    if find_hidden(said) is None:
        assert shown == said


def test_every_control_and_format_character_is_hidden_but_those_that_are_seen() -> None:
    """The signs before Arabic numbers, and the like, have a form of their own."""
    seen = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    for code in range(0x110000):
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp", "Cs") and chr(code) not in "\t\n\r":
            assert (find_hidden(f"a{chr(code)}b") is None) == (code in seen), hex(code)


@pytest.mark.parametrize("why", BAD)
def test_a_setting_that_was_copied_with_one_is_named_by_its_line(why: str, tmp_path: Path) -> None:
    text = f'[authority]\ncode = "333"\nname = "{BAD[why]}"\n'
    with pytest.raises(ConfigProblem, match=rf"line 3 .*U[+]{ord(HIDING[why]):04X}"):
        parse(text, tmp_path)


def test_settings_may_begin_with_the_mark_of_an_editor(sandwell: Gateway) -> None:
    file = sandwell.config.home / "gateway.toml"
    before = file.read_bytes()
    file.write_bytes(b"\xef\xbb\xbf" + before)
    assert load(sandwell.config.home) == sandwell.config
    file.write_bytes(before)
