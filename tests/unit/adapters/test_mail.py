"""Mails: what we write we read, what others write harms nobody, and no header can be smuggled in."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import mail
from adapters.route import Bundle, Changed, EmailReply, Letter, Returned

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
OURS, THEIRS = "gateway@sandwell.example", "gateway@worcestershire.example"
CALLED = "CME-ABCD-EFGH-JKLM-NPQR"


@given(
    st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line), min_size=1, max_size=5),
    st.sampled_from(["sealed", "receipts"]),
)
@settings(deadline=None)
def test_what_we_seal_into_a_mail_is_read_out_of_it(lines: list[bytes], kind: str) -> None:
    content = b"\n".join(lines)
    ticket, raw = mail.build_sealed_mail("333", kind, content, sender=OURS, to=THEIRS, now=NOW)
    assert mail.read(raw, "7") == Bundle("7", mail.HOLDS[kind], "333", tuple(lines))
    assert ticket == f"333-{sha256(content).hexdigest()}.{kind}"


def test_the_same_content_has_the_same_ticket_and_the_marking_comes_first() -> None:
    first, raw = mail.build_sealed_mail("333", "sealed", b"x", sender=OURS, to=THEIRS, now=NOW)
    again, _ = mail.build_sealed_mail("333", "sealed", b"x", sender=OURS, to=THEIRS, now=datetime.now(UTC))
    headers = message_from_bytes(raw, policy=policy.SMTP)
    assert first == again
    assert headers["Subject"].startswith("OFFICIAL-SENSITIVE: ")
    assert headers["Message-ID"] == f"<{first}@sandwell.example>"
    assert headers["Auto-Submitted"] == "auto-generated"


def test_an_attachment_that_was_altered_is_known_as_a_gateways_that_was_changed() -> None:
    _, raw = mail.build_sealed_mail("333", "sealed", b"A" * 30, sender=OURS, to=THEIRS, now=NOW)
    assert mail.read(raw.replace(b"QUFB", b"QUJB", 1), "7") == Changed("7", "333")


@given(st.binary())
@settings(deadline=None)
def test_whatever_lies_in_the_mailbox_is_read_without_harm(raw: bytes) -> None:
    assert mail.read(raw, "7") == "strange"


@given(st.integers(0, 2000), st.binary(max_size=8))
@settings(deadline=None)
def test_a_report_that_is_damaged_harms_nobody(at: int, noise: bytes) -> None:
    report = REPORT[:at] + noise + REPORT[at + len(noise) :]
    assert isinstance(mail.read(report, "7"), Returned | EmailReply | str)


REPORT = f"""\
Return-path: <>
From: Mail Delivery System <Mailer-Daemon@post.example>
To: {OURS}
Subject: Mail delivery failed: returning message to sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-type: text/plain

It could not be delivered.

--b
Content-type: message/delivery-status

Reporting-MTA: dns; post.example

Action: failed
Final-Recipient: rfc822; {THEIRS}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such
  mailbox here

--b
Content-type: text/rfc822-headers

Message-ID: <{CALLED}@sandwell.example>
Subject: OFFICIAL-SENSITIVE: CME notice

--b--
""".replace("\n", "\r\n").encode()


def test_a_report_names_the_letter_and_the_servers_reason() -> None:
    assert mail.read(REPORT, "7") == Returned("7", CALLED, "550 5.1.1 no such mailbox here")


@pytest.mark.parametrize("action", [b"delayed", b"delivered", b"relayed", b"expanded"])
def test_a_report_that_is_no_failure_is_kept_and_no_task(action: bytes) -> None:
    found = mail.read(REPORT.replace(b"Action: failed", b"Action: " + action), "7")
    assert isinstance(found, EmailReply)
    assert (found.ticket, found.by_machine, found.is_task) == (CALLED, True, False)


def test_a_bounce_of_a_server_that_knows_no_reports_is_one() -> None:
    bounce = f"Return-Path: <>\r\nSubject: failure notice\r\n\r\nYour mail {CALLED} was not delivered.\r\n"
    assert mail.read(bounce.encode(), "7") == Returned("7", CALLED, "it was returned without a reason")


def test_a_receipt_that_a_mail_program_gives_is_no_answer() -> None:
    """That a mail was shown says not that an officer has it (RFC 8098)."""
    shown = REPORT.replace(b"delivery-status", b"disposition-notification").replace(
        b"Action: failed", b"Disposition: displayed"
    )
    found = mail.read(shown, "7")
    assert isinstance(found, EmailReply)
    assert (found.by_machine, found.is_task) == (True, False)
    deleted = mail.read(shown.replace(b"Disposition: displayed", b"Disposition: manual-action; deleted"), "7")
    assert isinstance(deleted, EmailReply)
    # Nobody has read our letter: somebody here has to know.
    assert deleted.is_task


@pytest.mark.parametrize("where", ["Subject", "In-Reply-To", "References", "body"])
def test_a_reply_is_known_by_its_reference_wherever_it_stands(where: str) -> None:
    answer = EmailMessage(policy.SMTP)
    answer["From"] = "CME Team <cme@Birmingham.example>"
    if where != "body":
        answer[where] = f"RE: {CALLED}" if where == "Subject" else f"<{CALLED}@sandwell.example>"
    answer.set_content(f"We have it.\n\n> Reference {CALLED}\n" if where == "body" else "We have it.\n")
    assert mail.read(answer.as_bytes(), "7") == EmailReply("7", CALLED, "birmingham.example")


def test_a_reply_from_two_people_at_once_is_from_nowhere_that_is_clear() -> None:
    raw = f"From: a@birmingham.example, b@elsewhere.example\r\nSubject: {CALLED}\r\n\r\nyes\r\n"
    assert mail.read(raw.encode(), "7") == EmailReply("7", CALLED, "")


@pytest.mark.parametrize("smuggled", ["subject\r\nBcc: somebody@elsewhere.example", "subject\nX: y"])
def test_no_header_is_smuggled_in(smuggled: str) -> None:
    letter = Letter(CALLED, smuggled, mail.build_entity("text", None), demand_tls=False)
    with pytest.raises(ValueError, match="may not contain"):
        mail.build_letter(letter, sender=OURS, to=THEIRS, now=NOW)


def test_a_letter_is_one_whole_mail_with_our_headers_first() -> None:
    entity = mail.build_entity("Zoë lives at “Example House”.\n", (f"{CALLED}.xml", b"<Message/>"))
    raw = mail.build_letter(
        Letter(CALLED, "OFFICIAL: CME notice", entity, demand_tls=False), sender=OURS, to=THEIRS, now=NOW
    )
    assert raw.isascii()
    shown = message_from_bytes(raw, _class=EmailMessage, policy=policy.SMTP)
    text = shown.get_body(("plain",))
    assert text is not None
    assert text.get_content().strip() == "Zoë lives at “Example House”."
    assert [part.get_filename() for part in shown.iter_attachments()] == [f"{CALLED}.xml"]
    assert shown["To"] == THEIRS
    assert not shown.defects
