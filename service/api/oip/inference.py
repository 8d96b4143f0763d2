"""The one way of an inference request, by whichever door it came: to its model, counted and timed."""

from __future__ import annotations

from service.access import Caller
from service.api.edge import Edge
from service.api.oip.messages import InferAnswer, InferRequest, Watch
from service.api.oip.models import Models
from service.api.oip.sequences import Said, Sequences
from service.api.oip.statistics import Statistics
from service.api.oip.whole import Whole
from service.deployments import Deployments
from service.errors import GatecastError


class Inference:
    """Models, their statistics, and how they are asked."""

    def __init__(self, edge: Edge, deployments: Deployments) -> None:
        self.models = Models(edge, deployments)
        self.statistics = Statistics(self._executions)
        self._edge = edge
        self._sequences = Sequences(edge)
        self._whole = Whole(edge)

    async def infer(self, request: InferRequest, caller: Caller, watch: Watch) -> InferAnswer:
        """The answer; any `GatecastError` says why there is none."""
        contract = self.models.contract(request.model, request.version)
        said: Said = {}
        try:
            if contract.sequence:
                outputs, said = await self._sequences.infer(contract, request, caller, watch)
            else:
                outputs = await self._whole.infer(contract, request, caller, watch)
        except GatecastError:
            self.statistics.failed(contract.model, watch)
            raise
        self.statistics.answered(contract.model, len(outputs[0].values), watch)
        chosen = contract.chosen(request, outputs)
        return InferAnswer(contract.model, self.models.version, request.id, chosen, said)

    def _executions(self, model: str) -> int:
        metrics = self._edge.metrics
        return metrics.batches if self.models.contract(model).sequence else metrics.chunks
