"""The job that keeps directories new and keepers honest: each is fetched, and members compare which they hold.

A directory is fetched without a word of who asks, at whatever certificate the server shows, since it proves itself.
Every six hours or so each partner is asked which version it holds, and under which digest. A newer one is taken from
the partner itself, for the scheme's key signed it: so a keeper, or whoever stands before it, that holds one member
back is of no use while another has the newest. Another digest for a version that we know is proof that the keeper
signed two, once the partner has shown its text; what is only said proves nothing, and is named in Health.
"""

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from adapters.route import ANY_CERTIFICATE, Asker, NotReached, tell_nobody
from gateway.auditing.witness import find_way_to_ask
from gateway.background import run_every
from gateway.context import Gateway
from gateway.directories.succession import follow_ended, take_and_follow
from gateway.directories.take import DirectoryChanges
from gateway.errors import NotAllowed, NotFound
from gateway.logs import log_failure
from gateway.store import directories
from gateway.store.directories import MemberWord
from keys.card import ROUTE_FORMS, Route
from keys.directory import MAX_DIRECTORY_BYTES, MAX_VERSIONS
from keys.errors import Refusal, RefusalCode
from schemas.shapes import MessageId

# Seconds between two looks at what is due.
LOOK_EVERY = 30.0
FETCH_EVERY = timedelta(hours=6)
# After one that gave none.
FETCH_AGAIN = timedelta(minutes=30)
COMPARE_EVERY = timedelta(hours=6)
# Of that time, more or less, so that 152 members do not come together.
JITTER = 0.25
# Seconds in which a directory must have come; it is a megabyte or two.
FETCH_SECONDS = 60
# Partners that are asked at once, and seconds in which one must have said what it holds.
AT_ONCE = 8
ASK_SECONDS = 30
MOST_ANSWER = 65_536
MOST_SCHEMES = 32
TROUBLE_LENGTH = 200
DIGEST_LENGTH = 64


