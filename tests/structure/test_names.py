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
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREES = ("gateway", "keys", "schemas", "adapters")
# Per cent of functions whose name is one word; of names that are defined in three or more places; of docstrings of
# functions that begin with a verb. And how many class names are defined more than once.
MOST_ONE_WORD = 20
MOST_REPEATED = 11
FEWEST_VERBS = 90
MOST_HOMONYMS = 0
# Verbs that the docstrings of this house begin with. An imperative may be a noun too, so a list is the only way to
# tell.
VERBS = """
Accept Acknowledge Add Allow Answer Append Apply Ask Assign Attach Await Begin Bind Block Break Bring Build Call
Cancel Carry Change Charge Check Choose Claim Clean Clear Close Collect Compare Compile Complete Compute Conclude
Configure Confirm Connect Consider Contain Continue Convert Copy Correct Count Create Cut Deactivate Decide Decode
Decrypt Delete Deliver Demand Derive Describe Destroy Divide Do Download Draw Drop Embed Empty Encode Encrypt End
Enqueue Enter Escalate Escape Estimate Exclude Execute Expire Explain Export Extract Fetch File Fill Filter Find
Finish Fit Flag Flatten Follow Forget Format Forward Gather Generate Get Give Go Group Guess Hand Handle Hash Have
Hide Hold Ignore Import Include Index Insert Interpret Join Judge Keep Leave Let Limit List Load Lock Log Look Lower
Make Map Mark Match Measure Merge Migrate Mind Move Name Narrow Normalise Note Notice Notify Number Obey Offer Open
Order Pack Pair Parse Pass Pause Pick Place Point Post Prepare Print Process Propose Protect Prove Provide Publish
Pull Purge Push Put Queue Quote Raise Rate Reach Reactivate Read Receive Recognise Reconcile Record Redirect Redraw
Refer Refresh Refuse Register Reject Release Reload Remember Remind Remove Rename Render Renew Reopen Repeat Replace
Reply Report Request Reseal Resend Reset Resolve Respond Rest Restart Restore Resume Retry Return Reverse Revoke
Rotate Round Run Save Say Scale Schedule Score Scrape Seal Search See Select Send Separate Serve Set Settle Share Show
Shut Sign Simplify Skip Sleep Sort Spell Split Start State Stop Store Strip Subtract Suggest Sum Summarise Suspend
Switch Take Talk Tell Test Tidy Total Track Translate Treat Trim Trust Try Turn Undo Unlock Unpack Unseal Unwrap
Update Upgrade Use Validate Verify View Visit Wait Walk Warn Watch Weigh Withdraw Withhold Work Wrap Write Yield
"""

# What a function of a module may be called in one word: the verb says it with the module's name before it, as in
# `envelope.seal`, and `root` is the word of RFC 9162 that a landed migration calls. Methods have their class before them.
SHORT = """
carrier check decode encode issue load lock main parse peek post read root seal serve sign unlock unseal verify watch
write
"""
# Names of nothing in particular: whatever they stand for has a name.
BARE = frozenset({"one", "found", "said", "kept"})
# Fields that bear such a name: those of the store are columns of tables, those of searches are members of the JSON that
# commands print, and [one] is the section of the settings for the case system ONE.
BARE_FIELDS = """
gateway.searches.match_incoming.MatchCandidate.said
gateway.searches.search.AskedAuthority.said
gateway.settings.config.Config.one
gateway.store.drafts.Draft.said
gateway.store.drafts.NewDraft.said
gateway.store.idempotency.RepeatableRequest.said
gateway.store.intake.SentRow.said
"""
# Functions in one word off the list above, and places that bind a bare name. Both only go down.
MOST_SINGLE_WORD = 0
MOST_BARE = 0


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
    for tree in parse_modules().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                classes[node.name.lstrip("_")] += 1
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("__"):
                functions.append(node.name.strip("_"))
                if docstring := ast.get_docstring(node):
                    docstrings.append(docstring)
    places, verbs = Counter(functions), frozenset(VERBS.split())
    return Counts(
        100 * sum("_" not in name for name in functions) / len(functions),
        100 * sum(count for count in places.values() if count > 2) / len(functions),
        100 * sum(docstring.split()[0].strip(",.:;`") in verbs for docstring in docstrings) / len(docstrings),
        tuple(sorted(name for name, count in classes.items() if count > 1)),
    )


@cache
def parse_modules() -> dict[str, ast.Module]:
    """Parse each module of the product, by its name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
        for folder in TREES
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts
    }


def list_single_words() -> list[str]:
    """List the public functions of modules, and what they are called, whose name is one word."""
    return [
        f"{module}.{node.name}"
        for module, tree in parse_modules().items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "_" not in node.name
    ]


def list_bare_names(node: ast.AST, place: str) -> Iterator[str]:
    """List the places that bind a bare name: a variable, a parameter, a field, a pattern, an import."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                name, inner = child.name, f"{place}.{child.name}"
            case ast.Name(id=str(word), ctx=ast.Store()) | ast.arg(arg=word) | ast.alias(asname=str(word)):
                name, inner = word, place
            case ast.MatchAs(name=str(word)) | ast.MatchStar(name=str(word)) | ast.ExceptHandler(name=str(word)):
                name, inner = word, place
            case _:
                name, inner = "", place
        if name in BARE:
            yield f"{place}.{name}"
        yield from list_bare_names(child, inner)


def test_names_say_what_they_are_for() -> None:
    counts = count_names()
    assert counts.one_word <= MOST_ONE_WORD
    assert counts.repeated <= MOST_REPEATED
    assert counts.verbs >= FEWEST_VERBS
    assert len(counts.homonyms) <= MOST_HOMONYMS, counts.homonyms


def test_public_functions_have_two_words_or_a_verb_of_the_list() -> None:
    single, short = list_single_words(), SHORT.split()
    others = [name for name in single if name.rpartition(".")[2] not in short]
    assert len(others) <= MOST_SINGLE_WORD, others
    assert len(short) <= 40
    assert set(short) <= {name.rpartition(".")[2] for name in single}


def test_a_thing_that_has_a_name_goes_by_it() -> None:
    bare = [place for module, tree in parse_modules().items() for place in list_bare_names(tree, module)]
    fields = BARE_FIELDS.split()
    assert set(fields) <= set(bare)
    others = [place for place in bare if place not in fields]
    assert len(others) <= MOST_BARE, others


if __name__ == "__main__":
    print(count_names())
    print(*list_single_words(), sep="\n")
