"""The names in the house, counted: what one word says of a function, what stands for two things, which docstrings say
what is done.

    python -m tests.structure.test_names

prints the counts. The limits here only ever go down (or up, for docstrings). The field's own projects have 11 to 48 per
cent of names in one word, 27 to 37 that repeat, 81 to 100 of docstrings that begin with a verb.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREES = ("gateway", "keys", "schemas", "adapters")
# Per cent of functions whose name is one word; of names that are defined in three or more places; of docstrings of
# functions that begin with a verb. And how many class names are defined more than once.
MOST_ONE_WORD = 31
MOST_REPEATED = 16
FEWEST_VERBS = 90
MOST_HOMONYMS = 0
# Verbs that the docstrings of this house begin with. An imperative may be a noun too, so a list is the only way to
# tell.
VERBS = frozenset(
    [
        "Accept",
        "Acknowledge",
        "Add",
        "Allow",
        "Answer",
        "Append",
        "Apply",
        "Ask",
        "Assign",
        "Attach",
        "Await",
        "Begin",
        "Bind",
        "Block",
        "Break",
        "Bring",
        "Build",
        "Call",
        "Cancel",
        "Carry",
        "Change",
        "Charge",
        "Check",
        "Choose",
        "Claim",
        "Clean",
        "Clear",
        "Close",
        "Collect",
        "Compare",
        "Compile",
        "Complete",
        "Compute",
        "Conclude",
        "Configure",
        "Confirm",
        "Connect",
        "Consider",
        "Contain",
        "Continue",
        "Convert",
        "Copy",
        "Correct",
        "Count",
        "Create",
        "Cut",
        "Deactivate",
        "Decide",
        "Decode",
        "Decrypt",
        "Delete",
        "Deliver",
        "Demand",
        "Derive",
        "Describe",
        "Destroy",
        "Divide",
        "Do",
        "Download",
        "Draw",
        "Drop",
        "Embed",
        "Empty",
        "Encode",
        "Encrypt",
        "End",
        "Enqueue",
        "Enter",
        "Escalate",
        "Escape",
        "Estimate",
        "Exclude",
        "Execute",
        "Expire",
        "Explain",
        "Export",
        "Extract",
        "Fetch",
        "File",
        "Fill",
        "Filter",
        "Find",
        "Finish",
        "Fit",
        "Flag",
        "Flatten",
        "Follow",
        "Forget",
        "Format",
        "Forward",
        "Gather",
        "Generate",
        "Get",
        "Give",
        "Go",
        "Group",
        "Guess",
        "Hand",
        "Handle",
        "Hash",
        "Have",
        "Hide",
        "Hold",
        "Ignore",
        "Import",
        "Include",
        "Index",
        "Insert",
        "Interpret",
        "Join",
        "Judge",
        "Keep",
        "Leave",
        "Let",
        "Limit",
        "List",
        "Load",
        "Lock",
        "Log",
        "Look",
        "Lower",
        "Make",
        "Map",
        "Mark",
        "Match",
        "Measure",
        "Merge",
        "Migrate",
        "Mind",
        "Move",
        "Name",
        "Narrow",
        "Normalise",
        "Note",
        "Notice",
        "Notify",
        "Number",
        "Obey",
        "Offer",
        "Open",
        "Order",
        "Pack",
        "Pair",
        "Parse",
        "Pass",
        "Pause",
        "Pick",
        "Place",
        "Point",
        "Post",
        "Prepare",
        "Print",
        "Process",
        "Propose",
        "Protect",
        "Prove",
        "Provide",
        "Publish",
        "Pull",
        "Purge",
        "Push",
        "Put",
        "Queue",
        "Quote",
        "Raise",
        "Rate",
        "Reach",
        "Reactivate",
        "Read",
        "Receive",
        "Recognise",
        "Reconcile",
        "Record",
        "Redirect",
        "Redraw",
        "Refer",
        "Refresh",
        "Refuse",
        "Register",
        "Reject",
        "Release",
        "Reload",
        "Remember",
        "Remind",
        "Remove",
        "Rename",
        "Render",
        "Renew",
        "Reopen",
        "Repeat",
        "Replace",
        "Reply",
        "Report",
        "Request",
        "Reseal",
        "Resend",
        "Reset",
        "Resolve",
        "Respond",
        "Rest",
        "Restart",
        "Restore",
        "Resume",
        "Retry",
        "Return",
        "Reverse",
        "Revoke",
        "Rotate",
        "Round",
        "Run",
        "Save",
        "Say",
        "Scale",
        "Schedule",
        "Score",
        "Scrape",
        "Seal",
        "Search",
        "See",
        "Select",
        "Send",
        "Separate",
        "Serve",
        "Set",
        "Settle",
        "Share",
        "Show",
        "Shut",
        "Sign",
        "Simplify",
        "Skip",
        "Sleep",
        "Sort",
        "Spell",
        "Split",
        "Start",
        "State",
        "Stop",
        "Store",
        "Strip",
        "Subtract",
        "Suggest",
        "Sum",
        "Summarise",
        "Suspend",
        "Switch",
        "Take",
        "Talk",
        "Tell",
        "Test",
        "Tidy",
        "Total",
        "Track",
        "Translate",
        "Treat",
        "Trim",
        "Trust",
        "Try",
        "Turn",
        "Undo",
        "Unlock",
        "Unpack",
        "Unseal",
        "Unwrap",
        "Update",
        "Upgrade",
        "Use",
        "Validate",
        "Verify",
        "View",
        "Visit",
        "Wait",
        "Walk",
        "Warn",
        "Watch",
        "Weigh",
        "Withdraw",
        "Withhold",
        "Work",
        "Wrap",
        "Write",
        "Yield",
    ]
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted, in per cent of all, and in names."""

    one_word: float
    repeated: float
    verbs: float
    homonyms: tuple[str, ...]


def count_names() -> Counts:
    """Count over every module of the product; migrations and tests are left out."""
    functions: list[str] = []
    classes: Counter[str] = Counter()
    docstrings: list[str] = []
    for tree in parse_modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                classes[node.name.lstrip("_")] += 1
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("__"):
                functions.append(node.name.strip("_"))
                if docstring := ast.get_docstring(node):
                    docstrings.append(docstring)
    places = Counter(functions)
    return Counts(
        100 * sum("_" not in name for name in functions) / len(functions),
        100 * sum(count for count in places.values() if count > 2) / len(functions),
        100 * sum(docstring.split()[0].strip(",.:;`") in VERBS for docstring in docstrings) / len(docstrings),
        tuple(sorted(name for name, count in classes.items() if count > 1)),
    )


def parse_modules() -> Iterator[ast.Module]:
    """Parse each module of the product."""
    for folder in TREES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield ast.parse(path.read_text("utf-8"))


def test_names_say_what_they_are_for() -> None:
    counts = count_names()
    assert counts.one_word <= MOST_ONE_WORD
    assert counts.repeated <= MOST_REPEATED
    assert counts.verbs >= FEWEST_VERBS
    assert len(counts.homonyms) <= MOST_HOMONYMS, counts.homonyms


if __name__ == "__main__":
    print(count_names())
