"""The mailbox in which our mail arrives, read over IMAP. Everything here waits for the server: it runs in a thread.

A thread cannot be broken off, so a connection bears one visitor at a time, and whoever closes it waits for the last.
"""

import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from urllib.parse import urlsplit

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from adapters.deferred import PutOff
from adapters.route import Left, MailAccount, NotDone, NotReached

# The folder for mails of people and servers that we have taken note of.
ASIDE = "CME handled"
# A keyword on mails that we have taken note of, where they cannot be moved (RFC 9051, 2.3.2).
HANDLED = "CME-Handled"
NOT_GIVEN = "emails that your mailbox server does not hand over"
NOT_MOVED = "emails that were processed, but your mailbox server does not let the gateway move or delete them"
OTHER_SIZE = "emails that your mailbox server replaced with something else"
# In one visit.
MOST_MAILS = 20
# Seconds: what is nothing of ours is looked at again, as a server may give something in its place at first.
AGAIN_AFTER = 600.0
# At one such mail, until the gateway is started again: within half an hour a mail server has scanned it.
MOST_LOOKS = 4
# Of one mail.
MAX_BYTES = 16_777_216
# Seconds.
TIMEOUT = SocketTimeout(connect=10, read=30)
PORTS = {"imap": 143, "imaps": 993}


