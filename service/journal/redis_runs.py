"""A batch cut into runs: what a session is to take of it in one piece, dealt to the partitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.journal.protocol import Readings
from service.journal.redis_records import encode_rows


@dataclass(frozen=True, eq=False)
class Part:
    """The runs of one partition."""

    partition: int
    keys: list[int]  # (sessions,)
    places: bytes  # revision, first step and rows of each as int64
    rows: bytes  # of all, one after the other


class Runs:
    """The first rows of each session that go on from each other, of one revision; whether they also go on from what is
    recorded, each partition says.
    """

    def __init__(self, readings: Readings, partitions: int) -> None:
        keys, revisions, steps = readings.keys, readings.revisions, readings.steps
        self._order = np.lexsort((keys, keys % partitions))  # (rows,) by partition and session, else as they came
        keys = keys[self._order]
        first = np.concatenate(([True], keys[1:] != keys[:-1])) if len(keys) else np.empty(0, np.bool_)
        begins = np.flatnonzero(first)  # (sessions,)
        self._lengths = np.diff(np.append(begins, len(keys)))
        self._keys = keys[begins]
        self._partition = self._keys % partitions
        revisions, steps = revisions[self._order], steps[self._order]
        self._revisions, self._steps = revisions[begins], steps[begins]
        nth = np.arange(len(keys)) - np.repeat(begins, self._lengths)
        wrong = revisions != np.repeat(self._revisions, self._lengths)
        wrong |= steps != np.repeat(self._steps, self._lengths) + nth
        sofar = np.cumsum(wrong)
        self._goes_on = sofar == np.repeat(sofar[begins], self._lengths)  # (rows,) the first of each is never wrong
        self._counts = np.add.reduceat(self._goes_on, begins, dtype=np.int64) if len(begins) else begins
        self._values = readings.values

    def parts(self) -> Iterator[Part]:
        """One for each partition that has to do with the batch, in order."""
        taken = self._order[self._goes_on]
        ends = np.concatenate(([0], np.cumsum(self._counts)))
        places = np.stack((self._revisions, self._steps, self._counts), 1).astype("<i8")  # (sessions, 3)
        keys = self._keys.tolist()
        cuts = np.flatnonzero(np.append(True, self._partition[1:] != self._partition[:-1])).tolist()
        for begin, end in zip(cuts, [*cuts[1:], len(keys)], strict=True):
            rows = encode_rows(self._values[taken[ends[begin] : ends[end]]])
            yield Part(int(self._partition[begin]), keys[begin:end], places[begin:end].tobytes(), rows)

    def verdicts(self, recorded: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(rows,) as they came, from (sessions,) in the order of the parts: whether each run was recorded."""
        follows = np.empty(len(self._order), np.bool_)
        follows[self._order] = self._goes_on & np.repeat(recorded, self._lengths)
        return follows
