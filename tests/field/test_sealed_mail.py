"""Sealed mail that relays have changed: whatever they do around what was sealed, it is found; and what they took away
is told.
"""

import base64
import binascii
import random
import struct
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.mime.application import MIMEApplication
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509 import load_pem_x509_certificate

from adapters import email, imap, mail
from adapters.email import CHANGED, Email
from adapters.imap import Inbox
from adapters.mail_parts import decode_text
from adapters.route import Bundle, Changed, HandedOver, Left, Returned, RouteAddress, Strange
from gateway import app
from gateway.core.delivery import DeliveryState
from gateway.exchange import hear_mail
from gateway.exchange.deliver import write_endings
from gateway.exchange.delivery_result import settle_try
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import send_notices
from gateway.monitoring import health
from gateway.store import inbox, outbox
from tests import mail as mail_servers
from tests.attacks.test_one_thing_stops_the_rest import OURS, account, between
from tests.certificates import for_mail
from tests.children import notice
from tests.conftest import free_port, introduce, make
from tests.contract.worlds import email as world_by_email
from tests.flows.test_exchange import Pair, state, until

FOLDER = Path(__file__).parent / "sealed_mail"
# In each of the files.
HELD = (b"eyJhIjoxfQ.abc", b"eyJhIjoyfQ.def")
TICKET = f"333-{'0' * 64}.sealed"
FOUND, TOLD = "found", "told as changed"
# Of each file: what it is, and the row of the field log that says so.
FILES = {
    "as-sent.eml": (FOUND, "row 5"),
    "disclaimer-html-alternative-added.eml": (FOUND, "row 5"),
    "filename-encoded-word.eml": (FOUND, "row 5"),
    "filename-plain-parameter.eml": (FOUND, "row 5"),
    "filename-upper-case.eml": (FOUND, "row 5"),
    "only-part-no-multipart.eml": (FOUND, "row 5"),
    "signed-by-mail-gateway.eml": (FOUND, "row 5"),
    "winmail-dat.eml": (TOLD, "row 5: nothing of ours lies in it any more"),
}
Relay = Callable[[bytes, random.Random], bytes]


def test_every_file_has_a_row() -> None:
    assert {one.name for one in FOLDER.iterdir()} == FILES.keys()


@pytest.mark.parametrize("name", FILES)
def test_each_is_what_the_row_says(name: str) -> None:
    found = mail.read((FOLDER / name).read_bytes(), "1")
    wanted = Bundle("1", "messages", "333", HELD) if FILES[name][0] == FOUND else Changed("1", "333")
    assert found == wanted


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, _class=EmailMessage, policy=policy.SMTP)


def outside(raw: bytes, to: Message) -> bytes:
    """Give the new mail the headers of the old one, as relays do."""
    for name, value in parsed(raw).items():
        if not name.lower().startswith(("content-", "mime-")) and name not in to:
            to[name] = str(value)
    return to.as_bytes(policy=policy.SMTP)


def inside(raw: bytes) -> Message:
    """The old mail's content alone."""
    inner = message_from_bytes(raw, policy=policy.SMTP)
    for name in list(inner.keys()):
        if not name.lower().startswith(("content-", "mime-")):
            del inner[name]
    return inner


def wrapped(raw: bytes, kind: str, *more: Message) -> bytes:
    outer = MIMEMultipart(kind)
    outer.attach(inside(raw))
    for one in more:
        outer.attach(one)
    return outside(raw, outer)


def each_leaf(raw: bytes, change: Callable[[Message], None]) -> bytes:
    whole = message_from_bytes(raw, policy=policy.SMTP)
    for part in whole.walk():
        if part.get_filename():
            change(part)
    return whole.as_bytes()


def named(name: str) -> Callable[[Message], None]:
    def change(part: Message) -> None:
        del part["Content-Disposition"]
        part["Content-Disposition"] = f'attachment; filename="{name}"'

    return change


