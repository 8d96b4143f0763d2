"""Requests that are none, or hold what is none, by kind: HTTP/1.1 as careless and hostile clients send it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz import spoiled
from tests.fuzz.frames import Frames


@dataclass(frozen=True)
class Sent:
    """Bytes of one connection; `whole`: a request to its end, which must be answered."""

    data: bytes
    whole: bool


Garbler = Callable[[random.Random, Frames, str], Sent]
PATHS = (
    "/v1/predict", "/v1/sessions/{session}/observations", "/v1/sessions/{session}/forecast",
    "/v1/sessions/{session}/corrections", "/v1/sessions/{session}/rewind", "/v1/sessions/never-made/import",
)  # fmt: skip
METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "LINK")
CHARACTERS = "/%.~!$&'()*+,;=:@-_?abz019\"<>[]\\^`{|}"
HEADERS = (
    b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: 0x5",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: identity",
    b"Host: a\r\nHost: b", b"X: " + b"a" * 70_000, b"\x00: 1", b"no colon", b": empty", b"X:\x01\x02", b"X: \xff\xfe",
    b" folded: 1",
    b"Connection: upgrade\r\nUpgrade: websocket", b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
    b"Expect: 100-continue",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 7\r\nSec-WebSocket-Key: x",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: not base64",
    b"Authorization: Bearer \xff", b"Authorization: Basic", b"Origin: null", b"Content-Encoding: gzip",
    b"Range: bytes=-1",
)  # fmt: skip


def _request(method: str, path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: gatecast", "Connection: close", *headers]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _good(chance: random.Random, good: Frames, session: str) -> bytes:
    path = chance.choice(PATHS[:3]).format(session=session)
    body = json.dumps({"series": [{"unique_id": "a", "start": "2014-07-01T00:00:00", "y": [1, 2, None]}]}).encode()
    return _request("POST", path, chance.choice((body, chance.choice(good.texts))), "Content-Type: application/json")


def body_spoiled(chance: random.Random, good: Frames, session: str) -> Sent:
    spoil = chance.choice(list(spoiled.SPOILERS.values()))
    path = chance.choice(PATHS).format(session=session)
    kind = chance.choice(
        ("application/json", "application/vnd.gatecast.session", "text/plain", "application/json; charset=x", "")
    )
    method = "PUT" if path.endswith("import") else "POST"
    return Sent(_request(method, path, spoil(chance, good)[1], f"Content-Type: {kind}"), True)


def path_spoiled(chance: random.Random, good: Frames, session: str) -> Sent:  # noqa: ARG001 (of one form)
    segment = "".join(chance.choice(CHARACTERS) for _ in range(chance.choice((1, 3, 20, 300))))
    path = chance.choice(
        ("/{}", "/v1/sessions/{}", "/v1/sessions/{}/forecast", "/v1/sessions?prefix={}", "/v1/{}?horizon={}")
    )
    return Sent(_request(chance.choice(METHODS), path.replace("{}", segment), b""), False)


def method_spoiled(chance: random.Random, good: Frames, session: str) -> Sent:  # noqa: ARG001
    path = chance.choice((*PATHS[:5], "/v1/sessions", "/v1/model", "/metrics", "/v1/stream")).format(session=session)
    return Sent(_request(chance.choice(METHODS), path, b""), False)


def header_spoiled(chance: random.Random, good: Frames, session: str) -> Sent:
    request = _good(chance, good, session)
    line, rest = request.split(b"\r\n", 1)
    return Sent(line + b"\r\n" + chance.choice(HEADERS) + b"\r\n" + rest, False)


def bits(chance: random.Random, good: Frames, session: str) -> Sent:
    data = bytearray(_good(chance, good, session))
    for _ in range(chance.choice((1, 2, 5, 30))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return Sent(bytes(data), False)


def cut_off(chance: random.Random, good: Frames, session: str) -> Sent:
    data = _good(chance, good, session)
    return Sent(data[: chance.randrange(len(data))], False)


def chunks_spoiled(chance: random.Random, good: Frames, session: str) -> Sent:  # noqa: ARG001
    head = (
        b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunks = (
    b"5\r\n{}\r\n", b"ffffffffffffffffff\r\n{", b"-1\r\n", b"z\r\n", b"2\r\n{}0\r\n\r\n",
    b"2;" + b"a" * 9000 + b"\r\n{}\r\n0\r\n\r\n",
        b"0\r\nTrailer: 1\r\n\r\nGET", b"1\r\n{\r\n" * 50,
    )  # fmt: skip
    return Sent(head + chance.choice(chunks), False)


def noise(chance: random.Random, good: Frames, session: str) -> Sent:  # noqa: ARG001
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # TLS, where none is spoken
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    return Sent(
        chance.choice((hello, preface, b"", b"\r\n" * 9, b"GET")) + chance.randbytes(chance.choice((0, 5, 90))), False
    )


GARBLERS: dict[str, Garbler] = {
    "body spoiled": body_spoiled,
    "path spoiled": path_spoiled,
    "method spoiled": method_spoiled,
    "header spoiled": header_spoiled,
    "bits flipped": bits,
    "cut off": cut_off,
    "chunks spoiled": chunks_spoiled,
    "noise": noise,
}
