"""The journals that the contract suites run over, and small batches to write into them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from service.journal import JOURNALS, Checkpoint, Head, Journal, Readings, open_journal
from service.journal.sqlite import SqliteJournal
from tests.redis_shared import redis_url

WIDTH = 2
FREQUENCY = "30min"
DIGESTS = ("a" * 64, "b" * 64)

Open = Callable[[Path], Journal]


def url_of(kind: str, path: Path) -> str:
    """The journal of that kind which belongs to a path."""
    return redis_url(path) if kind == "redis" else f"{kind}:{path}"


def registered(kind: str) -> Open:
    return lambda path: open_journal(url_of(kind, path), WIDTH, FREQUENCY, "process")


def cramped(path: Path) -> Journal:
    """Segments and a tail so small that every boundary is met within a few readings."""
    return SqliteJournal(path, WIDTH, FREQUENCY, "process", tail_bytes=300, segment_rows=3)


def forgetful(path: Path) -> Journal:
    """No session of which nothing waits stays in memory once another one is asked for."""
    return SqliteJournal(path, WIDTH, FREQUENCY, "process", segment_rows=3, heads=1)


class Turns:
    """One shared journal, spoken to by turns through connections that know nothing of each other."""

    def __init__(self, *journals: Journal) -> None:
        self._journals = journals
        self._turn = itertools.count()

    def __getattr__(self, name: str) -> Any:
        turn = next(self._turn)
        return getattr(self._journals[turn * turn % 7 % len(self._journals)], name)

    def close(self) -> None:
        for journal in self._journals:
            journal.close()


def shared_by_two(path: Path) -> Journal:
    opener = registered("redis")
    return Turns(opener(path), opener(path))


JOURNALS_TO_TEST = {
    **{kind: registered(kind) for kind in sorted(JOURNALS)},
    "redis": shared_by_two,
    "sqlite, cramped": cramped,
    "sqlite, forgetful": forgetful,
}


def rows(*numbers: float) -> np.ndarray:
    """One reading for each number: the number, and one hundred more."""
    return np.array([[number, number + 100] for number in numbers], np.float64).reshape(-1, WIDTH)


def readings(*items: tuple[int, int, int, float]) -> Readings:
    """A batch of (key, revision, step, number)."""
    keys, revisions, steps, numbers = zip(*items, strict=True)
    return Readings(np.array(keys), np.array(revisions), np.array(steps), rows(*numbers))


def checkpoint(step: int, revision: int = 1, digest: str = DIGESTS[0], fill: float = 0.0) -> Checkpoint:
    return Checkpoint(step, revision, digest, np.full(5, fill, np.float32))


def follow(journal: Journal, head: Head, *numbers: float) -> None:
    """Appends numbers behind what the session has."""
    found = journal.head(head.name)
    assert found is not None
    items = [(found.key, found.revision, found.last_step + 1 + i, number) for i, number in enumerate(numbers)]
    assert journal.append(readings(*items)).all()
