"""The generator's connections find their messages however the bytes come, and name what is no answer."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bench.load.connection import Connection
from bench.load.grpc import GrpcStream
from bench.load.requests import Requests

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 4, 6, 7, 8
END_STREAM = 0x1


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server of one connection in another thread; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            taken, _ = listening.accept()
            with taken:
                answer(taken)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(timeout=10)
        assert not thread.is_alive()


def wait(connection: Connection, count: int) -> list[bytes]:
    """So many messages; the connection never blocks, so this does."""
    found: list[bytes] = []
    connection._socket.settimeout(10)
    while len(found) < count:
        found += connection.receive()
    return found


def until(taken: socket.socket, end: bytes) -> bytes:
    """All that comes, until it ends so."""
    data = b""
    while not data.endswith(end):
        data += taken.recv(1 << 16)
    return data


def test_bodies_of_answers_come_whole_though_their_bytes_come_in_parts() -> None:
    heard: list[bytes] = []

    def answer(taken: socket.socket) -> None:
        heard.append(until(taken, b"two"))
        answers = b"HTTP/1.1 200 OK\r\nX-Content-Length: 9\r\ncontent-length: 4\r\n\r\nfour"
        answers += b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: x\r\n\r\n"
        for at in range(0, len(answers), 7):
            taken.sendall(answers[at : at + 7])

    with serving(answer) as port:
        connection = Requests(port, "/predict", {"Content-Type": "text/plain"})
        connection.send(b"one", text=True)
        connection.send(b"two", text=True)
        assert wait(connection, 2) == [b"four", b""]
        connection.close()
    first, second = heard[0].split(b"POST /predict HTTP/1.1\r\n")[1:]
    assert b"Content-Type: text/plain\r\nContent-Length: 3\r\n\r\none" in first
    assert second.endswith(b"\r\n\r\ntwo")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nwrong", "status 200 was expected.*wrong"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "says its length"),
        (b"", "closed the connection"),
    ],
)
def test_what_is_no_answer_is_named(answer: bytes, said: str) -> None:
    def serve(taken: socket.socket) -> None:
        until(taken, b"one")
        taken.sendall(answer)

    with serving(serve) as port:
        connection = Requests(port, "/", {})
        connection.send(b"one", text=True)
        with pytest.raises(ConnectionError, match=said):
            wait(connection, 1)
        connection.close()


def frame(kind: int, payload: bytes, flags: int = 0, stream: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def message(content: bytes) -> bytes:
    return struct.pack(">BI", 0, len(content)) + content


def test_messages_of_a_stream_come_whole_whatever_frames_they_are_in_and_pings_are_answered() -> None:
    heard: list[bytes] = []

    def answer(taken: socket.socket) -> None:
        heard.append(until(taken, message(b"asked")))
        both = message(b"first") + message(b"second" * 5_000)
        taken.sendall(frame(SETTINGS, b"") + frame(PING, b"12345678") + frame(HEADERS, b"x", 0x4, 1))
        for at in range(0, len(both), 9_000):
            taken.sendall(frame(DATA, both[at : at + 9_000], 0, 1))
        heard.append(until(taken, frame(PING, b"12345678", 0x1)))

    with serving(answer) as port:
        connection = GrpcStream(port, "/package.Service/Method")
        connection.send(b"asked", text=False)
        assert wait(connection, 2) == [b"first", b"second" * 5_000]
        connection.close()
    assert heard[0].startswith(PREFACE)
    assert b"\x05:path\x17/package.Service/Method" in heard[0]


def test_no_more_is_sent_than_the_server_has_room_for() -> None:
    first = 65_535  # of every window, until the server says otherwise
    heard: list[int] = []

    def answer(taken: socket.socket) -> None:
        data = b""
        while (got := data.count(b"Z")) < first - 5:
            data += taken.recv(1 << 20)
        heard.append(got)
        taken.sendall(frame(WINDOW, struct.pack(">I", 50_000)) + frame(WINDOW, struct.pack(">I", 50_000), 0, 1))
        while data.count(b"Z") < 100_000:
            data += taken.recv(1 << 20)
        taken.sendall(frame(DATA, message(b"done"), 0, 1))

    with serving(answer) as port:
        connection = GrpcStream(port, "/1")
        connection.send(b"Z" * 100_000, text=False)
        assert wait(connection, 1) == [b"done"]
        connection.close()
    assert heard == [first - 5]  # all but the five bytes before a message


@pytest.mark.parametrize("last", [frame(GOAWAY, b"why"), frame(HEADERS, b"why", END_STREAM | 0x4, 1)])
def test_a_call_that_the_server_ends_is_named(last: bytes) -> None:
    def serve(taken: socket.socket) -> None:
        until(taken, message(b"asked"))
        taken.sendall(last)

    with serving(serve) as port:
        connection = GrpcStream(port, "/1")
        connection.send(b"asked", text=False)
        with pytest.raises(ConnectionError, match="ended the call"):
            wait(connection, 1)
        connection.close()
