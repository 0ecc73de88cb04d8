"""An outside witness of our own, as C2SP tlog-witness has it: it checks, remembers, and cosigns. For tests."""

import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.context import wall_clock
from gateway.core.merkle import verify_consistency
from keys import tls
from tests.conftest import free_port


@dataclass
class Witness:
    """Its name and key, the keys of the logs that it knows by their origins, and what it cosigned last of each."""

    name: str
    logs: dict[str, list[Ed25519PublicKey]] = field(default_factory=dict)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    held: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    # Seconds by which its clock is ahead.
    ahead: int = 0
    # In the place of what it should answer.
    answers: tuple[int, str] | None = None
    asked: int = 0
    url: str = ""
    # Of its server, PEM.
    certificate: str = ""

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n\x04" + self.key.public_key().public_bytes_raw()).digest()[:4]

    @property
    def vkey(self) -> str:
        """As it publishes its key."""
        material = b"\x04" + self.key.public_key().public_bytes_raw()
        return f"{self.name}+{self.key_id.hex()}+{b64encode(material).decode()}"

    def learn(self, line: str) -> None:
        """Its operator adds the key of a log."""
        origin, _, material = line.split("+", 2)
        raw = b64decode(material)
        assert raw[:1] == b"\x01"
        self.logs.setdefault(origin, []).append(Ed25519PublicKey.from_public_bytes(raw[1:]))

    def cosign(self, text: str) -> str:
        seconds = int(wall_clock().timestamp()) + self.ahead
        signature = self.key.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
        return f"— {self.name} {b64encode(self.key_id + seconds.to_bytes(8, 'big') + signature).decode()}\n"

    async def add_checkpoint(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.answers:
            return web.Response(status=self.answers[0], text=self.answers[1])
        head, checkpoint = (await request.text()).split("\n\n", 1)
        first, *proof = head.split("\n")
        old = int(first.removeprefix("old "))
        text, stamps = checkpoint.split("\n\n", 1)
        text += "\n"
        origin, digits, root64 = text.rstrip("\n").split("\n")
        size, root = int(digits), b64decode(root64)
        if origin not in self.logs:
            return web.Response(status=404)
        if not any(self._is_signed(text, line, key) for line in stamps.splitlines() for key in self.logs[origin]):
            return web.Response(status=403)
        if old > size:
            return web.Response(status=400)
        held, held_root = self.held.get(origin, (0, b""))
        if held != old or (old == size and held_root != root):
            return web.Response(status=409, text=f"{held}\n", headers={"Content-Type": "text/x.tlog.size"})
        hashes = tuple(b64decode(line) for line in proof)
        if old and not verify_consistency(old, held_root, size, root, hashes):
            return web.Response(status=422)
        self.held[origin] = size, root
        return web.Response(text=self.cosign(text))

    def _is_signed(self, text: str, line: str, key: Ed25519PublicKey) -> bool:
        try:
            key.verify(b64decode(line.split(" ")[2])[4:], text.encode())
        except InvalidSignature:
            return False
        return True


@asynccontextmanager
async def run_witness(witness: Witness, folder: Path) -> AsyncIterator[Witness]:
    """It listens, over TLS, and writes its certificate and key into the folder."""
    key, certificate = tls.self_signed("127.0.0.1", now=wall_clock(), days=9)
    (folder / "witness.key").write_bytes(key)
    (folder / "witness.pem").write_bytes(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "witness.pem", folder / "witness.key")
    site = web.Application()
    site.router.add_post("/w1/add-checkpoint", witness.add_checkpoint)
    runner = web.AppRunner(site)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    witness.url, witness.certificate = f"https://127.0.0.1:{port}/w1", certificate.decode()
    try:
        yield witness
    finally:
        await runner.cleanup()
