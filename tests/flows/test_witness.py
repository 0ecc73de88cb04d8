"""Each authority watches the other's audit log: what only grows is checked in silence, what does not is an alarm."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.https import Https
from adapters.route import NotReached, PartnerAnswer, RouteAddress
from gateway import app
from gateway.auditing import audit, witness
from gateway.context import SYSTEM, Gateway
from gateway.core.checkpoint_rules import GRACE, BroughtCheckpoint, LogContradiction
from gateway.core.delivery import DeliveryState
from gateway.errors import NotFound
from gateway.exchange.send import send_notices
from gateway.monitoring import doctor
from gateway.store import audit_log, partner_checkpoints
from gateway.store.audit_log import AuditEntry
from gateway.store.partner_checkpoints import CheckpointSummary
from keys import note
from tests.children import notice
from tests.flows.test_bad_input import command
from tests.flows.test_exchange import state, until

Pair = tuple[Gateway, Gateway]


def summary(gw: Gateway, partner: str) -> CheckpointSummary:
    found = gw.store.look(lambda tx: partner_checkpoints.summarise_checkpoints(tx, partner))
    assert found is not None
    return found


def alarms(gw: Gateway) -> list[LogContradiction]:
    return [one.alarm for one in gw.store.look(partner_checkpoints.list_alarms)]


def see(gw: Gateway, there: Gateway, *notes: str) -> None:
    """These checkpoints come in receipts that were made now."""
    brought = [BroughtCheckpoint(one, there.now()) for one in notes]
    gw.store.run(lambda tx: witness.witness_checkpoints(tx, gw, there.code, brought))


async def grown(there: Gateway) -> str:
    """Their log has one entry more: its checkpoint."""
    made = await audit.sign_checkpoint(there, AuditEntry("gateway.started", SYSTEM))
    assert made is not None
    return made


def forged(there: Gateway, size: int, root: bytes) -> str:
    return note.sign_checkpoint(origin=note.origin_of(there.code), size=size, root=root, ring=there.ring)


async def test_what_only_grew_is_proved_step_by_step(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        for _ in range(3):
            [sent] = send_notices(sandwell, [notice()], by="olive")
            await until(lambda sent=sent: state(sandwell, sent) is DeliveryState.RECEIVED)  # type: ignore[misc]
            await grown(worcestershire)
        first = summary(sandwell, "885")
        assert first.checked < first.size
        await witness.check_partner_log(sandwell, "885")
    after = summary(sandwell, "885")
    assert after.checked == after.size > 0
    assert alarms(sandwell) == []


async def test_two_logs_of_one_length_are_an_alarm_at_once(pair: Pair) -> None:
    sandwell, worcestershire = pair
    honest = await grown(worcestershire)
    size = int(honest.split("\n")[1])
    other = forged(worcestershire, size, b"\1" * 32)
    see(sandwell, worcestershire, honest)
    see(sandwell, worcestershire, other)
    [alarm] = sandwell.store.look(partner_checkpoints.list_alarms)
    assert (alarm.alarm, alarm.note, alarm.against) == (LogContradiction.FORK, other, honest)
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="witness.alarm"))
    assert entry.partner == "885"
    assert json.loads(entry.entry)["detail"] == {"alarm": "fork", "before": size, "seen": size}


async def test_a_log_that_got_shorter_is_an_alarm_but_one_that_came_late_is_not(pair: Pair) -> None:
    sandwell, worcestershire = pair
    short, long = await grown(worcestershire), await grown(worcestershire)
    see(sandwell, worcestershire, long)
    see(sandwell, worcestershire, short)
    assert alarms(sandwell) == []
    clock = worcestershire.now
    worcestershire.now = lambda: clock() + GRACE + timedelta(minutes=1)
    see(sandwell, worcestershire, short)
    assert alarms(sandwell) == [LogContradiction.ROLLBACK]


async def test_a_log_whose_past_was_rewritten_cannot_prove_that_it_grew(pair: Pair) -> None:
    sandwell, worcestershire = pair
    await grown(worcestershire)
    size = worcestershire.store.look(audit_log.get_tree_head).size
    # What it showed us was another log.
    see(sandwell, worcestershire, forged(worcestershire, size, b"\1" * 32))
    see(sandwell, worcestershire, await grown(worcestershire))
    async with app.run_gateway(worcestershire):
        await witness.check_partner_log(sandwell, "885")
    assert alarms(sandwell) == [LogContradiction.NO_PROOF]
    await sandwell.carriers["https"].close()


async def test_a_log_that_is_shorter_than_it_said_cannot_prove_it(pair: Pair) -> None:
    sandwell, worcestershire = pair
    see(sandwell, worcestershire, await grown(worcestershire))
    see(sandwell, worcestershire, forged(worcestershire, 500, b"\1" * 32))
    async with app.run_gateway(worcestershire):
        await witness.check_partner_log(sandwell, "885")
    assert alarms(sandwell) == [LogContradiction.NO_PROOF]
    await sandwell.carriers["https"].close()


class Answers(Https):
    """The carrier itself, but what is answered is made up."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__()
        self.answer = PartnerAnswer(status, body, {})

    async def ask(self, address: RouteAddress, question: str, most: int) -> PartnerAnswer:
        return self.answer


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"nonsense", b'{"proof": [7]}', b'{"proof": ["AAAA"]}', b'{"proof": []}', b"[" * 9999]
)
async def test_an_answer_that_proves_nothing_is_an_alarm(pair: Pair, body: bytes) -> None:
    sandwell, worcestershire = pair
    see(sandwell, worcestershire, await grown(worcestershire), await grown(worcestershire))
    sandwell.carriers = {"https": Answers(200, body)}
    await witness.check_partner_log(sandwell, "885")
    assert alarms(sandwell) == [LogContradiction.NO_PROOF]


