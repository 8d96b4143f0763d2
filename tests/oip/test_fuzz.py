"""Whatever is sent, by request or by gRPC, no answer is a fault of the service, and no line of its log is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from tests.api.conftest import Behind, behind

FUZZ = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEADER = "Inference-Header-Content-Length"
INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
FAULTS = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}

numbers = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, 1e300, -1.5])
scalars = st.none() | st.booleans() | numbers | st.text(max_size=4)
lists = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=8)
names = st.sampled_from(["y", "ds", "start", "z", "step", "median", "quantiles"])
datatypes = st.sampled_from(["FP64", "INT64", "BYTES", "FP32", "FOO"])
shapes = st.lists(st.sampled_from([-1, 0, 1, 2, 2**40]), max_size=4) | st.just([1, 1])
keys = st.sampled_from(
    [
        *("sequence_id", "sequence_start", "sequence_end", "step", "ds", "start", "horizon", "quantiles", "gaps"),
        *("ttl_seconds", "regime", "calibrate", "binary_data_output", "priority", "other"),
    ]
)
values = scalars | st.sampled_from(["7", "2015-01-10", "0.1,0.9", "missing", 7])
parameters = st.dictionaries(keys, values, max_size=4)
tensors = st.fixed_dictionaries(
    {"name": names, "datatype": datatypes, "shape": shapes | lists},
    optional={
        "data": lists | st.just([1.0]),
        "parameters": st.dictionaries(
            st.sampled_from(["binary_data_size", "shared_memory_region"]), scalars, max_size=2
        ),
    },
)
documents = scalars | st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=3) | lists},
    optional={
        "id": scalars,
        "parameters": parameters | scalars,
        "outputs": st.lists(st.fixed_dictionaries({"name": names}, optional={"parameters": parameters}), max_size=2),
    },
)
models = st.sampled_from(["fake", "fake.predict"])


@pytest.fixture(scope="module")
def running() -> Iterator[Behind]:
    with behind({"grpc_port": 0}, frequency="1") as opened:
        yield opened
        assert '"fault"' not in opened.log.getvalue()
        assert '"library"' not in opened.log.getvalue()


@pytest.fixture(scope="module")
def channel(running: Behind) -> Iterator[grpc.Channel]:
    assert running.service.rpc is not None
    with grpc.insecure_channel(f"127.0.0.1:{running.service.rpc.port}") as opened:
        yield opened


def outcome(call: Any, request: Any) -> grpc.StatusCode:
    try:
        call(request, timeout=30)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@FUZZ
@given(document=documents, model=models, tail=st.binary(max_size=20), header=st.none() | st.integers(-1, 400))
def test_no_document_breaks_a_request(running: Behind, document: Any, model: str, tail: bytes, header: Any) -> None:
    head = json.dumps(document).encode()  # NaN and Infinity as literals, like careless clients
    size = {} if header is None else {HEADER: str(len(head) if header > 200 else header)}
    answer = running.http.post(f"/v2/models/{model}/infer", content=head + tail, headers=size)
    assert answer.status_code < 500, answer.text
    if answer.status_code != 200:
        assert answer.json()["error"]
        assert answer.json()["code"] != "internal"


@FUZZ
@given(body=st.binary(max_size=60), path=st.sampled_from(["index", "models/fake/load", "models/fake/unload"]))
def test_no_bytes_break_the_repository(running: Behind, body: bytes, path: str) -> None:
    assert running.http.post(f"/v2/repository/{path}", content=body).status_code < 500


@FUZZ
@given(body=st.binary(max_size=60))
def test_no_bytes_break_a_call(channel: grpc.Channel, body: bytes) -> None:
    call = channel.unary_unary(INFER, request_serializer=None, response_deserializer=None)
    assert outcome(call, body) not in FAULTS


@st.composite
def requests(draw: st.DrawFn) -> service_pb2.ModelInferRequest:
    request = service_pb2.ModelInferRequest(model_name=draw(models | st.just("")), id=draw(st.text(max_size=3)))
    for name, value in draw(st.dictionaries(keys, st.booleans() | st.integers(-9, 9) | st.text(max_size=4))).items():
        kind = {bool: "bool_param", int: "int64_param", str: "string_param"}[type(value)]
        setattr(request.parameters[name], kind, value)
    for _ in range(draw(st.integers(0, 2))):
        shape = [size for size in draw(shapes) if isinstance(size, int)]
        tensor = request.inputs.add(name=draw(names), datatype=draw(datatypes), shape=shape)
        tensor.contents.fp64_contents.extend(draw(st.lists(st.floats(), max_size=2)))
        tensor.contents.bytes_contents.extend(draw(st.lists(st.binary(max_size=3), max_size=1)))
    request.raw_input_contents.extend(draw(st.lists(st.binary(max_size=16) | st.just(bytes(8)), max_size=2)))
    return request


@FUZZ
@given(request=requests())
def test_no_message_breaks_a_call(channel: grpc.Channel, request: service_pb2.ModelInferRequest) -> None:
    call = channel.unary_unary(INFER, service_pb2.ModelInferRequest.SerializeToString, None)
    assert outcome(call, request) not in FAULTS


@settings(FUZZ, max_examples=30)
@given(sent=st.lists(requests(), max_size=4))
def test_no_message_breaks_a_stream(channel: grpc.Channel, sent: list[service_pb2.ModelInferRequest]) -> None:
    answer = service_pb2.ModelStreamInferResponse.FromString
    call = channel.stream_stream(STREAM, service_pb2.ModelInferRequest.SerializeToString, answer)
    assert len(list(call(iter(sent), timeout=30))) == len(sent)
