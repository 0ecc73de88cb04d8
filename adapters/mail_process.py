"""Mails are read in a process of its own: a parser's time over what strangers send has no bound, and a process can be
killed.

A thread could not be ended, and would hold the interpreter. The process gets a mail, and says in a line of JSON what it
is to us (`mail.read`), with the bytes that belong to it behind; it is begun with the first mail, and ends with its
parent.

    -> length (4 bytes), mail
    <- length of the line, length of the rest (4 bytes each), line, rest
"""

import asyncio
import json
import os
import resource
import struct
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adapters import mail
from adapters.mail import Mail
from adapters.route import Bundle, Changed, EmailReply, MailText, Returned

# For one mail: ours take milliseconds, and a machine may be busy.
SECONDS = 30.0
# Bytes: a mail of 16 MiB takes some hundred.
MAX_MEMORY = 2**30
# What a mail is, without its content.
MAX_LINE = 65_536
# Twice the largest mail.
MAX_REST = 33_554_432
# Where our own code lies, and not whatever lies in the folder we were started in.
ROOT = str(Path(__file__).parents[1])
ASKED, ANSWERED = struct.Struct("!I"), struct.Struct("!II")


class MailTooLong(Exception):  # noqa: N818 - a mail may be anything
    """Reading this mail took too long, or too much memory; nothing else was held up."""


class Reader:
    """Reads one mail at a time, in one process, which is begun anew after one over which it was killed."""

    def __init__(self) -> None:
        """Nothing is begun before the first mail."""
        self._process: asyncio.subprocess.Process | None = None
        self._alone = asyncio.Lock()

    async def read(self, raw: bytes, name: str) -> Mail:
        """Say what a mail is to us, as `mail.read` does. Raises TooLong."""
        async with self._alone:
            try:
                async with asyncio.timeout(SECONDS):
                    line, rest = await self._ask(raw)
            except (TimeoutError, EOFError, OSError, ValueError):
                await self.close()
                raise MailTooLong from None
            except BaseException:
                # Told to stop: half an answer is no answer to the next mail.
                await self.close()
                raise
        return _unpack(line, rest, name)

    async def _ask(self, raw: bytes) -> tuple[bytes, bytes]:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", __name__, env={**os.environ, "PYTHONPATH": ROOT},
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        to, back = self._process.stdin, self._process.stdout
        if to is None or back is None:
            raise OSError("no pipes")
        to.write(ASKED.pack(len(raw)))
        to.write(raw)
        await to.drain()
        line, rest = ANSWERED.unpack(await back.readexactly(ANSWERED.size))
        if line > MAX_LINE or rest > MAX_REST:
            raise ValueError("larger than an email may be")
        return await back.readexactly(line), await back.readexactly(rest)

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def serve() -> None:
    """Answer until the parent closes the pipe."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    while len(head := asked.read(ASKED.size)) == ASKED.size:
        line, rest = _pack(mail.read(asked.read(*ASKED.unpack(head)), ""))
        answers.write(ANSWERED.pack(len(line), len(rest)) + line + rest)
        answers.flush()


def _pack(what: Mail) -> tuple[bytes, bytes]:
    match what:
        case Bundle(_, holds, sender, lines):
            return _line("bundle", holds, sender), b"\n".join(lines)
        case Changed(_, sender):
            return _line("changed", sender), b""
        case Returned(_, ticket, reason, text):
            return _line("returned", ticket, reason), _text(text)
        case EmailReply(_, ticket, domain, signature, text, by_machine, is_task):
            content, der = signature or (None, b"")
            reply_text = _text(text)
            sizes = (len(reply_text), None if content is None else len(content), len(der))
            return _line("reply", ticket, domain, by_machine, is_task, *sizes), reply_text + (content or b"") + der
        case str():
            return _line(what), b""


def _line(*values: object) -> bytes:
    return json.dumps(values).encode()


def _text(text: MailText) -> bytes:
    return json.dumps(asdict(text)).encode()


def _unpack(line: bytes, rest: bytes, name: str) -> Mail:
    match json.loads(line):
        case ["bundle", ("messages" | "receipts") as holds, str(sender)]:
            return Bundle(name, holds, sender, tuple(rest.split(b"\n")))
        case ["changed", str(sender)]:
            return Changed(name, sender)
        case ["returned", str(ticket), str(reason)]:
            return Returned(name, ticket, reason, _read_text(rest))
        case ["reply", str(ticket), str(domain), bool(by_machine), bool(is_task), int(size), content, int(signed)]:
            text, rest = _read_text(rest[:size]), rest[size:]
            signature = None if not signed else (None if content is None else rest[:content], rest[content or 0 :])
            return EmailReply(name, ticket, domain, signature, text, by_machine=by_machine, is_task=is_task)
        case ["automatic"]:
            return "automatic"
    return "strange"


def _read_text(line: bytes) -> MailText:
    members: dict[str, Any] = json.loads(line)
    return MailText(**{**members, "attached": tuple(members["attached"])})


if __name__ == "__main__":
    serve()
