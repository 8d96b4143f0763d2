"""What becomes of live readings of scored sessions beside their answers: sums over all of them, and alerts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.alert_rules import Rule
from service.alerts import Alarms, Alert
from service.beside import Beside
from service.running import Ran
from service.sessions import SessionTable
from service.totals import Totals


def nobody(alert: Alert) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Overall:
    """What the models of one engine have in common: sums over all sessions, and whom to tell what."""

    rate: float  # of readings that may be counted as anomalies though nothing is wrong
    rules: Sequence[Rule] = ()
    tell: Callable[[Alert], None] = nobody
    totals: Totals = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "totals", Totals(self.rate))


class Scoring:
    """Of the sessions of one model. Replays, histories and models that follow say nothing here."""

    def __init__(self, beside: Beside, digest: str, table: SessionTable, overall: Overall) -> None:
        self._beside = beside
        self._digest = digest
        self._totals = overall.totals
        self._alarms = Alarms(overall.rules, overall.rate, digest, table, overall.tell) if overall.rules else None

    def take(self, ran: Ran, times: NDArray[np.int64]) -> None:
        """Turns that have been recorded; `times` (readings,) of the batch."""
        method, noted = self._beside.quality, ran.noted
        if noted is None or method is None or ran.beside is None or not len(ran.turns):
            return
        self._totals.add(self._digest, method.ahead, method.band, noted)
        if self._alarms is not None:
            told = self._beside.qualities(ran.beside)
            self._alarms.judge(method, ran.turns.rows, times[ran.turns.newest], told, noted.rarity)
