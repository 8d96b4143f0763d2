"""Several threads in a step: the same loss and gradient as one, the same weights each time, draws of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.layers.dropout import Dropout, drawing_from
from models.layers.zoneout import zoned_out
from models.training.loop import Training
from models.training.settings import TrainingSettings
from models.training.trainer import prepare
from models.training.windows import Sampler
from tests.conftest import small_config
from tests.models.panels import SEASON, SETTINGS, small_panel
from tests.models.test_training_loop import assert_same_weights, finished

RAGGED = replace(SETTINGS, batch=7, batching="pad", shortest=3, longest=50)


def training(threads: int, settings: TrainingSettings = RAGGED, **changes: object) -> Training:
    return prepare(small_panel(), small_config(**changes), settings, SEASON, threads=threads)


def step_of(made: Training) -> tuple[float, list[torch.Tensor]]:
    """Loss and gradients of the first step, before anything is cut."""
    made.settings = replace(made.settings, clip=1e9)
    loss, _, _ = made._update(0, 1e-9)
    return loss, [weight.grad.clone() for weight in made.model.parameters() if weight.grad is not None]


@pytest.mark.parametrize("settings", [RAGGED, replace(RAGGED, accumulate=2), replace(RAGGED, batch=1)])
@pytest.mark.parametrize("changes", [{}, {"architecture": "ensemble", "members": ("gru", "lstm")}])
def test_parts_of_a_batch_come_to_its_gradient(settings: TrainingSettings, changes: dict[str, object]) -> None:
    settings = replace(settings, primed=0.5)
    alone, expected = step_of(training(1, settings, dropout=0.0, **changes))
    for threads in (2, 3):
        loss, found = step_of(training(threads, settings, dropout=0.0, **changes))
        assert loss == pytest.approx(alone, rel=1e-5)
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_two_threads_come_to_the_same_weights_each_time() -> None:
    first, second = (training(2, dropout=0.3, zoneout=0.1) for _ in range(2))
    finished(first)
    torch.rand(5)  # what others draw in between does not matter
    finished(second)
    assert_same_weights(first, second)


def test_a_run_stopped_and_resumed_with_two_threads_is_the_one_that_was_not() -> None:
    whole, stopped = training(2, dropout=0.3), training(2, dropout=0.3)
    finished(whole)
    saved: list[object] = []
    steps = iter(range(20))
    stopped.run(lambda _: None, saved.append, lambda: next(steps) == 9)
    again = training(2, dropout=0.3)
    again.restore(saved[-1])  # type: ignore[arg-type]
    finished(again)
    assert_same_weights(again, whole)


@given(st.integers(0, 50), st.integers(1, 9))
def test_rows_are_dealt_out_whole_and_all_of_them(step: int, parts: int) -> None:
    crops = Sampler.of(small_panel(), RAGGED, small_config(), SEASON).crops(step)
    dealt = crops.dealt(parts)
    assert sorted(int(n) for part in dealt for n in part.lengths) == sorted(crops.lengths.tolist())
    for first, part in enumerate(dealt):
        longest = int(part.lengths.max())
        assert part.values.size(1) == longest
        assert part.future.size(1) == longest + small_config().horizon - 1
        for row, source in enumerate(range(first, len(crops.lengths), parts)):
            length = int(crops.lengths[source])
            assert torch.equal(part.values[row, :length].nan_to_num(), crops.values[source, :length].nan_to_num())


def test_what_is_drawn_is_of_the_generator_of_the_thread() -> None:
    given_, layer = torch.ones(4, 50), Dropout(0.4)
    rows = torch.ones(2, 9, 3)
    drawn = []
    for seed in (1, 1, 2):
        with drawing_from(torch.Generator().manual_seed(seed)):
            drawn.append((layer(given_), zoned_out(0.5, rows, 3)))
    assert all(torch.equal(a, b) for a, b in zip(drawn[0], drawn[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(drawn[0], drawn[2], strict=True))
    kept = drawn[0][0]
    assert kept.unique().tolist() == [0.0, pytest.approx(1 / 0.6)]
    assert torch.equal(layer.eval()(given_), given_)


def test_what_goes_wrong_in_a_thread_is_told() -> None:
    made = training(2)
    with pytest.raises(AttributeError):
        made.gradient.beside.learn([[lambda: None.of]], list(made.model.parameters()))  # type: ignore[union-attr,attr-defined,list-item]


def test_statistics_of_a_batch_are_those_of_the_whole_batch() -> None:
    alone, asked = step_of(training(1, normalisation="batch")), step_of(training(2, normalisation="batch"))
    assert alone[0] == asked[0]
