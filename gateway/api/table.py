"""The table of operations in docs/api.md, which a test holds against this.

python -m gateway.api.table
"""

from collections.abc import Iterator

from gateway.api.application import list_operations
from gateway.api.call import FORM, JSON
from gateway.api.description import scopes_of
from gateway.api.guard import Operation
from gateway.core import labels
from gateway.core.webhook_events import WebhookEvent


def build_table() -> str:
    """Every operation: what it does, the scopes of which one must be granted, what it takes and gives."""
    return "".join(f"{row}\n" for row in _rows())


def _rows() -> Iterator[str]:
    yield "| | does | scope | takes | gives |"
    yield "|---|---|---|---|---|"
    yield f"| `POST /token` | Get an access token | the secret | `{FORM}` | `Token` |"
    for operation in list_operations():
        scopes = " or ".join(f"`{scope}`" for scope in scopes_of(operation))
        does = f"`{operation.method} {operation.path}` | {operation.says}"
        yield f"| {does} | {scopes} | {_takes(operation)} | {_gives(operation)} |"


def _takes(operation: Operation) -> str:
    forms = "" if operation.kinds == (JSON,) else " in JSON or XML"
    takes = [f"`{_name(operation.takes)}`{forms}"] if operation.takes else []
    return ", ".join([*takes, *(f"`{each.name}`" for each in operation.query)])


def _gives(operation: Operation) -> str:
    forms = "" if operation.forms == (JSON,) else " " + " or ".join(f"`{form}`" for form in operation.forms)
    return (
        f"{operation.status}"
        + (f" `{_name(operation.gives)}`" if operation.gives and operation.gives != "text" else "")
        + forms
    )


def _name(shape: object) -> str:
    return shape.__name__ if isinstance(shape, type) else str(shape)


def build_events_table() -> str:
    """Every event of a webhook."""
    rows = "".join(f"| `{event}` | {labels.explain_event(event)} |\n" for event in WebhookEvent)
    return f"| event | when |\n|---|---|\n{rows}"


if __name__ == "__main__":
    print(f"{build_table()}\n{build_events_table()}", end="")
