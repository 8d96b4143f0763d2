"""A service with a fault planted, to prove that the harness would see it: python -m tests.chaos.planted FAULT serve …

The faults are put around the journal from outside, whichever it is; nothing in the service knows of them.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import service.app
import service.verdicts
from commands.main import main
from service.journal import Beginning, Checkpoint, Journal, Readings

LATE = 0.1  # seconds from the answer to the append
TAIL = 3  # readings of each session that are dropped


class Around:
    """A journal whose every operation is that of another one, but for what a subclass does otherwise."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.durable = journal.durable

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


class AcknowledgedEarly(Around):
    """Says that readings are recorded, and records them a little later."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._lock = threading.RLock()
        self._owed: list[tuple[float, Readings]] = []
        threading.Thread(target=self._pay_in_time, daemon=True).start()

    def append(self, readings: Readings) -> NDArray[np.bool_]:
        with self._lock:
            self._owed.append((time.monotonic(), readings))
        return np.ones(len(readings.keys), np.bool_)

    def close(self) -> None:
        self._pay(time.monotonic())
        self._journal.close()

    def _pay(self, until: float) -> None:
        with self._lock:
            while self._owed and self._owed[0][0] <= until:
                assert self._journal.append(self._owed.pop(0)[1]).all()

    def _pay_in_time(self) -> None:
        while True:
            time.sleep(LATE / 10)
            self._pay(time.monotonic() - LATE)


def without_its_tail(journal: Journal) -> Journal:
    """Opened, it has forgotten the last readings of each session."""
    names = journal.names()
    for name, head in zip(names, journal.heads(names), strict=True):
        assert head is not None
        kept = journal.readings(head.key, 0, head.last_step - TAIL)
        journal.replace(Beginning(name, head.start, head.origin, kept, static=head.static, regime=head.regime))
    return journal


class AppliedTwice(Around):
    """Its checkpoints say that they are of the step before, whose reading a replay then applies once more."""

    def load(
        self, key: int, digest: str | None = None, until: int | None = None, most: int | None = None
    ) -> tuple[Checkpoint | None, NDArray[np.float64]]:
        checkpoint, values = self._journal.load(key, digest, until, most)
        if checkpoint is None or checkpoint.step < 0:
            return checkpoint, values
        again = self._journal.readings(key, checkpoint.step, checkpoint.step)
        return replace(checkpoint, step=checkpoint.step - 1), np.concatenate([again, values])


def recorded_twice(journal: Journal) -> Journal:
    """The last step, sent again, is taken for the next one."""
    take = service.verdicts._Session.take

    def anew(session: Any, item: int, wish: int | None, values: NDArray[np.float64]) -> Any:
        return take(session, item, session.last + 1 if wish == session.last else wish, values)

    service.verdicts._Session.take = anew  # type: ignore[method-assign]
    return journal


FAULTS: dict[str, Callable[[Journal], Any]] = {
    "acknowledged before append": AcknowledgedEarly,
    "lost tail": without_its_tail,
    "recorded twice": recorded_twice,
    "applied twice": AppliedTwice,
}


def plant(fault: str) -> None:
    """From now on a service in this process has it."""
    opened = service.app.open_journal

    def open_with_it(*arguments: Any, **options: Any) -> Any:
        return FAULTS[fault](opened(*arguments, **options))

    service.app.open_journal = open_with_it  # type: ignore[assignment]


if __name__ == "__main__":
    plant(sys.argv.pop(1))
    main()
