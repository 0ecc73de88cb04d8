"""The words for what is stored as a code: statuses, kinds, acts of the timeline, roles, replies and decisions.

Console, command line, reports, letters and tests ask here, so that one thing has one name everywhere. Codes stay as
they are: they are stored, signed and scripted. The texts are in `labels_en.py`; a second language is a module with the
same tables. Codes that messages carry have their labels in the lists of `schemas/codes`, and `name_code` reads them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.core import labels_en as texts
from gateway.core.causes import ACCEPTED, find_cause, split_cause
from gateway.core.delivery import DeliveryState
from gateway.core.failure_cause import find_failure_cause
from gateway.core.inbox_state import InboxState
from gateway.core.message_name import Direction
from gateway.core.message_protection import Protection
from gateway.core.witness_answers import WitnessTrouble
from schemas import codes
from schemas.message import Acknowledgement, Body, MessageKind, RestrictionLevel

Colour = Literal["blue", "green", "yellow", "orange", "red", "grey"]

GROUPS: dict[MessageKind, str] = {
    "TransferNotice": "transfer",
    "WhereaboutsEnquiry": "enquiry",
    "WhereaboutsUnknownNotice": "unknown",
}

# By the same addresses as the texts; a message of which nothing is to be done is grey.
COLOURS: dict[str, Colour] = {
    "sent/queued": "blue",
    "sent/sent": "blue",
    "sent/received": "blue",
    "sent/acknowledged": "blue",
    "sent/acknowledged/transfer": "green",
    "sent/accepted-by-mail": "yellow",
    "sent/passed-on": "red",
    "sent/rejected": "red",
    "sent/failed": "red",
    "sent/concluded/outcome:not-found-at-address": "red",
    "sent/concluded/answer:found": "yellow",
    "sent/concluded/answer:ring-me": "yellow",
    "sent/closed/told:not-found-at-address": "red",
    "came/new": "blue",
    "came/acknowledged": "blue",
    "came/acknowledged/transfer": "green",
    "came/passed-on": "yellow",
    "came/rejected": "red",
    "came/does-not-fit": "orange",
}
ANSWERING_COLOURS: dict[str, Colour] = {
    "found": "yellow",
    "ring": "yellow",
    "rejected": "red",
    "has it, no answer": "blue",
    "letter sent, no answer": "blue",
    "accepted by mail, no answer": "yellow",
    "not there yet": "blue",
    "given up": "red",
}

# In which list the code of a cause is; `told` is an outcome, or an answer.
_RESULTS = {
    "outcome": ("outcomes",),
    "answer": ("whereabouts_results",),
    "ended": ("located_ways",),
    "told": ("outcomes", "whereabouts_results"),
    "officer": ("rejection_reasons",),
}


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """Where a message stands, for a person: a tag with its colour, and a line that says whose move it is."""

    tag: str
    colour: Colour
    line: str = ""


@dataclass(frozen=True, slots=True)
class ActionLabel:
    """What an act is called for one notice: its heading, its button, what it does, and what is said once it is done."""

    title: str
    button: str
    lead: str
    done: str


def build_status(
    direction: Direction,
    kind: MessageKind,
    state: DeliveryState | InboxState,
    *,
    cause: str | None = None,
    sealed: bool = True,
    partner: str = "",
) -> StatusLabel:
    """Return how a message stands, in words.

    Args:
        direction: "sent" for a message of ours, "came" for one of theirs.
        kind: The kind of the message, such as "TransferNotice".
        state: A `delivery.DeliveryState` or an `inbox_state.InboxState`.
        cause: Why it stands so (`causes`), where that is stored.
        sealed: False for an email to people, of which no gateway gives a receipt.
        partner: The code of the other authority.
    """
    word, code = split_cause(cause)
    addresses = list(_list_addresses(f"{direction}/{state}", kind, word, code, sealed=sealed))
    text = next((texts.STATUSES[address] for address in addresses if address in texts.STATUSES), None)
    if text is None:
        return StatusLabel(state.replace("-", " ").capitalize(), "grey")
    colour: Colour = next((COLOURS[address] for address in addresses if address in COLOURS), "grey")
    names = {
        "partner": name_authority(partner) if partner else texts.THE_OTHER_AUTHORITY,
        "authority": name_authority(code) if code else texts.ANOTHER_AUTHORITY,
        "result": _name_result(word, code),
    }
    return StatusLabel(text.tag, colour, _capitalise_first(text.line.format_map(names)))


def name_status(
    direction: Direction, kind: MessageKind, state: DeliveryState | InboxState, cause: str | None = None
) -> str:
    """Return the tag alone of how a message stands, for a sentence about it."""
    return build_status(direction, kind, state, cause=cause).tag


def _list_addresses(start: str, kind: MessageKind, word: str, code: str, *, sealed: bool) -> Iterator[str]:
    """Return the keys under which a status may stand, the most particular first."""
    group = GROUPS.get(kind, "reply")
    if code:
        yield from (f"{start}/{word}:{code}", f"{start}/{word}:*")
    if word:
        yield f"{start}/{word}"
    if not sealed:
        yield f"{start}/email/{group}"
        yield f"{start}/email"
    yield f"{start}/{group}"
    yield start


def _name_result(word: str, code: str) -> str:
    for name in _RESULTS.get(word, ()):
        if code in codes.get_labels(name):
            return _lower_first(codes.get_labels(name)[code])
    return code or texts.NOT_RECORDED


def _lower_first(label: str) -> str:
    """Return a label as it stands within a sentence."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _capitalise_first(line: str) -> str:
    return line[:1].upper() + line[1:]


