"""/v2: the Open Inference Protocol by request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Request, Response

from service.api import bodies, openapi
from service.api.callers import ADMIN, READ, caller_of, needs
from service.api.edge import Edge
from service.api.oip import http, schemas
from service.api.oip.contract import Contract
from service.api.oip.examples import Examples
from service.api.oip.inference import Inference
from service.api.oip.messages import Watch
from service.api.oip.repository import Repository
from service.api.predict import BODY_ERRORS
from service.api.sessions import CHOICE_ERRORS
from service.errors import (
    Conflict,
    Duplicate,
    Gap,
    InvalidSession,
    InvalidTime,
    MalformedJson,
    NotReady,
    OffGrid,
    TimeRequired,
    TooManySeries,
)
from service.inference_errors import InvalidInference, ModelStays, SequenceRequired, StartRequired, UnknownModel
from service.limit_errors import RateLimited, TooManySessions

Endpoint = Callable[[Request], Awaitable[Response]]

_MODEL = "/v2/models/{model}"
_VERSION = "/versions/{version}"
_MOST_SHOWN = 200  # characters of a name that was sent, in an error
_INFER_ERRORS = (
    UnknownModel, InvalidInference, StartRequired, SequenceRequired, InvalidSession, Gap, Duplicate, Conflict,
    InvalidTime, OffGrid, TimeRequired, TooManySeries, TooManySessions, RateLimited,
)  # fmt: skip


class Indexed(msgspec.Struct):
    """Which of the repository's models are asked for."""

    ready: bool = False


class Loaded(msgspec.Struct):
    """How a model is to be loaded."""

    parameters: dict[str, Any] = {}


