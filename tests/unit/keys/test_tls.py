"""The certificate of the exchange port holds under the strictest checking that Python does."""

import contextlib
import ssl
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keys import tls


def context(purpose: ssl.Purpose, folder: Path, key: bytes, certificate: bytes) -> ssl.SSLContext:
    """TLS 1.3 only, trusting this certificate and no other, and showing it."""
    both = folder / "both.pem"
    both.write_bytes(key + certificate)
    made = ssl.create_default_context(purpose, cadata=certificate.decode())
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    made.load_cert_chain(both)
    return made


def shake_hands(client: ssl.SSLObject, server: ssl.SSLObject, wires: list[ssl.MemoryBIO]) -> None:
    """Both sides in turn, in memory, until each is content. `wires`: client in, client out, server in, server out."""
    for _ in range(4):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            wires[2].write(wires[1].read())
            wires[0].write(wires[3].read())
    client.do_handshake()
    server.do_handshake()


@pytest.mark.parametrize("host", ["gateway.sandwell.example", "127.0.0.1", "::1"])
def test_mutual_tls_under_strict_checking(host: str, tmp_path: Path) -> None:
    pair = tls.self_signed(host, now=datetime.now(UTC), days=30)
    wires = [ssl.MemoryBIO() for _ in range(4)]
    client = context(ssl.Purpose.SERVER_AUTH, tmp_path, *pair).wrap_bio(wires[0], wires[1], server_hostname=host)
    server = context(ssl.Purpose.CLIENT_AUTH, tmp_path, *pair).wrap_bio(wires[2], wires[3], server_side=True)
    shake_hands(client, server, wires)
    assert client.version() == "TLSv1.3"
    assert client.getpeercert(binary_form=True) == b64decode(tls.der_base64(pair[1]))
    assert server.getpeercert(binary_form=True) == b64decode(tls.der_base64(pair[1]))


@pytest.mark.parametrize("host", ["other.example", "127.0.0.2"])
def test_another_host_is_not_this_one(host: str, tmp_path: Path) -> None:
    pair = tls.self_signed("gateway.sandwell.example", now=datetime.now(UTC), days=30)
    wires = [ssl.MemoryBIO() for _ in range(4)]
    client = context(ssl.Purpose.SERVER_AUTH, tmp_path, *pair).wrap_bio(wires[0], wires[1], server_hostname=host)
    server = context(ssl.Purpose.CLIENT_AUTH, tmp_path, *pair).wrap_bio(wires[2], wires[3], server_side=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(client, server, wires)
