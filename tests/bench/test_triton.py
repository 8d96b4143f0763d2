"""Readings become Triton's requests, and its answers forecasts."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.load.job import Job
from bench.load.triton import HEADERS, START, STEP, TritonAnswers, TritonBlock, _field, _fields, forecasts, sequence_id
from bench.load.wave import reading

FORECAST = np.arange(6.0)
HEAD = int(HEADERS["Inference-Header-Content-Length"])


def streamed(rows: np.ndarray, before: bytes = b"") -> bytes:
    """A ModelStreamInferResponse with a tensor."""
    response = _field(1, b"forecast") + before + _field(5, b"what it is") + _field(6, rows.tobytes())
    return _field(2, response)


def test_a_reading_alone_is_a_request_of_its_sequence_which_starts_once() -> None:
    block = TritonBlock(0, ["a"], 0, Job(port=1, protocol="http"))
    first, second = block.next(), block.next()
    head = msgspec.json.decode(first[:HEAD].rstrip())
    assert head["parameters"]["sequence_id"] == sequence_id("a")
    assert [msgspec.json.decode(each[:HEAD])["parameters"]["sequence_start"] for each in (first, second)] == [
        True,
        False,
    ]
    assert np.frombuffer(second[HEAD : HEAD + 8]).tolist() == [reading(1)]
    assert np.frombuffer(second[HEAD + 8 :], np.int64).tolist() == [START + STEP]
    assert block.step == 2


def test_several_readings_name_their_sessions_in_a_tensor_and_are_no_sequence() -> None:
    body = TritonBlock(0, ["a", "b"], 3, Job(port=1, protocol="http")).next()
    head = msgspec.json.decode(body[:HEAD].rstrip())
    assert "sequence_id" not in head["parameters"]
    assert [(each["name"], each["shape"]) for each in head["inputs"]] == [
        ("VALUE", [2, 1]),
        ("TIME", [2, 1]),
        ("SESSION", [2, 1]),
    ]
    assert np.frombuffer(body[-16:], np.uint64).tolist() == [sequence_id("a"), sequence_id("b")]


def test_a_message_has_the_tensors_in_the_order_of_its_inputs() -> None:
    message = TritonBlock(0, ["a"], 7, Job(port=1, protocol="grpc")).next()
    fields = list(_fields(message))
    assert fields[0] == (1, b"forecast")
    assert [content for number, content in fields if number == 7] == [
        np.array([reading(7)]).tobytes(),
        np.array([START + 7 * STEP]).tobytes(),
    ]
    assert b"VALUE" in next(content for number, content in fields if number == 5)


def test_sequences_have_numbers_of_their_own_above_zero_that_any_language_holds() -> None:
    numbers = {sequence_id(f"s{at}") for at in range(5_000)}
    assert len(numbers) == 5_000
    assert min(numbers) > 0
    assert max(numbers) < 2**63


@pytest.mark.parametrize("grpc", [False, True])
def test_a_forecast_is_found_in_an_answer(grpc: bool) -> None:
    answer = streamed(FORECAST, before=b"\x18\x05") if grpc else b'{"outputs":[]}' + FORECAST.tobytes()
    assert forecasts(answer, 2, FORECAST.nbytes, grpc).tolist() == FORECAST.reshape(2, 3).tolist()


def test_what_triton_refuses_is_named() -> None:
    job = Job(port=1, protocol="grpc", body="triton", numbers=6)
    answers = TritonAnswers(job)
    answers.take(streamed(FORECAST))
    with pytest.raises(ValueError, match="refused: must specify the START flag"):
        answers.take(_field(1, b"must specify the START flag"))
    with pytest.raises(ValueError, match="a tensor of 48 bytes was expected, got 0"):
        answers.take(_field(2, _field(1, b"forecast")))


def test_one_frame_is_in_flight_where_answers_cannot_overtake() -> None:
    with pytest.raises(ValueError, match="one frame in flight"):
        Job(port=1, protocol="http", in_flight=2)
