"""A rolling-origin backtest: no fold knows its future, and the figures are those of the forecasts it wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.evaluation import rolling
from models.evaluation.baselines import BASELINES, baselines_of
from models.evaluation.fold_plots import plot_folds
from models.evaluation.folds import Fold, FoldSettings, origins_of, training_panel
from models.evaluation.forecasts import forecasts_of
from models.evaluation.ledger import BY_SERIES, FORECASTS, METRICS, PLOTS, Ledger
from models.evaluation.rolling_origin import SECONDS, Study, evaluate
from models.evaluation.scores import Scores
from models.forecaster import Forecaster
from models.training.refit import fit_of, refit
from tests.models.studies import FOLDS, TINY, changed, evaluated, ragged_study, study_of
from tests.nets import NETS, REST_ONLY

FEW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def done(study: Study, fold: Fold) -> pl.DataFrame:
    """The forecasts of one fold, by a forecaster trained for it."""
    panel = training_panel(study.stretches, fold, study.config, study.settings)
    assert panel is not None
    model, _ = refit(panel, study.config, TINY, study.season)
    origins = origins_of(study.stretches, fold, study.config, study.settings)
    stride = study.settings.stride
    return forecasts_of(model, study.stretches, study.ids, fold, origins, stride, 24, study.frequency).frame


def quantiles(frame: pl.DataFrame) -> np.ndarray:
    return frame.select(pl.col("^q0.*$")).to_numpy()


@FEW
@given(st.integers(0, 10_000), st.integers(0, 2), st.sampled_from(["expanding", "sliding"]), st.integers(0, 4))
def test_no_forecast_of_the_cutoff_depends_on_a_reading_at_or_after_it(
    seed: int, fold: int, window: str, gap: int
) -> None:
    study = ragged_study(seed, FoldSettings(count=3, test_steps=13, stride=6, window=window, gap=gap))
    chosen = study.folds[fold]
    other = changed(study, lambda times: times >= chosen.cutoff)
    before, after = done(study, chosen), done(other, chosen)
    at_cutoff = pl.col("origin") < pl.col("cutoff")
    np.testing.assert_array_equal(quantiles(before.filter(at_cutoff)), quantiles(after.filter(at_cutoff)))
    assert before["scale"].equals(after["scale"])
    assert not np.array_equal(quantiles(before.filter(~at_cutoff)), quantiles(after.filter(~at_cutoff)))


@FEW
@given(st.integers(0, 10_000), st.integers(0, 2))
def test_a_gap_is_not_trained_on(seed: int, fold: int) -> None:
    study = ragged_study(seed, FoldSettings(count=3, test_steps=13, stride=6, gap=4))
    chosen = study.folds[fold]
    panels = [
        training_panel(data.stretches, chosen, study.config, study.settings)
        for data in (study, changed(study, lambda times: times >= chosen.trained_before))
    ]
    for one, other in zip(*(panel.series for panel in panels if panel is not None), strict=True):
        np.testing.assert_array_equal(one.values, other.values)


@FEW
@given(st.integers(0, 10_000), st.integers(0, 2))
def test_a_sliding_window_has_forgotten_what_lies_before_it(seed: int, fold: int) -> None:
    study = ragged_study(seed, FoldSettings(count=3, test_steps=12, stride=6, window="sliding", size=60))
    chosen = study.folds[fold]
    assert chosen.first is not None
    other = changed(study, lambda times: times < chosen.first)
    np.testing.assert_array_equal(quantiles(done(study, chosen)), quantiles(done(other, chosen)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path, Scores]:
    """A finished evaluation; tests do not change it."""
    path = tmp_path_factory.mktemp("evaluations") / "whole"
    study = study_of(series=3)
    return study, path, evaluated(study, path)


def mean_error(frame: pl.DataFrame, column: str) -> float:
    """The MASE by its definition: the mean over series and folds of their mean scaled errors."""
    error = ((pl.col("y") - pl.col(column)).abs() / pl.col("scale")).alias("error")
    found = frame.select("unique_id", "fold", error).group_by("unique_id", "fold").mean()["error"].mean()
    assert isinstance(found, float)
    return found


@pytest.mark.parametrize(("name", "column"), [("gatecast", "q0.5"), ("4", "naive_4"), ("24", "naive_24")])
def test_the_metrics_are_the_errors_of_the_forecasts_written(
    whole: tuple[Study, Path, Scores], name: str, column: str
) -> None:
    study, path, _ = whole
    frame = pl.read_parquet(path / FORECASTS)
    metrics = json.loads((path / METRICS).read_text())

    def of(entry: dict[str, Any]) -> dict[str, float]:
        found: dict[str, float] = entry["gatecast"] if name == "gatecast" else entry["seasonal_naive"][name]
        return found

    assert of(metrics["overall"])["mase"] == pytest.approx(mean_error(frame, column))
    for entry in metrics["by_fold"]:
        part = frame.filter(fold=entry["fold"])
        assert of(entry)["mase"] == pytest.approx(mean_error(part, column))
        assert of(entry)["targets"] == part["y"].count()
    for entry in metrics["by_horizon"]:
        assert of(entry)["mase"] == pytest.approx(mean_error(frame.filter(h=entry["h"]), column))
    for series in study.ids:
        part = frame.filter(unique_id=series)
        assert of(metrics["by_series"][series])["mase"] == pytest.approx(mean_error(part, column))
    distance = 200 * (pl.col("y") - pl.col(column)).abs() / (pl.col("y").abs() + pl.col(column).abs())
    assert of(metrics["overall"])["smape"] == pytest.approx(frame.select(distance.mean()).item())


def test_coverage_and_calibration_are_those_of_the_forecasts_written(whole: tuple[Study, Path, Scores]) -> None:
    _, path, _ = whole
    frame = pl.read_parquet(path / FORECASTS).drop_nulls("y")
    metrics = json.loads((path / METRICS).read_text())
    inside = frame.select(pl.col("y").is_between(pl.col("q0.1"), pl.col("q0.9")).mean()).item()
    assert metrics["overall"]["gatecast"]["coverage_80"] == pytest.approx(inside)
    for entry in metrics["calibration"]:
        below = frame.select((pl.col("y") <= pl.col(f"q{entry['level']:g}")).mean()).item()
        assert entry["observed"] == pytest.approx(below)


@pytest.mark.parametrize("name", BASELINES)
def test_simple_baselines_are_scored_on_the_very_targets_of_the_forecasts(
    whole: tuple[Study, Path, Scores], name: str
) -> None:
    study, path, _ = whole
    frame = pl.read_parquet(path / FORECASTS).with_columns(at=pl.col("origin").dt.epoch("s"))
    forecast = baselines_of(study.config.lags)[name].forecast
    parts = []
    for series, stretch in zip(study.ids, study.stretches, strict=True):
        part = frame.filter(unique_id=series)
        origins = np.searchsorted(stretch.times, part.filter(h=1)["at"].to_numpy())
        made = forecast(stretch.values[:, 0], origins, study.config.horizon).reshape(-1)
        parts.append(part.with_columns(simple=pl.Series(made)))
    table = pl.concat(parts)
    metrics = json.loads((path / METRICS).read_text())
    found = metrics["overall"]["baselines"][name]
    assert found["targets"] == metrics["overall"]["gatecast"]["targets"]
    assert found["mase"] == pytest.approx(mean_error(table, "simple"))
    for entry in metrics["by_fold"]:
        part = table.filter(fold=entry["fold"])
        assert entry["baselines"][name]["mase"] == pytest.approx(mean_error(part, "simple"))


def test_each_fold_has_a_calibration_of_its_own(whole: tuple[Study, Path, Scores]) -> None:
    _, path, _ = whole
    frame = pl.read_parquet(path / FORECASTS).drop_nulls("y")
    for fold in json.loads((path / METRICS).read_text())["by_fold"]:
        part = frame.filter(fold=fold["fold"])
        for entry in fold["calibration"]:
            below = part.select((pl.col("y") <= pl.col(f"q{entry['level']:g}")).mean()).item()
            assert entry["observed"] == pytest.approx(below)


def test_how_long_a_fold_took_is_noted_and_no_part_of_the_metrics(tmp_path: Path) -> None:
    study = study_of(replace(FOLDS, count=1))
    ledger = Ledger(tmp_path / "run", study.identity, study.config)
    ledger.open(resume=False, replace=False)
    readings = iter([10.0, 14.0, 15.5])
    evaluate(study, ledger, fit_of(study, TINY, None), clock=lambda: next(readings))
    assert ledger.notes(1)[SECONDS] == {"training": 4.0, "forecasting": 1.5}
    assert SECONDS not in json.loads((ledger.path / METRICS).read_text())["by_fold"][0]["training"]


def test_the_table_of_series_is_what_the_metrics_say(whole: tuple[Study, Path, Scores]) -> None:
    study, path, _ = whole
    table = pl.read_parquet(path / BY_SERIES)
    metrics = json.loads((path / METRICS).read_text())["by_series"]
    assert table.height == 7 * len(study.ids)
    assert set(table["forecaster"]) == {"gatecast", "naive_4", "naive_24", *BASELINES}
    for row in table.filter(forecaster="gatecast").to_dicts():
        assert row["mase"] == metrics[row["unique_id"]]["gatecast"]["mase"]


def test_every_reading_of_the_tests_is_a_target_once_at_its_own_time(whole: tuple[Study, Path, Scores]) -> None:
    study, path, _ = whole
    frame = pl.read_parquet(path / FORECASTS).with_columns(at=pl.col("ds").dt.epoch("s"))
    for name, stretch in zip(study.ids, study.stretches, strict=True):
        part = frame.filter(unique_id=name)
        assert part["at"].to_list() == stretch.times[stretch.times >= study.folds[0].cutoff].tolist()
        expected = stretch.values[stretch.times >= study.folds[0].cutoff, 0]
        np.testing.assert_array_equal(part["y"].fill_null(float("nan")).to_numpy(), expected)
    assert frame.select(((pl.col("ds") - pl.col("origin")).dt.total_hours() == pl.col("h")).all()).item()


def test_the_forecasts_are_those_of_a_stream_that_read_the_series(forecaster: Forecaster) -> None:
    study = replace(study_of(series=1), config=forecaster.config)
    fold = study.folds[1]
    origins = origins_of(study.stretches, fold, study.config, study.settings)
    frame = forecasts_of(forecaster, study.stretches, study.ids, fold, origins, 6, 24, study.frequency).frame
    stretch = study.stretches[0]
    state = forecaster.initial().unsqueeze(0)
    values, times = torch.from_numpy(stretch.values), torch.from_numpy(stretch.times)
    with torch.no_grad():
        for at in range(origins[0].last + 1):
            expected, state, _ = forecaster.step(values[at : at + 1], times[at : at + 1], state)
    np.testing.assert_allclose(quantiles(frame)[-6:], expected[0], atol=1e-3)


@pytest.mark.parametrize("stride", [1, 5, 6])
def test_every_origin_of_the_stride_is_forecast_however_the_rolling_is_cut(
    forecaster: Forecaster, monkeypatch: pytest.MonkeyPatch, stride: int
) -> None:
    study = replace(study_of(), config=forecaster.config)
    fold = replace(study.folds[0], end=study.folds[2].end)
    origins = origins_of(study.stretches, fold, study.config, replace(FOLDS, stride=stride))
    frames = []
    for numbers in (4_000_000, 300, 1):  # in one piece, in pieces of some origins, one by one
        monkeypatch.setattr(rolling, "NUMBERS", numbers)
        frames.append(
            forecasts_of(forecaster, study.stretches, study.ids, fold, origins, stride, 24, study.frequency).frame
        )
    places = [
        (at - fold.cutoff) // 3_600 + 1 for at in frames[0].filter(h=1, unique_id="north")["origin"].dt.epoch("s")
    ]
    assert places == list(range(0, 36 - 6 + 1, stride))
    for frame in frames[1:]:
        np.testing.assert_allclose(quantiles(frame), quantiles(frames[0]), rtol=1e-6)


@pytest.mark.parametrize("name", REST_ONLY)
def test_a_model_that_does_not_stream_has_each_origin_as_a_history_of_its_own(name: str) -> None:
    study = study_of(replace(FOLDS, stride=5, test_steps=18))
    study = replace(study, config=replace(study.config, **NETS[name]))
    panel = training_panel(study.stretches, study.folds[2], study.config, study.settings)
    assert panel is not None
    model, _ = refit(panel, study.config, TINY, study.season)
    assert not model.streams
    (alone, *_) = origins = origins_of(study.stretches, study.folds[2], study.config, study.settings)
    frame = forecasts_of(model, study.stretches, study.ids, study.folds[2], origins, 5, 24, study.frequency).frame
    pieces = rolling.roll(model, [rolling.Span(study.stretches[0], alone.first, alone.last)])
    expected = {piece.first: piece.in_units()[-1].numpy() for piece in pieces}
    for row, origin in enumerate(range(alone.first, alone.last + 1, 5)):
        found = quantiles(frame.filter(unique_id="north"))[6 * row : 6 * row + 6]
        np.testing.assert_allclose(found, expected[origin], atol=1e-3)


def test_without_refit_all_folds_take_the_weights_given(forecaster: Forecaster, tmp_path: Path) -> None:
    study = replace(study_of(replace(FOLDS, refit=False)), config=forecaster.config)
    ledger = Ledger(tmp_path / "run", study.identity, study.config)
    ledger.open(resume=False, replace=False)
    taken: list[Any] = []

    def fit(fold: Fold, panel: Any) -> Any:
        taken.append(panel)
        return fit_of(study, TINY, forecaster)(fold, panel)

    scores = evaluate(study, ledger, fit)
    assert taken == [None] * 3
    assert scores.overall().ours.metrics.targets > 0


@pytest.mark.parametrize("series", [1, 3])
def test_all_pictures_are_drawn(series: int, tmp_path: Path) -> None:
    study = study_of(replace(FOLDS, stride=4, count=2), series=series)
    scores = evaluated(study, tmp_path / "run")
    ledger = Ledger(tmp_path / "run", study.identity, study.config)
    plot_folds(study, scores, ledger.read, ledger.path)
    for name in PLOTS:
        assert (ledger.path / name).read_bytes().startswith(b"\x89PNG")


def test_a_series_that_never_changes_spoils_no_figure(tmp_path: Path) -> None:
    study = study_of(replace(FOLDS, count=2))
    flat = replace(study.stretches[1], values=np.full_like(study.stretches[1].values, 7.0))
    study = replace(study, stretches=(study.stretches[0], flat))
    scores = evaluated(study, tmp_path / "run")
    metrics = scores.to_dict()
    assert metrics["by_series"]["south"]["gatecast"]["mase"] is None
    assert metrics["overall"]["gatecast"]["mase"] == metrics["by_series"]["north"]["gatecast"]["mase"]
    ledger = Ledger(tmp_path / "run", study.identity, study.config)
    plot_folds(study, scores, ledger.read, ledger.path)