def build_answering(answering: str) -> StatusLabel:
    """Return how one authority stands in a search (`search_status.AnswerState`)."""
    text = texts.ANSWERING[answering]
    return StatusLabel(text.tag, ANSWERING_COLOURS.get(answering, "grey"), text.line)


def name_kind(kind: MessageKind) -> str:
    """Return what a kind of message is called: "Transfer notice" for TransferNotice."""
    return texts.KINDS[kind]


def describe_act(act: str, kind: MessageKind | None = None, partner: str = "", person: str = "") -> str:
    """Return what was done in a case, as its timeline has it; an act that has no words is shown as it is called.

    `partner` is the code of the other authority; it is left out of what was done to many at once. `person` is the name
    of the user to whom it was done.
    """
    text = texts.ACTS.get(act)
    if text is None:
        return f"{name_kind(kind)}: {act}" if kind else act
    sentence = text.format(
        kind=name_kind(kind) if kind else texts.MESSAGE,
        partner=_name_partner(partner),
        person=person or texts.SOMEONE,
    )
    return _capitalise_first(sentence)


def describe_reply(direction: Direction, body: Body) -> str:
    """Return what a reply says, as the timeline has it; nothing where its kind says enough."""
    word, code = split_cause(find_cause(body))
    if isinstance(body, Acknowledgement) and body.decision == "accepted":
        word = ACCEPTED
    text = texts.REPLIES.get(f"{direction}/{word}", "")
    return text.format(
        authority=_name_partner(code),
        result=_name_result(word, code),
        reason=texts.REJECTIONS.get(f"{direction}/{code}") or _name_result("officer", code),
    )


def describe_doer(what: str, who: str) -> str:
    """Return what was done, and by whom."""
    return texts.DONE_BY.format(what=what, who=who)


def describe_try(ending: str, route: str, kind: MessageKind | None = None, partner: str = "") -> str:
    """Return how one try to deliver a message ended."""
    text = texts.TRIES.get(ending, "{kind}: {route}, " + ending)
    return text.format(
        kind=name_kind(kind) if kind else texts.MESSAGE, route=name_route(route), partner=_name_partner(partner)
    )


def _name_partner(partner: str) -> str:
    return name_authority(partner) if partner else texts.ANOTHER_AUTHORITY


def describe_last_try(tried: str) -> str:
    """Return how the last try to deliver a message ended, which is kept as "https: later"."""
    route, _, ending = tried.rpartition(": ")
    return texts.LAST_TRIES.get(ending, tried).format(route=name_route(route))


def describe_call(result: str | None, sender: str = "") -> str:
    """Return what a call was about: a handover, a result that was told, or the notice of this authority."""
    if sender:
        return texts.CALLED_ABOUT.format(partner=_name_partner(sender))
    if result is None:
        return texts.HANDED_OVER
    return texts.TOLD.format(result=_name_result("told", result))


def name_actor(actor: str) -> str:
    """Return who did something, where it is not a person with a name of their own."""
    return texts.ACTORS.get(actor, actor)


