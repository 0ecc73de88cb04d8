"""A scheme is joined once a person has read the fingerprint of its key with its keeper: that call opens all members."""

from dataclasses import dataclass, field

from gateway.context import Gateway
from gateway.directories.take import DirectoryChanges, apply_directory, describe_joined
from gateway.errors import NotAllowed
from gateway.store import audit_log, directories, partners
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.directories import JoinedDirectory
from keys import card, directory
from keys.directory import Directory


@dataclass(frozen=True, slots=True)
class OfferedDirectory:
    """A directory that somebody gave us, before it counts."""

    token: str = field(repr=False)
    directory: Directory
    # Of the scheme's key, to be read with the keeper.
    fingerprint: str
    # We joined this scheme before; with another key.
    before: JoinedDirectory | None


def read_offered_directory(gw: Gateway, text: str, *, new_key: bool = False) -> OfferedDirectory:
    """Read a directory that may be joined. Raises a Refusal; NotAllowed where the scheme is joined.

    `new_key`: it may be that of a scheme which we joined, under another key, as when the keeper lost the old one.
    """
    token = "".join(text.split())
    new = directory.read(token)
    directory.check_dates(new, gw.now())
    before = gw.store.look(lambda tx: directories.find_directory(tx, new.scheme))
    if before is not None and not (new_key and before.key != new.key.hex()):
        raise NotAllowed("directory.joined", scheme=new.scheme)
    return OfferedDirectory(token, new, card.compute_key_fingerprint(new.key), before)


def join_directory(gw: Gateway, offered: OfferedDirectory, told: str, url: str | None, *, by: str) -> DirectoryChanges:
    """Join a scheme whose keeper read out `told`, and take its directory. `url`: where it is fetched from now on.

    Raises NotAllowed.
    """
    if not card.is_read_out(told, offered.fingerprint):
        raise NotAllowed("directory.fingerprint" if told.strip() else "directory.unconfirmed")
    new, now = offered.directory, gw.now()
    joined = describe_joined(new, offered.token, url, now, by)

    def write_joined(tx: Tx) -> DirectoryChanges:
        directories.add_directory(tx, joined, offered.token)
        detail: dict[str, str | int] = {"scheme": new.scheme, "fingerprint": offered.fingerprint}
        if offered.before is not None:
            detail["before"] = card.compute_key_fingerprint(bytes.fromhex(offered.before.key))
        audit_log.append_entries(tx, now, [AuditEntry("directory.joined", by, detail=detail)])
        return apply_directory(tx, gw, new)

    changes = gw.store.run(write_joined)
    gw.refresh_trust()
    return changes


def leave_directory(gw: Gateway, scheme: str, *, by: str) -> int:
    """Leave a scheme: its directory is fetched and followed no more; return how many partners we have by it alone.

    They stay as they are, suspended or not, until a person removes them, or confirms them by phone. Raises NotFound.
    """

    def write_left(tx: Tx) -> int:
        directories.get_directory(tx, scheme)
        directories.delete_directory(tx, scheme)
        count = sum(partner.trusted_by == scheme for partner in partners.list_partners(tx))
        entry = AuditEntry("directory.left", by, detail={"scheme": scheme, "partners": count})
        audit_log.append_entries(tx, gw.now(), [entry])
        return count

    return gw.store.run(write_left)
