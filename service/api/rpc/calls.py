"""The calls of `inference.GRPCInferenceService`, each as the request of HTTP that does the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from service.access import Caller
from service.api.callers import ADMIN, READ
from service.api.edge import Edge
from service.api.oip.inference import Inference
from service.api.oip.messages import Watch
from service.api.oip.repository import Repository
from service.api.rpc.conversion import filled, message_of, parameters_of, read, request_of
from service.api.rpc.door import RpcDoor
from service.api.rpc.messages import SERVICE, message
from service.api.rpc.stream import InferStream
from service.inference_errors import UnknownModel

Work = Callable[[Any, Caller], Awaitable[Any]]


class Calls:
    """What a server of gRPC is given to serve."""

    def __init__(self, edge: Edge, inference: Inference, repository: Repository, version: str) -> None:
        self._edge = edge
        self._inference = inference
        self._models = inference.models
        self._repository = repository
        self._version = version
        self._door = RpcDoor(edge)

    def handler(self) -> Any:
        """All of them, with what each needs. They are given bytes: what is no message is refused as anything else."""
        calls: dict[str, tuple[str | None, Work]] = {
            "ServerLive": (None, self._live),
            "ServerReady": (None, self._ready),
            "ModelReady": (READ, self._model_ready),
            "ServerMetadata": (READ, self._server),
            "ModelMetadata": (READ, self._model),
            "ModelConfig": (READ, self._config),
            "ModelStatistics": (READ, self._statistics),
            "ModelInfer": (READ, self._infer),
            "RepositoryIndex": (READ, self._index),
            "RepositoryModelLoad": (ADMIN, self._load),
            "RepositoryModelUnload": (ADMIN, self._unload),
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._call(name, scope, work),
                response_serializer=message(f"{name}Response").SerializeToString,
            )
            for name, (scope, work) in calls.items()
        }
        handlers["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
            self._stream,
            response_serializer=message("ModelStreamInferResponse").SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def _call(self, name: str, scope: str | None, work: Work) -> Callable[[Any, Any], Awaitable[Any]]:
        async def call(sent: bytes, context: Any) -> Any:
            async def working(caller: Caller) -> Any:
                return await work(read(f"{name}Request", sent), caller)

            return await self._door.answer(name, scope, context, working)

        return call

    async def _stream(self, _: Any, context: Any) -> None:
        async def working(caller: Caller) -> None:
            stream = InferStream(self._inference, self._door, caller, context, self._edge.settings)
            with self._edge.streams.joined(stream), self._edge.metrics.streams.track_inprogress():
                await stream.run()

        await self._door.answer("ModelStreamInfer", READ, context, working)

    async def _live(self, _: Any, __: Caller) -> Any:
        return message("ServerLiveResponse")(live=True)

    async def _ready(self, _: Any, __: Caller) -> Any:
        return message("ServerReadyResponse")(ready=self._is_ready)

    async def _model_ready(self, sent: Any, _: Caller) -> Any:
        try:
            self._models.contract(sent.name, sent.version)
        except UnknownModel:
            return message("ModelReadyResponse")(ready=False)
        return message("ModelReadyResponse")(ready=self._is_ready)

    async def _server(self, _: Any, __: Caller) -> Any:
        return filled("ServerMetadataResponse", self._models.server(self._version))

    async def _model(self, sent: Any, _: Caller) -> Any:
        contract = self._models.contract(sent.name, sent.version)
        return filled("ModelMetadataResponse", self._models.metadata(contract))

    async def _config(self, sent: Any, _: Caller) -> Any:
        contract = self._models.contract(sent.name, sent.version)
        return filled("ModelConfigResponse", {"config": self._models.config(contract)})

    async def _statistics(self, sent: Any, _: Caller) -> Any:
        names = [self._models.contract(sent.name, sent.version).model] if sent.name else self._models.names
        told = [self._inference.statistics.told(name, self._models.version) for name in names]
        return filled("ModelStatisticsResponse", {"model_stats": told})

    async def _infer(self, sent: Any, caller: Caller) -> Any:
        watch = Watch()
        return message_of(await self._inference.infer(request_of(sent), caller, watch))

    async def _index(self, sent: Any, _: Caller) -> Any:
        return filled("RepositoryIndexResponse", {"models": self._repository.index(sent.ready)})

    async def _load(self, sent: Any, _: Caller) -> Any:
        await self._repository.load(sent.model_name, parameters_of(sent.parameters))
        return message("RepositoryModelLoadResponse")()

    async def _unload(self, sent: Any, _: Caller) -> Any:
        self._repository.unload(sent.model_name)
        return message("RepositoryModelUnloadResponse")()

    @property
    def _is_ready(self) -> bool:
        return self._edge.engine.ready and not self._edge.streams.draining
