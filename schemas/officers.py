"""People of other services: how their role is told in a message, whose own list has the roles of a CME team only.

The list of roles is part of the schema, which partners of every version read, so it does not grow. Where a social
worker, a lead professional or whoever is to be rung has another role, or none, it stands in words after the name, in
brackets: "Sam Invented (Social worker)". The element Role, which must be there, then says through whom at the sender
they are reached, and is not shown.
"""

import re

from schemas import codes
from schemas.message import Officer

# At the sender.
THROUGH = "cme_officer"
# Characters of a name, as the schema has it.
LONGEST = 150


def on_wire(name: str, role: str) -> tuple[str, str]:
    """Return the name and the role as a message has them. A name that leaves no room for the role is cut.

    Args:
        name: as a person entered it.
        role: a code of the list `roles`, or of `service_roles`, whose label then stands after the name.
    """
    label = codes.get_labels("service_roles").get(role)
    if label is None:
        return name, role
    return f"{name[: LONGEST - len(label) - 3].rstrip()} ({label})", THROUGH


def as_said(officer: Officer) -> tuple[str, str]:
    """Return the name and the role as a person said them: a code of `roles` or of `service_roles`."""
    match = re.fullmatch(r"(.+) \(([^()]+)\)", officer.name)
    by_label = {label: code for code, label in codes.get_labels("service_roles").items()}
    if match and match[2] in by_label:
        return match[1], by_label[match[2]]
    return officer.name, officer.role


def is_of_other_service(officer: object) -> bool:
    """Is the role in the message not the person's own? False for what is no officer."""
    return isinstance(officer, Officer) and as_said(officer)[1] not in codes.get_labels("roles")
