"""What is particular to gRPC: health, metadata, configuration, statistics, the repository, and streams."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as over_grpc
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from tests.oip.expected import CLOSE, quantiles
from tests.oip.ways import SECONDS, Target, inputs_of

Told = queue.Queue[tuple[Any, InferenceServerException | None]]


@pytest.fixture
def client(target: Target) -> Iterator[over_grpc.InferenceServerClient]:
    with over_grpc.InferenceServerClient(target.grpc) as opened:
        yield opened


@pytest.fixture
def told(client) -> Told:
    """What comes on a stream of the client."""
    found: Told = queue.Queue()
    client.start_stream(lambda result, error: found.put((result, error)))
    return found


def reading(y: float) -> list[Any]:
    return inputs_of(over_grpc, {"y": np.array([[y]])})


def test_health_is_told(client) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("fake")
    assert client.is_model_ready("fake", "1")
    assert not client.is_model_ready("nothing")
    assert not client.is_model_ready("fake", "7")


def test_server_and_model_say_what_they_are(client) -> None:
    assert {"sequence", "statistics"} <= set(client.get_server_metadata().extensions)
    found = client.get_model_metadata("fake")
    assert (found.name, list(found.versions)) == ("fake", ["1"])
    inputs = {each.name: (each.datatype, list(each.shape)) for each in found.inputs}
    outputs = {each.name: (each.datatype, list(each.shape)) for each in found.outputs}
    assert inputs["y"] == ("FP64", [-1, 1])
    assert outputs["quantiles"] == ("FP64", [-1, -1, -1])
    with pytest.raises(InferenceServerException, match="Request for unknown model: 'nothing' is not found") as refused:
        client.get_model_metadata("nothing")
    assert refused.value.status() == "StatusCode.NOT_FOUND"


def test_a_model_of_sequences_says_so_in_its_configuration(client) -> None:
    found = client.get_model_config("fake").config
    assert found.max_batch_size > 0
    assert [list(each.dims) for each in found.input if each.name == "y"] == [[1]]
    assert found.HasField("sequence_batching")
    assert found.sequence_batching.WhichOneof("strategy_choice") == "oldest"
    assert found.sequence_batching.max_sequence_idle_microseconds > 0
    assert not client.get_model_config("fake.predict").config.HasField("sequence_batching")


def test_statistics_count_what_was_asked(client) -> None:
    def count() -> int:
        return int(client.get_inference_statistics("fake").model_stats[0].inference_count)

    before = count()
    client.infer("fake", reading(1.0), sequence_id=51, sequence_start=True)
    while count() == before:  # Triton counts a moment after it has answered
        pass
    found = client.get_inference_statistics("fake").model_stats[0]
    assert found.inference_count == before + 1
    assert found.inference_stats.success.count >= 1
    assert found.inference_stats.success.ns > 0


def test_the_repository_lists_both_models(client) -> None:
    listed = {(each.name, each.version, each.state) for each in client.get_model_repository_index().models}
    assert {("fake", "1", "READY"), ("fake.predict", "1", "READY")} <= listed
    client.load_model("fake")  # which is loaded
    with pytest.raises(InferenceServerException, match="failed to load 'nothing'"):
        client.load_model("nothing")


def test_many_requests_of_many_sequences_are_on_one_stream(client, told: Told) -> None:
    lengths, sequences = 12, range(61, 69)
    for step in range(lengths):
        for sequence in sequences:
            flags = {"sequence_start": step == 0, "sequence_end": step == lengths - 1}
            sent = float(sequence * step)
            client.async_stream_infer(
                "fake", reading(sent), request_id=f"{sequence}.{step}", sequence_id=sequence, **flags
            )
    steps: dict[str, list[int]] = {}
    for _ in range(lengths * len(sequences)):
        result, error = told.get(timeout=SECONDS)
        assert error is None
        sequence, step = result.get_response().id.split(".")
        history = [float(int(sequence) * each) for each in range(int(step) + 1)]
        np.testing.assert_allclose(result.as_numpy("quantiles")[0], quantiles(history), **CLOSE)
        steps.setdefault(sequence, []).append(int(step))
    assert all(steps[str(sequence)] == list(range(lengths)) for sequence in sequences)


def test_an_error_on_a_stream_is_about_one_request_and_the_stream_goes_on(client, told: Told) -> None:
    client.async_stream_infer("fake", reading(1.0), sequence_id=81)  # was not started
    error = told.get(timeout=SECONDS)[1]
    assert error is not None
    assert "must specify the START flag on the first request of the sequence" in error.message()
    client.async_stream_infer("fake", reading(1.0), sequence_id=81, sequence_start=True)
    result, error = told.get(timeout=SECONDS)
    assert error is None
    assert result.as_numpy("step").tolist() == [[0]]
    assert result.get_response().parameters["triton_final_response"].bool_param


def test_a_text_may_name_a_sequence_and_typed_contents_may_hold_the_data(client) -> None:
    request = service_pb2.ModelInferRequest(model_name="fake", id="typed")
    request.parameters["sequence_id"].string_param = "typed"
    request.parameters["sequence_start"].bool_param = True
    tensor = request.inputs.add(name="y", datatype="FP64", shape=[1, 1])
    tensor.contents.fp64_contents.append(4.0)
    told = client._client_stub.ModelInfer(request)
    assert (told.id, [each.name for each in told.outputs]) == ("typed", ["quantiles", "median", "step", "ds"])
    np.testing.assert_allclose(np.frombuffer(told.raw_output_contents[0]).reshape(3, 3), quantiles([4.0]), **CLOSE)
