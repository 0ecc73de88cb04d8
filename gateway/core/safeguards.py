"""What must not leave us, and what an officer must confirm before it does: one rule, one function, one sentence.

No I/O.

`schemas.rules` says what a message must mean, and both sides refuse what breaks it. These rules are ours alone, for
whatever we send, whoever sends it: a receiver refuses nothing by them (`read_strictly`), or a partner of an older
version would lose a child in a refuge.

An error cannot be confirmed: the message says two things of which one is wrong. Of a doubt an officer says that it is
right as it stands, by its code: on the page, by `--confirm`, as a member of a call. A row of an extract with one waits
for an officer.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Literal

from gateway.core import giveaways
from gateway.core.names import Likeness, compare_names, normalise_name
from schemas.findings import Finding
from schemas.message import (
    OPENS_A_CASE,
    Acknowledgement,
    Address,
    Child,
    Contact,
    LookedAfter,
    Message,
    Needs,
    Officer,
    Outcome,
    Restriction,
    RestrictionLevel,
    School,
    Sibling,
    TransferNotice,
    WhereaboutsEnquiry,
    WhereaboutsResponse,
    WhereaboutsUnknownNotice,
)
from schemas.rules import WITHHELD, build_sentence

# What a receiver takes a restriction for that contradicts itself.
READ_AS: RestrictionLevel = "address-withheld"
ABUSE = "domestic-abuse"
# Whose former names lead to who they were.
NEW_IDENTITY = ("witness-protection", "adoption")
# Countries with authorities to which a notice may go.
GATEWAY = frozenset(
    (
        "uk",
        "u k",
        "united kingdom",
        "great britain",
        "gb",
        "gbr",
        "britain",
        "england",
        "wales",
        "cymru",
        "lloegr",
        "gb eng",
        "gb wls",
    )
)
# Begins the codes by which a receiver takes the stricter reading.
STRICT = "restriction."


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """What the gateway knows beside the message: values that may not stand in it, and other notices and children of
    ours.
    """

    withheld: frozenset[str] = frozenset()
    other_bears_upn: bool = False
    # Our own records, or the last notice about the child, say so.
    is_restricted: bool = False
    # Of a brother or sister whom it names.
    sibling_is_restricted: bool = False


@dataclass(frozen=True, slots=True)
class Safeguard:
    """A rule with its code, what follows from breaking it, and how it is said (`schemas.rules.build_sentence`)."""

    code: str
    level: Literal["error", "warning"]
    sentence: str
    breaks: Callable[[Message, date, KnownFacts], Iterator[str]]


SAFEGUARDS: list[Safeguard] = []
NOTHING_KNOWN = KnownFacts()


def _safeguard_rule(code: str, level: Literal["error", "warning"], sentence: str) -> Callable[[Any], Any]:
    def register(test: Callable[[Message, date, KnownFacts], Iterator[str]]) -> object:
        SAFEGUARDS.append(Safeguard(code, level, sentence, test))
        return test

    return register


def find_slips(message: Message, *, today: date, known: KnownFacts = NOTHING_KNOWN) -> list[Finding]:
    """Find everything in what we send that is wrong, or that an officer must confirm."""
    return list(dict.fromkeys(_list_slips(SAFEGUARDS, message, today, known)))


def _list_slips(some: Iterable[Safeguard], message: Message, today: date, known: KnownFacts) -> Iterator[Finding]:
    yield from (
        Finding(r.code, r.level, path, build_sentence(r.sentence, message))
        for r in some
        for path in r.breaks(message, today, known)
    )


def list_unconfirmed(findings: Collection[Finding], confirmed: Collection[str]) -> list[Finding]:
    """Give those of which nobody has said that they are right as they stand."""
    return [finding for finding in findings if finding.level == "warning" and finding.code not in confirmed]


def level_as_read(message: Message, today: date) -> RestrictionLevel:
    """Give the restriction that a receiver goes by: the stricter one where the message contradicts itself."""
    return READ_AS if message.restriction == "none" and contradicts_restriction(message, today) else message.restriction


def contradicts_restriction(message: Message, today: date) -> bool:
    """Tell whether what the message says of its restriction has to be asked of its sender."""
    strict = (safeguard for safeguard in SAFEGUARDS if safeguard.code.startswith(STRICT))
    return next(_list_slips(strict, message, today, NOTHING_KNOWN), None) is not None


def read_strictly(message: Message, today: date) -> Message:
    """Give what a receiver shows: where the restriction contradicts itself, without address, school,
    contact and note.
    """
    if message.restriction == "phone-only" or not contradicts_restriction(message, today):
        return message
    return withhold_place(message)


def withhold_place(message: Message) -> Message:
    """Give the same message without address, school, contact and note, and as one of which the address is withheld."""
    body: Any = message.body
    there = {field_of_body.name for field_of_body in fields(body)}
    out: dict[str, object] = {name: None for name in (*WITHHELD, "note") if name in there}
    out |= {name: () for name in ("contact", "school") if name in there}
    if restriction := _find_restriction(message):
        out["restriction"] = replace(restriction, level=READ_AS)
    return Message(message.header, giveaways.hide_giveaways(replace(body, **out)))


def _element_path(message: Message, *steps: str) -> str:
    return "/".join(("Message", message.kind, *steps))


def _find_restriction(message: Message) -> Restriction | None:
    restriction = getattr(message.body, "restriction", None)
    return restriction if isinstance(restriction, Restriction) else None


def _is_open(message: Message) -> bool:
    return _find_restriction(message) is not None and message.restriction == "none"


def _says_where(message: Message) -> bool:
    return any(getattr(message.body, name, None) for name in WITHHELD)


@_safeguard_rule(
    "restriction.contradicted",
    "error",
    "There is a reason for a restriction, or who decided it and when, but no restriction. Select the restriction, or"
    " remove these.",
)
def _is_contradicted(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    restriction = _find_restriction(message)
    if restriction and _is_open(message):
        for value, element in (
            (restriction.reason, "Reason"),
            (restriction.decided_by, "DecidedBy"),
            (restriction.decided_on, "DecidedOn"),
            (restriction.review_on, "ReviewOn"),
        ):
            if value:
                yield _element_path(message, "Restriction", element)


@_safeguard_rule(
    "restriction.risk",
    "warning",
    "Domestic abuse is a risk factor, but there is no restriction. Check if the address must be withheld.",
)
def _names_abuse_risk(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    if _is_open(message) and any(ABUSE in needs.risk_group for needs in message.list_all(Needs)):
        yield _element_path(message, "Needs", "RiskGroup")


@_safeguard_rule(
    "restriction.placement",
    "warning",
    "The child is looked after or with a foster carer, but there is no restriction. Check if the address must be"
    " withheld.",
)
def _gives_placement(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    if not (_is_open(message) and _says_where(message)):
        return
    if any(entry.in_care for entry in message.list_all(LookedAfter)):
        yield _element_path(message, "Needs", "LookedAfter", "InCare")
    if any(entry.relationship == "foster-carer" for entry in message.list_all(Contact)):
        yield _element_path(message, "Contact")


@_safeguard_rule(
    "restriction.words",
    "warning",
    "A text mentions a refuge, abuse, adoption or a court order, or asks for secrecy, but there is no restriction."
    " Check if it must be restricted.",
)
def _speaks_of_hiding(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    if _is_open(message):
        # Of people: Stalker is a surname.
        names = {element for _, element in NAMES}
        texts = giveaways.list_texts(message.body, f"Message/{message.kind}")
        free_texts = [(path, text) for path, text in texts if path.rsplit("/", 1)[1] not in names]
        # Together, as few do.
        if giveaways.speaks_of_hiding("\n".join(text for _, text in free_texts)):
            yield from (path for path, text in free_texts if giveaways.speaks_of_hiding(text))


@_safeguard_rule(
    "restriction.protected",
    "warning",
    "A child in witness protection is usually phone only. Check if the child's name can be sent.",
)
def _protected_by_phone(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    restriction = _find_restriction(message)
    if restriction and restriction.reason == "witness-protection" and restriction.level != "phone-only":
        yield _element_path(message, "Restriction", "Level")


@_safeguard_rule(
    "restriction.former-identity",
    "warning",
    "The child has a new identity, but the notice includes former names or UPNs. Remove them, or check that they can be"
    " sent.",
)
def _former_identity(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    restriction = _find_restriction(message)
    if restriction and restriction.reason in NEW_IDENTITY and restriction.level != "none":
        for child in message.list_all(Child):
            if child.former_surname:
                yield _element_path(message, "Child", "FormerSurname")
            if child.former_upn:
                yield _element_path(message, "Child", "FormerUPN")


@_safeguard_rule(
    "restriction.given-away",
    "warning",
    "{restriction}: a text includes a postcode, address, school, telephone number or email address. Remove it before"
    " you send.",
)
def _given_away(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    if _find_restriction(message) is None or message.restriction == "none":
        return
    for path, text in giveaways.list_texts(message.body, f"Message/{message.kind}"):
        in_place = path.split("/")[2] in (
            "DestinationAddress",
            "PreviousAddress",
            "DestinationSchool",
            "School",
            "Contact",
        )
        # The rules of the schema refuse these whole.
        if in_place:
            continue
        if giveaways.gives_place_away(text, known.withheld, known=_list_officer_texts(message)) or (
            path.endswith("/Note") and giveaways.names_school(text)
        ):
            yield path


def _list_officer_texts(message: Message) -> list[str]:
    """List numbers and addresses that may stand anywhere."""
    return [text for officer in message.list_all(Officer) for text in (officer.phone_no, officer.email) if text]


@_safeguard_rule(
    "answer.given-away",
    "warning",
    "Where a child is can be given by phone only. The note includes a postcode, address, telephone number or email"
    " address. Remove it before you send.",
)
def _answer_gives_away(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    body = message.body
    note = body.note if isinstance(body, WhereaboutsResponse) else None
    if note and giveaways.gives_place_away(note, known=_list_officer_texts(message)):
        yield _element_path(message, "Note")


@_safeguard_rule(
    "restriction.known",
    "warning",
    "This notice has no restriction, but your records or the last notice about this child do. Check if it must be"
    " restricted.",
)
def _known_restricted(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    if _is_open(message) and known.is_restricted:
        yield _element_path(message, "Restriction", "Level")


@_safeguard_rule(
    "restriction.sibling",
    "warning",
    "This notice has no restriction, but it names a sibling who is restricted in your records or the last notice. Check"
    " if it must be restricted.",
)
def _known_sibling(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    if _is_open(message) and known.sibling_is_restricted:
        yield _element_path(message, "Sibling")


@_safeguard_rule(
    "upn.other-child",
    "warning",
    "In your records, this UPN belongs to a child with another name or date of birth. Check it with the school.",
)
def _other_child(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    if known.other_bears_upn and message.kind in OPENS_A_CASE:
        yield _element_path(message, "Child", "UPN")


@_safeguard_rule(
    "sibling.same-child",
    "warning",
    "A sibling has the same UPN, or name and date of birth, as the child. They may be the same child.",
)
def _names_child_as_sibling(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    child = next(iter(message.list_all(Child)), None)
    if child and any(_is_same_as_sibling(child, sibling) for sibling in message.list_all(Sibling)):
        yield _element_path(message, "Sibling")


def _is_same_as_sibling(child: Child, sibling: Sibling) -> bool:
    if child.upn and sibling.upn in (child.upn, *child.former_upn):
        return True
    return child.dob == sibling.dob and _shares_forename(child, sibling)


def _shares_forename(child: Child, sibling: Sibling) -> bool:
    """Compare the forename alone, for a surname may be written otherwise; twins of one surname have two."""
    theirs = normalise_name(sibling.forename or "")
    own = [normalise_name(name) for name in (child.forename, child.preferred_forename) if name]
    if theirs and own:
        turned = normalise_name(sibling.surname) in own and theirs == normalise_name(child.surname)
        return turned or any(compare_names(theirs, name) >= Likeness.NICKNAME for name in own)
    return normalise_name(sibling.surname) in (normalise_name(child.surname), *own)


@_safeguard_rule(
    "move.abroad",
    "warning",
    "The child has moved to another country, but this notice is to an authority in England or Wales. Check who it is"
    " for.",
)
def _moves_abroad(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    body = message.body
    if not isinstance(body, TransferNotice):
        return
    if body.cme_reason == "believed-other-country":
        yield _element_path(message, "CMEReason")
    country = body.destination_address.country if body.destination_address else None
    if country and not _is_united_kingdom(normalise_name(country).removeprefix("the ")):
        yield _element_path(message, "DestinationAddress", "Country")


def _is_united_kingdom(country: str) -> bool:
    return country in GATEWAY or country.startswith("united kingdom of ")


@_safeguard_rule("name.figure", "warning", "A name includes a digit. Check that it is correct.")
def _figure_in_name(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    for cls, element in ((Child, "Child"), (Sibling, "Sibling"), (Contact, "Contact")):
        for person in message.list_all(cls):
            for name, at in NAMES:
                if _has_figure(getattr(person, name, None) or ""):
                    yield _element_path(message, element, at)


NAMES = (
    ("surname", "Surname"),
    ("forename", "Forename"),
    ("middle_names", "MiddleNames"),
    ("preferred_surname", "PreferredSurname"),
    ("preferred_forename", "PreferredForename"),
    ("former_surname", "FormerSurname"),
)


def _has_figure(name: str) -> bool:
    return any(unicodedata.category(c)[0] == "N" for c in name) or re.search("[#*]", name) is not None


@_safeguard_rule("move.future", "warning", "The date of the move is in the future. Check that it is correct.")
def _future_move(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    if isinstance(message.body, TransferNotice) and message.body.moved_on and message.body.moved_on > today:
        yield _element_path(message, "MovedOn")


@_safeguard_rule("date.future", "warning", "A date is in the future. Check that it is correct.")
def _future_date(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    body = message.body
    restriction = _find_restriction(message)
    days: list[tuple[date | None, tuple[str, ...]]] = (
        [(restriction.decided_on, ("Restriction", "DecidedOn"))] if restriction else []
    )
    if isinstance(body, WhereaboutsEnquiry):
        days.append((body.last_seen_on, ("LastSeenOn",)))
    if isinstance(body, WhereaboutsUnknownNotice):
        days += [(body.unknown_since, ("UnknownSince",)), (body.enquiries_completed_on, ("EnquiriesCompletedOn",))]
    days += [(record.last_attended, ("School", "LastAttended")) for record in message.list_all(School)]
    days += [(record.mash_referral, ("Needs", "MASHReferral")) for record in message.list_all(Needs)]
    yield from (_element_path(message, *path) for day, path in days if day and day > today)


@_safeguard_rule(
    "acknowledgement.passed-to-party",
    "error",
    "You cannot refer the notice back to your own authority, or to the authority that sent it.",
)
def _passed_to_party(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    parties = (message.header.sender.authority, message.header.recipient.authority)
    if isinstance(message.body, Acknowledgement) and message.body.passed_to in parties:
        yield _element_path(message, "PassedTo")


@_safeguard_rule("outcome.moved-to-sender", "error", "The child cannot have moved to your own authority.")
def _moved_to_sender(message: Message, today: date, known: KnownFacts) -> Iterator[str]:
    if isinstance(message.body, Outcome) and message.body.moved_to == message.header.sender.authority:
        yield _element_path(message, "MovedTo")


def is_another(child: Child, surname: str, forename: str, dob_agrees: bool) -> bool:
    """Tell whether who bears these names is another child than this one, who has the same UPN."""
    if not dob_agrees:
        return True
    own = [normalise_name(name) for name in (child.forename, child.preferred_forename, child.middle_names) if name]
    # Twins have one birthday and one surname, so a slip of one letter is asked about too.
    if own and normalise_name(forename):
        return max(compare_names(normalise_name(forename), name) for name in own) < Likeness.NICKNAME
    own = [normalise_name(name) for name in (child.surname, child.preferred_surname, child.former_surname) if name]
    return (
        max((compare_names(normalise_name(surname), name) for name in own), default=Likeness.OTHER) < Likeness.NICKNAME
    )


def list_withheld_places(message: Message) -> frozenset[str]:
    """Give what a notice says that may not stand in one about the same child where the address is withheld."""
    values = (getattr(message.body, name, None) for name in WITHHELD)
    return frozenset(
        text
        for value in values
        for text in giveaways.list_withheld_values((value,) if isinstance(value, Address | School) else value)
    )
