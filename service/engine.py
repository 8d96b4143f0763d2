"""The engine: forecasts of histories, sessions that remember, and the one thread that does all the work."""

from __future__ import annotations

import asyncio
import time
from asyncio import Future
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.changes import Changes
from service.core import Core, Surroundings
from service.engine_settings import EngineSettings
from service.events import NullObserver, Observer
from service.follower import Standing
from service.frame_queue import FrameQueue
from service.frames import NO_STEP, NO_TIME, Answers, History, Observations, SessionView, check_frame
from service.health import Health
from service.journal import Journal, Wanted
from service.loop import Loop
from service.model_changes import Models
from service.padding import PaddedRuntime
from service.predictions import Prediction
from service.quota import Quota
from service.replies import Caller, Replies
from service.runtimes import Runtime
from service.scoring import Overall
from service.serving import Serving
from service.share import Share
from service.succession import Succession
from service.upkeep import Upkeep
from service.vitals import Vitals
from service.waiting import Call, Frame, Peek, WaitingRoom
from service.watched import WatchedSessions

__all__ = [
    "NO_STEP",
    "NO_TIME",
    "Answers",
    "Engine",
    "EngineSettings",
    "History",
    "NullObserver",
    "Observations",
    "Observer",
    "SessionView",
]


class Engine:
    """Callers submit from their event loops and await; one thread owns runtime, arena and journal.

    What changes the past of sessions, or copies them, is `changes`; what changes the model, `models`. There is no timer
    and no wait: whatever has come while a batch ran is the next batch. Between two chunks of long histories the stream
    has its turn. Any call may end in `Overloaded`, `Draining`, `ModelFailed` or `JournalError`; errors of single
    readings stand in their `Answers`.
    """

    def __init__(
        self,
        runtime: Runtime,
        journal: Journal,
        settings: EngineSettings | None = None,
        observer: Observer | None = None,
        *,
        probe: Callable[[], None] | None = None,  # raises if the model does not answer as it should
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,  # seconds since 1970, by which sessions expire
        share: Share | None = None,
        overall: Overall | None = None,
    ) -> None:
        settings, observer = settings or EngineSettings(), observer or NullObserver()
        self._room = room = WaitingRoom(settings)
        self._replies = replies = Replies()
        self._serving = serving = Serving(replies, observer, clock)
        self._health = health = Health(settings, observer, clock)
        self.vitals = Vitals(settings, room, serving, health)
        queue = FrameQueue(room.frames, WatchedSessions(serving))

        def alone(core: Core) -> bool:
            return serving.core is core and serving.follower is None

        quota = Quota(journal, settings.sessions_per_tenant, clock)
        self.overall = overall or Overall(settings.anomaly_rate)  # how good forecasts are, of all sessions together
        shared = journal, settings, observer, share or Share(), room, queue, replies, health
        self._around = Surroundings(*shared, clock, wall, alone, quota, self.overall)
        self._succession = Succession(serving, self._around)
        self._succession.begin(runtime, probe)
        self._upkeep = upkeep = Upkeep(serving, settings, observer, health, clock)
        health.probes["journal"] = upkeep.probe
        self.changes = Changes(self._call, serving)
        self.models = Models(self._call, self._succession)
        self._loop = Loop(room, queue, serving, replies, upkeep, health, settings, clock)
        self._thread: Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether it would be well to send requests here."""
        return self._health.ready and not self._room.closed

    @property
    def reason(self) -> str:
        """Why it is ready or not, in words."""
        return self._room.why_closed or self._health.reason

    @property
    def waiting(self) -> tuple[int, int]:
        """Readings (with peeks and calls) and steps of histories that are not answered yet."""
        return self._room.readings, self._room.steps

    def at_hand(self, sessions: Iterable[str]) -> bool:
        """Whether no replay is needed, as far as can be told now, before these sessions take their next readings."""
        return self._core.table.at_hand(sessions)

    @property
    def runtime(self) -> Runtime:
        """What serves now; a promotion or a rollback changes it between two batches."""
        return self._core.runtime

    @property
    def holidays_passed(self) -> bool:
        """Whether forecasts have gone beyond the days of which the model that serves knows the holidays."""
        return self._core.holidays.passed

    @property
    def steady(self) -> AbstractContextManager[object]:
        """While one is in it no model takes another's place; for looking at several things, not for work."""
        return self._serving.steady

    @property
    def follower(self) -> Standing | None:
        """The model that follows the one that serves, or the candidate that failed last; None: there is none."""
        follower = self._serving.follower or self._serving.fallen
        return None if follower is None else follower.standing

    def skipped(self, session: str, step: int | None, time: int | None) -> int:
        """Steps left out before a session's reading at this step or time, as far as can be told now; not of months."""
        return self._core.table.skipped(session, step, time, self._core.intake.reach.frequency.size)

    def start(self) -> None:
        """Starts the thread, which warms up and then says it is ready; callers may submit at once."""
        if self._thread is not None:
            raise RuntimeError("an engine starts once")
        self._health.say(False, "warming up")
        self._thread = Thread(target=self._loop.run, name="engine", daemon=True)
        self._thread.start()

    async def drain(self) -> None:
        """Accepts nothing more, answers all that was accepted, saves all states and closes the journal."""
        self._room.close("this service is ending; ask again, another one answers soon")
        if self._thread is None:
            self._upkeep.finish()
            return
        await asyncio.to_thread(self._thread.join)

    async def forecast(self, histories: Sequence[History]) -> NDArray[np.float64]:
        """Forecasts after each history, (histories, horizon, quantiles); an error names the `series` it concerns."""
        if not histories:
            return self._core.no_forecasts
        self._core.intake.histories(histories)
        self._core.holidays.asked(histories)

        def begin(caller: Caller) -> None:
            core, forecasts = self._core, np.empty((len(histories), *self._core.no_forecasts.shape[1:]))
            Prediction(caller, forecasts, self._replies).begin(histories, core.bundle.initial, core.histories)

        # A forecast takes room too, until it is sent: a million histories of one reading are not a million steps.
        steps = sum(len(history.values) for history in histories) + len(histories) * self._core.no_forecasts.shape[1]
        forecasts: NDArray[np.float64] = await self._call(begin, steps)
        return forecasts

    async def create(
        self,
        name: str,
        start: int | None,
        values: NDArray[np.float64],
        replace: bool = False,
        static: NDArray[np.float64] | None = None,
        regime: bool = False,
        ttl: int | None = None,
        calibrate: bool = False,
        quality: bool | None = None,
    ) -> SessionView:
        """A session whose steps 0 … n-1 have `values` (n, width); n may be 0, and then `start` may be None.

        `static` (features,) stays with it; without, or NaN, a feature is unknown. With `regime` its gates are
        watched at every reading, with `calibrate` its bands are calibrated by each. After `ttl` seconds without one it
        expires (0: never, None: as set for all); with `quality` its forecasts are scored (None: as set for all).
        Created again from the same, whatever its ttl and quality, the session that is there is returned; from another
        beginning it is `SessionExists`, or with `replace` a new one under the next revision. `TimeRequired`,
        `InvalidTime`, `CannotStream`, `NoRegime`, `NoCalibration`, `NoQuality`, `SessionExpired`.
        """
        self._core.intake.beginning(start, values, static, regime, calibrate, quality)
        asked = name, start, values, static, replace, regime, ttl, calibrate, quality
        view: SessionView = await self._call(lambda caller: self._core.lifecycle.create(caller, *asked), len(values))
        return view

    async def session(self, name: str) -> SessionView:
        """Where a session stands; `UnknownSession`, `SessionExpired`."""
        view: SessionView = await self._call(lambda _: self._core.lifecycle.session(name))
        return view

    async def sessions(self, wanted: Wanted, idle_seconds: float | None = None) -> list[SessionView]:
        """The first sessions of those that are wanted, by name: at most `service.listing.PIECE` of them."""
        views: list[SessionView] = await self._call(lambda _: self._core.listing.find(wanted, idle_seconds))
        return views

    async def delete(self, name: str) -> None:
        """Forgets a session and its readings; `UnknownSession`."""
        await self._call(lambda _: self._core.lifecycle.delete(name))

    async def peek(
        self, name: str, future: NDArray[np.float64] | None = None
    ) -> tuple[SessionView, NDArray[np.float64]]:
        """Where a session stands and its forecast (horizon, quantiles) from there; `UnknownSession`, `NoReadings`.

        `future` (horizon, known-future covariates) is what is known ahead; without, or NaN, it is unknown.
        """
        self._core.known.check(future, None)
        return await self._look(Peek(name, Caller(), future))

    async def regime(self, name: str) -> tuple[SessionView, NDArray[np.float64]]:
        """Where a session stands and its regime: flag, score, since (3,); `NoReadings`, `NoRegime`."""
        return await self._look(Peek(name, Caller(), tells="regime"))

    async def quality(self, name: str) -> tuple[SessionView, NDArray[np.float64]]:
        """As `regime`, of how good its forecasts are (told,), as in answers; `NoQuality`."""
        return await self._look(Peek(name, Caller(), tells="quality"))

    async def gates(self, name: str) -> tuple[SessionView, NDArray[np.float32]]:
        """Where a session stands and the gates (gates,) of its last reading, as the manifest lays them out; `NoGates`.

        They are found by going there again from an earlier state, whose steps count as those of a history; all who ask
        for one reading go there together.
        """
        self._core.intake.must_stream()
        self._core.intake.gates.check()
        shown: tuple[SessionView, NDArray[np.float32]] = await self._call(lambda who: self._core.shown.find(who, name))
        return shown

    async def observe(self, observations: Observations) -> Answers:
        """Advances sessions by new readings, in order; an answer or an error for each. `CannotStream`.

        Where the model knows covariates ahead, only readings that carry their future are answered with a forecast.
        """
        return await self.submit(observations)

    def submit(self, observations: Observations) -> Future[Answers]:
        """As `observe`: the readings have their place in the order when this returns, the answers come later."""
        self._core.intake.observations(observations)
        caller = Caller()
        if not observations.sessions:
            caller.future.set_result(self._no_answers())
            return caller.future
        frame = Frame(self._core.known.complete(observations), check_frame(observations), caller)
        self._room.seat(frame)
        return caller.future

    def owe(self, observations: Observations) -> None:
        """Readings that were refused on their way here, and will come again: no gap is filled over them."""
        self._room.owed.refuse(observations)

    def warm_up(self, runtime: Runtime) -> None:
        """Runs a model through every size of batch that it will meet; in the caller's thread, and it may take seconds.

        `ModelFailed`.
        """
        settings, core, model = self._around.settings, self._core, PaddedRuntime(runtime)
        until = time.monotonic() + settings.warm_up_seconds
        model.warm_up(core.limit, settings.chunk, settings.history_batch, lambda: time.monotonic() < until)
        model.probe()

    @property
    def _core(self) -> Core:
        return self._serving.core

    async def _look(self, peek: Peek) -> tuple[SessionView, NDArray[np.float64]]:
        self._core.intake.must_stream()
        with self._room.place():
            self._room.put(peek)
            seen: tuple[SessionView, NDArray[np.float64]] = await peek.caller.future
            return seen

    async def _call(self, action: Callable[[Caller], object], steps: int = 0) -> Any:
        with self._room.place(1, steps):
            call = Call(action, Caller())
            self._room.put(call)
            return await call.caller.future

    def _no_answers(self) -> Answers:
        none, no = np.empty(0, np.int64), np.empty(0, np.bool_)
        return Answers(none, none, none, no, no, none, self._core.no_forecasts, [], self._around.journal.durable)
