"""A session is the same through every door: readings that come by any mix of them are as if they came by one."""

from __future__ import annotations

import itertools
import json
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.sync.client import ClientConnection, connect

from tests.api.conftest import behind
from tests.oip.ways import inputs_of

Forecast = tuple[int, list[list[float]]]  # a step, and its quantiles (levels, steps ahead)
_names = itertools.count()


@dataclass(frozen=True)
class Doors:
    """Connections to one service, by each of its doors."""

    rest: httpx.Client
    stream: ClientConnection
    http: over_http.InferenceServerClient
    grpc: over_grpc.InferenceServerClient
    answers: Any

    def by_rest(self, session: str, step: int, y: float) -> Forecast:
        told = self.rest.post(f"/v1/sessions/{session}/observations", json={"y": y, "step": step}).json()
        return told["step"], list(told["forecast"]["quantiles"].values())

    def by_stream(self, session: str, step: int, y: float) -> Forecast:
        self.stream.send(json.dumps({"session": session, "step": step, "y": y}))
        told = json.loads(self.stream.recv(timeout=30))
        return told["step"], list(told["forecast"]["quantiles"].values())

    def by_json(self, session: str, step: int, y: float) -> Forecast:
        reading = {"name": "y", "datatype": "FP64", "shape": [1, 1], "data": [y]}
        body = {"parameters": {"sequence_id": session, "step": step}, "inputs": [reading]}
        told = self.rest.post("/v2/models/fake/infer", json=body).json()["outputs"]
        found = {each["name"]: np.array(each["data"]).reshape(each["shape"]) for each in told}
        return int(found["step"][0, 0]), found["quantiles"][0].T.tolist()

    def by_http(self, session: str, step: int, y: float) -> Forecast:
        sent = inputs_of(over_http, {"y": np.array([[y]])})
        return _told(self.http.infer("fake", sent, sequence_id=session, parameters={"step": step}))

    def by_grpc(self, session: str, step: int, y: float) -> Forecast:
        sent = inputs_of(over_grpc, {"y": np.array([[y]])})
        return _told(self.grpc.infer("fake", sent, sequence_id=session, parameters={"step": step}))

    def by_grpc_stream(self, session: str, step: int, y: float) -> Forecast:
        sent = inputs_of(over_grpc, {"y": np.array([[y]])})
        self.grpc.async_stream_infer("fake", sent, sequence_id=session, parameters={"step": step})
        result, error = self.answers.get(timeout=30)
        assert error is None
        return _told(result)


DOORS: list[Callable[[Doors, str, int, float], Forecast]] = [
    Doors.by_rest, Doors.by_stream, Doors.by_json, Doors.by_http, Doors.by_grpc, Doors.by_grpc_stream,
]  # fmt: skip


def _told(result: Any) -> Forecast:
    return int(result.as_numpy("step")[0, 0]), result.as_numpy("quantiles")[0].T.tolist()


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    answers: queue.Queue[Any] = queue.Queue()
    with behind({"grpc_port": 0}) as running:
        assert running.service.rpc is not None
        with (
            connect(running.stream()) as stream,
            over_http.InferenceServerClient(running.address) as http,
            over_grpc.InferenceServerClient(f"127.0.0.1:{running.service.rpc.port}") as grpc,
        ):
            grpc.start_stream(lambda result, error: answers.put((result, error)))
            yield Doors(running.http, stream, http, grpc, answers)


@settings(max_examples=15, deadline=None)
@given(
    readings=st.lists(st.tuples(st.sampled_from(DOORS), st.floats(-1e6, 1e6), st.booleans()), min_size=1, max_size=12)
)
def test_any_mix_of_doors_is_as_one(doors: Doors, readings: list[Any]) -> None:
    mixed, alone = f"mixed {next(_names)}", f"alone {next(_names)}"
    for name in (mixed, alone):
        doors.rest.put(f"/v1/sessions/{name}", json={"start": "2015-01-10T00:00:00"}).raise_for_status()
    for step, (door, y, again) in enumerate(readings):
        expected = doors.by_rest(alone, step, y)
        assert door(doors, mixed, step, y) == expected
        if again:  # by the next door: it is answered again, and not taken twice
            other = DOORS[(DOORS.index(door) + 1) % len(DOORS)]
            assert other(doors, mixed, step, y) == expected
    views = [doors.rest.get(f"/v1/sessions/{name}").json() for name in (mixed, alone)]
    assert views[0]["last_step"] == views[1]["last_step"] == len(readings) - 1
