"""Every code that a person may meet has a label, and the label says what really happened."""

import pytest

from gateway.core import audit_sentences, audit_sentences_en, labels, labels_en
from gateway.core.audit_sentences_en import BEFORE, SENTENCES
from gateway.core.checkpoint_rules import LogContradiction
from gateway.core.delivery import DeliveryState
from gateway.core.duties import DutyStep, Missing
from gateway.core.findings import FindingLevel
from gateway.core.inbox_state import InboxState
from gateway.core.mail_replies import Judgement, MailReplyKind
from gateway.core.match_state import MatchState
from gateway.core.open_actions import CaseAction
from gateway.core.permissions import Role, Scope
from gateway.core.replies import Misfit
from gateway.core.search_status import AnswerState
from gateway.core.statement_diff import DifferenceKind
from gateway.core.transfer_stage import TransferStage
from gateway.core.webhook_events import WebhookEvent
from gateway.exchange.statements import ASKED_FOR, FOR_A_PERSON, SENT_AGAIN
from schemas import codes
from schemas.message import KINDS, RESTRICTIONS, MessageKind


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_and_every_state_of_it_has_a_label(kind: MessageKind) -> None:
    assert labels.name_kind(kind) != kind or kind in ("Acknowledgement", "Outcome", "Withdrawal", "Reminder")
    for state in DeliveryState:
        assert labels.build_status("sent", kind, state).tag in {text.tag for text in labels_en.STATUSES.values()}
    for standing in InboxState:
        assert labels.build_status("came", kind, standing).tag in {text.tag for text in labels_en.STATUSES.values()}


def test_every_other_code_has_a_label() -> None:
    for missing in Missing:
        assert labels.name_missing(missing)
    for step in DutyStep:
        assert labels.name_step(step)
    for role in Role:
        assert labels.name_role(role) != role
    for answering in AnswerState:
        assert labels.build_answering(answering).tag
    for what in (*MailReplyKind, *Judgement):
        assert labels.name_mail_reply(what)
    for misfit in Misfit:
        assert labels.explain_misfit(misfit)
    assert set(labels_en.ACTS) <= set(SENTENCES) | set(BEFORE)
    assert {key.split("/")[0] for key in labels_en.AUDIT_CODES} <= set(SENTENCES)
    assert set(labels_en.ROLE_HINTS) == set(Role)
    assert set(labels_en.SCOPES) == set(Scope)
    assert set(labels_en.EVENTS) == set(WebhookEvent)
    assert set(labels_en.LEVELS) == set(FindingLevel)
    assert set(labels_en.DIFFERENCES) == set(DifferenceKind)
    assert set(labels_en.IMPORTS) == set(TransferStage)
    assert set(labels_en.REMEDIES) == {SENT_AGAIN, ASKED_FOR, FOR_A_PERSON}
    assert set(DutyStep) < set(labels_en.NEXT_STEPS)
    assert set(labels_en.CONTRADICTIONS) == set(LogContradiction)
    assert set(labels_en.WITHOUT_MATCHES) < set(MatchState)
    assert set(audit_sentences_en.KINDS) == set(audit_sentences.KINDS)
    assert {action.split("/")[0] for action in labels_en.ACTIONS} == set(CaseAction)
    assert set(labels_en.EVENTS_IN_FULL) == set(WebhookEvent)
    assert set(labels_en.RESTRICTION_WARNINGS) == set(labels_en.RESTRICTIONS) == set(RESTRICTIONS)
    assert set(labels_en.LETTERS) < set(KINDS)
    assert set(labels_en.SEARCH_CALLS) == set(codes.get_labels("whereabouts_results"))
    assert set(labels_en.TRIES) < set(labels_en.LAST_TRIES)


@pytest.mark.parametrize(
    ("state", "cause", "sealed", "tag", "colour"),
    [
        ("acknowledged", None, True, "Accepted", "green"),
        ("accepted-by-mail", None, False, "Accepted by email", "yellow"),
        ("passed-on", "referred:336", True, "Redirect needed", "red"),
        ("received", None, True, "Delivered", "blue"),
        ("sent", None, False, "Sent", "blue"),
        ("concluded", "outcome:in-education", True, "Outcome received", "grey"),
        ("concluded", "outcome:not-found-at-address", True, "Outcome received: child not found", "red"),
        ("concluded", "answer:found", True, "Known to them", "yellow"),
        ("concluded", "ended:manager-decision", True, "Search ended", "grey"),
        ("concluded", None, True, "Outcome received", "grey"),
        ("closed", "accepted", True, "Closed without outcome", "grey"),
        ("closed", "told:in-education", True, "Closed: told by phone", "grey"),
        ("closed", "told:not-found-at-address", True, "Told by phone: child not found", "red"),
        ("closed", "redirected:336", True, "Redirected", "grey"),
        ("rejected", "officer:not-our-area", True, "Rejected by officer", "red"),
        ("rejected", "gateway", True, "Refused by gateway", "red"),
        ("rejected", "email", False, "Not accepted, by email", "red"),
        ("rejected", None, True, "Rejected", "red"),
        ("withdrawn", None, True, "Withdrawn", "grey"),
        ("withdrawn", "replaced", True, "Replaced", "grey"),
    ],
)
def test_what_happened_to_a_transfer_notice_of_ours_can_be_told_apart(
    state: str, cause: str | None, sealed: bool, tag: str, colour: str
) -> None:
    status = labels.build_status(
        "sent", "TransferNotice", DeliveryState(state), cause=cause, sealed=sealed, partner="885"
    )
    assert (status.tag, status.colour) == (tag, colour)
    assert "{" not in status.line