def forwarded(raw: bytes, _: random.Random) -> bytes:
    outer = MIMEMultipart()
    outer["Subject"], outer["From"], outer["Message-ID"] = (
        "FW: see attached",
        "a@sandwell.example",
        "<1@sandwell.example>",
    )
    outer.attach(MIMEText("Please see the mail that I attach."))
    outer.attach(MIMEMessage(message_from_bytes(raw, policy=policy.compat32)))
    return outer.as_bytes()


def forwarded_in_base64(raw: bytes, _: random.Random) -> bytes:
    """As some relays do, though RFC 2046 forbids it."""
    lines = base64.encodebytes(raw).decode()
    return (
        "Subject: FW\r\nFrom: a@sandwell.example\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{lines}"
    ).encode()


def content_of(raw: bytes) -> bytes:
    for part in message_from_bytes(raw, policy=policy.SMTP).walk():
        if not part.is_multipart() and part.get_content_type() != "text/plain":
            return bytes(part.get_payload(decode=True) or b"")
    return bytes(message_from_bytes(raw).get_payload(decode=True) or b"")


def packed(raw: bytes, _: random.Random) -> bytes:
    """As Exchange packs a mail for other Outlooks."""

    def attribute(level: int, name: int, value: bytes) -> bytes:
        return struct.pack("<BII", level, name, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)

    tnef = struct.pack("<IH", 0x223E9F78, 1) + attribute(1, 0x0002800C, b"For a gateway\0")
    tnef += attribute(2, 0x00018010, b"ATT00001.bin\0") + attribute(2, 0x0006800F, content_of(raw))
    return outside(raw, MIMEApplication(tnef, "ms-tnef", name="winmail.dat"))


def as_text(raw: bytes, chance: random.Random) -> bytes:
    """Shown inline, with a footer in it."""
    end = chance.choice(["\r\n", "\n"])
    text = (
        decode_text(content_of(raw)).replace("\n", end)
        + f"{end}{end}-- {end}Scanned for viruses. Have a nice day.{end}"
    )
    return outside(raw, MIMEText(text, "plain", "utf-8"))


def wrapped_text(raw: bytes, chance: random.Random) -> bytes:
    """Shown inline, its lines cut, as programs that know no long lines do."""
    width = chance.choice([76, 78, 132, 998])
    lines = [
        line[at : at + width] for line in decode_text(content_of(raw)).split("\n") for at in range(0, len(line), width)
    ]
    return outside(raw, MIMEText("\n".join([*lines, "", "-- ", "Scanned for viruses. Have a nice day."])))


def signed_within(raw: bytes, _: random.Random) -> bytes:
    """By a mail gateway whose signatures hold what they sign."""
    key, certificate = (load_pem_private_key(KEY[0], None), load_pem_x509_certificate(KEY[1]))
    assert isinstance(key, RSAPrivateKey)
    builder = PKCS7SignatureBuilder().set_data(inside(raw).as_bytes(policy=policy.SMTP))
    signed = builder.add_signer(certificate, key, SHA256()).sign(Encoding.DER, [PKCS7Options.Binary])
    return outside(raw, MIMEApplication(signed, "pkcs7-mime", name="smime.p7m"))


def in_utf_16(raw: bytes, _: random.Random) -> bytes:
    def change(part: Message) -> None:
        content = bytes(part.get_payload(decode=True) or b"").decode().encode("utf-16")
        part.set_payload(base64.encodebytes(content).decode())

    return each_leaf(raw, change)


def encoded_twice(raw: bytes, _: random.Random) -> bytes:
    def change(part: Message) -> None:
        once = base64.encodebytes(bytes(part.get_payload(decode=True) or b""))
        part.set_payload(base64.encodebytes(once).decode())

    return each_leaf(raw, change)


def with_cr_lf(raw: bytes, _: random.Random) -> bytes:
    def change(part: Message) -> None:
        content = bytes(part.get_payload(decode=True) or b"").replace(b"\n", b"\r\n") + b"\r\n"
        part.set_payload(base64.encodebytes(content).decode())

    return each_leaf(raw, change)


