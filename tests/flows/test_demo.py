"""The demo as a visitor runs it: the whole story once, over every route."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar

from tests.flows.test_command_line import cme_gateway
from tests.loaded import start_gateway
from tests.mail import need_servers


def tell_demo(folder: Path) -> dict[str, Any]:
    """Run the demo in a process of its own, as its gateways are, and return what it says."""
    words = ("demo", "--json", "--folder", str(folder))
    with start_gateway(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as demo:
        said, complained = demo.communicate()
    assert demo.returncode == 0, complained.decode()
    told: dict[str, Any] = json.loads(said)
    return told


@pytest.mark.slow
def test_a_leaver_in_sandwells_one_reaches_worcestershires_by_every_route(tmp_path: Path) -> None:
    need_servers()
    told = tell_demo(tmp_path / "demo")
    assert list(told["routes"].values()) == ["https", "mailbox", "sftp", "email"]
    assert told["notices"] == 10
    again = tell_demo(tmp_path / "demo")
    # Nothing was sent anew.
    assert again["routes"] == told["routes"]


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_with_keep_both_consoles_can_be_signed_in_to_until_term_ends_all_that_runs(tmp_path: Path) -> None:
    need_servers()
    process = await start_demo(tmp_path / "demo")
    assert process.stdout is not None
    said = b""
    while b"press Ctrl-C" not in said:
        line = await asyncio.wait_for(process.stdout.readline(), 100)
        assert line, said.decode()
        said += line
    found = re.findall(r"(http://127[.]0[.]0[.]1:[0-9]+)  (\S+)  (\S+)", said.decode())
    assert [name for _, name, _ in found] == ["olive@sandwell.example", "olive@worcestershire.example"]
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
        for address, name, password in found:
            typed = {"name": name, "password": password}
            async with browser.post(f"{address}/sign-in", data=typed, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (303, "/sign-in/password")
    started = list_descendants(process.pid)
    # Three gateways, Exim, Dovecot, and some of what those start themselves.
    assert len(started) >= 5
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), 100)
    await wait_until_ended(started)
    assert find_processes(tmp_path) == []

    # The same folder again: stopped while it is still starting, by a closed terminal and by Ctrl-C.
    for server, signal_sent, ended_by in (
        ("exim", signal.SIGHUP, signal.SIGTERM),
        ("serve", signal.SIGINT, signal.SIGINT),
    ):
        process = await start_demo(tmp_path / "demo")
        started = list_descendants(process.pid)
        while not any(server in read_command(pid) for pid in started):
            assert process.returncode is None
            await asyncio.sleep(0.005)
            started = list_descendants(process.pid)
        process.send_signal(signal_sent)
        said, complained = await asyncio.wait_for(process.communicate(), 100)
        assert process.returncode == 128 + ended_by, complained.decode()
        assert b"Traceback" not in complained
        await wait_until_ended([*started, *find_processes(tmp_path)])


async def start_demo(folder: Path) -> asyncio.subprocess.Process:
    words = ("demo", "--keep", "--folder", str(folder))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


def list_descendants(pid: int) -> list[int]:
    """List the processes that this one started, and those that they started."""
    # It ended in between.
    with suppress(OSError):
        children = [
            int(child)
            for thread in Path(f"/proc/{pid}/task").iterdir()
            for child in (thread / "children").read_text().split()
        ]
        return [*children, *(further for child in children for further in list_descendants(child))]
    return []


def read_command(pid: int) -> str:
    """Return the command of a process; nothing where it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def find_processes(folder: Path) -> list[int]:
    """Find the processes whose command names the demo's folder, or that of its mail servers."""
    homes = [str(folder), json.loads((folder / "demo" / "demo.json").read_text())["mail"]]
    everybody = [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit()]
    return [pid for pid in everybody if any(home in read_command(pid) for home in homes)]


async def wait_until_ended(pids: list[int]) -> None:
    """Wait until each has ended, and fail where one does not."""
    until = time.monotonic() + 10
    while running := {pid: command for pid in pids if (command := read_command(pid))}:
        assert time.monotonic() < until, running
        await asyncio.sleep(0.05)


def test_a_folder_of_an_older_demo_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text('{"ports": {"333": 1, "885": 2}, "ids": {}}')
    done = cme_gateway("demo", "--folder", str(tmp_path))
    assert done.returncode == 1
    assert "demo.older" in done.stderr
