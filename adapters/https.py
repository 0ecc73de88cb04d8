"""HTTPS: one POST carries many parcels, and its answer holds a receipt for each.

POST <url>/messages
Authorization: Bearer <caller's token>
Content-Type: application/vnd.cme-exchange.messages        one sealed message a line

200, application/vnd.cme-exchange.receipts                 one receipt a line, in the order of the messages
"""

from collections.abc import Sequence

from adapters.client import Client
from adapters.route import Attempt, Carrier, NotReached, Parcel, PartnerAnswer, Receipted, RouteAddress, TryLater
from adapters.statuses import Means, get_meaning, not_taken

MESSAGES_TYPE = "application/vnd.cme-exchange.messages"
RECEIPTS_TYPE = "application/vnd.cme-exchange.receipts"
CARD_TYPE = "application/vnd.cme-exchange.card"
TEST_TYPE = "application/vnd.cme-exchange.test"
# 100 receipts of 16 KiB, and more than any partner has reason to send.
MAX_ANSWER_BYTES = 4_194_304


class Https:
    """Posts to the partner's own gateway."""

    def __init__(self) -> None:
        """Nothing is opened before the first delivery."""
        self._client = Client()

    async def deliver(self, address: RouteAddress, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        """Post the parcels; in halves where the partner finds them too many, or too large together.

        One ending serves for all where the request as a whole had one.
        """
        body = b"\n".join(parcel.sealed for parcel in parcels)
        try:
            answer = await self._client.send_request(
                "POST", address, "/messages", body=body, kind=MESSAGES_TYPE, most=MAX_ANSWER_BYTES
            )
        except NotReached as why:
            return [TryLater(str(why), code=why.short)] * len(parcels)
        if answer.status != 200:
            if get_meaning(answer.status, of_exchange=False, messages=len(parcels)) is Means.HALVES:
                return await in_halves(self, address, parcels)
            return [not_taken(answer)] * len(parcels)
        receipts = answer.body.decode("ascii", "replace").replace("\r\n", "\n").removesuffix("\n").split("\n")
        if len(receipts) != len(parcels):
            return [TryLater("the answer did not hold one receipt for each message", code="answered.200")] * len(
                parcels
            )
        answered_at = answer.answered_at
        return [Receipted(receipt, answered_at) for receipt in receipts]

    async def ask(self, address: RouteAddress, question: str, most: int) -> PartnerAnswer:
        """GET it."""
        return await self._client.send_request("GET", address, question, most=most)

    async def post_card(self, address: RouteAddress, card: str, most: int) -> PartnerAnswer:
        """POST it."""
        return await self._client.send_request(
            "POST", address, "/card", body=card.encode("ascii"), kind=CARD_TYPE, most=most
        )

    async def post_test(self, address: RouteAddress, sealed: bytes, most: int) -> PartnerAnswer:
        """POST it."""
        return await self._client.send_request("POST", address, "/test", body=sealed, kind=TEST_TYPE, most=most)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def carrier() -> Https:
    """Return the entry point."""
    return Https()


async def in_halves(carrier: Carrier, address: RouteAddress, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
    """Deliver to one who finds so many too many, or too large together."""
    half = len(parcels) // 2
    return [*await carrier.deliver(address, parcels[:half]), *await carrier.deliver(address, parcels[half:])]
