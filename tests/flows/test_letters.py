"""Letters to the officers of an authority that has no gateway: through real mail servers, opened by OpenSSL as by a
mail program.
"""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import update

from adapters.route import HandedOver, TryLater
from gateway import app, home_folder
from gateway.authorities import correspondents
from gateway.casework import by_mail
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.delivery import DeliveryState
from gateway.core.mail_replies import Judgement
from gateway.core.message_protection import LetterProtection
from gateway.errors import ConfigProblem, GatewayError, NotFound
from gateway.exchange import enquire, letters
from gateway.exchange.send import send_notices
from gateway.exchange.stand_down import stand_down_search
from gateway.monitoring import doctor
from gateway.store import audit_log, mail_replies, outbox
from gateway.store.mail_replies import MailReply
from gateway.store.tables import outbox as outbox_table
from keys.errors import Refusal, RefusalCode
from schemas import xml
from schemas.message import Child, LocatedNotice, Message
from schemas.shapes import MessageId
from tests import mail
from tests.certificates import for_mail
from tests.children import notice
from tests.conftest import free_port, introduce, make
from tests.flows.test_command_line import cme_gateway
from tests.flows.test_exchange import state, until
from tests.mail import Servers
from tests.needs import need
from tests.refusals import expect_refusal

OURS, THEIRS = "gateway@sandwell.example", "cme@birmingham.example"
RING = "0121 496 0303"


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.email.POLL_SECONDS", 0.1)
    monkeypatch.setattr("gateway.exchange.collect.LOOK_EVERY", 0.1)


@pytest.fixture
def servers() -> Iterator[Servers]:
    with mail.home() as home, mail.servers(home, free_port(), free_port()) as made:
        yield made


@pytest.fixture
def sandwell(tmp_path: Path, servers: Servers) -> Iterator[Gateway]:
    """A gateway with a mail account, a certificate for letters, and a mail team that vouches for two domains."""
    key, certificate = for_mail(OURS)
    (tmp_path / "our.key").write_bytes(key)
    (tmp_path / "our.pem").write_bytes(certificate)
    make(tmp_path / "333", "333", "Sandwell").store.close()
    with (tmp_path / "333" / "gateway.toml").open("a") as settings:
        more = f'smime_key_file = "{tmp_path / "our.key"}"\nsmime_certificate_file = "{tmp_path / "our.pem"}"\n'
        settings.write(servers.build_settings(OURS, f'{more}tls_domains = "birmingham.example {mail.SLOW}"'))
    home_folder.renew_card(tmp_path / "333", by="test")
    gw = home_folder.open_gateway(tmp_path / "333")
    yield gw
    gw.store.close()


def enter(gw: Gateway, how: LetterProtection, address: str = THEIRS, certificate: str | None = None) -> None:
    correspondents.enter_correspondent(gw, "330", address, how, telephone=RING, certificate=certificate, by="olive")


async def arrived(gw: Gateway, servers: Servers, message: Message) -> bytes:
    """Send it, and wait until the letter lies in their mailbox."""
    async with app.run_gateway(gw):
        [sent] = send_notices(gw, [message], by="olive")
        await until(lambda: state(gw, sent) is DeliveryState.SENT)
        await until(lambda: len(servers.list_mails(THEIRS)) == 1)
    return servers.list_mails(THEIRS)[0]


def said_of(message: Message) -> list[str]:
    """Whatever would tell who the child is; of a notice that holds no child, the child of the other samples."""
    [child, *_] = message.list_all(Child) or notice().list_all(Child)
    return [word for word in (child.upn, child.surname, f"{child.dob:%d %b %Y}", child.dob.isoformat()) if word]


def shows(raw: bytes, words: Sequence[str]) -> list[str]:
    """Which of these words stand in a mail, in its headers or in any of its parts, decoded."""
    parts = [
        raw,
        *(
            bytes(part.get_payload(decode=True) or b"")
            for part in message_from_bytes(raw).walk()
            if not part.is_multipart()
        ),
    ]
    return [word for word in words if any(word.encode() in part for part in parts)]


