"""An answer is read to its end, whatever a proxy makes of its framing; and to no more than its bound (CWE-400,
CWE-409).
"""

import asyncio
import gzip
import random
import ssl
import subprocess
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from adapters.bounded_answers import AnswerTooLong, read_answer
from adapters.client import Client
from adapters.https import Https
from adapters.route import NotReached, Parcel, Receipted, RouteAddress
from gateway import app
from gateway.core.delivery import DeliveryState
from gateway.exchange.send import send_notices
from keys import tls
from tests.children import notice
from tests.conftest import free_port
from tests.flows.test_exchange import Pair, state, until
from tests.needs import need

SEED = random.SystemRandom().randrange(2**32)
MOST = 300_000


def chunked(body: bytes, chance: random.Random) -> bytes:
    """RFC 9112, 7.1: in chunks of any size, with extensions and trailers."""
    parts, at = [], 0
    while at < len(body):
        size = chance.randint(1, max(1, len(body)))
        part = body[at : at + size]
        extension = chance.choice(("", ";a=b", ';name="value"'))
        parts.append(f"{len(part):x}{extension}\r\n".encode() + part + b"\r\n")
        at += size
    trailer = chance.choice((b"", b"X-Trailer: 1\r\n"))
    return b"".join(parts) + b"0\r\n" + trailer + b"\r\n"


def pack(body: bytes, chance: random.Random) -> tuple[str, bytes]:
    """RFC 9110, 8.4.1: packed in one of the ways that proxies use, or not."""
    raw = zlib.compressobj(wbits=-15)
    some = len(body) // 2
    return chance.choice(
        (
            ("", body),
            ("identity", body),
            ("gzip", gzip.compress(body)),
            ("x-gzip", gzip.compress(body)),
            ("GZIP", gzip.compress(body[:some]) + gzip.compress(body[some:])),
            ("deflate", zlib.compress(body)),
            ("deflate", raw.compress(body) + raw.flush()),
        )
    )


def frame(body: bytes, chance: random.Random) -> bytes:
    """A whole answer of HTTP/1.1 with this body, framed at random."""
    packing, packed = pack(body, chance)
    head = "HTTP/1.1 200 OK\r\nConnection: close\r\n" + (f"Content-Encoding: {packing}\r\n" if packing else "")
    match chance.choice(("length", "chunks", "close")):
        case "length":
            return f"{head}Content-Length: {len(packed)}\r\n\r\n".encode() + packed
        case "chunks":
            return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunked(packed, chance)
        case _:
            return f"{head}\r\n".encode() + packed


