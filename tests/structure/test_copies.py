"""What is locked at rest is opened in few places, and a copy of a message in one, where who looks must be said."""

import re
from pathlib import Path

GATEWAY = Path(__file__).parents[2] / "gateway"
# Only `audit verify` takes copies of messages by another way: it holds each against its entry, and shows nothing of it.
TAKES_A_COPY = re.compile(r"\b(?:get_locked_notice|get_locked_message|list_locked_notices|list_locked_messages)\(")


def test_nobody_takes_a_copy_of_a_message_past_the_one_place_that_logs_the_view() -> None:
    takers = {str(path.relative_to(GATEWAY)) for path in GATEWAY.rglob("*.py") if TAKES_A_COPY.search(path.read_text())}
    assert {taker for taker in takers if not taker.startswith("store/")} == {"copies.py"}


# What each of them opens.
UNLOCKS = {
    "access/sign_in.py": "the secret of a person's codes",
    "auditing/hold_against_store.py": "copies, held against the log by `audit verify`, which shows nothing of them",
    "case_systems/idempotency.py": "what the API answered, for the connected system that asks again",
    "case_systems/webhooks.py": "the secret of a webhook",
    "casework/by_hand.py": "what was told on the telephone, with the case that is viewed",
    "casework/by_mail.py": "emails that answer a notice, with the case that is viewed",
    "casework/case_notes.py": "what officers wrote down for themselves, with the case that is viewed",
    "casework/compose.py": "half-written notices, for who writes them",
    "copies.py": "copies of messages",
    "exchange/known_children.py": "rows of the same index, for the machine that compares",
    "one/drafts.py": "drafts made of leavers files",
    "retention/legal_holds.py": "what was written down about a legal hold, with the case or the list of holds",
    "searches/call_list.py": "what was told on the telephone, with the search that is viewed",
    "searches/children_index.py": "the index of our own children, for the machine that matches, and for who begins a notice about one",
    "searches/match_incoming.py": "possible matches",
}


def test_only_these_modules_open_what_is_locked_at_rest() -> None:
    """A module that is new here opens what may be about a child: think of who sees it, and of its entry in the log."""
    texts = {str(path.relative_to(GATEWAY)): path.read_text() for path in GATEWAY.rglob("*.py")}
    assert {name for name, text in texts.items() if re.search(r"\bat_rest\.unlock\b", text)} == UNLOCKS.keys()
    other_ways = re.compile(r"from keys\.at_rest import [^\n]*\bunlock\b|import keys\.at_rest|at_rest as ")
    assert [name for name, text in texts.items() if other_ways.search(text)] == []