def opened(tmp_path: Path, raw: bytes, key: bytes, theirs: bytes, ours: bytes) -> EmailMessage:
    """What a mail program shows of an encrypted and signed letter."""
    for name, content in (("mail.eml", raw), ("key.pem", key), ("theirs.pem", theirs), ("ours.pem", ours)):
        (tmp_path / name).write_bytes(content)
    for words in (
        ["-decrypt", "-in", "mail.eml", "-recip", "theirs.pem", "-inkey", "key.pem", "-out", "signed.eml"],
        ["-verify", "-in", "signed.eml", "-CAfile", "ours.pem", "-purpose", "smimesign", "-out", "plain.eml"],
    ):
        need("OpenSSL")
        subprocess.run(["openssl", "cms", *words], cwd=tmp_path, check=True, capture_output=True)
    return message_from_bytes((tmp_path / "plain.eml").read_bytes(), _class=EmailMessage, policy=policy.SMTP)


async def test_a_letter_by_smime_is_encrypted_signed_and_readable(
    sandwell: Gateway, servers: Servers, tmp_path: Path
) -> None:
    key, certificate = for_mail(THEIRS)
    enter(sandwell, "person-smime", certificate=certificate.decode())
    message = notice(recipient="330")
    raw = await arrived(sandwell, servers, message)
    assert shows(raw, said_of(message)) == []
    headers = message_from_bytes(raw, policy=policy.SMTP)
    called = letters.build_reference(message.header.message_id, sandwell.ring)
    assert headers["Subject"] == f"OFFICIAL-SENSITIVE: Transfer notice from Sandwell CME team, reference {called}"
    shown = opened(tmp_path, raw, key, certificate, (tmp_path / "our.pem").read_bytes())
    text = shown.get_body(("plain",))
    assert text is not None
    words = text.get_content()
    assert all(word in words for word in said_of(message)[:3])
    assert called in words
    assert "01632 960101" in words
    [attached] = shown.iter_attachments()
    assert attached.get_filename() == f"{called}.xml"
    assert xml.read(bytes(attached.get_payload(decode=True) or b"")) == message


async def test_a_letter_by_tls_alone_is_readable(sandwell: Gateway, servers: Servers) -> None:
    enter(sandwell, "person-tls")
    message = notice(recipient="330")
    raw = await arrived(sandwell, servers, message)
    assert len(shows(raw, said_of(message))) == len(said_of(message))
    headers = raw.partition(b"\n\n")[0]
    assert shows(headers + b"\n\n", said_of(message)) == []
    assert b"TLS1.3" in headers


async def test_a_mail_that_only_notifies_says_nothing_of_the_child(sandwell: Gateway, servers: Servers) -> None:
    enter(sandwell, "notify-only")
    message = notice(recipient="330")
    raw = await arrived(sandwell, servers, message)
    assert shows(raw, said_of(message)) == []
    assert shows(raw, ["01632 960101", letters.build_reference(message.header.message_id, sandwell.ring)]) != []
    assert not list(message_from_bytes(raw, _class=EmailMessage, policy=policy.SMTP).iter_attachments())


@pytest.mark.parametrize("name", ["transfer-notice-restricted", "transfer-notice-phone-only"])
async def test_a_restricted_child_is_in_no_letter_that_can_be_read_on_its_way(
    sandwell: Gateway, servers: Servers, name: str
) -> None:
    enter(sandwell, "person-tls")
    message = notice(recipient="330", name=name)
    raw = await arrived(sandwell, servers, message)
    assert shows(raw, said_of(message)) == []
    assert (
        sandwell.store.look(lambda tx: outbox.get_delivery(tx, message.header.message_id)).protection == "notify-only"
    )


async def test_nothing_that_can_be_read_lies_in_the_store(sandwell: Gateway) -> None:
    enter(sandwell, "person-tls")
    [sent] = send_notices(sandwell, [message := notice(recipient="330")], by="olive")
    assert sandwell.store.look(lambda tx: outbox.get_sealed_notice(tx, sent)) == b""
    sandwell.store.close()
    stored = b"".join(path.read_bytes() for path in sandwell.config.home.glob("store.db*"))
    assert not [word for word in said_of(message) if word.encode() in stored]


def reply(raw: bytes, **headers: str) -> EmailMessage:
    """What a mail program makes of an officer's answer to a letter."""
    came = message_from_bytes(raw, policy=policy.SMTP)
    answer = EmailMessage(policy.SMTP)
    answer["From"], answer["To"] = f"CME Team <{THEIRS}>", OURS
    answer["Subject"] = f"RE: {came['Subject']}"
    for name, value in headers.items():
        key = name.replace("_", "-")
        del answer[key]
        answer[key] = value
    answer.set_content("Thank you, we have it.\n")
    return answer


