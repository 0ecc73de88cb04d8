"""How long every page of the console takes with a million messages in the store, on SQLite and PostgreSQL.

    python -m benchmarks.pages [messages]

Half of the messages came, half were sent; three in a thousand of each wait for somebody, the others are at their end.
Each has its entry in the audit log, and what was sent was tried once. The newest thousand and those that wait can be
opened; no page opens another unasked. Then every page that may be opened by GET is asked for over HTTP, as the person
whose work it is, one request after the other; what is found by typing is in `find`.
"""

import asyncio
import gc
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, insert

from gateway import home_folder
from gateway.app import COLLECT_AFTER, reduce_garbage_collection
from gateway.auditing import audit
from gateway.authorities.partners import add_partner
from gateway.console.application import ENDPOINT_GROUPS, build_application
from gateway.console.endpoints import Endpoint
from gateway.context import Gateway
from gateway.core.permissions import Reach, Role, get_reach
from gateway.store import audit_log, tables
from gateway.store.audit_log import AuditEntry
from keys import at_rest
from schemas import xml
from schemas.identifiers import build_uuid7
from schemas.shapes import CaseId, MessageId
from tests.children import notice
from tests.conftest import free_port, make, new_database
from tests.consoles import house, session, sign_in_name
from tests.postgres import server

# Messages in one transaction.
STEP = 10_000
WAITING_IN_A_THOUSAND = 3
# Of the newest, that can be opened.
OPENED = 1_000
# Times each page.
ASKED = 30
# Issue 5: the 95th percentile of every page.
LIMIT_MS = 150
OUT = Console(highlight=False, width=100)


def fill(gw: Gateway, messages: int) -> Sequence[Mapping[str, object]]:
    """So many messages up to now, a minute apart; rows of the newest."""
    chance = Random(3)  # noqa: S311 - the same each time
    first, newest = datetime.now(UTC) - timedelta(minutes=messages), list[dict[str, object]]()
    for begin in range(0, messages, STEP):
        some = [
            _row(gw, n, first + timedelta(minutes=n), chance, opened=n >= messages - OPENED)
            for n in range(begin, min(begin + STEP, messages))
        ]
        gw.store.run(lambda tx, some=some: _put(tx, some))  # type: ignore[misc]
        newest = some[-OPENED:]
    return newest


def _row(gw: Gateway, number: int, at: datetime, chance: Random, *, opened: bool) -> dict[str, object]:
    sent = bool(number % 2)
    message_id, case = (build_uuid7(at, chance.randbytes(10)) for _ in range(2))
    waits = chance.random() * 1000 < WAITING_IN_A_THOUSAND
    key, content = b"x", b""
    if opened or waits:
        ways = ("333", "885") if sent else ("885", "333")
        text = xml.write(notice(*ways, message_id=MessageId(message_id), case_id=CaseId(case), now=at))
        locked = at_rest.lock(text, about=message_id, ring=gw.ring)
        key, content = locked.data_key or b"", locked.content
    state = ("received" if waits else "concluded") if sent else ("new" if waits else "concluded")
    return {
        "sent": sent,
        "message_id": message_id,
        "case_id": case,
        "sequence": 1,
        "kind": "TransferNotice",
        "restriction": "none",
        "test": False,
        "digest": message_id,
        "state": state,
        "at": at,
        "data_key": key,
        "content": content,
    }


def _put(tx: Connection, some: list[dict[str, object]]) -> None:
    came = [
        row | {"sender": "885", "received_at": row["at"], "shown_from": row["at"], "state_at": row["at"]}
        for row in some
        if not row["sent"]
    ]
    gone = [
        row
        | {
            "recipient": "885",
            "queued_at": row["at"],
            "queued_by": "bench",
            "state_at": row["at"],
            "due_at": row["at"],
            "attempts": 1,
            "sealed": b"",
        }
        for row in some
        if row["sent"]
    ]
    tried = [
        {"message_id": row["message_id"], "at": row["at"], "route": "https", "ending": "receipted"} for row in gone
    ]
    for table, rows in (
        (tables.inbox, came),
        (tables.outbox, gone),
        (tables.outbox_contents, gone),
        (tables.attempts, tried),
    ):
        names = table.c.keys()
        tx.execute(insert(table), [{name: row[name] for name in names if name in row} for row in rows])
    entries = [
        AuditEntry("notice.queued" if row["sent"] else "message.kept", "bench", str(row["message_id"]), "885")
        for row in some
    ]
    at = some[-1]["at"]
    assert isinstance(at, datetime)
    audit_log.append_entries(tx, at, entries)


