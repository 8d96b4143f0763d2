"""HTTP/1.1 requests over one connection that is kept, one after the other, each a POST to the same path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.load.connection import Connection

_END = b"\r\n\r\n"
_OK = b"HTTP/1.1 200"
_LENGTH = b"\r\ncontent-length:"


class Requests(Connection):
    """A message is the body of a request, and that of its answer."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str]) -> None:
        super().__init__(port)
        lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *(f"{name}: {headers[name]}" for name in headers)]
        self._head = "\r\n".join([*lines, "Content-Length: "]).encode()
        self._opened()

    def send(self, payload: bytes, text: bool) -> None:  # noqa: ARG002
        self._write(b"%b%d%b%b" % (self._head, len(payload), _END, payload))

    def _messages(self) -> Iterator[bytes]:
        while (end := self._in.find(_END)) >= 0:
            head = bytes(self._in[:end])
            begin = end + len(_END)
            until = begin + _length(head)
            if len(self._in) < until:
                return
            body = bytes(memoryview(self._in)[begin:until])
            if not head.startswith(_OK):
                raise ConnectionError(f"an answer of status 200 was expected, got: {head + _END + body[:500]!r}")
            del self._in[:until]
            yield body


def _length(head: bytes) -> int:
    """Bytes of the body; `ConnectionError` where the head does not say."""
    at = head.lower().find(_LENGTH)
    if at < 0:
        raise ConnectionError(f"an answer that says its length was expected, got: {head[:500]!r}")
    return int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
