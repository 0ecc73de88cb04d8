"""What a gateway does on a full disk, and on one that cannot be written: run in a mount namespace, it says what came of
it.

`python -m tests.full_disk DISK HOME NOTICE`. Each command is a process of its own, forked from this one, which does
nothing but load the gateway. Exit code 99: no file system can be mounted here.
"""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from gateway.__main__ import main as run_gateway
from tests.loaded import load_gateway

READ_ONLY = ("outbox", "send {notice}", "keys rotate", "card renew", "doctor", "serve")


def run_command(words: str, home: Path, errors: Path | None = None) -> int:
    """Run `cme-gateway` with these words: its exit code. What it complains of goes to a file, if one is named."""
    sys.stdout.flush()
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if errors:
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    sys.argv = ["cme-gateway", *words.split(), "--home", str(home)]
    run_gateway()
    sys.exit(0)


def hash_keys(home: Path) -> str:
    """Of all that a rotation replaces."""
    files = [*sorted((home / "keys").glob("*.json")), home / "card.jwt", *sorted(home.glob("tls.*"))]
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def tell_story(disk: Path, source: Path, notice: str) -> None:
    """Print what each command ends with."""
    load_gateway()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], check=False)
    if mounted.returncode:
        sys.exit(99)
    home, filler, said = disk / "333", disk / "filler", source.with_name("said")
    subprocess.run(["cp", "-r", source, home], check=True)
    subprocess.run(["sh", "-c", 'cat /dev/zero > "$1" 2>/dev/null', "sh", filler], check=False)
    print("full:", run_command(f"send {notice}", home))
    before = hash_keys(home)
    print("full, rotate:", run_command("keys rotate", home))
    print("full, renew:", run_command("card renew", home))
    if any(file.name.startswith(".") for folder in (home, home / "keys") for file in folder.iterdir()):
        print("left over")
    if hash_keys(home) == before:
        print("keys as before")
    filler.unlink()
    run_command("outbox --json", home)
    print("room again:", run_command(f"send {notice}", home))
    print("log:", run_command("audit verify", home))
    if subprocess.run(["mount", "-o", "remount,ro", disk], check=False).returncode:
        return
    for words in READ_ONLY:
        ended = run_command(words.format(notice=notice), home, said)
        print(f"read-only, {words}: {ended}")
        complaint = said.read_text()
        if "store.read-only" not in complaint or "newest backup" in complaint:
            print(f"badly named: {words}\n{complaint}")


if __name__ == "__main__":
    tell_story(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
