"""What SSH sessions are spoken in: nothing from whose beginning a third party may cut (Terrapin, CVE-2023-48795)."""

import asyncio
from pathlib import Path

import asyncssh
import pytest

from adapters.route import HandedOver, Login, Parcel, RouteAddress, TryLater
from adapters.sftp import carrier

CUTTABLE = ["chacha20-poly1305@openssh.com"]
ALIKE = ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha1"]


@pytest.mark.parametrize(
    ("ciphers", "macs", "spoken"),
    [
        (["aes256-gcm@openssh.com"], ["hmac-sha2-256"], True),
        # An old server.
        (["aes128-ctr"], ["hmac-sha2-256"], True),
        ([*CUTTABLE, "aes128-gcm@openssh.com"], ALIKE, True),
        (CUTTABLE, ["hmac-sha2-256"], False),
        (["aes256-ctr"], ALIKE, False),
        (["aes256-cbc"], ["hmac-sha2-256-etm@openssh.com"], False),
    ],
)
async def test_a_server_is_spoken_to_only_in_what_cannot_be_cut(
    tmp_path: Path, ciphers: list[str], macs: list[str], spoken: bool
) -> None:
    key, login = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "in").mkdir()
    (tmp_path / "keys").write_bytes(login.export_public_key())
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[key],
        authorized_client_keys=str(tmp_path / "keys"),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(tmp_path).encode()),
        encryption_algs=ciphers,
        mac_algs=macs,
    )
    ours = carrier()
    try:
        url, pin = f"sftp://127.0.0.1:{server.get_port()}/", key.export_public_key().decode().strip()
        signs_in = Login("sandwell", login.export_private_key())
        address = RouteAddress("333", "885", url, pin, lambda: "", signs_in, None, loopback=True)
        [attempt] = await asyncio.wait_for(ours.deliver(address, [Parcel("x", b"sealed")]), 30)
        assert isinstance(attempt, HandedOver if spoken else TryLater)
        assert [file.read_bytes() for file in (tmp_path / "in").iterdir()] == ([b"sealed"] if spoken else [])
    finally:
        await ours.close()
        server.close()
        await server.wait_closed()
