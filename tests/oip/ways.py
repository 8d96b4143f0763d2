"""All ways in which Triton's own client asks: HTTP and gRPC, JSON and binary, waiting, asynchronous and streaming."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tritonclient.grpc as over_grpc
import tritonclient.grpc.aio as over_grpc_aio
import tritonclient.http as over_http
import tritonclient.http.aio as over_http_aio
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

DATATYPES = {"f": "FP64", "i": "INT64", "O": "BYTES"}
SECONDS = 30  # that any answer may take


@dataclass(frozen=True)
class Target:
    """A server: its addresses, and whether it is ours."""

    http: str
    grpc: str
    ours: bool = True


class Refused(Exception):
    """What the client raised: the server's words, and the status as the client has it."""

    def __init__(self, error: InferenceServerException) -> None:
        super().__init__(error.message())
        self.status = str(error.status())


@dataclass(frozen=True)
class Answered:
    """The outputs by name, and what is beside them."""

    arrays: dict[str, NDArray[Any]]
    told: dict[str, Any]

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]


Inputs = Mapping[str, NDArray[Any]]
Way = Callable[..., Answered]


def inputs_of(module: Any, inputs: Inputs, **binary: bool) -> list[Any]:
    found = []
    for name, array in inputs.items():
        each = module.InferInput(name, list(array.shape), DATATYPES[array.dtype.kind])
        each.set_data_from_numpy(array, **binary)
        found.append(each)
    return found


def outputs_of(module: Any, names: Sequence[str] | None, **binary: bool) -> list[Any] | None:
    return None if names is None else [module.InferRequestedOutput(name, **binary) for name in names]


def answered(result: Any) -> Answered:
    told = result.get_response()
    if not isinstance(told, dict):
        parameters = {
            name: getattr(each, each.WhichOneof("parameter_choice")) for name, each in told.parameters.items()
        }
        outputs = [{"name": each.name, "datatype": each.datatype, "shape": list(each.shape)} for each in told.outputs]
        told = {"id": told.id, "model_name": told.model_name, "model_version": told.model_version, "outputs": outputs}
        told["parameters"] = parameters
    return Answered({each["name"]: result.as_numpy(each["name"]) for each in told["outputs"]}, told)


def http(target: Target, model: str, inputs: Inputs, outputs: Any = None, binary: bool = True, **more: Any) -> Answered:
    """The usual client, with raw tensors or JSON."""
    wanted = outputs_of(over_http, outputs, binary_data=binary)
    with over_http.InferenceServerClient(target.http) as client:
        return answered(client.infer(model, inputs_of(over_http, inputs, binary_data=binary), outputs=wanted, **more))


def http_async(target: Target, model: str, inputs: Inputs, outputs: Any = None, **more: Any) -> Answered:
    with over_http.InferenceServerClient(target.http, concurrency=2) as client:
        asked = client.async_infer(model, inputs_of(over_http, inputs), outputs=outputs_of(over_http, outputs), **more)
        return answered(asked.get_result(timeout=SECONDS))


def http_aio(target: Target, model: str, inputs: Inputs, outputs: Any = None, **more: Any) -> Answered:
    async def ask() -> Answered:
        async with over_http_aio.InferenceServerClient(target.http) as client:
            wanted = outputs_of(over_http_aio, outputs)
            return answered(await client.infer(model, inputs_of(over_http_aio, inputs), outputs=wanted, **more))

    return asyncio.run(ask())


def grpc(target: Target, model: str, inputs: Inputs, outputs: Any = None, **more: Any) -> Answered:
    with over_grpc.InferenceServerClient(target.grpc) as client:
        wanted = outputs_of(over_grpc, outputs)
        return answered(client.infer(model, inputs_of(over_grpc, inputs), outputs=wanted, **more))


def grpc_async(target: Target, model: str, inputs: Inputs, outputs: Any = None, **more: Any) -> Answered:
    told: queue.Queue[tuple[Any, InferenceServerException | None]] = queue.Queue()
    with over_grpc.InferenceServerClient(target.grpc) as client:
        wanted = outputs_of(over_grpc, outputs)
        client.async_infer(
            model, inputs_of(over_grpc, inputs), lambda result, error: told.put((result, error)), outputs=wanted, **more
        )
        return one(told)


def grpc_stream(target: Target, model: str, inputs: Inputs, outputs: Any = None, **more: Any) -> Answered:
    told: queue.Queue[tuple[Any, InferenceServerException | None]] = queue.Queue()
    with over_grpc.InferenceServerClient(target.grpc) as client:
        client.start_stream(lambda result, error: told.put((result, error)))
        wanted = outputs_of(over_grpc, outputs)
        client.async_stream_infer(model, inputs_of(over_grpc, inputs), outputs=wanted, **more)
        return one(told)


def grpc_aio(target: Target, model: str, inputs: Inputs, outputs: Any = None, **more: Any) -> Answered:
    async def ask() -> Answered:
        async with over_grpc_aio.InferenceServerClient(target.grpc) as client:
            wanted = outputs_of(over_grpc_aio, outputs)
            return answered(await client.infer(model, inputs_of(over_grpc_aio, inputs), outputs=wanted, **more))

    return asyncio.run(ask())


def grpc_aio_stream(target: Target, model: str, inputs: Inputs, outputs: Any = None, **more: Any) -> Answered:
    async def ask() -> Answered:
        asked = {"model_name": model, "inputs": inputs_of(over_grpc_aio, inputs), **more}
        asked["outputs"] = outputs_of(over_grpc_aio, outputs)

        async def requests() -> Any:
            yield asked

        async with over_grpc_aio.InferenceServerClient(target.grpc) as client:
            async for result, error in client.stream_infer(requests()):
                if error is not None:
                    raise error
                return answered(result)
        raise AssertionError("the stream ended without an answer")

    return asyncio.run(ask())


def one(told: queue.Queue[tuple[Any, InferenceServerException | None]]) -> Answered:
    result, error = told.get(timeout=SECONDS)
    if error is not None:
        raise error
    return answered(result)


OVER_HTTP: dict[str, Way] = {
    "http binary": http,
    "http json": partial(http, binary=False),
    "http async": http_async,
    "http aio": http_aio,
}
OVER_GRPC: dict[str, Way] = {
    "grpc": grpc,
    "grpc async": grpc_async,
    "grpc stream": grpc_stream,
    "grpc aio": grpc_aio,
    "grpc aio stream": grpc_aio_stream,
}
WAYS = OVER_HTTP | OVER_GRPC


class Asking:
    """A server, asked in one way."""

    def __init__(self, target: Target, way: str) -> None:
        self.target = target
        self.over_http = way in OVER_HTTP
        self._way = WAYS[way]

    def infer(self, model: str, inputs: Inputs, outputs: Sequence[str] | None = None, **more: Any) -> Answered:
        """`Refused` where it is. `more` is what the client takes: sequence_id, parameters, request_id, …"""
        try:
            return self._way(self.target, model, inputs, outputs=outputs, **more)
        except InferenceServerException as error:
            raise Refused(error) from error

    def step(self, y: float, sequence: int | str, start: bool = False, end: bool = False, **more: Any) -> Answered:
        """One reading of a sequence of the model `fake`."""
        flags = {"sequence_id": sequence, "sequence_start": start, "sequence_end": end}
        return self.infer("fake", {"y": np.array([[y]])}, **flags, **more)
