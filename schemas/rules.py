"""What a message must mean, beyond its shape. One rule, one function, one sentence that an officer understands.

Sender and receiver run the same rules over the same message, so an error is a thing on which both agree. `README.md`
holds the table; a test holds it to this module, and every rule to a sample that breaks it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

from schemas import codes
from schemas.findings import Finding
from schemas.identifiers import is_upn
from schemas.message import (
    Acknowledgement,
    Address,
    Child,
    Enquiry,
    LocatedNotice,
    LookedAfter,
    Message,
    Outcome,
    Sibling,
    TransferNotice,
    WhereaboutsEnquiry,
    WhereaboutsResponse,
    WhereaboutsUnknownNotice,
)

# Gives the path of each element that breaks the rule.
Test = Callable[[Message, date], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with its code, what follows from breaking it, and how it is said.

    In the sentence, `{restriction}` stands for the restriction that the notice has.
    """

    code: str
    level: Literal["error", "warning"]
    sentence: str
    breaks: Test


RULES: list[Rule] = []
# Years: born before that is a slip of the pen.
OLDEST = 150
REPLIES = ("WhereaboutsResponse", "Acknowledgement", "Outcome", "Withdrawal", "Reminder")


def _rule(code: str, level: Literal["error", "warning"], sentence: str) -> Callable[[Test], Test]:
    def register(test: Test) -> Test:
        RULES.append(Rule(code, level, sentence, test))
        return test

    return register


def build_sentence(sentence: str, message: Message) -> str:
    """Return the sentence of a rule with the restriction that the message has, where it names it."""
    restriction = codes.get_labels("restriction_levels")[message.restriction].partition(":")[0]
    return sentence.replace("{restriction}", restriction)


def check(message: Message, *, today: date) -> list[Finding]:
    """Return everything that the rules find, in their order.

    Args:
        message: has passed the XSD.
        today: the date of whoever asks: of the sender before it sends, of the receiver when it has come.
    """
    findings = (
        Finding(r.code, r.level, path, build_sentence(r.sentence, message))
        for r in RULES
        for path in r.breaks(message, today)
    )
    # Two children of a list break a rule at the same path: said once.
    return list(dict.fromkeys(findings))


def list_errors(findings: Sequence[Finding]) -> list[Finding]:
    """List those that refuse the message. The others are warnings."""
    return [finding for finding in findings if finding.level == "error"]


def _body(message: Message, *steps: str) -> str:
    return "/".join(("Message", message.kind, *steps))


@_rule("authority.same", "error", "The sender and the recipient are the same authority.")
def _same(message: Message, today: date) -> Iterator[str]:
    if message.header.sender.authority == message.header.recipient.authority:
        yield "Message/Header/Recipient/Authority"


@_rule("authority.unknown", "error", "No local authority has this DfE code.")
def _unknown(message: Message, today: date) -> Iterator[str]:
    for name, party in (("Sender", message.header.sender), ("Recipient", message.header.recipient)):
        if codes.authority_name(party.authority) is None:
            yield f"Message/Header/{name}/Authority"


@_rule("authority.ended", "error", "This authority no longer exists. Send the notice to its successor.")
def _ended(message: Message, today: date) -> Iterator[str]:
    code = message.header.recipient.authority
    if codes.authority_name(code) and not codes.is_live(code):
        yield "Message/Header/Recipient/Authority"


@_rule("header.supersedes-itself", "error", "A correction cannot replace itself.")
def _supersedes(message: Message, today: date) -> Iterator[str]:
    if message.header.supersedes == message.header.message_id:
        yield "Message/Header/Supersedes"


@_rule("header.reply-to-nothing", "error", "A reply must name the message it answers in InReplyTo.")
def _reply(message: Message, today: date) -> Iterator[str]:
    if message.kind in REPLIES and message.header.in_reply_to is None:
        yield "Message/Header"


