"""Strategies of batching: each is a matter of seed and step alone, takes the training part, and pads as it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.panel import Panel, Stretch
from models.training.batching import BATCHINGS
from models.training.loss import fork_loss
from models.training.settings import TrainingSettings
from models.training.windows import Crops, Sampler
from tests.conftest import HOUR, START, small_config
from tests.models.panels import SEASON, SETTINGS, small_panel, small_training

CONFIG = small_config()
WINDOW, HORIZON = CONFIG.window, CONFIG.horizon
LEVELS = torch.tensor([0.1, 0.5, 0.9])
RAGGED = [30, 45, 60, 90, 150, 260]


def counting_panel(lengths: list[int], held_out: int = 5) -> Panel:
    """Series whose readings are their own places, 10,000 apart, so that a crop shows where it is from."""
    stretches = tuple(
        Stretch(10_000.0 * row + np.arange(float(length))[:, None], START + HOUR * np.arange(length))
        for row, length in enumerate(lengths)
    )
    return Panel(stretches, tuple(n - 2 * held_out for n in lengths), tuple(n - held_out for n in lengths))


def sampler(chosen: TrainingSettings, lengths: list[int] = RAGGED) -> Sampler:
    return Sampler.of(counting_panel(lengths), chosen, CONFIG, SEASON)


def padded_share(batches: list[Crops]) -> float:
    places = sum(batch.values.shape[0] * batch.values.shape[1] for batch in batches)
    return 1 - sum(int(batch.lengths.sum()) for batch in batches) / places


@pytest.mark.parametrize("batching", BATCHINGS)
@settings(max_examples=15, deadline=None)
@given(step=st.integers(0, 10_000), seed=st.integers(0, 5))
def test_every_row_lies_in_the_training_part_and_has_a_target(batching: str, step: int, seed: int) -> None:
    drawn = sampler(replace(SETTINGS, batching=batching, seed=seed, longest=400))
    crops = drawn.crops(step)
    assert crops.lengths.tolist() == sorted(crops.lengths.tolist(), reverse=True)
    for row, count in enumerate(crops.lengths.tolist()):
        first = float(crops.values[row, 0, 0])
        series, start = divmod(int(first), 10_000)
        assert count >= 1
        assert torch.equal(crops.values[row, :count, 0], first + torch.arange(count).double())
        assert torch.isnan(crops.values[row, count:]).all()
        assert start + count < drawn.panel.train_end[series]
        known = crops.future[row][~torch.isnan(crops.future[row])]
        assert torch.equal(known, first + 1 + torch.arange(len(known)).double())
        assert known[-1] - 10_000 * series < drawn.panel.train_end[series]


@pytest.mark.parametrize("batching", BATCHINGS)
def test_a_batch_depends_on_seed_and_step_alone(batching: str) -> None:
    chosen = replace(SETTINGS, batching=batching)
    one, other = sampler(chosen), sampler(chosen)
    one.crops(3)
    for a, b in zip(one.crops(7), other.crops(7), strict=True):
        assert a is b is None or torch.equal(a.nan_to_num(), b.nan_to_num())
    later, reseeded = one.crops(8), sampler(replace(chosen, seed=1)).crops(7)
    for different in (later, reseeded):
        assert different.values.shape != one.crops(7).values.shape or not torch.equal(
            different.values.nan_to_num(), one.crops(7).values.nan_to_num()
        )


def test_the_default_draws_what_it_always_drew() -> None:
    drawn = sampler(TrainingSettings(batch=6, shortest=8, longest=40))
    for step in range(30):
        random = np.random.default_rng([0, step])
        series = random.choice(len(RAGGED), size=6, p=drawn.shares)
        longest = int(random.integers(8, 41))
        lengths = random.integers(max(1, longest * 3 // 4), longest + 1, size=6)
        expected = []
        for row, length in zip(series.tolist(), lengths.tolist(), strict=True):
            last = drawn.panel.train_end[row] - 1
            length = min(length, last)
            start = int(random.integers(-(length // 2), last - length + length // 2 + 1))
            expected.append((10_000 * row + min(max(start, 0), last - length), length))
        primed = random.random(6) < 0.85
        order = sorted(range(6), key=lambda row: -expected[row][1])
        crops = drawn.crops(step)
        assert crops.values[:, 0, 0].tolist() == [expected[row][0] for row in order]
        assert crops.lengths.tolist() == [expected[row][1] for row in order]
        known = ~torch.isnan(crops.before).all(2).all(1)
        started = crops.values[:, 0, 0] % 10_000 > 0
        assert torch.equal(known, torch.tensor([bool(primed[row]) for row in order]) & started)


def test_truncation_takes_the_most_recent_steps_of_each_series() -> None:
    drawn = sampler(replace(SETTINGS, batching="truncate", longest=100))
    seen = set()
    for step in range(40):
        crops = drawn.crops(step)
        for first, count in zip(crops.values[:, 0, 0].tolist(), crops.lengths.tolist(), strict=True):
            series, start = divmod(int(first), 10_000)
            assert start + count == drawn.panel.train_end[series] - 1
            assert count == min(100, drawn.panel.train_end[series] - 1)
            seen.add(series)
    assert seen == set(range(len(RAGGED)))


def test_padding_and_bucketing_draw_the_same_rows_in_the_mean() -> None:
    longest = replace(SETTINGS, shortest=1, longest=250, batch=16)
    means = []
    for batching in ("pad", "bucket"):
        drawn = sampler(replace(longest, batching=batching))
        means.append(np.mean([float(drawn.crops(step).lengths.double().mean()) for step in range(400)]))
    assert means[1] == pytest.approx(means[0], rel=0.05)


def test_batches_of_like_length_waste_little_on_padding() -> None:
    ragged = replace(SETTINGS, shortest=1, longest=250, batch=8)
    shares = {
        batching: padded_share([sampler(replace(ragged, batching=batching)).crops(step) for step in range(60)])
        for batching in ("pad", "bucket", "steps")
    }
    assert shares["pad"] > 0.35
    assert shares["bucket"] < 0.1
    assert shares["steps"] < 0.1


@pytest.mark.parametrize(("batch_steps", "expected"), [(None, 4 * 24), (500, 500), (7, 7)])
def test_a_batch_of_steps_holds_exactly_so_many(batch_steps: int | None, expected: int) -> None:
    drawn = sampler(replace(SETTINGS, batching="steps", batch_steps=batch_steps))
    batches = [drawn.crops(step) for step in range(20)]
    assert {int(batch.lengths.sum()) for batch in batches} == {expected}
    if expected > 100:
        assert len({len(batch.lengths) for batch in batches}) > 1


@pytest.mark.parametrize("batching", [name for name in BATCHINGS if name != "truncate"])
def test_with_a_stride_crops_start_on_its_grid(batching: str) -> None:
    drawn = sampler(replace(SETTINGS, batching=batching, stride=7))
    starts = torch.cat([drawn.crops(step).values[:, 0, 0] % 10_000 for step in range(30)])
    assert not (starts % 7).any()
    assert len(set(starts.tolist())) > 5


@pytest.mark.parametrize("batching", BATCHINGS)
def test_a_run_by_any_strategy_goes_on_after_a_stop_as_if_never_stopped(batching: str) -> None:
    chosen = replace(SETTINGS, batching=batching, steps=10)
    whole, stopped, resumed = (small_training(chosen) for _ in range(3))
    whole.run(lambda _: None, lambda _: None)
    saved: list = []
    stopped.run(lambda _: None, saved.append, lambda: stopped.place.step == 7)
    resumed.restore(saved[-1])
    resumed.run(lambda _: None, lambda _: None)
    for a, b in zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_padding_reaches_neither_loss_nor_gradient() -> None:
    training = small_training(replace(SETTINGS, batching="pad", shortest=1, longest=60))
    training.model.eval()  # without dropout
    crops = training.gradient.sampler.crops(0)
    assert padded_share([crops]) > 0.2
    gradients = []
    for filled in (crops, crops._replace(values=_behind(crops, 1e6))):
        training.optimizer.zero_grad()
        fork_loss(training.gradient.forks(filled)[0], filled.future, filled.lengths, filled.unit, LEVELS).backward()
        gradients.append([weight.grad.clone() for weight in training.model.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert torch.equal(a, b)


def _behind(crops: Crops, value: float) -> torch.Tensor:
    """The values with another one in all places behind the rows' ends."""
    places = torch.arange(crops.values.size(1)) >= crops.lengths[:, None]
    return torch.where(places[:, :, None], value, crops.values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batching": "random"}, "unknown batching 'random'; choose among crops, pad, truncate, bucket, steps"),
        ({"batch_steps": 100}, "batch_steps is for batching by steps, not by crops: take --batching steps"),
        ({"batching": "steps", "batch_steps": 0}, "batch_steps must be at least 1"),
        ({"batching": "truncate", "stride": 4}, "a stride has no meaning there"),
        ({"stride": 0}, "stride must be at least 1"),
        ({"jitter": float("nan")}, "jitter must be 0 or more"),
        ({"warp": float("inf")}, "warp must be 0 or more"),
        ({"mask": 1.0}, "the mask must be a share from 0 to below 1"),
        ({"schedule": "linear"}, "unknown schedule 'linear'; choose among cosine"),
        ({"precision": "float64"}, "unknown precision 'float64'; choose among float32"),
        ({"accumulate": 0}, "accumulate must be at least 1"),
        ({"decay": -1.0}, "decay must be 0 or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SETTINGS, **changes)


def test_a_panel_of_the_tests_trains_with_batches_longer_than_itself() -> None:
    chosen = replace(SETTINGS, batching="steps", batch_steps=2_000)
    crops = Sampler.of(small_panel(), chosen, CONFIG, SEASON).crops(0)
    assert int(crops.lengths.sum()) == 2_000