@pytest.mark.parametrize("status", [401, 404, 429, 500])
async def test_a_partner_that_cannot_answer_now_is_asked_another_time(pair: Pair, status: int) -> None:
    sandwell, worcestershire = pair
    see(sandwell, worcestershire, await grown(worcestershire), await grown(worcestershire))
    sandwell.carriers = {"https": Answers(status, b"")}
    with pytest.raises(NotReached):
        await witness.check_partner_log(sandwell, "885")
    assert alarms(sandwell) == []
    assert summary(sandwell, "885").checked < summary(sandwell, "885").size


async def test_a_checkpoint_that_is_not_theirs_counts_for_nothing(pair: Pair) -> None:
    sandwell, worcestershire = pair
    see(sandwell, worcestershire, await grown(sandwell), "nonsense")
    assert sandwell.store.look(lambda tx: partner_checkpoints.summarise_checkpoints(tx, "885")) is None
    assert alarms(sandwell) == []


async def test_an_alarm_is_shown_with_whom_to_ring_until_a_person_accepts_it(pair: Pair) -> None:
    sandwell, worcestershire = pair
    honest = await grown(worcestershire)
    see(sandwell, worcestershire, honest)
    see(sandwell, worcestershire, forged(worcestershire, int(honest.split("\n")[1]), b"\1" * 32))
    home = sandwell.config.home
    [check] = [one for one in doctor.run_checks(sandwell) if one.name == "audit log of 885"]
    assert check.result == "fail"
    assert "01632 960101" in check.detail
    assert "restored a backup" in check.detail
    shown = command(home, "audit", "witness", "--json")
    assert shown.returncode == 1
    assert json.loads(shown.stdout)["alarms"][0]["alarm"] == "fork"

    assert command(home, "audit", "accept", "885", "--by", "ines").returncode == 0
    assert alarms(sandwell) == []
    assert command(home, "audit", "witness").returncode == 0
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="witness.accepted"))
    assert (entry.actor, entry.partner) == ("ines", "885")
    # In a receipt that was made before: it came late.
    see(sandwell, worcestershire, honest)
    with pytest.raises(NotFound):
        witness.accept_new_log(sandwell, "885", by="ines")
    clock = worcestershire.now
    worcestershire.now = lambda: clock() + timedelta(seconds=2)
    see(sandwell, worcestershire, honest)
    assert summary(sandwell, "885").checked == int(honest.split("\n")[1])


async def test_proofs_are_given_to_partners_only(pair: Pair) -> None:
    sandwell, worcestershire = pair
    await grown(worcestershire)
    asker, address = witness.find_way_to_ask(sandwell, "885")
    async with app.run_gateway(worcestershire):

        async def status(question: str, to: RouteAddress = address) -> int:
            return (await asker.ask(to, f"/log/consistency{question}", 9999)).status

        assert await status("?from=1&to=2") == 200
        assert await status("?from=1&to=2", replace(address, bearer=lambda: "nobody")) == 401
        assert await status("?from=2&to=1") == 404
        assert await status("?from=0&to=1") == 404
        assert await status("?from=1&to=999999999999999") == 404
        for wrong in ("", "?from=1", "?from=-1&to=2", "?from=1&to=1.5", "?from=1&to=9999999999999999"):
            assert await status(wrong) == 400
    await sandwell.carriers["https"].close()


async def test_proofs_count_against_what_a_partner_may_send(pair: Pair) -> None:
    sandwell, worcestershire = pair
    await grown(worcestershire)
    asker, address = witness.find_way_to_ask(sandwell, "885")
    limits = replace(worcestershire.config.limits, messages_per_minute=2)
    worcestershire.config = replace(worcestershire.config, limits=limits)
    async with app.run_gateway(worcestershire):
        answers = [await asker.ask(address, "/log/consistency?from=1&to=2", 9999) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    await sandwell.carriers["https"].close()
