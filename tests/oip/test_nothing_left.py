"""Requests of this protocol leave nothing behind, refused or not, and nothing to the collector of cycles."""

from __future__ import annotations

import gc
import queue
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
from starlette.requests import Request
from tritonclient.utils import InferenceServerException

from service.api.oip.messages import InferAnswer, InferRequest, Watch
from service.api.oip.tensors import Sent, Tensor
from service.api.rpc.stream import InferStream
from service.errors import GatecastError
from tests.api.conftest import Behind, behind
from tests.oip.ways import SECONDS, inputs_of

TIMES = 3
KINDS = (InferRequest, InferAnswer, Watch, Sent, Tensor, InferStream, Request, GatecastError)


def left() -> Counter[str]:
    return Counter(type(each).__name__ for each in gc.get_objects() if issubclass(type(each), KINDS))


@pytest.fixture(scope="module")
def running() -> Iterator[Behind]:
    with behind({"grpc_port": 0}, frequency="1") as opened:
        yield opened


def ask(client: Any, module: Any, **flags: bool) -> None:
    reading = inputs_of(module, {"y": np.array([[1.0]])})
    with suppress(InferenceServerException):
        client.infer("fake", reading, sequence_id=1, sequence_end=True, **flags)


def by_http(running: Behind, **flags: bool) -> None:
    with over_http.InferenceServerClient(running.address) as client:
        ask(client, over_http, **flags)


def by_grpc(running: Behind, **flags: bool) -> None:
    assert running.service.rpc is not None
    with over_grpc.InferenceServerClient(f"127.0.0.1:{running.service.rpc.port}") as client:
        ask(client, over_grpc, **flags)


def by_stream(running: Behind, **flags: bool) -> None:
    assert running.service.rpc is not None
    told: queue.Queue[object] = queue.Queue()
    with over_grpc.InferenceServerClient(f"127.0.0.1:{running.service.rpc.port}") as client:
        client.start_stream(lambda result, error: told.put((result, error)))
        reading = inputs_of(over_grpc, {"y": np.array([[1.0]])})
        client.async_stream_infer("fake", reading, sequence_id=1, sequence_end=True, **flags)
        told.get(timeout=SECONDS)


@pytest.mark.usefixtures("seldom")
@pytest.mark.parametrize("way", [by_http, by_grpc, by_stream])
@pytest.mark.parametrize("start", [True, False], ids=["answered", "refused"])
def test_nothing_is_left(running: Behind, way: Callable[..., None], start: bool) -> None:
    way(running, sequence_start=start)
    before = left()
    for _ in range(TIMES):
        way(running, sequence_start=start)
    for _ in range(1_000):  # the service ends a call a moment after its client has
        if left() == before:
            return
        running.http.get("/live")
    assert left() == before
