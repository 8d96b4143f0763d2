"""Opens a websocket to the stream, and tells what may be tried again from what will not get better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from gatecast_client.errors import ConnectionLost, GatecastError

_GOING, _POLICY, _TOO_LARGE = 1001, 1008, 1009
_FINAL = {1002, 1003, 1007, _POLICY, _TOO_LARGE, 1010}  # closed for what was sent, which would be sent again
BUSY = {408, 425, 429, 500, 502, 503, 504}
_ADVICE = {
    "too_large": ": a frame is larger than it takes (its frame_bytes); send fewer readings at once",
    "stream_refused": ": sent again, it would end so again; see to its log and to the versions of both",
    "unauthenticated": ": the key was revoked or has expired; open the stream with another one",
}
OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 2.0


class TryLater(Exception):
    """No connection now. `error` says why; not before so many `seconds` should it be tried again."""

    def __init__(self, error: GatecastError, seconds: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.seconds = seconds


async def open_connection(url: str, headers: Mapping[str, str] | None = None) -> ClientConnection:
    """A connection to the websocket at `url`; `TryLater`, or the `GatecastError` with which it was refused."""
    try:
        return await connect(
            url,
            compression=None,  # numbers hardly shrink, and every answer would wait for it
            max_size=None,  # an answer is as large as the frame that asked for it
            open_timeout=OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            additional_headers=dict(headers or {}),
        )
    except InvalidStatus as refused:
        answer = refused.response
        error = problem(answer.status_code, bytes(answer.body or b""))
        if answer.status_code in BUSY:
            raise TryLater(error, seconds_of(answer.headers.get("Retry-After"))) from refused
        raise error from refused
    except (OSError, EOFError, InvalidHandshake) as gone:
        raise TryLater(nobody(url, gone)) from gone


def ended(connection: ClientConnection) -> ConnectionLost:
    """Why an open connection is no more, if another one may go on; else `GatecastError`."""
    code, reason = connection.close_code, connection.close_reason
    if code in _FINAL:
        name = "too_large" if code == _TOO_LARGE else "stream_refused"
        if code == _POLICY and (reason or "").startswith("unauthenticated: "):  # the key ended while it was open
            name = "unauthenticated"
        raise GatecastError(name, f"the service closed the stream with {code} {reason or ''}".rstrip() + _ADVICE[name])
    return ConnectionLost(f"the connection ended with {code or 1006} {reason or ''}".rstrip(), {"close_code": code})


def was_idle(lost: ConnectionLost, connection: ClientConnection) -> bool:
    """Whether the service closed it because nothing was sent for long; another one would end so too."""
    return lost.facts.get("close_code") == _GOING and (connection.close_reason or "").startswith("idle: ")


def nobody(url: str, gone: BaseException) -> ConnectionLost:
    """The error where no connection could be made at an address."""
    asked = url.partition("?")[0]
    return ConnectionLost(
        f"no service answered at {asked} ({_reason(gone)}): is the address right, and is one running there? "
        f"Retry(connect_seconds=...) waits for one that starts",
        {"url": asked},
    )


def problem(status: int, body: bytes) -> GatecastError:
    """The error in a refusal's body, or one that only knows the status."""
    try:
        sent = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        sent = {}
    if "code" not in sent:
        return GatecastError(
            f"http_{status}",
            f"a Gatecast service was expected, got the HTTP status {status}: is the address right, and its path?",
            {},
            status,
        )
    known = ("code", "detail", "type", "title", "status")
    facts = {name: value for name, value in sent.items() if name not in known}
    return GatecastError(str(sent["code"]), str(sent.get("detail", "")), facts, status)


def seconds_of(header: str | None) -> float:
    """What Retry-After asks for; 0 where it says nothing in seconds."""
    return float(header) if header is not None and header.isdigit() else 0.0


def stream_url(url: str, options: Mapping[str, str]) -> str:
    """The websocket's address at the service's address."""
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"ws{url.removeprefix('http')}/v1/stream?{query}"


def _reason(gone: BaseException) -> str:
    return str(gone) or type(gone).__name__
