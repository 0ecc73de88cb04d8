"""What authorities say to each other: a header and one of nine bodies, in the Common Transfer File's words.

A message is a value: it is never changed, and knows nothing of XML, keys or time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar, cast, get_args

from schemas import layout
from schemas.shapes import (
    ULN,
    UPN,
    AuthorityCode,
    CodeList,
    Email,
    Estab,
    Line,
    Name,
    Named,
    Number,
    Paragraph,
    PostCode,
    Says,
    Telephone,
    Text,
    Uuid,
    Uuid7,
)

T = TypeVar("T")

# How far a child's data may be shared, from the weakest restriction to the strongest; the name of each body; and what
# an acknowledgement says. They are literal types, so that mypy refuses a slip in one of them also where it is compared
# (tests/structure/test_types.py).
RestrictionLevel = Literal["none", "address-withheld", "phone-only"]
MessageKind = Literal[
    "TransferNotice",
    "WhereaboutsEnquiry",
    "WhereaboutsResponse",
    "WhereaboutsUnknownNotice",
    "LocatedNotice",
    "Acknowledgement",
    "Outcome",
    "Withdrawal",
    "Reminder",
]

Decision = Literal["accepted", "passed-on", "rejected"]

RESTRICTIONS: tuple[RestrictionLevel, ...] = get_args(RestrictionLevel)
KINDS: tuple[MessageKind, ...] = get_args(MessageKind)
DECISIONS: tuple[Decision, ...] = get_args(Decision)


def find_member(text: object, members: Sequence[T]) -> T | None:
    """Return the member of a literal type that a text from outside is; None where it is none of them."""
    return next((member for member in members if member == text), None)


def read_kind(text: str) -> MessageKind:
    """Read the kind of a message.

    Raises:
        ValueError: there is no such kind.
    """
    if (kind := find_member(text, KINDS)) is None:
        raise ValueError("no kind of message")
    return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """An authority, and who there."""

    authority: AuthorityCode
    role: Annotated[str, CodeList("roles")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What every message begins with."""

    message_id: Annotated[Uuid7, Says("Names this message. Its sender never uses it for another one.")]
    case_id: Annotated[
        Uuid,
        Named("ConversationId"),
        Says("The case. Whoever opens a case chooses it; replies name the same. Nobody else adds a notice to a case."),
    ]
    in_reply_to: Annotated[
        Uuid7 | None,
        Says(
            "The MessageId of the message that this one answers, or says more about. Needed in Acknowledgement,"
            " Outcome, WhereaboutsResponse, Withdrawal and Reminder. A LocatedNotice without it ends all its sender's"
            " searches in the case."
        ),
    ] = None
    supersedes: Annotated[
        Uuid7 | None,
        Says(
            "The MessageId that this one, a correction, replaces: by the same sender, in the same case, of the same"
            " kind."
        ),
    ] = None
    sequence: Annotated[
        int,
        Number(1, 1_000_000),
        Says(
            "Counts the sender's messages to this recipient in this case, from 1. It says only that an earlier one is"
            " missing, and which of two acknowledgements with one CreatedAt is the later. None is refused because it is"
            " low."
        ),
    ]
    sender: Party
    recipient: Party
    created_at: Annotated[
        datetime,
        Says(
            "When it was written. Of two acknowledgements of one message the later counts; an Outcome or an answer"
            " ends it."
        ),
    ]
    marking: Annotated[str, CodeList("markings")] = "OFFICIAL-SENSITIVE"
    legal_basis: Annotated[str, CodeList("legal_bases")]
    test: Annotated[
        bool, Says("A test is never a case of a child. A reply to a test is a test; a reply to what is none is none.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Officer:
    """Whom to ring."""

    name: Name
    role: Annotated[str, CodeList("roles")]
    phone_no: Telephone
    email: Email | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """How far a child's data may be shared, by whose decision, and when that is looked at again."""

    level: Annotated[RestrictionLevel, CodeList("restriction_levels")]
    reason: Annotated[str, CodeList("restriction_reasons")] | None = None
    decided_by: Name | None = None
    decided_on: date | None = None
    review_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BS7666Address:
    """An address as BS 7666 breaks it up (CTF)."""

    saon: Annotated[Line | None, Named("SAON")] = None
    paon: Annotated[Line, Named("PAON")]
    street: Line | None = None
    locality: Line | None = None
    town: Line | None = None
    administrative_area: Line | None = None
    unique_property_reference_number: (
        Annotated[str, Text(12, "[0-9]{1,12}", "a UPRN of up to twelve digits")] | None
    ) = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address: BS 7666, or lines; and its postcode."""

    bs7666_address: Annotated[BS7666Address | None, Named("BS7666Address")] = None
    address_line: Annotated[tuple[Line, ...], Named("AddressLine", 5)] = ()
    post_code: PostCode | None = None
    country: Line | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """Who it is about. No UPN is ordinary, and has a reason."""

    upn: Annotated[UPN | None, Named("UPN")] = None
    upn_unknown: Annotated[str, CodeList("upn_unknown_reasons")] | None = None
    # Only where the sender chose to give it.
    former_upn: Annotated[tuple[UPN, ...], Named("FormerUPN", 4)] = ()
    unique_learner_number: ULN | None = None
    # Children Act 2004, 16LC: kept free until regulations describe it.
    consistent_identifier: Line | None = None
    surname: Name
    # Some have one name only.
    forename: Name | None = None
    middle_names: Name | None = None
    preferred_surname: Name | None = None
    preferred_forename: Name | None = None
    former_surname: Name | None = None
    dob: Annotated[date, Named("DOB")]
    dob_estimated: Annotated[bool, Named("DOBEstimated")] = False
    sex: Annotated[str, CodeList("sexes")]
    nc_year_actual: (
        Annotated[str, Text(2, "[NERX]|[0-9]|1[0-4]", "a year group such as R or 7"), Named("NCyearActual")] | None
    ) = None
    language: Line | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """An adult in the child's life."""

    surname: Name
    forename: Name | None = None
    relationship: Annotated[str, CodeList("relationships")]
    phone_no: Telephone | None = None
    email: Email | None = None
    lives_with_child: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """A brother or sister who may be missing education too."""

    upn: Annotated[UPN | None, Named("UPN")] = None
    surname: Name
    forename: Name | None = None
    dob: Annotated[date, Named("DOB")]
    # Their own case, if there is one.
    case_id: Annotated[Uuid | None, Named("ConversationId")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class School:
    """A school in the child's history."""

    lea: Annotated[AuthorityCode | None, Named("LEA")] = None
    estab: Estab | None = None
    school_name: Name
    entry_date: date | None = None
    leaving_date: date | None = None
    last_attended: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundForDeletion:
    """Why the name was deleted from the register: the letter means what the regulations of that year say."""

    letter: Annotated[str, Text(1, "[A-O]", "a letter from A to O")]
    regulations: Annotated[str, CodeList("regulations")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enquiry:
    """One reasonable enquiry that was made."""

    source: Annotated[str, CodeList("enquiry_sources")]
    made_on: date
    made_by: Name
    result: Annotated[str, CodeList("enquiry_results")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAfter:
    """Care by an authority (CTF)."""

    in_care: bool
    care_authority: AuthorityCode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalAction:
    """A step that the law provides for."""

    kind: Annotated[str, CodeList("legal_actions")]
    status: Annotated[str, CodeList("legal_action_states")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What whoever takes over must know."""

    sen_provision: Annotated[str, CodeList("sen_provisions"), Named("SENprovision")] | None = None
    ehcp: Annotated[str, CodeList("ehcp_statuses"), Named("EHCP")] | None = None
    looked_after: LookedAfter | None = None
    risk_group: Annotated[tuple[Annotated[str, CodeList("risk_groups")], ...], Named("RiskGroup", 10)] = ()
    lead_professional: Officer | None = None
    social_worker: Officer | None = None
    legal_action: Annotated[tuple[LegalAction, ...], Named("LegalAction", 10)] = ()
    mash_referral: Annotated[date | None, Named("MASHReferral")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferNotice:
    """A child has moved, or is believed to have moved, into the recipient's area."""

    restriction: Restriction
    # Absent only where the restriction is phone-only.
    child: Child | None = None
    moved_on: date | None = None
    certainty: Annotated[str, CodeList("certainties")]
    destination_address: Address | None = None
    previous_address: Address | None = None
    destination_school: School | None = None
    contact: Annotated[tuple[Contact, ...], Named("Contact", 8)] = ()
    sibling: Annotated[tuple[Sibling, ...], Named("Sibling", 12)] = ()
    school: Annotated[tuple[School, ...], Named("School", 20)] = ()
    ground_for_deletion: GroundForDeletion | None = None
    cme_reason: Annotated[str, CodeList("cme_reasons"), Named("CMEReason")]
    provision_status: Annotated[str, CodeList("provision_statuses")]
    hours_per_week: Annotated[int, Number(0, 60)] | None = None
    exclusion_type: Annotated[str, CodeList("exclusion_types")] | None = None
    alternative_provision_start: date | None = None
    needs: Needs | None = None
    enquiry: Annotated[tuple[Enquiry, ...], Named("Enquiry", 40)] = ()
    ring: Officer
    note: Paragraph | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereaboutsEnquiry:
    """Do you know this child?"""

    restriction: Restriction
    child: Child
    circulation: Annotated[str, CodeList("circulations")]
    last_seen_on: date | None = None
    previous_address: Address | None = None
    contact: Annotated[tuple[Contact, ...], Named("Contact", 8)] = ()
    sibling: Annotated[tuple[Sibling, ...], Named("Sibling", 12)] = ()
    school: Annotated[tuple[School, ...], Named("School", 20)] = ()
    enquiry: Annotated[tuple[Enquiry, ...], Named("Enquiry", 40)] = ()
    reply_by: date | None = None
    ring: Officer
    note: Paragraph | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereaboutsResponse:
    """The answer to an enquiry."""

    result: Annotated[str, CodeList("whereabouts_results")]
    answered_by: Annotated[str, CodeList("answerers")]
    ring: Officer | None = None
    note: Paragraph | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereaboutsUnknownNotice:
    """All reasonable enquiries are complete, and nobody knows where the child is."""

    restriction: Restriction
    child: Child
    unknown_since: date
    enquiries_completed_on: date
    enquiry: Annotated[tuple[Enquiry, ...], Named("Enquiry", 40)] = ()
    previous_address: Address | None = None
    school: Annotated[tuple[School, ...], Named("School", 20)] = ()
    sibling: Annotated[tuple[Sibling, ...], Named("Sibling", 12)] = ()
    ring: Officer
    note: Paragraph | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedNotice:
    """Stand down: the child is found. Where is not said."""

    located_on: date
    way: Annotated[str, CodeList("located_ways")]
    ring: Officer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """An officer has it."""

    decision: Annotated[Decision, CodeList("decisions")]
    reason: Annotated[str, CodeList("rejection_reasons")] | None = None
    passed_to: AuthorityCode | None = None
    officer: Officer
    note: Paragraph | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the child."""

    result: Annotated[str, CodeList("outcomes")]
    confirmed_on: date
    moved_to: AuthorityCode | None = None
    officer: Officer
    note: Paragraph | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A notice is taken back."""

    reason: Annotated[str, CodeList("withdrawal_reasons")]
    officer: Officer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """A notice still waits for an officer there; with what its sender knows of it already."""

    missing: Annotated[str, CodeList("awaited")]
    waiting_since: date
    # The day of their gateway's receipt.
    received_on: date | None = None
    acknowledged_on: date | None = None
    ring: Officer


Body = (
    TransferNotice
    | WhereaboutsEnquiry
    | WhereaboutsResponse
    | WhereaboutsUnknownNotice
    | LocatedNotice
    | Acknowledgement
    | Outcome
    | Withdrawal
    | Reminder
)
BODIES: tuple[type[Body], ...] = (
    TransferNotice,
    WhereaboutsEnquiry,
    WhereaboutsResponse,
    WhereaboutsUnknownNotice,
    LocatedNotice,
    Acknowledgement,
    Outcome,
    Withdrawal,
    Reminder,
)


OPENS_A_CASE: tuple[MessageKind, ...] = ("TransferNotice", "WhereaboutsEnquiry", "WhereaboutsUnknownNotice")
SEARCHES: tuple[MessageKind, ...] = ("WhereaboutsEnquiry", "WhereaboutsUnknownNotice")


def get_kind(body: type[Body]) -> MessageKind:
    """Return the kind of message that has a body of this class: the name of the class."""
    return cast("MessageKind", body.__name__)


@dataclass(frozen=True)
class Message:
    """One message."""

    header: Header
    body: Body

    @property
    def kind(self) -> MessageKind:
        """Return the name of the body."""
        return get_kind(type(self.body))

    @cached_property
    def parts(self) -> tuple[object, ...]:
        """List the body and every value of our classes within it, outermost first."""
        return tuple(layout.list_parts(self.body))

    def list_all(self, kind: type[T]) -> Sequence[T]:
        """List every value of this class within the body, in order."""
        return self._by_class.get(kind, ())

    @cached_property
    def _by_class(self) -> Mapping[type, Sequence[Any]]:
        by_class: dict[type, list[object]] = {}
        for part in self.parts:
            by_class.setdefault(type(part), []).append(part)
        return by_class

    @property
    def restriction(self) -> RestrictionLevel:
        """Return the level of restriction that governs the message; the lowest where its body names none."""
        restriction: Restriction | None = getattr(self.body, "restriction", None)
        return restriction.level if restriction else RESTRICTIONS[0]