def name_hold_reason(reason: str) -> str:
    """Return why a case is on legal hold (`retention.HoldReason`)."""
    return texts.HOLD_REASONS[reason]


def describe_open_work(work: Iterable[str]) -> str:
    """Return why a case has not ended (`retention.OpenWork`)."""
    return "; ".join(texts.OPEN_WORK[kind] for kind in work)


def name_missing(missing: str) -> str:
    """Return what is due (`duties.Missing`)."""
    return texts.MISSING[missing]


def name_step(step: str) -> str:
    """Return how late something is (`duties.DutyStep`)."""
    return texts.STEPS[step]


def describe_duty(missing: str, on: str, *, late: bool) -> tuple[str, str]:
    """Return the mark before what is due, which is empty while it is not late; and what is due, and when."""
    name = name_missing(missing)
    if not late:
        return "", texts.DUTIES["wait"].format(missing=name, on=on)
    text = texts.DUTIES.get(f"late/{missing}", texts.DUTIES["late"])
    return texts.OVERDUE_MARK, text.format(missing=_lower_first(name), on=on)


def describe_review(on: str, *, due: bool, late: bool) -> str:
    """Return when a 14-day review is due."""
    return texts.REVIEWS["late" if late else "today" if due else "wait"].format(on=on)


def name_timing(*, late: bool) -> str:
    """Return how a report calls what was done in time, or what was not."""
    return texts.OVERDUE if late else texts.ON_TIME


def describe_pursuit(done: str, owed_by: str, partner: str) -> str:
    """Return what was done about something due, within a sentence: "reminder sent"."""
    text = texts.PURSUITS.get(f"{done}/{owed_by}") or texts.PURSUITS[done]
    return text.format(partner=name_authority(partner))


def name_next_step(step: str) -> str:
    """Return what is to be done next about what is due."""
    return texts.NEXT_STEPS[step]


def name_owed_by(side: str) -> str:
    """Return from whom something is due."""
    return texts.OWED_BY[side]


def list_counted(*names: str) -> dict[str, str]:
    """Return how a report calls what it counts and no code list has."""
    return {name: texts.COUNTED[name] for name in names}


def name_level(level: str) -> str:
    """Return how well something is (`findings.FindingLevel`)."""
    return texts.LEVELS[level]


def name_difference(difference: str) -> str:
    """Return how the records of two authorities differ (`statement_diff.DifferenceKind`)."""
    return texts.DIFFERENCES[difference]


def name_remedy(done: str) -> str:
    """Return what was done about a difference (`statements.HealedDifference`)."""
    return texts.REMEDIES[done]


def list_pupil_fields() -> Mapping[str, str]:
    """Return what the columns of the extract of all pupils are called, in the order in which they are shown."""
    return texts.PUPIL_FIELDS


def name_import(stage: str) -> str:
    """Return how far a notice has come that is written for import into ONE."""
    return texts.IMPORTS[stage]


def name_account(through: str) -> str:
    """Return with which account a user signs in."""
    return _capitalise_first(texts.ACCOUNTS.get(through, through))


def name_extract(kind: str) -> str:
    """Return what a file from ONE holds."""
    return texts.EXTRACTS[kind]


def name_strength(in_hundred: int) -> str:
    """Return how strong a possible match is."""
    return next(words for least, words in texts.STRENGTHS if in_hundred >= least)


def name_audit_code(act: str, part: str, code: str) -> str:
    """Return a code in the detail of an entry of the audit log, as a sentence has it.

    Some details are several codes with spaces between them. What has no label is shown as it is.
    """
    if (act, part) == ("notice.outcome-told", "result"):
        return _name_result("told", code)
    known = texts.AUDIT_CODES.get(f"{act}/{part}", {})
    named = [known[code]] if code in known else [known.get(word, word) for word in code.split(" ")]
    return ", ".join(map(_lower_first, named)) if known else code


def name_role(role: str) -> str:
    """Return what a role is called, of a person who signs in or of an officer whom a message names."""
    return texts.ROLES.get(role) or codes.get_labels("roles").get(role, role)


def list_words() -> Sequence[tuple[str, str]]:
    """List the words that the pages use, in alphabetical order, with what they mean."""
    return sorted((_capitalise_first(word), meaning) for word, meaning in texts.WORDS.items())


