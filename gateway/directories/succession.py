"""An authority was merged into another: its open cases follow to its successor.

A directory says which authority follows which. By its word alone they follow where we trust the one that ended by that
directory alone; where people confirmed it by phone, a person says so, and may also where there is no directory.
"""

from collections.abc import Collection

from gateway.context import SYSTEM, Gateway
from gateway.core import labels
from gateway.directories.take import DirectoryChanges, take_directory
from gateway.errors import NotAllowed
from gateway.exchange.send_on import FollowedCases, follow_successor
from gateway.store import directories, partners
from schemas.shapes import MessageId


def find_listed_successor(gw: Gateway, authority: str) -> str | None:
    """Find which authority follows one that ended, as the directories that we joined have it; None where they do not
    say so, or not the same.
    """
    members = gw.store.look(directories.list_members)
    listed = {it.successor for it in members if it.authority == authority and it.successor}
    return next(iter(listed)) if len(listed) == 1 else None


def follow_authority(gw: Gateway, authority: str, to: str | None, *, by: str) -> tuple[str, FollowedCases]:
    """Send what is open with an authority to its successor; return which that is, and what became of it.

    `to`: the successor; None: the one that a directory names. Raises NotAllowed where none is known, or it is no other
    partner of ours.
    """
    successor = to or find_listed_successor(gw, authority)
    if successor is None:
        raise NotAllowed("follow.unknown", authority=labels.name_authority_in_full(authority))
    if successor in (authority, gw.code) or not (gw.trust.knows(successor) or gw.letters_go_to(successor)):
        raise NotAllowed("follow.no-partner", successor=labels.name_authority_in_full(successor))
    return successor, follow_successor(gw, authority, successor, by)


def take_and_follow(gw: Gateway, text: str, scheme: str, *, source: str | None = None) -> DirectoryChanges:
    """Take a directory as `take_directory` does; then have open cases follow as `follow_ended` does. Raises what that
    raises.
    """
    changes = take_directory(gw, text, scheme, source=source)
    if changes.is_taken:
        follow_ended(gw)
    return changes


def follow_ended(gw: Gateway, left: Collection[MessageId] = ()) -> set[MessageId]:
    """Have open cases follow those that a directory has ended, and whom we trusted by it alone, to their successors.

    Not only when it is taken: another process may queue a notice as that is done, or end in the middle of it. `left`:
    what could not follow before, and is not tried again. Return what cannot now.
    """
    stays = set[MessageId]()
    for partner in gw.store.look(partners.list_partners):
        if partner.switched_off_at is None or partner.trusted_by is None:
            continue
        successor = find_listed_successor(gw, partner.authority)
        if successor is not None and successor != gw.code and gw.trust.knows(successor):
            stays |= {*follow_successor(gw, partner.authority, successor, SYSTEM, left=left).left}
    return stays
