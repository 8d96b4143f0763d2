"""The journal in Redis: shared by replicas, each batch one compare-and-set script a partition."""

from __future__ import annotations

from collections.abc import Callable

from service.journal.protocol import Durable
from service.journal.redis_address import read_address
from service.journal.redis_histories import Histories
from service.journal.redis_sessions import Sessions
from service.journal.subject import Subject
from service.share import Share


class RedisJournal(Sessions, Histories):
    """Holds nothing itself, so that any number of processes can use the same one at a time."""


def open_redis(
    place: str,
    width: int,
    frequency: str,
    durable: Durable | None,
    subject: Subject | None = None,
    share: Share | None = None,  # noqa: ARG001 (any worker may move any session here)
    clock: Callable[[], float] | None = None,  # noqa: ARG001 (the server's)
    resident: int = 0,  # noqa: ARG001 (it remembers no session)
) -> RedisJournal:
    """The journal at redis:`place`; see `open_journal`."""
    return RedisJournal(read_address(f"redis:{place}"), width, frequency, durable, subject)


def open_rediss(
    place: str,
    width: int,
    frequency: str,
    durable: Durable | None,
    subject: Subject | None = None,
    share: Share | None = None,  # noqa: ARG001
    clock: Callable[[], float] | None = None,  # noqa: ARG001
    resident: int = 0,  # noqa: ARG001
) -> RedisJournal:
    """As `open_redis`, with TLS."""
    return RedisJournal(read_address(f"rediss:{place}"), width, frequency, durable, subject)