def name_contact_role(role: str) -> str:
    """Return what the role of a contact on a card is called."""
    return texts.MASH_CONTACT if role == "mash" else name_role(role)


def explain_role(role: str) -> str:
    """Return what a role may do."""
    return texts.ROLE_HINTS[role]


def explain_scope(scope: str) -> tuple[str, str]:
    """Return what a connected system may do: its name, and a hint."""
    return texts.SCOPES[scope]


def name_event(event: str) -> str:
    """Return what a connected system is notified of."""
    return texts.EVENTS[event]


def explain_event(event: str) -> str:
    """Return of what a connected system is notified, for those who write it."""
    return texts.EVENTS_IN_FULL[event]


def name_expiry(kind: str, route: str = "") -> str:
    """Return what expires (`expiry.ExpiryKind`), as the heading of a row: "Card", "Certificate of the HTTPS route"."""
    text = texts.EXPIRIES[kind]
    return f"{text} of the {name_route(route)} route" if route else text


def name_route(route: str) -> str:
    """Return what a kind of route is called."""
    return texts.ROUTES.get(route, route)


def name_own_key(kind: str) -> str:
    """Return what a key of ours is called (`own_keys.KeyKind`)."""
    return texts.OWN_KEYS[kind][0]


def tell_partner_act(word: str, authority: str) -> str:
    """Say what was just done with a partner, by the word in the address of the page after it; empty for any other."""
    return texts.PARTNER_ACTS.get(word, "").format(whose=name_authority(authority))


def explain_own_key(kind: str) -> str:
    """Return what a key of ours is for (`own_keys.KeyKind`)."""
    return texts.OWN_KEYS[kind][1]


def name_key_state(state: str) -> str:
    """Return how a key of ours stands (`own_keys.KeyState`)."""
    return texts.KEY_STATES[state]


def name_protection(protection: Protection) -> str:
    """Return how a message is protected on its way."""
    return texts.PROTECTIONS[protection]


def name_restriction(restriction: RestrictionLevel) -> str:
    """Return what a level of restriction is called on a tag."""
    return texts.RESTRICTIONS[restriction]


def explain_restriction(restriction: RestrictionLevel) -> str:
    """Return what nobody may do with a case so restricted; nothing where it is not."""
    return texts.RESTRICTION_WARNINGS[restriction]


def name_inbox_sort(sort: str) -> str:
    """Return by what the inbox is sorted (`inbox_order.InboxSort`)."""
    return texts.INBOX_SORTS[sort]


def name_due_when(when: str) -> str:
    """Return when what is due is due (`inbox_order.DueWhen`)."""
    return texts.DUE_WHEN[when]


def name_unassigned() -> str:
    """Return who has a case that is assigned to nobody."""
    return texts.UNASSIGNED


def explain_left_out(reason: str, *, status: str = "", person: str = "") -> str:
    """Return why a message is left out where several are dealt with at once (`bulk_acts.LeftOut`)."""
    return texts.LEFT_OUT[reason].format(status=status, person=person)


def explain_filled_in(source: str) -> str:
    """Return from what a notice was filled in (`prefill.FilledFrom`)."""
    return texts.FILLED_FROM[source]


def name_filled_in() -> str:
    """Return how a task stands that was filled in, and at which nobody has looked."""
    return texts.FILLED_IN_STATUS


def name_visit_result(code: str) -> str:
    """Return what came of a visit (`visits.VisitResult`)."""
    return texts.VISIT_RESULTS[code]


def describe_case_note(kind: str, on: str = "", result: str = "", decided_by: str = "") -> str:
    """Return what was written down about a case; of a visit, on which day it was and what came of it; of a decision,
    who made it and when.
    """
    if not (on and (result or decided_by)):
        return texts.CASE_NOTES[kind]
    came = name_visit_result(result).lower() if result else ""
    return texts.CASE_NOTES[f"{kind}/on"].format(on=on, result=came, decided_by=decided_by)


def describe_away(person: str, until: str, deputy: str = "") -> str:
    """Return how somebody is named who is away, until when, and who stands in for them."""
    return texts.AWAY["deputy" if deputy else ""].format(person=person, until=until, deputy=deputy)


