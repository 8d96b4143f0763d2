"""What is particular to HTTP: forms of bodies, health, metadata, configuration, statistics and the repository."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as over_http
from tritonclient.utils import InferenceServerException

from tests.oip.expected import CLOSE, quantiles
from tests.oip.ways import Target

READING = {"name": "y", "datatype": "FP64", "shape": [1, 1], "data": [5.0]}
LENGTH = "Inference-Header-Content-Length"


@pytest.fixture
def client(target: Target) -> Iterator[over_http.InferenceServerClient]:
    with over_http.InferenceServerClient(target.http) as opened:
        yield opened


@pytest.fixture
def http(target: Target) -> Iterator[httpx.Client]:
    plain = {"accept-encoding": "identity"}  # compressed answers have no header of their length
    with httpx.Client(base_url=f"http://{target.http}", timeout=30, headers=plain) as opened:
        yield opened


def started(sequence: int, **more: Any) -> dict[str, Any]:
    return {"parameters": {"sequence_id": sequence, "sequence_start": True}, "inputs": [READING], **more}


def test_health_is_told_by_the_status_alone(client, http: httpx.Client) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("fake")
    assert client.is_model_ready("fake", "1")
    assert not client.is_model_ready("nothing")
    assert not client.is_model_ready("fake", "7")
    assert http.get("/v2/health/ready").content == b""


def test_the_server_says_what_it_can(client) -> None:
    told = client.get_server_metadata()
    assert {"sequence", "binary_tensor_data", "model_configuration", "statistics", "parameters"} <= set(
        told["extensions"]
    )


def test_a_model_says_its_tensors(client) -> None:
    told = client.get_model_metadata("fake")
    assert (told["name"], told["versions"]) == ("fake", ["1"])
    assert {"name": "y", "datatype": "FP64", "shape": [-1, 1]} in told["inputs"]
    assert {"name": "quantiles", "datatype": "FP64", "shape": [-1, -1, -1]} in told["outputs"]
    assert client.get_model_metadata("fake", "1") == told
    with pytest.raises(InferenceServerException, match="Request for unknown model: 'nothing' is not found") as refused:
        client.get_model_metadata("nothing")
    assert refused.value.status() == "404"


def test_a_model_of_sequences_says_so_in_its_configuration(client) -> None:
    told = client.get_model_config("fake")
    assert told["max_batch_size"] > 0
    assert [each["dims"] for each in told["input"] if each["name"] == "y"] == [[1]]
    assert {each["name"]: each["data_type"] for each in told["output"]}["ds"] == "TYPE_STRING"
    assert told["sequence_batching"]["max_sequence_idle_microseconds"] > 0
    assert "oldest" in told["sequence_batching"]
    assert "sequence_batching" not in client.get_model_config("fake.predict")


def test_statistics_count_what_was_asked(client, http: httpx.Client) -> None:
    def told() -> dict[str, Any]:
        found: dict[str, Any] = client.get_inference_statistics("fake")["model_stats"][0]
        return found

    before = told()
    http.post("/v2/models/fake/infer", json=started(71)).raise_for_status()
    after = told()
    while after["inference_count"] == before["inference_count"]:  # Triton counts a moment after it has answered
        after = told()
    assert (after["name"], after["version"]) == ("fake", "1")
    assert after["inference_count"] - before["inference_count"] == 1
    assert after["execution_count"] - before["execution_count"] == 1
    for what in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert after["inference_stats"][what]["count"] - before["inference_stats"][what]["count"] == 1
    assert after["inference_stats"]["success"]["ns"] > before["inference_stats"]["success"]["ns"]
    names = {each["name"] for each in client.get_inference_statistics()["model_stats"]}
    assert {"fake", "fake.predict"} <= names


def test_the_repository_lists_both_models(client) -> None:
    listed = {(each["name"], each["version"], each["state"]) for each in client.get_model_repository_index()}
    assert {("fake", "1", "READY"), ("fake.predict", "1", "READY")} <= listed
    client.load_model("fake")  # which is loaded
    with pytest.raises(InferenceServerException, match="failed to load 'nothing'"):
        client.load_model("nothing")


@pytest.mark.parametrize("data", [[5.0], [[5.0]], [5]])
def test_numbers_may_be_nested_or_flat(http: httpx.Client, data: Any) -> None:
    told = http.post("/v2/models/fake/infer", json=started(72, inputs=[{**READING, "data": data}])).json()
    median = next(each for each in told["outputs"] if each["name"] == "median")
    assert median["shape"] == [1, 3]
    np.testing.assert_allclose(median["data"], quantiles([5.0])[:, 1], **CLOSE)


@pytest.mark.parametrize("data", [[5.0, 6.0], [], [[5.0, 6.0]], ["5"], {}])
def test_data_of_another_size_or_kind_is_refused(http: httpx.Client, data: Any) -> None:
    answer = http.post("/v2/models/fake/infer", json=started(73, inputs=[{**READING, "data": data}]))
    assert answer.status_code in (400, 500)  # ours, Triton's
    assert answer.json()["error"]


def test_each_output_may_be_raw_or_not(http: httpx.Client) -> None:
    wanted = [{"name": "median"}, {"name": "step", "parameters": {"binary_data": True}}]
    answer = http.post("/v2/models/fake/infer", json=started(74, outputs=wanted))
    size = int(answer.headers[LENGTH])
    assert answer.headers["content-type"] == "application/octet-stream"
    median, step = json.loads(answer.content[:size])["outputs"]
    np.testing.assert_allclose(median["data"], quantiles([5.0])[:, 1], **CLOSE)
    assert (step["parameters"], "data" in step) == ({"binary_data_size": 8}, False)
    assert answer.content[size:] == struct.pack("<q", 0)


def test_all_outputs_are_raw_where_none_is_named_and_that_is_asked(http: httpx.Client) -> None:
    body = started(75)
    body["parameters"]["binary_data_output"] = True
    answer = http.post("/v2/models/fake/infer", json=body)
    outputs = json.loads(answer.content[: int(answer.headers[LENGTH])])["outputs"]
    assert [each["parameters"]["binary_data_size"] for each in outputs] == [72, 24, 8, 5]
    assert answer.content.endswith(struct.pack("<qI", 0, 1) + b"0")


def test_an_output_that_is_named_is_raw_only_if_it_says_so_itself(http: httpx.Client) -> None:
    body = started(77, outputs=[{"name": "step"}])
    body["parameters"]["binary_data_output"] = True
    answer = http.post("/v2/models/fake/infer", json=body)
    assert answer.json()["outputs"] == [{"name": "step", "datatype": "INT64", "shape": [1, 1], "data": [0]}]


def test_a_body_may_be_one_raw_tensor(http: httpx.Client) -> None:
    raw = np.array([3.0, 1.5, 4.25]).tobytes()
    answer = http.post("/v2/models/fake.predict/infer", content=raw, headers={LENGTH: "0"})
    assert answer.status_code == 200, answer.text
    size = int(answer.headers[LENGTH])
    first = json.loads(answer.content[:size])["outputs"][0]
    assert (first["name"], first["shape"]) == ("quantiles", [1, 3, 3])
    found = np.frombuffer(answer.content[size : size + 72]).reshape(3, 3)
    np.testing.assert_allclose(found, quantiles([3.0, 1.5, 4.25]), **CLOSE)


def test_a_body_may_be_compressed(client) -> None:
    history = over_http.InferInput("y", [1, 2], "FP64")
    history.set_data_from_numpy(np.array([[1.0, 2.0]]))
    told = client.infer("fake.predict", [history], request_compression_algorithm="gzip")
    np.testing.assert_allclose(told.as_numpy("quantiles")[0], quantiles([1.0, 2.0]), **CLOSE)


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b'{"inputs": 3}', b'{"id": "x"}'])
def test_what_is_no_request_is_refused(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/v2/models/fake/infer", content=body)
    assert answer.status_code in (400, 500)  # ours, Triton's
    assert answer.json()["error"]


@pytest.mark.parametrize("size", [16, 4])
def test_raw_bytes_that_are_too_many_or_too_few_are_refused(http: httpx.Client, size: int) -> None:
    head = started(76, inputs=[{**READING, "parameters": {"binary_data_size": size}}])
    del head["inputs"][0]["data"]
    text = json.dumps(head).encode()
    answer = http.post("/v2/models/fake/infer", content=text + bytes(size), headers={LENGTH: str(len(text))})
    assert answer.status_code == 400
    assert "byte size" in answer.json()["error"]


def test_a_header_that_is_longer_than_the_body_is_refused(http: httpx.Client) -> None:
    answer = http.post("/v2/models/fake/infer", content=b"{}", headers={LENGTH: "900"})
    assert answer.status_code == 400
    assert answer.json()["error"]