def pages(case: str, message_id: str) -> Iterator[tuple[Endpoint, Role, str]]:
    """Every page, as whom, and its address."""
    parts = {"case": case, "notice": message_id, "name": sign_in_name(Role.OUTREACH), "number": "5", "code": "885"}
    for endpoint in (endpoint for group in ENDPOINT_GROUPS for endpoint in group if endpoint.method == "GET"):
        role = next((one for one in Role if endpoint.act and get_reach([one], endpoint.act) is Reach.ALL), None)
        if role is None:
            continue
        try:
            address = re.sub(r"\{(\w+)(?::(?:[^{}]|\{[^{}]*\})*)?\}", lambda part: parts[part[1]], endpoint.path)
        except KeyError:
            # Of something that this store does not hold.
            continue
        yield endpoint, role, address


async def measure(gw: Gateway, newest: Sequence[Mapping[str, object]], title: str) -> Table:
    """Every page, the slowest first."""
    chance = Random(4)  # noqa: S311
    client = TestClient(
        TestServer(build_application(gw), port=gw.config.console.port), cookie_jar=CookieJar(unsafe=True)
    )
    await client.start_server()
    # As `serve` does.
    gc.set_threshold(*COLLECT_AFTER)
    reduce_garbage_collection()
    took: list[tuple[float, float, int, str]] = []
    try:
        for endpoint, role, _ in pages("", ""):
            cookies, _token = session(gw, role)
            times = []
            for _ in range(ASKED):
                one = chance.choice(newest)
                address = next(a for d, _, a in pages(str(one["case_id"]), str(one["message_id"])) if d is endpoint)
                began = time.perf_counter()
                answer = await client.get(address, cookies=cookies, allow_redirects=False)
                await answer.read()
                times.append((time.perf_counter() - began) * 1000)
            assert answer.status < 500, f"{address}: {answer.status}"
            took.append((sorted(times)[len(times) * 95 // 100], median(times), answer.status, endpoint.path))
    finally:
        await client.close()
    table = Table(f"{title}: page", "p50, ms", "p95, ms", "answer", "", box=None, pad_edge=False)
    for p95, p50, status, path in sorted(took, reverse=True):
        table.add_row(
            re.sub(r":[^/]*\}(?=/|$)", "}", path),
            f"{p50:.0f}",
            f"{p95:.0f}",
            str(status),
            "over the limit" if p95 > LIMIT_MS else "",
        )
    return table


async def main(messages: int) -> None:
    """Both databases, one after the other."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        url = new_database(stack.enter_context(server(free_port())).url)
        there = make(folder / "885", "885", "Worcestershire")
        for title, store_url in (("SQLite", ""), ("PostgreSQL", url)):
            gw = house(folder / title, "333", "Sandwell", store_url=store_url)
            add_partner(gw, (there.config.home / home_folder.CARD_FILE).read_text("ascii"), by="bench")
            gw.refresh_trust()
            began = time.perf_counter()
            newest = fill(gw, messages)
            await audit.sign_checkpoint(gw)
            if store_url:
                with gw.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    # As its own keeper does in time.
                    connection.exec_driver_sql("VACUUM ANALYZE")
            OUT.print(f"\n[bold]{title}[/bold]: {messages:,} messages in {time.perf_counter() - began:.0f} s")
            OUT.print(await measure(gw, newest, title))
            gw.store.close()
        there.store.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
