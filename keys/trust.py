"""Whose public key counts, and when.

`Trust` is handed the cards that somebody here has confirmed, and answers from them alone: it opens no file, asks
no network, and follows nothing that a message says. A key counts only for the authority on whose card it stands.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from keys.algorithms import KEMS, Kem, SealingPublicKey
from keys.card import Card, CardKey, check_dates
from keys.errors import KeyRefused, Refusal, RefusalCode, build_refusal
from keys.signatures import VerifyingKey, load_verifying_key

VERSION = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?")


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key that verifies, with the algorithm that it is for."""

    kid: str
    alg: str
    public: VerifyingKey


@dataclass(frozen=True, slots=True)
class SealingPublic:
    """A public key to seal to."""

    kid: str
    kem: Kem
    public: SealingPublicKey


@dataclass(frozen=True, slots=True)
class MinimumVersion:
    """The version of the messages' schema that a partner must read from a moment on: two numbers, (1, 1) for 1.1."""

    version: tuple[int, int]
    since: datetime

    def is_met(self, card: Card) -> bool:
        """Tell whether a card lists this version or a later one.

        Args:
            card: as `card.read` returned it.
        """
        return any(known is not None and known >= self.version for known in map(find_version, card.schema_versions))


def find_version(text: str) -> tuple[int, int] | None:
    """Return the two numbers of a version of the messages' schema, as cards list it ("1", "1.1"); None if it is none.

    Args:
        text: as it stands on a card, or in the settings.
    """
    if (it := VERSION.fullmatch(text)) is None:
        return None
    return int(it[1]), int(it[2] or 0)