# By which a mail that is handled leaves the folder.
_End = Callable[[IMAPClient, int], None]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A mail that was looked at, and left where it lies."""

    # By the monotonic clock.
    again_at: float
    # It may be ours; None: it is nothing of ours.
    why: str | None


class Inbox:
    """Keeps one connection open.

    Mails that are nothing of ours are left where they are, and looked at again a few times.

    One over which the server stumbles is put off, and those behind it are read.
    """

    def __init__(self, account: MailAccount) -> None:
        """Nothing is opened before the first look."""
        self._account = account
        self._client: IMAPClient | None = None
        self._token: str | None = None
        self._alone, self._closed = Lock(), False
        # Its UIDVALIDITY (RFC 9051, 2.3.1.1).
        self._folder: int | None = None
        self._begin()

    def _begin(self) -> None:
        """Forget every mail: the numbers mean others now."""
        # By number in the folder as it is now.
        self._strange: dict[int, _Seen] = {}
        # How often each of them was looked at.
        self._looks: dict[int, int] = {}
        self._put_off: PutOff[int] = PutOff()
        # What is durable here and could not be taken away.
        self._handled: dict[int, _End] = {}
        # As the server says.
        self._sizes: dict[int, int] = {}
        # Over which a connection may break.
        self._trying: int | None = None

    def use_token(self, token: str | None) -> None:
        """Sign in with this token from now on, where a password is not taken."""
        self._token = token

    def fetch_mails(self) -> list[tuple[int, bytes]]:
        """Return the oldest mails that were not looked at, each with its number. Raises NotReached."""
        with self._connected() as client:
            # Lets the server say what has come.
            client.noop()
            lie = set(client.search(["UNDELETED"]))
            self._put_off.keep_only(lie)
            self._sizes = {uid: size for uid, size in self._sizes.items() if uid in lie}
            self._take_away(client, lie)
            self._strange = {uid: seen for uid, seen in self._strange.items() if uid in lie}
            self._looks = {uid: looks for uid, looks in self._looks.items() if uid in lie}
            new = {
                uid for uid in lie - self._handled.keys() if self._put_off.is_due(uid) and self._is_worth_a_look(uid)
            }
            # what was put off comes last: it may be put off again
            uids = sorted(new, key=lambda uid: (uid in self._put_off, uid))[:MOST_MAILS]
            for uid in uids:
                # Whoever reads it says again what it is.
                self._strange.pop(uid, None)
            self._measure(client, uids)
            return [(uid, raw) for uid in uids if (raw := self._fetch(client, uid)) is not None]

    def _take_away(self, client: IMAPClient, lie: set[int]) -> None:
        """Try again what is handled and lies there still; a process before this one may have left some, and a sign."""
        self._handled = {uid: end for uid, end in self._handled.items() if uid in lie}
        # Not every server keeps signs of ours.
        with _unless_broken():
            for uid in set(client.search(["UNDELETED", "KEYWORD", HANDLED])) & lie:
                self._handled.setdefault(uid, self._move)
        for uid in [uid for uid in sorted(self._handled) if self._put_off.is_due(uid)][:MOST_MAILS]:
            with suppress(NotDone):
                self._end(client, uid, self._handled[uid])

    def _measure(self, client: IMAPClient, uids: list[int]) -> None:
        """Ask how large they are; one by one where the server stumbles over one of them."""
        wanted = [uid for uid in uids if uid not in self._sizes]
        some = [wanted] if wanted else []
        while some:
            few = some.pop()
            self._trying = few[0] if len(few) == 1 else None
            try:
                sizes = client.fetch(few, ["RFC822.SIZE"])
                self._sizes |= {uid: int(sizes[uid][b"RFC822.SIZE"]) for uid in few if uid in sizes}
            except (OSError, IMAPClientAbortError):
                raise
            except Exception:  # noqa: BLE001 - a client stumbles in many ways over what is no answer
                if len(few) > 1:
                    some += [[uid] for uid in few]
                # a mail whose size is not told may still be given
            self._trying = None
        for uid in uids:
            if self._sizes.get(uid, 0) > MAX_BYTES:
                self._strange[uid], self._looks[uid] = _Seen(0.0, None), MOST_LOOKS

    def _fetch(self, client: IMAPClient, uid: int) -> bytes | None:
        """Fetch one mail; None where it is too large, gone, or not given."""
        if self._sizes.get(uid, 0) > MAX_BYTES:
            return None
        self._trying = uid
        try:
            raw = client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]")
        except (OSError, IMAPClientAbortError):
            raise
        except Exception:  # noqa: BLE001 - as above
            raw = None
        self._trying = None
        if not isinstance(raw, bytes) or len(raw) > MAX_BYTES:
            self._put_off.add(uid, NOT_GIVEN)
            return None
        return raw

    def _is_worth_a_look(self, uid: int) -> bool:
        seen = self._strange.get(uid)
        return seen is None or (self._looks[uid] < MOST_LOOKS and time.monotonic() >= seen.again_at)

    def leave_mail(self, uid: int, size: int, why: str | None = None) -> None:
        """Leave it for a while: nothing of ours, or `why`.

        It is looked at again sooner where the server had said another size: Exchange gives a text of its own in the
        place of a mail that is not scanned yet.
        """
        another = self.may_be_another(uid, size)
        self._looks[uid] = self._looks.get(uid, 0) + 1
        self._sizes.pop(uid, None)
        if another:
            self._put_off.add(uid, OTHER_SIZE)
        else:
            self._strange[uid] = _Seen(time.monotonic() + AGAIN_AFTER, why)
            self._put_off.mark_handled(uid)

    def may_be_another(self, uid: int, size: int) -> bool:
        """Say whether the server had said another size of it, so that the mail itself may be given later."""
        return self._sizes.get(uid, size) != size and self._looks.get(uid, 0) + 1 < MOST_LOOKS

    def put_off(self, uid: int, why: str) -> None:
        """It could not be handled: those behind it come first."""
        self._put_off.add(uid, why)

    def list_left(self) -> list[Left]:
        """Return what is put off, and what may be ours and is left."""
        counts = Counter(seen.why for seen in self._strange.values() if seen.why)
        return [*self._put_off.list_left(), *(Left(why, count) for why, count in sorted(counts.items()))]

    def count_strangers(self) -> int:
        """Return how many such mails lie there."""
        with self._connected() as client:
            lie = set(client.search(["UNDELETED"])) if self._strange else set()
            return sum(seen.why is None for uid, seen in self._strange.items() if uid in lie)

    def remove_mail(self, uid: int) -> None:
        """What was in it is durable here. Raises NotReached, or NotDone where the server does not let us."""
        with self._connected() as client:
            self._end(client, uid, self._delete)

    def put_aside(self, uid: int) -> None:
        """Move it to the folder of what we have taken note of, where a person may still read it.

        Raises as `remove_mail` does.
        """
        with self._connected() as client:
            self._end(client, uid, self._move)

    def _end(self, client: IMAPClient, uid: int, end: "_End") -> None:
        """Take a mail away; where the server does not let us, remember that it is handled, here and there."""
        try:
            end(client, uid)
        except IMAPClientAbortError:
            self._handled[uid] = end
            self._put_off.add(uid, NOT_MOVED)
            raise
        except IMAPClientError as why:
            self._handled[uid] = end
            self._put_off.add(uid, NOT_MOVED)
            with _unless_broken():
                client.add_flags([uid], [HANDLED])
            raise NotDone(_sentence(why)) from why
        self._handled.pop(uid, None)
        self._strange.pop(uid, None)
        self._put_off.mark_handled(uid)

    def _delete(self, client: IMAPClient, uid: int) -> None:
        client.delete_messages([uid])
        client.expunge([uid] if client.has_capability("UIDPLUS") else None)

    def _move(self, client: IMAPClient, uid: int) -> None:
        aside = _find_aside(client)
        if client.has_capability("MOVE"):
            client.move([uid], aside)
        else:
            client.copy([uid], aside)
            self._delete(client, uid)

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
                raise NotReached("the connection to your mailbox was closed")
            try:
                if self._client is None:
                    self._client = self._connect()
                yield self._client
            except NotDone:
                raise
            except (OSError, IMAPClientError) as why:
                # It may break again over the same mail.
                if self._trying is not None:
                    self._put_off.add(self._trying, NOT_GIVEN)
                    self._trying = None
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
        # Its numbers mean other mails now.
        if folder != self._folder:
            self._folder = folder
            self._begin()
        return client


@contextmanager
def _unless_broken() -> Iterator[None]:
    """Let a server refuse what is only a help; a connection that broke is another thing."""
    try:
        yield
    except IMAPClientAbortError:
        raise
    except IMAPClientError:
        pass


def _find_aside(client: IMAPClient) -> str:
    """The folder's name on this server, made where it is not there; some keep all folders below INBOX (RFC 2342)."""
    prefix, separator = "", "/"
    with _unless_broken():
        if client.has_capability("NAMESPACE") and (personal := client.namespace().personal):
            prefix, separator = personal[0][0] or "", personal[0][1] or "/"
    names = list(dict.fromkeys((f"{prefix}{ASIDE}", f"INBOX{separator}{ASIDE}", ASIDE)))
    for name in names:
        with _unless_broken():
            if client.folder_exists(name):
                return name
    for name in names[:-1]:
        with _unless_broken():
            client.create_folder(name)
            return name
    client.create_folder(names[-1])
    return names[-1]


def _sentence(why: Exception) -> str:
    match why:
        case LoginError():
            return "your mailbox refused the sign-in"
        case ssl.SSLCertVerificationError():
            return "the certificate of your mailbox server is not valid"
        case TimeoutError():
            return "your mailbox server did not answer in time"
        case IMAPClientError():
            return f"your mailbox server did not do what was asked ({type(why).__name__})"
        case _:
            return f"your mailbox server cannot be reached ({type(why).__name__})"
