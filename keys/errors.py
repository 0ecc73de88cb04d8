"""Every way in which `keys` refuses. Nothing else comes out of this package, whatever bytes go in.

    Refusal                 code, sentence, what to do next on a page and in a terminal, whether it lasts, its status
      KeyRefused              a public key cannot be used: key.*
      CardRefused             a card cannot be used, or whose it is: card.*
        CardRoute               a route on it is not one that a gateway may have
        CardOlder               it is not newer than the one that we hold
      DirectoryRefused        the directory of a scheme: directory.*
      EnvelopeRefused         a sealed message: envelope.*
      ReceiptRefused          a receipt: receipt.*
      StatementRefused        a statement: statement.*
      BearerRefused           a caller's token: bearer.*
      NoteRefused             a signed checkpoint: note.*
        NoteSignature           no signature on it is the authority's
      RingRefused             our own private keys: ring.*
      AtRestRefused           our own copy of a notice: at-rest.*
        Destroyed               its key was destroyed
      SmimeRefused            a certificate or a key for letters to people: smime.*
      IdTokenRefused          what the identity provider says of who signs in: id-token.*
      ApiTokenRefused         what a case system shows at the API: api-token.*
      BackupRefused           a backup, or the passphrase of one: backup.*

What each says is a row of `refusals.csv`, by its code. An empty `next_in_terminal` means the same as on a page. `again`
says whether the same bytes may be taken another time ("later", for instance once a newer card has come) or not
("never"); `status` is the one of HTTP that answers it. There is a class only for what is caught by its type. No refusal
carries anything about a child.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files


class RefusalCode(StrEnum):
    """The code of each refusal. They are stored, signed in receipts, and scripted, so none of them changes."""

    KEY_UNKNOWN = "key.unknown"
    KEY_NOT_YET = "key.not-yet"
    KEY_OUT_OF_DATE = "key.out-of-date"
    KEY_REVOKED = "key.revoked"
    KEY_FORBIDDEN = "key.forbidden"
    CARD_UNKNOWN_AUTHORITY = "card.unknown-authority"
    CARD_MALFORMED = "card.malformed"
    CARD_ALGORITHM = "card.algorithm"
    CARD_TYPE = "card.type"
    CARD_SIGNATURE = "card.signature"
    CARD_EXPIRED = "card.expired"
    CARD_OTHER_VERSION = "card.other-version"
    CARD_FROM_THE_FUTURE = "card.from-the-future"
    CARD_ROUTE = "card.route"
    CARD_OLDER = "card.older"
    CARD_SERIAL_REUSED = "card.serial-reused"
    CARD_OTHER_IDENTITY = "card.other-identity"
    CARD_OTHER_AUTHORITY = "card.other-authority"
    CARD_SUSPENDED = "card.suspended"
    CARD_TOO_OLD_VERSION = "card.too-old-version"
    DIRECTORY_MALFORMED = "directory.malformed"
    DIRECTORY_ALGORITHM = "directory.algorithm"
    DIRECTORY_TYPE = "directory.type"
    DIRECTORY_SIGNATURE = "directory.signature"
    DIRECTORY_MEMBERS = "directory.members"
    DIRECTORY_SUCCESSOR = "directory.successor"
    DIRECTORY_OTHER_SCHEME = "directory.other-scheme"
    DIRECTORY_OTHER_KEY = "directory.other-key"
    DIRECTORY_FORK = "directory.fork"
    DIRECTORY_OLDER = "directory.older"
    DIRECTORY_EXPIRED = "directory.expired"
    DIRECTORY_FROM_THE_FUTURE = "directory.from-the-future"
    ENVELOPE_TOO_LARGE = "envelope.too-large"
    ENVELOPE_MALFORMED = "envelope.malformed"
    ENVELOPE_NOT_FOR_US = "envelope.not-for-us"
    ENVELOPE_TOO_OLD = "envelope.too-old"
    ENVELOPE_FROM_THE_FUTURE = "envelope.from-the-future"
    ENVELOPE_DOES_NOT_DECRYPT = "envelope.does-not-decrypt"
    ENVELOPE_ALGORITHM = "envelope.algorithm"
    ENVELOPE_TYPE = "envelope.type"
    ENVELOPE_SIGNATURE = "envelope.signature"
    ENVELOPE_DISAGREES = "envelope.disagrees"
    RECEIPT_MALFORMED = "receipt.malformed"
    RECEIPT_ALGORITHM = "receipt.algorithm"
    RECEIPT_TYPE = "receipt.type"
    RECEIPT_SIGNATURE = "receipt.signature"
    RECEIPT_OTHER_PARTY = "receipt.other-party"
    RECEIPT_OTHER_MESSAGE = "receipt.other-message"
    RECEIPT_FROM_THE_FUTURE = "receipt.from-the-future"
    STATEMENT_MALFORMED = "statement.malformed"
    STATEMENT_ALGORITHM = "statement.algorithm"
    STATEMENT_TYPE = "statement.type"
    STATEMENT_SIGNATURE = "statement.signature"
    STATEMENT_OTHER_PARTY = "statement.other-party"
    STATEMENT_OTHER_WINDOW = "statement.other-window"
    STATEMENT_NOT_FRESH = "statement.not-fresh"
    BEARER_MALFORMED = "bearer.malformed"
    BEARER_ALGORITHM = "bearer.algorithm"
    BEARER_TYPE = "bearer.type"
    BEARER_SIGNATURE = "bearer.signature"
    BEARER_OTHER_AUDIENCE = "bearer.other-audience"
    BEARER_EXPIRED = "bearer.expired"
    BEARER_FROM_THE_FUTURE = "bearer.from-the-future"
    NOTE_MALFORMED = "note.malformed"
    NOTE_OTHER_ORIGIN = "note.other-origin"
    NOTE_SIGNATURE = "note.signature"
    RING_MISSING = "ring.missing"
    RING_EXISTS = "ring.exists"
    RING_EXPOSED = "ring.exposed"
    RING_UNREADABLE = "ring.unreadable"
    RING_NEWER = "ring.newer"
    RING_PASSPHRASE = "ring.passphrase"
    RING_IDENTITY_AWAY = "ring.identity-away"
    RING_NO_HSM = "ring.no-hsm"
    AT_REST_DESTROYED = "at-rest.destroyed"
    AT_REST_ALTERED = "at-rest.altered"
    AT_REST_UNKNOWN_KEY = "at-rest.unknown-key"
    SMIME_UNREADABLE = "smime.unreadable"
    SMIME_DAMAGED = "smime.damaged"
    SMIME_REQUEST = "smime.request"
    SMIME_KEY_STORE = "smime.key-store"
    SMIME_KEY_ALONE = "smime.key-alone"
    SMIME_NO_ADDRESS = "smime.no-address"
    SMIME_OTHER_ADDRESS = "smime.other-address"
    SMIME_NO_RSA_KEY = "smime.no-rsa-key"
    SMIME_SHORT_KEY = "smime.short-key"
    SMIME_SIGN_ONLY = "smime.sign-only"
    SMIME_NOT_FOR_MAIL = "smime.not-for-mail"
    SMIME_NOT_YET = "smime.not-yet"
    SMIME_OUT_OF_DATE = "smime.out-of-date"
    SMIME_KEY_UNREADABLE = "smime.key-unreadable"
    SMIME_PASSPHRASE = "smime.passphrase"
    SMIME_KEY_KIND = "smime.key-kind"
    SMIME_NOT_TOGETHER = "smime.not-together"
    ID_TOKEN_MALFORMED = "id-token.malformed"
    ID_TOKEN_ALGORITHM = "id-token.algorithm"
    ID_TOKEN_UNKNOWN_KEY = "id-token.unknown-key"
    ID_TOKEN_SIGNATURE = "id-token.signature"
    ID_TOKEN_OTHER_ISSUER = "id-token.other-issuer"
    ID_TOKEN_OTHER_AUDIENCE = "id-token.other-audience"
    ID_TOKEN_OTHER_SIGN_IN = "id-token.other-sign-in"
    ID_TOKEN_EXPIRED = "id-token.expired"
    ID_TOKEN_FROM_THE_FUTURE = "id-token.from-the-future"
    API_TOKEN_MALFORMED = "api-token.malformed"
    API_TOKEN_ALGORITHM = "api-token.algorithm"
    API_TOKEN_TYPE = "api-token.type"
    API_TOKEN_KEY = "api-token.key"
    API_TOKEN_SIGNATURE = "api-token.signature"
    API_TOKEN_OTHER_AUDIENCE = "api-token.other-audience"
    API_TOKEN_EXPIRED = "api-token.expired"
    API_TOKEN_FROM_THE_FUTURE = "api-token.from-the-future"
    BACKUP_UNREADABLE = "backup.unreadable"
    BACKUP_NEWER = "backup.newer"
    BACKUP_PASSPHRASE = "backup.passphrase"
    BACKUP_WEAK_PASSPHRASE = "backup.weak-passphrase"
    BACKUP_ALTERED = "backup.altered"
    BACKUP_CUT = "backup.cut"


class HsmTrouble(StrEnum):
    """Why the HSM with our keys is no use now: no refusal, since nothing is wrong with what was asked (`hsm.py`)."""

    NO_LIBRARY = "hsm.no-library"
    NO_MODULE = "hsm.no-module"
    NO_TOKEN = "hsm.no-token"
    TWO_TOKENS = "hsm.two-tokens"
    PIN = "hsm.pin"
    PIN_LAST_TRY = "hsm.pin-last-try"
    NO_KEY = "hsm.no-key"
    NO_MECHANISM = "hsm.no-mechanism"
    UNAVAILABLE = "hsm.unavailable"


_HEADINGS = ("code", "sentence", "what to do next, on a page", "in a terminal", "again")


@dataclass(frozen=True, slots=True)
class RefusalText:
    """What a refusal says to a person, whether it lasts, and its status at the API and on a page."""

    lasting: bool
    status: int
    sentence: str
    next_on_page: str
    next_in_terminal: str


@cache
def read_texts() -> Mapping[str, RefusalText]:
    """Read the table of all refusals, by code. It is read when the first one is built."""
    lines = (files("keys") / "refusals.csv").read_text("utf-8").splitlines()
    return {
        row["code"]: RefusalText(
            row["again"] == "never",
            int(row["status"]),
            row["sentence"],
            row["next_on_page"],
            row["next_in_terminal"] or row["next_on_page"],
        )
        for row in csv.DictReader(lines)
    }


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Something was refused. `build_refusal` builds it."""

    def __init__(self, code: RefusalCode, detail: str = "") -> None:
        """Take the words of `code` from the table.

        Args:
            code: which refusal.
            detail: one word for whoever runs the gateway, and names no person; empty where the sentence says it all.
        """
        text = read_texts()[code]
        super().__init__(f"{text.sentence} ({detail})" if detail else text.sentence)
        self.code, self.detail, self.lasting, self.status = code, detail, text.lasting, text.status
        self.sentence, self.next_on_page, self.next_in_terminal = (
            text.sentence,
            text.next_on_page,
            text.next_in_terminal,
        )


