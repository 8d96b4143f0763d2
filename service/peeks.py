"""The current forecasts of sessions, without advancing them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.batching import Turns
from service.beside import SCORED, WATCHED
from service.errors import GatecastError, InternalError, JournalDamaged, NonFiniteForecast, NoReadings, NoRegime
from service.faults import again, faults_as
from service.futures import Futures
from service.padding import stacked
from service.registry import Registry
from service.replays import Replays
from service.replies import Replies
from service.running import Runner
from service.session_errors import NoQuality
from service.waiting import Peek


@dataclass(frozen=True)
class Peeks:
    """Answers all who wait to look, in one run of no readings. Those whose session's state is late wait on."""

    waiting: deque[Peek]
    registry: Registry
    replays: Replays
    runner: Runner
    replies: Replies
    limit: int  # sessions in one run
    note: Callable[[GatecastError], None]
    _late: list[Peek] = field(default_factory=list)

    def turn(self) -> bool:
        """Answers some of those who wait; False if nobody does."""
        some = [self.waiting.popleft() for _ in range(min(self.limit, len(self.waiting)))]
        if not some:
            return False
        rows: list[int] = []
        peeks: list[Peek] = []
        try:
            with faults_as(InternalError, "the engine failed on this look; ask again"):
                if self.registry.journal.shared:
                    self._refresh({peek.name for peek in some})
                for peek in some:
                    row = None if peek.caller.gone else self._row(peek)
                    if row is not None:
                        rows.append(row)
                        peeks.append(peek)
                if peeks:
                    self._look(np.array(rows), peeks)
        except GatecastError as error:
            self.note(error)
            for peek in some:
                self.replies.answer(peek.caller, again(error))
        self.replies.send()
        return True

    def _refresh(self, names: set[str]) -> None:
        """Before any row is looked up, which it then has until the answer; one that is damaged is so for itself."""
        try:
            self.registry.refresh(names)
        except JournalDamaged:
            for name in names:
                with suppress(JournalDamaged):
                    self.registry.refresh([name])

    def release(self) -> None:
        """Those who waited for a late state look again."""
        self.waiting.extendleft(reversed(self._late))
        self._late.clear()

    def _row(self, peek: Peek) -> int | None:
        """The session's row, or None if the caller was told why there is no forecast."""
        try:
            row = self.registry.known_row(peek.name)
            if self.registry.table.last_step[row] < 0:
                raise NoReadings("this session has no reading yet, so there is nothing to tell of it; send one")
            kind = self.registry.table.kind[row]
            if peek.tells == "regime" and not kind & WATCHED:
                raise self._unwatched(bool(self.registry.table.regime[row]))
            if peek.tells == "quality" and not kind & SCORED:
                raise self._unscored(bool(self.registry.table.quality[row]))
        except GatecastError as error:
            self.note(error)
            self.replies.answer(peek.caller, error)
            return None
        return row

    def _look(self, rows: NDArray[np.int64], peeks: list[Peek]) -> None:
        lost, late = self.replays.bring(np.unique(rows))
        here: list[int] = []
        for at, (row, peek) in enumerate(zip(rows.tolist(), peeks, strict=True)):
            if row in late:
                self._late.append(peek)
            elif row in lost:
                self.replies.answer(peek.caller, again(lost[row]))
            elif peek.tells != "forecast":
                self.replies.answer(peek.caller, (self.registry.view(row), self._told(row, peek.tells)))
            else:
                here.append(at)
        if not here:
            return
        rows, peeks = rows[here], [peeks[at] for at in here]
        for row, peek, forecast in zip(rows.tolist(), peeks, self._forecasts(rows, peeks), strict=True):
            if np.isfinite(forecast).all():
                self.replies.answer(peek.caller, (self.registry.view(row), forecast))
            else:
                self.replies.answer(peek.caller, NonFiniteForecast("the model's forecast is not finite"))

    def _forecasts(self, rows: NDArray[np.int64], peeks: list[Peek]) -> NDArray[np.float64]:
        """One forecast for each peek, (peeks, horizon, quantiles); those of one session may expect several futures."""
        sessions, places = np.unique(rows, return_inverse=True)
        futures = None
        known = stacked([peek.future for peek in peeks], len(peeks))
        if known is not None:
            sessions, places = rows, np.arange(len(rows))
            futures = Futures.of(places, known)
        none = np.zeros(len(sessions), np.int64)
        turns = Turns(sessions, none, none, np.empty(0, np.int64), np.arange(len(sessions)))
        missing = np.full((1, self.registry.table.last_values.shape[1]), np.nan)
        (ran,) = self.runner.run(turns, missing, np.zeros(1, np.int64), futures)
        return ran.forecasts[places]

    def _told(self, row: int, what: str) -> NDArray[np.float64]:
        """Flag, score, since (3,) of its regime, or of its quality (told,)."""
        none = np.zeros(1, np.int64)
        turn = Turns(np.array([row]), none, none, np.empty(0, np.int64), none)
        told = self.runner.regimes(turn) if what == "regime" else self.runner.qualities(turn)
        assert told is not None  # those that have none were refused
        (said,) = told[1:]
        found: NDArray[np.float64] = said[0]
        return found

    def _unwatched(self, asked: bool) -> NoRegime:
        if asked:
            return NoRegime("this model has no reset gates (nor an LSTM's input gates) that could tell of the regime")
        return NoRegime(
            "this session was made without regime: make it anew with PUT …?replace=true, its history, and "
            '"regime": true'
        )

    def _unscored(self, asked: bool) -> NoQuality:
        if asked:
            return NoQuality("this model has no band around a median, or takes what is known ahead: nothing is scored")
        return NoQuality(
            "this session was made without quality: make it anew with PUT …?replace=true, its history, and "
            '"quality": true'
        )
