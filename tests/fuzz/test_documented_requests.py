"""Requests drawn from the document at /openapi.json: every answer is one that it promises, and none is a fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from service.portable import MEDIA_TYPE
from tests.api.conftest import Behind, behind, build
from tests.api.keyring import bearer, locked
from tests.fuzz.examples import examples

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    allow_header_conformance,
]
START = "2015-01-10T00:00:00"
KNOWING = {"covariates": ("price", "rain"), "future": ("price",), "static": ("area",)}
OPEN = {"/live", "/ready", "/v2/health/live", "/v2/health/ready"}  # to those without a key
SESSIONS = ["one", "two", "a%2Fb"]

schemathesis.openapi.media_type(MEDIA_TYPE, st.binary(max_size=60))


@dataclass(frozen=True)
class Asked:
    """A running service, what it says of itself, and how to ask it."""

    running: Behind
    operations: dict[str, APIOperation]
    session: requests.Session
    headers: dict[str, str]

    def call(self, case: Case, headers: dict[str, str] | None = None) -> Any:
        base = f"http://{self.running.address}"
        if headers is None:
            headers = {} if wrong_headers(case) else self.headers
        return case.call(base_url=base, session=self.session, headers=dict(headers))


def wrong_headers(case: Case) -> bool:
    """Whether the headers are meant to be other than described: the key is left out, or is none."""
    return case.meta is not None and case.meta.is_negative_at(ParameterLocation.HEADER)


def described(document: dict[str, Any]) -> dict[str, APIOperation]:
    return {each.ok().label: each.ok() for each in schemathesis.openapi.from_dict(document).get_all_operations()}


LABELS = list(described(build({}, {}).service.app.openapi()))


@pytest.fixture(scope="module", params=["open", "open, of a model that knows more", "locked"])
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with requests.Session() as session:
        if request.param == "locked":
            with locked(tmp_path_factory.mktemp("keys")) as (running, ring):
                yield from begun(running, session, bearer(ring.add("acme")))
        else:
            with behind(**(KNOWING if "more" in request.param else {})) as running:
                yield from begun(running, session, {})


def begun(running: Behind, session: requests.Session, headers: dict[str, str]) -> Iterator[Asked]:
    document = running.http.get("/openapi.json", headers=headers).json()
    yield Asked(running, described(document), session, headers)
    assert '"fault"' not in running.log.getvalue()
    assert '"library"' not in running.log.getvalue()


def cases(operation: APIOperation) -> st.SearchStrategy[Case]:
    """Data as described; and, where something can be other than described, data of that kind."""
    described = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not (operation.query or operation.body):
        return described
    return described | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


@pytest.mark.parametrize("label", LABELS)
def test_every_answer_is_as_documented(asked: Asked, label: str) -> None:
    operation = asked.operations[label]

    @examples(25)
    @given(case=cases(operation), name=st.none() | st.sampled_from(SESSIONS))
    def promised(case: Case, name: str | None) -> None:
        if name is not None and "session" in case.path_parameters:
            case.path_parameters["session"] = name  # one that other requests have made, and left somewhere
        answer = asked.call(case)
        case.validate_response(answer, checks=CHECKS)
        assert str(answer.status_code) in operation.responses.status_codes, (answer.status_code, answer.text)

    for name in SESSIONS:
        static = {"static": {"area": 1}} if asked.running.service.edge.statics.names else {}
        asked.running.http.put(f"/v1/sessions/{name}", json={"start": START, **static}, headers=asked.headers)
    promised()


@pytest.mark.parametrize("asked", ["locked"], indirect=True, scope="module")
@pytest.mark.parametrize("label", LABELS)
def test_without_a_key_nothing_is_answered_but_what_is_open_to_all(asked: Asked, label: str) -> None:
    operation = asked.operations[label]

    @examples(5)
    @given(case=cases(operation))
    def refused(case: Case) -> None:
        answer = asked.call(case, {})
        assert (answer.status_code == 401) == (operation.path not in OPEN)

    refused()
