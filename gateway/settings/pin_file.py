"""The PIN of the HSM: read from its file, and never shown again once it was refused.

A note in the home folder says of which file, as it was then, the PIN was refused. So every process that has this home
folder, also after a restart, waits until somebody has written another PIN into the file.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigProblem

NOTE = "hsm-pin-refused"


@dataclass(frozen=True, slots=True)
class PinFile:
    """The file with the PIN, and the folder in which it is noted that it was refused."""

    path: Path
    folder: Path

    def read_pin(self) -> str | None:
        """Return the PIN; None where this one was refused before. Raises ConfigProblem where it cannot be read."""
        try:
            stamp, pin = self._stamp(), self.path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as why:
            reason = (why.strerror if isinstance(why, OSError) else None) or "it is not text"
            raise ConfigProblem("config.secret", path=self.path, why=reason, setting="[hsm] pin_file") from None
        with suppress(OSError):
            if (self.folder / NOTE).read_text("ascii") == stamp:
                return None
        return pin

    def note_refused(self) -> None:
        """Note that the PIN in the file, as it is now, was refused. Where nothing can be written, nothing is noted."""
        note = self.folder / NOTE
        with suppress(OSError), os.fdopen(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(self._stamp())

    def _stamp(self) -> str:
        status = self.path.stat()
        return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"
