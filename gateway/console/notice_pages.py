"""What is asked of whom writes a notice: pages, the fields on each, and the words in which an officer is asked.

Which fields there are, what may stand in them and what must, say the classes of `schemas.message`; here stands only what they cannot
say. `asking.py` makes questions of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.safeguards import WITHHELD


@dataclass(frozen=True, slots=True)
class Section:
    """A page: where its fields lie in the body, and which they are. `many`: the place is a list, and each of it has the page."""

    name: str  # in the address
    group: str
    title: str
    place: str  # of the class that has the fields: fields of the body with dots between them, or empty
    fields: tuple[str, ...]
    lead: str = ""
    many: bool = False

    @property
    def withheld(self) -> bool:
        """May nothing of it be sent where the address is withheld?"""
        return self.place.split(".")[0] in WITHHELD


CHILD, MOVE, BEFORE, FAMILY, NEEDS, DONE = (
    "The child",
    "The move",
    "Before",
    "Family",
    "Education and needs",
    "What was done, and whom they ring",
)
ADDRESS = ("address_line", "post_code", "country")
SCHOOL = ("school_name", "lea", "estab", "entry_date", "leaving_date", "last_attended")
OFFICER = ("name", "role", "phone_no", "email")
RESTRICTION = Section(
    "restriction",
    "Before anything else",
    "How far this may be shared",
    "restriction",
    ("level", "reason", "decided_by", "decided_on", "review_on"),
    "Decide this before anything else: a restricted child must not be found through this notice.",
)
RING = Section("ring", DONE, "Whom they ring", "ring", OFFICER)
SECTIONS = (
    RESTRICTION,
    Section(
        "names",
        CHILD,
        "The child's names",
        "child",
        ("surname", "forename", "middle_names", "preferred_surname", "preferred_forename", "former_surname"),
    ),
    Section("birth", CHILD, "Birth, sex and language", "child", ("dob", "dob_estimated", "sex", "language")),
    Section(
        "numbers",
        CHILD,
        "UPN and school year",
        "child",
        ("upn", "upn_unknown", "former_upn", "unique_learner_number", "nc_year_actual"),
    ),
    Section("move", MOVE, "When the child moved, and how sure that is", "", ("moved_on", "certainty")),
    Section(
        "new-address",
        MOVE,
        "New address",
        "destination_address",
        ADDRESS,
        "Where the child is now, as far as it is known.",
    ),
    Section("new-school", MOVE, "New school, if there is one", "destination_school", SCHOOL[:4]),
    Section("seen", BEFORE, "When the child was seen, and when you need an answer", "", ("last_seen_on", "reply_by")),
    Section("unknown", BEFORE, "Since when nobody knows", "", ("unknown_since", "enquiries_completed_on")),
    Section("old-address", BEFORE, "Previous address", "previous_address", ADDRESS),
    Section("schools", BEFORE, "Schools", "school", SCHOOL, "The child's schools, the last one first.", many=True),
    Section(
        "ground", BEFORE, "Ground for deletion from the register", "ground_for_deletion", ("letter", "regulations")
    ),
    Section("siblings", FAMILY, "Brothers and sisters", "sibling", ("surname", "forename", "dob", "upn"), many=True),
    Section(
        "contacts",
        FAMILY,
        "Parents, carers and other contacts",
        "contact",
        ("surname", "forename", "relationship", "phone_no", "email", "lives_with_child"),
        many=True,
    ),
    Section(
        "reasons",
        NEEDS,
        "Why the child misses education, and what provision there is",
        "",
        ("cme_reason", "provision_status", "hours_per_week", "exclusion_type", "alternative_provision_start"),
    ),
    Section(
        "needs", NEEDS, "Special needs and risks", "needs", ("sen_provision", "ehcp", "risk_group", "mash_referral")
    ),
    Section("care", NEEDS, "Care", "needs.looked_after", ("in_care", "care_authority")),
    Section("lead", NEEDS, "Lead professional", "needs.lead_professional", OFFICER),
    Section("social-worker", NEEDS, "Social worker", "needs.social_worker", OFFICER),
    Section("legal", NEEDS, "Legal steps", "needs.legal_action", ("kind", "status"), many=True),
    Section(
        "enquiries",
        DONE,
        "Enquiries that were made",
        "enquiry",
        ("source", "made_on", "made_by", "result"),
        "Home, family, the council's records and social care are needed before whereabouts count as unknown.",
        many=True,
    ),
    RING,
    Section("note", DONE, "Note", "", ("note",)),
)
SOMETIMES = frozenset(  # fields that may be left out, unless an answer above makes them needed
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
WORDS: Mapping[tuple[str, str], tuple[str, str]] = {  # class and field: how it is asked, and a hint
    ("Restriction", "level"): (
        "How far may the child's data be shared?",
        "Ask first wherever there is domestic abuse, a refuge, adoption or a risk from the family.",
    ),
    ("Restriction", "reason"): (
        "Why are they restricted?",
        "You need to answer this if there is a restriction. Leave it blank if there is none.",
    ),
    ("Restriction", "decided_by"): ("Who decided it?", "You need to answer this if there is a restriction."),
    ("Restriction", "decided_on"): ("When was it decided?", "Only if there is a restriction. For example, 3 9 2026"),
    ("Restriction", "review_on"): (
        "When is it looked at again?",
        "You need to answer this if there is a restriction. For example, 3 9 2027",
    ),
    ("Child", "forename"): ("Forename", "Leave it open where the child has one name only."),
    ("Child", "former_surname"): ("Former surname", ""),
    ("Child", "dob"): ("Date of birth", "For example, 31 3 2015"),
    ("Child", "dob_estimated"): ("Is the date of birth estimated?", ""),
    ("Child", "upn"): (
        "UPN",
        "A letter, eleven digits, and a digit. Its first letter is checked. Leave it blank if there is none, and say why below.",
    ),
    ("Child", "upn_unknown"): ("Why is there no UPN?", "You need to answer this if you leave the UPN blank."),
    ("Child", "former_upn"): ("Former UPNs", "One line for each, where there was one and it may be given."),
    ("Child", "unique_learner_number"): ("Unique learner number (ULN)", "Ten digits, of a child of fourteen or more"),
    ("Child", "nc_year_actual"): ("School year", "R, or 1 to 14"),
    ("Child", "language"): ("First language", ""),
    ("TransferNotice", "moved_on"): ("When did the child move?", "For example, 3 9 2026"),
    ("TransferNotice", "certainty"): ("How sure is it that the child moved there?", ""),
    ("TransferNotice", "cme_reason"): ("Why does the child miss education?", "In DfE's words"),
    ("TransferNotice", "provision_status"): ("What provision is there now?", ""),
    ("TransferNotice", "hours_per_week"): ("How many hours of education a week?", ""),
    ("TransferNotice", "exclusion_type"): ("Was the child excluded?", "Leave it open if not."),
    ("TransferNotice", "alternative_provision_start"): ("When did alternative provision begin?", ""),
    ("WhereaboutsEnquiry", "last_seen_on"): ("When was the child last seen?", "For example, 3 9 2026"),
    ("WhereaboutsEnquiry", "reply_by"): ("By when do you need an answer?", ""),
    ("WhereaboutsUnknownNotice", "unknown_since"): ("Since when are the child's whereabouts unknown?", ""),
    ("WhereaboutsUnknownNotice", "enquiries_completed_on"): ("When was the last enquiry completed?", ""),
    ("Address", "address_line"): ("Address", "One line for each part, five at most; no postcode"),
    ("Address", "post_code"): ("Postcode", ""),
    ("Address", "country"): ("Country, if it is not the United Kingdom", ""),
    ("School", "school_name"): ("Name of the school", ""),
    ("School", "lea"): ("Authority of the school", ""),
    ("School", "estab"): ("Establishment number", "Four digits"),
    ("School", "entry_date"): ("First day there", ""),
    ("School", "leaving_date"): ("Taken off the register on", ""),
    ("School", "last_attended"): ("Last seen there on", ""),
    ("GroundForDeletion", "letter"): (
        "Letter of the ground",
        "A to O. What a letter means depends on the year of the regulations.",
    ),
    ("GroundForDeletion", "regulations"): ("Under which regulations?", ""),
    ("Contact", "relationship"): ("What is this person to the child?", ""),
    ("Contact", "phone_no"): ("Telephone number", ""),
    ("Contact", "email"): ("Mail address", ""),
    ("Contact", "lives_with_child"): ("Does this person live with the child?", ""),
    ("Sibling", "dob"): (
        "Date of birth",
        "For example, 31 3 2015. If you do not know it, leave this brother or sister out and say so in the note.",
    ),
    ("Needs", "sen_provision"): ("Special needs provision", ""),
    ("Needs", "ehcp"): ("Education, health and care plan", ""),
    ("Needs", "risk_group"): ("Is the child at particular risk?", "Choose all that apply."),
    ("Needs", "mash_referral"): ("When was the child referred to the MASH?", "Leave it open if not."),
    ("LookedAfter", "in_care"): ("Is the child looked after by an authority?", ""),
    ("LookedAfter", "care_authority"): ("By which authority?", "You need to answer this if the child is looked after."),
    ("LegalAction", "kind"): ("Which step?", ""),
    ("LegalAction", "status"): ("How does it stand?", ""),
    ("Enquiry", "source"): ("Where, or whom, did you ask?", ""),
    ("Enquiry", "made_on"): ("When?", "For example, 3 9 2026"),
    ("Enquiry", "made_by"): ("Who asked?", ""),
    ("Enquiry", "result"): ("What came of it?", ""),
    ("Officer", "role"): ("Role", "Their own role, in this team or in another service. There may be none."),
    ("Officer", "phone_no"): ("Telephone number", "If you do not know it, the number of their team."),
    ("Officer", "email"): ("Mail address", ""),
}
