"""From `models` and `export` one gets what the commands give; the script in docs/ runs as it stands."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import export
import models
from commands.main import app
from datasets.reader import read_table
from datasets.split import split
from export import Description
from models import Fitted, TrainingSettings, fit
from models.training.run import Run
from service.bundle import Bundle
from service.runtimes import open_runtime
from tests.conftest import daily_wave

SCRIPT = Path(__file__).parents[1] / "docs" / "library.py"
SETTINGS = TrainingSettings(steps=6, batch=4)


def test_the_script_is_under_thirty_lines() -> None:
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip() and not line.startswith("#")]) < 30
    assert sum(line.startswith("# %%") for line in lines) == 4


@pytest.mark.timeout(300)
def test_the_script_trains_exports_and_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    left = runpy.run_path(str(SCRIPT))
    first, *lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"MASE on the held-out end: \d\.\d{3}", first)
    assert len(lines) == 96
    assert lines[0].startswith("2015-01-30T00:00:00: forecast ")
    assert re.search(r"reading +\d+$", lines[0])
    # What it streamed is what the whole series gives at once.
    bundle = Bundle.open(tmp_path / "taxi.bundle")
    values, times = left["values"][None], left["times"][None]
    length = np.array([values.shape[1]])
    whole, _ = open_runtime("onnx", bundle).sequence(values, times, length, bundle.initial[None])
    np.testing.assert_allclose(left["forecast"], whole, rtol=1e-4)
    assert bundle.manifest.metrics["test"] == left["fitted"].metrics["test"]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Fitted]:
    """The same training, once as a command and once as a library."""
    folder = tmp_path_factory.mktemp("both")
    hours = np.datetime64("2014-07-01T00:00:00") + np.arange(300).astype("timedelta64[h]")
    rows = [f"{hour},{value:.3f},{value % 7:.3f}" for hour, value in zip(hours, daily_wave(300), strict=True)]
    (folder / "meter.csv").write_text("\n".join(["ds,y,wind", *rows]) + "\n", encoding="utf-8")
    words = ["train", str(folder / "meter.csv"), "--horizon", "6", "--out", str(folder / "run"), "--steps", "6"]
    words += ["--batch", "4", "--hidden", "8", "--layers", "1", "--lags", "24", "--future", "wind"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    table = read_table(folder / "meter.csv", future=["wind"])
    fitted = fit(table, split(table, 6), 6, SETTINGS, hidden=8, layers=1, lags=(24,))
    return Run.open(folder / "run"), fitted


def test_a_forecaster_trained_in_memory_is_that_of_the_command_to_the_bit(both: tuple[Run, Fitted]) -> None:
    run, fitted = both
    there, here = run.forecaster().state_dict(), fitted.forecaster.state_dict()
    assert fitted.forecaster.config == run.config
    assert there.keys() == here.keys()
    assert all(there[name].equal(here[name]) for name in there)


def test_a_bundle_says_the_same_of_it(both: tuple[Run, Fitted]) -> None:
    run, fitted = both
    there = asdict(Description.of("meter", run.data, run.settings, run.metrics()))
    here = asdict(Description.of("meter", fitted.data, fitted.settings, fitted.metrics))
    for each in (there, here):
        assert each["training"]["outcome"].pop("seconds") > 0
    assert here == there
    kept = [(start, values.tolist()) for start, values, _ in run.stretches()]
    assert [(int(one.times[0]), one.values.tolist()) for one in fitted.stretches] == kept


def test_every_step_can_be_watched_and_short_series_are_refused(tmp_path: Path) -> None:
    rows = [f"2014-07-{1 + hour // 24:02}T{hour % 24:02}:00:00,{hour % 5}" for hour in range(60)]
    (tmp_path / "short.csv").write_text("\n".join(["ds,y", *rows]) + "\n", encoding="utf-8")
    table = read_table(tmp_path / "short.csv")
    seen: list[int] = []
    settings = TrainingSettings(steps=3, batch=2, shortest=8, longest=16)
    small = {"hidden": 4, "layers": 1}
    fit(table, split(table, 2), 2, settings, observe=lambda record: seen.append(record.step), lags=(24,), **small)
    assert seen == [1, 2, 3]
    with pytest.raises(ValueError, match="at least one context of 168 steps in one series, the longest has 60"):
        fit(table, split(table, 2), 2, settings, **small)


@pytest.mark.parametrize("package", [models, export])
def test_a_package_offers_what_it_lists(package: object) -> None:
    for name in package.__all__:  # type: ignore[attr-defined]
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="offers"):
        _ = package.nonsense  # type: ignore[attr-defined]


def test_the_library_is_imported_when_it_is_asked_for() -> None:
    code = "import models, export, sys; assert 'torch' not in sys.modules; from models import Forecaster; import torch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
