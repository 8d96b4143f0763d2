"""A panel before its test: what is held out is gone, and what is known ahead still judges the validation alike."""

from __future__ import annotations

import numpy as np

from models.evaluation.panel import Panel, Stretch
from models.registry import build
from models.training.validation import Validation
from tests.conftest import HOUR, START, daily_wave, small_config
from tests.models.panels import SEASON

LENGTH, END, HORIZON = 240, 210, 6


def panel(after: float) -> Panel:
    """A target, a covariate that is known ahead and one that is not; what is held out is multiplied by `after`."""
    values = np.stack([daily_wave(LENGTH, seed=seed) for seed in range(3)], axis=1)
    values[END:, [0, 2]] *= after
    return Panel((Stretch(values, START + HOUR * np.arange(LENGTH), np.array([1.0])),), (180,), (END,))


def test_nothing_that_is_held_out_is_left_but_what_is_known_ahead() -> None:
    (alone,) = panel(1.0).before_test().series
    assert len(alone) == END
    (stretch,) = panel(1.0).before_test(HORIZON, [1]).series
    assert len(stretch) == len(stretch.times) == END + HORIZON
    assert np.isnan(stretch.values[END:, [0, 2]]).all()
    assert np.isfinite(stretch.values[END:, 1]).all()
    assert stretch.static.tolist() == [1.0]


def test_the_validation_loss_is_that_of_the_whole_panel_and_the_held_out_end_has_no_say() -> None:
    config = small_config(covariates=("known", "seen"), future=("known",), static=("kind",))
    model = build(config).eval()
    before = [panel(after).before_test(HORIZON, config.known) for after in (1.0, -7.0)]
    losses = {Validation.of(each, SEASON).loss(model) for each in (panel(1.0), *before)}
    assert len(losses) == 1
