"""Whoever may write into a folder that we share puts links, pipes, devices and second names there: nothing in our home
moves.

CWE-59; the class of Cleo's CVE-2024-50623 and -55956.
"""

import asyncio
import os
import random
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from gateway import home_folder
from gateway.context import Gateway
from gateway.core.findings import FindingLevel
from gateway.monitoring import health
from gateway.one import imports, share, watched_folder
from gateway.searches import children_index
from gateway.settings.sections import OneSettings
from gateway.store import children as index
from tests import folders
from tests.conftest import make
from tests.flows.test_exchange import Pair
from tests.flows.test_imports import accepted
from tests.flows.test_imports import pair as pair

LEAVERS = b"Surname,Forename,Date of Birth,Date of Leaving,Restricted\nInvented,Ada,2015-06-01,2026-10-23,Y\n"
KINDS: tuple[tuple[str, Callable[[Gateway, Path], Awaitable[int]]], ...] = (
    ("leavers", folders.take_in_leavers),
    ("answers", folders.take_in_answers),
    ("children", folders.take_in_children),
)
OLD = (time.time() - 600, time.time() - 600)


@pytest.fixture
def gw(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose folder is shared."""
    made = make(tmp_path / "333", "333", "Sandwell")
    (tmp_path / "one").mkdir()
    made.config = replace(made.config, one=OneSettings(str(tmp_path / "one")))
    yield made
    made.store.close()


def secrets(home: Path) -> dict[str, str]:
    """Every file of the home that is no database and none that was taken in, by what is in it."""
    own = (one for one in home.rglob("*") if one.is_file() and not one.name.startswith("store.db"))
    return {
        str(one): sha256(one.read_bytes()).hexdigest()
        for one in own
        if watched_folder.TAKEN_IN not in one.relative_to(home).parts
    }


def targets(home: Path) -> list[Path]:
    return [home / "passphrase", *(home / "keys").iterdir(), home / "gateway.toml", Path("/dev/zero"), home / "keys"]


def hostile(chance: random.Random, place: Path, aims: list[Path]) -> None:
    """Put something under this name that is no plain file of theirs."""
    with suppress(OSError):
        place.unlink()
    with suppress(OSError):
        match chance.randrange(6):
            case 0 | 1:
                place.symlink_to(chance.choice(aims))
            case 2:
                os.mkfifo(place)
            case 3:
                place.hardlink_to(chance.choice([one for one in aims if one.is_file()]))
            case 4:
                place.mkdir()
            case _:
                place.write_bytes(LEAVERS)
                os.utime(place, OLD)


@pytest.mark.parametrize(("kind", "take_in"), KINDS)
async def test_a_link_in_the_shared_folder_is_never_followed(
    gw: Gateway, tmp_path: Path, kind: str, take_in: Callable[[Gateway, Path], Awaitable[int]]
) -> None:
    """While files are taken in, somebody swaps names for links again and again, those of our own folders among them."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance, folder, home = random.Random(seed), tmp_path / "one", gw.config.home
    before, aims, stop = secrets(home), targets(home), threading.Event()
    names = [f"{stem}{ending}" for stem in ("leavers", "peek", "new\nline", "ä'; --") for ending in (".csv", ".CSV")]
    for name in ("done", "failed", "working"):
        (folder / name).symlink_to(chance.choice([home, home / "keys"]))

    def swap() -> None:
        while not stop.is_set():
            hostile(chance, folder / chance.choice(names), aims)
            if chance.random() < 0.05:
                reports = list(folder.glob("*.report.csv"))
                if reports:
                    hostile(chance, chance.choice(reports), aims)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for _ in range(40):
            await asyncio.wait_for(take_in(gw, folder), 60)
    finally:
        stop.set()
        swapping.join()
    assert secrets(home) == before
    for place in (*folders.places(home, kind), *folders.places(home, kind, "failed")):
        assert (place / "original").read_bytes() in (LEAVERS, b""), "nothing but theirs was read"
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    home_folder.open_gateway(home).store.close()


def test_what_is_left_is_named_with_how_many_and_since_when_and_holds_up_no_other(gw: Gateway, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    (folder / "a.csv").symlink_to(gw.config.home / "passphrase")
    (folder / "b.csv").mkdir()
    os.mkfifo(folder / "c.xml")
    (folder / "d.csv").write_bytes(LEAVERS)
    (folder / "e.csv").hardlink_to(folder / "d.csv")
    with (folder / "f.csv").open("wb") as huge:
        huge.truncate(watched_folder.MAX_BYTES + 1)
    (folder / "whole.csv").write_bytes(LEAVERS)
    (folder / os.fsdecode(b"caf\xe9.csv")).write_bytes(LEAVERS)
    for name in os.listdir(folder):
        if (folder / name).is_file():
            os.utime(folder / name, OLD, follow_symlinks=False)
    assert asyncio.run(folders.take_in_leavers(gw, folder)) == 2
    found = [one for one in health.measure_health(gw).findings if one.name == "left in ONE's folder"]
    assert {one.level for one in found} == {FindingLevel.WARN}
    said = {one.sentence.partition(": ")[2].removesuffix("."): one.sentence for one in found}
    assert said.keys() == {share.NO_FILE, share.TWO_NAMES, watched_folder.TOO_LARGE}
    assert said[share.NO_FILE].startswith(f"3 not processed since {gw.now().day} ")
    assert said[share.TWO_NAMES].startswith("2 not processed")
    assert asyncio.run(folders.take_in_leavers(gw, folder)) == 0


async def test_a_file_for_one_is_new_and_is_written_through_no_link(pair: Pair, tmp_path: Path) -> None:
    """Links lie under every name that our files could have, hidden ones too."""
    gw, folder = pair[1], tmp_path / "import"
    before = secrets(gw.config.home)
    message_id = await accepted(pair)
    aim = gw.config.home / "keys" / "ring.json"
    aim = aim if aim.exists() else next(iter((gw.config.home / "keys").iterdir()))
    for name in (f".333-{message_id}.cme", ".cme-gateway", "333LLLL_CTF_885LLLL_001.xml"):
        (folder / name).symlink_to(aim)
    assert await imports.write_due(gw) == 1
    assert secrets(gw.config.home).items() >= before.items()
    assert not (folder / "333LLLL_CTF_885LLLL_002.xml").is_symlink()
    assert (folder / "333LLLL_CTF_885LLLL_002.xml").read_bytes().startswith(b"<?xml")


async def test_a_file_that_grows_under_the_index_is_left_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer goes on between the two readings: the index stays, and the whole extract takes its place later."""
    chance = random.Random(random.SystemRandom().randrange(2**32))
    gw = make(tmp_path / "333", "333", "Sandwell")
    folder, first = tmp_path / "all", chance.randint(51, 99)
    folder.mkdir()
    rows = [f"Invented-{n},Ada,2015-06-01,\n" for n in range(100)]
    file = folder / "children.csv"

    def put(some: list[str], mode: str) -> None:
        with file.open(mode) as stream:
            stream.write(("Surname,Forename,Date of Birth,Restricted\n" if mode == "w" else "") + "".join(some))
        os.utime(file, OLD)

    put(rows, "w")
    assert await folders.take_in_children(gw, folder) == 1
    put(rows[:first], "w")
    check = children_index._check_counts

    def write_on(*counts: int) -> None:
        check(*counts)
        put(rows[first:], "a")

    monkeypatch.setattr(children_index, "_check_counts", write_on)
    assert await folders.take_in_children(gw, folder) == 0
    counts = gw.store.look(index.find_current_load)
    assert counts
    assert counts.children == 100
    monkeypatch.undo()
    assert await folders.take_in_children(gw, folder) == 1
    assert folders.places(gw.config.home, "children", "failed") == []
    assert len(folders.places(gw.config.home, "children")) == 2
    gw.store.close()


TAKE = """
import asyncio, sys
from pathlib import Path
from gateway import home_folder
from gateway.monitoring import health
from gateway.one import leavers_folder, watched_folder
gw = home_folder.open_gateway(Path(sys.argv[1]))
taking = watched_folder.take_in(gw, Path(sys.argv[2]), leavers_folder.WATCHED)
print("taken", asyncio.run(taking))
for one in health.measure_health(gw).findings:
    if one.name.startswith("left in"):
        print("left", one.sentence)
"""
ELSEWHERE = """
set -u
mount -t tmpfs -o size=8m tmpfs "$1" || exit 99
printf '%s' "$4" > "$1/leavers.csv"
touch -d '1 hour ago' "$1/leavers.csv"
"$2" -c "$5" "$3" "$1"
ls "$1"
printf '%s' "$4" > "$1/leavers.csv"
touch -d '1 hour ago' "$1/leavers.csv"
mount -o remount,ro "$1"
echo "may not write"
"$2" -c "$5" "$3" "$1"
"$2" -c "$5" "$3" "$1"
mount -o remount,rw "$1"
echo "may write"
"$2" -c "$5" "$3" "$1"
ls "$1"
"""


def test_a_share_on_another_file_system_and_one_in_which_we_may_not_delete(gw: Gateway, tmp_path: Path) -> None:
    with (tmp_path / "333" / "gateway.toml").open("a") as settings:
        settings.write(f'\n[one]\nfolder = "{tmp_path / "one"}"\n')
    words = [str(tmp_path / "one"), sys.executable, str(tmp_path / "333"), LEAVERS.decode(), TAKE]
    if os.geteuid() != 0:
        pytest.skip("only root may mount a folder in which it may not delete")
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", ELSEWHERE, "sh", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode in (1, 99) and "taken" not in done.stdout:
        pytest.skip("this machine lets nobody mount a file system of their own")
    first, rest = done.stdout.split("may not write\n")
    read_only, after = rest.split("may write\n")
    assert first.startswith("taken 1\n"), done.stderr
    assert "leavers.csv" not in first.splitlines()
    assert [line for line in read_only.splitlines() if line.startswith("taken")] == ["taken 1", "taken 0"]
    assert [
        line.partition(": ")[2].removesuffix(".") for line in read_only.splitlines() if line.startswith("left")
    ] == [watched_folder.NOT_DELETED] * 2
    assert after.startswith("taken 0\n")
    assert "leavers.csv" not in after.splitlines(), "it is taken away as soon as that may be done"
    assert len(folders.places(gw.config.home, "leavers")) == 2
