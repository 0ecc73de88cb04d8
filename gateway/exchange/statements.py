"""Once a day, each pair of gateways compares what was sent and received; what differs is healed, or named to a person.

We read our own account, ask the partner's gateway for its signed statement over the same days, page by page, and
compare (`core.statement_diff`). What they do not have, or we hold no receipt for, is delivered again: the same sealed
bytes, of which the receiver keeps one. A receipt of a key that was revoked since is none, and is signed anew there.
What we do not have, they are asked to send: they compare with our statement, and find it missing there. What only one
side knows, or both know differently, becomes an entry, once, with their signed statement as evidence.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from adapters.route import NotReached, PartnerAnswer
from gateway.auditing.witness import find_way_to_ask, witness_checkpoints
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core import labels
from gateway.core.checkpoint_rules import BroughtCheckpoint
from gateway.core.entry_filter import EntryFilter
from gateway.core.statement_diff import DifferenceKind, ExchangeAccount, StatementDifference, compare_accounts
from gateway.errors import StoreUnavailable
from gateway.logs import log_failure
from gateway.store import audit_log, outbox, partner_health, statements
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from keys import receipt, statement
from keys.envelope import MAX_AGE
from keys.errors import Refusal
from keys.jose import CLOCK_SKEW
from keys.statement import ROWS, Statement, StatementRow, Window
from schemas.shapes import MessageId

# That are compared each day: a backup may be a week old.
DAYS = timedelta(days=8)
# Seconds.
EVERY = 86_400.0
# Seconds, where a partner could not be asked.
AGAIN_AFTER = 3600.0
# Seconds after the start: what was queued goes first.
FIRST_AFTER = 60.0
# A loop that has not looked for so long has stopped: many pages from many partners take a while.
LATE = timedelta(hours=3)
# Seconds: has a partner asked us to compare?
LOOK_EVERY = 2.0
# Seconds: not more often, however often it asks.
ASKED_EVERY = 60.0
# Of one comparison: two hundred thousand messages each way.
MAX_PAGES = 400
# Older sealed bytes are refused by their receiver.
SEALED_SINCE = MAX_AGE - timedelta(hours=1)

# With one partner in a day that are an entry each.
MOST_DIFFERENCES = 50
SENT_AGAIN, ASKED_FOR, FOR_A_PERSON = "sent again", "asked for", "for a person"


@dataclass(frozen=True, slots=True)
class HealedDifference:
    """A difference, and what was done about it."""

    difference: StatementDifference
    done: str


async def issue_statement(gw: Gateway, partner: str, window: Window) -> str:
    """Issue one page of our statement for a partner."""
    return await gw.store.read(lambda tx: _issue_page(tx, gw, partner, window))


def _issue_page(tx: Tx, gw: Gateway, partner: str, window: Window) -> str:
    sent, received = statements.list_sent_rows(tx, partner, window), statements.list_received_rows(tx, partner, window)
    return statement.issue(
        audience=partner,
        window=window,
        following=window.page + 1 if max(len(sent), len(received)) > ROWS else None,
        sent=sent[:ROWS],
        received=received[:ROWS],
        checkpoint=gw.checkpoint or audit_log.find_newest_checkpoint(tx),
        ring=gw.ring,
        now=gw.now(),
    )


async def compare_with(gw: Gateway, partner: str, since: datetime) -> list[HealedDifference]:
    """Compare with a partner what was exchanged since then, and heal what can be.

    Raises NotReached, StoreUnavailable, or a keys.errors.Refusal of their statement.
    """
    now = gw.now().replace(microsecond=0)
    since = min(since.replace(microsecond=0), now)
    listed = await gw.store.read(partial(_list_sent_ids, partner=partner, since=since, until=now + CLOCK_SKEW))
    tokens, pages = await _fetch_statement(gw, partner, since - CLOCK_SKEW, now + CLOCK_SKEW)
    theirs = ExchangeAccount(
        _rows_by_id(row for page in pages for row in page.sent), _rows_by_id(r for p in pages for r in p.received)
    )

    def read_ours(tx: Tx) -> ExchangeAccount:
        sent = statements.find_sent_rows(tx, partner, [*{*listed, *theirs.received}])
        unreceipted = statements.find_unreceipted(tx, partner, list(theirs.received))
        unreceipted |= _find_void_receipts(tx, gw, partner, list(theirs.received))
        return ExchangeAccount(sent, statements.find_received_rows(tx, partner, list(theirs.sent)), unreceipted)

    differences = list(compare_accounts(await gw.store.read(read_ours), theirs, listed=listed, now=gw.now()))
    outcomes = await gw.store.write(
        partial(_heal_differences, gw=gw, partner=partner, differences=differences, pages=pages, tokens=tokens)
    )
    gw.due.set()
    if any(healed.done == ASKED_FOR for healed in outcomes):
        await _ask_them_to_compare(gw, partner, since)
    return outcomes


def _find_void_receipts(tx: Tx, gw: Gateway, partner: str, ids: Sequence[MessageId]) -> set[MessageId]:
    """Return those of these messages for which we hold only receipts of a key that the partner has revoked since."""
    keys = gw.trust.get_card(partner).keys
    if not any((key.use, key.status) == ("sig", "revoked") for key in keys):
        return set()
    counts: dict[MessageId, bool] = {}
    for message_id, token in statements.list_accepting_receipts(tx, partner, ids):
        counts[message_id] = counts.get(message_id, False) or receipt.has_valid_key(token, keys)
    return {message_id for message_id, does in counts.items() if not does}


def _rows_by_id(rows: Iterable[StatementRow]) -> dict[MessageId, StatementRow]:
    return {MessageId(row.message_id): row for row in rows}


def _list_sent_ids(tx: Tx, partner: str, since: datetime, until: datetime) -> list[MessageId]:
    listed: list[MessageId] = []
    for page in range(MAX_PAGES):
        rows = statements.list_sent_rows(tx, partner, Window(since, until, page))
        listed += [MessageId(row.message_id) for row in rows[:ROWS]]
        if len(rows) <= ROWS:
            break
    return listed


async def _fetch_statement(
    gw: Gateway, partner: str, since: datetime, until: datetime
) -> tuple[list[str], list[Statement]]:
    tokens: list[str] = []
    pages: list[Statement] = []
    asker, address = find_way_to_ask(gw, partner)
    for page in range(MAX_PAGES):
        window = Window(since, until, page)
        question = f"/statements?since={int(since.timestamp())}&until={int(until.timestamp())}&page={page}"
        answer = await asker.ask(address, question, statement.MAX_STATEMENT_BYTES)
        tokens.append(_check_answer(answer).body.decode("ascii", "replace"))
        pages.append(
            statement.verify(tokens[-1], issuer=partner, audience=gw.code, window=window, trust=gw.trust, now=gw.now())
        )
        if pages[-1].following is None:
            return tokens, pages
    raise NotReached("the partner's record of messages is too long: compare fewer days")


def _check_answer(answer: PartnerAnswer) -> PartnerAnswer:
    if answer.status not in (200, 202):
        raise NotReached(f"the partner's gateway answered {answer.status}")
    return answer


async def _ask_them_to_compare(gw: Gateway, partner: str, since: datetime) -> None:
    asker, address = find_way_to_ask(gw, partner)
    _check_answer(await asker.ask(address, f"/statements/missing?since={int(since.timestamp())}", 0))


def _heal_differences(
    tx: Tx,
    gw: Gateway,
    partner: str,
    differences: Sequence[StatementDifference],
    pages: Sequence[Statement],
    tokens: Sequence[str],
) -> list[HealedDifference]:
    now = gw.now()
    outcomes = [
        HealedDifference(difference_told, _heal_difference(tx, now, partner, difference_told))
        for difference_told in differences
    ]
    entries = [
        _difference_entry(partner, difference_told.difference)
        for difference_told in outcomes
        if difference_told.done == FOR_A_PERSON
    ]
    new = _limit_entries(tx, now, partner, [entry for entry in entries if not _is_logged_before(tx, entry)])
    if new:
        statements.add_statements(tx, now, partner, tokens)
    audit_log.append_entries(tx, now, new)
    witness_checkpoints(
        tx, gw, partner, [BroughtCheckpoint(page.checkpoint, page.issued_at) for page in pages if page.checkpoint]
    )
    return outcomes


def _heal_difference(tx: Tx, now: datetime, partner: str, difference: StatementDifference) -> str:
    match difference.differs:
        case DifferenceKind.MISSING_THERE | DifferenceKind.RECEIPT_LOST:
            reason = f"found in the daily comparison: {labels.name_difference(difference.differs)}"
            since = now - SEALED_SINCE
            again = _request_lost_receipt(tx, now, partner, difference) or statements.queue_again(
                tx, now, difference.message_id, sealed_since=since, reason=reason
            )
            return SENT_AGAIN if again else FOR_A_PERSON
        case DifferenceKind.MISSING_HERE:
            return ASKED_FOR
        case _:
            return FOR_A_PERSON


def _request_lost_receipt(tx: Tx, now: datetime, partner: str, difference: StatementDifference) -> bool:
    """Ask for the receipt alone of what an officer moved on: how it stands, stands."""
    moved_on = (
        difference.differs is DifferenceKind.RECEIPT_LOST
        and difference.ours is not None
        and difference.ours.state not in outbox.TRIED
    )
    return moved_on and outbox.request_receipt(tx, difference.message_id, partner, now, is_void=True)


def _difference_entry(partner: str, difference: StatementDifference) -> AuditEntry:
    known = difference.ours or difference.theirs
    assert known is not None  # noqa: S101 - one of them has it
    detail = {"difference": difference.differs.value, "kind": known.kind, "case": known.case}
    for side, row in (("here", difference.ours), ("there", difference.theirs)):
        if row is not None:
            detail |= {side: row.state, f"digest-{side}": row.sha256}
    return AuditEntry("statement.difference", SYSTEM, difference.message_id, partner, detail=detail)


def _limit_entries(tx: Tx, now: datetime, partner: str, new: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
    """Return these entries; where one partner's would be too many in a day, one for all of them, once that day."""
    today = EntryFilter(act="statement.difference", partner=partner, since=now - timedelta(days=1))
    before = audit_log.list_filtered_entries(tx, today, MOST_DIFFERENCES + 1)
    if len(before) + len(new) <= MOST_DIFFERENCES:
        return new
    if any(earlier.about is None for earlier in before):
        return []
    kinds = " ".join(sorted({str(entry.detail["difference"]) for entry in new}))
    return [AuditEntry("statement.difference", SYSTEM, None, partner, detail={"difference": kinds, "count": len(new)})]


