"""The demo's routes: every wire to Worcestershire runs through here, so that it can be cut before your eyes.

Sandwell --wire--> Worcestershire's gateway                            https
         --wire--> Birmingham's gateway, which holds its mailbox       mailbox
         --wire--> an SFTP server, where both leave and fetch          sftp
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncssh

# At the SFTP server.
USER, FOLDER = "gateways", "worcestershire"
KEYS = ("host_key", "login_key")


class Wire:
    """A wire between two ports of this machine."""

    def __init__(self, near: int, far: int) -> None:
        """Nothing passes before it is mended."""
        self._near, self._far = near, far
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.StreamWriter] = set()

    async def let_through(self) -> None:
        """Let things pass."""
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._near)

    async def break_off(self) -> None:
        """Break off whatever passes, and let in nothing more."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for end in self._passing:
                end.transport.abort()
            await asyncio.sleep(0)

    async def _carry(self, near: asyncio.StreamReader, near_end: asyncio.StreamWriter) -> None:
        try:
            far, far_end = await asyncio.open_connection("127.0.0.1", self._far)
        except OSError:
            near_end.transport.abort()
            return
        ends = {near_end, far_end}
        self._passing |= ends
        try:
            await asyncio.gather(_pass_on(near, far_end), _pass_on(far, near_end))
        finally:
            self._passing -= ends
            for end in ends:
                end.close()


async def _pass_on(source: asyncio.StreamReader, end: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while some := await source.read(65_536):
            end.write(some)
            await end.drain()
        end.close()


def make_keys(folder: Path) -> None:
    """The SFTP server's key, and the one with which both sign in."""
    for name in KEYS:
        if not (folder / name).exists():
            fresh = folder / f".{name}"
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(fresh))
            fresh.chmod(0o600)
            fresh.rename(folder / name)


def build_settings(folder: Path, port: int, *, its_own: bool) -> str:
    """What stands in gateway.toml of those who use the server; `its_own`: of the one who takes things in there."""
    login = f'\n[logins.885]\nuser = "{USER}"\nkey_file = "{(folder / "login_key").absolute()}"\n'
    if not its_own:
        return login
    host_key = asyncssh.read_private_key(str(folder / "host_key")).export_public_key().decode().strip()
    return f'{login}\n[sftp]\nurl = "sftp://127.0.0.1:{port}/{FOLDER}"\nhost_key = "{host_key}"\n'


@asynccontextmanager
async def sftp_server(folder: Path, port: int) -> AsyncIterator[None]:
    """Yield the SFTP server, for as long as inside."""
    root = folder / "files"
    for name in ("in", "out"):
        (root / FOLDER / name).mkdir(parents=True, exist_ok=True)
    login = asyncssh.read_private_key(str(folder / "login_key")).export_public_key().decode()
    server = await asyncssh.create_server(
        asyncssh.SSHServer,
        "127.0.0.1",
        port,
        server_host_keys=[str(folder / "host_key")],
        authorized_client_keys=asyncssh.import_authorized_keys(login),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root).encode()),
    )
    try:
        yield
    finally:
        server.close()
