"""What partners saw of our audit log: the newest checkpoint of ours that each holds, asked of its gateway or read from
its file.

A log whose end was cut off looks whole by itself. Whoever was given a receipt of ours holds how long it was.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.route import NotReached
from gateway.auditing.witness import find_way_to_ask
from gateway.context import Gateway
from gateway.core import labels
from gateway.errors import Unusable
from keys.note import MAX_NOTE_CHARACTERS

QUESTION = "/log/seen"
# Three notes, and what JSON makes of their characters.
MAX_ANSWER_BYTES = 12 * MAX_NOTE_CHARACTERS
# `audit witness --json` has a few hundred bytes for each authority, and each alarm.
MAX_FILE_BYTES = 16 * 2**20


def read_seen_file(file: Path, authority: str) -> dict[str, str]:
    """Read the checkpoints of this authority in what a partner's `audit witness --json` printed, each with its place.

    Raises Unusable where the file is no such thing, or names no checkpoint of this authority.
    """
    try:
        with file.open("rb") as stream:
            printed = json.loads(stream.read(MAX_FILE_BYTES))
        rows = [row for part in ("partners", "alarms") for row in printed[part] if row["authority"] == authority]
        notes = dict.fromkeys(_list_note_texts(rows), f"{file.name}, as a partner saw us")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        notes = {}
    if not notes:
        raise Unusable("audit.not-seen", file=file, authority=labels.name_authority_in_full(authority))
    return notes


def _list_note_texts(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield from (row[name] for name in ("note", "against") if isinstance(row.get(name), str))


async def ask_seen_by_partners(gw: Gateway) -> tuple[dict[str, str], dict[str, str]]:
    """Ask each partner for the newest checkpoint of ours that it holds; return also who did not answer, and why."""
    partners = gw.trust.list_authorities()
    answers = await asyncio.gather(
        *(_ask_partner(gw, partner_code) for partner_code in partners), return_exceptions=True
    )
    notes: dict[str, str] = {}
    silent: dict[str, str] = {}
    for partner, answer in zip(partners, answers, strict=True):
        if isinstance(answer, NotReached):
            silent[partner] = str(answer)
        elif isinstance(answer, BaseException):
            raise answer
        elif answer is not None:
            notes[answer] = f"what {partner} saw of us"
    return notes, silent


async def _ask_partner(gw: Gateway, partner: str) -> str | None:
    return (await ask_for_notes(gw, partner, QUESTION)).get("checkpoint")


async def ask_for_notes(gw: Gateway, partner: str, question: str) -> dict[str, str]:
    """Ask a partner's gateway a question that it answers with signed notes, by name; what is no note is left out.

    Raises NotReached, also where its version does not know the question.
    """
    asker, address = find_way_to_ask(gw, partner)
    answer = await asker.ask(address, question, MAX_ANSWER_BYTES)
    if answer.status != 200:
        raise NotReached(f"the partner's gateway answered {answer.status}")
    try:
        members = dict(json.loads(answer.body))
    except (ValueError, TypeError, RecursionError):
        raise NotReached("the partner's gateway gave an answer that cannot be read") from None
    return {name: note for name, note in members.items() if isinstance(note, str) and len(note) <= MAX_NOTE_CHARACTERS}
