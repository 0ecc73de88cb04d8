"""The bare cost of a message's parts: what no design can do without, each by the least code that is still correct.

Parsed and checked against the XSD once on each side, six operations of cryptography, the bytes over one TLS 1.3
connection that is kept open, and a durable write for each batch: at the sender, at the receiver, and of the receipt.
Means, as the whole way is one: what disturbs the machine counts against both. No SQL, no HTTP, no JSON, no rules, no
audit log: what those cost is the distance between the limit and the whole way.
"""

import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Thread

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lxml import etree

from keys import algorithms, tls

ROUNDS = 1000
# A batch: at the sender, at the receiver, and of its receipts.
DURABLE_WRITES = 3
# About what a receipt with its checkpoint takes.
RECEIPT_BYTES = 700


@dataclass(frozen=True)
class Limit:
    """What one message costs at the least, in microseconds: of processor over both sides, by part; and of the disk."""

    processor: dict[str, float]
    disk: float


CORES = 2


def messages_per_second(limits: Sequence[Limit]) -> float:
    """What cores that are busy at once can do together, unless the disk can do less."""
    by_processor = CORES * fmean(1e6 / sum(one.processor.values()) for one in limits)
    return min(by_processor, 1e6 / max(one.disk for one in limits))


def measure_together(text: bytes, sealed_bytes: int, batch: int, folder: Path) -> list[Limit]:
    """The limit on each core while all are busy, as they are on the whole way: two cores are not twice one."""
    with ProcessPoolExecutor(CORES, get_context("spawn")) as pool:
        # Let them start, and import.
        list(pool.map(time.sleep, [1.0] * CORES))
        return list(pool.map(measure, *([one] * CORES for one in (text, sealed_bytes, batch, folder))))


def median_us(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median time of one call, in microseconds: what it takes when nothing disturbs it."""
    return median(_each_us(work, rounds))


def mean_us(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The mean time of one call, in microseconds: what decides how many there can be in a second,
    disturbances and all.
    """
    return fmean(_each_us(work, rounds))


def _each_us(work: Callable[[], object], rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        work()
        taken.append((time.perf_counter_ns() - began) / 1000)
    return taken


def measure(text: bytes, sealed_bytes: int, batch: int, folder: Path) -> Limit:
    """The limit for messages with this XML text, whose sealed form has so many bytes, in batches."""
    signing = Ed25519PrivateKey.generate()
    verifying, receipt = signing.public_key(), os.urandom(RECEIPT_BYTES)
    mark, receipt_mark = signing.sign(text), signing.sign(receipt)
    kem, seed = algorithms.KEMS[algorithms.DEFAULT_KEM], os.urandom(algorithms.SEED_BYTES)
    private, public = kem.private(seed), kem.public(kem.public_bytes(seed))
    # As base64url, which a JWS is.
    signed = os.urandom(len(text) * 4 // 3)
    closed = kem.suite.encrypt(signed, public, b"info")
    schema = etree.XMLSchema(etree.fromstring((files("schemas") / "message-1.xsd").read_bytes()))
    return Limit(
        {
            "parse and XSD, both sides": 2 * mean_us(lambda: schema.assertValid(etree.fromstring(text))),
            "sign": mean_us(lambda: signing.sign(text)),
            "seal": mean_us(lambda: kem.suite.encrypt(signed, public, b"info")),
            "open": mean_us(lambda: kem.suite.decrypt(closed, private, b"info")),
            "verify": mean_us(lambda: verifying.verify(mark, text)),
            "sign receipt": mean_us(lambda: signing.sign(receipt)),
            "verify receipt": mean_us(lambda: verifying.verify(receipt_mark, receipt)),
            "bytes over TLS 1.3, there and back": tls_us(sealed_bytes * batch, RECEIPT_BYTES * batch) / batch,
        },
        disk=DURABLE_WRITES * fsync_us(sealed_bytes * batch, folder) / batch,
    )


def fsync_us(size: int, folder: Path) -> float:
    """One durable write of so many bytes."""
    block = os.urandom(size)
    with TemporaryFile(dir=folder) as file:

        def sync() -> None:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())

        return mean_us(sync, rounds=30)


def tls_us(there: int, back: int) -> float:
    """The processor time of both ends for one request of so many bytes and its answer, over a kept connection."""
    server_tls, client_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    key, certificate = tls.self_signed("localhost", now=datetime.now(UTC), days=1)
    with TemporaryDirectory() as name:
        (Path(name) / "both.pem").write_bytes(key + certificate)
        server_tls.load_cert_chain(Path(name) / "both.pem")
    client_tls.load_verify_locations(cadata=certificate.decode())
    for context in (server_tls, client_tls):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    ours, theirs = socket.socketpair()
    rounds, question, answer = 40, os.urandom(there), os.urandom(back)

    def serve() -> None:
        with server_tls.wrap_socket(theirs, server_side=True) as end:
            for _ in range(rounds):
                read_exactly(end, there)
                end.sendall(answer)

    server = Thread(target=serve)
    server.start()
    with client_tls.wrap_socket(ours, server_hostname="localhost") as end:
        began = time.process_time_ns()
        for _ in range(rounds):
            end.sendall(question)
            read_exactly(end, back)
        taken = time.process_time_ns() - began
    server.join()
    return taken / rounds / 1000


def read_exactly(end: ssl.SSLSocket, size: int) -> None:
    """Read and forget."""
    buffer = bytearray(65_536)
    while size:
        size -= end.recv_into(buffer, min(size, len(buffer)))
