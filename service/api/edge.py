"""What every endpoint works with, and the one way from readings as sent to items as answered."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from datasets.frequency import Frequency
from service.api.ahead import Ahead
from service.api.clock import Clock
from service.api.column_answers import ColumnAnswer, ColumnAnswers
from service.api.column_readings import ColumnReadings
from service.api.columns import ColumnFrame
from service.api.drain import Streams
from service.api.forecasts import Levels, Selection
from service.api.gate_summaries import Detail, GateSummaries, detail
from service.api.handles import Handles
from service.api.histories import Histories
from service.api.items import Item, Items, refusal
from service.api.limits import session_name
from service.api.readings import Columns, Faults, Reading
from service.api.statics import Statics
from service.engine import Engine
from service.errors import CannotStream, GatecastError, InvalidSession, TooManyReadings
from service.frames import Answers
from service.gates import Gates
from service.logs import Log
from service.metrics import Metrics
from service.reach import Reach
from service.runtimes import Runtime
from service.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """One item for each reading, in the order sent, and the errors of those that were refused, by place."""

    items: list[Item]
    errors: Faults


class Edge:
    """The parts, put together by app.py and passed to each router, with what follows from the bundle's manifest."""

    def __init__(
        self, engine: Engine, runtime: Runtime, durable: str, settings: Settings, metrics: Metrics, log: Log
    ) -> None:
        manifest = runtime.bundle.manifest
        longest = min(settings.history_steps, manifest.longest_history or settings.history_steps)
        covariates = tuple(manifest.covariates)
        self.engine = engine
        self.runtime = runtime
        self.bundle = runtime.bundle
        self.durable = durable
        self.settings = settings
        self.metrics = metrics
        self.log = log
        self.streams = Streams()
        self.desk = asyncio.Lock()  # at which large requests are read and answered, piece by piece
        self.clock = Clock(Frequency.parse(manifest.frequency), manifest.time_zone)
        self.levels = Levels(manifest.horizon, manifest.quantiles)
        self.histories = Histories(self.clock, covariates, longest, Reach(self.clock.frequency, manifest.horizon))
        self.ahead = Ahead(tuple(manifest.future), manifest.horizon)
        self.statics = Statics(tuple(manifest.static))
        self.gates = GateSummaries(Gates.of(manifest))
        self._columns = Columns(self.clock, covariates, self.ahead)
        self._items = Items(self.clock, self.gates)
        self._column_readings = ColumnReadings(self.clock, covariates, self.ahead)
        self._column_answers = ColumnAnswers(self.clock)

    def check_streams(self) -> None:
        """`CannotStream` where the bundle's model keeps no state."""
        if not self.bundle.manifest.streams:
            raise CannotStream("this model cannot be streamed; send whole histories to POST /v1/predict")

    def detail(self, gates: bool | str | None) -> Detail | None:
        """What of its gates an answer shall carry; `NoGates` where this model cannot show any, `WrongType`."""
        asked = detail(gates)
        if asked is not None:
            self.gates.gates.check()
        return asked

    def session(self, segment: str) -> str:
        """A session's name from its segment of the path, which is still url-encoded; `CannotStream`."""
        self.check_streams()
        try:
            return session_name(unquote_to_bytes(segment).decode("utf-8"))
        except UnicodeDecodeError as wrong:
            raise InvalidSession("a session's name in a path is url-encoded UTF-8; this one is not") from wrong

    async def observe(
        self,
        sessions: Sequence[str],
        readings: Sequence[Reading],
        selection: Selection,
        whole_times: bool = False,
        excused: Collection[str] = (),
        gates: Detail | None = None,
        every: int = 1,
    ) -> Outcome:
        """What came of each reading. An error that is raised is about all of them: none was recorded.

        `excused` are sessions of which another reading was sent that could not even be decoded: it may have been the
        one that carries what is known ahead. With `gates`, answers with a forecast carry those of their reading.
        `every` is that of the engine's observations.
        """
        limit = self.settings.readings_per_frame
        if len(readings) > limit:
            raise TooManyReadings(f"at most {limit} readings were expected at once, got {len(readings)}", limit=limit)
        if not readings:
            return Outcome([], {})
        excused = set(sessions) if every == 0 else excused
        sheet = self._columns.read(sessions, readings, selection.horizon, excused)
        for error in sheet.faults.values():
            self.metrics.refused(error.code, 1)
        if not sheet.kept:
            items = [refusal(sessions[at], readings[at].step, sheet.faults[at]) for at in range(len(readings))]
            return Outcome(items, sheet.faults)
        observations = sheet.observations
        if gates or every != 1:
            observations = replace(observations, gates=gates is not None, every=every)
        answers = await self.engine.observe(observations)
        errors = {at: error for at, error in zip(sheet.kept, answers.errors, strict=True) if error is not None}
        starts = await self._starts(sheet.observations.sessions, answers)
        items = self._items.write(sessions, readings, sheet, answers, selection, starts, whole_times, gates)
        return Outcome(items, errors | sheet.faults)

    async def observe_columns(
        self, frame: ColumnFrame, handles: Handles, selection: Selection, every: int, packed: bool
    ) -> ColumnAnswer:
        """As `observe`, by columns; `packed` is the answer of MessagePack."""
        sheet = self._column_readings.read(frame, handles, every)
        for error in sheet.faults.values():
            self.metrics.refused(error.code, 1)
        if not sheet.kept:
            return self._column_answers.refused(frame, sheet, self.durable, packed)
        answers = await self.engine.observe(sheet.observations)
        return self._column_answers.write(frame, sheet, answers, selection, packed)

    async def _starts(self, sessions: list[str], answers: Answers) -> dict[str, int]:
        """Where the answered sessions start, on a monthly grid: 28 February may stand for the 30th or a month's end."""
        if self.clock.frequency.unit != "month":
            return {}
        starts: dict[str, int] = {}
        for name in {name for name, row in zip(sessions, answers.rows.tolist(), strict=True) if row >= 0}:
            with suppress(GatecastError):  # deleted since, or the service is ending: what is recorded is answered
                start = (await self.engine.session(name)).start
                if start is not None:
                    starts[name] = start
        return starts
