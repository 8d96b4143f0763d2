"""Folds lie in time: consecutive, none overlapping, and trained on what lay before them alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.frequency import Frequency
from models.evaluation.folds import (
    FoldSettings,
    check_folds,
    check_unseen,
    folds_of,
    origins_of,
    place,
    training_panel,
)
from models.evaluation.panel import Stretch
from models.evaluation.rolling_origin import Study
from tests.conftest import HOUR, START
from tests.models.studies import FOLDS, ragged_study, study_of

windows = st.sampled_from([("expanding", None), ("sliding", None), ("sliding", 48)])


@st.composite
def studies(draw: st.DrawFn) -> Study:
    window, size = draw(windows)
    settings = FoldSettings(
        count=draw(st.integers(1, 4)),
        test_steps=draw(st.integers(6, 20)),
        stride=draw(st.integers(1, 8)),
        window=window,
        size=size,
        gap=draw(st.integers(0, 5)),
    )
    return ragged_study(draw(st.integers(0, 10_000)), settings)


@given(studies())
def test_folds_are_in_the_order_of_time_and_their_tests_meet_without_overlapping(study: Study) -> None:
    folds = study.folds
    assert [fold.number for fold in folds] == list(range(1, study.settings.count + 1))
    for fold, after in pairwise(folds):
        assert fold.end == after.cutoff
    for fold in folds:
        assert fold.end - fold.cutoff == study.settings.test_steps * HOUR
    assert folds[-1].end == study.stretches[0].times[-1] + HOUR


@given(studies())
def test_all_targets_of_a_fold_lie_between_its_cutoff_and_its_end(study: Study) -> None:
    for fold in study.folds:
        for series, first, last in origins_of(study.stretches, fold, study.config, study.settings):
            times = study.stretches[series].times
            assert times[first] < fold.cutoff <= times[first + 1]
            assert times[last + study.config.horizon] < fold.end
            assert (last - first) % study.settings.stride == 0


@given(studies())
def test_a_training_ends_before_the_gap_and_begins_where_its_window_does(study: Study) -> None:
    for fold in study.folds:
        assert fold.cutoff - fold.trained_before == study.settings.gap * HOUR
        panel = training_panel(study.stretches, fold, study.config, study.settings)
        if panel is None:
            continue
        for part, end in zip(panel.series, panel.train_end, strict=True):
            assert part.times[-1] < fold.trained_before
            assert study.config.horizon < end < len(part)
            if study.settings.size is not None:
                assert part.times[0] >= fold.trained_before - study.settings.size * HOUR


def test_an_expanding_window_is_all_that_lies_before() -> None:
    study = study_of()
    for fold in study.folds:
        panel = training_panel(study.stretches, fold, study.config, study.settings)
        assert panel is not None
        for part, whole in zip(panel.series, study.stretches, strict=True):
            np.testing.assert_array_equal(part.values, whole.values[whole.times < fold.cutoff])


def test_a_sliding_window_is_the_last_steps_and_as_long_in_every_fold() -> None:
    study = study_of(replace(FOLDS, window="sliding", size=50))
    for fold in study.folds:
        panel = training_panel(study.stretches, fold, study.config, study.settings)
        assert panel is not None
        for part, whole in zip(panel.series, study.stretches, strict=True):
            np.testing.assert_array_equal(part.values, whole.values[whole.times < fold.cutoff][-50:])


def test_a_sliding_window_without_a_size_is_what_lies_before_the_first_fold() -> None:
    study = study_of(replace(FOLDS, window="sliding", gap=4))
    assert [fold.first for fold in study.folds] == [START + step * HOUR for step in (0, 12, 24)]


def test_validation_takes_the_share_that_is_asked_for_at_least_a_horizon_at_most_a_quarter() -> None:
    for share, length, expected in ((0.2, 114, 23), (0.01, 114, 6), (0.9, 114, 28)):
        study = study_of(replace(FOLDS, validation=share), series=1)
        panel = training_panel(study.stretches, study.folds[0], study.config, study.settings)
        assert panel is not None
        assert (len(panel.series[0]), len(panel.series[0]) - panel.train_end[0]) == (length, expected)


def test_a_series_that_begins_too_late_or_has_ended_is_left_out_of_a_fold_and_of_no_other() -> None:
    long, late, ended = (study_of(series=1).stretches[0] for _ in range(3))
    late = Stretch(late.values[110:], late.times[110:])
    ended = Stretch(ended.values[:130], ended.times[:130])
    study = replace(study_of(), ids=("long", "late", "ended"), stretches=(long, late, ended))
    tested = [
        [one.series for one in origins_of(study.stretches, fold, study.config, study.settings)] for fold in study.folds
    ]
    assert tested == [[0, 2], [0], [0, 1]]


def test_months_have_their_own_grid() -> None:
    frequency = Frequency.parse("1mo")
    times = frequency.times(0, np.arange(40, dtype=np.int64))  # from January 1970
    stretch = Stretch(np.arange(40.0)[:, None], times)
    folds = folds_of([stretch], frequency, FoldSettings(count=2, test_steps=3, stride=3, gap=1))
    assert [place(stretch, fold.cutoff) for fold in folds] == [34, 37]
    assert [place(stretch, fold.trained_before) for fold in folds] == [33, 36]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": "random"}, "expected --window expanding or sliding, got 'random'"),
        ({"window": "expanding", "size": 40}, "--size is the length of a sliding window: add --window sliding"),
        ({"count": 0}, "expected --folds of at least 1, got 0"),
        ({"stride": 0}, "expected --stride of at least 1"),
        ({"gap": -1}, "expected --gap of at least 0"),
        ({"refit": False, "gap": 3}, "leave them out, or add --refit"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(FOLDS, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 11}, "fold 1 of 11, from 2014-07-01T18:00:00: expected a series with at least 24 steps .* got at"),
        ({"count": 20}, "fold 1 of 20, .* got at most 0 before it: .* fewer --folds"),
        ({"test_steps": 5}, "expected a horizon of 6 steps or more to test on in each fold, got 5"),
        ({"window": "sliding", "size": 20}, "a sliding window of at least 24 steps .* got --size 20"),
    ],
)
def test_series_too_short_for_the_folds_are_refused_with_what_to_do(changes: dict[str, Any], message: str) -> None:
    study = study_of(replace(FOLDS, **changes))
    with pytest.raises(ValueError, match=message):
        check_folds(study.stretches, study.folds, study.frequency, study.config, study.settings)


def test_series_that_take_part_in_no_fold_are_told() -> None:
    study = study_of()
    short = Stretch(study.stretches[0].values[:30], study.stretches[0].times[:30])
    stretches = (short, *study.stretches)
    assert check_folds(stretches, study.folds, study.frequency, study.config, study.settings) == [0]


def test_folds_that_the_weights_have_seen_are_named_with_the_way_out() -> None:
    study = study_of()
    check_unseen(study.folds, study.folds[0].cutoff, study.frequency)
    with pytest.raises(ValueError, match=r"folds 1, 2 of 3 would be tested .* take --folds 1, fewer --test-steps, or"):
        check_unseen(study.folds, study.folds[1].cutoff + 1, study.frequency)
    with pytest.raises(ValueError, match=r"take fewer --test-steps, or --refit"):
        check_unseen(study.folds, study.folds[2].end, study.frequency)