async def sent_letter(
    gw: Gateway, servers: Servers, how: LetterProtection = "notify-only", certificate: str | None = None
) -> tuple[MessageId, bytes]:
    enter(gw, how, certificate=certificate)
    message = notice(recipient="330")
    return message.header.message_id, await arrived(gw, servers, message)


def kept(gw: Gateway, sent: MessageId) -> list[MailReply]:
    return gw.store.look(lambda tx: mail_replies.list_mail_replies_about(tx, [sent]))


async def test_a_reply_with_the_reference_is_kept_and_counts_for_what_an_officer_reads_in_it(
    sandwell: Gateway, servers: Servers
) -> None:
    sent, raw = await sent_letter(sandwell, servers)
    servers.add_mail(OURS, reply(raw))
    async with app.run_gateway(sandwell):
        await until(lambda: len(kept(sandwell, sent)) == 1)
        await until(lambda: servers.list_mails(OURS) == [])
    assert state(sandwell, sent) is DeliveryState.SENT
    [came] = kept(sandwell, sent)
    _, _, text = by_mail.read_mail_reply(sandwell, came.number, "olive")
    assert text
    assert "Thank you, we have it." in text.body
    by_mail.judge_mail_reply(sandwell, came.number, Judgement.ACCEPTED, "olive")
    reason = sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).reason or ""
    assert state(sandwell, sent) is DeliveryState.ACCEPTED_BY_MAIL
    assert "an email from birmingham.example" in reason
    assert "not signed" in reason
    acts = {one.act for one in sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, about=sent))}
    assert acts >= {"notice.mail-came", "reply.read", "notice.accepted-by-mail"}


def signed_by(folder: Path, content: bytes, options: list[str]) -> bytes:
    """As a mail program signs what is sent."""
    need("OpenSSL")
    words = ["openssl", "cms", "-sign", *options, "-signer", "theirs.pem", "-inkey", "key.pem"]
    return subprocess.run(words, cwd=folder, input=content, capture_output=True, check=True).stdout


@pytest.mark.parametrize("opaque", [False, True])
async def test_a_reply_that_is_signed_with_their_certificate_is_worth_more(
    sandwell: Gateway, servers: Servers, tmp_path: Path, opaque: bool
) -> None:
    key, certificate = for_mail(THEIRS)
    sent, raw = await sent_letter(sandwell, servers, "person-smime", certificate.decode())
    for name, content in (("key.pem", key), ("theirs.pem", certificate)):
        (tmp_path / name).write_bytes(content)
    answer = reply(raw)
    inside = b"Content-Type: text/plain\r\n\r\nThank you.\r\n"
    signed = signed_by(tmp_path, inside, ["-nodetach"] if opaque else [])
    head = "".join(f"{name}: {answer[name]}\r\n" for name in ("From", "To", "Subject")).encode()
    servers.add_mail(OURS, head + signed.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    async with app.run_gateway(sandwell):
        await until(lambda: len(kept(sandwell, sent)) == 1)
    [came] = kept(sandwell, sent)
    assert (came.signed, state(sandwell, sent)) == (True, DeliveryState.SENT)
    by_mail.judge_mail_reply(sandwell, came.number, Judgement.ACCEPTED, "olive")
    reason = sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).reason or ""
    assert "signed with the certificate held here" in reason


@pytest.mark.parametrize(
    "headers",
    [
        {"Subject": "Automatic reply: CME notice"},
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"From": "somebody@elsewhere.example"},
        {"Subject": "RE: your letter, whichever it was"},
        {"Subject": "RE: CME notice, reference CME-AAAA-BBBB-CCCC-DDDD"},
    ],
)
async def test_what_is_no_answer_acknowledges_nothing(
    sandwell: Gateway, servers: Servers, headers: dict[str, str]
) -> None:
    sent, raw = await sent_letter(sandwell, servers)
    called = letters.build_reference(sent, sandwell.ring)
    answer = reply(raw, **headers)
    if "Subject" not in headers:
        assert called in answer["Subject"]
    servers.add_mail(OURS, answer)
    servers.add_mail(OURS, b"\x00\xff no mail at all")
    async with app.run_gateway(sandwell):
        await until(lambda: sandwell.strange.get(("email", "333"), 0) > 0)
    assert state(sandwell, sent) is DeliveryState.SENT
    assert "route.strange" in {one.act for one in sandwell.store.look(audit_log.list_newest_entries)}