def name_urgent() -> str:
    """Return what the tag of a message about the safety of a child says."""
    return texts.URGENT_TAG


def explain_urgent(reason: str) -> str:
    """Return what a message says that makes it urgent (`urgency.UrgentReason`): the end of a sentence about it."""
    return texts.URGENT_REASONS[reason]


def tell_whom_to_call(side: str, contact: str, partner: str) -> str:
    """Return whom an officer calls about the safety of a child: `ours` or `theirs`; or about a restriction missed."""
    text = texts.URGENT_CALLS[side] if contact else texts.URGENT_CALLS.get(f"{side}/unknown", texts.URGENT_CALLS[side])
    return text.format(contact=contact, partner=name_authority(partner))


def warn_of_no_alert() -> str:
    """Return that a notice is no alert."""
    return texts.NOT_AN_ALERT


def _write_email_part(table: Mapping[str, str], part: str, count: int, names: Mapping[str, str]) -> str:
    """Return a part of an email about so many things: the form for one of them, where there is such a form."""
    text = table.get(f"{part}/one") if count == 1 else None
    return (text or table[part]).format(count=count, **names)


def write_urgent_part(part: str, count: int = 0, **names: str) -> str:
    """Return a part of the email to the service manager about so many urgent notices."""
    return _write_email_part(texts.URGENT_EMAIL, part, count, names)


def name_summary_line(line: str) -> str:
    """Return the question of a line of what decides the answer to a notice."""
    return texts.SUMMARY[line]


def describe_birth(on: str, age: int, *, estimated: bool) -> str:
    """Return when a child was born, and its age."""
    return (texts.BORN_ESTIMATED if estimated else texts.BORN).format(on=on, age=age)


def describe_child(name: str, on: str) -> str:
    """Return who it is: a name, and when they were born."""
    return texts.CHILD_BORN.format(name=name, on=on)


def count_more(first: str, count: int) -> str:
    """Return the first of some, with how many more there are."""
    return texts.MORE.format(first=first, count=count) if count > 0 else first


def describe_date(happened: str, on: str) -> str:
    """Return what happened when, as "Off roll 23 October 2026."."""
    return texts.SUMMARY_DATES[happened].format(on=on)


def describe_restriction(restriction: RestrictionLevel, reason: str, review_on: str) -> str:
    """Return how far a child's data may be shared, why, and when that is looked at again."""
    level = name_restriction(restriction)
    known = texts.SUMMARY_RESTRICTION.format(level=level, reason=_lower_first(reason)) if reason else level
    return texts.SUMMARY_REVIEW.format(restriction=known, on=review_on) if review_on else known


def name_missing_value(what: Literal["address", "withheld", "siblings", "dates"]) -> str:
    """Return what is said where there is nothing to say."""
    return texts.MISSING_VALUES[what]


def describe_area(area: str, authority: str = "") -> str:
    """Return whether an address is in our area (`answer_facts.AreaState`)."""
    return texts.AREAS[area].format(authority=name_authority(authority))


def describe_ours(known: str, children: str = "", on: str = "") -> str:
    """Return whether a child is ours already, by what the index says and the children whom it shows."""
    return texts.ALREADY_OURS[known].format(children=children, on=on)


def describe_possible_child(child: str, reason: str) -> str:
    """Return a child of ours who may be the one, and why."""
    return texts.POSSIBLY.format(child=child, reason=name_match_reason(reason))


def describe_call_state(on: str) -> str:
    """Return whether a call is recorded, and when it was."""
    return texts.CALLED["yes" if on else "no"].format(on=on)


def name_mail_reply(code: str) -> str:
    """Return what an email reply is, or what an officer read in it (`mail_replies.MailReplyKind` and `Judgement`)."""
    return texts.MAIL_REPLIES[code]


def name_result(code: str) -> str:
    """Return what an outcome or an answer says, within a sentence."""
    return _name_result("told", code)


def name_mail_stage(stage: str, what: str) -> str:
    """Return how an email reply stands that nobody has read yet, or that does not count any more
    (`mail_replies.MailReplyStage`).
    """
    return texts.MAIL_STAGES[stage].format(what=name_mail_reply(what))


def name_code(list_name: str, code: str) -> str:
    """Return the label of a code in one of the code lists; the code itself where the list does not have it."""
    return codes.get_labels(list_name).get(code, code)