def _is_logged_before(tx: Tx, entry: AuditEntry) -> bool:
    before = audit_log.list_newest_entries(tx, about=entry.about, act=entry.act)
    return any(f'"difference":"{entry.detail["difference"]}"' in logged.entry for logged in before)


async def compare_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Compare with every partner each day, and with one that asks for it soon, until told to stop."""
    loop = asyncio.get_running_loop()
    due: dict[str, float] = {}
    asked_at: dict[str, float] = {}
    first = loop.time() + FIRST_AFTER

    async def compare_due_partners() -> None:
        nonlocal asked_at, due
        now = loop.time()
        wanted = [partner for partner in gw.asked if now - asked_at.get(partner, -ASKED_EVERY) >= ASKED_EVERY]
        asked_at |= dict.fromkeys(wanted, now)
        days = {partner: gw.asked.pop(partner) for partner in wanted}
        days |= {partner: gw.now() - DAYS for partner in _list_daily_partners(gw) if now >= due.get(partner, first)}
        done = await asyncio.gather(*(_compare_partner(gw, partner, since) for partner, since in days.items()))
        due |= {partner: now + (EVERY if well else AGAIN_AFTER) for partner, well in zip(days, done, strict=True)}

    name = "comparing statements"
    await run_every(
        gw,
        stop,
        name,
        compare_due_partners,
        seconds=LOOK_EVERY,
        late_after=LATE,
        waits_first=True,
        everywhere=True,
    )


def _list_daily_partners(gw: Gateway) -> Collection[str]:
    """List with whom this process compares each day: one of several does, and each with whoever asked it."""
    return gw.trust.list_authorities() if gw.leads else ()


async def _compare_partner(gw: Gateway, partner: str, since: datetime) -> bool:
    try:
        await compare_with(gw, partner, since)
    except NotReached as why:
        return await _note_comparison(gw, partner, str(why))
    except Refusal as why:
        log_failure(f"reading the statement of {partner}", why)
        return await _note_comparison(gw, partner, why.sentence)
    except Exception as why:  # noqa: BLE001 - nobody would notice that the loop had ended
        log_failure(f"comparing with {partner}", why)
        return False
    return await _note_comparison(gw, partner, "")


async def _note_comparison(gw: Gateway, partner: str, trouble: str) -> bool:
    """Note whether we could compare with this partner, for `health`; return whether it was well."""
    note = partial(partner_health.note_route_failure, reason=trouble) if trouble else partner_health.note_route_success
    try:
        await gw.store.write(lambda tx: note(tx, gw.now(), partner, partner_health.STATEMENT))
    except StoreUnavailable as why:
        log_failure(f"noting the comparison with {partner}", why)
    return not trouble