async def test_a_letter_that_comes_back_has_failed_with_the_reason(sandwell: Gateway, servers: Servers) -> None:
    enter(sandwell, "notify-only", f"nobody@{mail.SLOW}")
    async with app.run_gateway(sandwell):
        [sent] = send_notices(sandwell, [notice(recipient="330")], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.FAILED)
    reason = sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).reason or ""
    assert reason.startswith("returned: 5.")


async def test_an_address_that_the_server_does_not_know_has_failed_with_the_reason(sandwell: Gateway) -> None:
    enter(sandwell, "notify-only", "nobody@birmingham.example")
    async with app.run_gateway(sandwell):
        [sent] = send_notices(sandwell, [notice(recipient="330")], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.FAILED)
    assert "550" in (sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).reason or "")


async def one_try(gw: Gateway) -> str:
    [sent] = send_notices(gw, [notice(recipient="330")], by="olive")
    [claimed] = gw.store.run(lambda tx: outbox.claim_deliveries(tx, gw.now(), "330", 9))
    assert claimed.message_id == sent
    attempt = await letters.post_letter(gw, claimed)
    assert not isinstance(attempt, HandedOver)
    return str(getattr(attempt, "reason", ""))


async def test_nothing_leaves_without_tls_or_with_a_certificate_that_does_not_hold(
    sandwell: Gateway, servers: Servers
) -> None:
    enter(sandwell, "person-tls")
    assert sandwell.mail is not None
    ours = sandwell.mail
    sandwell.mail = replace(ours, authorities=for_mail(OURS)[1].decode())
    assert "certificate of your email server is not valid" in await one_try(sandwell)
    with mail.home() as home, mail.servers(home, free_port(), free_port(), offer_tls=False) as plain:
        sandwell.mail = replace(ours, smtp=f"smtp://127.0.0.1:{plain.smtp}")
        assert "does not offer TLS" in await one_try(sandwell)
        assert plain.list_mails(THEIRS) == []
    sandwell.mail = replace(ours, tls_domains=frozenset())
    assert "it is not confirmed that TLS protects" in await one_try(sandwell)
    assert servers.list_mails(THEIRS) == []


async def test_a_wrong_password_and_a_server_that_is_away_are_reasons_to_try_later(sandwell: Gateway) -> None:
    enter(sandwell, "notify-only")
    assert sandwell.mail is not None
    assert sandwell.mail.login is not None
    ours = sandwell.mail
    sandwell.mail = replace(ours, login=replace(sandwell.mail.login, password="another"))
    assert "refused this gateway (535)" in await one_try(sandwell)
    sandwell.mail = replace(ours, smtp=f"smtp://127.0.0.1:{free_port()}")
    assert "cannot be reached" in await one_try(sandwell)
    sandwell.mail = None
    assert "no email account" in await one_try(sandwell)


async def test_a_mailbox_that_was_taken_off_the_list_gets_no_letter(sandwell: Gateway) -> None:
    enter(sandwell, "notify-only")
    [sent] = send_notices(sandwell, [notice(recipient="330")], by="olive")
    correspondents.delete_correspondent(sandwell, "330", "olive")
    with pytest.raises(NotFound):
        correspondents.delete_correspondent(sandwell, "330", "olive")
    with pytest.raises(Refusal):
        send_notices(sandwell, [notice(recipient="330")], by="olive")
    assert state(sandwell, sent) is DeliveryState.QUEUED


WRONG: list[tuple[str, dict[str, str]]] = [
    ("correspondent.authority", {"authority": "333"}),
    ("correspondent.authority", {"authority": "999"}),
    ("correspondent.address", {"address": "no address"}),
    ("correspondent.address", {"address": "cme@birmingham.example\r\nBcc: x@elsewhere.example"}),
    ("correspondent.ended", {"address": "cme@birmingham.gcsx.gov.uk"}),
    ("correspondent.ended", {"address": "cme@birmingham.gscx.gov.uk"}),
    ("correspondent.telephone", {"telephone": "ask reception"}),
    ("correspondent.tls", {"address": "cme@elsewhere.example"}),
]


