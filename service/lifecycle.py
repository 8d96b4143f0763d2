"""A session's beginning and end: created, with a history or without, looked up, replaced, deleted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from service.errors import GatecastError, NonFiniteForecast, SessionExists, UnknownSession
from service.frames import NO_TIME, SessionView
from service.histories import Histories, Window
from service.journal import FIRST_REVISION, Beginning, Checkpoint
from service.lapse import expired
from service.names import outside
from service.origin import origin_of
from service.registry import Registry
from service.replies import Caller, Replies


@dataclass(frozen=True)
class Lifecycle:
    """Each call runs in the engine's thread; None means that the caller is answered later."""

    registry: Registry
    histories: Histories
    replies: Replies
    frequency: Frequency
    initial: NDArray[np.float32]  # (state,)
    digest: str
    ttl: int = 0  # of sessions that are made without one
    quality: bool = False  # whether sessions that do not say are scored

    def create(
        self,
        caller: Caller,
        name: str,
        start: int | None,
        values: NDArray[np.float64],
        row: NDArray[np.float64] | None,
        replace: bool,
        regime: bool = False,
        ttl: int | None = None,
        calibrate: bool = False,
        quality: bool | None = None,
    ) -> SessionView | None:
        """A session whose steps 0 … n-1 have `values` (n, width), and whose static features are `row` (features,).

        With `regime` its gates are watched, with `calibrate` its bands are calibrated, with `quality` (None: as is set
        for all) its forecasts are scored; after `ttl` seconds without a reading (0: never, None: as is set for all) it
        expires. The same again, whatever its ttl and quality, finds the session that is there.

        The states of a history are computed first, and nothing is recorded if that fails. `SessionExists`,
        `SessionExpired`.
        """
        static = self.registry.known.named(row)
        origin = origin_of(start, values, static, regime, calibrate)
        known = self._known(name, origin, replace)
        if known is not None:
            return known
        begin = start if start is not None else (NO_TIME if self.frequency.has_calendar else 0)
        lives, scored = self.ttl if ttl is None else ttl, self.quality if quality is None else quality
        begun = Beginning(name, begin, origin, values, static, regime, lives, calibrate=calibrate, quality=scored)
        if len(values) == 0:
            return self._put(begun, None, replace)

        def finished(state: NDArray[np.float32], forecast: NDArray[np.float64]) -> None:
            if not np.isfinite(forecast).all():
                raise NonFiniteForecast("the model's forecast after this history is not finite; nothing was recorded")
            view = self._known(name, origin, replace)  # someone else may have been faster
            checkpoint = Checkpoint(len(values) - 1, FIRST_REVISION, self.digest, state)
            self.replies.answer(caller, view or self._put(begun, checkpoint, replace))

        def failed(error: GatecastError) -> None:
            self.replies.answer(caller, error)

        times = self.frequency.times(begin, np.arange(len(values)))
        monitors = self.registry.cache.monitors
        initial = monitors.initial(self.initial, monitors.beside.kind(regime, calibrate, scored))
        self.histories.add(Window(values, times, initial, finished, failed, lambda: caller.gone, static=row))
        return None

    def session(self, name: str) -> SessionView:
        """`UnknownSession` if there is none of that name, `SessionExpired` if there was."""
        return self.registry.view(self.registry.row(name))

    def delete(self, name: str) -> bool:
        """`UnknownSession` if there is none of that name."""
        self.registry.delete(name)
        return True

    def _known(self, name: str, origin: str, replace: bool) -> SessionView | None:
        """The session that is there if it will do; None if it is to be made.

        `SessionExists` if it is another one, `SessionExpired`, `TooManySessions`.
        """
        head = self.registry.head(name)
        if head is None:
            self.registry.quota.check(name)  # before a history is computed for nothing
        if head is None or replace:
            return None
        if head.expired:
            raise expired(head)
        if head.origin == origin:
            return self.session(name)
        raise SessionExists(
            f"there is a session {outside(name)!r} that was created with another start, history, static features, "
            "regime or calibrate; go on from its last step, choose another name, or ask for it to be replaced",
            last_step=head.last_step,
            revision=head.revision,
        )

    def _put(self, begun: Beginning, checkpoint: Checkpoint | None, replace: bool) -> SessionView:
        exists = replace and self.registry.head(begun.name) is not None
        try:
            row = self.registry.create(begun, checkpoint, replace=exists)
        except (SessionExists, UnknownSession):  # another process was faster, by a moment
            return self._known(begun.name, begun.origin, replace) or self._put(begun, checkpoint, replace)
        return self.registry.view(row, created=True)
