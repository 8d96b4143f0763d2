"""How the endpoints of this protocol are documented: answers as they are, and requests that can be sent."""

from __future__ import annotations

from typing import Any

from service.api import openapi
from service.api.edge import Edge
from service.api.oip.contract import ANY, Contract
from service.api.oip.inference import Inference
from service.api.oip.models import BEGIN, TIME
from service.api.oip.tensors import BYTES, FP64
from service.errors import GatecastError

Example = dict[str, Any]
_START = 1_420_848_000  # 2015-01-10T00:00:00


class Examples:
    """Made for the bundle that is served."""

    def __init__(self, edge: Edge, inference: Inference, version: str) -> None:
        models = inference.models
        contract = models.contract(models.names[0])
        whole = models.contract(models.names[-1])
        self._edge = edge
        self._start = str(edge.clock.write(_START if edge.clock.frequency.has_calendar else 0))
        self.server: Example = {"this service": models.server(version)}
        self.metadata: Example = {"a model": models.metadata(contract)}
        self.config: Example = {"a model": models.config(contract)}
        self.statistics: Example = {
            "a model": {"model_stats": [inference.statistics.told(whole.model, models.version)]}
        }
        self.index: Example = {"all": [{"name": contract.model, "version": models.version, "state": "READY"}]}
        self.infer: Example = {"a history": self._request(whole)}
        if contract.sequence:
            sequence = {"sequence_id": "taxi", "sequence_start": True}
            self.infer["the first reading of a sequence"] = {"parameters": sequence, **self._request(contract)}
        median = {"name": "median", "datatype": FP64, "shape": [1, edge.levels.horizon]}
        outputs = [{**median, "data": [8011.0] * edge.levels.horizon}]
        self.answer: Example = {
            "medians": {"model_name": whole.model, "model_version": models.version, "outputs": outputs}
        }

    def _request(self, contract: Contract) -> Example:
        inputs = []
        for field in contract.inputs:
            sizes = [1, *(self._edge.levels.horizon if size == ANY else size for size in field.dims)]
            data: list[object] = [self._start] if field.datatype == BYTES else [20.5] * sizes[-1]
            if field.datatype == FP64 or field.name in (TIME, BEGIN):
                inputs.append({"name": field.name, "datatype": field.datatype, "shape": sizes, "data": data})
        return {"inputs": inputs}

    @staticmethod
    def body(schema: Example, example: object) -> Example:
        """Of a request that may come without a body."""
        content = {"application/json": {"schema": schema, "examples": {"as it is": {"value": example}}}}
        return {"requestBody": {"required": False, "content": content}}

    @staticmethod
    def answers(*told: Any) -> openapi.Documented:
        """A schema and its examples, if the answer has a body, and then the errors."""
        errors: list[type[GatecastError]] = [each for each in told if _is_error(each)]
        rest = [each for each in told if not _is_error(each)]
        good: openapi.Good = {200: (rest[0], rest[1])} if rest else {}
        found = openapi.answers(good, *errors)
        if not rest:
            found[200] = {"description": "Yes; the answer has no body"}
        elif "outputs" in getattr(rest[0], "model_fields", {}):
            found[200]["content"]["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
        return found


def _is_error(told: Any) -> bool:
    return isinstance(told, type) and issubclass(told, GatecastError)
