"""What can go wrong: the service's own errors with their code, and a connection that was lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class GatecastError(Exception):
    """An error by name: its `code` is stable (docs/protocol.md lists them), its `message` is for people.

    `facts` holds what a program can act on, such as `expected_step`; `status` is that of HTTP, if there was one.
    """

    def __init__(
        self, code: str, message: str, facts: Mapping[str, Any] | None = None, status: int | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.facts: dict[str, Any] = dict(facts or {})
        self.status = status


def closed() -> GatecastError:
    """The error of a call to a client that is closed."""
    return GatecastError("client_closed", "the client is closed: call it within its `with` block, or make another one")


class ConnectionLost(GatecastError):
    """The service could not be reached, or the connection ended before an answer came.

    Of a reading without step and ds it means that nobody knows whether it was recorded: ask for the session's last
    step and go on from there. Everything else may simply be sent again.
    """

    def __init__(self, message: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__("connection_lost", message, facts)
