"""What came of a frame by columns, by columns: lists and nested lists in JSON, runs of raw numbers in MessagePack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import orjson
from numpy.typing import NDArray

from service.api import problems
from service.api.clock import Clock
from service.api.columns import ColumnFrame
from service.api.forecasts import Forecasts, Selection
from service.api.items import Item, refusal, regime
from service.api.qualities import Qualities
from service.api.readings import Faults, Sheet
from service.api.sums import StepSums
from service.api.telling import NOTHING, Telling
from service.attached import NONE
from service.frames import NO_STEP, NO_TIME, Answers

Places = NDArray[np.int64]


class ColumnAnswer(dict[str, object]):
    """One answer, its columns still arrays where it will be JSON."""


@dataclass(frozen=True)
class ColumnAnswers:
    """Writes the answers of one model's clock; `packed` ones are those of MessagePack."""

    clock: Clock
    sums: StepSums
    qualities: Qualities

    def write(
        self,
        frame: ColumnFrame,
        sheet: Sheet,
        answers: Answers,
        selection: Selection,
        packed: bool,
        telling: Telling = NOTHING,
    ) -> ColumnAnswer:
        """The answer to a frame of whose readings the engine has answered those that were kept."""
        steps, times, places = answers.steps, answers.times, None
        if len(sheet.kept) < frame.count:
            places = np.array(sheet.kept, np.int64)
            steps, times = np.full(frame.count, NO_STEP), np.full(frame.count, NO_TIME)
            steps[places], times[places] = answers.steps, answers.times
        answer = self._columns(steps, times, answers.durable, packed)
        errors = dict(sheet.faults)
        if len(answers.steps) and answers.steps.min() == NO_STEP:
            errors |= {at: wrong for at, wrong in zip(sheet.kept, answers.errors, strict=True) if wrong is not None}
        if errors:
            answer["errors"] = _refusals(frame, errors)
        if answers.repeated.any():
            answer["repeated"] = _places(answers.repeated, places).tolist()
        if answers.filled is not None:
            answer |= _filled(answers.filled, answers.steps, places, frame.count, packed)
        if not answers.keyed.all():
            answer["at_most_once"] = _places(~answers.keyed & (answers.steps != NO_STEP), places).tolist()
        has = answers.rows != NONE
        forecasts = np.count_nonzero(has)
        if forecasts < frame.count:
            rows = _places(has, places)
            answer["rows"] = rows.astype("<u4").tobytes() if packed else rows
        if forecasts:
            wanted = _in_order(answers.rows[has], answers.quantiles)
            forecast = _packed(wanted, selection) if packed else _nested(wanted, selection)
            if selection.sums and (sums := self.sums.columns(wanted, selection, packed)) is not None:
                forecast["sums"] = sums
            answer["forecast"] = forecast
        if answers.regimes is not None:
            told = answers.regimes.rows != NONE
            said = answers.regimes.values[answers.regimes.rows[told]]
            places_told = _places(told, places).tolist()
            answer["regime"] = [{"at": at, "regime": regime(each)} for at, each in zip(places_told, said, strict=True)]
        if answers.qualities is not None:
            for row, told in self.qualities.beside(answers.qualities, telling):
                for name, each in told.items():
                    found = cast(list[Item], answer.setdefault(name, []))
                    found.append({"at": row if places is None else int(places[row]), name: each})
        return answer

    def refused(self, frame: ColumnFrame, sheet: Sheet, durable: str, packed: bool) -> ColumnAnswer:
        """The answer to a frame of which nothing was kept."""
        answer = self._columns(np.full(frame.count, NO_STEP), np.full(frame.count, NO_TIME), durable, packed)
        if sheet.faults:
            answer |= {"errors": _refusals(frame, sheet.faults), "rows": b"" if packed else []}
        return answer

    def _columns(self, steps: Places, times: Places, durable: str, packed: bool) -> ColumnAnswer:
        if packed:
            numbers = {"steps": steps.astype("<i8").tobytes(), "times": times.astype("<i8").tobytes()}
            return ColumnAnswer(numbers, durable=durable)
        if not len(times) or times.min() != NO_TIME:
            return ColumnAnswer(steps=steps, durable=durable, ds=self.clock.write_all(times))
        shown: list[object] = steps.tolist()
        texts: list[object] = [*self.clock.write_all(np.where(times == NO_TIME, 0, times))]
        for at in np.flatnonzero(times == NO_TIME).tolist():
            shown[at] = texts[at] = None
        return ColumnAnswer(steps=shown, durable=durable, ds=texts)


def encoded(answer: ColumnAnswer) -> bytes:
    """JSON of an answer that is not packed; its arrays are written as they are, which takes a third of the time."""
    return orjson.dumps(answer, problems.plain, orjson.OPT_SERIALIZE_NUMPY)


def _places(which: NDArray[np.bool_], places: Places | None) -> Places:
    """Where in the frame those are; `places` are those of the readings that were kept, None: all."""
    at = np.flatnonzero(which)
    return at if places is None else places[at]


def _filled(counts: Places, steps: Places, places: Places | None, count: int, packed: bool) -> Item:
    """Steps that entered as missing before each reading; nothing where none did before any that was recorded."""
    told = np.zeros(count, np.int64)
    told[slice(None) if places is None else places] = np.where(steps == NO_STEP, 0, counts)
    if not told.any():
        return {}
    return {"filled": told.astype("<i8").tobytes() if packed else told}


def _refusals(frame: ColumnFrame, errors: Faults) -> list[Item]:
    return [{"at": at, **refusal(None, frame.step(at), errors[at])} for at in sorted(errors)]


def _in_order(rows: Places, quantiles: Forecasts) -> Forecasts:
    """The forecasts of the readings that have one, in their order."""
    if len(rows) == len(quantiles) and (rows[1:] > rows[:-1]).all():
        return quantiles
    return quantiles[rows]


def _nested(forecasts: Forecasts, selection: Selection) -> Item:
    """Lists (rows, horizon) by level, and of the median where its level was not asked for."""
    part = forecasts[:, : selection.horizon]
    levels = zip(selection.names, selection.columns, strict=True)
    shown: Item = {"quantiles": {name: np.ascontiguousarray(part[..., at]) for name, at in levels}}
    return {"median": np.ascontiguousarray(selection.middle(part)), **shown} if selection.apart else shown


def _packed(forecasts: Forecasts, selection: Selection) -> Item:
    """Raw float32 as differences to each row's `origin`, a float64: a register at 1e8 keeps its decimals."""
    part = forecasts[:, : selection.horizon]
    levels = part if selection.columns == tuple(range(part.shape[2])) else part[..., list(selection.columns)]
    origin = selection.middle(part[:, 0]).astype("<f8")  # (rows,)
    shown: Item = {"levels": [*map(float, selection.names)], "shape": levels.shape, "origin": origin.tobytes()}
    if selection.apart:
        shown["median"] = _less(selection.middle(part), origin[:, None])
    return {**shown, "values": _less(levels, origin[:, None, None])}


def _less(numbers: NDArray[np.float64], origin: NDArray[np.float64]) -> memoryview:
    short = np.empty(numbers.shape, "<f4")
    with np.errstate(over="ignore"):  # beyond float32 it is infinite
        np.subtract(numbers, origin, out=short, casting="same_kind")
    return short.data
