"""Frames with steps left out, and the same frames with those steps sent as missing: both must come to the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.attached import Attached
from service.engine import NO_STEP, NO_TIME, Answers, Observations
from service.filled import answers_of_sent
from tests.service.engines import HOUR, START


@dataclass(frozen=True)
class Sent:
    """One reading after `skip` steps that are left out, named by step, time, both, or (without a skip) by neither."""

    name: str
    skip: int
    value: float
    key: str


@dataclass(frozen=True)
class Both:
    """One frame in both ways, and which readings of the second are not in the first."""

    left_out: Observations
    written_out: Observations
    added: NDArray[np.bool_]

    def with_every(self, every: int) -> Both:
        return Both(replace(self.left_out, every=every), replace(self.written_out, every=every), self.added)

    @property
    def filled(self) -> list[int]:
        """Steps that are left out before each reading."""
        return np.diff(np.flatnonzero(~self.added), prepend=-1).__sub__(1).tolist()


def frames(batches: Sequence[Sequence[Sent]], stand: dict[str, int], width: int = 1) -> list[Both]:
    """`stand` says which step each session has last; a session without a start is at -2, and gets it by its time."""
    made = []
    for batch in batches:
        rows: list[tuple[str, int, int, float, bool]] = []
        for sent in batch:
            unborn = stand[sent.name] == -2
            if unborn:
                stand[sent.name] = -1
            first = stand[sent.name] + 1
            step = first if unborn else first + sent.skip
            rows += [(sent.name, missing, NO_TIME, np.nan, True) for missing in range(first, step)]
            key = "both" if unborn else "step" if sent.key == "plain" and step > first else sent.key
            numbered = step if key in ("step", "both") else NO_STEP
            timed = START + step * HOUR if key in ("time", "both") else NO_TIME
            rows.append((sent.name, numbered, timed, sent.value, False))
            stand[sent.name] = step
        made.append(_both(rows, width))
    return made


def _both(rows: list[tuple[str, int, int, float, bool]], width: int) -> Both:
    added = np.array([row[4] for row in rows])

    def observations(some: list[tuple[str, int, int, float, bool]], fill: bool) -> Observations:
        return Observations(
            sessions=[row[0] for row in some],
            steps=np.array([row[1] for row in some], np.int64),
            times=np.array([row[2] for row in some], np.int64),
            values=np.repeat(np.array([[row[3]] for row in some]), width, axis=1),
            fill=fill,
        )

    return Both(observations([row for row in rows if not row[4]], True), observations(rows, False), added)


def same(found: Answers, frame: Both, expected: Answers) -> None:
    """The answers to a frame with steps left out are those to the frame with nulls, but for the nulls' own."""
    expected = answers_of_sent(expected, frame.added)
    assert [error and error.code for error in found.errors] == [error and error.code for error in expected.errors]
    for column in ("steps", "times", "repeated", "keyed"):
        np.testing.assert_array_equal(getattr(found, column), getattr(expected, column), column)
    attached(Attached(found.rows, found.quantiles), Attached(expected.rows, expected.quantiles))
    attached(found.regimes, expected.regimes)


def attached(found: Attached | None, expected: Attached | None) -> None:
    none = Attached(np.array([], np.int64), np.empty(0))
    found, expected = found or none, expected or none
    at, there = np.flatnonzero(found.rows >= 0), np.flatnonzero(expected.rows >= 0)
    np.testing.assert_array_equal(at, there)
    if len(at):
        np.testing.assert_array_equal(found.values[found.rows[at]], expected.values[expected.rows[there]])
