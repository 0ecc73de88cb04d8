"""Mails as mailboxes have sent them to others: what each is, what it makes of a notice, and what no mail ever makes of
one.
"""

import base64
import quopri
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import mail
from adapters.mail_names import find_tickets
from adapters.route import EmailReply, Returned
from gateway.auditing import audit
from gateway.casework import by_hand, by_mail
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.mail_replies import Judgement, MailReplyKind, MailReplyStage
from gateway.errors import NotAllowed
from gateway.exchange import hear_mail
from gateway.exchange.letters import build_reference
from gateway.monitoring import health
from gateway.reconciliation import deadlines, send_reminders
from gateway.store import audit_log, mail_replies, outbox
from gateway.store.mail_replies import MailReply
from keys.trust import Trust
from schemas.shapes import MessageId
from tests import letters
from tests.conftest import make, new_database
from tests.letters import enter

FOLDER = Path(__file__).parent / "mail"
# Stands in the files.
REFERENCE = "CME-ABCD-EFGH-IJKL-MNOP"
TASK, NO_TASK, FAILED = "a task", "kept, no task", "failed"
MACHINE = "a task, and it says that a machine wrote it"
# Of each file: what it is, and the row of the field log that says so.
MAILS = {
    "bounce-double-qmail.eml": (FAILED, "row 1"),
    "bounce-postmaster-delivery-failure.eml": (FAILED, "row 1"),
    "bounce-postmaster-mimecast.eml": (FAILED, "row 1"),
    "bounce-postmaster-quarantine.eml": (MACHINE, "row 1: it lies in quarantine, and may still be let through"),
    "bounce-postmaster-returned-mail.eml": (FAILED, "row 1"),
    "bounce-postmaster-undeliverable.eml": (FAILED, "row 1"),
    "bounce-postmaster-undelivered-mail.eml": (FAILED, "row 1"),
    "bounce-qmail-our-domain-no-return-path.eml": (FAILED, "row 1"),
    "bounce-qmail.eml": (FAILED, "row 1"),
    "dsn-action-capital.eml": (FAILED, "row 24"),
    "dsn-action-with-comment.eml": (FAILED, "row 24"),
    "dsn-delayed.eml": (NO_TASK, "row 24: the server goes on trying, and says so in the form of RFC 3464"),
    "dsn-exchange-2003-text-only.eml": (FAILED, "row 1"),
    "dsn-exchange-online.eml": (FAILED, "row 24"),
    "dsn-global-headers-only.eml": (FAILED, "row 24"),
    "dsn-global-message.eml": (FAILED, "row 24"),
    "dsn-global.eml": (FAILED, "row 24"),
    "dsn-headers.eml": (FAILED, "row 24"),
    "dsn-in-mixed.eml": (FAILED, "row 24"),
    "dsn-no-original.eml": (FAILED, "row 24"),
    "dsn-original-as-text.eml": (FAILED, "row 24"),
    "dsn-ses-message-id-rewritten-headers.eml": (FAILED, "row 24"),
    "dsn-ses-message-id-rewritten-rfc822.eml": (FAILED, "row 24"),
    "ooo-caution-external.eml": (MACHINE, "row 2"),
    "ooo-external-tag-first.eml": (MACHINE, "row 2"),
    "ooo-german-exchange.eml": (NO_TASK, "row 2: its headers and its subject say so"),
    "ooo-german-no-header.eml": (MACHINE, "row 2"),
    "ooo-lotus-notes.eml": (MACHINE, "row 2"),
    "ooo-no-longer-here.eml": (TASK, "row 2: no sign of a machine, so a person reads it"),
    "ooo-outlook-rule-template.eml": (MACHINE, "row 2"),
    "ooo-re-first.eml": (MACHINE, "row 2"),
    "ooo-welsh-bilingual-no-header.eml": (MACHINE, "row 2"),
    "ooo-x-auto-reply-from.eml": (MACHINE, "row 2"),
    "person-forward-from-other.eml": (TASK, "row 2: from elsewhere, so a person reads it"),
    "person-onmicrosoft.eml": (TASK, "row 2: as above"),
    "person-reference-broken-by-lines.eml": (TASK, "row 24: the reference is wrapped and quoted"),
    "person-reply.eml": (TASK, "row 2: a person, and still no acknowledgement before another has read it"),
    "person-subdomain.eml": (TASK, "row 2: as above"),
    "receipt-not-read-deleted.eml": (TASK, "row 3: nobody has read the letter, so somebody here has to know"),
    "winmail-dat.eml": (TASK, "row 2: its text cannot be shown, the mail is kept in the mailbox"),
    "placeholder-of-exchange.eml": ("nothing of ours", "row 8: it names no letter; it is looked at again"),
}