def test_the_line_under_a_status_names_who_and_what() -> None:
    told = labels.build_status("sent", "TransferNotice", DeliveryState.PASSED_ON, cause="referred:336", partner="885")
    assert told.line == ("Worcestershire says Wolverhampton is responsible. Nothing has been sent to Wolverhampton.")
    silent = labels.build_status("sent", "TransferNotice", DeliveryState.PASSED_ON, cause="referred", partner="885")
    assert silent.line.startswith("Worcestershire says another authority is responsible.")


def test_an_acknowledged_search_does_not_read_as_an_accepted_case() -> None:
    status = labels.build_status("sent", "WhereaboutsUnknownNotice", DeliveryState.ACKNOWLEDGED, partner="885")
    assert (status.tag, status.colour) == ("Acknowledged", "blue")
    assert "does not mean they know the child" in status.line


def test_every_colour_and_every_code_belongs_to_a_text() -> None:
    assert set(labels.COLOURS) <= set(labels_en.STATUSES)
    assert set(labels.ANSWERING_COLOURS) <= set(labels_en.ANSWERING) == set(AnswerState)
    assert labels.name_code("decisions", "passed-on") == codes.get_labels("decisions")["passed-on"]
    assert labels.name_authority_in_full("333") == "Sandwell (333)"


def test_an_act_of_the_timeline_names_its_message() -> None:
    assert (
        labels.describe_act("message.kept", "TransferNotice", "885") == "Transfer notice received from Worcestershire"
    )
    assert labels.describe_act("receipt.verified", "Acknowledgement", "885").startswith("Acknowledgement delivered")
    assert (
        labels.describe_try("later", "https", "Outcome")
        == "Outcome could not be delivered by HTTPS. The gateway will try again."
    )


def test_a_code_in_the_detail_of_an_entry_is_named_and_what_has_no_label_stays() -> None:
    assert labels.name_audit_code("person.refused", "why", "password") == "wrong password"
    assert labels.name_audit_code("person.added", "roles", "cme_officer admin") == "CME officer, administrator"
    assert labels.name_audit_code("case.closed", "ground", "handed over by telephone") == "handed over by phone"
    assert labels.name_audit_code("person.refused", "why", "sign-in.denied") == "sign-in.denied"
    assert labels.name_audit_code("notice.queued", "note", "as it is") == "as it is"


def test_the_last_try_is_told_with_its_route() -> None:
    assert labels.describe_last_try("https: receipted") == "Delivered by HTTPS"
    assert labels.describe_last_try("mailbox: later") == "Could not be delivered by mailbox"
    assert labels.describe_last_try("not tried yet") == "Not tried yet"


def test_a_check_of_health_is_named_with_the_authority_or_the_route_that_it_is_about() -> None:
    assert labels.name_check("delivery to 885") == "Delivery to Worcestershire (885)"
    assert labels.name_check("route mailbox to 885") == "Mailbox route to Worcestershire (885)"
    assert labels.name_check("left at our mailbox route") == "Not processed on the mailbox route of this authority"
    assert labels.name_check("left in ONE's folder") == "Not processed: Folder for leavers from ONE"
    assert labels.name_check("no such check") == "no such check"


@pytest.mark.parametrize("action", CaseAction)
@pytest.mark.parametrize("kind", KINDS)
def test_every_act_on_a_notice_has_its_words_for_every_kind(action: CaseAction, kind: MessageKind) -> None:
    said = labels.describe_action(action, kind, "885", "336")
    assert said.title
    assert "{" not in said.title + said.button + said.lead + said.done


def test_an_act_is_called_after_the_kind_of_its_notice() -> None:
    outcome, answer = (labels.describe_action("told", kind) for kind in ("TransferNotice", "WhereaboutsEnquiry"))
    assert "closes the case" in outcome.lead
    assert "closes the case" not in answer.lead
    assert labels.describe_action("correct", "WhereaboutsEnquiry").title.endswith(labels_en.ENQUIRY)
    assert labels.describe_action("correct", "TransferNotice").title.endswith(labels_en.NOTICE)


def test_what_is_due_is_marked_only_once_it_is_late() -> None:
    assert labels.describe_duty("outcome", "3 May", late=False)[0] == ""
    assert labels.describe_duty("outcome", "3 May", late=True)[0] == labels_en.OVERDUE_MARK
    for missing in Missing:
        for late in (False, True):
            assert "3 May" in labels.describe_duty(missing, "3 May", late=late)[1]


@pytest.mark.parametrize(
    ("way", "says"),
    [
        ("in-education", "the child is found"),
        ("left-country", "the child is found"),
        ("manager-decision", "the search has ended: manager's decision"),
    ],
)
def test_why_a_search_ended_is_said_as_it_was_stored_from_the_beginning(way: str, says: str) -> None:
    assert labels.explain_search_end(way) == says
