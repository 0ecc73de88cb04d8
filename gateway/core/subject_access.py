"""Everything held about one child, in one file: how the child must be named, and what is checked before it is given.

The file is for the council, which decides what of it is disclosed. It has no address of a restricted child, whoever
asks for it: who asks may be the person from whom the child is hidden.
"""

from collections.abc import Collection

from gateway.core.search_terms import Term
from gateway.core.typed_search import NoticeQuery

# Any of these is enough to tell one child from another.
WHOLE_NAMES = (frozenset({"upn"}), frozenset({"uln"}), frozenset({"reference"}), frozenset({"name", "dob"}))
CHECKS = (
    "Who is asking: the child, a parent, or someone for them. Check their identity, and that they may ask. To be a"
    " parent is not enough.",
    "Whether it would be safe. Leave out what could cause serious harm to the child or to anyone else, or would put a"
    " child at risk of abuse. Ask the social worker or the safeguarding lead first if there is one.",
    "Whether anyone else is in it: brothers and sisters, parents, people who reported something, officers. Leave them"
    " out unless they agree, or it is reasonable without their agreement.",
    "Whether it was given in confidence, for legal advice, or for a police or court matter.",
    "The other authority in each notice has its own copy. Tell the person that they can ask that authority too.",
    "The time limit is one month from the request. Record what was disclosed, and what was left out and why.",
)
RESTRICTED = (
    "This child is restricted. Addresses, schools, contacts and notes that could show where the child lives are left"
    " out of this file. Do not add them. Do not say where the child is, or that this authority knows."
)


def names_one_child(sought: NoticeQuery) -> bool:
    """Tell whether what was typed is enough to tell one child from another."""
    kinds = {part.kind for part in sought.parts}
    return any(whole <= kinds for whole in WHOLE_NAMES)


def is_about(sought: NoticeQuery, terms: Collection[Term]) -> bool:
    """Tell whether a child who is found by these terms is the one who was typed; a reference says nothing of it."""
    parts = [part for part in sought.parts if part.kind != "reference"]
    return all(part.terms.intersection(terms) for part in parts)
