"""Sequences, in every way of asking: the same words, numbers and states of ours as of a real Triton."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.oip.expected import CLOSE, quantiles
from tests.oip.ways import WAYS, Asking, Refused

every_way = pytest.mark.parametrize("asking", WAYS, indirect=True)
_numbers = itertools.count(1_000)


@pytest.fixture
def sequence() -> int:
    """An id that no other test uses."""
    return next(_numbers)


@every_way
def test_each_reading_is_answered_from_all_before_it(asking: Asking, sequence: int) -> None:
    history = [3.0, 1.5, 4.25, 2.0]
    for step, y in enumerate(history):
        told = asking.step(y, sequence, start=step == 0)
        np.testing.assert_allclose(told["quantiles"][0], quantiles(history[: step + 1]), **CLOSE)
        np.testing.assert_allclose(told["median"][0], quantiles(history[: step + 1])[:, 1], **CLOSE)
        assert told["step"].tolist() == [[step]]
        assert told["ds"].tolist() in ([[str(step).encode()]], [[str(step)]])


@every_way
def test_names_types_shapes_and_the_request_id_come_back(asking: Asking, sequence: int) -> None:
    told = asking.step(1.0, sequence, start=True, request_id="mine").told
    assert (told["id"], told["model_name"], told["model_version"]) == ("mine", "fake", "1")
    shapes = {each["name"]: (each["datatype"], each["shape"]) for each in told["outputs"]}
    assert shapes == {
        "quantiles": ("FP64", [1, 3, 3]),
        "median": ("FP64", [1, 3]),
        "step": ("INT64", [1, 1]),
        "ds": ("BYTES", [1, 1]),
    }


@every_way
def test_only_outputs_that_are_asked_for_come(asking: Asking, sequence: int) -> None:
    told = asking.step(1.0, sequence, start=True, outputs=["median"])
    assert list(told.arrays) == ["median"]


@every_way
def test_an_id_may_be_a_text(asking: Asking, sequence: int) -> None:
    name = f"meter {sequence}"
    asking.step(1.0, name, start=True)
    assert asking.step(2.0, name)["step"].tolist() == [[1]]


@every_way
def test_two_sequences_do_not_see_each_other(asking: Asking, sequence: int) -> None:
    other = sequence + 500_000
    asking.step(1.0, sequence, start=True)
    asking.step(9.0, other, start=True)
    np.testing.assert_allclose(asking.step(2.0, sequence)["quantiles"][0], quantiles([1.0, 2.0]), **CLOSE)
    np.testing.assert_allclose(asking.step(2.0, other)["quantiles"][0], quantiles([9.0, 2.0]), **CLOSE)


@every_way
def test_start_begins_anew(asking: Asking, sequence: int) -> None:
    asking.step(1.0, sequence, start=True)
    asking.step(2.0, sequence)
    told = asking.step(7.0, sequence, start=True)
    assert told["step"].tolist() == [[0]]
    np.testing.assert_allclose(told["quantiles"][0], quantiles([7.0]), **CLOSE)


@every_way
def test_after_end_there_is_no_sequence(asking: Asking, sequence: int) -> None:
    asking.step(1.0, sequence, start=True)
    told = asking.step(2.0, sequence, end=True)
    np.testing.assert_allclose(told["quantiles"][0], quantiles([1.0, 2.0]), **CLOSE)
    with pytest.raises(Refused, match="must specify the START flag on the first request of the sequence"):
        asking.step(3.0, sequence)


@every_way
def test_a_sequence_may_be_one_request_long(asking: Asking, sequence: int) -> None:
    told = asking.step(1.0, sequence, start=True, end=True)
    assert told["step"].tolist() == [[0]]
    with pytest.raises(Refused, match="START flag"):
        asking.step(2.0, sequence)


@every_way
def test_who_was_not_started_is_told_so(asking: Asking, sequence: int) -> None:
    said = f"inference request for sequence {sequence} to model 'fake' must specify the START flag on the first request"
    with pytest.raises(Refused, match=said) as refused:
        asking.step(1.0, sequence)
    assert refused.value.status == ("400" if asking.over_http else "StatusCode.INVALID_ARGUMENT") or _streamed(refused)


@every_way
def test_a_request_without_an_id_is_told_so(asking: Asking) -> None:
    said = "inference request to model 'fake' must specify a non-zero or non-empty correlation ID"
    with pytest.raises(Refused, match=said):
        asking.infer("fake", {"y": np.array([[1.0]])})


@every_way
@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"y": np.array([[1.0], [2.0]])}, "must specify batch-size 1 due to requirements of sequence batcher"),
        (
            {"y": np.array([[1.0, 2.0]])},
            r"unexpected shape for input 'y' for model 'fake'. Expected \[-1,1\], got \[1,2\]",
        ),
        ({"y": np.array([[1]])}, "inference input 'y' data-type is 'INT64', but model 'fake' expects 'FP64'"),
        ({"z": np.array([[1.0]])}, "unexpected inference input 'z' for model 'fake'"),
        ({}, r"expected 1 inputs but got 0 inputs for model 'fake'. Got input\(s\) \[\], but missing required"),
    ],
    ids=["two rows", "two columns", "another type", "another name", "nothing"],
)
def test_tensors_that_do_not_fit_are_refused_in_the_same_words(
    asking: Asking, sequence: int, inputs: dict[str, np.ndarray], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        asking.infer("fake", inputs, sequence_id=sequence, sequence_start=True)


@every_way
def test_an_output_that_there_is_not_is_refused(asking: Asking, sequence: int) -> None:
    with pytest.raises(Refused, match="unexpected inference output 'nothing' for model 'fake'"):
        asking.step(1.0, sequence, start=True, outputs=["nothing"])


@every_way
def test_a_model_or_version_that_there_is_not_is_refused(asking: Asking) -> None:
    with pytest.raises(Refused, match="Request for unknown model: 'nothing' is not found"):
        asking.infer("nothing", {"y": np.array([[1.0]])})
    with pytest.raises(Refused, match="Request for unknown model: 'fake' version 7 is not found"):
        asking.step(1.0, 7, start=True, model_version="7")


@every_way
def test_whole_histories_are_another_models(asking: Asking) -> None:
    histories = [[3.0, 1.5, 4.25], [9.0, 9.5, 8.0]]
    told = asking.infer("fake.predict", {"y": np.array(histories)})
    for row, history in enumerate(histories):
        np.testing.assert_allclose(told["quantiles"][row], quantiles(history), **CLOSE)
    assert told["median"].shape == (2, 3)


def _streamed(refused: pytest.ExceptionInfo[Refused]) -> bool:
    """In a stream an error comes as text, without a status."""
    return refused.value.status == "None"
