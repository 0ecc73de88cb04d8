"""Who works at each authority: some answer within the day, some once they are reminded, some never."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from gateway.auditing import witness
from gateway.casework import by_hand
from gateway.casework.by_hand import PhoneCall
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.duties import DutyStep, Missing
from gateway.core.inbox_state import WAITING, InboxState
from gateway.exchange import respond
from gateway.exchange.release import release_all
from gateway.exchange.send_on import send_notice_on
from gateway.exchange.withdraw import withdraw_notice
from gateway.reconciliation.reconcile import Owed
from gateway.store import inbox, partner_checkpoints
from gateway.store.inbox import InboxItem
from schemas.message import Acknowledgement, Outcome, WhereaboutsResponse, Withdrawal

PROMPT, SLOW, SILENT = "prompt", "slow", "silent"
# By which whoever answers at all has found out what became of a child.
LONGEST_LOOK = timedelta(days=30)


def temper(number: int) -> str:
    """Of the officers of the so-manieth authority: one in ten never answers, two in ten only when they are reminded."""
    return SILENT if number % 10 == 9 else SLOW if number % 10 in (3, 6) else PROMPT


@dataclass(frozen=True)
class Morning:
    """Did anything go out, and is there more to do tomorrow, even if nothing comes until then?"""

    went: bool = False
    more: bool = False


def answer(gw: Gateway, how: str, chance: Random, others: list[str]) -> Morning:
    """Do what one would do this morning with what came."""
    if how == SILENT:
        return Morning()
    waiting = gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now(), inbox.InboxQuery(states=WAITING), limit=1000))
    if not waiting:
        return Morning()
    reminded = gw.store.look(lambda tx: inbox.list_last_reminders(tx, [one.message_id for one in waiting]))
    went = False
    for item in waiting:
        if item.kind == "WhereaboutsUnknownNotice":
            continue
        asked = (item.sender, item.message_id) in reminded
        if asked or (how == PROMPT and chance.random() < 0.5):
            _answer(gw, item, chance, others)
            went = True
    return Morning(went, more=went or how == PROMPT)


def _answer(gw: Gateway, item: InboxItem, chance: Random, others: list[str]) -> None:
    officer = gw.build_officer("Otto Invented")
    if item.kind == "WhereaboutsEnquiry":
        respond.answer_search(
            gw, item.message_id, WhereaboutsResponse(result="no-trace", answered_by="officer"), "otto"
        )
    elif item.state is InboxState.ACKNOWLEDGED:
        body = Outcome(result="in-education", confirmed_on=gw.now().date(), officer=officer)
        respond.send_outcome(gw, item.message_id, body, "otto")
    else:
        luck = chance.random()
        said = Acknowledgement(decision="accepted", officer=officer)
        if luck < 0.08:
            said = Acknowledgement(decision="rejected", reason="not-our-area", officer=officer)
        elif luck < 0.16:
            to = chance.choice([code for code in others if code not in (gw.code, item.sender)])
            said = Acknowledgement(decision="passed-on", passed_to=to, officer=officer)
        respond.acknowledge_notice(gw, item.message_id, said, "otto")


def follow_up(gw: Gateway, owed: Sequence[Owed], chance: Random, others: list[str]) -> bool:
    """Decide what waits for a decision of ours, and ring whoever is for the service manager; did anything go out?"""
    went = False
    for one in owed:
        if one.missing is Missing.DECISION:
            went |= _decide(gw, one, chance, others)
        elif one.owed_by == "them" and one.step is DutyStep.ESCALATE:
            _ring(gw, one)
    return went


def _decide(gw: Gateway, one: Owed, chance: Random, others: list[str]) -> bool:
    if one.kind not in ("TransferNotice", "WhereaboutsEnquiry") or one.state == DeliveryState.FAILED:
        release_all(gw, one.partner, "olive")
        return True
    if one.kind == "TransferNotice" and one.state == DeliveryState.PASSED_ON:
        to = chance.choice([code for code in others if code not in (gw.code, one.partner)])
        send_notice_on(gw, one.message_id, to, "olive")
        return True
    body = Withdrawal(reason="sent-in-error", officer=gw.build_officer("Olive Invented"))
    return withdraw_notice(gw, one.message_id, body, "olive") is not None


def _ring(gw: Gateway, one: Owed) -> None:
    call = PhoneCall("Otto Invented", gw.now())
    if one.kind == "TransferNotice":
        if not one.handed_over_at:
            by_hand.record_handover(gw, one.message_id, call, "olive")
        by_hand.close_notice(gw, one.message_id, "olive")
    elif one.kind == "WhereaboutsEnquiry":
        by_hand.record_outcome(gw, one.message_id, "no-trace", call, "olive")


def clear_alarms(gw: Gateway) -> list[str]:
    """Ring whoever's log does not hold, and accept that it began anew: whose they were."""
    alarms = gw.store.look(partner_checkpoints.list_alarms)
    for one in alarms:
        witness.accept_new_log(gw, one.authority, by="olive")
    return [one.authority for one in alarms]
