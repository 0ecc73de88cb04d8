"""What strangers may send costs the loop little, whatever it is: a search for the worst, by what a parser does, not by
a clock.

CWE-400, -1333; phase4 #382; sigstore-go GHSA-cq38-jh5f-37mq. Costs are counted in calls of Python functions where the
parser is Python, and held against reading the sound sample again and again where it is C: a ratio, as the machine is
noisy.
"""

import io
import random
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import email, mail, mail_process
from adapters.email import Email
from adapters.mail_process import MailTooLong, Reader
from adapters.route import Left, MailAccount, RouteAddress
from gateway.authorities import postcodes
from gateway.cli.output import _Terminal, in_ascii, show_whole
from gateway.errors import Unusable
from gateway.one import table
from gateway.one.table import NotATable
from keys import jose, smime
from schemas import ctf, xml
from schemas.findings import Unreadable
from schemas.hidden_signs import show_hidden
from tests.certificates import for_mail
from tests.children import notice

SOUND = xml.write(notice())
# Of Python functions: some milliseconds.
MOST_CALLS = 20_000


@pytest.fixture
def chance() -> random.Random:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, Python's and C's."""
    count = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def seconds(work: Callable[[], object]) -> float:
    """Of the processor, the least of three: what others do meanwhile counts least there."""
    least = float("inf")
    for _ in range(3):
        begun = time.process_time()
        work()
        least = min(least, time.process_time() - begun)
    return least


def mails(chance: random.Random, size: int) -> Iterator[bytes]:
    """Mails of about this size, by grammars in which parsers are known to spend their time."""
    head = b"From: a@b.example\r\nSubject: x\r\n"
    mixed = head + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'

    def fill(before: bytes, unit: bytes) -> bytes:
        return before + unit * ((size - len(before)) // len(unit))

    yield fill(mixed, b"--b\r\n\r\nx\r\n")
    yield fill(mixed, b"--b\r\nContent-Type: text/plain; x=y\r\n\r\n\r\n")
    yield fill(mixed, b'--b\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n')
    yield fill(b"", b"X-%d: y\r\n" % chance.randrange(99))
    yield fill(b"Subject: ", b"=?utf-8?q?a?= ")
    yield fill(b"From: ", b'"a" <a@b.example>, ')
    yield fill(b"From: ", b"(" * 50)
    yield fill(b"References: ", b"<x@y>\r\n ")
    yield fill(b"Content-Type: text/plain; ", b"a*0*=b; ")
    yield fill(head + b"Content-Type: multipart/report\r\n\r\n", b"\r\n")
    yield fill(head + b"Content-Type: message/rfc822\r\n\r\n", b"Content-Type: message/rfc822\r\n\r\n")
    yield fill(head + b"\r\n", bytes(chance.choices(b"-=\r\n<>:; ab", k=997)) + b"\r\n")
    yield fill(b"Content-Transfer-Encoding: base64\r\n\r\n", b"=\n")


class Lying:
    """A mailbox in which these lie."""

    def __init__(self, some: list[bytes]) -> None:
        self.some, self.held = some, 0

    def use_token(self, token: str | None) -> None: ...
    def fetch_mails(self) -> list[tuple[int, bytes]]:
        return list(enumerate(self.some, 1))

    def leave_mail(self, uid: int, size: int, why: str | None = None) -> None: ...
    def may_be_another(self, uid: int, size: int) -> bool:
        return False

    def put_aside(self, uid: int) -> None: ...
    def close(self) -> None: ...
    def put_off(self, uid: int, why: str) -> None:
        self.held += 1

    def count_strangers(self) -> int:
        return 0

    def list_left(self) -> list[Left]:
        return [Left(email.TOO_LONG, self.held)] if self.held else []


def collecting(some: list[bytes]) -> tuple[Email, RouteAddress, Lying]:
    account, carrier = MailAccount("a@b.example", "", "", None), Email()
    lying = Lying(some)
    carrier._inboxes[account] = lying  # type: ignore[assignment]
    return carrier, RouteAddress("333", "333", "mailto:a@b.example", None, lambda: "", None, account), lying


async def test_a_mail_of_many_parts_holds_up_nobody(chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lies in the mailbox is parsed in another process, which is killed over what takes too long."""
    monkeypatch.setattr(email, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(mail_process, "SECONDS", 3.0)
    some = list(mails(chance, chance.choice([200_000, 2_000_000])))
    chance.shuffle(some)
    _, good = mail.build_sealed_mail(
        "333", "sealed", b"good", sender="a@b.example", to="c@d.example", now=notice().header.created_at
    )
    carrier, address, lying = collecting([*some[:6], good])
    count = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event == "call" and "/email/" in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        found = await carrier.collect(address)
    finally:
        sys.setprofile(before)
    await carrier.close()
    assert count < 10 * len(lying.some), "nothing of it is parsed here"
    assert [getattr(one, "lines", None) for one in found if not isinstance(one, Left)] == [(b"good",)]


async def test_the_process_that_reads_is_killed_and_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    _, good = mail.build_sealed_mail(
        "333", "sealed", b"x\ny", sender="a@b.example", to="c@d.example", now=notice().header.created_at
    )
    assert getattr(await reader.read(good, "1"), "lines", None) == (b"x", b"y")
    process = reader._process
    assert process
    monkeypatch.setattr(mail_process, "SECONDS", 0.0)
    with pytest.raises(MailTooLong):
        await reader.read(good, "2")
    assert process.returncode is not None
    monkeypatch.undo()
    assert getattr(await reader.read(good, "3"), "name", None) == "3"
    await reader.close()


@pytest.mark.parametrize("raw", [b"Subject: x\r\n\r\n", b"Auto-Submitted: auto-replied\r\n\r\n"])
async def test_another_process_says_the_same(raw: bytes) -> None:
    reader = Reader()
    assert await reader.read(raw, "7") == mail.read(raw, "7")
    await reader.close()


def messages(chance: random.Random) -> Iterator[bytes]:
    """Messages at the bound of their size."""
    sound = SOUND.decode()
    cut = sound.index("<Header>")
    begin, rest = sound[:cut], sound[cut:]

    def fill(before: str, unit: str, after: str) -> bytes:
        return (before + unit * ((xml.MAX_BYTES - len(before) - len(after)) // len(unit.encode())) + after).encode()

    for unit in (
        "<a/>",
        "<Header/>",
        "<!--x-->",
        "<?x?>",
        "<![CDATA[x]]>",
        "<a>",
        "&#13;",
        "<Contact><Email>@</Email></Contact>",
    ):
        yield fill(begin, unit, "</Message>")
        yield fill(begin + "<Header>", unit, "</Header></Message>")
    opened = begin.rstrip().removesuffix(">")
    yield (opened + "".join(f' a{n}="{chance.random()}"' for n in range(8_000)) + "></Message>").encode()
    yield (opened + "".join(f' xmlns:a{n}="u"' for n in range(8_000)) + "></Message>").encode()
    names = sorted({part.split(">")[0] for part in rest.split("<") if part[:1].isalpha()})
    for name in chance.sample(names, 12):
        at = rest.index(f"<{name}>") + len(name) + 2
        end = rest.index("<", at)
        if rest[at:end].strip():
            unit = chance.choice(["a.", "0", "- ", "((", "x@", "é", "&#13;", "A1", "a.a.@a<!---->"])
            yield fill(begin + rest[:at], unit, rest[end:])


def test_no_message_costs_much_more_than_one_of_the_same_size_may(chance: random.Random) -> None:
    # A notice is near 4 KiB: some 800 KiB of them.
    baseline = seconds(lambda: [xml.read(SOUND) for _ in range(200)])
    for text in messages(chance):
        assert len(text) <= xml.MAX_BYTES + 64

        def read(text: bytes = text) -> None:
            with pytest.raises(Unreadable):
                xml.read(text)

        assert seconds(read) < 3 * baseline + 0.05, text[:200]
        assert calls(read) < MOST_CALLS


@pytest.mark.parametrize(
    "address", ["a." * 2_000 + "@", "a@" + "a." * 2_000, "a@" + "a" * 4_000, "a." * 100 + "@" + "a." * 1_900 + "@"]
)
def test_the_pattern_of_an_address_has_one_way_to_take_it_apart(address: str) -> None:
    text = SOUND.decode()
    at = text.index("<LivesWithChild>")
    changed = f"{text[:at]}<Email>{address}</Email>{text[at:]}".encode()
    baseline = seconds(lambda: [xml.read(SOUND) for _ in range(100)])

    def read() -> None:
        with pytest.raises(Unreadable):
            xml.read(changed)

    assert seconds(read) < 3 * baseline + 0.05


@given(st.sampled_from("\x7f\x80\x85\x9b\x9f\u2028\u2029\u202a\u202e\u2066\u2069"), st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_no_text_field_holds_a_character_that_a_terminal_obeys(mark: str, place: int) -> None:
    address = "officer@council.example"
    bad = address[:place] + mark + address[place:]
    text = SOUND.decode()
    contact = text.index("<LivesWithChild>")
    for said, fits in ((address, True), (bad, False)):
        changed = f"{text[:contact]}<Email>{said}</Email>{text[contact:]}".encode()
        try:
            xml.read(changed)
            read = True
        except Unreadable as why:
            read = not any("Email" in problem.sentence for problem in why.problems)
        assert read == fits


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_a_terminal_is_shown_no_control_character(said: str) -> None:
    shown = io.StringIO()
    _Terminal(file=shown, highlight=False).print(said, markup=False, soft_wrap=True)
    assert show_whole(shown.getvalue()) == shown.getvalue()
    assert show_hidden(in_ascii(said)) == in_ascii(said)


def tables(chance: random.Random, size: int) -> Iterator[bytes]:
    head = b"Surname,DOB\r\n"
    yield b"," * size
    yield head + b"," * size
    yield head + b"\n" * size
    yield head + b'"' + b"\n" * size
    yield head + b'"a\n",' * (size // 5)
    yield head + b'a,"' + bytes(chance.choices(b'",\n a', k=997)) * (size // 997)


def test_no_row_of_a_table_costs_more_than_its_bound(chance: random.Random) -> None:
    columns = {"surname": "Surname", "dob": "DOB"}
    for text in tables(chance, 3 * table.MAX_LINES):
        with pytest.raises(NotATable):
            _read_table(text, columns)


def _read_table(text: bytes, columns: dict[str, str]) -> None:
    found = table.read(io.BytesIO(text), columns, needed=("surname",), section="x", at_most=2**30)
    for _, row in found.rows:
        assert sum(map(len, row.values() if isinstance(row, dict) else ())) <= table.MAX_ROW


def test_a_pupil_that_does_not_end_is_refused() -> None:
    head = b"<CTfile><Header><CTFversion>26.0</CTFversion></Header><CTFpupilData><Pupil>"
    for unit in (b"<a/>", b"<a>x</a>", b" "):
        stream = io.BytesIO(head + unit * (2 * ctf.MAX_PUPIL // len(unit)) + b"</Pupil></CTFpupilData></CTfile>")
        with pytest.raises(Unreadable):
            list(ctf.read(stream, "x.xml", today=date(2026, 11, 26)))
        assert stream.tell() < 1.2 * ctf.MAX_PUPIL, "the rest was not read"


def test_a_postcode_archive_that_swells_is_refused(tmp_path: Path, chance: random.Random) -> None:
    archive = tmp_path / "onspd.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("Data/ONSPD.csv", b"pcds,oscty,oslaua\n" + bytes([chance.randrange(65, 90)]) * 20_000_000)
    with pytest.raises(Unusable, match="swells"), postcodes.open_directory(archive):
        pass


def test_a_signature_of_many_values_is_not_parsed(chance: random.Random) -> None:
    _, certificate = for_mail("a@b.example")
    for _ in range(20):
        unit = chance.choice(
            [b"\x30\x00", b"\x05\x00", b"\x30\x80", b"\x02\x01\x00", b"\x31\x84\x00\x00\x00\x00", b"\x24\x80"]
        )
        der = b"\x30\x83\x0f\xff\xff" + unit * (1_000_000 // len(unit))
        assert calls(partial(smime.is_signed_by, b"x", der, certificate)) < 10 * smime.MOST_VALUES


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"[" + b"9" * 100_000 + b"]",
        b'{"a":1,' + b'"a":1,' * 50_000 + b'"b":1}',
        b"-" * 100_000,
    ],
)
def test_no_json_costs_more_than_its_length(text: bytes) -> None:
    def read() -> None:
        with pytest.raises(jose.UnreadableToken):
            jose.read_object(text)

    assert calls(read) < max(MOST_CALLS, len(text))
    assert seconds(read) < 0.1 + 2 * seconds(lambda: text.decode().split(","))
