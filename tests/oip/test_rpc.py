"""gRPC beside the other doors: keys, errors, limits, the end of the service, TLS, and the numbers of its fields."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as over_grpc
from google.protobuf.descriptor import Descriptor
from tritonclient.grpc import model_config_pb2, service_pb2
from tritonclient.utils import InferenceServerException

from service.api.rpc import messages
from service.api.rpc.server import RpcServer
from service.errors import SettingsError
from tests.api.conftest import Behind, behind
from tests.api.keyring import locked
from tests.certificates import self_signed
from tests.oip.ways import SECONDS, inputs_of

COUNTING = {"frequency": "1"}
INVALID, REFUSED = "StatusCode.INVALID_ARGUMENT", "StatusCode.FAILED_PRECONDITION"


@contextmanager
def calling(running: Behind) -> Iterator[over_grpc.InferenceServerClient]:
    assert running.service.rpc is not None
    with over_grpc.InferenceServerClient(f"127.0.0.1:{running.service.rpc.port}") as client:
        yield client


@pytest.fixture(scope="module")
def running() -> Iterator[Behind]:
    with behind({"grpc_port": 0, "body_bytes": 2048}, **COUNTING) as opened:
        yield opened


@pytest.fixture
def client(running: Behind) -> Iterator[over_grpc.InferenceServerClient]:
    with calling(running) as opened:
        yield opened


def reading(y: float = 1.0) -> list[Any]:
    return inputs_of(over_grpc, {"y": np.array([[y]])})


def refused(call: Callable[[], object]) -> InferenceServerException:
    with pytest.raises(InferenceServerException) as raised:
        call()
    found: InferenceServerException = raised.value
    return found


def their(name: str) -> Descriptor:
    """The message of this name as the client has it, be it nested in another."""
    files = (service_pb2.DESCRIPTOR, model_config_pb2.DESCRIPTOR)
    found = {each.name: each for file in files for each in file.message_types_by_name.values()}
    nested = {inner.name: inner for each in found.values() for inner in each.nested_types}
    return found.get(name) or nested[name]


@pytest.mark.parametrize("name", [line.split(":")[0] for line in messages._LAYOUT.splitlines() if line[:1].isupper()])
def test_every_field_has_the_number_and_the_type_that_clients_know(name: str) -> None:
    ours, theirs = messages.message(name).DESCRIPTOR, their(name).fields_by_name
    for field in ours.fields:
        known = theirs[field.name]
        assert (field.number, field.type, field.is_repeated) == (known.number, known.type, known.is_repeated), (
            field.name
        )
    if name not in ("ModelConfig", "ModelInput", "ModelOutput", "ModelSequenceBatching", "StrategyOldest"):
        served = {"ModelStatistics": 6, "ModelVersionPolicy": 1}
        assert len(ours.fields) == served.get(name, len(theirs))


def test_a_step_sent_again_is_answered_again_and_not_taken_twice(client, running: Behind) -> None:
    def ask(y: float, step: int, start: bool = False) -> Any:
        flags = {"sequence_id": "grpc", "sequence_start": start}
        return client.infer("fake", reading(y), parameters={"step": step}, **flags)

    ask(1.0, 0, start=True)
    first, again = ask(2.0, 1), ask(2.0, 1)
    assert first.as_numpy("quantiles").tolist() == again.as_numpy("quantiles").tolist()
    assert again.get_response().parameters["repeated"].bool_param
    assert running.http.get("/v1/sessions/grpc").json()["last_step"] == 1
    gap = refused(lambda: ask(3.0, 7))
    assert (gap.status(), "step 2" in gap.message()) == (REFUSED, True)


def test_what_is_wrong_is_told_by_status(client) -> None:
    def with_parameters(**parameters: Any) -> InferenceServerException:
        flags = {"sequence_id": "wrong", "sequence_start": True}
        return refused(lambda: client.infer("fake", reading(), parameters=parameters, **flags))

    assert with_parameters(horizon=99).status() == INVALID
    assert with_parameters(stepp=1).status() == INVALID
    assert refused(lambda: client.unload_model("fake")).status() == REFUSED


def test_a_message_that_is_too_large_is_refused(client) -> None:
    whole = inputs_of(over_grpc, {"y": np.zeros((1, 4096))})
    assert refused(lambda: client.infer("fake.predict", whole)).status() == "StatusCode.RESOURCE_EXHAUSTED"
    packed = refused(lambda: client.infer("fake.predict", whole, compression_algorithm="gzip"))
    assert packed.status() == "StatusCode.RESOURCE_EXHAUSTED"


def test_tensors_without_data_or_with_two_kinds_of_it_are_refused(client) -> None:
    request = service_pb2.ModelInferRequest(model_name="fake.predict")
    request.inputs.add(name="y", datatype="FP64", shape=[1, 2])
    for raw in ([], [b"", b""], [b"12345"]):
        del request.raw_input_contents[:]
        request.raw_input_contents.extend(raw)
        with pytest.raises(Exception, match="INVALID_ARGUMENT"):
            client._client_stub.ModelInfer(request)


def test_an_error_may_end_a_stream_where_the_client_asks_for_that(client) -> None:
    told: queue.Queue[tuple[Any, InferenceServerException | None]] = queue.Queue()
    client.start_stream(lambda result, error: told.put((result, error)), headers={"triton_grpc_error": "true"})
    client.async_stream_infer("fake", reading(), sequence_id=5)
    error = told.get(timeout=SECONDS)[1]
    assert error is not None
    assert error.status() == INVALID


def test_a_call_needs_a_key_of_its_scope_and_sees_its_tenants_sessions(tmp_path) -> None:
    with locked(tmp_path, {"grpc_port": 0}, **COUNTING) as (running, ring), calling(running) as client:
        acme, beta, reader = ring.add("acme", "read", "write"), ring.add("beta"), ring.add("acme", "read")
        assert client.is_server_ready()

        def ask(key: str | None, start: bool = False) -> Any:
            headers = {} if key is None else {"authorization": f"Bearer {key}"}
            return client.infer("fake", reading(), sequence_id=3, sequence_start=start, headers=headers)

        for key, status in (
            (None, "UNAUTHENTICATED"),
            ("gc_00ff00ff_x", "UNAUTHENTICATED"),
            (reader, "PERMISSION_DENIED"),
        ):
            error = refused(lambda key=key: ask(key, start=True))
            assert error.status() == f"StatusCode.{status}"
        ask(acme, start=True)
        assert "START" in refused(lambda: ask(beta)).message()
        assert refused(lambda: client.get_model_metadata("fake")).status() == "StatusCode.UNAUTHENTICATED"
        bearer = {"authorization": f"Bearer {acme}"}
        assert refused(lambda: client.load_model("fake", headers=bearer)).status() == "StatusCode.PERMISSION_DENIED"


def test_limits_hold_at_this_door_too() -> None:
    limits = {"grpc_port": 0, "readings_per_second": 0.001, "burst_seconds": 1, "streams_per_tenant": 1}
    with behind(limits, **COUNTING) as running, calling(running) as client, calling(running) as other:
        client.infer("fake", reading(), sequence_id=1, sequence_start=True)
        limited = refused(lambda: client.infer("fake", reading(), sequence_id=1))
        assert limited.status() == "StatusCode.RESOURCE_EXHAUSTED"
        told: queue.Queue[tuple[Any, InferenceServerException | None]] = queue.Queue()
        for each in (client, other):
            each.start_stream(lambda result, error: told.put((result, error)))
            with suppress(InferenceServerException):  # it was ended before anything was sent
                each.async_stream_infer("nothing", reading())
            error = told.get(timeout=SECONDS)[1]
            assert error is not None
            assert ("unknown model" in error.message()) == (each is client)
        assert "at most 1 streams" in error.message()


def test_an_ending_service_answers_what_it_has_taken_and_takes_no_more() -> None:
    with behind({"grpc_port": 0}, **COUNTING) as running, calling(running) as client:
        told: queue.Queue[tuple[Any, InferenceServerException | None]] = queue.Queue()
        client.start_stream(lambda result, error: told.put((result, error)))
        client.async_stream_infer("fake", reading(), sequence_id=1, sequence_start=True)
        assert told.get(timeout=SECONDS)[1] is None
        running.runtime.entered.clear()
        running.runtime.gate.clear()
        client.async_stream_infer("fake", reading(2.0), sequence_id=1)
        assert running.runtime.entered.wait(SECONDS)
        running.server.should_exit = True
        threading.Timer(0.2, running.runtime.gate.set).start()
        result, error = told.get(timeout=SECONDS)
        assert error is None
        assert result.as_numpy("step").tolist() == [[1]]
        error = told.get(timeout=SECONDS)[1]
        assert error is not None
        assert error.status() == "StatusCode.UNAVAILABLE"
        running.thread.join(SECONDS)
        assert not running.thread.is_alive()
        assert '"fault"' not in running.log.getvalue()


def test_a_revoked_key_ends_its_stream(tmp_path) -> None:
    with locked(tmp_path, {"grpc_port": 0}, **COUNTING) as (running, ring), calling(running) as client:
        key = ring.add("acme")
        told: queue.Queue[tuple[Any, InferenceServerException | None]] = queue.Queue()
        headers = {"authorization": f"Bearer {key}"}
        client.start_stream(lambda result, error: told.put((result, error)), headers=headers)
        client.async_stream_infer("fake", reading(), sequence_id=1, sequence_start=True)
        assert told.get(timeout=SECONDS)[1] is None
        ring.revoke(key)
        error = told.get(timeout=SECONDS)[1]
        assert error is not None
        assert "revoked" in error.message()


def test_a_port_that_another_has_is_refused(running: Behind) -> None:
    assert running.service.rpc is not None
    settings = running.service.edge.settings.model_copy(update={"grpc_port": running.service.rpc.port})
    other = RpcServer(running.service.rpc._calls, settings)  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match="for gRPC: choose another --grpc-port"):
        asyncio.run(other.start())


def test_what_encrypts_the_other_doors_encrypts_this_one(tmp_path) -> None:
    certificate, key = self_signed(tmp_path)
    limits = {"grpc_port": 0, "tls_certificate": certificate, "tls_key": key}
    with behind(limits, **COUNTING) as running:
        assert running.service.rpc is not None
        address = f"127.0.0.1:{running.service.rpc.port}"
        with over_grpc.InferenceServerClient(address, ssl=True, root_certificates=str(certificate)) as client:
            assert client.is_server_live()
        with over_grpc.InferenceServerClient(address) as client:
            assert refused(client.is_server_live).status() == "StatusCode.UNAVAILABLE"
