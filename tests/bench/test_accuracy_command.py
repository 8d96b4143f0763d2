"""The command trains, streams, keeps, goes on and reports; the race stops its clock for every look."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from bench.accuracy import __main__ as command
from bench.accuracy import ours, race
from bench.accuracy.kept import FILE
from bench.accuracy.measures import COVERS_80, COVERS_95, MASE, MSE
from bench.accuracy.race import Lap
from bench.accuracy.registry import SETS
from bench.accuracy.score import Score
from datasets.reader import read_table
from datasets.split import split
from models.config import ForecasterConfig
from models.evaluation.panel import Panel
from models.registry import build
from models.training.fitted import fit
from tests.bench.small_protocol import FEW, HORIZON, VALIDATION, small_protocol


@pytest.fixture(autouse=True)
def small_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETS, "small", partial(small_protocol, every=4))
    monkeypatch.setattr(ours, "TrainingSettings", lambda: FEW)


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["accuracy", "--sets", "small", "--threads", "1", *arguments])
    command.main()
    return capsys.readouterr().out


def test_forecasts_are_those_of_a_stream_that_takes_a_reading_a_step() -> None:
    torch.manual_seed(0)
    model = build(ForecasterConfig("6h", 3, (4, 28), hidden=8)).eval()
    stretch = small_protocol().panel.series[1]
    wanted = np.array([171, 174, 190])
    ((_, origins, found),) = ours.streamed(model, [stretch], (wanted,))
    assert origins.tolist() == wanted.tolist()
    state, said = model.initial().unsqueeze(0), []
    with torch.no_grad():
        for at in range(191):
            values, times = torch.from_numpy(stretch.values[at : at + 1]), torch.from_numpy(stretch.times[at : at + 1])
            quantiles, state, _ = model.step(values, times, state)
            said.append(quantiles[0].numpy())
    assert found == pytest.approx(np.stack([said[at] for at in wanted]), rel=1e-5)


def test_a_result_has_all_figures_and_is_the_same_for_the_same_seed() -> None:
    protocol = small_protocol(every=4)
    one, again, other = (ours.measured(protocol, ours.settings_of(None, seed), 1, Console()) for seed in (0, 0, 1))
    assert one.figures == again.figures != other.figures
    assert one.digest == other.digest
    assert {name for name, value in one.figures.items() if value is None} == {"OWA"}
    assert set(one.coverage) == {COVERS_80, COVERS_95}
    assert one.thinned is not None
    assert one.thinned[MASE] != one.figures[MASE]
    assert "the m" in one.told


def test_a_model_is_to_the_bit_what_training_makes_of_the_same_table(tmp_path: Path) -> None:
    stretch = small_protocol().panel.series[0]
    times = np.datetime_as_string(stretch.times.astype("datetime64[s]"))
    rows = [f"{time},{value!r}" for time, value in zip(times, stretch.values[:, 0].tolist(), strict=True)]
    (tmp_path / "table.csv").write_text("\n".join(["ds,y", *rows]), encoding="utf-8")
    table = read_table(tmp_path / "table.csv")
    parts = split(table, HORIZON)
    panel = Panel.of(table, parts)
    ends = tuple(parts.validation_end.tolist())
    origins = tuple(np.arange(end - 1, len(series) - HORIZON) for end, series in zip(ends, panel.series, strict=True))
    protocol = small_protocol(
        1, panel=panel, origins=origins, learned=ends, frequency=table.frequency, season=4, deviations=None
    )  # fmt: skip
    found = ours.measured(protocol, FEW, 1, Console())
    trained = fit(table, parts, HORIZON, FEW)
    score = Score(protocol, trained.forecaster.config.quantiles)
    for piece in ours.streamed(trained.forecaster, panel.series, origins):
        score.add(*piece)
    assert found.figures == score.figures


def test_the_point_is_chosen_without_a_look_at_the_test_part() -> None:
    torch.manual_seed(0)
    protocol = small_protocol()
    model = build(protocol.config).eval()
    before = ours.chosen_point(model, protocol)
    for stretch in protocol.panel.series:
        stretch.values[VALIDATION:] = np.nan
    assert ours.chosen_point(model, protocol) == before


def test_seeds_taken_one_by_one_are_put_together_and_nothing_is_trained_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = partial(run, monkeypatch, capsys, "--keep", str(tmp_path))
    assert "nothing is kept" in asked("--report")
    asked("--seeds", "0")
    asked("--seeds", "1")
    before = (tmp_path / FILE).read_text()
    said = asked("--seeds", "0", "1")
    assert (tmp_path / FILE).read_text() == before
    assert len(before.splitlines()) == 2
    for words in ("seed 0 |", "seed 1 |", "median of 2 seeds", "Not asked here: AutoETS"):
        assert words in said
    assert asked("--seeds", "0", "1", "--report").splitlines()[1:] == said.splitlines()[1:]


def test_a_report_needs_what_was_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="name its folder"):
        run(monkeypatch, capsys, "--report")


def test_the_race_ends_when_the_goal_is_reached_and_looks_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = iter([2.0, 0.8, 0.7])
    monkeypatch.setattr(race, "error_of", lambda *_: next(errors))
    laps = race.ours_raced(small_protocol(), ours.settings_of(6), every=2)
    assert [(lap.step, lap.error) for lap in laps] == [(2, 2.0), (4, 0.8)]
    assert laps[0].seconds < laps[1].seconds
    assert 0 < laps[0].processor < laps[1].processor


def test_the_race_is_a_table_with_a_row_for_each_and_a_peer_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("GATECAST_PEERS", str(tmp_path / "file"))  # so its environment cannot be made
    monkeypatch.setitem(SETS, race.SET, small_protocol)
    monkeypatch.setattr(sys, "argv", ["race", "--threads", "1", "--every", "2"])
    race.main()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {7}
    assert lines[2].startswith("| **Gatecast** |")
    assert "could not be measured" in lines[3]


def test_a_look_measures_the_weights_as_they_are() -> None:
    torch.manual_seed(0)
    protocol = small_protocol()
    model = build(protocol.config)
    first = race.error_of(model, protocol)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(0.5)
    assert race.error_of(model, protocol) != first
    assert model.training


def test_laps_of_a_peer_are_measured_by_our_own_measure() -> None:
    protocol = small_protocol()
    ahead = np.arange(1, protocol.horizon + 1)
    right = np.concatenate(
        [
            stretch.values[at[:, None] + ahead, 0]
            for stretch, at in zip(protocol.panel.series, protocol.origins, strict=True)
        ]
    )
    laps = race.peer_laps(protocol, [5, 10], [1.0, 2.0], [0.5, 1.0], np.stack([right + 3, right]))
    assert [lap.error for lap in laps] == [pytest.approx(laps[0].error), 0]
    assert laps[0].error > 0


@pytest.mark.parametrize(
    ("errors", "cells"), [((2.0, 0.85, 0.8), ["10", "4", "2"]), ((2.0, 0.95, 0.91), ["not reached", "> 6", "> 3"])]
)
def test_a_row_says_when_the_goal_was_reached_or_that_it_was_not(errors: tuple[float, ...], cells: list[str]) -> None:
    laps = [Lap(5 * (at + 1), 2.0 * (at + 1), 1.0 + at, error) for at, error in enumerate(errors)]
    assert race.row("Peer", laps)[1:4] == cells
    assert MSE not in race.row("Peer", laps)
