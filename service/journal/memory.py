"""A journal in memory, for tries and tests: the whole contract, and nothing outlives the process."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.journal.heads import Heads, exists, unknown
from service.journal.protocol import FIRST_REVISION, Beginning, Checkpoint, Durable, Head, Readings, Static
from service.journal.subject import Subject
from service.share import Share


def open_memory(
    place: str,  # noqa: ARG001
    width: int,
    frequency: str,  # noqa: ARG001
    durable: Durable,  # noqa: ARG001
    subject: Subject | None = None,  # noqa: ARG001
    share: Share | None = None,  # noqa: ARG001
) -> MemoryJournal:
    """A new and empty journal; only the width matters to it."""
    return MemoryJournal(width)


class MemoryJournal:
    """Holds every number of every reading, 8 bytes each, until its session is replaced or deleted."""

    durable: Durable = "none"

    def __init__(self, width: int) -> None:
        self._heads = Heads(width)
        self._begun: dict[str, tuple[int, Beginning]] = {}  # keys, and what they began with but for readings
        self._values: dict[int, array[float]] = {}  # by key, the rows one after the other
        self._checkpoints: dict[int, list[Checkpoint]] = {}  # by key, the newest last
        self._last_key = 0

    def create(
        self,
        name: str,
        start: int,
        origin: str,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
        static: Static | None = None,
        regime: bool = False,
    ) -> Head:
        if name in self._begun:
            raise exists(name)
        values = self._heads.checked(values, origin)
        self._last_key += 1
        return self._put(
            self._last_key, FIRST_REVISION, Beginning(name, start, origin, values, static or {}, regime), checkpoint
        )

    def replace(
        self,
        name: str,
        start: int,
        origin: str,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
        static: Static | None = None,
        regime: bool = False,
    ) -> Head:
        key = self._key(name)
        values = self._heads.checked(values, origin)
        revision = int(self._heads.revision[self._heads.slot(key)]) + 1
        return self._put(key, revision, Beginning(name, start, origin, values, static or {}, regime), checkpoint)

    def replace_all(self, beginnings: Sequence[Beginning]) -> list[Head]:
        for each in beginnings:
            self._key(each.name)
            self._heads.checked(each.values, each.origin)
        return [
            self.replace(each.name, each.start, each.origin, each.values, None, each.static, each.regime)
            for each in beginnings
        ]

    def head(self, name: str) -> Head | None:
        begun = self._begun.get(name)
        return None if begun is None else self._heads.head(*begun)

    def heads(self, names: Sequence[str]) -> list[Head | None]:
        return [self.head(name) for name in names]

    def names(self) -> list[str]:
        return list(self._begun)

    def count(self) -> int:
        return len(self._heads)

    def append(self, readings: Readings) -> NDArray[np.bool_]:
        slots = self._heads.slots(readings.keys)
        follows, accepted = self._heads.judge(slots, readings)
        for key, row in zip(accepted.keys.tolist(), accepted.values, strict=True):
            self._values[key].frombytes(row.tobytes())
        self._heads.advance(slots[follows], accepted.steps, accepted.values)
        return follows

    def load(
        self, key: int, digest: str | None = None, until: int | None = None
    ) -> tuple[Checkpoint | None, NDArray[np.float64]]:
        last = int(self._heads.last_step[self._heads.slot(key)])
        last = last if until is None else min(until, last)
        usable = [found for found in self._checkpoints[key] if digest in (None, found.digest) and found.step <= last]
        newest = max(usable, key=lambda found: found.step, default=None)
        first = 0 if newest is None else newest.step + 1
        return newest, self.readings(key, first, last)

    def states(self, keys: NDArray[np.int64], digest: str) -> list[NDArray[np.float32] | None]:
        last = self._heads.last_step[self._heads.slots(keys)].tolist()
        kept = [self._checkpoints.get(key, []) for key in keys.tolist()]
        return [
            next((each.body for each in some if (each.step, each.digest) == (step, digest)), None)
            for some, step in zip(kept, last, strict=True)
        ]

    def readings(self, key: int, first: int, last: int) -> NDArray[np.float64]:
        self._heads.slot(key)
        rows = np.frombuffer(self._values[key], np.float64).reshape(-1, self._heads.width)
        return rows[max(first, 0) : max(last + 1, 0)].copy()

    def save(self, keys: NDArray[np.int64], checkpoints: Sequence[Checkpoint]) -> None:
        for key, checkpoint in self._heads.current(keys, checkpoints):
            self._keep(key, checkpoint)

    def fold(self, limit: int) -> int:  # noqa: ARG002
        return 0

    def delete(self, name: str) -> None:
        key = self._key(name)
        self._heads.remove(key)
        del self._begun[name], self._values[key], self._checkpoints[key]

    def close(self) -> None:
        pass

    def _key(self, name: str) -> int:
        if name not in self._begun:
            raise unknown(name)
        return self._begun[name][0]

    def _put(self, key: int, revision: int, begun: Beginning, checkpoint: Checkpoint | None) -> Head:
        head = self._heads.put(key, revision, begun)
        self._begun[begun.name] = (
            key,
            replace(begun, values=np.empty((0, self._heads.width)), static=dict(begun.static)),
        )
        self._values[key] = array("d", begun.values.tobytes())
        self._checkpoints[key] = []
        if checkpoint is not None:
            self.save(np.array([key]), [replace(checkpoint, revision=revision)])
        return head

    def _keep(self, key: int, new: Checkpoint) -> None:
        others = [old for old in self._checkpoints[key] if (old.step, old.digest) != (new.step, new.digest)]
        others.sort(key=lambda old: old.step)
        copied = replace(new, body=np.array(new.body, np.float32))  # the caller's row may change under us
        self._checkpoints[key] = [*others[-1:], copied]
