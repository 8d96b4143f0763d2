"""A journal that rests, and the same while a service has it open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.journal import Beginning
from service.journal.sqlite import SqliteJournal
from tests.journaling.journals import HOURS, START, follow, opened, state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Sessions north and south, each with HOURS readings, the last five of which wait in the tail; and an empty one."""
    found = tmp_path / "journal.sqlite"
    made = opened(found)
    heads = [
        made.create(Beginning(name, START, "", np.zeros((0, 2)), static={"area": at + 1.5}))
        for at, name in enumerate(("north", "south"))
    ]
    made.create(Beginning("empty", START, "", np.zeros((0, 2))))
    for head in heads:
        follow(made, head, HOURS - 5)
    made.fold(10**6)
    made.save(np.array([head.key for head in heads]), [state(9), state(9)])
    made.save(np.array([heads[0].key]), [state(30)])
    for head in heads:
        follow(made, head, 5)
    made.close()
    return found


@pytest.fixture
def running(path: Path) -> Iterator[SqliteJournal]:
    """The journal of a service that has it open."""
    found = opened(path)
    yield found
    found.close()