def name_authority(code: str) -> str:
    """Return the name of an authority; its code where there never was one."""
    return codes.authority_name(code) or code


def name_authority_in_full(code: str) -> str:
    """Return the name and the code of an authority: "Sandwell (333)"."""
    name = codes.authority_name(code)
    return f"{name} ({code})" if name else code


def explain_misfit(misfit: str) -> str:
    """Return why a reply has no effect on what it names (`replies.Misfit`)."""
    return texts.MISFITS[misfit]


def name_match_reason(reason: str) -> str:
    """Return why a child of ours may be the one for whom they search, or may not (`matching`)."""
    return texts.MATCH_REASONS[reason]


def join_find_reasons(reasons: Sequence[str]) -> str:
    """Return why a notice was found (`near_search`), as one text; empty where there is no reason to give."""
    return _capitalise_first("; ".join(texts.FIND_REASONS[reason] for reason in reasons))


def explain_no_matches(state: str) -> str:
    """Return why no possible match is listed (`match_state.MatchState`)."""
    return texts.WITHOUT_MATCHES.get(state, texts.NOTHING_DUE)


def ask_for_other_names() -> str:
    """Return what a reply of no trace asks of whoever searches."""
    return texts.NO_TRACE_NOTE


def explain_contradiction(contradiction: str) -> str:
    """Return in what way a partner's log is not the one that was seen (`checkpoint_rules.LogContradiction`)."""
    return texts.CONTRADICTIONS[contradiction]


def explain_witness_trouble(trouble: WitnessTrouble) -> str:
    """Return why an outside witness did not cosign, without a full stop."""
    return texts.WITNESS_TROUBLES[trouble]


def name_check(name: str) -> str:
    """Return what a check of health is about; what has no label is shown as it is called."""
    if name in texts.CHECKS:
        return texts.CHECKS[name]
    for pattern, label in texts.CHECK_PATTERNS.items():
        if match := re.fullmatch(pattern, name):
            parts = {key: _name_check_part(key, text) for key, text in match.groupdict().items()}
            return _capitalise_first(label.format(**parts))
    return name


def find_check_authority(name: str) -> str:
    """Return the authority that a check of health is about, by its code; empty where it is about none."""
    for pattern in texts.CHECK_PATTERNS:
        if match := re.fullmatch(pattern, name):
            return match.groupdict().get("authority", "")
    return ""


def _name_check_part(key: str, text: str) -> str:
    if key == "authority":
        return name_authority_in_full(text)
    return name_check(text) if key == "folder" else name_route(text)


CONNECTION_WORKS, BOTH_WAYS_WORK = texts.CONNECTION_WORKS, texts.BOTH_WAYS_WORK


def describe_held_cards(serials: str) -> str:
    """Return which cards both sides hold: four serials with hyphens between them, ours first."""
    return texts.CONNECTION_SERIALS.format(*serials.split("-"), *[""] * 4)


def name_connection_part(name: str) -> str:
    """Return what a test of the connection looked at: a route, or one of the other things."""
    return texts.CONNECTION_PARTS.get(name) or texts.CONNECTION_ROUTE.format(route=name_route(name))


def describe_action(
    action: str, kind: MessageKind | None = None, partner: str = "", authority: str = ""
) -> ActionLabel:
    """Return what an act on a notice is called (`open_actions.CaseAction`). The codes are of authorities."""
    group = GROUPS.get(kind, "reply") if kind else None
    text = texts.ACTIONS.get(f"{action}/{group}") or texts.ACTIONS[action]
    names = {
        "partner": name_authority(partner) if partner else texts.THE_OTHER_AUTHORITY,
        "authority": name_authority(authority) if authority else texts.ANOTHER_AUTHORITY,
        "notice": texts.ENQUIRY if kind == "WhereaboutsEnquiry" else texts.NOTICE,
    }
    return ActionLabel(*(part.format_map(names) for part in text))


def describe_done(done: str) -> str:
    """Return what is said of an act that was done on another page; nothing where it is none of these."""
    return texts.BANNERS.get(done, "")


def explain_small_numbers(*, shown: bool) -> str:
    """Return what a report says of its small numbers."""
    return texts.SMALL_NUMBERS["shown" if shown else "hidden"]