# May be done one after the other.
AROUND: dict[str, Relay] = {
    "a footer": lambda raw, _: wrapped(raw, "mixed", MIMEText("This mail was scanned.")),
    "a footer in two forms": lambda raw, _: wrapped(raw, "alternative", MIMEText("<p>Scanned</p>", "html")),
    "signed": lambda raw, _: wrapped(raw, "signed", MIMEApplication(b"0\x80", "pkcs7-signature", name="smime.p7s")),
    "renamed": lambda raw, _: each_leaf(raw, named("ATT00001.bin")),
    "another ending": lambda raw, _: each_leaf(raw, named("333-something.sealed.txt")),
    "a cut name": lambda raw, _: each_leaf(raw, named("333-3c75a042cf93cc")),
    "without a name": lambda raw, _: each_leaf(raw, lambda part: part.__delitem__("Content-Disposition")),
    "forwarded": forwarded,
    "forwarded, encoded": forwarded_in_base64,
    "in UTF-16": in_utf_16,
    "with CR LF": with_cr_lf,
    "a warning before the subject": lambda raw, _: raw.replace(b"Subject: ", b"Subject: [EXTERNAL] ", 1),
    "an id of its own": lambda raw, _: raw.replace(b"Message-ID: <333-", b"X-Old-ID: <333-", 1),
    "said to be automatic": lambda raw, _: b"Precedence: bulk\r\nReturn-Path: <>\r\n" + raw,
}
KEY = for_mail(OURS)


def uuencoded(content: bytes) -> str:
    lines = [binascii.b2a_uu(content[at : at + 45]).decode() for at in range(0, len(content), 45)]
    return f"begin 644 333-x.sealed\n{''.join(lines)}`\nend\n"


LAST: dict[str, Relay] = {
    "as a text, uuencoded": lambda raw, _: outside(raw, MIMEText(f"See below.\n{uuencoded(content_of(raw))}Scanned.")),
    "the whole as a text": lambda raw, _: outside(raw, MIMEText(inside(raw).as_string())),
    "as HTML": lambda raw, _: outside(
        raw, MIMEText(f"<p>{decode_text(content_of(raw)).replace(chr(10), '<br>')}</p><p>Scanned.", "html")
    ),
    "as a text, its lines cut": wrapped_text,
    "signed, and held within the signature": signed_within,
    "as it is": lambda raw, _: raw,
    "packed for Outlook": packed,
    "as a text": as_text,
    "encoded twice": encoded_twice,
}