async def keep_directories_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Fetch what is due and compare with members, until told to stop."""
    compare_at: datetime | None = None
    left = set[MessageId]()

    async def keep_directories() -> None:
        nonlocal compare_at, left
        joined = await gw.store.read(directories.list_directories)
        for its in joined:
            if its.url and (its.due_at is None or its.due_at <= gw.now()):
                # Why not is noted with the scheme.
                with suppress(NotAllowed, NotReached, Refusal):
                    await fetch_directory(gw, its.scheme)
        left = await asyncio.to_thread(follow_ended, gw, left)
        if joined and (compare_at is None or compare_at <= gw.now()):
            compare_at = gw.now() + _spread_pause(COMPARE_EVERY)
            await compare_with_members(gw)

    await run_every(gw, stop, "directories", keep_directories, seconds=LOOK_EVERY, breaks_off=True)


def _spread_pause(pause: timedelta) -> timedelta:
    return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load only


async def fetch_directory(gw: Gateway, scheme: str) -> DirectoryChanges:
    """Fetch the directory of a scheme from its keeper now, and take it where it is newer.

    Raises NotFound where we did not join it; NotAllowed where no address is known; NotReached where nothing came, which
    is noted; a Refusal.
    """
    joined = await gw.store.read(lambda tx: directories.get_directory(tx, scheme))
    if not joined.url:
        raise NotAllowed("directory.no-address", scheme=scheme)
    note = partial(directories.note_directory, scheme=scheme)
    now = gw.now()
    try:
        text = await fetch_text(gw, joined.url)
    except NotReached as why:
        trouble = str(why)[:TROUBLE_LENGTH]
        again = now + _spread_pause(FETCH_AGAIN)
        await gw.store.write(lambda tx: note(tx, asked_at=now, trouble=trouble, due_at=again))
        raise
    due_at = now + _spread_pause(FETCH_EVERY)
    await gw.store.write(lambda tx: note(tx, asked_at=now, trouble=None, due_at=due_at))
    return await asyncio.to_thread(take_and_follow, gw, text, scheme)


async def fetch_text(gw: Gateway, url: str) -> str:
    """Fetch what a server gives at this address. Raises NotAllowed where it is none; NotReached."""
    base, _, name = url.rpartition("/")
    if not ROUTE_FORMS["https"].fullmatch(url) or not name or base == "https:/":
        raise NotAllowed("directory.url")
    carrier: object = gw.carriers.get("https")
    if not isinstance(carrier, Asker):
        raise NotReached("this gateway has no HTTPS route")
    address = replace(gw.build_address("", Route("https", base, "sealed")), pin=ANY_CERTIFICATE, bearer=tell_nobody)
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            answer = await carrier.ask(address, f"/{name}", MAX_DIRECTORY_BYTES)
    except TimeoutError:
        raise NotReached("the server did not answer in time") from None
    if answer.status != 200:
        raise NotReached(f"the server answered {answer.status}")
    return answer.body.decode("ascii", "replace")


async def compare_with_members(gw: Gateway) -> None:
    """Ask every partner which directories it holds. One that is away, or knows no directories, holds up no other."""
    places = asyncio.Semaphore(AT_ONCE)

    async def compare_in_turn(partner: str) -> None:
        async with places:
            await _compare_with(gw, partner)

    await asyncio.gather(*(compare_in_turn(partner) for partner in gw.trust.list_authorities()))


async def _compare_with(gw: Gateway, partner: str) -> None:
    try:
        async with asyncio.timeout(ASK_SECONDS):
            asker, address = find_way_to_ask(gw, partner)
            answer = await asker.ask(address, "/directories", MOST_ANSWER)
        for word in _read_words(gw, partner, answer.body if answer.status == 200 else b"{}"):
            with suppress(NotFound):
                await hear_word(gw, word)
    except (NotReached, TimeoutError):
        # In six hours again.
        return
    except Exception as why:  # noqa: BLE001 - nobody would notice that nothing is compared any more
        log_failure(f"comparing directories with {partner}", why)


def _read_words(gw: Gateway, partner: str, body: bytes) -> Iterator[MemberWord]:
    """Yield what a partner says that it holds, as far as it can be read."""
    try:
        told = json.loads(body)["directories"]
        rows = [(scheme, it["version"], it["digest"]) for scheme, it in told.items()][:MOST_SCHEMES]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return
    for scheme, version, digest in rows:
        is_number = type(version) is int and 0 < version <= MAX_VERSIONS + 1
        if is_number and isinstance(digest, str) and len(digest) == DIGEST_LENGTH and digest.isalnum():
            yield MemberWord(scheme, partner, version, digest, gw.now(), differs=False)


async def hear_word(gw: Gateway, word: MemberWord) -> None:
    """Compare what a member says that it holds with what we hold, and have it shown where the two are not one.

    Raises NotFound where we did not join the scheme; NotReached.
    """
    joined = await gw.store.read(lambda tx: directories.get_directory(tx, word.scheme))
    history = joined.held.history
    is_known = word.version <= len(history)
    differs = is_known and history[word.version - 1] != word.digest
    if differs or not is_known:
        differs = not await _take_shown(gw, word)
    heard = replace(word, differs=differs)
    await gw.store.write(lambda tx: directories.replace_word(tx, heard))


async def _take_shown(gw: Gateway, word: MemberWord) -> bool:
    """Have a member show what it holds, and take it; tell whether that settles how it stands with its word."""
    asker, address = find_way_to_ask(gw, word.authority)
    async with asyncio.timeout(FETCH_SECONDS):
        answer = await asker.ask(address, f"/directories/{word.scheme}", MAX_DIRECTORY_BYTES)
    if answer.status != 200:
        return False
    text = answer.body.decode("ascii", "replace")
    try:
        await asyncio.to_thread(partial(take_and_follow, gw, text, word.scheme, source=word.authority))
    except Refusal as why:
        # Then both texts are kept, and the keeper is the one who answers for it.
        return why.code == RefusalCode.DIRECTORY_FORK
    joined = await gw.store.read(lambda tx: directories.get_directory(tx, word.scheme))
    return word.version <= joined.version and joined.held.history[word.version - 1] == word.digest


def describe_held(gw: Gateway) -> dict[str, dict[str, str | int]]:
    """Return which directories we hold, for a member that asks."""
    joined = gw.store.look(directories.list_directories)
    return {it.scheme: {"version": it.version, "digest": it.held.history[-1]} for it in joined}


async def find_held_text(gw: Gateway, scheme: str) -> str | None:
    """Return the directory of a scheme as we hold it; None where we did not join it."""
    try:
        return await gw.store.read(lambda tx: directories.get_directory_text(tx, scheme))
    except NotFound:
        return None
