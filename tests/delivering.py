"""Delivery without its loop, for whoever keeps the time."""

import asyncio

from gateway.context import Gateway
from gateway.exchange import deliver


async def deliver_now(gw: Gateway) -> None:
    """Deliver what is due at this moment, and return."""
    for partner in await deliver._list_partners_due(gw):
        await deliver._deliver_batches(gw, partner, set(), set(), asyncio.Event())
