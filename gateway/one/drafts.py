"""Drafts: rows of extracts that an officer must look at; and what the officer makes of them.

Kept, and locked, is the row: it may say what no notice can hold, such as a name that is too long, and where the child moved may
be open. It becomes a notice when an officer sends it. Digests under our own key tell rows and children apart without a word
about them.
"""

import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from secrets import token_bytes

from sqlalchemy import Connection

from gateway.authority import SYSTEM, Authority
from gateway.errors import NotAllowed
from gateway.exchange.send import first_header, new_case, prepare, queue, what_is_known
from gateway.one import leavers
from gateway.one.extracts import EMPTY, Row
from gateway.one.leavers import Leaver
from gateway.store import drafts, intake, log
from gateway.store.drafts import Draft, Made, State
from gateway.store.log import Entry
from keys import at_rest
from keys.at_rest import Locked
from schemas.identifiers import uuid7
from schemas.message import Message, Officer, Restriction


def digest(here: Authority, *said: str) -> str:
    """A digest under our own key, for a child could be guessed from another."""
    return hmac.digest(here.ring.at_rest_key, "\0".join(said).encode(), "sha256").hex()


def leaving(here: Authority, read: Leaver, what: str) -> str:
    """By which it is remembered that something was done about this child's leaving: whom, when, and what, or where to."""
    return digest(here, *read.child, read.left_on.isoformat() if read.left_on else "", what)


def text(row: Row) -> str:
    """What a row says, in one spelling."""
    return json.dumps({name: value for name, value in row.items() if value}, sort_keys=True)


def make(
    here: Authority, row: Row, read: Leaver, name: str, reason: str, file: str, number: int, at: Draft | None
) -> Made:
    """The draft of a row, to be remembered under this name; in the place of what the draft `at` says."""
    draft_id = at.draft_id if at else uuid7(here.now(), token_bytes(10))
    said = text(row)
    locked = at_rest.lock(said.encode(), about=draft_id, ring=here.ring)
    assert locked.data_key is not None  # noqa: S101 - `lock` always makes one
    return Made(
        draft_id=draft_id,
        digest=name,
        child=digest(here, *read.child),
        said=digest(here, said),
        reason=reason,
        file=file,
        row=number,
        data_key=locked.data_key,
        content=locked.content,
    )


def keep(tx: Connection, here: Authority, made: Sequence[Made]) -> dict[str, Draft]:
    """Keep these drafts, new or in the place of what they said; by digest as they stand then."""
    before = drafts.known(tx, [one.digest for one in made])
    fresh = [one for one in made if one.digest not in before]
    again = [one for one in made if (old := before.get(one.digest)) and _says_otherwise(old, one)]
    drafts.put(tx, here.now(), fresh)
    for one in again:
        drafts.renew(tx, one)
    entries = [Entry("draft.made", SYSTEM, one.draft_id, digest=one.file) for one in fresh]
    entries += [Entry("draft.renewed", SYSTEM, before[one.digest].draft_id, digest=one.file) for one in again]
    log.append(tx, here.now(), entries)
    return drafts.known(tx, [one.digest for one in made])


def _says_otherwise(old: Draft, new: Made) -> bool:
    return old.state is State.OPEN and (old.said, old.reason) != (new.said, new.reason)


def answered(tx: Connection, here: Authority, told: Mapping[str, str]) -> None:
    """End the open drafts about these children, whose rows came again whole: by child, the message that each became."""
    entries = []
    for one in drafts.open_of(tx, list(told)):
        message_id = told[one.child]
        drafts.end(tx, here.now(), one.draft_id, State.SENT, SYSTEM, message_id=message_id)
        entries.append(Entry("draft.sent", SYSTEM, one.draft_id, detail={"message": message_id}))
    log.append(tx, here.now(), entries)


def read(here: Authority, draft_id: str, by: str) -> tuple[Draft, Row]:
    """A draft and its row, opened for a person. That it was read is an entry of the audit log. Raises NotFound."""

    def look(tx: Connection) -> tuple[Draft, Locked]:
        found = drafts.get(tx, draft_id)
        log.append(tx, here.now(), [Entry("draft.read", by, draft_id)])
        return found, Locked(*drafts.locked(tx, draft_id))

    found, locked = here.store.run(look)
    return found, _row(here, draft_id, locked)


def leaver(row: Row, ring: Officer) -> Leaver:
    """Who left, as the row of a draft says it."""
    found = leavers.leaver(row, ring)
    assert isinstance(found, Leaver)  # noqa: S101 - only what could be read became a draft
    return found


def is_restricted(here: Authority, draft_id: str) -> bool:
    """Tell whether the row of a draft, as it stands now, says that the child's data are restricted. Raises NotFound."""
    locked = here.store.look(lambda tx: Locked(*drafts.locked(tx, draft_id)))
    return leaver(_row(here, draft_id, locked), here.officer(SYSTEM)).restricted


def send(
    here: Authority,
    draft_id: str,
    to: str,
    restriction: Restriction | None,
    by: str,
    *,
    confirmed: Collection[str] = (),
) -> str:
    """Tell that authority, as an officer decides: the id of the notice. What the restriction forbids is left out.

    `confirmed`: as `send.prepare` has it.
    Raises NotFound, Unfit, Unconfirmed, a keys.errors.Refusal, or NotAllowed where it was sent already, or where the child's data are or may
    be restricted, and how far they may be shared is not said.
    """
    locked = here.store.look(lambda tx: Locked(*drafts.locked(tx, draft_id)))
    who = leaver(_row(here, draft_id, locked), here.officer(by))
    if restriction is None and (who.restricted or who.unsaid):
        raise NotAllowed(
            "draft.restriction",
            "The child's data are restricted, or the file does not say whether they are.",
            "Say how far they may be shared: --restriction none, address-withheld or phone-only.",
        )
    notice = leavers.restricted(who.notice, restriction or who.notice.restriction)
    message = Message(first_header(here, new_case(here), to), notice)
    known = what_is_known(here, [message])
    if who.restricted:
        known = {name: replace(one, is_restricted=True) for name, one in known.items()}
    [ready] = prepare(here, [message], by, confirmed=confirmed, known=known)
    remembered = leaving(here, who, to)

    def write(tx: Connection) -> None:
        end_as_sent(tx, here, draft_id, remembered, ready.message_id, by)
        queue(tx, here, [ready])

    here.store.run(write)
    here.due.set()
    return ready.message_id


def end_as_sent(tx: Connection, here: Authority, draft_id: str, remembered: str, message_id: str, by: str) -> None:
    """It became this notice, and its row makes no other; `remembered` is `leaving` of it. Raises NotAllowed where it has ended."""
    drafts.end(tx, here.now(), draft_id, State.SENT, by, message_id=message_id)
    if not intake.known(tx, [remembered]):
        intake.remember(tx, here.now(), {remembered: message_id})
    log.append(tx, here.now(), [Entry("draft.sent", by, draft_id, detail={"message": message_id})])


def discard(here: Authority, draft_id: str, reason: str, by: str) -> None:
    """End a draft without a notice. Raises NotFound, or NotAllowed where it has ended."""

    def write(tx: Connection) -> None:
        drafts.get(tx, draft_id)
        drafts.end(tx, here.now(), draft_id, State.DISCARDED, by, discarded_as=reason)
        log.append(tx, here.now(), [Entry("draft.discarded", by, draft_id, detail={"reason": reason})])

    here.store.run(write)


def _row(here: Authority, draft_id: str, locked: Locked) -> Row:
    said: dict[str, str] = json.loads(at_rest.unlock(locked, about=draft_id, ring=here.ring))
    return EMPTY | said
