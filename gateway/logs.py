"""The log that operators read: one JSON object a line on stderr, with the few members that are listed here.

What is not listed is not written, so that nothing about a child gets into a log by way of an exception or a careless
call. The audit log is another thing: see `gateway.auditing.audit`.
"""

import logging
import sys
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

MEMBERS = frozenset({"timestamp", "level", "event", "code", "error", "at", "authority", "port", "count", "reference"})
# Seconds in which one kind of event, of those that strangers can cause, is one line.
OFTEN = 60.0
_logger = structlog.get_logger()
_seen: dict[
    tuple[str, ...], tuple[float, int]
    # Kinds of such events: when a line was written, how many came since.
] = {}


def configure_logging() -> None:
    """Configure the log, once for each process."""
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper("iso"),
            structlog.processors.add_log_level,
            _only_members,
            structlog.processors.JSONRenderer(),
        ],
        # Whatever stderr is when something is logged.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    root = logging.getLogger()
    if not any(isinstance(handler, _Libraries) for handler in root.handlers):
        root.addHandler(_Libraries(logging.WARNING))


class _Libraries(logging.Handler):
    """What libraries log, asyncio and aiohttp among them, as lines of ours: never their words, never a traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line for a kind of record each minute."""
        why = record.exc_info[1] if record.exc_info else None
        log_seldom(f"{record.name}: {record.levelname.lower()} at {record.filename}:{record.lineno}", why)


def _only_members(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in event.items() if name in MEMBERS}


def log_serving(authority: str, port: int) -> None:
    """Log that the gateway is up."""
    _logger.info("serving", authority=authority, port=port)


def log_failure(what: str, why: BaseException, **more: str) -> None:
    """Log that something did not work: its code, its kind, and where; never its own words, which may quote.

    `more`: a `reference` by which a person finds it.
    """
    _logger.error(
        f"{what} failed", code=getattr(why, "code", None), error=type(why).__name__, at=_find_place(why), **more
    )


def log_seldom(what: str, why: BaseException | None = None) -> None:
    """Log what strangers can cause as often as they like: one line for a kind each minute, with how many there were."""
    error, at = (type(why).__name__, _find_place(why)) if why else (None, None)
    kind, now = (what, str(error), str(at)), time.monotonic()
    written, since = _seen.get(kind, (-OFTEN, 0))
    if now - written < OFTEN:
        _seen[kind] = written, since + 1
        return
    _seen[kind] = now, 0
    _logger.warning(what, error=error, at=at, count=since + 1)


def _find_place(why: BaseException) -> str | None:
    place = why.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else None


def log_alarm(authority: str, kind: str) -> None:
    """Log that a partner's audit log is not the one that we saw: `doctor` says whom to ring."""
    _logger.error(f"audit log of a partner: {kind}", authority=authority)


def log_expiry(authority: str, kind: str, days: int) -> None:
    """Log that something of an authority's expires within so many days, the `count`: `doctor` says what to do."""
    _logger.warning(f"{kind} expires", authority=authority, count=days)


def log_strange_things(kind: str, count: int) -> None:
    """Log that so many things lie at a route that are nothing of ours; not their names, which may be a child's."""
    _logger.warning(f"nothing of ours lies at the route {kind}", count=count)
