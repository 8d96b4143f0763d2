"""What every endpoint works with, and the one way from readings as sent to items as answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from datasets.frequency import Frequency
from service.access import Access
from service.api.ahead import Ahead
from service.api.callers import caller_of
from service.api.clock import Clock
from service.api.column_answers import ColumnAnswer, ColumnAnswers
from service.api.column_readings import ColumnReadings
from service.api.columns import ColumnFrame
from service.api.drain import Streams
from service.api.forecasts import Levels, Selection
from service.api.gate_summaries import Detail, GateSummaries, detail
from service.api.handles import Handles
from service.api.histories import Histories
from service.api.items import Item, Items
from service.api.limits import session_name
from service.api.qualities import Qualities
from service.api.readings import Columns, Faults, Reading, Sheet
from service.api.statics import Statics
from service.api.sums import StepSums
from service.api.telling import Telling
from service.api.wish import Wish
from service.engine import Engine
from service.errors import CannotStream, GatecastError, InvalidSession, TooManyReadings
from service.frames import Answers, Observations
from service.journal import Wanted
from service.limit_errors import RateLimited
from service.logs import Log
from service.metrics import Metrics
from service.names import inside
from service.rates import Rates
from service.reach import Reach
from service.runtimes import Runtime
from service.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """One item for each reading, in the order sent, and the errors of those that were refused, by place."""

    items: list[Item]
    errors: Faults


@dataclass(frozen=True, eq=False)
class Submitted:
    """Readings that are with the engine, and how their answers are to be written."""

    sessions: Sequence[str]
    readings: Sequence[Reading]
    sheet: Sheet
    wish: Wish
    whole_times: bool
    answers: asyncio.Future[Answers]


@dataclass(frozen=True, eq=False)
class SubmittedColumns:
    """As `Submitted`, of a frame by columns."""

    frame: ColumnFrame
    sheet: Sheet
    selection: Selection
    packed: bool
    answers: asyncio.Future[Answers]
    telling: Telling


class Edge:
    """The parts, put together by app.py and passed to each router, with what follows from the bundle's manifest."""

    def __init__(
        self,
        engine: Engine,
        runtime: Runtime,
        durable: str,
        settings: Settings,
        metrics: Metrics,
        log: Log,
        access: Access | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        manifest = runtime.bundle.manifest
        covariates = tuple(manifest.covariates)
        self.engine = engine
        self.durable = durable
        self.settings = settings
        self.metrics = metrics
        self.log = log
        self.access = access  # None: no key is asked for
        self.rates = Rates(settings, clock)
        self.streams = Streams(settings.streams_per_tenant)
        self.desk = asyncio.Lock()  # at which large requests are read and answered, piece by piece
        self.clock = Clock(Frequency.parse(manifest.frequency), manifest.time_zone)
        self.sums = StepSums()
        self.levels = Levels(manifest.horizon, manifest.quantiles, self.sums.check)
        self.ahead = Ahead(tuple(manifest.future), manifest.horizon)
        self.statics = Statics(tuple(manifest.static))
        self.gates = GateSummaries()
        self.qualities = Qualities(manifest.horizon, settings.anomaly_rate)
        self.serve(runtime)
        self._columns = Columns(self.clock, covariates, self.ahead)
        self._items = Items(self.clock, self.gates, self.sums, self.qualities)
        self._column_readings = ColumnReadings(self.clock, covariates, self.ahead)
        self._column_answers = ColumnAnswers(self.clock, self.sums, self.qualities)

    def serve(self, runtime: Runtime) -> None:
        """This model answers from now on; one that took another's place has the same subject and horizon."""
        manifest, most = runtime.bundle.manifest, self.settings.history_steps
        self.runtime = runtime
        self.bundle = runtime.bundle
        self.histories = Histories(
            self.clock,
            tuple(manifest.covariates),
            min(most, manifest.longest_history or most),
            Reach(self.clock.frequency, manifest.horizon),
        )
        self.gates.serve(manifest)
        self.qualities.serve(manifest)
        self.sums.serve(manifest)
        self.metrics.serving(runtime.bundle, runtime.name, runtime.device)

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

    def session(self, request: Request, segment: str) -> str:
        """The caller's session from its segment of the path, which is still url-encoded, by its name inside.

        `InvalidSession`, `CannotStream`, `Misdirected`.
        """
        self.check_streams()
        try:
            return self.named(request, unquote_to_bytes(segment).decode("utf-8"))
        except UnicodeDecodeError as wrong:
            raise InvalidSession("a session's name in a path is url-encoded UTF-8; this one is not") from wrong

    def named(self, request: Request, sent: str) -> str:
        """The caller's session of this name, by its name inside; `InvalidSession`, `Misdirected`."""
        name = session_name(sent)
        self.settings.share.check(name)
        return inside(caller_of(request.scope).tenant, name)

    def moment(self, seconds: float) -> str:
        """A time of the world's clock, not of a series: ISO 8601 in UTC."""
        return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")

    def correction(self, name: str, readings: Sequence[Reading]) -> Sheet:
        """Readings of one session by columns, in the order sent, with what is wrong with some of them."""
        return self._columns.read([name] * len(readings), readings, self.levels.horizon, {name})

    def wanted(self, request: Request, prefix: str, after: str, parent: str | None, expired: bool | None) -> Wanted:
        """Which of the caller's sessions a listing shall have; of the tenant "" `beyond` passes over the others'."""
        tenant = caller_of(request.scope).tenant
        begin = inside(tenant, after) if after else ""
        return Wanted(inside(tenant, prefix), begin, parent=parent and inside(tenant, parent), expired=expired)

    async def observe(self, request: Request, name: str, readings: Sequence[Reading], wish: Wish) -> Outcome:
        """What came of each reading of this session. An error that is raised is about all: none was recorded."""
        if not readings:
            return Outcome([], {})
        sessions = [name] * len(readings)
        pace = self.rates.readings(caller_of(request.scope).tenant)
        if pace is not None:
            with self.owing(sessions, readings, wish):
                pace.take(len(readings))
        submitted = self.submit(sessions, readings, wish, whole_times=True)
        return await self._outcome(submitted, await submitted.answers)

    @contextmanager
    def owing(self, sessions: Sequence[str], readings: Sequence[Reading], wish: Wish) -> Iterator[None]:
        """Where it ends in `RateLimited`, these readings are to come again, and later ones fill no gap over them."""
        try:
            yield
        except RateLimited:
            if wish.fill:
                self.engine.owe(
                    self._columns.read(sessions, readings, wish.selection.reach, set(sessions)).observations
                )
            raise

    @contextmanager
    def owing_columns(self, frame: ColumnFrame, handles: Handles, wish: Wish) -> Iterator[None]:
        """As `owing`, by columns."""
        try:
            yield
        except RateLimited:
            if wish.fill:
                self.engine.owe(self._column_readings.read(frame, handles, 0).observations)
            raise

    async def items(self, submitted: Submitted) -> list[Item]:
        """One for each reading that is with the engine, in the order sent; all are recorded, wait for it or not."""
        return (await self._outcome(submitted, await asyncio.shield(submitted.answers))).items

    def submit(
        self,
        sessions: Sequence[str],
        readings: Sequence[Reading],
        wish: Wish,
        whole_times: bool = False,
        excused: Collection[str] = (),
    ) -> Submitted:
        """As `observe`, up to the engine, which has the readings in order when this returns.

        `excused` are sessions of which another reading was sent that could not even be decoded: it may have been the
        one that carries what is known ahead.
        """
        limit = self.settings.readings_per_frame
        if len(readings) > limit:
            raise TooManyReadings(f"at most {limit} readings were expected at once, got {len(readings)}", limit=limit)
        sheet = self._columns.read(
            sessions, readings, wish.selection.reach, set(sessions) if wish.every == 0 else excused
        )
        observations = sheet.observations
        told = bool(wish.telling)
        if wish.gates or wish.every != 1 or wish.fill or told:
            gates = wish.gates is not None
            observations = replace(observations, gates=gates, every=wish.every, fill=wish.fill, quality=told)
        answers = self._submitted(sheet, observations)
        return Submitted(sessions, readings, sheet, wish, whole_times, answers)

    def written(self, submitted: Submitted, answers: Answers, starts: dict[str, int]) -> Outcome:
        """The items of what the engine has answered; `starts` as `Items.write` takes them."""
        sheet, wish = submitted.sheet, submitted.wish
        errors = {at: error for at, error in zip(sheet.kept, answers.errors, strict=True) if error is not None}
        items = self._items.write(
            submitted.sessions,
            submitted.readings,
            sheet,
            answers,
            wish.selection,
            starts,
            submitted.whole_times,
            wish.gates,
            wish.telling,
        )
        return Outcome(items, errors | sheet.faults)

    def submit_columns(self, frame: ColumnFrame, handles: Handles, wish: Wish, packed: bool) -> SubmittedColumns:
        """As `submit`, by columns; `packed` is the answer of MessagePack."""
        sheet = self._column_readings.read(frame, handles, wish.every)
        observations, told = sheet.observations, bool(wish.telling)
        if wish.fill or told:
            observations = replace(observations, fill=wish.fill, quality=told)
        answers = self._submitted(sheet, observations)
        return SubmittedColumns(frame, sheet, wish.selection, packed, answers, wish.telling)

    async def column_answer(self, submitted: SubmittedColumns) -> ColumnAnswer:
        """What came of readings by columns that are with the engine; as `items`."""
        frame, sheet, packed = submitted.frame, submitted.sheet, submitted.packed
        answers = await asyncio.shield(submitted.answers)  # one that is broken off must not leave a hole in the order
        if not sheet.kept:
            return self._column_answers.refused(frame, sheet, self.durable, packed)
        return self._column_answers.write(frame, sheet, answers, submitted.selection, packed, submitted.telling)

    def _submitted(self, sheet: Sheet, observations: Observations) -> asyncio.Future[Answers]:
        for error in sheet.faults.values():
            self.metrics.refused(error.code, 1)
        return self.engine.submit(observations)

    async def _outcome(self, submitted: Submitted, answers: Answers) -> Outcome:
        starts = await self._starts(submitted.sheet.observations.sessions, answers)
        return self.written(submitted, answers, starts)

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