class KeyRefused(Refusal):
    """A public key cannot be used."""


class CardRefused(Refusal):
    """A card cannot be used."""


class CardRoute(CardRefused):
    """A route on a card is not one that a gateway may have."""


class CardOlder(CardRefused):
    """A card is not newer than the one that we hold."""


class DirectoryRefused(Refusal):
    """The directory of a scheme cannot be taken."""


class EnvelopeRefused(Refusal):
    """A sealed message cannot be taken."""


class ReceiptRefused(Refusal):
    """A receipt cannot be used."""


class StatementRefused(Refusal):
    """A statement cannot be used."""


class BearerRefused(Refusal):
    """A caller has not proved who they are."""


class NoteRefused(Refusal):
    """A signed checkpoint cannot be used."""


class NoteSignature(NoteRefused):
    """No signature on a checkpoint is the authority's."""


class RingRefused(Refusal):
    """Our own keys cannot be used."""


class AtRestRefused(Refusal):
    """Our own copy of a message cannot be opened."""


class Destroyed(AtRestRefused):
    """The data key of our own copy was destroyed."""


class SmimeRefused(Refusal):
    """A certificate or a key for letters to people cannot be used."""


class IdTokenRefused(Refusal):
    """What the identity provider says of a person cannot be used."""


class ApiTokenRefused(Refusal):
    """A case system has not shown that it may call."""


