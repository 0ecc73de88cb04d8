"""Secure email: sealed messages as attachments from one gateway's mailbox to another's, and letters to people.

Mail leaves by our own relay and comes into our own mailbox, over TLS with a certificate that holds, or not at all. What
is sealed needs no more; a letter that can be read on its way goes only where the relay demands TLS on (RFC 8689), or to
a domain for which we know that it does.
"""

import asyncio
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import aiosmtplib

from adapters import mail
from adapters.https import in_halves
from adapters.imap import Inbox
from adapters.mail_process import MailTooLong, Reader
from adapters.route import (
    Attempt,
    Bundle,
    Changed,
    EmailReply,
    Found,
    HandedOver,
    Left,
    Letter,
    Login,
    MailAccount,
    NotDone,
    NotReached,
    Parcel,
    Refused,
    Returned,
    RouteAddress,
    Strange,
    TryLater,
)
from adapters.tokens import Tokens

SEND_SECONDS = 30
# Between two looks into a mailbox where nothing lies.
POLL_SECONDS = 5.0
PORTS = {"smtp": 587, "smtps": 465}
TOO_LARGE = 552
TOO_LONG = "emails that take too long to read"
CHANGED = "encrypted emails that were cut, changed or emptied on the way: ask the team that runs the email servers"
NO_RECEIPTS = "emails that are saved here, but your email server does not accept their receipts"
_TROUBLE = (TimeoutError, OSError, ValueError, NotReached, aiosmtplib.SMTPException)
NO_ACCOUNT = "there is no email account: complete [email] in gateway.toml"
UNSURE = "it is not confirmed that TLS protects the whole way to their mailbox, and this email is not encrypted"


class Email:
    """Keeps one connection to our mailbox open; each mail that leaves has one of its own."""

    def __init__(self) -> None:
        """Nothing is opened before the first visit."""
        self._inboxes: dict[MailAccount, Inbox] = {}
        self._tokens = Tokens()
        self._reader = Reader()

    async def deliver(self, address: RouteAddress, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        """Send the parcels in one mail; in halves where a server finds it too large."""
        if address.mail is None:
            return [TryLater(NO_ACCOUNT)] * len(parcels)
        bundle = b"\n".join(parcel.sealed for parcel in parcels)
        attempt = await self._send_sealed(address.mail, address, "sealed", bundle)
        if isinstance(attempt, Refused) and attempt.code == f"email.{TOO_LARGE}" and len(parcels) > 1:
            return await in_halves(self, address, parcels)
        # A server can be mended while we go on trying: only a receipt ends a delivery.
        if isinstance(attempt, Refused):
            attempt = TryLater(attempt.reason)
        return [attempt] * len(parcels)

    async def post(self, address: RouteAddress, letter: Letter) -> Attempt:
        """Send one letter to a person."""
        if address.mail is None:
            return TryLater(NO_ACCOUNT)
        raw = mail.build_letter(letter, sender=address.mail.address, to=_to(address), now=datetime.now(UTC))
        return await self._send(address.mail, _to(address), raw, letter.reference, demand_tls=letter.demand_tls)

    async def check_server(self, address: RouteAddress) -> None:
        """Sign in at our own mail server, by which mail to the partner leaves."""
        account = _account(address)
        try:
            async with asyncio.timeout(SEND_SECONDS), _relay(account) as relay:
                await _sign_in(relay, account.login, await self._token(account))
        except _TROUBLE as why:
            raise NotReached(_ending(why).reason) from why

    async def collect(self, address: RouteAddress) -> Sequence[Found]:
        """Read our own mailbox; nothing of ours lies at a partner's. Where nothing has come, wait a little."""
        if address.us != address.authority:
            return []
        items = await self._look(address)
        if all(isinstance(item, Strange | Left) for item in items):
            await asyncio.sleep(POLL_SECONDS)
        return items

    async def finish(
        self, address: RouteAddress, item: Found, receipts: Sequence[str] = (), back: RouteAddress | None = None
    ) -> None:
        """Send the receipts to the sender's mailbox; remove the mail, or put aside what a person or a server wrote."""
        assert not isinstance(item, Strange | Left)  # noqa: S101 - they are left alone
        account = _account(address)
        if receipts and back is not None:
            attempt = await self._send_sealed(account, back, "receipts", "\n".join(receipts).encode())
            if isinstance(attempt, TryLater):
                inbox = await self._inbox(account)
                # It is tried again, with the same receipts.
                inbox.put_off(int(item.name), NO_RECEIPTS)
                raise NotDone(attempt.reason)
        inbox, uid = await self._inbox(account), int(item.name)
        await asyncio.to_thread(inbox.remove_mail if isinstance(item, Bundle) else inbox.put_aside, uid)

    async def put_off(self, address: RouteAddress, item: Found, why: str) -> None:
        """Leave it for a while."""
        if isinstance(item, Bundle | EmailReply | Returned):
            (await self._inbox(_account(address))).put_off(int(item.name), why)

    async def close(self) -> None:
        """Close the connections."""
        while self._inboxes:
            _, inbox = self._inboxes.popitem()
            await asyncio.to_thread(inbox.close)
        await self._reader.close()

    async def _look(self, address: RouteAddress) -> list[Found]:
        inbox = await self._inbox(_account(address))
        items: list[Found] = []
        for uid, raw in await asyncio.to_thread(inbox.fetch_mails):
            try:
                what = await self._reader.read(raw, str(uid))
            except MailTooLong:
                inbox.put_off(uid, TOO_LONG)
                continue
            match what:
                case "strange":
                    inbox.leave_mail(uid, len(raw))
                case Changed(sender=sender) if sender != address.us:
                    inbox.leave_mail(uid, len(raw), CHANGED)
                case "automatic" | Changed() if inbox.may_be_another(uid, len(raw)):
                    inbox.leave_mail(uid, len(raw))
                # Of us: our own mail came back, and its receipt is asked for in any case.
                case "automatic" | Changed():
                    # It is remembered, and the others are looked at.
                    with suppress(NotDone):
                        await asyncio.to_thread(inbox.put_aside, uid)
                case item:
                    items.append(item)
        strangers = await asyncio.to_thread(inbox.count_strangers)
        return [*items, *([Strange(strangers)] if strangers else []), *inbox.list_left()]

    async def _inbox(self, account: MailAccount) -> Inbox:
        inbox = self._inboxes.setdefault(account, Inbox(account))
        inbox.use_token(await self._token(account))
        return inbox

    async def _token(self, account: MailAccount) -> str | None:
        return await self._tokens.get_token(account.tokens, account.authorities) if account.tokens else None

    async def _send_sealed(self, account: MailAccount, to: RouteAddress, kind: str, content: bytes) -> Attempt:
        ticket, raw = mail.build_sealed_mail(
            to.us, kind, content, sender=account.address, to=_to(to), now=datetime.now(UTC)
        )
        return await self._send(account, _to(to), raw, ticket)

    async def _send(
        self, account: MailAccount, to: str, raw: bytes, ticket: str, *, demand_tls: bool = False
    ) -> HandedOver | TryLater | Refused:
        try:
            async with asyncio.timeout(SEND_SECONDS), _relay(account) as relay:
                await _sign_in(relay, account.login, await self._token(account))
                options = ["REQUIRETLS"] if demand_tls and relay.supports_extension("requiretls") else []
                if demand_tls and not options and to.rpartition("@")[2].lower() not in account.tls_domains:
                    return Refused("email.tls-not-assured", UNSURE)
                await relay.sendmail(account.address, [to], raw, mail_options=options)
        except _TROUBLE as why:
            return _ending(why)
        return HandedOver("sent by email", ticket)

    async def try_servers(self, account: MailAccount) -> list[tuple[str, str | None]]:
        """Sign in at both servers, and send nothing: the name of each, and why it does not let us in."""
        why_not: dict[str, str | None] = {"mail server": None, "mailbox's server": None}
        try:
            async with asyncio.timeout(SEND_SECONDS), _relay(account) as relay:
                await _sign_in(relay, account.login, await self._token(account))
        except _TROUBLE as why:
            why_not["mail server"] = _ending(why).reason
        try:
            inbox = await self._inbox(account)
            await asyncio.to_thread(inbox.count_strangers)
        except NotReached as why:
            why_not["mailbox's server"] = str(why)
        return list(why_not.items())


def carrier() -> Email:
    """Return the entry point."""
    return Email()


def try_servers(account: MailAccount) -> list[tuple[str, str | None]]:
    """As `Email.try_servers`, for whoever cannot wait in a loop."""

    async def work() -> list[tuple[str, str | None]]:
        carrier = Email()
        try:
            return await carrier.try_servers(account)
        finally:
            await carrier.close()

    # There may be a loop in this thread.
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, work()).result()


