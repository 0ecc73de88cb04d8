"""What is asked of whom writes a notice: pages, the fields on each, and the words in which an officer is asked.

Which fields there are, what may stand in them and what must, say the classes of `schemas.message`; here stands only
what they cannot say. `notice_questions.py` makes questions of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.safeguards import WITHHELD


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
# Class and field: how it is asked, and a hint.
WORDS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("Restriction", "level"): (
        "Are there restrictions on sharing this child's details?",
        "Check first if there is domestic abuse, a refuge, adoption or a risk from the family.",
    ),
    ("Restriction", "reason"): (
        "Reason for the restriction",
        "Only if there is a restriction.",
    ),
    ("Restriction", "decided_by"): ("Decided by", "Only if there is a restriction. Name and role."),
    ("Restriction", "decided_on"): ("Date decided", "Only if there is a restriction. For example, 27 3 2026"),
    ("Restriction", "review_on"): (
        "Review date",
        "Only if there is a restriction. For example, 27 3 2027",
    ),
    ("Child", "forename"): ("Forename", "Leave blank if the child has only one name."),
    ("Child", "former_surname"): ("Former surname", ""),
    ("Child", "dob"): ("Date of birth", "For example, 27 3 2015"),
    ("Child", "dob_estimated"): ("Is the date of birth estimated?", ""),
    ("Child", "upn"): (
        "UPN",
        "A letter followed by 12 characters. If there is no UPN, leave this blank and select a reason.",
    ),
    ("Child", "upn_unknown"): ("Why is there no UPN?", "Only if you left the UPN blank."),
    ("Child", "former_upn"): ("Former UPNs", "Enter each one on a new line."),
    ("Child", "unique_learner_number"): ("Unique learner number (ULN)", "10 digits, for a child aged 14 or over"),
    ("Child", "nc_year_actual"): ("National curriculum year", "R, or 1 to 14"),
    ("Child", "language"): ("First language", ""),
    ("TransferNotice", "moved_on"): ("When did the child move?", "For example, 27 3 2026"),
    ("TransferNotice", "certainty"): ("How certain is this move?", ""),
    ("TransferNotice", "cme_reason"): ("Primary reason for CME", "Based on the DfE list"),
    ("TransferNotice", "provision_status"): ("Current provision", ""),
    ("TransferNotice", "hours_per_week"): ("Hours of education each week", ""),
    ("TransferNotice", "exclusion_type"): ("Exclusion", "Leave blank if not excluded."),
    ("TransferNotice", "alternative_provision_start"): ("Start date of alternative provision", ""),
    ("WhereaboutsEnquiry", "last_seen_on"): ("When was the child last seen?", "For example, 27 3 2026"),
    ("WhereaboutsEnquiry", "reply_by"): ("Reply needed by", ""),
    ("WhereaboutsUnknownNotice", "unknown_since"): ("Whereabouts unknown since", ""),
    ("WhereaboutsUnknownNotice", "enquiries_completed_on"): ("Date the last enquiry was completed", ""),
    ("Address", "address_line"): ("Address", "Up to 5 lines, without the postcode"),
    ("Address", "post_code"): ("Postcode", ""),
    ("Address", "country"): ("Country, if outside the UK", ""),
    ("School", "school_name"): ("School name", ""),
    ("School", "lea"): ("Local authority", ""),
    ("School", "estab"): ("Establishment number", "4 digits"),
    ("School", "entry_date"): ("Start date", ""),
    ("School", "leaving_date"): ("Date removed from roll", ""),
    ("School", "last_attended"): ("Last date attended", ""),
    ("GroundForDeletion", "letter"): (
        "Ground for deletion (letter)",
        "A to O. The meaning of a letter depends on the regulations.",
    ),
    ("GroundForDeletion", "regulations"): ("Regulations", ""),
    ("Contact", "relationship"): ("Relationship to child", ""),
    ("Contact", "phone_no"): ("Telephone number", ""),
    ("Contact", "email"): ("Email address", ""),
    ("Contact", "lives_with_child"): ("Does this person live with the child?", ""),
    ("Sibling", "dob"): (
        "Date of birth",
        "For example, 27 3 2015. If you do not know it, do not add this sibling. Name them in the note.",
    ),
    ("Needs", "sen_provision"): ("SEN provision", ""),
    ("Needs", "ehcp"): ("Education, health and care plan", ""),
    ("Needs", "risk_group"): ("Risk factors", "Select all that apply."),
    ("Needs", "mash_referral"): ("Date of MASH referral", "Leave blank if not referred."),
    ("LookedAfter", "in_care"): ("Is the child looked after?", ""),
    ("LookedAfter", "care_authority"): ("Responsible authority", "Only if the child is looked after."),
    ("LegalAction", "kind"): ("Type", ""),
    ("LegalAction", "status"): ("Status", ""),
    ("Enquiry", "source"): ("Source", ""),
    ("Enquiry", "made_on"): ("Date", "For example, 27 3 2026"),
    ("Enquiry", "made_by"): ("Enquiry made by", ""),
    ("Enquiry", "result"): ("Result", ""),
    ("Officer", "role"): ("Role", "Their role in this team or another service. There may be none."),
    ("Officer", "phone_no"): ("Telephone number", "If you do not know it, enter their team's number."),
    ("Officer", "email"): ("Email address", ""),
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
