"""Compression: a body counts as what it unpacks to, and is unpacked no further; frames are never compressed."""

from __future__ import annotations

import base64
import gzip
import json
import os
import socket
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

from service.api.unpacking import Gunzip

START = "2015-01-10T00:00:00"
LIMIT = 2048
JSON = {"content-type": "application/json", "content-encoding": "gzip"}


def body(size: int) -> bytes:
    """A request of so many bytes."""
    sent = json.dumps({"series": [{"unique_id": "a", "start": START, "y": [1, 2]}]}).encode()
    return sent + b" " * (size - len(sent))


async def in_parts(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def post(http: Any, data: bytes, size: int = 64, **headers: str) -> tuple[int, Any]:
    answer = await http.post("/v1/predict", content=in_parts(data, size), headers={**JSON, **headers})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("part", [1, 64, 10**6])
async def test_what_it_unpacks_to_is_what_counts(open_inside, part: int) -> None:
    async with open_inside({"body_bytes": LIMIT}) as running:
        assert (await post(running.http, gzip.compress(body(LIMIT)), part))[0] == 200
        status, problem = await post(running.http, gzip.compress(body(LIMIT + 1)), part)
        assert (status, problem["code"], problem["limit"]) == (413, "too_large", LIMIT)


async def test_one_that_is_larger_compressed_than_plain_counts_either_way(open_inside) -> None:
    async with open_inside({"body_bytes": LIMIT}) as running:
        status, problem = await post(running.http, gzip.compress(os.urandom(LIMIT), 0))
        assert (status, problem["code"]) == (400, "malformed_json")
        announced = {"content-length": str(LIMIT + 1)}
        assert (await post(running.http, gzip.compress(body(100)), **announced))[0] == 413


async def test_a_bomb_is_unpacked_no_further_than_a_body_may_be(open_inside) -> None:
    bomb = gzip.compress(bytes(256 * 2**20), 9)  # 256 MiB
    async with open_inside({"body_bytes": 2**20}) as running:
        await post(running.http, gzip.compress(body(LIMIT)))
        tracemalloc.start()
        try:
            status, problem = await post(running.http, bomb, 2**16)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (status, problem["code"]) == (413, "too_large")
    assert most < 8 * 2**20


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        gzip.compress(body(100))[:-1],
        gzip.compress(body(100))[:20],
        gzip.compress(body(100)) + b"x",
        gzip.compress(body(100)) + gzip.compress(b" "),
        gzip.compress(body(100))[:-8] + bytes(8),
        zlib.compress(body(100)),
    ],
    ids=["plain", "cut off", "cut off early", "more behind", "two in one", "wrong checksum", "zlib"],
)
@pytest.mark.parametrize("part", [1, 10**6])
async def test_what_is_not_compressed_as_it_says_is_refused_by_name(http, data: bytes, part: int) -> None:
    status, problem = await post(http, data, part)
    assert (status, problem["code"]) == (400, "malformed_gzip")


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "gzip;q=1", "x"])
async def test_another_way_of_compressing_is_refused_by_name(http, encoding: str) -> None:
    answer = await http.post("/v1/predict", content=b"", headers={**JSON, "content-encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["identity", "GZIP", "x-gzip"])
async def test_ways_that_are_known(http, encoding: str) -> None:
    data = body(100) if encoding == "identity" else gzip.compress(body(100))
    assert (await post(http, data, **{"content-encoding": encoding}))[0] == 200


def test_no_more_is_made_than_was_asked_for() -> None:
    packed = gzip.compress(bytes(10**7))
    assert len(Gunzip().unpack(packed, 1000, last=True)) == 1000


def test_a_client_that_offers_to_compress_frames_is_served_without_it(live) -> None:
    offered = [ClientPerMessageDeflateFactory()]
    with connect(live.stream(), extensions=offered, compression=None) as stream:
        assert stream.response is not None
        assert "Sec-WebSocket-Extensions" not in stream.response.headers
        stream.send("[]")
        assert stream.recv(timeout=10) == "[]"


def test_a_frame_that_is_compressed_all_the_same_closes_its_connection_unread(live) -> None:
    host, port = live.address.split(":")
    key = base64.b64encode(os.urandom(16)).decode()
    packing = zlib.compressobj(wbits=-15)
    bomb = packing.compress(bytes(64 * 2**20)) + packing.flush(zlib.Z_SYNC_FLUSH)
    frames = live.service.edge.metrics.registry.get_sample_value("gatecast_frames_total", {"form": "msgpack"}) or 0
    with socket.create_connection((host, int(port)), timeout=20) as end:
        end.sendall(
            f"GET /v1/stream HTTP/1.1\r\nHost: {live.address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
        )
        head = end.recv(2**16)
        assert head.startswith(b"HTTP/1.1 101")
        assert b"deflate" not in head
        end.sendall(bytes([0b1100_0010, 0x80 | 127]) + len(bomb).to_bytes(8, "big") + bytes(4) + bomb)
        got = b""
        while more := end.recv(2**16):
            got += more
    assert got[:1] == b"\x88"
    assert int.from_bytes(got[2:4], "big") == 1002
    after = live.service.edge.metrics.registry.get_sample_value("gatecast_frames_total", {"form": "msgpack"}) or 0
    assert after == frames
