"""Every way in which the gateway itself says no, or later. (`keys.errors` and `schemas.findings` hold theirs.)

GatewayError           code, one sentence, what to do next on a page and in a terminal, the status at the API
  StoreUnavailable       the database cannot save or read now; nothing was lost
    SigningUnavailable     nothing can be signed now; nothing was lost
      HsmUnavailable         the HSM in which our keys are does nothing now
      KeyEnded               the newest signing key here has ended, and a newer one is in another home folder
  ConfigProblem          a setting is wrong: which, on which line, what to write instead
  NotFound               there is nothing under this id
  Ambiguous              there is more than one under this id
  NotAllowed             this act is not open to this person, or not in this state
  Unfit                  a notice that its rules refuse; nothing was saved
  Unconfirmed            a notice that an officer must confirm is right; nothing was saved
  Unusable               a file or an address that cannot be used
    Doubted                a file that may be right, and that a person must check before it counts
  Busy                   it is too much for now, or takes too long; the same may be asked again

What each says is a row of `errors.csv`, by its code; where one code has several sentences, a variant tells them apart.
Words in braces are filled in by the keywords with which the error is raised. An empty `next_in_terminal` means the same
as on a page.
"""

import csv
import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Self

from keys.errors import HsmTrouble, Refusal
from schemas.findings import Finding

# what is retried may find it gone
WITHOUT_A_HAND = {"store.busy", "store.full", "store.disk", "store.unreachable", "hsm.unavailable", "hsm.no-token"}
# a supervisor need not try
NOT_BY_WAITING = {
    "store.no-such-host",
    "store.not-let-in",
    "store.no-database",
    "store.newer",
    "keys.ended",
    "hsm.no-library",
    "hsm.no-module",
    "hsm.two-tokens",
    "hsm.pin",
    "hsm.pin-last-try",
    "hsm.no-key",
    "hsm.no-mechanism",
}


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What an error says, with names in braces for what is filled in, and its status at the API."""

    status: int
    sentence: str
    next_on_page: str
    next_in_terminal: str


@cache
def read_texts() -> Mapping[tuple[str, str], ErrorText]:
    """Read the table of all errors, by code and variant. It is read when the first error is raised."""
    lines = (files("gateway") / "errors.csv").read_text("utf-8").splitlines()
    return {
        (row["code"], row["variant"]): ErrorText(
            int(row["status"]), row["sentence"], row["next_on_page"], row["next_in_terminal"] or row["next_on_page"]
        )
        for row in csv.DictReader(lines)
    }


class GatewayError(Exception):
    """Something is not as it should be."""

    exit_code = 1

    def __init__(self, code: str, variant: str = "", /, **values: object) -> None:
        """Take the words of `code` and `variant` from the table, and fill in `values`; none of them says anything about
        a child.
        """
        text = read_texts()[code, variant]
        self.code, self.status = code, text.status
        self.sentence = text.sentence.format_map(values).strip()
        self.next_on_page = text.next_on_page.format_map(values)
        self.next_in_terminal = text.next_in_terminal.format_map(values)
        super().__init__(f"{self.sentence} [{code}]")

    def with_code(self, code: str) -> Self:
        """Show another code, which says more exactly what is wrong with a file."""
        self.code = code
        return self

    def with_words_of(self, refusal: Refusal) -> Self:
        """Say what `keys` said, where it refused; the kind of error and its status stay."""
        self.code, self.sentence = refusal.code, refusal.sentence
        self.next_on_page, self.next_in_terminal = refusal.next_on_page, refusal.next_in_terminal
        return self


class StoreUnavailable(GatewayError):
    """The database cannot save or read now."""

    def __init__(self, code: str, *, passes: bool = False) -> None:
        """`passes`: it is gone in a moment, and the same work may be tried again."""
        super().__init__(code)
        self.passes = passes
        # EX_TEMPFAIL, EX_CONFIG
        self.exit_code = 75 if code in WITHOUT_A_HAND else 78 if code in NOT_BY_WAITING else 1


class SigningUnavailable(StoreUnavailable):
    """Nothing can be signed now: whoever waits for the database waits for this too, in the same way."""


class KeyEnded(SigningUnavailable):
    """The newest signing key that this process has was replaced elsewhere, and does not count any more."""

    def __init__(self) -> None:
        super().__init__("keys.ended")


class HsmUnavailable(SigningUnavailable):
    """The HSM in which our keys are is no use now: nothing can be signed, and nothing stored can be opened.

    Whoever waits for the database waits for it too, in the same way.
    """

    def __init__(self, trouble: HsmTrouble) -> None:
        """`trouble`: what is in the way."""
        super().__init__(trouble)


class ConfigProblem(GatewayError):
    """A setting is wrong."""

    # EX_CONFIG
    exit_code = 78


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
    """A file that may be right, and that a person must check before it counts."""


class Busy(GatewayError):
    """Too much at once, or it takes too long."""

    # EX_TEMPFAIL
    exit_code = 75


class Unfit(GatewayError):
    """The notice does not meet its rules; nothing of it was saved."""

    exit_code = 5

    def __init__(self, findings: Sequence[Finding]) -> None:
        """Name the findings that refuse it."""
        super().__init__("notice.unfit", problems=count_problems(findings), findings=_list_sentences(findings))
        self.findings = tuple(findings)


class Unconfirmed(GatewayError):
    """There is a doubt about the notice that nobody has confirmed; nothing of it was saved."""

    exit_code = 5

    def __init__(self, findings: Sequence[Finding]) -> None:
        """Name the doubts, and in a terminal the options that confirm them."""
        codes = sorted({finding.code for finding in findings})
        options = " ".join(f"--confirm {code}" for code in codes)
        super().__init__("notice.unconfirmed", findings=_list_sentences(findings), confirm=f"`{options}`")
        self.findings, self.codes = tuple(findings), tuple(codes)


def count_problems(findings: Sequence[Finding]) -> str:
    """Say how many problems there are: 1 problem, 2 problems."""
    return "1 problem" if len(findings) == 1 else f"{len(findings)} problems"


def _list_sentences(findings: Sequence[Finding]) -> str:
    return " ".join(finding.sentence for finding in findings)


def find_disk_error(why: OSError) -> GatewayError | None:
    """Return the error where a file was not written for want of room, or on a read-only disk; None for all else."""
    if why.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreUnavailable("store.full")
    if why.errno == errno.EROFS:
        return StoreUnavailable("store.read-only")
    return None


def too_late(status: str) -> NotAllowed:
    """Return what is said where a notice of ours has moved on to this status, so that it cannot be changed any more."""
    return NotAllowed("amend.too-late", state=status)
