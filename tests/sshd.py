"""A real OpenSSH server, started by the tests: SFTP only, one user, keys made for the occasion."""

import getpass
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.needs import need

SSHD, SFTP_SERVER = Path("/usr/sbin/sshd"), Path("/usr/lib/openssh/sftp-server")


@dataclass(frozen=True)
class Sshd:
    """A server on loopback whose users reach one folder."""

    port: int
    folder: Path
    host_key: str
    user: str
    private_key: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The folder as a card names it."""
        return f"sftp://127.0.0.1:{self.port}{self.folder}"


def new_key(path: Path) -> str:
    """Make a key pair, where there is none; its public half as a line."""
    if not path.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text().strip()


@contextmanager
def sshd(home: Path, port: int, *options: str, disk: str = "", settings: str = "") -> Iterator[Sshd]:
    """Start a server whose files lie in `home`, its SFTP with these options; stop it afterwards. The files stay.

    `settings` stand in its sshd_config before ours, so that they count; `{home}` is the folder of its keys.

    With `disk`, such as 64k, what is left in `in` lies on a disk of that size, which only the server sees.
    """
    need("OpenSSH")
    home.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        # Where it locks itself up; Debian's service makes it at boot.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    host_key = new_key(home / "host_key")
    (home / "authorized_keys").write_text(new_key(home / "login_key") + "\n")
    for name in ("in", "out"):
        (home / "files" / name).mkdir(parents=True, exist_ok=True)
    file = home / "sshd_config"
    file.write_text(
        f"{settings.format(home=home)}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {home / 'host_key'}\nPidFile"
        f" none\nAuthorizedKeysFile {home / 'authorized_keys'}\nStrictModes no\nPasswordAuthentication"
        " no\nKbdInteractiveAuthentication no\nUsePAM no\nPermitRootLogin prohibit-password\nSubsystem sftp"
        f" {' '.join((str(SFTP_SERVER), *options))}\n"
    )
    with (home / "log").open("wb") as log:
        serve = [str(SSHD), "-D", "-e", "-f", str(file)]
        mount = 'mount -t tmpfs -o "size=$1" tmpfs "$2" || exit 99; shift 2; exec "$@"'
        alone = ["unshare", "--mount", "sh", "-c", mount, "sh", disk, str(home / "files" / "in")] if disk else []
        process = subprocess.Popen([*alone, *serve], stderr=log)
    try:
        _wait(process, home / "log")
        yield Sshd(port, home / "files", host_key, getpass.getuser(), home / "login_key", process)
    finally:
        _kill(process.pid)
        process.wait()


def _kill(pid: int) -> None:
    """A process and all that come of it: each open connection has one, in a session of its own."""
    # One whose client has gone may end meanwhile.
    with suppress(FileNotFoundError, ProcessLookupError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            _kill(int(child))
        os.kill(pid, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 10
    while "Server listening" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.02)
