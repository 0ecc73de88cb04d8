"""A school year of all 153 authorities in simulated time, over a wire that loses one batch in ten and one answer in
ten.

Clocks differ by up to four minutes, gateways are down for days, three are restored from yesterday's backup, and of ten
authorities one never answers. In the end every notice stands in a named state that is an end, no sender waits for
anything, nothing is lost, and what statements and witnesses report is exactly what the restores did.

Real: keys, sealing, receipts, rules, databases, audit logs, chasing, statements, witnessing. Simulated: time, the wire,
people.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import pytest

from adapters.route import NotReached
from gateway.auditing import audit, witness
from gateway.context import Gateway
from gateway.core.calendar import Calendar
from gateway.core.delivery import DeliveryState
from gateway.core.duties import DutyStep, Missing
from gateway.exchange import statements
from gateway.exchange.send import send_notices
from gateway.reconciliation import reconcile, send_reminders
from gateway.reconciliation.reconcile import Owed
from gateway.store import audit_log, inbox, outbox
from gateway.store.audit_log import LoggedEntry
from schemas import codes
from schemas.message import OPENS_A_CASE
from schemas.shapes import MessageId
from tests.children import notice
from tests.delivering import deliver_now
from tests.simulation import people
from tests.world import World

FIRST, LAST = datetime(2027, 9, 1, 3, tzinfo=UTC), datetime(2028, 7, 20, 3, tzinfo=UTC)
# 3, 9, 15 and 21 o'clock.
STEP = timedelta(hours=6)
A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)
# At most, after the year, until all has ended.
QUIET_WEEKS = 12
NOTICES_A_DAY = 2
# Authorities that send; every one may receive.
BUSY = 30
# Code, and after how many days.
RESTORED = (("302", 40), ("303", 120), ("304", 200))
ENDS = (DeliveryState.CONCLUDED, DeliveryState.CLOSED, DeliveryState.WITHDRAWN)
HAVE_IT = (DeliveryState.RECEIVED, DeliveryState.ACKNOWLEDGED, DeliveryState.PASSED_ON)


@dataclass
class Year:
    """The year as it runs, and what it did to the restored."""

    world: World
    chance: Random
    calendar: Calendar = field(default_factory=Calendar)
    # Who may have something to deliver.
    awake: set[str] = field(default_factory=set)
    # Since when officers wait for something to come.
    answered: dict[str, datetime] = field(default_factory=dict)
    # Since when nothing is owed to or by an authority.
    settled: dict[str, datetime] = field(default_factory=dict)
    # When each signed a checkpoint last: where nothing moved, it would be the same again.
    signed: dict[str, datetime] = field(default_factory=dict)
    # Messages that a restore changed, by who was restored.
    touched: dict[str, set[MessageId]] = field(default_factory=dict)
    # What they sent, and do not know any more.
    forgotten: dict[str, set[MessageId]] = field(default_factory=dict)
    alarms: set[str] = field(default_factory=set)

    @property
    def codes(self) -> list[str]:
        return list(self.world.houses)

    def house(self, code: str) -> Gateway:
        return self.world.houses[code]

    async def step(self, *, quiet: bool) -> None:
        """Six hours of it."""
        self.world.now += STEP
        now = self.world.now
        works = self.calendar.is_working_day(now.date())
        if now.hour == 9 and works and not quiet:
            await self.children_move()
        if now.hour == 9 and works:
            self.officers_answer()
        if now.hour == 15 and works:
            await self.late_ones_are_chased()
        if now.hour == 3:
            self.gateways_go_down(quiet=quiet)
        await self.deliver()
        if now.hour == 21 and now.weekday() == 6:
            await self.compare(self.pairs())

    async def children_move(self) -> None:
        for _ in range(self.chance.randint(0, 2 * NOTICES_A_DAY)):
            sender = self.chance.choice(self.codes[:BUSY])
            recipient = self.chance.choice([code for code in self.codes if code != sender])
            name = self.chance.choice(["transfer-notice", "transfer-notice-restricted", "whereabouts-enquiry"])
            gw = self.house(sender)
            send_notices(gw, [notice(sender, recipient, name=name, now=gw.now())], "olive")
            self.awake.add(sender)

    def officers_answer(self) -> None:
        for number, code in enumerate(self.codes):
            if self.rests(code, self.answered):
                continue
            morning = people.answer(self.house(code), people.temper(number), self.chance, self.codes)
            if morning.went:
                self.awake.add(code)
            if not morning.more:
                self.answered[code] = self.world.now

    def rests(self, code: str, since: dict[str, datetime]) -> bool:
        """Is all as it was when somebody looked last and found nothing to do? Then a look would find nothing now."""
        moved = self.world.wire.stirred.get(code)
        return code not in self.awake and (moved is None or (code in since and since[code] > moved))

    async def late_ones_are_chased(self) -> None:
        for code in self.codes if self.world.now.weekday() == 0 else self.codes[:BUSY]:
            gw = self.house(code)
            moved = self.world.wire.stirred.get(code)
            if code not in self.signed or (moved and moved > self.signed[code]):
                await audit.sign_checkpoint(gw)
                self.signed[code] = self.world.now
            if not self.rests(code, self.settled):
                owed = reconcile.list_owed(gw)
                if any(one.step is not DutyStep.WAIT or one.missing is Missing.DECISION for one in owed):
                    done = await send_reminders.send_due_reminders(gw)
                    went = people.follow_up(gw, reconcile.list_owed(gw), self.chance, self.codes)
                    if went or done.reminded:
                        self.awake.add(code)
                elif not owed:
                    self.settled[code] = self.world.now

    def gateways_go_down(self, *, quiet: bool) -> None:
        down = self.world.wire.down
        down -= {code for code in sorted(down) if self.chance.random() < 0.3}
        if not quiet and self.chance.random() < 0.2:
            down.add(self.chance.choice(self.codes))

    async def deliver(self) -> None:
        for code in sorted(self.awake):
            gw = self.house(code)
            await deliver_now(gw)
            if not gw.store.look(
                lambda tx: outbox.search_outbox(tx, outbox.OutboxQuery(states=(DeliveryState.QUEUED,)), limit=1)
            ):
                self.awake.discard(code)

    def pairs(self) -> list[tuple[str, str]]:
        """Between whom something went in the days that statements compare."""
        lately = [pair for pair, at in self.world.wire.went.items() if self.world.now - at < statements.DAYS]
        return sorted({(min(pair), max(pair)) for pair in lately})

    async def compare(self, pairs: list[tuple[str, str]]) -> None:
        """Statements and proofs between these, as daily and hourly; then whoever was asked to compare does."""
        for one, other in pairs:
            for code, partner in ((one, other), (other, one)):
                gw = self.house(code)
                try:
                    await statements.compare_with(gw, partner, gw.now() - statements.DAYS)
                    await witness.check_partner_log(gw, partner)
                except NotReached:
                    continue
                self.awake.add(code)
                self.alarms.update(people.clear_alarms(gw))
        for code in self.codes:
            gw = self.house(code)
            for partner in list(gw.asked):
                await statements.compare_with(gw, partner, gw.asked.pop(partner))
                self.awake.add(code)

    async def restore(self, code: str) -> None:
        """Yesterday's backup is put back in the place of the database."""
        home = self.house(code).config.home
        self.world.wire.down.discard(code)
        await audit.sign_checkpoint(self.house(code))
        with sqlite3.connect(home / "store.db") as live, sqlite3.connect(home / "backup.db") as copy:
            live.backup(copy)
        for _ in range(4):
            await self.something_is_sent(code)
            await self.step(quiet=False)
            # The next receipt shows it to a partner.
            await audit.sign_checkpoint(self.house(code))
        before = standings(self.house(code))
        self.house(code).store.close()
        for leftover in ("store.db", "store.db-wal", "store.db-shm"):
            (home / leftover).unlink(missing_ok=True)
        shutil.copy(home / "backup.db", home / "store.db")
        gw = self.world.open(code)
        self.answered.pop(code, None)
        self.settled.pop(code, None)
        self.signed.pop(code, None)
        after = standings(gw)
        self.touched[code] = {key for key in before | after if before.get(key) != after.get(key)}
        sent = {one.message_id for one in gw.store.look(lambda tx: outbox.search_outbox(tx, limit=None))}
        self.forgotten[code] = {key for key in self.touched[code] if self.arrived(code, key) and key not in sent}
        await self.compare([pair for pair in self.pairs() if code in pair])
        self.awake.add(code)

    async def something_is_sent(self, code: str) -> None:
        """To and from whoever will have lost it."""
        others = [one for one in self.codes[:BUSY] if one not in (code, *self.world.wire.down)]
        other = self.chance.choice(others)
        for sender, recipient in ((code, other), (other, code)):
            gw = self.house(sender)
            send_notices(gw, [notice(sender, recipient, now=gw.now())], "olive")
            self.awake.add(sender)

    def arrived(self, sender: str, message_id: MessageId) -> bool:
        """Does anybody have this message of that sender?"""
        partners = {to for origin, to in self.world.wire.went if origin == sender}
        return any(
            item.message_id == message_id
            for code in partners
            for item in came(self.house(code))
            if item.sender == sender
        )

    def live(self) -> bool:
        return any(self.waits(code) for code in self.codes)

    def waits(self, code: str) -> list[Owed]:
        """What this authority still waits for, or has to decide, about notices of its own."""
        owed = reconcile.list_owed(self.house(code))
        return [one for one in owed if one.owed_by == "them" or one.missing is Missing.DECISION]


