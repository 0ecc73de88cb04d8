"""Schemes for tests: a keeper's key, and members with real cards, made without a gateway each."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.context import Gateway
from gateway.directories import join
from gateway.directories.take import DirectoryChanges
from keys import card, directory
from keys.card import Card, Route
from keys.directory import Directory, DirectoryMember

SCHEME, NAME = "west-midlands", "West Midlands"


@dataclass
class Keeper:
    """Signs whatever a test wants, honest or not."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    scheme: str = SCHEME
    # That were signed, in their order.
    signed: list[str] = field(default_factory=list)
    handovers: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        return card.compute_key_fingerprint(self.key.public_key().public_bytes_raw())

    def sign(self, gw: Gateway, members: tuple[DirectoryMember, ...], **changed: Any) -> str:
        """Sign the next version, made now by the clock of this gateway. It is not kept: `publish` does that."""
        now = gw.now().replace(microsecond=0)
        earlier = tuple(directory.compute_digest(token) for token in self.signed)
        public = self.key.public_key().public_bytes_raw()
        base = Directory(
            self.scheme, NAME, now, now + timedelta(days=90), public, self.handovers, earlier, members, cards={}
        )
        return directory.write(replace(base, **changed), self.key)

    def publish(self, gw: Gateway, *members: DirectoryMember, **changed: Any) -> str:
        """Sign the next version, and go on from it."""
        self.signed.append(self.sign(gw, members, **changed))
        return self.signed[-1]


def list_member(gw: Gateway, **changed: Any) -> DirectoryMember:
    """This gateway as a member."""
    return replace(DirectoryMember(gw.code, "active", gw.own_card_text), **changed)


def build_member(there: Card, code: str, **changed: Any) -> tuple[DirectoryMember, Ed25519PrivateKey]:
    """A member without a gateway: a card like this one, of an identity and at an address of its own."""
    identity = Ed25519PrivateKey.generate()
    public = identity.public_key().public_bytes_raw()
    route = Route("https", f"https://cme.{code}.example:8443/exchange/v1", "sealed", there.routes[0].certificate)
    theirs = replace(there, authority=code, name=f"Authority {code}", identity=public, routes=(route,))
    return DirectoryMember(code, "active", card.write(replace(theirs, **changed), identity)), identity


def join_scheme(gw: Gateway, text: str, keeper: Keeper, url: str | None = None) -> DirectoryChanges:
    """Join it, as after a call with its keeper."""
    return join.join_directory(gw, join.read_offered_directory(gw, text), keeper.fingerprint, url, by="ines")