def write_overdue_part(part: str, count: int = 0, **names: str) -> str:
    """Return a part of the email to the service manager about what is overdue, of so many."""
    return _write_email_part(texts.OVERDUE_EMAIL, part, count, names)


def write_news_part(part: str, count: int = 0, **names: str) -> str:
    """Return a part of the email to an officer about new work, of so many."""
    return _write_email_part(texts.OFFICER_EMAIL, part, count, names)


def explain_mail_choice(choice: str) -> tuple[str, str]:
    """Return when somebody is told of new work by email: as it is chosen, and a hint."""
    return texts.MAIL_CHOICES[choice]


def write_access_part(part: str, count: int = 0, **names: str) -> str:
    """Return a part of the email to the service manager about so many changes of who sees children's records."""
    return _write_email_part(texts.ACCESS_EMAIL, part, count, names)


def describe_own_access(person: str, on: str, roles: Iterable[str], *, told: bool) -> str:
    """Return what System health says of an administrator who gave themselves access."""
    named = ", ".join(name_role(role) for role in roles)
    ending = texts.OWN_ACCESS_TOLD["told" if told else "untold"]
    return texts.OWN_ACCESS.format(person=person, on=on, roles=named, told=ending)


def explain_figure(figure: str) -> tuple[str, str]:
    """Return what one of the team's figures is called, and what it counts."""
    return texts.FIGURES[figure]


def list_figure_headings(figure: str) -> tuple[str, str, str]:
    """Return the headings of its three numbers: all, late, and due this week."""
    return texts.FIGURE_HEADINGS[figure]


def name_report(report: str) -> str:
    """Return what a report is called."""
    return texts.REPORTS[report][0]


def explain_report(report: str) -> str:
    """Return what a report is called, and what it counts."""
    return ": ".join(texts.REPORTS[report])


def explain_letter(kind: str) -> str:
    """Return what an email to a CME team is about, by the kind of its message."""
    return texts.LETTERS.get(kind, texts.OTHER_LETTER)


def explain_out_of_reach(cause: str, why: str = "") -> str:
    """Return why an authority cannot be asked."""
    return texts.OUT_OF_REACH[cause].format(why=why)


def name_in_list(code: str, way: str) -> str:
    """Return how an authority is shown in a list from which it is chosen: "Leeds (383) - by email only"."""
    reach = texts.REACH[way]
    return (
        texts.REACH_IN_LIST.format(name=name_authority(code), code=code, reach=reach) if reach else name_authority(code)
    )


def count_reached(reached: int, of_all: int) -> str:
    """Return how many of some authorities can be reached, in words."""
    return texts.REACH_COUNTED.format(reached=reached, all=of_all)


def explain_call(contact: str) -> str:
    """Return whom to call at an authority that cannot be reached; `contact` is empty where nobody is known."""
    return texts.CALL_THEM["known" if contact else "unknown"].format(contact=contact)


def explain_cannot_send(code: str, why: str, contact: str) -> str:
    """Return what is said where a notice would go to an authority that cannot be reached."""
    return texts.CANNOT_SEND.format(authority=name_authority_in_full(code), why=why, call=explain_call(contact))


def list_search_calls() -> Mapping[str, str]:
    """Return what an authority that a search could not ask may say by phone, by codes of `whereabouts_results`."""
    return texts.SEARCH_CALLS


def explain_failure(reason: str | None, partner: str) -> str:
    """Return why a message to an authority was not delivered, for an officer; `reason` is in a machine's words."""
    return texts.FAILURES[find_failure_cause(reason)].format(partner=name_authority(partner))


def explain_failed_move(kind: MessageKind) -> str:
    """Return whose move it is once a message was not delivered."""
    return texts.FAILED_MOVES["notice" if kind in GROUPS else "reply"]


def explain_search_end(way: str) -> str:
    """Return why a search is not pursued any more, by a code of `located_ways`."""
    row = next(row for row in codes.list_rows("located_ways") if row["code"] == way)
    return texts.SEARCH_ENDS["found" if row["found"] == "yes" else "not-found"].format(way=row["label"].lower())


def explain_schema_change(change: str, name: str) -> str:
    """Return how something in the database is not what it should be, by the change that would mend it."""
    return texts.SCHEMA_CHANGES.get(change, texts.OTHER_SCHEMA_CHANGE).format(name=name)
