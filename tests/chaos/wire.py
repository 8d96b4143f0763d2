"""A client's end of a connection in bytes, to be cut anywhere: handshake, masked frames, and two ways of going."""

from __future__ import annotations

import socket
import struct

SHORT, MEDIUM = 126, 1 << 16
BINARY, MASKED = 0x82, 0x80


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def handshake(port: int) -> bytes:
    return (
        f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def streaming(port: int) -> socket.socket:
    """A connection on which the service has agreed to stream."""
    end = connected(port)
    end.sendall(handshake(port))
    said = b""
    while b"\r\n\r\n" not in said:
        data = end.recv(4096)
        assert data, said
        said += data
    assert said.startswith(b"HTTP/1.1 101"), said
    return end


def message(payload: bytes) -> bytes:
    """One binary message, masked with the key 0."""
    size = len(payload)
    if size < SHORT:
        head = struct.pack(">BB", BINARY, MASKED | size)
    elif size < MEDIUM:
        head = struct.pack(">BBH", BINARY, MASKED | SHORT, size)
    else:
        head = struct.pack(">BBQ", BINARY, MASKED | SHORT + 1, size)
    return head + bytes(4) + payload


def cut(end: socket.socket) -> None:
    """As a network that is gone: a reset, and nothing said."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
