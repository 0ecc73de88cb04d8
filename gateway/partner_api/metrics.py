"""`GET /metrics`, on a listener of its own: not the one that partners reach.

A look is kept for some seconds, so that no scraper, however eager, can load the database.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from gateway.context import Gateway
from gateway.monitoring import health, metrics
from gateway.partner_api.problems import turn_errors_into_problems

# Below the 15 seconds in which scrapers are usually told to come.
KEEP_SECONDS = 10.0
TYPE = "text/plain; version=0.0.4; charset=utf-8"

Scrape = Callable[[web.Request], Coroutine[Any, Any, web.Response]]


def build_metrics_application(gw: Gateway) -> web.Application:
    """Build the application that serves the metrics of one authority."""
    app = web.Application(middlewares=[turn_errors_into_problems], client_max_size=1024)
    app.router.add_get("/metrics", build_scrape(gw))
    return app


def build_scrape(gw: Gateway) -> Scrape:
    """Build what answers a scrape: one look at a time, and the last one again while it is fresh."""
    one_at_a_time, loop = asyncio.Lock(), asyncio.get_running_loop()
    page, until = b"", 0.0

    async def scrape(_: web.Request) -> web.Response:
        nonlocal page, until
        async with one_at_a_time:
            if loop.time() >= until:
                page = await asyncio.to_thread(lambda: metrics.render_metrics(health.measure_health(gw)))
                until = loop.time() + KEEP_SECONDS
        return web.Response(body=page, headers={"Content-Type": TYPE})

    return scrape
