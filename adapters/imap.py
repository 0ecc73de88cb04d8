"""The mailbox in which our mail arrives, read over IMAP. Everything here waits for the server: it runs in a thread.

A thread cannot be broken off, so a connection bears one visitor at a time, and whoever closes it waits for the last.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from urllib.parse import urlsplit

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError

from adapters.route import MailAccount, NotReached

ASIDE = "CME handled"  # the folder for mails of people and servers that we have taken note of
MOST_MAILS = 20  # in one visit
MAX_BYTES = 16_777_216  # of one mail
TIMEOUT = SocketTimeout(connect=10, read=30)  # seconds
PORTS = {"imap": 143, "imaps": 993}


class Inbox:
    """Keeps one connection open. Mails that are nothing of ours are looked at once, and left where they are."""

    def __init__(self, account: MailAccount) -> None:
        """Nothing is opened before the first look."""
        self._account = account
        self._client: IMAPClient | None = None
        self._token: str | None = None
        self._alone, self._closed = Lock(), False
        self._strange: set[int] = set()  # by number in the folder as it is now
        self._folder: int | None = None  # its UIDVALIDITY (RFC 9051, 2.3.1.1)

    def use(self, token: str | None) -> None:
        """Sign in with this token from now on, where a password is not taken."""
        self._token = token

    def look(self) -> list[tuple[int, bytes]]:
        """The oldest mails that were not looked at, each with its number. Raises NotReached."""
        with self._connected() as client:
            client.noop()  # lets the server say what has come
            uids = sorted(set(client.search(["UNDELETED"])) - self._strange)[:MOST_MAILS]
            sizes = client.fetch(uids, ["RFC822.SIZE"]) if uids else {}
            self._strange |= {uid for uid, found in sizes.items() if found[b"RFC822.SIZE"] > MAX_BYTES}
            wanted = [uid for uid in uids if uid not in self._strange]
            mails = client.fetch(wanted, ["BODY.PEEK[]"]) if wanted else {}
            return [(uid, mails[uid][b"BODY[]"]) for uid in wanted if uid in mails]

    def leave(self, uid: int) -> None:
        """It is nothing of ours."""
        self._strange.add(uid)

    def strangers(self) -> int:
        """How many such mails lie there."""
        with self._connected() as client:
            self._strange &= set(client.search(["UNDELETED"])) if self._strange else set()
            return len(self._strange)

    def remove(self, uid: int) -> None:
        """What was in it is durable here. Raises NotReached."""
        with self._connected() as client:
            client.delete_messages([uid])
            client.expunge([uid] if client.has_capability("UIDPLUS") else None)

    def put_aside(self, uid: int) -> None:
        """Move it to the folder of what we have taken note of, where a person may still read it. Raises NotReached."""
        with self._connected() as client:
            if not client.folder_exists(ASIDE):
                client.create_folder(ASIDE)
            if client.has_capability("MOVE"):
                client.move([uid], ASIDE)
            else:
                client.copy([uid], ASIDE)
                client.delete_messages([uid])
                client.expunge([uid] if client.has_capability("UIDPLUS") else None)

    def close(self) -> None:
        """Close the connection, if there is one, for good."""
        with self._alone:
            self._closed = True
            if self._client is not None:
                try:
                    self._client.logout()
                except (OSError, IMAPClientError):
                    self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError):
                client.shutdown()

    @contextmanager
    def _connected(self) -> Iterator[IMAPClient]:
        with self._alone:
            if self._closed:
                raise NotReached("we have closed the connection to our mailbox")
            try:
                if self._client is None:
                    self._client = self._connect()
                yield self._client
            except (OSError, IMAPClientError) as why:
                self._drop()
                raise NotReached(_sentence(why)) from why

    def _connect(self) -> IMAPClient:
        place, trusted = urlsplit(self._account.imap), ssl.create_default_context(cadata=self._account.authorities)
        at_once = place.scheme == "imaps"
        port = place.port or PORTS[place.scheme]
        client = IMAPClient(
            place.hostname, port, ssl=at_once, ssl_context=trusted if at_once else None, timeout=TIMEOUT
        )
        try:
            if not at_once:
                client.starttls(trusted)
            if self._account.login and self._token:
                client.oauth2_login(self._account.login.user, self._token)
            elif self._account.login:
                client.login(self._account.login.user, self._account.login.password or "")
            folder = client.select_folder("INBOX")[b"UIDVALIDITY"]
        except BaseException:
            client.shutdown()
            raise
        if folder != self._folder:  # its numbers mean other mails now
            self._folder, self._strange = folder, set()
        return client


def _sentence(why: Exception) -> str:
    match why:
        case LoginError():
            return "our mailbox refused our login"
        case ssl.SSLCertVerificationError():
            return "the certificate of our mailbox's server does not hold"
        case TimeoutError():
            return "our mailbox's server did not answer in time"
        case IMAPClientError():
            return f"our mailbox's server did not do what was asked ({type(why).__name__})"
        case _:
            return f"our mailbox's server cannot be reached ({type(why).__name__})"