@pytest.mark.parametrize(("code", "wrong"), WRONG, ids=[f"{code} {n}" for n, (code, _) in enumerate(WRONG)])
def test_an_entry_that_would_not_serve_is_refused(sandwell: Gateway, code: str, wrong: dict[str, str]) -> None:
    given = {"authority": "330", "address": THEIRS, "telephone": RING} | wrong
    with pytest.raises(GatewayError) as why:
        correspondents.enter_correspondent(
            sandwell, given["authority"], given["address"], "person-tls", telephone=given["telephone"], by="olive"
        )
    assert why.value.code == code
    assert sandwell.correspondents == {}


@pytest.mark.parametrize(
    ("refusal", "certificate"),
    [
        (RefusalCode.SMIME_UNREADABLE, b"no certificate"),
        (RefusalCode.SMIME_OTHER_ADDRESS, for_mail("other@birmingham.example")[1]),
        (RefusalCode.SMIME_OUT_OF_DATE, for_mail(THEIRS, days=(-9, -1))[1]),
        (RefusalCode.SMIME_NOT_YET, for_mail(THEIRS, days=(1, 9))[1]),
        (RefusalCode.SMIME_NO_RSA_KEY, for_mail(THEIRS, elliptic=True)[1]),
        (RefusalCode.SMIME_SIGN_ONLY, for_mail(THEIRS, encipher=False)[1]),
        (RefusalCode.SMIME_SHORT_KEY, for_mail(THEIRS, bits=1024)[1]),
    ],
)
def test_a_certificate_that_would_not_serve_is_refused(
    sandwell: Gateway, refusal: RefusalCode, certificate: bytes
) -> None:
    with expect_refusal(refusal):
        enter(sandwell, "person-smime", certificate=certificate.decode())


def test_an_authority_with_a_gateway_gets_no_letters(sandwell: Gateway, tmp_path: Path) -> None:
    other = make(tmp_path / "330", "330", "Birmingham")
    introduce(sandwell, other)
    other.store.close()
    with pytest.raises(GatewayError, match="has-gateway"):
        enter(sandwell, "notify-only")


def test_without_a_certificate_of_ours_there_are_no_letters_by_smime(sandwell: Gateway) -> None:
    sandwell.config = replace(sandwell.config, email=replace(sandwell.config.email, smime_key_file=""))
    with pytest.raises(ConfigProblem, match="smime"):
        enter(sandwell, "person-smime", certificate=for_mail(THEIRS)[1].decode())


def test_our_key_may_lie_under_the_gateways_passphrase(sandwell: Gateway, tmp_path: Path) -> None:
    key, certificate = for_mail(OURS, elliptic=True, passphrase=sandwell.config.read_passphrase())
    (tmp_path / "our.key").write_bytes(key)
    (tmp_path / "our.pem").write_bytes(certificate)
    letters.get_signer(sandwell)
    # Of another certificate.
    (tmp_path / "our.key").write_bytes(for_mail(OURS)[0])
    with expect_refusal(RefusalCode.SMIME_NOT_TOGETHER):
        letters.get_signer(sandwell)


def test_doctor_says_when_certificates_end(sandwell: Gateway) -> None:
    enter(sandwell, "person-smime", certificate=for_mail(THEIRS)[1].decode())
    found = {one.name: one.result for one in doctor.run_checks(sandwell)}
    assert found["mail server"] == found["mailbox's server"] == "ok"
    assert found["our mailbox by mail"] == "ok"
    # Within sixty days.
    assert found["certificate for letters"] == "warn"
    assert found["certificate of 330"] == "warn"


def test_doctor_says_which_mail_server_does_not_let_us_in(sandwell: Gateway) -> None:
    assert sandwell.mail is not None
    assert sandwell.mail.login is not None
    sandwell.mail = replace(sandwell.mail, login=replace(sandwell.mail.login, password="another"))
    found = {one.name: one for one in doctor.run_checks(sandwell)}
    assert (found["mail server"].result, found["mail server"].detail) == (
        "fail",
        "The sign-in failed: your email server refused this gateway (535). Check the server, and [email] in gateway.toml.",
    )
    assert (
        found["mailbox's server"].detail
        == "The sign-in failed: your mailbox refused the sign-in. Check the server, and [email] in gateway.toml."
    )