def _account(address: RouteAddress) -> MailAccount:
    if address.mail is None:
        raise NotReached(NO_ACCOUNT)
    return address.mail


def _to(address: RouteAddress) -> str:
    # RFC 6068.
    return unquote(urlsplit(address.url).path)


def _relay(account: MailAccount) -> aiosmtplib.SMTP:
    place = urlsplit(account.smtp)
    return aiosmtplib.SMTP(
        hostname=place.hostname,
        port=place.port or PORTS[place.scheme],
        use_tls=place.scheme == "smtps",
        # Without it, nothing is sent.
        start_tls=place.scheme == "smtp",
        tls_context=ssl.create_default_context(cadata=account.authorities),
        timeout=SEND_SECONDS / 3,
    )


async def _sign_in(relay: aiosmtplib.SMTP, login: Login | None, token: str | None) -> None:
    if login and token:
        await relay.auth_xoauth2(login.user, token)
    elif login:
        await relay.login(login.user, login.password or "")


def _ending(why: Exception) -> TryLater | Refused:
    match why:
        case NotReached():
            return TryLater(str(why))
        case aiosmtplib.SMTPRecipientsRefused():
            return _ending(why.recipients[0])
        # It is told the size with the sender (RFC 1870).
        case aiosmtplib.SMTPSenderRefused() if why.code == TOO_LARGE:
            return Refused(f"email.{TOO_LARGE}", "your email server says it is too large")
        case aiosmtplib.SMTPAuthenticationError() | aiosmtplib.SMTPSenderRefused():
            return TryLater(f"your email server refused this gateway ({why.code})")
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError() if why.code >= 500:
            return Refused(
                f"email.{why.code}", f"your email server refused it: {why.code} {mail.one_line(why.message)}"
            )
        case aiosmtplib.SMTPResponseException():
            return TryLater(f"your email server answered {why.code}")
        case TimeoutError() | aiosmtplib.SMTPTimeoutError():
            return TryLater("your email server did not answer in time")
        case _ if _of_certificate(why):
            return TryLater("the certificate of your email server is not valid")
        case aiosmtplib.SMTPException() if "STARTTLS" in str(why):
            return TryLater("your email server does not offer TLS, so nothing was sent")
        case _:
            return TryLater(f"your email server cannot be reached ({type(why).__name__})")


def _of_certificate(why: BaseException | None) -> bool:
    while why is not None:
        if isinstance(why, ssl.SSLCertVerificationError):
            return True
        why = why.__cause__ or why.__context__
    return False
