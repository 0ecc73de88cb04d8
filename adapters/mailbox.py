"""Mailbox: another authority's gateway keeps sealed messages for one that lets nobody in, until it comes and fetches
them.

    POST   <url>/messages             a sender leaves a bundle: sealed messages, one a line
    GET    <url>/messages             the owner fetches bundles; the host waits up to half a minute for one to come
    POST   <url>/messages/<name>      the owner has it: the receipts for its sender, one a line
    GET    <url>/receipts             a sender fetches the receipts that were left for it
    DELETE <url>/receipts/<name>      it has them

Every request says who calls, to the owner of the mailbox. Bundles are listed as JSON: name, sender, lines.
"""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

from adapters.client import Client
from adapters.deferred import PutOff
from adapters.https import MESSAGES_TYPE, RECEIPTS_TYPE, in_halves
from adapters.route import Attempt, Bundle, Found, HandedOver, Left, NotDone, NotReached, Parcel, RouteAddress, TryLater
from adapters.statuses import Means, get_meaning, is_of_exchange, not_taken

NOT_NOW = {404: "the host no longer has their mailbox", 507: "their mailbox is full"}
NOT_AGREED = "bundles that are not in the agreed format"
NOT_LET_GO = "bundles that are saved here, but the host does not remove them"
# As hosts call a bundle.
NAME = re.compile("[0-9]{3}-[0-9a-f]{64}")
# A host hands out no more at once.
MAX_LIST_BYTES = 67_108_864
# Of a list: lines and members. Each costs some hundred bytes of memory, and a microsecond of the loop.
MOST_PARTS = 100_000


class Mailbox:
    """Leaves things at a partner's mailbox, and fetches from our own."""

    def __init__(self) -> None:
        """Nothing is opened before the first request."""
        self._client = Client()
        # By address.
        self._put_off: defaultdict[str, PutOff[str]] = defaultdict(PutOff)

    async def deliver(self, address: RouteAddress, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        """Leave the parcels as one bundle; in halves where the host finds them too many, or too large together."""
        body = b"\n".join(parcel.sealed for parcel in parcels)
        try:
            answer = await self._client.send_request(
                "POST", address, "/messages", body=body, kind=MESSAGES_TYPE, most=65_536
            )
        except NotReached as why:
            return [TryLater(str(why), code=why.short)] * len(parcels)
        if answer.status == 202:
            return [HandedOver("waiting in their mailbox")] * len(parcels)
        halves = get_meaning(answer.status, of_exchange=False, messages=len(parcels)) is Means.HALVES
        one_is_wrong = answer.status == 400 and len(parcels) > 1 and is_of_exchange(answer)
        # One that is no sealed message holds up no other.
        if halves or one_is_wrong:
            return await in_halves(self, address, parcels)
        if answer.status in NOT_NOW:
            return [replace(not_taken(answer), reason=NOT_NOW[answer.status])] * len(parcels)
        return [not_taken(answer, "the mailbox host")] * len(parcels)

    async def check_server(self, address: RouteAddress) -> None:
        """Ask the host for the receipts that lie for us; they stay where they are."""
        answer = await self._client.send_request("GET", address, "/receipts", most=MAX_LIST_BYTES)
        if answer.status != 200:
            raise NotReached(f"the mailbox host answered {answer.status}")

    async def collect(self, address: RouteAddress) -> Sequence[Found]:
        """Fetch messages from our own mailbox, or the receipts that lie for us at a partner's."""
        ours = address.us == address.authority
        what: Literal["messages", "receipts"] = "messages" if ours else "receipts"
        answer = await self._client.send_request("GET", address, f"/{what}", most=MAX_LIST_BYTES)
        if answer.status != 200:
            raise NotReached(f"the mailbox host answered {answer.status}")
        rows = _list_in(answer.body)
        bundles: list[Bundle] = []
        for row in rows:
            # One that is not as agreed holds up no other.
            with suppress(ValueError, TypeError, KeyError, AttributeError):
                sender = row["sender"] if ours else address.authority
                bundles.append(Bundle(_name(row["name"]), what, str(sender), _lines(row["lines"])))
        put_off, bad = self._put_off[address.url], len(rows) - len(bundles)
        put_off.keep_only({bundle.name for bundle in bundles})
        due = [bundle for bundle in bundles if put_off.is_due(bundle.name)]
        return [*due, *([Left(NOT_AGREED, bad)] if bad else []), *put_off.list_left()]

    async def finish(
        self, address: RouteAddress, item: Found, receipts: Sequence[str] = (), back: RouteAddress | None = None
    ) -> None:
        """Leave the receipts and let the host forget the bundle; or say that we have the receipts."""
        assert isinstance(item, Bundle)  # noqa: S101 - `collect` gives nothing else
        if item.holds == "messages":
            body, path = "\n".join(receipts).encode(), f"/messages/{item.name}"
            answer = await self._client.send_request("POST", address, path, body=body, kind=RECEIPTS_TYPE, most=65_536)
        else:
            answer = await self._client.send_request("DELETE", address, f"/receipts/{item.name}", most=65_536)
        # 404: another process was quicker.
        if answer.status not in (200, 404):
            await self.put_off(address, item, NOT_LET_GO)
            raise NotDone(f"the mailbox host answered {answer.status}")
        self._put_off[address.url].mark_handled(item.name)

    async def put_off(self, address: RouteAddress, item: Found, why: str) -> None:
        """Leave it for a while: the host still counts it among the first that it hands out."""
        if isinstance(item, Bundle):
            self._put_off[address.url].add(item.name, why)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def carrier() -> Mailbox:
    """Return the entry point."""
    return Mailbox()


def _list_in(body: bytes) -> list[Any]:
    """What a host lists.

    Raises NotReached where it has not the agreed form, or has so many parts that it would hold up the loop.
    """
    try:
        if sum(body.count(sign) for sign in (b",", b"[", b"{")) <= MOST_PARTS:
            return list(json.loads(body))
    except (ValueError, TypeError, RecursionError):
        pass
    raise NotReached("the mailbox host did not answer in the agreed format")


def _name(name: str) -> str:
    """It becomes part of an address. Raises ValueError, TypeError."""
    if not NAME.fullmatch(name):
        raise ValueError("no name of a bundle")
    return name


def _lines(lines: list[str]) -> tuple[bytes, ...]:
    """Raises TypeError, AttributeError, ValueError where it is no list of texts."""
    if not isinstance(lines, list):
        raise TypeError("no list of lines")
    return tuple(line.encode() for line in lines)