def router(edge: Edge, inference: Inference, repository: Repository, version: str) -> APIRouter:
    """The endpoints; `version` is the service's own."""
    routes = APIRouter(tags=["open inference protocol"])
    models, examples = inference.models, Examples(edge, inference, version)

    def add(path: str, endpoint: Endpoint, method: str, summary: str, responses: Any, **more: Any) -> None:
        extra: dict[str, Any] = more.pop("openapi_extra", {})
        named = [name for name in ("model", "version") if f"{{{name}}}" in path]
        if named:
            listed = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in named]
            extra = {**extra, "parameters": listed}
        routes.add_api_route(
            path,
            endpoint,
            methods=[method],
            summary=summary,
            response_class=Response,
            responses=responses,
            openapi_extra=extra,
            operation_id=f"{endpoint.__name__}_{'_'.join(named) or 'all'}",
            **more,
        )

    def asked(request: Request) -> Contract:
        return models.contract(*(_segment(request, name) for name in ("model", "version")))

    @needs(None)
    async def oip_live(_: Request) -> Response:
        return Response()

    @needs(None)
    async def oip_ready(_: Request) -> Response:
        _check_ready(edge)
        return Response()

    @needs(READ)
    async def oip_server(_: Request) -> Response:
        return openapi.json_response(models.server(version))

    @needs(READ)
    async def oip_model(request: Request) -> Response:
        return openapi.json_response(models.metadata(asked(request)))

    @needs(READ)
    async def oip_model_ready(request: Request) -> Response:
        asked(request)
        _check_ready(edge)
        return Response()

    @needs(READ)
    async def oip_config(request: Request) -> Response:
        return openapi.json_response(models.config(asked(request)))

    @needs(READ)
    async def oip_statistics(request: Request) -> Response:
        names = [asked(request).model] if "model" in request.path_params else models.names
        told = [inference.statistics.told(name, models.version) for name in names]
        return openapi.json_response({"model_stats": told})

    @needs(READ)
    async def oip_infer(request: Request) -> Response:
        contract, watch = asked(request), Watch()
        body = await bodies.whole(request)
        sent = http.read(body, request.headers.get(http.HEADER), contract, _segment(request, "version"))
        answer = await inference.infer(sent.request, caller_of(request.scope), watch)
        content, headers = sent.answer(answer)
        return Response(content, headers=headers)

    @needs(READ)
    async def oip_index(request: Request) -> Response:
        return openapi.json_response(repository.index((await _small(request, Indexed)).ready))

    @needs(ADMIN)
    async def oip_load(request: Request) -> Response:
        await repository.load(_segment(request, "model") or "", (await _small(request, Loaded)).parameters)
        return Response()

    @needs(ADMIN)
    async def oip_unload(request: Request) -> Response:
        repository.unload(_segment(request, "model") or "")
        return Response()

    shown = examples.answers
    add("/v2", oip_server, "GET", "What this server is", shown(schemas.ServerAnswer, examples.server))
    add("/v2/health/live", oip_live, "GET", "Whether the process answers", shown())
    add("/v2/health/ready", oip_ready, "GET", "Whether forecasts can be had now", shown(NotReady))
    statistics = schemas.StatisticsAnswer, examples.statistics
    add(
        "/v2/models/stats",
        oip_statistics,
        "GET",
        "How often models were asked, and how long it took",
        shown(*statistics),
    )
    for path in (_MODEL, f"{_MODEL}{_VERSION}"):
        add(path, oip_model, "GET", "A model's tensors", shown(schemas.MetadataAnswer, examples.metadata, UnknownModel))
        add(f"{path}/ready", oip_model_ready, "GET", "Whether a model can be asked now", shown(UnknownModel, NotReady))
        config = shown(schemas.ConfigAnswer, examples.config, UnknownModel)
        add(f"{path}/config", oip_config, "GET", "A model's configuration", config)
        told = shown(*statistics, UnknownModel)
        add(f"{path}/stats", oip_statistics, "GET", "How often a model was asked, and how long it took", told)
        add(
            f"{path}/infer", oip_infer, "POST", "A forecast, from tensors",
            shown(schemas.InferenceAnswer, examples.answer, *_INFER_ERRORS, *BODY_ERRORS, *CHOICE_ERRORS),
            description="JSON, or JSON and raw tensors behind it (`Inference-Header-Content-Length`). Of the model "
            "whose sequences are sessions it needs the scope `write`.",
            openapi_extra=openapi.body(schemas.InferenceRequest, examples.infer),
        )  # fmt: skip
    small: dict[str, Any] = {"type": "object"}
    add(
        "/v2/repository/index", oip_index, "POST", "All versions of all models",
        shown(list[schemas.IndexEntry], examples.index, InvalidInference, MalformedJson),
        openapi_extra=examples.body({**small, "properties": {"ready": {"type": "boolean"}}}, {}),
    )  # fmt: skip
    add(
        "/v2/repository/models/{model}/load", oip_load, "POST", "Let a version serve, the newest unless one is named",
        shown(UnknownModel, InvalidInference, MalformedJson),
        openapi_extra=examples.body({**small, "properties": {"parameters": {"type": "object"}}}, {}),
    )  # fmt: skip
    add(
        "/v2/repository/models/{model}/unload", oip_unload, "POST", "Refused: a service is its model",
        shown(UnknownModel, ModelStays),
    )  # fmt: skip
    return routes


async def _small(request: Request, kind: type[msgspec.Struct]) -> Any:
    """The body by its struct; all defaults where there is none."""
    data = await bodies.whole(request)
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except msgspec.ValidationError as wrong:
        raise InvalidInference(f"the request is not as expected: {wrong}") from wrong
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
        raise MalformedJson("failed to parse the request JSON buffer") from broken


def _segment(request: Request, name: str) -> Any:
    """A part of the path, which comes url-encoded."""
    sent: str | None = request.path_params.get(name)
    return None if sent is None else unquote(sent)[:_MOST_SHOWN]


def _check_ready(edge: Edge) -> None:
    if edge.streams.draining or not edge.engine.ready:
        raise NotReady("the service cannot forecast now; GET /ready tells `admin` keys why")
