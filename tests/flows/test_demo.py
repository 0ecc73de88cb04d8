"""The demo as a visitor runs it: the whole story once, over every route."""

import asyncio
import json
import re
import signal
import subprocess
import sys
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
async def test_with_keep_both_consoles_can_be_signed_in_to_until_it_is_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway", "demo", "--keep", "--no-email", "--folder", str(tmp_path / "demo")]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
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
    process.send_signal(signal.SIGINT)
    await asyncio.wait_for(process.communicate(), 100)


def test_a_folder_of_an_older_demo_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text('{"ports": {"333": 1, "885": 2}, "ids": {}}')
    done = cme_gateway("demo", "--folder", str(tmp_path))
    assert done.returncode == 1
    assert "demo.older" in done.stderr
