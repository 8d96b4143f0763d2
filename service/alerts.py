"""Who is told of sessions that a rule is about, found batch by batch in the engine's thread, and told by another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.alert_rules import Rule
from service.quality import Numbers, Quality
from service.sessions import SessionTable

QUIET = {"anomaly": 8}  # readings of which the rule is not true until it is told of again
LONGER = 48  # of all other rules: what they are about moves slowly
_NEVER = -(2**40)

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Alert:
    """One session, at the reading from which on a rule is true of it."""

    rule: str
    session: str  # by its name inside
    step: int
    time: int  # of the reading
    value: float
    model: str  # digest


class Alarms:
    """Remembers of each session when each rule was true last; `tell` must not wait and must not raise.

    Of one model's table; after a restart, and by a model that takes another's place, what holds is told once more.
    """

    def __init__(
        self, rules: Sequence[Rule], rate: float, digest: str, table: SessionTable, tell: Callable[[Alert], None]
    ) -> None:
        self.rules = rules
        self._rate = rate
        self._digest = digest
        self._table = table
        self._tell = tell
        self._quiet = np.array([QUIET.get(rule.what, LONGER) for rule in rules])
        self._key = np.full(0, -1)  # by row of the table, as the next one
        self._last = np.empty((0, len(rules)), np.int64)  # the step at which each rule was true last

    def judge(self, method: Quality, rows: Rows, times: Rows, told: Numbers, rarity: Numbers) -> None:
        """Sessions after their newest readings; `rarity` (rows,) is that of the rarest since the batch before."""
        self._grow(int(rows.max()) + 1)
        steps, keys = self._table.last_step[rows], self._table.key[rows]
        anew = (self._key[rows] != keys) | (self._last[rows] > steps[:, None]).any(axis=1)  # or gone back
        self._key[rows] = keys
        self._last[rows[anew]] = _NEVER
        told = told.copy()
        told[:, 0] = rarity
        for at, rule in enumerate(self.rules):
            holds, value = rule.holds(told, method, self._rate)
            if not holds.any():
                continue
            begins = holds & (steps - self._last[rows, at] > self._quiet[at])
            self._last[rows[holds], at] = steps[holds]
            for place in np.flatnonzero(begins).tolist():
                name, number = self._table.name(int(rows[place])), float(value[place])
                self._tell(Alert(rule.words, name, int(steps[place]), int(times[place]), number, self._digest))

    def _grow(self, rows: int) -> None:
        more = max(rows, 2 * len(self._key)) - len(self._key)
        if rows > len(self._key):
            self._key = np.append(self._key, np.full(more, -1))
            self._last = np.concatenate([self._last, np.full((more, len(self.rules)), _NEVER)])
