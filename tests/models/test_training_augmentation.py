"""Augmentation: what each does to inputs and targets, and that it comes from the step's own generator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.panel import Panel, Stretch
from models.training.augmentation import jitter, mask, warp_time
from models.training.settings import TrainingSettings
from models.training.windows import Crops, Sampler
from tests.conftest import HOUR, START, small_config
from tests.models.panels import SEASON, SETTINGS, small_panel, small_training

CONFIG = small_config()
WINDOW, HORIZON = CONFIG.window, CONFIG.horizon
EACH = [{"jitter": 0.1}, {"warp": 0.1}, {"mask": 0.2}, {"stride": 5}]


def crops_of(chosen: TrainingSettings, step: int = 3, panel: Panel | None = None) -> Crops:
    return Sampler.of(panel or small_panel(), chosen, CONFIG, SEASON).crops(step)


@pytest.mark.parametrize("changes", EACH)
def test_augmented_batches_depend_on_seed_and_step_alone(changes: dict[str, float]) -> None:
    chosen = replace(SETTINGS, **changes)
    plain, one, again = crops_of(SETTINGS), crops_of(chosen), crops_of(chosen)
    for a, b in zip(one, again, strict=True):
        assert a is b is None or torch.equal(a.nan_to_num(), b.nan_to_num())
    assert not torch.equal(one.values.nan_to_num(), plain.values.nan_to_num())
    assert torch.equal(one.lengths, plain.lengths)  # it draws last: the rows are those that they would be


@pytest.mark.parametrize("changes", [{"jitter": 0.1}, {"mask": 0.2}])
def test_noise_and_masks_leave_targets_and_times_alone(changes: dict[str, float]) -> None:
    plain, augmented = crops_of(SETTINGS), crops_of(replace(SETTINGS, **changes))
    assert torch.equal(plain.future.nan_to_num(), augmented.future.nan_to_num())
    assert torch.equal(plain.times, augmented.times)
    assert torch.equal(plain.unit, augmented.unit)


def test_the_readings_of_the_panel_are_left_as_they_are() -> None:
    panel = small_panel()
    before = [stretch.values.copy() for stretch in panel.series]
    for step in range(5):
        crops_of(replace(SETTINGS, jitter=0.5, warp=0.5, mask=0.5), step, panel)
    for stretch, values in zip(panel.series, before, strict=True):
        assert np.array_equal(stretch.values, values)


def test_jitter_is_a_share_of_each_crops_and_columns_own_deviation() -> None:
    random = np.random.default_rng(0)
    scales = np.array([[1.0, 100.0], [10.0, 0.0]])[:, None, :]  # by row and column
    before, values = (scales * random.normal(size=(2, n, 2)) + 1e3 for n in (300, 700))
    values[0, 5], values[1, 600:] = np.nan, np.nan
    noisy_before, noisy = before.copy(), values.copy()
    jitter(random, 0.05, noisy_before, noisy)
    for plain, shown in ((before, noisy_before), (values, noisy)):
        assert np.array_equal(np.isnan(plain), np.isnan(shown))
        found = np.nanstd(shown - plain, axis=1)
        assert found == pytest.approx(0.05 * scales[:, 0], rel=0.15)


def test_a_crop_of_which_nothing_is_known_stays_unknown() -> None:
    before, values = np.full((1, 24, 1), np.nan), np.full((1, 8, 1), np.nan)
    jitter(np.random.default_rng(0), 0.5, before, values)
    assert np.isnan(before).all()
    assert np.isnan(values).all()


def test_a_mask_hides_its_share_of_what_is_shown() -> None:
    before, values = np.zeros((20, 50, 2)), np.zeros((20, 100, 2))
    mask(np.random.default_rng(0), 0.3, before, values)
    for shown in (before, values):
        assert np.isnan(shown).mean() == pytest.approx(0.3, abs=0.03)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 400), st.floats(0.01, 1.0), st.integers(0, 1000))
def test_warped_time_rises_from_the_first_reading_to_the_last(count: int, strength: float, seed: int) -> None:
    grid = np.arange(float(count))[:, None]  # its values are the places that were read
    warped = warp_time(np.random.default_rng(seed), strength, grid)[:, 0]
    assert warped.shape == (count,)
    assert warped[0] == 0
    assert warped[-1] == count - 1
    assert (np.diff(warped) > 0).all()


def test_warped_time_is_smooth_and_moves_as_far_as_its_strength_says() -> None:
    grid = np.arange(500.0)[:, None]
    farthest = []
    for seed in range(200):
        warped = warp_time(np.random.default_rng(seed), 0.1, grid)[:, 0]
        assert np.abs(np.diff(warped, 2)).max() < 0.01  # of a step, from one speed to the next
        farthest.append(np.abs(warped - grid[:, 0]).max())
    assert np.median(farthest) == pytest.approx(0.2 * 0.1 * 500, rel=0.2)


def test_a_missing_reading_stays_missing_and_spreads_no_further_than_beside_it() -> None:
    values = np.arange(100.0)[:, None]
    values[40] = np.nan
    warped = warp_time(np.random.default_rng(0), 0.05, values)
    assert 1 <= np.isnan(warped).sum() <= 4


def test_the_future_follows_the_same_warped_time_as_the_past() -> None:
    length = 300
    panel = Panel((Stretch(np.arange(float(length))[:, None], START + HOUR * np.arange(length)),), (280,), (290,))
    chosen = replace(SETTINGS, warp=0.3, primed=1.0)
    for step in range(20):
        plain, warped = crops_of(replace(chosen, warp=0.0), step, panel), crops_of(chosen, step, panel)
        assert torch.equal(plain.times, warped.times)
        assert torch.equal(torch.isnan(plain.future), torch.isnan(warped.future))
        for row, count in enumerate(warped.lengths.tolist()):
            values, future = warped.values[row, :count, 0], warped.future[row]
            assert torch.equal(future[: count - 1], values[1:])  # one series, not two
            path = torch.cat([warped.before[row, :, 0], values, future[count - 1 :]])
            path = path[~torch.isnan(path)]
            assert (path.diff() > 0).all()
            assert path[-1] <= 279  # nothing from behind the training end
        assert not torch.equal(plain.values.nan_to_num(), warped.values.nan_to_num())


def test_a_run_with_all_of_it_goes_on_after_a_stop_as_if_never_stopped() -> None:
    chosen = replace(SETTINGS, steps=12, stride=3, jitter=0.05, warp=0.05, mask=0.1)
    whole, stopped, resumed = (small_training(chosen) for _ in range(3))
    whole.run(lambda _: None, lambda _: None)
    saved: list = []
    stopped.run(lambda _: None, saved.append, lambda: stopped.place.step == 8)
    resumed.restore(saved[-1])
    resumed.run(lambda _: None, lambda _: None)
    for a, b in zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)
