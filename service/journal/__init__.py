"""Journals: readings are the truth and are recorded before they are acknowledged; states are a cache beside them."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module

from service.errors import JournalError
from service.journal.protocol import (
    FIRST_REVISION,
    NO_READING,
    Beginning,
    Checkpoint,
    Durable,
    Export,
    Head,
    Journal,
    Kept,
    Readings,
    Release,
    Static,
    Wanted,
)
from service.journal.redis_address import without_password
from service.journal.subject import Subject
from service.share import Share

__all__ = [
    "FIRST_REVISION",
    "JOURNALS",
    "NO_READING",
    "Beginning",
    "Checkpoint",
    "Durable",
    "Export",
    "Head",
    "Journal",
    "Kept",
    "Readings",
    "Release",
    "Static",
    "Subject",
    "Wanted",
    "open_journal",
    "without_password",
]

JOURNALS = {
    "memory": "service.journal.memory:open_memory",
    "redis": "service.journal.redis:open_redis",
    "sqlite": "service.journal.sqlite:open_sqlite",
}
SCHEMES = JOURNALS | {"rediss": "service.journal.redis:open_rediss"}  # what a URL may begin with


def open_journal(
    url: str,
    width: int,
    frequency: str,
    durable: Durable | None = None,
    subject: Subject | None = None,
    share: Share | None = None,
    clock: Callable[[], float] = time.time,
) -> Journal:
    """The journal at `url`: "memory", "sqlite:PATH", which is made where it is missing, or "redis://HOST:PORT/DB".

    `width` is the number of values in a reading (target and covariates) and `frequency` the alias of a step's length;
    both must be what the journal was made with, and so must `subject`, what the values are; without it they are not
    compared. `share` is kept and compared in the same way by a journal of one process, the whole where it is None.
    `durable` is "disk" or "process", or None for the strongest that the journal has; memory is always "none". `clock`
    tells when sessions are seen, in seconds since 1970; a server has its own.
    `JournalError` says what is wrong and what to do, `JournalLocked` who owns the journal.
    """
    kind, _, place = url.partition(":")
    if kind not in SCHEMES:
        raise JournalError(
            f'there is no journal {without_password(url)!r}; choose "memory", "sqlite:PATH" or "redis://HOST:PORT/DB"'
        )
    if kind == "sqlite":
        durable = durable or "disk"
    module, _, attribute = SCHEMES[kind].partition(":")
    try:
        found = import_module(module)
    except ModuleNotFoundError as missing:
        raise JournalError(
            f"{missing.name} is not installed, which a journal of {kind} needs: pip install 'gatecast[redis]'"
        ) from missing
    journal: Journal = getattr(found, attribute)(place, width, frequency, durable, subject, share, clock)
    return journal
