"""Whole histories, a batch of them, all of one length: forecast, and nothing kept."""

from __future__ import annotations

import numpy as np

from service.access import Caller
from service.api.callers import READ
from service.api.edge import Edge
from service.api.oip.contract import Arrays, Contract
from service.api.oip.messages import InferRequest, Watch
from service.api.oip.models import AHEAD, BEGIN, MEDIAN, QUANTILES
from service.api.oip.parameters import Parameters
from service.api.oip.sequences import forecast_of, time_of
from service.api.oip.tensors import BYTES, FP64, Tensor
from service.api.query import levels_of
from service.errors import TimeRequired
from service.frames import History


class Whole:
    """Serves the model of whole histories."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def infer(self, contract: Contract, request: InferRequest, caller: Caller, watch: Watch) -> list[Tensor]:
        """Outputs, a row a history. `TimeRequired`, and what a forecast of histories may end in."""
        caller.require(READ)
        edge, asked = self._edge, Parameters.read(request.parameters)
        inputs = contract.read(request)
        contract.check_outputs(request)
        selection = edge.levels.select(asked.horizon, levels_of(asked.quantiles))
        manifest = edge.bundle.manifest
        values = np.stack([inputs[name] for name in (manifest.target, *manifest.covariates)], axis=2)
        starts = self._starts(inputs, asked, len(values))
        steps = np.arange(values.shape[1], dtype=np.int64)
        ahead = self._ahead(inputs, selection.reach)
        static = np.concatenate([inputs[name] for name in manifest.static], axis=1) if manifest.static else None
        histories = [
            History(
                values[at],
                edge.clock.frequency.times(start, steps),
                None if ahead is None else ahead[at],
                None if static is None else static[at],
            )
            for at, start in enumerate(starts)
        ]
        watch.computing()
        forecasts = await edge.engine.forecast(histories)
        watch.writing()
        quantiles, median = forecast_of(forecasts, selection)
        after = [edge.clock.after(start, len(steps), 1)[0] for start in starts]
        begins = np.array([[str(time)] for time in after], np.object_)
        return [Tensor(QUANTILES, FP64, quantiles), Tensor(MEDIAN, FP64, median), Tensor(BEGIN, BYTES, begins)]

    def _starts(self, inputs: Arrays, asked: Parameters, count: int) -> list[int]:
        clock = self._edge.clock
        calendar = clock.frequency.has_calendar
        texts = inputs.get(BEGIN)
        if texts is not None and texts.dtype == np.object_:
            return [clock.read(time_of(str(text), calendar)) for text in texts.ravel().tolist()]
        one = asked.time if asked.start is None else asked.start
        if one is None and calendar:
            raise TimeRequired("histories need the times of their first readings: send the input or parameter start")
        return [0 if one is None else clock.read(one)] * count

    def _ahead(self, inputs: Arrays, asked: int) -> np.ndarray | None:
        """(series, horizon, covariates); `FutureLength`, `InvalidValue`."""
        names = self._edge.bundle.manifest.future
        if not names:
            return None
        rows = len(inputs[f"{names[0]}{AHEAD}"])
        sent = [
            {name: [None if v != v else v for v in inputs[f"{name}{AHEAD}"][at].tolist()] for name in names}
            for at in range(rows)
        ]
        found, faults = self._edge.ahead.read_all(sent, asked)
        for fault in faults.values():
            raise fault
        return found