@pytest.fixture(scope="module")
def sealed_lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Real sealed messages."""
    folder = tmp_path_factory.mktemp("sealed")
    sandwell, other = make(folder / "333", "333", "Sandwell"), make(folder / "885", "885", "Worcestershire")
    introduce(sandwell, other)
    made = [one.sealed for one in prepare_messages(sandwell, [notice() for _ in range(3)], "olive")]
    sandwell.store.close()
    other.store.close()
    return made


@pytest.mark.parametrize("seed", range(90))
def test_whatever_relays_do_around_it_what_was_sealed_is_found(sealed_lines: list[bytes], seed: int) -> None:
    chance = random.Random(seed)
    content = b"\n".join(sealed_lines[: chance.randint(1, 3)])
    _, raw = mail.build_sealed_mail(
        "333", "sealed", content, sender=OURS, to="g@w.example", now=notice().header.created_at
    )
    done = [*chance.sample(list(AROUND), chance.randint(0, 3)), chance.choice(list(LAST))]
    # Nothing in it can be seen by the next relay.
    if "forwarded, encoded" in done:
        done = ["forwarded, encoded"]
    for name in done:
        raw = (AROUND | LAST)[name](raw, chance)
    assert mail.read(raw, "1") == Bundle("1", "messages", "333", tuple(content.split(b"\n"))), done


@pytest.mark.parametrize("seed", range(12))
def test_what_was_cut_or_taken_away_is_told_and_never_called_automatic(sealed_lines: list[bytes], seed: int) -> None:
    chance = random.Random(seed)
    content = b"\n".join(sealed_lines)
    _, raw = mail.build_sealed_mail(
        "333", "sealed", content, sender=OURS, to="g@w.example", now=notice().header.created_at
    )

    def cut(part: Message) -> None:
        whole = bytes(part.get_payload(decode=True) or b"")
        part.set_payload(base64.encodebytes(whole[: chance.randrange(len(whole))]).decode())

    def take_away(part: Message) -> None:
        part.set_payload("QXR0YWNobWVudCByZW1vdmVkLg==\n")

    raw = each_leaf(raw, chance.choice([cut, take_away]))
    if chance.random() < 0.5:
        raw = AROUND["a footer"](raw, chance)
    assert mail.read(raw, "1") == Changed("1", "333")


def test_names_of_files_need_no_continuation() -> None:
    for kind in ("sealed", "receipts"):
        ticket, raw = mail.build_sealed_mail(
            "333", kind, b"x" * 90, sender=OURS, to="g@w.example", now=notice().header.created_at
        )
        assert b"filename*" not in raw
        assert f'filename="333-{sha256(b"x" * 90).hexdigest()[:32]}.{kind}"'.encode() in raw
        assert ticket == f"333-{sha256(b'x' * 90).hexdigest()}.{kind}"


def test_our_own_mail_in_a_report_is_a_report() -> None:
    ticket, raw = mail.build_sealed_mail(
        "333", "sealed", b"x", sender=OURS, to="g@w.example", now=notice().header.created_at
    )
    report = (
        b"From: MAILER-DAEMON@w.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=outer\r\n\r\n"
        b"--outer\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; w.example\r\n\r\n"
        b"Final-Recipient: rfc822; g@w.example\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\n"
        b"--outer\r\nContent-Type: message/rfc822\r\n\r\n" + raw + b"\r\n--outer--\r\n"
    )
    found = mail.read(report, "1")
    assert (getattr(found, "ticket", ""), getattr(found, "reason", "")) == (ticket, "5.2.2")


async def test_a_report_about_sealed_mail_ends_no_delivery_and_stands_in_health(pair: Pair) -> None:
    sandwell, _ = pair
    [sent] = send_notices(sandwell, [notice()], by="olive")
    [claimed] = sandwell.store.run(lambda tx: outbox.claim_deliveries(tx, sandwell.now(), "885", 9))
    ending = settle_try(sandwell, claimed, HandedOver("sent by email", TICKET), route="email", jitter=0)
    sandwell.store.run(lambda tx: write_endings(tx, sandwell, "885", [ending]))
    later = sandwell.now() + timedelta(seconds=1)
    sandwell.now = lambda: later
    sandwell.store.run(lambda tx: hear_mail.receive_mail(tx, sandwell, "email", Returned("1", TICKET, "5.1.1 nobody")))
    assert state(sandwell, sent) is DeliveryState.SENT
    assert [one["ending"] for one in sandwell.store.look(lambda tx: outbox.list_tries(tx, sent))] == [
        "handed over",
        "returned",
    ]
    afterwards = later + timedelta(minutes=20)
    sandwell.now = lambda: afterwards
    found = {one.name: one.sentence for one in health.measure_health(sandwell).findings}
    assert "5.1.1 nobody" in found["delivery to 885"]


async def test_by_real_servers_it_arrives_and_what_was_taken_away_stands_in_health(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.email.POLL_SECONDS", 0.1)
    monkeypatch.setattr("gateway.exchange.collect.LOOK_EVERY", 0.1)
    chance, plain = random.Random(5), mail.build_sealed_mail
    relays = iter([AROUND["a footer"], packed, forwarded])

    def by_relay(*given: object, **more: object) -> tuple[str, bytes]:
        ticket, raw = plain(*given, **more)  # type: ignore[arg-type]
        if given[1] == "receipts":
            return ticket, raw
        relay = next(relays, None)
        return ticket, relay(raw, chance) if relay else raw.replace(content_of_line(raw), b"")

    monkeypatch.setattr(mail, "build_sealed_mail", by_relay)
    world = world_by_email(tmp_path)
    sandwell, worcestershire = world.sandwell, world.worcestershire
    for gw in (sandwell, worcestershire):
        gw.carriers = {"email": gw.carriers["email"]}
    async with world.serving(), app.run_gateway(sandwell), app.run_gateway(worcestershire):
        for _ in range(3):
            [sent] = send_notices(sandwell, [notice()], by="olive")
            await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)  # noqa: B023 - awaited at once
        [lost] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: worcestershire.left.get(("email", "885"), {}).get(CHANGED) == 1)
        assert state(sandwell, lost) is DeliveryState.SENT
    found = {one.name: one.sentence for one in health.measure_health(worcestershire).findings}
    assert CHANGED in found["left at our email route"]
    assert len(worcestershire.store.look(lambda tx: inbox.search_inbox(tx, worcestershire.now()))) == 3
    await world.close()


def content_of_line(raw: bytes) -> bytes:
    """The encoded attachment, as it stands in the mail."""
    return raw.rpartition(b"MIME-Version: 1.0\r\n\r\n")[2].partition(b"\r\n\r\n--")[0]


async def test_what_is_strange_is_looked_at_again_a_few_times_and_at_each_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("adapters.imap.time.monotonic", lambda: now)
    with mail_servers.home() as home, mail_servers.servers(home, free_port(), free_port()) as servers:
        servers.add_mail(OURS, b"Subject: buy now\r\nFrom: a@b.example\r\n\r\nspam\r\n")
        servers.add_mail(OURS, b"Subject: sealed once\r\nFrom: a@b.example\r\n\r\nmore\r\n")
        box = Inbox(account(servers, servers.imap))
        looks = 0
        for _ in range(4 * imap.MOST_LOOKS):
            for uid, raw in box.fetch_mails():
                looks += 1
                box.leave_mail(uid, len(raw), CHANGED if b"sealed" in raw else None)
            now += imap.AGAIN_AFTER / 2
        assert looks == 2 * imap.MOST_LOOKS
        assert box.count_strangers() == 1
        assert box.list_left() == [Left(CHANGED, 1)]
        box.close()
        # A gateway that is started again.
        again = Inbox(account(servers, servers.imap))
        assert len(again.fetch_mails()) == 2
        again.close()


@pytest.mark.parametrize("automatic", [False, True])
async def test_a_text_in_the_place_of_a_mail_costs_no_mail(monkeypatch: pytest.MonkeyPatch, automatic: bool) -> None:
    """Whatever a server gives at first: nothing is moved, and the mail itself is read when it is given."""
    now = 1000.0
    monkeypatch.setattr("adapters.imap.time.monotonic", lambda: now)
    monkeypatch.setattr("adapters.deferred.time.monotonic", lambda: now)
    monkeypatch.setattr(email, "POLL_SECONDS", 0.0)
    _, raw = mail.build_sealed_mail(
        "885", "sealed", b"x", sender="g@w.example", to=OURS, now=notice().header.created_at
    )
    text = (FOLDER.parent / "mail" / "placeholder-of-exchange.eml").read_bytes()
    if automatic:
        text = b"Auto-Submitted: auto-generated\r\nFrom: scanner@b.example\r\nSubject: please wait\r\n\r\n"
    given = 0

    def answer(tag: bytes, command: bytes) -> bytes | None:
        nonlocal given
        if b"BODY.PEEK[]" not in command or given:
            return None
        given += 1
        # A text without such a mark may be as long as the mail.
        body = text if automatic else text.ljust(len(raw))
        return b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n%s OK done\r\n" % (len(body), body, tag)

    with mail_servers.home() as home, mail_servers.servers(home, free_port(), free_port()) as servers:
        servers.add_mail(OURS, raw)
        async with between(servers, answer) as port:
            carrier, ours = Email(), account(servers, port)
            address = RouteAddress("333", "333", f"mailto:{OURS}", None, lambda: "", None, ours)
            first = await carrier.collect(address)
            assert [one for one in first if not isinstance(one, Strange | Left)] == []
            assert len(servers.list_mails(OURS)) == given == 1
            now += imap.AGAIN_AFTER
            found = await carrier.collect(address)
            assert [one.lines for one in found if isinstance(one, Bundle)] == [(b"x",)]
            await carrier.close()