def test_every_file_has_a_row() -> None:
    assert {one.name for one in FOLDER.iterdir()} == MAILS.keys()


def kind(raw: bytes) -> str:
    found = mail.read(raw, "1")
    match found:
        case Returned(_, ticket):
            assert ticket == REFERENCE
            return FAILED
        case EmailReply(_, ticket):
            assert ticket == REFERENCE
            return NO_TASK if not found.is_task else MACHINE if found.by_machine else TASK
    return "nothing of ours" if found == "strange" else str(found)


@pytest.mark.parametrize("name", MAILS)
def test_each_is_what_the_row_says(name: str) -> None:
    assert kind((FOLDER / name).read_bytes()) == MAILS[name][0]


@pytest.fixture
def gw(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that writes letters to Birmingham."""
    made = make(tmp_path / "333", "333", "Sandwell")
    enter(made)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The same, for tests that need a letter of their own and nothing else."""
    made = make(tmp_path_factory.mktemp("shared") / "333", "333", "Sandwell")
    enter(made)
    yield made
    made.store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def on_both(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """The same, over each kind of database."""
    url = new_database(request.getfixturevalue("postgres")) if request.param == "postgresql" else ""
    made = make(tmp_path / "333", "333", "Sandwell", url)
    enter(made)
    yield made
    made.store.close()


def come(gw: Gateway, called: str, name: str) -> None:
    """This mail comes, about that letter."""
    raw = (FOLDER / name).read_bytes()
    # It may be wrapped.
    for part in (slice(0, 14), slice(14, None)):
        raw = raw.replace(REFERENCE[part].encode(), called[part].encode())
    letters.come(gw, raw)


def state(gw: Gateway, sent: MessageId) -> DeliveryState:
    return gw.store.look(lambda tx: outbox.get_delivery(tx, sent)).state


def kept(gw: Gateway, sent: MessageId) -> list[MailReply]:
    return gw.store.look(lambda tx: mail_replies.list_mail_replies_about(tx, [sent]))


def acts(gw: Gateway, sent: MessageId) -> list[str]:
    return [one.act for one in gw.store.look(lambda tx: audit_log.list_newest_entries(tx, about=sent))]


def is_whole(gw: Gateway) -> bool:
    """Does all that lies in the store fit the log?"""
    trust = Trust({gw.code: gw.own_card})
    return not gw.store.look(lambda tx: audit.verify_log(tx, trust, gw.code, ring=gw.ring)).faults


@pytest.mark.parametrize("name", MAILS)
async def test_no_mail_makes_a_notice_acknowledged(shared: Gateway, name: str) -> None:
    gw = shared
    sent, called = await letters.letter(gw)
    # It is fetched again where we were stopped before it was put aside.
    for _ in range(2):
        come(gw, called, name)
    wanted = MAILS[name][0]
    assert state(gw, sent) is (DeliveryState.FAILED if wanted == FAILED else DeliveryState.SENT)
    came = kept(gw, sent)
    assert len(came) == (wanted != "nothing of ours")
    if came:
        assert came[0].stage is (MailReplyStage.WAITING if wanted in (TASK, MACHINE) else MailReplyStage.NOTED)
        assert acts(gw, sent).count("notice.mail-came") == 1
    assert is_whole(gw)


async def test_what_a_mail_says_lies_nowhere_that_can_be_read(gw: Gateway) -> None:
    sent, called = await letters.letter(gw)
    come(gw, called, "ooo-no-longer-here.eml")
    [came] = kept(gw, sent)
    _, _, text = by_mail.read_mail_reply(gw, came.number, "olive")
    assert text
    assert "I no longer work for the council" in text.body
    assert "reply.read" in acts(gw, sent)
    gw.store.close()
    assert b"no longer work" not in b"".join(one.read_bytes() for one in gw.config.home.glob("store.db*"))


async def test_accepted_by_mail_is_called_so_and_closes_nothing(gw: Gateway) -> None:
    sent, called = await letters.letter(gw)
    come(gw, called, "person-reply.eml")
    [came] = kept(gw, sent)
    assert by_mail.judge_mail_reply(gw, came.number, Judgement.ACCEPTED, "olive").judged_by == "olive"
    assert state(gw, sent) is DeliveryState.ACCEPTED_BY_MAIL
    with pytest.raises(NotAllowed, match=r"case\.not-accepted"):
        by_hand.close_notice(gw, sent, "olive")
    with pytest.raises(NotAllowed, match=r"mail-reply\.already"):
        by_mail.judge_mail_reply(gw, came.number, Judgement.ACCEPTED, "tara")
    assert is_whole(gw)


@pytest.mark.parametrize("report", [name for name, (wanted, _) in MAILS.items() if wanted == FAILED])
async def test_a_report_after_an_acceptance_by_mail_undoes_it(shared: Gateway, report: str) -> None:
    gw = shared
    sent, called = await letters.letter(gw)
    come(gw, called, "ooo-german-no-header.eml")
    [came] = kept(gw, sent)
    # An officer errs too.
    by_mail.judge_mail_reply(gw, came.number, Judgement.ACCEPTED, "olive")
    come(gw, called, report)
    come(gw, called, report)
    assert state(gw, sent) is DeliveryState.FAILED
    assert acts(gw, sent).count("notice.came-back") == 1
    assert [(one.what, one.stage) for one in kept(gw, sent)] == [
        (MailReplyKind.REPORT, MailReplyStage.NOTED),
        (MailReplyKind.REPLY, MailReplyStage.UNDONE),
    ]
    assert is_whole(gw)


async def test_a_reply_of_before_a_report_is_no_acceptance_and_one_of_after_it_is(gw: Gateway) -> None:
    sent, called = await letters.letter(gw)
    come(gw, called, "person-reply.eml")
    come(gw, called, "dsn-global.eml")
    [_, before] = kept(gw, sent)
    with pytest.raises(NotAllowed, match=r"mail-reply\.came-back"):
        by_mail.judge_mail_reply(gw, before.number, Judgement.ACCEPTED, "olive")
    assert state(gw, sent) is DeliveryState.FAILED
    come(gw, called, "person-subdomain.eml")
    by_mail.judge_mail_reply(gw, kept(gw, sent)[0].number, Judgement.ACCEPTED, "olive")
    assert state(gw, sent) is DeliveryState.ACCEPTED_BY_MAIL
    assert is_whole(gw)


async def test_a_report_shows_on_a_notice_that_has_moved_on_and_moves_it_no_more(gw: Gateway) -> None:
    sent, called = await letters.letter(gw)
    call = by_hand.PhoneCall("Bea Example", gw.now())
    by_hand.record_outcome(gw, sent, "in-education", call, "olive")
    come(gw, called, "dsn-exchange-online.eml")
    assert state(gw, sent) is DeliveryState.CLOSED
    assert [one.what for one in kept(gw, sent)] == [MailReplyKind.REPORT]
    assert is_whole(gw)


async def test_an_officer_may_think_better_of_it(gw: Gateway) -> None:
    sent, called = await letters.letter(gw)
    come(gw, called, "person-reply.eml")
    [came] = kept(gw, sent)
    for judgement, stands in (
        (Judgement.ACCEPTED, DeliveryState.ACCEPTED_BY_MAIL),
        (Judgement.NO_PERSON, DeliveryState.SENT),
        (Judgement.NOT_ACCEPTED, DeliveryState.REJECTED),
        (Judgement.ACCEPTED, DeliveryState.ACCEPTED_BY_MAIL),
        (Judgement.NOT_ACCEPTED, DeliveryState.REJECTED),
        (Judgement.NO_PERSON, DeliveryState.SENT),
    ):
        by_mail.judge_mail_reply(gw, came.number, judgement, "olive")
        assert state(gw, sent) is stands
    assert is_whole(gw)


async def test_what_had_come_back_has_come_back_again_where_an_acceptance_is_taken_back(gw: Gateway) -> None:
    sent, called = await letters.letter(gw)
    come(gw, called, "dsn-headers.eml")
    come(gw, called, "person-reply.eml")
    by_mail.judge_mail_reply(gw, kept(gw, sent)[0].number, Judgement.ACCEPTED, "olive")
    by_mail.judge_mail_reply(gw, kept(gw, sent)[0].number, Judgement.NO_PERSON, "olive")
    assert state(gw, sent) is DeliveryState.FAILED
    assert is_whole(gw)


async def test_whatever_comes_and_is_said_in_any_order_fits_the_log(on_both: Gateway) -> None:
    gw, chance = on_both, random.Random(17)
    for _ in range(6):
        sent, called = await letters.letter(gw)
        for _ in range(8):
            if chance.random() < 0.5:
                come(gw, called, chance.choice(list(MAILS)))
            elif came := kept(gw, sent):
                try:
                    by_mail.judge_mail_reply(gw, chance.choice(came).number, chance.choice(list(Judgement)), "olive")
                except NotAllowed:
                    continue
        accepted = gw.store.look(lambda tx: mail_replies.list_accepting_replies(tx, sent))  # noqa: B023 - called at once
        assert accepted or state(gw, sent) is not DeliveryState.ACCEPTED_BY_MAIL
        assert state(gw, sent) in (
            DeliveryState.SENT,
            DeliveryState.FAILED,
            DeliveryState.REJECTED,
            DeliveryState.ACCEPTED_BY_MAIL,
        )
    assert is_whole(gw)


async def test_a_reminder_waits_a_working_day_for_somebody_to_read_the_reply_and_no_longer(gw: Gateway) -> None:
    sent, called = await letters.letter(gw)
    begun = gw.now()
    calendar = deadlines.read_terms(gw.config).get_calendar("333")
    late = calendar.add_working_days(begun, 2)
    gw.now = lambda: late
    come(gw, called, "person-reply.eml")
    assert (await send_reminders.send_due_reminders(gw)).reminded == ()
    gw.now = lambda: calendar.add_working_days(late, 1)
    assert (await send_reminders.send_due_reminders(gw)).reminded == (sent,)


@pytest.mark.parametrize("name", ["ooo-german-no-header.eml", "dsn-delayed.eml"])
async def test_a_machine_puts_no_reminder_off(gw: Gateway, name: str) -> None:
    sent, called = await letters.letter(gw)
    late = deadlines.read_terms(gw.config).get_calendar("333").add_working_days(gw.now(), 2)
    gw.now = lambda: late
    come(gw, called, name)
    assert (await send_reminders.send_due_reminders(gw)).reminded == (sent,)


async def test_whoever_answers_a_reminder_answers_what_it_reminds_of(gw: Gateway) -> None:
    sent, _ = await letters.letter(gw)
    reminder = send_reminders.remind_partner(gw, sent, "olive")
    called = build_reference(reminder, gw.ring)
    letters.hand_over(gw)
    come(gw, called, "person-reply.eml")
    [came] = kept(gw, sent)
    by_mail.judge_mail_reply(gw, came.number, Judgement.ACCEPTED, "olive")
    assert state(gw, sent) is DeliveryState.ACCEPTED_BY_MAIL


async def test_a_machine_that_has_lost_its_way_fills_no_store(gw: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hear_mail, "MOST_KEPT", 3)
    sent, called = await letters.letter(gw)
    for number in range(9):
        raw = (FOLDER / "ooo-lotus-notes.eml").read_bytes().replace(REFERENCE.encode(), called.encode())
        found = mail.read(raw.replace(b"Text.", b"Text %d." % number), "1")
        assert isinstance(found, EmailReply)
        gw.store.run(lambda tx: hear_mail.receive_mail(tx, gw, "email", found))  # noqa: B023 - called at once
    assert len(kept(gw, sent)) == 3
    # And a report still counts.
    come(gw, called, "dsn-headers.eml")
    assert state(gw, sent) is DeliveryState.FAILED


async def test_health_says_that_a_reply_waits_for_too_long(gw: Gateway) -> None:
    _, called = await letters.letter(gw)
    come(gw, called, "person-reply.eml")
    later = deadlines.read_terms(gw.config).get_calendar("333").add_working_days(gw.now(), 3)
    gw.now = lambda: later
    assert "replies by mail" in {one.name for one in health.measure_health(gw).findings}


STATUS = """Reporting-MTA: dns; b.example

Final-Recipient: rfc822; cme@b.example
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp; 550 5.1.10 no
"""
# What servers have made of the fields of a report.
STATUSES = {
    "as RFC 3464 has them": STATUS,
    "without an action": STATUS.replace("Action: failed\n", ""),
    "with a comment first": STATUS.replace("failed", "(sorry) FAILED (for good)"),
    "without spaces": STATUS.replace(": ", ":"),
    "in capitals": STATUS.replace("Action: failed", "ACTION: Failed"),
}
TYPES = (
    "message/delivery-status",
    "message/global-delivery-status",
    "text/plain; name=details.txt",
    "application/octet-stream; name=details.txt",
)
ORIGINALS = (
    "text/rfc822-headers",
    "message/rfc822",
    "message/global",
    "message/global-headers",
    "text/plain",
    "application/octet-stream; name=original.eml",
)


def encoded(text: str, how: str) -> str:
    raw = text.encode()
    said = {"base64": base64.encodebytes(raw), "quoted-printable": quopri.encodestring(raw)}.get(how, raw).decode()
    return (f"Content-Transfer-Encoding: {how}\n" if how else "") + f"\n{said}"


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind_of_status", TYPES)
@pytest.mark.parametrize("kind_of_original", ORIGINALS)
def test_a_report_is_understood_whatever_its_parts_are_called_and_however_they_are_encoded(
    status: str, kind_of_status: str, kind_of_original: str
) -> None:
    original = f"Message-ID: <{REFERENCE}@sandwell.example>\nSubject: ours\n\n"
    for how in ("", "base64", "quoted-printable"):
        for how_original in ("", "base64"):
            raw = (
                "From: System <x@b.example>\nSubject: Rapport\nMIME-Version: 1.0\n"
                "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
                f"Content-Type: text/plain\n\nNon.\n--b\nContent-Type: {kind_of_status}\n"
                f"{encoded(STATUSES[status], how)}\n--b\nContent-Type: {kind_of_original}\n"
                f"{encoded(original, how_original)}\n--b--\n"
            ).encode()
            assert kind(raw) == FAILED, (how, how_original)


HYPHENS = ("-", "\u2010", "\u2011", "-\n> ", "-\r\n", " - ", "\n> -", "-\u200b", "-\n> > ", "=\u00ad-"[1:])


@given(
    st.lists(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=4, max_size=4), min_size=4, max_size=4),
    st.lists(st.sampled_from(HYPHENS), min_size=4, max_size=4),
    st.booleans(),
    st.sampled_from(["", "[", "(", "Ref: ", "> ", "<"]),
)
@settings(deadline=None)
def test_a_reference_is_found_however_it_was_wrapped_quoted_or_written(
    parts: list[str], hyphens: list[str], small: bool, before: str
) -> None:
    written = "CME" + "".join(hyphen + part for hyphen, part in zip(hyphens, parts, strict=True))
    said = f"{before}{written.lower() if small else written}. Thank you"
    assert list(find_tickets(said)) == ["-".join(("CME", *parts))]


# Of mails in languages and by servers that nobody has listed: no phrase makes one an acceptance.
SAYS_SO = {
    "from": ["CME <cme@birmingham.example>", "postmaster@birmingham.example", "MAILER-DAEMON@x.example", "", "noreply@b.example"],
    "path": ["<>", "<cme@birmingham.example>", "<#@[]>", ""],
    "subject": ["Re: {}", "Poissaoloviesti: {}", "Automaattinen vastaus: {}", "不在通知 {}", "Nedoručitelná zpráva: {}", "{}"],
    "text": ["Yes, accepted, we have it.", "5.7.1 rejected", "Olen poissa", "Action: failed", "Permanent error", "Tack!", ""],
    "headers": ["", "Auto-Submitted: auto-replied", "Precedence: bulk", "X-Loop: x", "Content-Type: text/html"],
}  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
async def test_nothing_that_anybody_may_write_is_an_acceptance(shared: Gateway, seed: int) -> None:
    gw = shared
    chance = random.Random(seed)
    sent, called = await letters.letter(gw)
    for _ in range(25):
        pick = {name: chance.choice(some) for name, some in SAYS_SO.items()}
        head = [f"Subject: {pick['subject'].format(called)}", pick["headers"]]
        head += [f"From: {pick['from']}"] if pick["from"] else []
        head += [f"Return-Path: {pick['path']}"] if pick["path"] else []
        raw = "\r\n".join([*filter(None, head), "", pick["text"], f"> {called}"]).encode()
        found = mail.read(raw, "1")
        assert isinstance(found, EmailReply | Returned)
        gw.store.run(lambda tx: hear_mail.receive_mail(tx, gw, "email", found))  # noqa: B023 - called at once
        assert state(gw, sent) in (DeliveryState.SENT, DeliveryState.FAILED)
    assert all(one.judgement is None for one in kept(gw, sent))
    assert re.search("returned|sent by email", gw.store.look(lambda tx: outbox.get_delivery(tx, sent)).reason or "")
