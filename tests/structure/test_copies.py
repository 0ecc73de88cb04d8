"""Our copies of messages are opened in one place, where who looks into one must be said."""

import re
from pathlib import Path

GATEWAY = Path(__file__).parents[2] / "gateway"
# Only `audit verify` takes copies of messages by another way: it holds each against its entry, and shows nothing of it.
TAKES_A_COPY = re.compile(r"\b(?:get_locked_notice|get_locked_message|list_locked_notices|list_locked_messages)\(")


def test_nobody_takes_a_copy_of_a_message_past_the_one_place_that_logs_the_view() -> None:
    takers = {str(path.relative_to(GATEWAY)) for path in GATEWAY.rglob("*.py") if TAKES_A_COPY.search(path.read_text())}
    assert {taker for taker in takers if not taker.startswith("store/")} == {"copies.py"}
