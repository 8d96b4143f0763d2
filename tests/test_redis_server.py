"""The Redis that tests run is private, keeps what it acknowledged, and can be paused."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.redis_server import RedisServer


def said(server: RedisServer, command: bytes, timeout: float = 20) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as connection:
        connection.sendall(command + b"\r\n")
        return connection.recv(1000)


def test_it_keeps_what_it_acknowledged_across_a_kill_and_a_stop_in_its_own_folder(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    for end in (server.kill, server.stop):
        server.start()
        assert said(server, b"INCR count").startswith(b":")
        end()
    server.start()
    try:
        assert said(server, b"GET count") == b"$1\r\n2\r\n"
        assert said(server, b"CONFIG GET bind").endswith(b"127.0.0.1\r\n")
    finally:
        server.stop()
    assert {path.name for path in server.folder.iterdir()} == {"appendonlydir", "redis.log"}


def test_a_paused_one_answers_nothing_until_it_is_resumed_and_can_be_ended(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        server.pause()
        with pytest.raises(TimeoutError):
            said(server, b"PING", timeout=0.2)
        server.resume()
        assert said(server, b"PING") == b"+PONG\r\n"
        server.pause()
    finally:
        server.stop()
    with pytest.raises(ConnectionRefusedError):
        said(server, b"PING")
