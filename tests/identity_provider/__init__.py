"""A council's identity provider, started by the tests: npm `oidc-provider`; and a person's browser
that signs in there.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from threading import Timer
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from yarl import URL

from tests.npm import installed

GATEWAY = Path(__file__).parent
ANSWER = "https://console.sandwell.example/sign-in/answer"
# With what HTTP and forms would read otherwise.
SECRET = "a secret, of this test: + / % 100"
FORM = re.compile(r'<form [^>]*action="([^"]+)"')
PROMPT = re.compile(r'name="prompt" value="([a-z]+)"')
CANCEL = re.compile(r'<a href="([^"]+/abort)"')
MOST_STEPS = 12
# Seconds; it takes about two where nothing else runs.
LONGEST_START = 30
MOST_STARTS = 3


@dataclass(frozen=True)
class Made:
    """What the provider is to be."""

    accounts: Mapping[str, Mapping[str, object]]
    # With which ID tokens are signed, by client.
    algorithms: Mapping[str, str]
    methods: Sequence[str] = ("client_secret_basic", "client_secret_post")
    answer: str = ANSWER

    def told(self, port: int) -> str:
        """As the program is told."""
        clients = [
            {
                "client_id": client,
                "client_secret": SECRET,
                "redirect_uris": [self.answer],
                "id_token_signed_response_alg": algorithm,
                "token_endpoint_auth_method": self.methods[0],
            }
            for client, algorithm in self.algorithms.items()
        ]
        return json.dumps({"port": port, "accounts": self.accounts, "clients": clients, "methods": self.methods})


@contextmanager
def running(made: Made, port: int, cache: Path) -> Iterator[str]:
    """Run the provider; give its address, which is its issuer."""
    # It finds packages beside it.
    script = installed(GATEWAY, cache) / f"{os.getpid()}-{port}.mjs"
    shutil.copy(GATEWAY / "provider.js", script)
    command = ["node", "--no-warnings", str(script), made.told(port)]
    program = _start_provider(command)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        _stop_provider(program)
        script.unlink()


def _start_provider(command: Sequence[str]) -> subprocess.Popen[str]:
    """Start it. A start that says nothing is ended and tried again: Node has come to a stop before it listened."""
    for _ in range(MOST_STARTS):
        program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        deadline = Timer(LONGEST_START, program.kill)
        deadline.start()
        assert program.stdout is not None
        listens = any(line.strip() == "listening" for line in program.stdout)
        deadline.cancel()
        if listens:
            return program
        _stop_provider(program)
    raise AssertionError("the provider does not start")


def _stop_provider(program: subprocess.Popen[str]) -> None:
    program.kill()
    program.wait()
    if program.stdout is not None:
        program.stdout.close()


async def browse(address: str, person: str, *, cancel: bool = False) -> dict[str, str]:
    """Sign in as this person, from the address to which we send the browser; the query with which it comes back."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        method, form = "GET", dict[str, str]()
        for _ in range(MOST_STEPS):
            # encoded=True: as it was written, for that is what the browser is sent to
            async with browser.request(method, URL(address, encoded=True), data=form, allow_redirects=False) as page:
                text = await page.text()
                there = page.headers.get("Location", "")
            if there.startswith(ANSWER):
                return dict(parse_qsl(urlsplit(there).query))
            method, address, form = _next(address, there, text, person, cancel)
    raise AssertionError("the provider did not send the browser back")


def _next(address: str, there: str, page: str, person: str, cancel: bool) -> tuple[str, str, dict[str, str]]:
    """What a person does on this page."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    if there:
        return "GET", there if "://" in there else origin + there, {}
    if cancel:
        return "GET", unescape(CANCEL.search(page)[1]), {}  # type: ignore[index]  # a page without it fails the test
    action, prompt = FORM.search(page), PROMPT.search(page)
    assert action is not None, page
    assert prompt is not None, page
    return "POST", unescape(action[1]), {"prompt": prompt[1], "login": person, "password": "any"}
