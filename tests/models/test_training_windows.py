"""Crops: ragged, from the training part alone, and the same again for the same seed and step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.panel import Panel, Stretch
from models.training.settings import TrainingSettings
from models.training.windows import Crops, Sampler, units_of
from models.transform import Transform
from tests.conftest import HOUR, START, small_config
from tests.models.panels import SEASON, SETTINGS, small_panel

CONFIG = small_config()
WINDOW, HORIZON = CONFIG.window, CONFIG.horizon
COUNT = np.arange(10_000.0)


def counting_panel(lengths: list[int], held_out: int = 10) -> Panel:
    """Series whose readings are their own places, so that a crop shows where it is from."""
    stretches = tuple(Stretch(COUNT[:length, None], START + HOUR * np.arange(length)) for length in lengths)
    return Panel(stretches, tuple(n - 2 * held_out for n in lengths), tuple(n - held_out for n in lengths))


def crops_of(panel: Panel, settings: TrainingSettings, step: int = 0) -> Crops:
    return Sampler.of(panel, settings, CONFIG, SEASON).crops(step)


@settings(max_examples=40, deadline=None)
@given(st.integers(22, 200), st.integers(0, 10_000), st.integers(0, 5))
def test_a_crop_lies_in_the_training_part_and_its_targets_too(length: int, step: int, seed: int) -> None:
    panel = counting_panel([length, 60])
    crops = crops_of(panel, replace(SETTINGS, seed=seed), step)
    end = max(panel.train_end)
    for row, count in enumerate(crops.lengths.tolist()):
        values, future = crops.values[row, :, 0], crops.future[row]
        first = int(values[0])
        assert count >= 1
        assert torch.equal(values[:count], torch.from_numpy(COUNT[first : first + count]))
        assert torch.isnan(values[count:]).all()
        assert values[count - 1] <= end - 2  # one target at least
        known = future[~torch.isnan(future)]
        assert torch.equal(known, torch.from_numpy(COUNT[first + 1 : first + 1 + len(known)]))
        assert known.max() < end
        assert torch.equal(crops.times[row, :count], torch.from_numpy(START + HOUR * np.arange(first, first + count)))


def test_targets_go_on_to_the_training_end() -> None:
    panel = counting_panel([120])
    seen: set[float] = set()
    for step in range(60):
        crops = crops_of(panel, SETTINGS, step)
        seen |= set(crops.future[~torch.isnan(crops.future)].tolist())
    assert seen == set(range(1, panel.train_end[0]))


def test_a_primed_crop_knows_the_readings_before_it() -> None:
    crops = crops_of(counting_panel([200]), replace(SETTINGS, primed=1.0), step=3)
    for row in range(len(crops.lengths)):
        first = int(crops.values[row, 0, 0])
        known = min(first, WINDOW)
        before = crops.before[row, :, 0]
        assert torch.equal(before[WINDOW - known :], torch.from_numpy(COUNT[first - known : first]))
        assert torch.isnan(before[: WINDOW - known]).all()


def test_a_cold_crop_knows_nothing() -> None:
    crops = crops_of(counting_panel([200]), replace(SETTINGS, primed=0.0))
    assert torch.isnan(crops.before).all()


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    panel = small_panel()
    first = Sampler.of(panel, SETTINGS, CONFIG, SEASON)
    first.crops(0)
    again = crops_of(panel, SETTINGS, step=7)
    for a, b in zip(first.crops(7), again, strict=True):
        assert a is b is None or torch.equal(a.nan_to_num(), b.nan_to_num())
    other_step, other_seed = crops_of(panel, SETTINGS, 8), crops_of(panel, replace(SETTINGS, seed=1), 7)
    assert other_step.values.shape != again.values.shape or not torch.equal(other_step.values, again.values)
    assert other_seed.values.shape != again.values.shape or not torch.equal(other_seed.values, again.values)


def test_rows_are_sorted_from_the_longest() -> None:
    lengths = crops_of(small_panel(), SETTINGS, step=2).lengths
    assert lengths.tolist() == sorted(lengths.tolist(), reverse=True)


def test_a_long_series_is_seen_as_often_as_it_has_readings() -> None:
    sampler = Sampler.of(counting_panel([60, 420]), SETTINGS, CONFIG, SEASON)
    assert sampler.shares.tolist() == [40 / 440, 400 / 440]


def test_errors_are_weighed_in_seasonal_scales_of_the_training_part() -> None:
    panel = counting_panel([100])
    panel.series[0].values.flags.writeable = True
    assert units_of(panel, SEASON).tolist() == [24.0]


def test_a_constant_series_has_a_unit_of_one() -> None:
    flat = Stretch(np.ones((100, 1)), START + HOUR * np.arange(100))
    assert units_of(Panel((flat,), (80,), (90,)), SEASON).tolist() == [1.0]


def test_under_a_logarithm_a_steady_series_counts_for_more_than_a_wild_one_but_not_by_all_of_their_ratio() -> None:
    wild, steady = (np.exp(size * np.sin(np.arange(120.0))) for size in (2.0, 0.02))
    stretches = tuple(Stretch(values[:, None], np.arange(120)) for values in (wild, steady))
    panel = Panel(stretches, (80, 80), (100, 100))
    own = [np.abs(np.log(values[24:80] / values[: 80 - 24])).mean() for values in (wild, steady)]
    units = units_of(panel, SEASON, Transform(1e-9))
    expected = [2 / (1 / each + 2 / sum(own)) for each in own]
    np.testing.assert_allclose(units, expected, rtol=1e-6)
    assert 1 < units[0] / units[1] < own[0] / own[1]
