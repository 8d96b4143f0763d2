"""A reading of a sequence: START makes a session, each request advances it by one, END erases it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.access import Caller
from service.api.callers import WRITE
from service.api.clock import Time
from service.api.edge import Edge, Submitted
from service.api.forecasts import Selection
from service.api.gaps import fills
from service.api.limits import session_name
from service.api.oip.contract import Arrays, Contract
from service.api.oip.messages import InferRequest, Watch
from service.api.oip.models import AHEAD, MEDIAN, QUANTILES, STEP, TIME
from service.api.oip.parameters import Parameters
from service.api.oip.tensors import BYTES, FP64, INT64, Tensor
from service.api.oip.turns import Turns
from service.api.query import levels_of
from service.api.wish import Wish
from service.errors import Gap, InvalidTime, TimeRequired, UnknownSession
from service.frames import NO_STEP, Answers
from service.inference_errors import SequenceRequired, StartRequired
from service.names import inside
from service.past_errors import SessionExpired

Said = dict[str, bool | int | str]


@dataclass
class SentReading:
    """One reading, as those of other doors."""

    y: float | None
    step: int | None
    ds: Time | None
    covariates: dict[str, float | None] | None
    future: dict[str, list[float | None]] | None


class Sequences:
    """Serves the sequences of all connections; their sessions are those of every other door."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._turns = Turns()

    async def infer(
        self, contract: Contract, request: InferRequest, caller: Caller, watch: Watch
    ) -> tuple[list[Tensor], Said]:
        """Outputs of a batch of one, and what is said beside them.

        `SequenceRequired`, `StartRequired`, and what a reading by request may end in.
        """
        caller.require(WRITE)
        edge, asked = self._edge, Parameters.read(request.parameters)
        inputs = contract.read(request)
        contract.check_outputs(request)
        if asked.sequence is None:
            raise SequenceRequired(
                f"inference request to model '{contract.model}' must specify a non-zero or non-empty correlation ID"
            )
        edge.check_streams()
        sent = session_name(asked.sequence)
        edge.settings.share.check(sent)
        name = inside(caller.tenant, sent)
        selection = edge.levels.select(asked.horizon, levels_of(asked.quantiles))
        wish = Wish(selection, fill=fills(asked.gaps))
        reading = self._reading(inputs, asked)
        async with self._turns.of(name):
            watch.computing()
            pace = edge.rates.readings(caller.tenant)
            if pace is not None:
                with edge.owing([name], [reading], wish):
                    pace.take(1)
            if asked.begins:
                await self._begin(name, inputs, reading, asked, selection)
            submitted = edge.submit([name], [reading], wish)
            answers = await submitted.answers
            self._refuse(submitted, answers, contract.model, asked.sequence)
            if asked.ends:
                with suppress(UnknownSession):  # somebody else has erased it meanwhile
                    await edge.engine.delete(name)
            watch.writing()
        return self._outputs(answers, selection), _said(sent, answers)

    async def _begin(
        self, name: str, inputs: Arrays, reading: SentReading, asked: Parameters, selection: Selection
    ) -> None:
        """A session anew, whatever there was. What is wrong with its reading is found before anything is given up."""
        edge = self._edge
        if reading.step:
            raise Gap(f"a sequence starts with step 0, got step {reading.step}", expected_step=0, last_step=NO_STEP)
        edge.ahead.read(reading.future, selection.reach)
        bare = SentReading(reading.y, reading.step, reading.ds, reading.covariates, None)
        for wrong in edge.correction(name, [bare]).faults.values():
            raise wrong
        times = [edge.clock.read(time) for time in (asked.start, reading.ds) if time is not None]
        if len(set(times)) > 1:
            raise InvalidTime("start and the first reading's ds are not the same time; send one of them")
        if not times and edge.clock.frequency.has_calendar:
            raise TimeRequired(
                "a sequence's first reading needs its time: send the input or parameter ds, or the parameter start"
            )
        static = edge.statics.read(_numbers(inputs, edge.statics.names))
        none = np.empty((0, edge.bundle.width))
        start = times[0] if times else None
        kept = static, asked.regime, asked.ttl_seconds, asked.calibrate
        await edge.engine.create(name, start, none, True, *kept)

    def _reading(self, inputs: Arrays, asked: Parameters) -> SentReading:
        """`InvalidTime` where its time is said twice, and not the same."""
        manifest = self._edge.bundle.manifest
        future = {each: _listed(inputs[f"{each}{AHEAD}"][0]) for each in manifest.future}
        return SentReading(
            _numbers(inputs, [manifest.target])[manifest.target],
            asked.step,
            self._time(inputs, asked),
            _numbers(inputs, manifest.covariates) or None,
            future or None,
        )

    def _time(self, inputs: Arrays, asked: Parameters) -> Time | None:
        texts = inputs.get(TIME)
        if texts is None or texts.dtype != np.object_:
            return asked.time
        time = time_of(str(texts.ravel()[0]), self._edge.clock.frequency.has_calendar)
        if asked.time is not None and asked.time != time:
            raise InvalidTime("the input ds and the parameter ds are not the same time; send one of them")
        return time

    def _refuse(self, submitted: Submitted, answers: Answers, model: str, sequence: str) -> None:
        """The error of the one reading, in this protocol's words where it has some."""
        for fault in submitted.sheet.faults.values():
            raise fault
        error = answers.errors[0]
        if isinstance(error, UnknownSession | SessionExpired):
            raise StartRequired(
                f"inference request for sequence {sequence} to model '{model}' must specify the START flag on the "
                "first request of the sequence",
                expired=isinstance(error, SessionExpired),
            )
        if error is not None:
            raise error

    def _outputs(self, answers: Answers, selection: Selection) -> list[Tensor]:
        """All of them. A forecast that a later reading, by another door, has in its place is NaN."""
        row = int(answers.rows[0])
        step, time = int(answers.steps[0]), int(answers.times[0])
        quantiles, median = forecast_of(answers.quantiles[max(row, 0) :][:1], selection)
        if row < 0:
            shape = selection.horizon, len(selection.columns)
            quantiles, median = np.full((1, *shape), np.nan), np.full((1, shape[0]), np.nan)
        return [
            Tensor(QUANTILES, FP64, quantiles),
            Tensor(MEDIAN, FP64, median),
            Tensor(STEP, INT64, np.array([[step]])),
            Tensor(TIME, BYTES, np.array([[str(self._edge.clock.write(time))]], np.object_)),
        ]


