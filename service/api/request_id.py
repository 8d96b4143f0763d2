"""The id under which a request, or the handshake of a stream, is found in the log: the client's own, or a new one."""

from __future__ import annotations

import re
import secrets
from collections.abc import MutableMapping
from typing import Any

HEADER = b"x-request-id"
_OURS = "gatecast.request"
# A client's id ends up in the log, so it may be a word and nothing that ends a line or pretends to be something else.
_WORD = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def new_id() -> str:
    return secrets.token_hex(8)


def request_id(scope: MutableMapping[str, Any]) -> str:
    """The same one whenever it is asked for; what was sent as X-Request-ID, if it is a word of at most 64 letters."""
    known = scope.get(_OURS)
    if known is None:
        sent = next((value for name, value in scope["headers"] if name == HEADER), b"")
        known = scope[_OURS] = sent.decode("ascii") if _WORD.fullmatch(sent) else new_id()
    return str(known)


def header(scope: MutableMapping[str, Any]) -> tuple[bytes, bytes]:
    """What answers say."""
    return HEADER, request_id(scope).encode("ascii")
