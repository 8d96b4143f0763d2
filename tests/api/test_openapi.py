"""The document at /openapi.json: sound, complete, and with examples that can be sent as they stand."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from pydantic import TypeAdapter

from service.api import model_schemas, schemas
from service.api.erased import ErasedAnswer
from service.api.models import ModelsAnswer

EMPTY = {  # answers without a body
    "get /v2/health/live",
    "get /v2/health/ready",
    "get /v2/models/{model}/ready",
    "get /v2/models/{model}/versions/{version}/ready",
    "post /v2/repository/models/{model}/load",
    "post /v2/repository/models/{model}/unload",
}
BUNDLES: list[dict[str, Any]] = [
    {},
    {"covariates": ("temp",), "frequency": "30min", "quantiles": (0.025, 0.5, 0.975)},
    {"frequency": "1"},
    {"frequency": "1mo", "horizon": 1},
    {"covariates": ("price", "rain"), "future": ("price",), "static": ("area", "floor")},
]


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return found.union(*(references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references(value) for value in node)) if node else set()
    return set()


async def test_every_reference_is_to_something_there(http) -> None:
    document = (await http.get("/openapi.json")).json()
    schemas_there = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= schemas_there
    OpenAPI.model_validate(document)
    assert (await http.get("/docs")).status_code == 200


async def test_every_endpoint_has_a_summary_examples_and_its_errors(http) -> None:
    document = (await http.get("/openapi.json")).json()
    operations = [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) == 46
    for name, operation in operations:
        assert operation["summary"], name
        if operation.get("security"):  # whatever an endpoint is for, a key may be sent to it wrongly
            assert "key_in_address" in operation["responses"]["400"]["description"], name
        if "requestBody" in operation and not name.endswith("/import"):
            assert operation["requestBody"]["content"]["application/json"]["examples"], name
        if name == "get /metrics":
            continue
        assert "application/problem+json" in operation["responses"]["default"]["content"], name
        good = [
            answer for status, answer in operation["responses"].items() if status.startswith("2") and status != "204"
        ]
        for answer in [] if name.endswith("/export") or name in EMPTY else good:
            assert answer["content"]["application/json"]["examples"], name
    errors = document["paths"]["/v1/predict"]["post"]["responses"]["422"]["content"]["application/problem+json"]
    assert errors["examples"]["off_grid"]["value"]["code"] == "off_grid"


@pytest.mark.parametrize("bundle", BUNDLES)
async def test_the_examples_of_requests_are_accepted(open_inside, bundle: dict[str, Any]) -> None:
    async with open_inside(**bundle) as running:
        http = running.http
        paths = (await http.get("/openapi.json")).json()["paths"]

        def examples(path: str, method: str) -> dict[str, Any]:
            content = paths[path][method]["requestBody"]["content"]["application/json"]
            return {name: example["value"] for name, example in content["examples"].items()}

        for name, body in examples("/v1/predict", "post").items():
            answer = await http.post("/v1/predict", json=body)
            assert answer.status_code == 200, (name, answer.text)
            schemas.PredictAnswer.model_validate(answer.json())
        for name, body in examples("/v1/sessions/{session}", "put").items():
            answer = await http.put("/v1/sessions/taxi?replace=true", json=body)
            assert answer.status_code in (200, 201), (name, answer.text)
            schemas.SessionAnswer.model_validate(answer.json())
        history = examples("/v1/sessions/{session}", "put")["with a history"]
        recorded: TypeAdapter[Any] = TypeAdapter(schemas.Acknowledgement | list[schemas.Acknowledgement])
        for name, body in examples("/v1/sessions/{session}/observations", "post").items():
            await http.put("/v1/sessions/taxi?replace=true", json=history)
            answer = await http.post("/v1/sessions/taxi/observations", json=body)
            assert answer.status_code == 200, (name, answer.text)
            recorded.validate_python(answer.json())
        for name, body in examples("/v1/sessions/{session}/forecast", "post").items():
            answer = await http.post("/v1/sessions/taxi/forecast", json=body)
            assert answer.status_code == 200, (name, answer.text)
            schemas.CurrentForecast.model_validate(answer.json())
        for path, shape in (
            ("corrections", schemas.RevisedAnswer),
            ("rewind", schemas.RevisedAnswer),
            ("fork", schemas.SessionAnswer),
        ):
            for name, body in examples(f"/v1/sessions/{{session}}/{path}", "post").items():
                await http.put("/v1/sessions/taxi?replace=true", json=history)
                answer = await http.post(f"/v1/sessions/taxi/{path}", json=body)
                assert answer.status_code in (200, 201), (path, name, answer.text)
                shape.model_validate(answer.json())


async def test_the_examples_of_answers_fit_their_schemas(http) -> None:
    paths = (await http.get("/openapi.json")).json()["paths"]
    shapes: dict[tuple[str, str], Any] = {
        ("/v1/predict", "post"): schemas.PredictAnswer,
        ("/v1/sessions/{session}", "get"): schemas.SessionAnswer,
        ("/v1/sessions/{session}/forecast", "get"): schemas.CurrentForecast,
        ("/v1/sessions/{session}/forecast", "post"): schemas.CurrentForecast,
        ("/v1/sessions/{session}/gates", "get"): schemas.GatesAnswer,
        ("/v1/sessions/{session}/regime", "get"): schemas.RegimeAnswer,
        ("/v1/sessions/{session}/observations", "post"): schemas.Acknowledgement
        | list[schemas.Acknowledgement | schemas.Refusal],
        ("/v1/sessions/{session}/corrections", "post"): schemas.RevisedAnswer,
        ("/v1/sessions/{session}/rewind", "post"): schemas.RevisedAnswer,
        ("/v1/sessions/{session}/erasure", "post"): ErasedAnswer,
        ("/v1/model", "get"): model_schemas.ModelAnswer,
        ("/v1/models", "get"): ModelsAnswer,
        ("/v1/models/{version}/promote", "post"): ModelsAnswer,
        ("/ready", "get"): model_schemas.Ready,
        ("/live", "get"): model_schemas.Live,
    }
    for (path, method), shape in shapes.items():
        for example in paths[path][method]["responses"]["200"]["content"]["application/json"]["examples"].values():
            value = example["value"]
            if shape is model_schemas.ModelAnswer:
                value = {"time_zone": None, **value}  # the framework leaves nulls out of its document
            TypeAdapter(shape).validate_python(value)