@asynccontextmanager
async def answering(folder: Path, answers: Iterator[bytes], chance: random.Random) -> AsyncIterator[RouteAddress]:
    """A server that writes these bytes as answers, in parts of any size, and then closes."""
    key, certificate = tls.self_signed("127.0.0.1", now=datetime.now(UTC), days=1)
    (folder / "both.pem").write_bytes(key + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if length:
            await reader.readexactly(int(length[0].split(b":")[1]))
        whole = next(answers)
        cut = sorted(chance.sample(range(len(whole)), min(5, len(whole))))
        for start, end in zip([0, *cut], [*cut, len(whole)], strict=True):
            writer.write(whole[start:end])
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield RouteAddress(
            "333", "885", f"https://127.0.0.1:{port}", tls.der_base64(certificate), lambda: "token", loopback=True
        )
    finally:
        server.close()


async def test_an_answer_is_read_to_its_end_in_every_framing(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    bodies = [chance.randbytes(chance.choice((0, 1, 100, 10_000, 200_000))) for _ in range(40)]
    client = Client()
    async with answering(tmp_path, iter([frame(body, chance) for body in bodies]), chance) as address:
        for body in bodies:
            answer = await client.send_request("GET", address, "/x", most=MOST)
            assert (answer.status, answer.body) == (200, body)
        await client.close()


async def test_receipts_hold_in_every_framing_and_with_any_line_breaks(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    texts = [b"one\ntwo", b"one\ntwo\n", b"one\r\ntwo", b"one\r\ntwo\r\n"] * 5
    carrier = Https()
    async with answering(tmp_path, iter([frame(text, chance) for text in texts]), chance) as address:
        for _ in texts:
            attempts = await carrier.deliver(address, [Parcel("1", b"a"), Parcel("2", b"b")])
            assert attempts == [Receipted("one"), Receipted("two")]
        await carrier.close()


async def test_no_answer_is_longer_than_its_bound_however_it_is_packed(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    long = [frame(b"x" * chance.choice((MOST + 1, 5_000_000)), chance) for _ in range(15)]
    bomb = zlib.compressobj(9, wbits=31)
    # 256 MiB in a quarter of one.
    packed = b"".join(bomb.compress(bytes(2**20)) for _ in range(256)) + bomb.flush()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    client = Client()
    async with answering(tmp_path, iter([*long, head + packed]), chance) as address:
        for _ in range(len(long) + 1):
            with pytest.raises(AnswerTooLong):
                await client.send_request("GET", address, "/x", most=MOST)
        await client.close()


async def test_an_answer_in_thousands_of_members_is_refused_before_they_cost_anything(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    packed = gzip.compress(b"") * (4_000_000 // 20)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    client = Client()
    async with answering(tmp_path, iter([head + packed]), chance) as address:
        began = time.process_time()
        with pytest.raises(NotReached, match="too many parts"):
            await client.send_request("GET", address, "/x", most=len(packed))
        # Unbounded, it took half a minute.
        assert time.process_time() - began < 10
        await client.close()


async def test_what_breaks_off_or_is_packed_strangely_is_an_error_that_says_so(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    whole = gzip.compress(b"y" * 1000)
    cut = whole[: chance.randrange(12, len(whole) - 1)]
    plain = b"HTTP/1.1 200 OK\r\n"
    strange = [
        plain + b"Content-Length: 100\r\n\r\nonly a part",
        plain + b"Transfer-Encoding: chunked\r\n\r\n64\r\nonly a part",
        plain + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(cut) + cut,
        plain + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
        plain + b"Content-Encoding: br\r\nContent-Length: 5\r\n\r\nplain",
        plain + b"Content-Encoding: gzip, gzip\r\nContent-Length: 5\r\n\r\nplain",
        plain + b"Content-Encoding: zstd\r\nContent-Length: 5\r\n\r\nplain",
    ]
    client = Client()
    async with answering(tmp_path, iter(strange), chance) as address:
        for _ in strange:
            with pytest.raises(NotReached):
                await client.send_request("GET", address, "/x", most=MOST)
        await client.close()


NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; gzip_http_version 1.0; gunzip off; chunked_transfer_encoding on;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_protocols TLSv1.3;
    ssl_certificate {home}/tls.pem; ssl_certificate_key {home}/tls.key;
    location / {{
      proxy_pass https://127.0.0.1:{upstream}; proxy_ssl_protocols TLSv1.3; proxy_ssl_verify off;
      proxy_http_version 1.1; proxy_buffering off; proxy_set_header Accept-Encoding ""; client_max_body_size 32m;
      add_header X-Via nginx;
    }}
  }}
}}
"""


@contextmanager
def nginx(folder: Path, home: Path, port: int, upstream: int) -> Iterator[None]:
    """Debian's nginx before a gateway's exchange port: it compresses whatever is asked, and streams it in chunks."""
    need("nginx")
    folder.mkdir()
    settings = folder / "nginx.conf"
    settings.write_text(NGINX.format(folder=folder, home=home, port=port, upstream=upstream))
    words = ["/usr/sbin/nginx", "-c", str(settings), "-p", str(folder), "-e", str(folder / "error.log")]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


async def test_notices_are_receipted_through_a_real_proxy_that_streams_and_packs(pair: Pair, tmp_path: Path) -> None:
    sandwell, worcestershire = pair
    listen = worcestershire.config.listen.port
    behind = free_port()
    worcestershire.config = replace(worcestershire.config, listen=replace(worcestershire.config.listen, port=behind))
    with nginx(tmp_path / "nginx", worcestershire.config.home, listen, behind):
        async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
            sent = send_notices(sandwell, [notice() for _ in range(5)], by="olive")
            await until(lambda: {state(sandwell, one) for one in sent} == {DeliveryState.RECEIVED})
            pinned = ssl.create_default_context(cafile=str(worcestershire.config.home / "tls.pem"))
            wanted = {"Accept-Encoding": "gzip"}
            async with aiohttp.ClientSession(auto_decompress=False) as session:
                url = f"https://127.0.0.1:{listen}/healthz"
                async with session.get(url, ssl=pinned, headers=wanted) as answer:
                    assert answer.headers["X-Via"] == "nginx"
                    assert answer.headers["Content-Encoding"] == "gzip"
                    # In chunks.
                    assert answer.content_length is None
                    assert await read_answer(answer, 100) == b"ok\n"