def came(gw: Gateway) -> list[inbox.InboxItem]:
    return gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now() + A_WEEK, limit=100_000))


def standings(gw: Gateway) -> dict[MessageId, str]:
    sent = gw.store.look(lambda tx: outbox.search_outbox(tx, limit=None))
    return {one.message_id: one.state.value for one in sent} | {one.message_id: one.state.value for one in came(gw)}


def entries(gw: Gateway, act: str) -> list[LoggedEntry]:
    return list(gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act=act, limit=100_000)))


@pytest.fixture
def year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Year]:
    monkeypatch.setattr("gateway.exchange.deliver.random", Random(5))
    world = World(tmp_path, now=FIRST)
    chance = Random(333)
    names = dict(codes.get_labels("authorities_live"))
    world.skew = {code: timedelta(seconds=chance.randint(-140, 140)) for code in names}
    world.settle_all(names)
    world.wire.lost = world.wire.unanswered = 0.1
    yield Year(world, chance)
    world.close()


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_after_a_school_year_every_notice_has_ended_and_what_is_reported_is_what_happened(year: Year) -> None:
    restores = {FIRST + A_DAY * days: code for code, days in RESTORED}
    while year.world.now < LAST:
        if code := restores.pop(year.world.now, None):
            await year.restore(code)
        else:
            await year.step(quiet=False)
    for _ in range(QUIET_WEEKS):
        year.world.wire.down.clear()
        for _ in range(28):
            await year.step(quiet=True)
        if not year.live():
            break

    assert not restores
    sent = {code: year.house(code).store.look(lambda tx: outbox.search_outbox(tx, limit=None)) for code in year.codes}
    notices = [one for those in sent.values() for one in those if one.kind in OPENS_A_CASE]
    assert len(notices) > 300
    assert {one.state for one in notices} == set(ENDS)
    replies = [one for those in sent.values() for one in those if one.kind not in OPENS_A_CASE]
    assert {one.state for one in replies if one.kind != "Reminder"} == {DeliveryState.RECEIVED}
    # To whom was down for long, nobody asks twice.
    assert {one.state for one in replies} <= {
        DeliveryState.RECEIVED,
        DeliveryState.FAILED,
    }
    assert [duty for code in year.codes for duty in year.waits(code)] == []
    ended = {one.message_id for one in notices} | set().union(*year.forgotten.values())
    owed_by_the_silent = {duty.message_id for code in year.codes for duty in reconcile.list_owed(year.house(code))}
    # Their senders rang, and closed them, or forgot them.
    assert owed_by_the_silent <= ended

    here_too = {code: {(item.sender, item.message_id) for item in came(year.house(code))} for code in year.codes}
    lost = [
        one.message_id
        for code, those in sent.items()
        for one in those
        if one.state in HAVE_IT and (code, one.message_id) not in here_too[one.recipient]
    ]
    assert lost == []

    touched = set().union(*year.touched.values())
    reported = {code: {one.about for one in entries(year.house(code), "statement.difference")} for code in year.codes}
    assert {about for those in reported.values() for about in those} - touched == set()
    for code, _ in RESTORED:
        assert year.forgotten[code]
        assert year.forgotten[code] <= reported[code]
    assert year.alarms == {code for code, _ in RESTORED}
    for code in year.codes:
        assert (
            year.house(code).store.look(partial(audit.verify_log, trust=year.world.trust, authority=code)).faults == ()
        )
