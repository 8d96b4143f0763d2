"""How endpoints are documented: their bodies, their answers, and their errors as RFC 9457 documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Response
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from service.access_errors import Forbidden, KeyInAddress, Unauthenticated
from service.api import problems, schemas
from service.api.callers import scope_of
from service.api.oip.schemas import InferenceRequest
from service.api.timeseries_schemas import TimeSeriesRequest
from service.errors import GatecastError

Documented = dict[int | str, dict[str, Any]]
Named = Mapping[str, object]  # examples, by what they show
Good = Mapping[int, tuple[Any, Named]]  # by status: a schema and examples of it

_KEY = "key"
_REFERENCE = "#/components/schemas/{model}"
_SENT: tuple[type[BaseModel], ...] = (
    schemas.PredictRequest,
    schemas.SessionRequest,
    schemas.ForecastRequest,
    schemas.CorrectionRequest,
    schemas.RewindRequest,
    schemas.ForkRequest,
    schemas.Observation,
    schemas.StreamFrame,
    schemas.StreamHandles,
    schemas.StreamColumns,
    schemas.Problem,
    InferenceRequest,
    TimeSeriesRequest,
)


def json_response(answer: object, status: int = 200) -> Response:
    """The answer, encoded."""
    return Response(problems.encode(answer), status, media_type="application/json")


def body(schema: Any, examples: Named, required: bool = True) -> dict[str, Any]:
    """The `openapi_extra` of an endpoint that reads its own body."""
    reference = TypeAdapter(schema).json_schema(ref_template=_REFERENCE)
    reference.pop("$defs", None)
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        reference = {"$ref": _REFERENCE.format(model=schema.__name__)}
    content = {"application/json": {"schema": reference, "examples": _named(examples)}}
    return {"requestBody": {"required": required, "content": content}}


def answers(good: Good, *errors: type[GatecastError]) -> Documented:
    """The `responses` of an endpoint: what it answers by status, and the errors it may answer with."""
    documented: Documented = {
        status: {"model": schema, "content": {"application/json": {"examples": _named(examples)}}}
        for status, (schema, examples) in good.items()
    }
    for status in sorted({error.status for error in errors}):
        kinds = [error for error in dict.fromkeys(errors) if error.status == status]
        documented[status] = _problem(", ".join(f"`{kind.code}`" for kind in kinds), kinds)
    documented["default"] = _problem("Any other error", [])
    return documented


def endpoints(app: FastAPI) -> list[tuple[str, str, str | None]]:
    """Method, path and needed scope of all that the application answers requests at, but for this documentation."""
    return [
        (method, str(route.path), scope_of(route.endpoint))
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute) and route.endpoint is not None
        for method in sorted(route.methods or ())
    ]


def document(app: FastAPI, optional: bool) -> None:
    """Makes /openapi.json hold the schemas of the bodies too, and what key each endpoint needs, if not `optional`."""
    framework = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = framework()
            _, sent = models_json_schema([(model, "validation") for model in _SENT], ref_template=_REFERENCE)
            components = schema.setdefault("components", {})
            components.setdefault("schemas", {}).update(sent["$defs"])
            components["securitySchemes"] = {
                _KEY: {"type": "http", "scheme": "bearer", "bearerFormat": "gc_<id>_<secret>"}
            }
            _secure(schema["paths"], app, optional)
        return framework()

    app.openapi = openapi  # type: ignore[method-assign]


def _secure(paths: dict[str, Any], app: FastAPI, optional: bool) -> None:
    """Says of each endpoint which scope it needs, and how a key without it is refused."""
    for method, path, scope in endpoints(app):
        operation = paths.get(path, {}).get(method.lower())
        if operation is None or scope is None:
            continue
        operation["security"] = [{_KEY: []}, *([{}] if optional else [])]
        said = operation.get("description")
        operation["description"] = f"{said} Needs the scope `{scope}`." if said else f"Needs the scope `{scope}`."
        for kind in (KeyInAddress, Unauthenticated, Forbidden):
            _add(operation["responses"], kind)


def _add(responses: dict[str, Any], kind: type[GatecastError]) -> None:
    """One more error, beside others of its status."""
    more = _problem(f"`{kind.code}`", [kind])
    there = responses.setdefault(str(kind.status), more)
    if there is not more:
        there["description"] += f", {more['description']}"
        examples = there["content"][problems.MEDIA_TYPE].setdefault("examples", {})
        examples.update(more["content"][problems.MEDIA_TYPE]["examples"])


def _problem(description: str, kinds: list[type[GatecastError]]) -> dict[str, Any]:
    examples = {kind.code: problems.document(kind(_says(kind))) for kind in kinds}
    content: dict[str, Any] = {"schema": {"$ref": _REFERENCE.format(model=schemas.Problem.__name__)}}
    if examples:
        content["examples"] = _named(examples)
    return {"description": description, "content": {problems.MEDIA_TYPE: content}}


def _says(kind: type[GatecastError]) -> str:
    return (kind.__dict__.get("__doc__") or problems.title(kind.code)).strip().splitlines()[0]


def _named(examples: Named) -> dict[str, Any]:
    return {name: {"summary": name, "value": value} for name, value in examples.items()}
