"""PKCS#11 tokens of SoftHSM, made for a test: each is a folder, and is unplugged by moving it away."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from gateway.settings.rules import FILE

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "4711-invented"
SETTINGS = "softhsm2.conf"


@dataclass(frozen=True, slots=True)
class SoftToken:
    """One token, and where its folder is while it is plugged in, and while it is not."""

    label: str
    folder: Path
    away: Path

    def unplug(self) -> None:
        """Take it out: what works with it fails in the middle of its work."""
        self.folder.rename(self.away)

    def plug_in(self) -> None:
        """Put it back."""
        self.away.rename(self.folder)

    def write_settings(self, home: Path, *, more: str = "") -> Path:
        """Have the gateway in this home use it, with more settings of the section; return the file with the PIN."""
        pin_file = home.parent / f"{home.name}-pin"
        pin_file.touch(0o600)
        pin_file.write_text(f"{PIN}\n")
        with (home / FILE).open("a") as settings:
            settings.write(f'\n[hsm]\nmodule = "{MODULE}"\ntoken = "{self.label}"\npin_file = "{pin_file}"\n{more}')
        return pin_file


@dataclass(slots=True)
class SoftHsm:
    """All tokens of one run of tests. The library reads its settings once for each process."""

    root: Path
    made: list[SoftToken] = field(default_factory=list)

    def make_token(self, label: str | None = None) -> SoftToken:
        """Make an empty token, which is plugged in."""
        label = label or f"token-{token_hex(4)}"
        before = set(self._tokens.iterdir())
        command = [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            label,
            "--pin",
            PIN,
            "--so-pin",
            "5678-invented",
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        [folder] = set(self._tokens.iterdir()) - before
        self.made.append(SoftToken(label, folder, self.root / "away" / folder.name))
        return self.made[-1]

    @property
    def _tokens(self) -> Path:
        return self.root / "tokens"


def begin_softhsm(root: Path) -> SoftHsm:
    """Make the folders and the settings of SoftHSM; the settings are named by the variable of its environment."""
    for name in ("tokens", "away"):
        (root / name).mkdir()
    settings = root / SETTINGS
    settings.write_text(f"directories.tokendir = {root / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    return SoftHsm(root)