def test_doctor_says_to_whom_nothing_can_be_written(sandwell: Gateway) -> None:
    enter(sandwell, "person-tls")
    assert sandwell.mail is not None
    sandwell.mail = replace(sandwell.mail, tls_domains=frozenset())
    assert ("letters to 330", "fail") in {(one.name, one.result) for one in doctor.run_checks(sandwell)}
    sandwell.mail = None
    assert ("letters", "fail") in {(one.name, one.result) for one in doctor.run_checks(sandwell)}


def test_the_commands_say_what_they_did(sandwell: Gateway) -> None:
    home = ("--home", str(sandwell.config.home))
    given = ("330", THEIRS, "--protection", "person-tls", "--telephone", RING)
    done = cme_gateway("partner", "email", *given, *home)
    assert done.returncode == 0, done.stderr
    assert THEIRS in done.stdout
    listed = cme_gateway("partner", "list", *home)
    assert "Birmingham" in listed.stdout
    assert labels.name_protection("person-tls") in " ".join(listed.stdout.split())
    assert cme_gateway("partner", "remove-email", "330", *home).returncode == 0
    refused = cme_gateway("partner", "email", *given[:3], "person-smime", *given[4:], *home)
    assert refused.returncode == 2
    assert "--certificate" in refused.stderr


async def test_a_try_that_could_not_be_made_is_told(sandwell: Gateway) -> None:
    """Their certificate has ended since it was entered."""
    certificate = for_mail(THEIRS)[1].decode()
    enter(sandwell, "person-smime", certificate=certificate)
    clock = sandwell.now
    [sent] = send_notices(sandwell, [notice(recipient="330")], by="olive")
    [claimed] = sandwell.store.run(lambda tx: outbox.claim_deliveries(tx, clock(), "330", 9))
    sandwell.now = lambda: clock() + timedelta(days=40)
    attempt = await letters.post_letter(sandwell, claimed)
    assert isinstance(attempt, TryLater)
    assert "smime.out-of-date" in attempt.reason
    assert state(sandwell, sent) is DeliveryState.QUEUED


async def test_a_letter_of_a_protection_that_nobody_knows_does_not_leave(sandwell: Gateway) -> None:
    """A row that says "notify_only" would else have sent all of it."""
    enter(sandwell, "person-tls")
    [sent] = send_notices(sandwell, [notice(recipient="330")], by="olive")
    slip = update(outbox_table).where(outbox_table.c.message_id == sent).values(protection="notify_only")
    sandwell.store.run(lambda tx: tx.execute(slip))
    [claimed] = sandwell.store.run(lambda tx: outbox.claim_deliveries(tx, sandwell.now(), "330", 9))
    with pytest.raises(AssertionError):
        await letters.post_letter(sandwell, claimed)
    with pytest.raises(ValueError, match="no letter"):
        await letters.post_letter(sandwell, replace(claimed, protection="sealed"))


async def test_a_search_and_its_end_reach_an_authority_without_a_gateway_by_letter(
    sandwell: Gateway, servers: Servers
) -> None:
    enter(sandwell, "person-tls")
    search = notice(name="whereabouts-enquiry")
    async with app.run_gateway(sandwell):
        done = enquire.ask_authorities(sandwell, search, ["330", "885"], {}, by="tara")
        assert list(done.asked) == ["330"]
        assert list(done.not_asked) == ["885"]
        await until(lambda: state(sandwell, done.asked["330"]) is DeliveryState.SENT)
        found = LocatedNotice(located_on=sandwell.now().date(), way="in-education", ring=sandwell.build_officer("Tara"))
        [told] = stand_down_search(sandwell, done.case, found, by="tara")
        await until(lambda: state(sandwell, told) is DeliveryState.SENT)
        await until(lambda: len(servers.list_mails(THEIRS)) == 2)
    mails = servers.list_mails(THEIRS)
    [asked] = [raw for raw in mails if b"Subject: OFFICIAL-SENSITIVE: End of search" not in raw]
    [ended] = [raw for raw in mails if raw != asked]
    assert letters.build_reference(done.asked["330"], sandwell.ring).encode() in asked
    # To which it belongs.
    assert letters.build_reference(done.asked["330"], sandwell.ring).encode() in ended
    assert letters.build_reference(told, sandwell.ring).encode() in ended
    assert shows(ended, said_of(search)) == []