def forecast_of(
    forecasts: NDArray[np.float64], selection: Selection
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of whole forecasts (rows, horizon, quantiles): what was chosen (rows, steps, levels), medians (rows, steps)."""
    part = forecasts[:, : selection.horizon]
    return part.take(selection.columns, axis=2), selection.middle(part)


def time_of(text: str, calendar: bool) -> Time:
    """A time from a tensor of texts; `InvalidTime` where a count is none."""
    if calendar:
        return text
    if not text.lstrip("-").isdecimal() or not text.isascii() or len(text) > 17:
        raise InvalidTime("this model counts its steps: a whole number was expected as text, such as 17")
    return int(text)


def _numbers(inputs: Arrays, names: Sequence[str]) -> dict[str, float | None]:
    """The first of each that was sent; None where it is missing."""
    return {name: _listed(inputs[name].ravel()[:1])[0] for name in names if name in inputs}


def _listed(values: NDArray[Any]) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


def _said(session: str, answers: Answers) -> Said:
    said: Mapping[str, bool | int | str] = {
        "session": session,
        "durable": answers.durable,
        "repeated": bool(answers.repeated[0]),
        "filled": 0 if answers.filled is None else int(answers.filled[0]),
        "delivery": "" if answers.keyed[0] else "at-most-once",
        "superseded": int(answers.rows[0]) < 0,
    }
    return {name: value for name, value in said.items() if value}
