"""The errors of what a tenant and a connection may take, each with its code and status once, as those of errors.py."""

from __future__ import annotations

from service.errors import BadRequest, GatecastError


class TooManySessions(GatecastError):
    """One more session than a tenant may have; those that have expired count until they are deleted."""

    code, status = "too_many_sessions", 409


class RateLimited(GatecastError):
    """More readings or requests of a tenant than it may send; `retry_after_seconds` says when to send this again."""

    code, status = "rate_limited", 429


class TooManyStreams(GatecastError):
    """One more open stream than a tenant may have."""

    code, status = "too_many_streams", 429


class TooManyConnections(GatecastError):
    """One more connection than the service takes from all together."""

    code, status = "too_many_connections", 503


class TooSlow(GatecastError):
    """A request whose head or body did not come to its end in time."""

    code, status = "too_slow", 408


class HeadTooLarge(GatecastError):
    """The head of a request or of a handshake beyond the limit."""

    code, status = "head_too_large", 431


class MalformedGzip(BadRequest):
    """A body that is said to be compressed and is not, is cut short, or has more behind it."""

    code = "malformed_gzip"
