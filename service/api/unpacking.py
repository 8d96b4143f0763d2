"""Bodies that come compressed: unpacked as they come, and no further than a body may be."""

from __future__ import annotations

import zlib

from service.errors import UnsupportedMediaType
from service.limit_errors import MalformedGzip

_GZIP = 16 + zlib.MAX_WBITS  # one header and one trailer around the data, with their checksum


class Gunzip:
    """One body in gzip's format."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP)
        self._packed = 0

    def unpack(self, data: bytes, most: int, last: bool) -> bytes:
        """What `data` holds, of which no more than `most` bytes are made; `MalformedGzip`. `last`: no more comes.

        `most` bytes mean that there is more than may be: the rest is left as it is.
        """
        self._packed += len(data)
        try:
            unpacked = self._stream.decompress(data, most) if data else b""
        except zlib.error as wrong:
            raise MalformedGzip(
                "the body is not compressed by gzip, as its Content-Encoding says; send it anew"
            ) from wrong
        if len(unpacked) >= most:
            return unpacked
        if self._stream.unused_data:
            raise MalformedGzip("one body in gzip's format was expected, and there is more behind it; send one alone")
        if last and self._packed and not self._stream.eof:
            raise MalformedGzip("the body ends before what it has compressed does; send the whole of it")
        return unpacked


def unpacking_of(encoding: bytes) -> Gunzip | None:
    """What a body with this Content-Encoding needs, None where it is plain; `UnsupportedMediaType`."""
    said = encoding.strip().lower()
    if said in (b"", b"identity"):
        return None
    if said in (b"gzip", b"x-gzip"):
        return Gunzip()
    raise UnsupportedMediaType("a body may be compressed by gzip (Content-Encoding: gzip) or not at all; send it so")
