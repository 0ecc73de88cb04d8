"""What case systems are told of, read off the audit log."""

from gateway.core.labels_en import ACTS
from gateway.core.message_name import MessageName
from gateway.core.webhook_events import MOVES, Happening, WebhookEvent, list_entry_events
from schemas.shapes import MessageId


def test_a_notice_that_came_is_told_of_and_so_is_what_it_answers() -> None:
    assert list_entry_events(
        "message.kept", "m2", "885", [MessageName("", MessageId("m1")), MessageName("885", MessageId("m0"))]
    ) == [
        Happening(WebhookEvent.RECEIVED, MessageId("m2"), "885"),
        Happening(WebhookEvent.STATE, MessageId("m1"), ""),
        Happening(WebhookEvent.STATE, MessageId("m0"), "885"),
    ]


def test_a_receipt_is_told_of_and_moves_its_notice() -> None:
    assert list_entry_events("receipt.verified", "m1", "885", []) == [
        Happening(WebhookEvent.RECEIPT, MessageId("m1"), ""),
        Happening(WebhookEvent.STATE, MessageId("m1"), ""),
    ]


def test_nothing_is_told_of_readings_people_or_the_gateway_itself() -> None:
    for act in ("notice.read", "person.signed-in", "client.let-in", "draft.made", "search.matched"):
        assert list_entry_events(act, "m1", "885", []) == []
    assert list_entry_events("gateway.started", None, None, []) == []


def test_every_act_that_moves_a_notice_is_one_of_its_history() -> None:
    assert set(MOVES) <= ACTS.keys()