@_rule(
    "upn.check-letter",
    "error",
    "The UPN is not valid: the first letter does not match the other characters. Check it with the school.",
)
def _upn(message: Message, today: date) -> Iterator[str]:
    for child in message.list_all(Child):
        if child.upn and not is_upn(child.upn):
            yield _body(message, "Child", "UPN")
        if not all(is_upn(upn) for upn in child.former_upn):
            yield _body(message, "Child", "FormerUPN")
    if not all(is_upn(sibling.upn) for sibling in message.list_all(Sibling) if sibling.upn):
        yield _body(message, "Sibling", "UPN")


@_rule("upn.no-reason", "error", "Enter a UPN, or the reason why there is none.")
def _no_upn(message: Message, today: date) -> Iterator[str]:
    child = _child(message)
    if child and (child.upn is None) == (child.upn_unknown is None):
        yield _body(message, "Child")


@_rule("upn.temporary", "warning", "This is a temporary UPN. Check if the child now has a permanent one.")
def _temporary(message: Message, today: date) -> Iterator[str]:
    child = _child(message)
    if child and child.upn and child.upn[-1].isalpha():
        yield _body(message, "Child", "UPN")


@_rule("upn.authority", "warning", "No known authority allocated this UPN. Check it with the school.")
def _upn_authority(message: Message, today: date) -> Iterator[str]:
    child = _child(message)
    if child and child.upn and codes.authority_name(child.upn[1:4]) is None:
        yield _body(message, "Child", "UPN")


@_rule("dob.future", "error", "Date of birth must be in the past.")
def _future_dob(message: Message, today: date) -> Iterator[str]:
    for name, dob in _births(message):
        if dob > today:
            yield _body(message, name, "DOB")


@_rule("dob.implausible", "error", "Date of birth must be less than 150 years ago.")
def _old_dob(message: Message, today: date) -> Iterator[str]:
    for name, dob in _births(message):
        if today.year - dob.year > OLDEST:
            yield _body(message, name, "DOB")


@_rule("age.not-compulsory", "warning", "The child is not of compulsory school age (5 to 16).")
def _age(message: Message, today: date) -> Iterator[str]:
    child = _child(message)
    if child and child.dob <= today:
        age = today.year - child.dob.year - ((today.month, today.day) < (child.dob.month, child.dob.day))
        if not 5 <= age <= 16:
            yield _body(message, "Child", "DOB")


@_rule(
    "restriction.no-reason",
    "error",
    "Enter the reason for the restriction, who decided it, and its review date.",
)
def _restriction_reason(message: Message, today: date) -> Iterator[str]:
    restriction = getattr(message.body, "restriction", None)
    if (
        restriction
        and restriction.level != "none"
        and not (restriction.reason and restriction.decided_by and restriction.review_on)
    ):
        yield _body(message, "Restriction")


# What no notice holds about a restricted child, and its elements.
WITHHELD = {
    "destination_address": "DestinationAddress",
    "previous_address": "PreviousAddress",
    "destination_school": "DestinationSchool",
    "school": "School",
    "contact": "Contact",
}


@_rule(
    "restriction.address",
    "error",
    "{restriction}: this notice includes an address, school or contact. Remove it before you send.",
)
def _restricted_address(message: Message, today: date) -> Iterator[str]:
    body = message.body
    if message.restriction == "none" or not isinstance(
        body, TransferNotice | WhereaboutsEnquiry | WhereaboutsUnknownNotice
    ):
        return
    for part, name in WITHHELD.items():
        if getattr(body, part, None):
            yield _body(message, name)


@_rule(
    "restriction.phone-only",
    "error",
    "Phone only: this notice includes details about the child. Give only who to call.",
)
def _phone_only(message: Message, today: date) -> Iterator[str]:
    if message.restriction != "phone-only":
        return
    for part, name in (
        ("child", "Child"),
        ("sibling", "Sibling"),
        ("needs", "Needs"),
        ("enquiry", "Enquiry"),
        ("note", "Note"),
    ):
        if getattr(message.body, part, None):
            yield _body(message, name)


@_rule("restriction.broadcast", "error", "You can ask only one authority about a child with a restriction.")
def _broadcast(message: Message, today: date) -> Iterator[str]:
    if (
        isinstance(message.body, WhereaboutsEnquiry)
        and message.restriction != "none"
        and message.body.circulation != "named"
    ):
        yield _body(message, "Circulation")


