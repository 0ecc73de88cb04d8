"""What waits on our side, for an officer, for ONE, or to be told: drafts, imports, possible matches, webhooks. Counts and ages only."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from gateway.context import Authority
from gateway.core.findings import Finding, fail, ok, warn
from gateway.core.health_rules import LATE, PARTNER_LATE
from gateway.errors import ConfigProblem
from gateway.reconciliation import deadlines
from gateway.store import (
    children,
    drafts,
    left_behind,
    mail_replies,
    outbox,
    partner_health,
    searches,
    transfer_files,
    webhooks,
)
from gateway.store.searches import Found
from gateway.store.transfer_files import Stage
from keys import card
from keys.errors import CardRoute
from keys.jose import CLOCK_SKEW


def waiting(tx: Connection, here: Authority) -> Iterator[Finding]:
    """Every check of what waits on our side."""
    if here.config.one.import_folder:
        yield from _imports(tx, here)
    if here.config.one.folder:
        yield _drafts(tx, here)
    yield from _replies(tx, here)
    yield from _ahead(tx, here)
    yield from _matches(tx, here)
    yield from _webhooks(tx, here)
    yield from _left(tx, here)
    yield from _own_routes(tx, here)
    yield from _unbelieved(tx, here)
    yield from _cards(here)


def _unbelieved(tx: Connection, here: Authority) -> Iterator[Finding]:
    """They answer, and their receipts do not hold: among good traffic nothing else would show it."""
    for code, count, since, why in outbox.unbelieved(tx, here.now() - PARTNER_LATE):
        says = f"{count} wait since {since:%d %b %Y %H:%M}, as {why}"
        yield warn(f"receipts of {code}", says, f"ring them, and compare the cards; then cme-gateway retry --to {code}")


def _cards(here: Authority) -> Iterator[Finding]:
    """Cards from before their routes were checked: what such a route names is not called."""
    for code in sorted(here.trust.authorities()):
        try:
            card.check_routes(here.trust.card(code))
        except CardRoute:
            says = "a route on it is no plain address, and is not called"
            yield warn(f"card of {code}", says, "ask for a new card, and partner add it")


def _own_routes(tx: Connection, here: Authority) -> Iterator[Finding]:
    """A server at which partners leave things for us, and into which we cannot look."""
    kinds = {route.kind for route in here.own_card.routes}
    for one in partner_health.every(tx).get(here.code, []):
        if one.route in kinds and one.failing_since and here.now() - one.failing_since > PARTNER_LATE:
            says = f"what is left for us there does not come, since {one.failing_since:%d %b %Y %H:%M}: {one.reason}"
            yield fail(f"our {one.route} route", says, "see to the server, or ring whoever runs it")


def _left(tx: Connection, here: Authority) -> Iterator[Finding]:
    """What lies at our routes and at partners', and is not handled; it holds up nothing else."""
    for one in left_behind.list_all(tx):
        place = "our" if one.authority == here.code else f"{one.authority}'s"
        says = f"{one.count} since {one.since:%d %b %Y %H:%M}: {one.why}"
        yield warn(f"left at {place} {one.route} route", says, "look there, or ring whoever runs the server")


def _replies(tx: Connection, here: Authority) -> Iterator[Finding]:
    count, oldest = mail_replies.count_waiting(tx)
    if count and oldest:
        says = f"{count} wait for an officer since {oldest:%d %b %Y %H:%M}"
        yield _by_age(here, "replies by mail", says, oldest, "cme-gateway replies list")


def _ahead(tx: Connection, here: Authority) -> Iterator[Finding]:
    """Our clock ran fast, or runs slow now."""
    if count := outbox.ahead(tx, here.now() + CLOCK_SKEW):
        says = f"{count} notices were queued in the future: the clock of this machine was wrong, or is"
        yield warn("clock", says, "Set it right; each is sealed again, with the true time, when it is tried.")


def _imports(tx: Connection, here: Authority) -> Iterator[Finding]:
    oldest, name = transfer_files.oldest_waiting(tx), "notices to be imported"
    if oldest is None:
        yield ok(name, "none")
    else:
        says = f"{transfer_files.count(tx, Stage.WAITING)} since {oldest:%d %b %Y %H:%M}"
        yield warn(name, says, "see ONE's import folder") if here.now() - oldest > LATE else ok(name, says)
    unmatched = transfer_files.count(tx, Stage.UNMATCHED)
    yield ok("imports without a match", _listed(unmatched, "cme-gateway one imports --state unmatched"))


def _listed(count: int, command: str) -> str:
    return f"{count}: {command}" if count else "none"


def _drafts(tx: Connection, here: Authority) -> Finding:
    count, oldest = drafts.waiting(tx)
    if not count or not oldest:
        return ok("drafts", "none waits")
    says = f"{count} wait for an officer since {oldest:%d %b %Y %H:%M}"
    return _by_age(here, "drafts", says, oldest, "cme-gateway drafts list")


def _matches(tx: Connection, here: Authority) -> Iterator[Finding]:
    if children.current(tx) is None:
        if here.config.one.children_folder:
            yield warn("index of our children", "no extract was taken in yet: no search is matched")
        return
    count, oldest = searches.count(tx, Found.MATCHED)
    if count and oldest:
        says = f"{count} since {oldest:%d %b %Y %H:%M}"
        yield _by_age(here, "possible matches", says, oldest, "cme-gateway matches list")


def _by_age(here: Authority, name: str, says: str, oldest: datetime, show: str) -> Finding:
    """It may wait for a working day."""
    try:
        late = here.now() > deadlines.read(here.config).calendar(here.code).add_working_days(oldest, 1)
    except ConfigProblem:
        return warn(name, f"{says}; whether that is late is not known, for the calendars cannot be read", show)
    return warn(name, says, show) if late else ok(name, f"{says}: {show}")


def _webhooks(tx: Connection, here: Authority) -> Iterator[Finding]:
    try:
        here.config.webhook_ca()
    except ConfigProblem as why:
        yield warn("webhooks", why.sentence, why.next_step)
    found = webhooks.every(tx)
    ended = [one for one in found if not one.active]
    late = [one for one in found if one.active and one.failing_since and here.now() - one.failing_since >= LATE]
    for one in ended:
        yield warn(
            "webhooks", f"{one.client} is told nothing more ({one.failed_as})", f"cme-gateway api resume {one.id}"
        )
    for one in late:
        yield warn("webhooks", f"{one.client} has not taken what it is told for an hour or more ({one.failed_as})")
    if found and not (ended or late):
        yield ok("webhooks", f"{len(found)} are told of what happens")
