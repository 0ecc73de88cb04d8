"""Every way in which the gateway itself says no, or later. (`keys.errors` and `schemas.errors` hold theirs.)

GatewayError           code, one sentence, what to do next
  StoreUnavailable       the database cannot take it in now; nothing was lost
  ConfigProblem          a setting is wrong: which, on which line, what to write instead
  NotFound               there is nothing under this id
  Ambiguous              there is more than one under this id
  NotAllowed             this act is not open to this person, or not in this state
  Unfit                  a notice that its rules refuse; nothing was kept
  Unconfirmed            a notice about which an officer must say that it is right as it stands; nothing was kept
  Unusable               a file or an address that cannot be used
    Doubted                a file that may be right, and at which a person must look before it counts
  Busy                   it is too much for now, or takes too long; the same may be asked again
"""

import errno
from collections.abc import Sequence

from schemas.findings import Finding

STORE_SENTENCES = {
    "store.busy": (
        "Another process has held the database too long.",
        "Try again; if it stays, stop the other gateway process.",
    ),
    "store.full": ("The disk is full, so nothing was taken in.", "Free some space; what is waiting goes on by itself."),
    "store.read-only": (
        "The database, or the home folder, is read-only.",
        "Give the gateway's user the right to write it, or mount its disk for writing. Nothing is lost: do not restore.",
    ),
    "store.disk": (
        "The disk did not do what was asked of it.",
        "Look at the system's log; restore from backup if the disk is failing.",
    ),
    "store.missing": (
        "The database is not there, or cannot be opened.",
        "Check [store] url, the path and its rights; if the database is gone, restore the newest backup.",
    ),
    "store.damaged": ("The database file is damaged.", "Stop the gateway and restore the newest backup."),
    "store.unreachable": ("The database server cannot be reached.", "Start it, or check [store] url in gateway.toml."),
    "store.no-such-host": (
        "No machine has the name of the database server.",
        "Check the host in [store] url in gateway.toml.",
    ),
    "store.not-let-in": (
        "The database server runs, and does not let us in: the user, its password or the server's own rules do not fit.",
        "Check the user in [store] url, the line for it in ~/.pgpass (or the file that PGPASSFILE names), and pg_hba.conf.",
    ),
    "store.no-database": (
        "The database server runs, and has no database of this name.",
        "Check the name in [store] url, or make it there with createdb.",
    ),
    "store.newer": (
        "A newer version of cme-gateway has brought this database to its shape; this version cannot use it.",
        "Install the newer version again, or restore the backup of before the upgrade. Nothing was changed.",
    ),
}
WITHOUT_A_HAND = {"store.busy", "store.full", "store.disk", "store.unreachable"}  # what is retried may find it gone
NOT_BY_WAITING = {
    "store.no-such-host",
    "store.not-let-in",
    "store.no-database",
    "store.newer",
}  # a supervisor need not try


class GatewayError(Exception):
    """Something is not as it should be."""

    exit_code = 1

    def __init__(self, code: str, sentence: str, next_step: str = "") -> None:
        """`code` is the one to look up; `sentence` is for a person; neither holds anything about a child."""
        super().__init__(f"{sentence} [{code}]")
        self.code, self.sentence, self.next_step = code, sentence, next_step


class StoreUnavailable(GatewayError):
    """The database cannot take it in now."""

    def __init__(self, code: str, *, passes: bool = False) -> None:
        """`passes`: it is gone in a moment, and the same work may be tried again."""
        super().__init__(code, *STORE_SENTENCES[code])
        self.passes = passes
        # EX_TEMPFAIL, EX_CONFIG
        self.exit_code = 75 if code in WITHOUT_A_HAND else 78 if code in NOT_BY_WAITING else 1


class ConfigProblem(GatewayError):
    """A setting is wrong."""

    exit_code = 78  # EX_CONFIG


class NotFound(GatewayError):
    """There is nothing under this id."""

    exit_code = 4


class Ambiguous(GatewayError):
    """What was named may be one of several."""

    exit_code = 2


class NotAllowed(GatewayError):
    """This may not be done."""

    exit_code = 5


class Unusable(GatewayError):
    """A file or an address cannot be used."""


class Doubted(Unusable):
    """A file that may be right, and at which a person must look before it counts."""


class Busy(GatewayError):
    """Too much at once, or it takes too long."""

    exit_code = 75  # EX_TEMPFAIL


class Unfit(GatewayError):
    """The notice does not meet its rules; nothing of it was kept."""

    exit_code = 5

    def __init__(self, findings: Sequence[Finding]) -> None:
        """The findings that refuse it."""
        super().__init__(
            "notice.unfit",
            "The notice was not sent: " + " ".join(f.sentence for f in findings),
            "Correct it and send it again.",
        )
        self.findings = tuple(findings)


class Unconfirmed(GatewayError):
    """There is a doubt about the notice that nobody has confirmed; nothing of it was kept."""

    exit_code = 5

    def __init__(self, findings: Sequence[Finding]) -> None:
        """The doubts."""
        codes = sorted({one.code for one in findings})
        super().__init__(
            "notice.unconfirmed",
            "The notice was not sent, as somebody must look at it first: " + " ".join(f.sentence for f in findings),
            f"Correct it, or say that it is right as it stands: {' '.join(f'--confirm {code}' for code in codes)}",
        )
        self.findings, self.codes = tuple(findings), tuple(codes)


def of_disk(why: OSError) -> GatewayError | None:
    """What is said where a file could not be written for want of room, or because the disk is read-only; None for all else."""
    if why.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreUnavailable("store.full")
    if why.errno == errno.EROFS:
        return StoreUnavailable("store.read-only")
    return None


def too_late(stands: str) -> NotAllowed:
    """A notice of ours has moved on, so what was wanted of it is no longer possible."""
    return NotAllowed(
        "amend.too-late", f"This notice is {stands} already.", "See `cme-gateway show` for what was said."
    )