@_rule("child.absent", "error", "Enter the child's details. Only a phone only notice can leave them out.")
def _child_absent(message: Message, today: date) -> Iterator[str]:
    if isinstance(message.body, TransferNotice) and message.body.child is None and message.restriction != "phone-only":
        yield _body(message)


@_rule("unknown.no-enquiries", "error", "Add the reasonable enquiries that were made.")
def _no_enquiries(message: Message, today: date) -> Iterator[str]:
    if isinstance(message.body, WhereaboutsUnknownNotice) and not message.body.enquiry:
        yield _body(message)


@_rule("unknown.enquiry-open", "error", "An enquiry is still waiting for a reply. Enter its result before you send.")
def _open_enquiry(message: Message, today: date) -> Iterator[str]:
    if isinstance(message.body, WhereaboutsUnknownNotice):
        yield from (
            _body(message, "Enquiry", "Result")
            for enquiry in message.body.enquiry
            if enquiry.result == "awaiting-reply"
        )


@_rule(
    "unknown.incomplete",
    "error",
    "Required enquiries are missing. Add: home visit, family contacts, council records, children's social care.",
)
def _incomplete(message: Message, today: date) -> Iterator[str]:
    if isinstance(message.body, WhereaboutsUnknownNotice) and message.body.enquiry:
        needed = {row["code"] for row in codes.list_rows("enquiry_sources") if row["needed"] == "yes"}
        if needed - {enquiry.source for enquiry in message.body.enquiry}:
            yield _body(message, "Enquiry")


@_rule("enquiry.future", "error", "Date of the enquiry must be today or in the past.")
def _future_enquiry(message: Message, today: date) -> Iterator[str]:
    if any(enquiry.made_on > today for enquiry in message.list_all(Enquiry)):
        yield _body(message, "Enquiry", "MadeOn")


@_rule("response.found-by-machine", "error", "Only an officer can answer that a child is known here.")
def _found_by_machine(message: Message, today: date) -> Iterator[str]:
    if (
        isinstance(message.body, WhereaboutsResponse)
        and message.body.result == "found"
        and message.body.answered_by == "machine"
    ):
        yield _body(message, "AnsweredBy")


@_rule("response.nobody-to-ring", "error", "Enter who the other authority should call.")
def _nobody_to_ring(message: Message, today: date) -> Iterator[str]:
    if (
        isinstance(message.body, WhereaboutsResponse)
        and message.body.result != "no-trace"
        and message.body.ring is None
    ):
        yield _body(message)


@_rule("acknowledgement.no-reason", "error", "Enter the reason for rejecting the notice.")
def _no_reason(message: Message, today: date) -> Iterator[str]:
    if (
        isinstance(message.body, Acknowledgement)
        and message.body.decision == "rejected"
        and message.body.reason is None
    ):
        yield _body(message)


@_rule("acknowledgement.passed-to-nobody", "error", "Enter which authority the sender should contact.")
def _passed_on(message: Message, today: date) -> Iterator[str]:
    if (
        isinstance(message.body, Acknowledgement)
        and message.body.decision == "passed-on"
        and not message.body.passed_to
    ):
        yield _body(message)


@_rule(
    "acknowledgement.passed-to-unknown",
    "error",
    "The authority that the sender should contact does not exist, or no longer does.",
)
def _passed_to_unknown(message: Message, today: date) -> Iterator[str]:
    body = message.body
    if isinstance(body, Acknowledgement) and body.passed_to and not codes.is_live(body.passed_to):
        yield _body(message, "PassedTo")


@_rule("acknowledgement.other-unsaid", "error", "Enter the reason for rejecting the notice in the note.")
def _other_unsaid(message: Message, today: date) -> Iterator[str]:
    body = message.body
    if isinstance(body, Acknowledgement) and body.reason == "other" and not body.note:
        yield _body(message, "Reason")


