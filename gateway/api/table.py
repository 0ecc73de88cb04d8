"""The table of operations in docs/api.md, which a test holds against this.

python -m gateway.api.table
"""

from collections.abc import Iterator

from gateway.api.application import operations
from gateway.api.call import FORM, JSON
from gateway.api.description import EVENTS, scopes_of
from gateway.api.guard import Operation


def table() -> str:
    """Every operation: what it does, the scopes of which one must be granted, what it takes and gives."""
    return "".join(f"{row}\n" for row in _rows())


def _rows() -> Iterator[str]:
    yield "| | does | scope | takes | gives |"
    yield "|---|---|---|---|---|"
    yield f"| `POST /token` | Get an access token | the secret | `{FORM}` | `Token` |"
    for one in operations():
        scopes = " or ".join(f"`{scope}`" for scope in scopes_of(one))
        yield f"| `{one.method} {one.path}` | {one.says} | {scopes} | {_takes(one)} | {_gives(one)} |"


def _takes(one: Operation) -> str:
    forms = "" if one.kinds == (JSON,) else " in JSON or XML"
    said = [f"`{_name(one.takes)}`{forms}"] if one.takes else []
    return ", ".join([*said, *(f"`{each.name}`" for each in one.query)])


def _gives(one: Operation) -> str:
    forms = "" if one.forms == (JSON,) else " " + " or ".join(f"`{form}`" for form in one.forms)
    return f"{one.status}" + (f" `{_name(one.gives)}`" if one.gives and one.gives != "text" else "") + forms


def _name(shape: object) -> str:
    return shape.__name__ if isinstance(shape, type) else str(shape)


def events() -> str:
    """Every event of a webhook."""
    rows = "".join(f"| `{event}` | {says} |\n" for event, says in EVENTS.items())
    return f"| event | when |\n|---|---|\n{rows}"


if __name__ == "__main__":
    print(f"{table()}\n{events()}", end="")