class Trust:
    """The confirmed cards, with their keys loaded once: a message costs its signature, not a key's parsing."""

    __slots__ = ("_cards", "_forbidden", "_minimum", "_sealing", "_suspended", "_verifying")

    def __init__(
        self,
        cards: Mapping[str, Card],
        forbidden: Mapping[str, datetime] | None = None,
        suspended: Collection[str] = (),
        minimum: MinimumVersion | None = None,
    ) -> None:
        """Take the confirmed cards. They have been through `card.read`, so their keys load.

        Args:
            cards: by the DfE code of the authority whose they are.
            forbidden: from when on nothing is sealed to keys of these KEMs any more, by their name.
            suspended: the authorities with which nothing is exchanged for now. What they signed before still verifies.
            minimum: the same for authorities whose cards list no version of the messages' schema that is new enough.

        Raises:
            ValueError: a card stands under another authority's code.
        """
        if any(code != card.authority for code, card in cards.items()):
            raise ValueError("a card stands under another authority's code")
        self._cards, self._forbidden = dict(cards), dict(forbidden or {})
        self._suspended, self._minimum = frozenset(suspended), minimum
        self._verifying = {
            code: {key.kid: (key, _verify_key(key)) for key in card.keys if key.use == "sig"}
            for code, card in cards.items()
        }
        self._sealing = {
            code: tuple((key, _sealing_public(key)) for key in card.keys if key.use == "enc")
            for code, card in cards.items()
        }

    def knows(self, authority: str) -> bool:
        """Do we hold a card of this authority?"""
        return authority in self._cards

    def list_authorities(self) -> list[str]:
        """List the DfE code of every authority whose card we hold."""
        return sorted(self._cards)

    def get_card(self, authority: str) -> Card:
        """Return the card that we hold of an authority, whatever its dates.

        Raises:
            CardRefused: we hold none (`card.unknown-authority`).
        """
        if authority not in self._cards:
            raise build_refusal(RefusalCode.CARD_UNKNOWN_AUTHORITY)
        return self._cards[authority]

    def current_card(self, authority: str, at: datetime) -> Card:
        """Return the card that we hold of an authority, if it is of use then.

        Args:
            authority: its DfE code.
            at: the time that is asked about, in any zone.

        Raises:
            CardRefused: `card.unknown-authority`, `card.suspended`, `card.too-old-version`, `card.expired`,
                `card.from-the-future`.
        """
        card = self.get_card(authority)
        if authority in self._suspended:
            raise build_refusal(RefusalCode.CARD_SUSPENDED)
        if self._minimum and at >= self._minimum.since and not self._minimum.is_met(card):
            raise build_refusal(RefusalCode.CARD_TOO_OLD_VERSION)
        check_dates(card, at)
        return card

    def check_reads(self, authority: str, version: str, at: datetime) -> None:
        """Check that the card lists this version of the messages' schema, so that its gateway reads it.

        Args:
            authority: the code of the authority that is to read the message.
            version: of the schema, as cards list it ("1").
            at: the time at which the card must be valid.

        Raises:
            CardRefused: `card.other-version`, or as `current_card` does.
        """
        if version not in self.current_card(authority, at).schema_versions:
            raise build_refusal(RefusalCode.CARD_OTHER_VERSION)

    def signing_key(self, authority: str, kid: str, at: datetime) -> VerifyKey:
        """Return the key with which this authority could sign at that moment.

        The card's expiry is the caller's question, through `current_card`: it asks about now, and this about then.

        Args:
            authority: its DfE code.
            kid: the id of the key, as what was signed names it.
            at: when it was signed, in any zone.

        Raises:
            CardRefused: we hold no card of it (`card.unknown-authority`).
            KeyRefused: `key.unknown` where the key is not on the card, `key.revoked`, `key.not-yet`, `key.out-of-date`.
        """
        self.get_card(authority)
        if kid not in self._verifying[authority]:
            raise build_refusal(RefusalCode.KEY_UNKNOWN)
        key, loaded = self._verifying[authority][kid]
        _check_key(key, at)
        return loaded

    def signing_keys(self, authority: str, *, revoked: bool = False) -> Iterator[VerifyKey]:
        """List every key that may have signed for this authority at some time, whatever its dates.

        Args:
            authority: its DfE code.
            revoked: list those that it has revoked since, and no others.

        Raises:
            CardRefused: we hold no card of it (`card.unknown-authority`).
        """
        self.get_card(authority)
        return (loaded for key, loaded in self._verifying[authority].values() if (key.status == "revoked") == revoked)

    def sealing_key(self, authority: str, at: datetime) -> SealingPublic:
        """Return the first key on the card, in its order, to which one may encrypt at that time.

        Args:
            authority: the DfE code of the recipient.
            at: the time that is asked about, in any zone.

        Raises:
            CardRefused: as `current_card` does.
            KeyRefused: `key.unknown` where there is none; or `key.revoked`, `key.not-yet`, `key.out-of-date`,
                `key.forbidden`, whichever is wrong with the last key that was looked at.
        """
        self.current_card(authority, at)
        refusal: Refusal = build_refusal(RefusalCode.KEY_UNKNOWN, "no sealing key")
        for key, loaded in self._sealing[authority]:
            # It still opens there, but nothing new is sealed to it.
            if key.status == "retired":
                continue
            try:
                _check_key(key, at)
                if key.alg in self._forbidden and at >= self._forbidden[key.alg]:
                    raise build_refusal(RefusalCode.KEY_FORBIDDEN)
            except KeyRefused as why:
                refusal = why
            else:
                return loaded
        raise refusal


def _verify_key(key: CardKey) -> VerifyKey:
    return VerifyKey(key.kid, key.alg, load_verifying_key(key.alg, key.public))


def _sealing_public(key: CardKey) -> SealingPublic:
    kem = KEMS[key.alg]
    return SealingPublic(key.kid, kem, kem.public(key.public))


def _check_key(key: CardKey, at: datetime) -> None:
    if key.status == "revoked":
        raise build_refusal(RefusalCode.KEY_REVOKED)
    if at < key.not_before:
        raise build_refusal(RefusalCode.KEY_NOT_YET)
    if at >= key.not_after:
        raise build_refusal(RefusalCode.KEY_OUT_OF_DATE)