@_rule("outcome.moved-to-nowhere", "error", "Enter which authority the child has moved to.")
def _moved_on(message: Message, today: date) -> Iterator[str]:
    if isinstance(message.body, Outcome) and message.body.result == "moved-on" and not message.body.moved_to:
        yield _body(message)


@_rule(
    "outcome.moved-to-unknown", "error", "The authority that the child has moved to does not exist, or no longer does."
)
def _moved_to_unknown(message: Message, today: date) -> Iterator[str]:
    if isinstance(message.body, Outcome) and message.body.moved_to and not codes.is_live(message.body.moved_to):
        yield _body(message, "MovedTo")


@_rule("outcome.future", "error", "Date the outcome was confirmed must be today or in the past.")
def _future_outcome(message: Message, today: date) -> Iterator[str]:
    if isinstance(message.body, Outcome) and message.body.confirmed_on > today:
        yield _body(message, "ConfirmedOn")


@_rule("located.future", "error", "Date the search ended must be today or in the past.")
def _future_located(message: Message, today: date) -> Iterator[str]:
    if isinstance(message.body, LocatedNotice) and message.body.located_on > today:
        yield _body(message, "LocatedOn")


@_rule(
    "ground.not-in-regulations", "error", "The regulations of that year have no ground for deletion with this letter."
)
def _ground(message: Message, today: date) -> Iterator[str]:
    ground = getattr(message.body, "ground_for_deletion", None)
    if ground and ground.letter not in codes.list_grounds(ground.regulations):
        yield _body(message, "GroundForDeletion", "Letter")


@_rule("care.no-authority", "error", "Enter which authority is responsible for the looked-after child.")
def _care(message: Message, today: date) -> Iterator[str]:
    for care in message.list_all(LookedAfter):
        if care.in_care and not care.care_authority:
            yield _body(message, "Needs", "LookedAfter")


@_rule("address.postcode", "warning", "This does not look like a postcode. Check it.")
def _postcode(message: Message, today: date) -> Iterator[str]:
    for part, name in (("destination_address", "DestinationAddress"), ("previous_address", "PreviousAddress")):
        address = getattr(message.body, part, None)
        if isinstance(address, Address) and address.post_code and not _is_postcode(address.post_code):
            yield _body(message, name, "PostCode")


@_rule("address.empty", "error", "Enter at least one line of the address.")
def _empty(message: Message, today: date) -> Iterator[str]:
    for part, name in (("destination_address", "DestinationAddress"), ("previous_address", "PreviousAddress")):
        address = getattr(message.body, part, None)
        if isinstance(address, Address) and not (address.bs7666_address or address.address_line or address.post_code):
            yield _body(message, name)


@_rule(
    "email.ended-domain",
    "error",
    "This email domain has closed, or is misspelt (GCSX, GSI). Enter the current email address.",
)
def _email(message: Message, today: date) -> Iterator[str]:
    addresses = [address for part in message.parts if (address := getattr(part, "email", None))]
    if any(address.lower().endswith(_ended_domains()) for address in addresses):
        yield _body(message)


@_rule("sibling.twice", "warning", "The same sibling is listed twice.")
def _sibling_twice(message: Message, today: date) -> Iterator[str]:
    siblings = [(sibling.surname, sibling.forename, sibling.dob) for sibling in getattr(message.body, "sibling", ())]
    if len(set(siblings)) < len(siblings):
        yield _body(message, "Sibling")


@cache
def _ended_domains() -> tuple[str, ...]:
    return tuple(before + domain for domain in codes.get_labels("ended_email_domains") for before in "@.")


def _child(message: Message) -> Child | None:
    child = getattr(message.body, "child", None)
    return child if isinstance(child, Child) else None


def _births(message: Message) -> Iterator[tuple[str, date]]:
    yield from (("Child", child.dob) for child in message.list_all(Child))
    yield from (("Sibling", sibling.dob) for sibling in message.list_all(Sibling))


def _is_postcode(text: str) -> bool:
    outward, _, inward = text.upper().rpartition(" ")
    return (
        2 <= len(outward) <= 4
        and outward[:1].isalpha()
        and len(inward) == 3
        and inward[0].isdigit()
        and inward[1:].isalpha()
    )