class BackupRefused(Refusal):
    """A backup cannot be used, or made."""


_FAMILIES: Mapping[str, type[Refusal]] = {
    "key": KeyRefused,
    "card": CardRefused,
    "directory": DirectoryRefused,
    "envelope": EnvelopeRefused,
    "receipt": ReceiptRefused,
    "statement": StatementRefused,
    "bearer": BearerRefused,
    "note": NoteRefused,
    "ring": RingRefused,
    "at-rest": AtRestRefused,
    "smime": SmimeRefused,
    "id-token": IdTokenRefused,
    "api-token": ApiTokenRefused,
    "backup": BackupRefused,
}
_CAUGHT_ALONE: Mapping[RefusalCode, type[Refusal]] = {
    RefusalCode.CARD_ROUTE: CardRoute,
    RefusalCode.CARD_OLDER: CardOlder,
    RefusalCode.NOTE_SIGNATURE: NoteSignature,
    RefusalCode.AT_REST_DESTROYED: Destroyed,
}


def build_refusal(code: RefusalCode, detail: str = "") -> Refusal:
    """Build the refusal of this code, of its own class or that of its family.

    Args:
        code: which refusal. What stands before its first dot is its family.
        detail: as for `Refusal`.
    """
    kind = _CAUGHT_ALONE.get(code) or _FAMILIES[code.partition(".")[0]]
    return kind(code, detail)


# Refusals that a newer card heals, or signing anew: keys were changed on one of the two sides.
NAMES_A_KEY = frozenset(
    {
        RefusalCode.KEY_UNKNOWN,
        RefusalCode.KEY_NOT_YET,
        RefusalCode.KEY_OUT_OF_DATE,
        RefusalCode.KEY_REVOKED,
        RefusalCode.CARD_EXPIRED,
    }
)


def is_passing(code: str) -> bool:
    """Is this the code of a refusal by `keys` after which the same bytes may be taken later?

    False for every other code, also for one that is none of `keys`.
    """
    text = read_texts().get(code)
    return text is not None and not text.lasting


def write_table() -> str:
    """Return the table of all refusals in Markdown, as `keys/README.md` has it."""
    rows = [_HEADINGS, ("---",) * len(_HEADINGS)]
    for code, text in read_texts().items():
        terminal = "the same" if text.next_in_terminal == text.next_on_page else text.next_in_terminal
        rows.append((f"`{code}`", text.sentence, text.next_on_page, terminal, "never" if text.lasting else "later"))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    print(write_table(), end="")
