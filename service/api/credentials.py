"""Where a key may stand in a request: in a header, in a subprotocol of a browser's stream, and never in an address."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from service.access_errors import KeyInAddress, Unauthenticated

SUBPROTOCOL = "gatecast"  # what a stream speaks, where a client wants one to be named
KEY_SUBPROTOCOL = "gatecast.key."  # and the key after it, beside the former

_PARAMETERS = frozenset(
    {"key", "api_key", "apikey", "api-key", "token", "access_token", "auth", "authorization", "bearer", "secret"}
)
_KEY = re.compile(r"gc_[0-9a-f]{8,32}_")


def refuse_in_address(scope: MutableMapping[str, Any]) -> None:
    """`KeyInAddress` where the query holds what is, or is called, a key; never quotes it."""
    query: bytes = scope["query_string"]
    if not query:
        return
    text = query.decode("ascii", "replace")
    names = {name.lower() for name, _ in parse_qsl(text, keep_blank_values=True)}
    if not names.isdisjoint(_PARAMETERS) or _KEY.search(unquote(text)):
        raise KeyInAddress(
            "a key in an address is kept by logs and histories on its way: send it as `Authorization: Bearer <key>`, "
            f"or for a browser's stream as the subprotocols `{SUBPROTOCOL}` and `{KEY_SUBPROTOCOL}<key>`; and if "
            "it was a real one, have it revoked"
        )


def sent_key(scope: MutableMapping[str, Any]) -> str | None:
    """The key that was sent, None where none was; `Unauthenticated` where it cannot be told which one."""
    headers = [value for name, value in scope["headers"] if name == b"authorization"]
    keys = {_bearer(value.decode("latin-1")) for value in headers}
    offered: list[str] = scope.get("subprotocols") or []
    own = [each.removeprefix(KEY_SUBPROTOCOL) for each in offered if each.startswith(KEY_SUBPROTOCOL)]
    if own and SUBPROTOCOL not in offered:  # it is what the answer names: the key itself is not sent back
        raise Unauthenticated(f"beside `{KEY_SUBPROTOCOL}<key>` the subprotocol `{SUBPROTOCOL}` was expected too")
    keys.update(own)
    if len(keys) > 1:
        raise Unauthenticated("one key was expected, got several that differ")
    return keys.pop() if keys else None


def _bearer(header: str) -> str:
    kind, _, key = header.strip().partition(" ")
    if kind.lower() != "bearer":
        raise Unauthenticated("the header `Authorization: Bearer <key>` was expected, got another kind of it")
    return key.strip()
