"""Every act of the audit log as a sentence: who did what to what. No sentence says anything about a child.

The sentences are in `audit_sentences_en.py`. What a sentence does not use of the detail is told beside it. A test holds
these against the acts that the code writes.
"""

from collections.abc import Mapping, Sequence
from string import Formatter

from gateway.core import audit_sentences_en as texts
from gateway.core.audit_acts import READINGS

# What an auditor asks for, and by which beginnings of acts it is found.
KINDS: Mapping[str, tuple[str, ...]] = {
    "readings": READINGS,
    "messages": ("notice.", "message.", "receipt.", "reply."),
    "cases": ("case.", "search.", "match.", "review.", "retention.", "subject-access."),
    "drafts": ("draft.", "composition.", "one.", "children.", "postcodes."),
    "people": ("person.",),
    "systems": ("client.", "webhook."),
    "partners": ("partner.", "directory.", "correspondent.", "witness.", "statement."),
    "refused": (
        "message.refused",
        "caller.refused",
        "person.refused",
        "person.locked",
        "client.refused",
        "notice.rejected",
        "route.strange",
    ),
    "gateway": ("gateway.", "backup.", "card.", "index.", "keys.", "expiry.", "mailbox.", "route.", "caller."),
    "log": ("audit.", "report.", "outside-witness."),
}


def explain_act(act: str, parts: Mapping[str, str]) -> str:
    """Return the sentence on an act; one that has none is named as it is called."""
    return _find_sentence(act, parts).format_map(_Parts(parts))


def _find_sentence(act: str, parts: Mapping[str, object]) -> str:
    """Return the sentence on one of its kind, or on many."""
    many = texts.TOGETHER.get(act) if "count" in parts else None
    return many or (texts.SENTENCES | texts.BEFORE).get(act, texts.UNKNOWN_ACT.format(act=act))


def find_unexplained(act: str, detail: Mapping[str, object]) -> dict[str, str]:
    """Return what the sentence leaves out of the detail."""
    used = {name for _, name, _, _ in Formatter().parse(_find_sentence(act, detail)) if name}
    return {name.replace("-", " "): str(value) for name, value in detail.items() if name not in used}


def name_act(act: str) -> str:
    """Return an act in general."""
    general = dict.fromkeys(("who", "about", "to", "from"), texts.SOMEONE) | dict.fromkeys(
        ("partner", "owner"), texts.AN_AUTHORITY
    )
    sentence = texts.SENTENCES[act]
    # particulars of one entry
    for end in (" (", ": {", ". "):
        sentence = sentence.partition(end)[0]
    for specific, general_form in texts.IN_GENERAL.items():
        sentence = sentence.replace(specific, general_form)
    general_sentence = sentence.format_map(_Plenty(general)).rstrip(".")
    return general_sentence[0].upper() + general_sentence[1:]


class _Parts(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return texts.NOT_SAID


class _Plenty(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return texts.SOME


def list_acts(kind: str) -> tuple[str, ...]:
    """Return the acts of a kind; of one act, itself; none where there is no such kind or act."""
    if kind in KINDS:
        return tuple(act for act in texts.SENTENCES if act.startswith(KINDS[kind]))
    return (kind,) if kind in texts.SENTENCES else ()


def list_options() -> Sequence[tuple[str, str]]:
    """Return what an auditor may ask for, with its name: kinds of acts, then every act alone, by name."""
    acts = sorted(((act, name_act(act)) for act in texts.SENTENCES), key=lambda act_and_name: act_and_name[1])
    return (*((kind, texts.KINDS[kind]) for kind in KINDS), *acts)
