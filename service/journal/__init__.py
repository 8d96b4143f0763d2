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
    Static,
    Wanted,
)
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
    "Static",
    "Subject",
    "Wanted",
    "open_journal",
]

JOURNALS = {
    "memory": "service.journal.memory:open_memory",
    "sqlite": "service.journal.sqlite:open_sqlite",
}


def open_journal(
    url: str,
    width: int,
    frequency: str,
    durable: Durable = "disk",
    subject: Subject | None = None,
    share: Share | None = None,
    clock: Callable[[], float] = time.time,
) -> Journal:
    """The journal at `url`: "memory", or "sqlite:PATH", which is made where it is missing.

    `width` is the number of values in a reading (target and covariates) and `frequency` the alias of a step's length;
    both must be what the journal was made with, and so must `subject`, what the values are; without it they are not
    compared. `share` is kept and compared in the same way, the whole where it is None. `durable` is "disk" or
    "process"; memory is always "none". `clock` tells when sessions are seen, in seconds since 1970.
    `JournalError` says what is wrong and what to do, `JournalLocked` who owns the journal.
    """
    kind, _, place = url.partition(":")
    if kind not in JOURNALS:
        raise JournalError(f'there is no journal {url!r}; choose "memory" or "sqlite:PATH"')
    module, _, attribute = JOURNALS[kind].partition(":")
    journal: Journal = getattr(import_module(module), attribute)(
        place, width, frequency, durable, subject, share, clock
    )
    return journal
