"""What is asked of whom writes a notice: pages, the fields on each, and the words in which an officer is asked.

Which fields there are, what may stand in them and what must, say the classes of `schemas.message`; here stands only
what they cannot say. `notice_questions.py` makes questions of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.rules import WITHHELD


@dataclass(frozen=True, slots=True)
class NoticeSection:
    """A page: where its fields lie in the body, and which they are.

    `many`: the place is a list, and each of it has the page.
    """

    # In the address.
    name: str
    group: str
    title: str
    # Of the class that has the fields: fields of the body with dots between them, or empty.
    place: str
    fields: tuple[str, ...]
    lead: str = ""
    many: bool = False

    @property
    def withheld(self) -> bool:
        """Return whether nothing of it may be sent where the address is withheld."""
        return self.place.split(".")[0] in WITHHELD


CHILD, MOVE, BEFORE, FAMILY, NEEDS, DONE = (
    "The child",
    "The move",
    "Background",
    "Family",
    "Education and needs",
    "Enquiries and contact",
)
ADDRESS = ("address_line", "post_code", "country")
SCHOOL = ("school_name", "lea", "estab", "entry_date", "leaving_date", "last_attended")
OFFICER = ("name", "role", "phone_no", "email")
RESTRICTION = NoticeSection(
    "restriction",
    "Start here",
    "Restrictions on sharing",
    "restriction",
    ("level", "reason", "decided_by", "decided_on", "review_on"),
    "Decide this first. A restricted child must not be traced through this notice.",
)
RING = NoticeSection("ring", DONE, "Contact for this notice", "ring", OFFICER)
SECTIONS = (
    RESTRICTION,
    NoticeSection(
        "names",
        CHILD,
        "Name",
        "child",
        ("surname", "forename", "middle_names", "preferred_surname", "preferred_forename", "former_surname"),
    ),
    NoticeSection(
        "birth", CHILD, "Date of birth, sex and language", "child", ("dob", "dob_estimated", "sex", "language")
    ),
    NoticeSection(
        "numbers",
        CHILD,
        "UPN and National curriculum year",
        "child",
        ("upn", "upn_unknown", "former_upn", "unique_learner_number", "nc_year_actual"),
    ),
    NoticeSection("move", MOVE, "Date and certainty of the move", "", ("moved_on", "certainty")),
    NoticeSection(
        "new-address",
        MOVE,
        "New address",
        "destination_address",
        ADDRESS,
        "Enter as much of the address as you know.",
    ),
    NoticeSection("new-school", MOVE, "New school, if known", "destination_school", SCHOOL[:4]),
    NoticeSection("seen", BEFORE, "Last seen and reply date", "", ("last_seen_on", "reply_by")),
    NoticeSection(
        "unknown", BEFORE, "When whereabouts became unknown", "", ("unknown_since", "enquiries_completed_on")
    ),
    NoticeSection("old-address", BEFORE, "Previous address", "previous_address", ADDRESS),
    NoticeSection("schools", BEFORE, "Schools", "school", SCHOOL, "Start with the most recent school.", many=True),
    NoticeSection(
        "ground",
        BEFORE,
        "Ground for deletion from the admission register",
        "ground_for_deletion",
        ("letter", "regulations"),
    ),
    NoticeSection("siblings", FAMILY, "Siblings", "sibling", ("surname", "forename", "dob", "upn"), many=True),
    NoticeSection(
        "contacts",
        FAMILY,
        "Parents, carers and other contacts",
        "contact",
        ("surname", "forename", "relationship", "phone_no", "email", "lives_with_child"),
        many=True,
    ),
    NoticeSection(
        "reasons",
        NEEDS,
        "Reason and current provision",
        "",
        ("cme_reason", "provision_status", "hours_per_week", "exclusion_type", "alternative_provision_start"),
    ),
    NoticeSection(
        "needs", NEEDS, "SEND and risk factors", "needs", ("sen_provision", "ehcp", "risk_group", "mash_referral")
    ),
    NoticeSection("care", NEEDS, "Looked-after status", "needs.looked_after", ("in_care", "care_authority")),
    NoticeSection("lead", NEEDS, "Lead professional", "needs.lead_professional", OFFICER),
    NoticeSection("social-worker", NEEDS, "Social worker", "needs.social_worker", OFFICER),
    NoticeSection(
        "legal", NEEDS, "Attendance orders and legal action", "needs.legal_action", ("kind", "status"), many=True
    ),
    NoticeSection(
        "enquiries",
        DONE,
        "Reasonable enquiries made",
        "enquiry",
        ("source", "made_on", "made_by", "result"),
        "You must include a home visit, family contacts, council records and children's social care before you report a"
        " child's whereabouts as unknown.",
        many=True,
    ),
    RING,
    NoticeSection("note", DONE, "Note", "", ("note",)),
)
# Fields that may be left out, unless an answer above makes them needed.
SOMETIMES = frozenset(
    (
        ("Restriction", "reason"),
        ("Restriction", "decided_by"),
        ("Restriction", "decided_on"),
        ("Restriction", "review_on"),
        ("Child", "upn"),
        ("Child", "upn_unknown"),
        ("LookedAfter", "care_authority"),
    )
)
# Class and field: a hint. How it is asked is in `schemas.field_labels`.
HINTS: Mapping[tuple[str, str], str] = {
    ("Restriction", "level"): "Check first if there is domestic abuse, a refuge, adoption or a risk from the family.",
    ("Restriction", "reason"): "Only if there is a restriction.",
    ("Restriction", "decided_by"): "Only if there is a restriction. Name and role.",
    ("Restriction", "decided_on"): "Only if there is a restriction. For example, 27 3 2026",
    ("Restriction", "review_on"): "Only if there is a restriction. For example, 27 3 2027",
    ("Child", "forename"): "Leave blank if the child has only one name.",
    ("Child", "dob"): "For example, 27 3 2015",
    ("Child", "upn"): "A letter followed by 12 characters. If there is no UPN, leave this blank and select a reason.",
    ("Child", "upn_unknown"): "Only if you left the UPN blank.",
    ("Child", "former_upn"): "Enter each one on a new line.",
    ("Child", "unique_learner_number"): "10 digits, for a child aged 14 or over",
    ("Child", "nc_year_actual"): "R, or 1 to 14",
    ("TransferNotice", "moved_on"): "For example, 27 3 2026",
    ("TransferNotice", "cme_reason"): "Based on the DfE list",
    ("TransferNotice", "exclusion_type"): "Leave blank if not excluded.",
    ("WhereaboutsEnquiry", "last_seen_on"): "For example, 27 3 2026",
    ("Address", "address_line"): "Up to 5 lines, without the postcode",
    ("School", "estab"): "4 digits",
    ("GroundForDeletion", "letter"): "A to O. The meaning of a letter depends on the regulations.",
    (
        "Sibling",
        "dob",
    ): "For example, 27 3 2015. If you do not know it, do not add this sibling. Name them in the note.",
    ("Needs", "risk_group"): "Select all that apply.",
    ("Needs", "mash_referral"): "Leave blank if not referred.",
    ("LookedAfter", "care_authority"): "Only if the child is looked after.",
    ("Enquiry", "made_on"): "For example, 27 3 2026",
    ("Officer", "role"): "Their role in this team or another service. There may be none.",
    ("Officer", "phone_no"): "If you do not know it, enter their team's number.",
}
# Class and field: what is said where it must be answered and is not.
MISSING: Mapping[tuple[str, str], str] = {
    ("Restriction", "level"): "Select whether there are restrictions on sharing",
    ("Restriction", "reason"): "Select a reason for the restriction",
    ("Restriction", "decided_by"): "Enter who decided on the restriction",
    ("Restriction", "review_on"): "Enter the review date",
    ("Child", "surname"): "Enter a surname",
    ("Child", "dob"): "Enter a date of birth",
    ("Child", "sex"): "Select the child's sex",
    ("TransferNotice", "certainty"): "Select how certain the move is",
    ("TransferNotice", "cme_reason"): "Select the primary reason for CME",
    ("TransferNotice", "provision_status"): "Select the current provision",
    ("WhereaboutsUnknownNotice", "unknown_since"): "Enter the date the child's whereabouts became unknown",
    ("WhereaboutsUnknownNotice", "enquiries_completed_on"): "Enter the date the last enquiry was completed",
    ("School", "school_name"): "Enter a school name",
    ("GroundForDeletion", "letter"): "Enter the letter of the ground for deletion",
    ("GroundForDeletion", "regulations"): "Select the regulations",
    ("Sibling", "surname"): "Enter a surname",
    ("Sibling", "dob"): "Enter a date of birth",
    ("Contact", "surname"): "Enter a surname",
    ("Contact", "relationship"): "Select the relationship to the child",
    ("LookedAfter", "in_care"): "Select whether the child is looked after",
    ("Officer", "name"): "Enter a name",
    ("Officer", "role"): "Select a role",
    ("Officer", "phone_no"): "Enter a telephone number",
    ("LegalAction", "kind"): "Select a type",
    ("LegalAction", "status"): "Select a status",
    ("Enquiry", "source"): "Select a source",
    ("Enquiry", "made_on"): "Enter the date of the enquiry",
    ("Enquiry", "made_by"): "Enter who made the enquiry",
    ("Enquiry", "result"): "Select a result",
}
