"""The error of a session whose time is over."""

from __future__ import annotations

from datetime import UTC, datetime

from service.journal import Head
from service.past_errors import SessionExpired


def expired(head: Head) -> SessionExpired:
    """The error of a session whose time is over; `expired_at` is in UTC."""
    return SessionExpired(
        f"this session had no reading for {head.ttl} s, which is how long it was to live, and its readings are gone; "
        "make it anew with PUT …?replace=true and a history",
        last_step=head.last_step,
        expired_at=moment(head.seen + head.ttl),
    )


def moment(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
