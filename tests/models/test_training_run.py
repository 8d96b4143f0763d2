"""A whole run: what its folder holds, and that a run that was killed goes on to the same weights."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from models.evaluation.panel import Panel
from models.training.checkpoint import Place, ResumeError, load_checkpoint, save_checkpoint
from models.training.interrupt import interruptible
from models.training.loop import Record
from models.training.progress import ProgressView
from models.training.run import CONFIG, LOG, METRICS, RESUME, STRETCHES, WEIGHTS, Run, RunError
from models.training.trainer import covariate_statistics, golden_stretches, train
from tests.models.panels import SETTINGS, Signalling, small_panel, small_run, small_training
from tests.models.runs import as_the_first_version_left_it

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run; tests do not change it."""
    run = small_run(tmp_path_factory.mktemp("runs") / "whole")
    train(small_panel(), run, Console(quiet=True))
    return run


def stopped_run(path: Path, step: int, **changes: object) -> Run:
    """A run folder as a kill after `step` leaves it: with the last checkpoint and a log that is ahead of it."""
    run = small_run(path)
    run = replace(run, config=replace(run.config, **changes))  # type: ignore[arg-type]
    training = small_training(**changes)
    run.start()
    run.write_stretches(golden_stretches(small_panel(), run.config.window))

    def save(checkpoint: object) -> None:
        save_checkpoint(replace(checkpoint, run=run.identity), run.path / RESUME)  # type: ignore[type-var]

    with (run.path / LOG).open("w") as log:

        def observe(record: Record) -> None:
            log.write(json.dumps(record.to_dict()) + "\n")

        training.run(observe, save, lambda: training.place.step == step)
        log.write('{"step": 99, "lo')  # cut short
    return run


def test_a_run_folder_holds_all_that_is_promised(whole: Run) -> None:
    assert whole.metrics()["training"]["ended"] == "budget"
    assert [record["step"] for record in whole.read_log()] == list(range(1, SETTINGS.steps + 1))
    for plot in ("loss.png", "forecast.png"):
        assert (whole.path / plot).read_bytes().startswith(PNG)
    metrics = whole.metrics()
    assert set(metrics["test"]) >= {"mase", "smape", "weighted_quantile_loss", "coverage_80"}
    assert set(metrics["seasonal_naive"]) == {"4", "24"}
    assert metrics["training"]["ended"] == "budget"
    assert not list(whole.path.glob(".*")), "a temporary file was left"


def test_a_run_is_read_again_as_it_was_written(whole: Run) -> None:
    assert Run.open(whole.path) == whole
    model = whole.forecaster()
    assert not model.training
    for name, weight in load_file(whole.path / WEIGHTS).items():
        assert torch.equal(model.state_dict()[name], weight)


def test_stretches_are_readings_of_the_training_part(whole: Run) -> None:
    panel = small_panel()
    assert len(whole.stretches()) == 4
    for start, values, _ in whole.stretches():
        found = [
            np.array_equal(stretch.values[first : first + len(values)], values)
            for stretch, end in zip(panel.series, panel.train_end, strict=True)
            for first in np.flatnonzero(stretch.times == start)
            if first + len(values) <= end
        ]
        assert any(found)


@pytest.mark.parametrize("step", [3, 10, 17])
def test_resume_goes_on_to_the_same_weights_and_log(whole: Run, tmp_path: Path, step: int) -> None:
    run = stopped_run(tmp_path / "run", step)
    train(small_panel(), run, Console(quiet=True), resume=True)
    assert (run.path / WEIGHTS).read_bytes() == (whole.path / WEIGHTS).read_bytes()
    expected = [{**record, "seconds": 0} for record in whole.read_log()]
    assert [{**record, "seconds": 0} for record in run.read_log()] == expected
    assert run.metrics()["test"] == whole.metrics()["test"]


def test_a_finished_run_is_resumed_to_itself(whole: Run, tmp_path: Path) -> None:
    run = stopped_run(tmp_path / "run", SETTINGS.steps)
    for _ in range(2):
        train(small_panel(), run, Console(quiet=True), resume=True)
    assert (run.path / WEIGHTS).read_bytes() == (whole.path / WEIGHTS).read_bytes()


def test_a_killed_run_goes_on_to_the_same_weights(whole: Run, tmp_path: Path) -> None:
    path = tmp_path / "run"
    code = f"import tests.models.panels as p; p.train_and_die({str(path)!r}, {torch.get_num_threads()}, 'step 15/')"
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], timeout=90, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not (path / WEIGHTS).is_file()
    assert len(Run.open(path).read_log()) == 15  # the log is ahead of the checkpoint
    assert load_checkpoint(path / RESUME).place.step == 10
    train(small_panel(), small_run(path), Console(quiet=True), resume=True)
    assert (path / WEIGHTS).read_bytes() == (whole.path / WEIGHTS).read_bytes()


def test_a_run_of_other_data_is_not_resumed(tmp_path: Path) -> None:
    run = stopped_run(tmp_path / "run", 5)
    panel = small_panel()
    panel.series[0].values[3, 0] += 1e-9
    with pytest.raises(ResumeError, match="another data: readings, times or the split are not the same"):
        train(panel, small_run(run.path, panel), Console(quiet=True), resume=True)


def test_a_run_of_other_settings_is_not_resumed(tmp_path: Path) -> None:
    run = stopped_run(tmp_path / "run", 5)
    other = replace(run, settings=replace(run.settings, rate=1e-3))
    with pytest.raises(ResumeError, match=r"another training: rate was 0.005, is 0.001\. Leave these options"):
        train(small_panel(), other, Console(quiet=True), resume=True)


def test_a_run_begun_before_a_setting_existed_goes_on_with_its_default(whole: Run, tmp_path: Path) -> None:
    run = stopped_run(tmp_path / "run", 10)
    checkpoint = load_checkpoint(run.path / RESUME)
    later = ("batching", "schedule", "accumulate", "jitter")
    then = {name: value for name, value in checkpoint.run["training"].items() if name not in later}
    save_checkpoint(replace(checkpoint, run={**checkpoint.run, "training": then}), run.path / RESUME)
    train(small_panel(), run, Console(quiet=True), resume=True)
    assert (run.path / WEIGHTS).read_bytes() == (whole.path / WEIGHTS).read_bytes()


def test_a_run_of_the_first_version_goes_on_as_it_was_begun(tmp_path: Path) -> None:
    done, run = (stopped_run(tmp_path / name, 10, decoder="plain") for name in ("done", "run"))
    train(small_panel(), done, Console(quiet=True), resume=True)
    as_the_first_version_left_it(run.path)
    found = Run.open(run.path)
    assert (found.config, found.settings, found.data) == (done.config, done.settings, done.data)
    train(small_panel(), found, Console(quiet=True), resume=True)
    assert (run.path / WEIGHTS).read_bytes() == (done.path / WEIGHTS).read_bytes()


def test_a_damaged_or_absent_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ResumeError, match="nothing to resume"):
        load_checkpoint(tmp_path / RESUME)
    save_checkpoint(small_training().checkpoint(), tmp_path / RESUME)
    assert load_checkpoint(tmp_path / RESUME).place == Place()
    whole = (tmp_path / RESUME).read_bytes()
    (tmp_path / RESUME).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ResumeError, match="damaged"):
        load_checkpoint(tmp_path / RESUME)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no run: it has no config.json"):
        Run.open(tmp_path)
    run = small_run(tmp_path / "begun")
    run.start()
    with pytest.raises(RunError, match="training has not ended"):
        Run.open(run.path).forecaster()
    (run.path / CONFIG).write_text((run.path / CONFIG).read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(RunError, match="format 9"):
        Run.open(run.path)


def test_ctrl_c_is_a_wish_and_a_second_one_is_an_order() -> None:
    before = signal.getsignal(signal.SIGINT)  # a shell starts what runs in the background with Ctrl-C ignored
    with interruptible() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_nothing_is_caught() -> None:
    answers: list[bool] = []

    def elsewhere() -> None:
        with interruptible() as interrupted:
            answers.append(interrupted())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert answers == [False]


def test_an_interrupted_run_ends_in_order_with_its_best_weights(tmp_path: Path) -> None:
    run = small_run(tmp_path / "run")

    console = Console(file=Signalling("step 10/", signal.SIGINT), width=200)
    _, outcome = train(small_panel(), run, console)
    assert (outcome.reason, outcome.place.step) == ("interrupted", 10)
    assert run.metrics()["test"]["forecasts"] > 0


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_shows_losses_gradient_rate_and_time_left(terminal: bool) -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=160)
    view = ProgressView(console, steps=10)
    with view.shown():
        for step in range(1, 6):
            view(Record(step, 0.5, 1.25, 2e-3, step == 2, 0.75 if step == 5 else None, step == 5, step * 2.0))
    text = out.getvalue()
    for part in ("loss 0.5000", "validation 0.7500*", "gradient 1.25", "rate 2.0e-03", "skipped 1", "left"):
        assert part in text
    if not terminal:
        assert "step 5/10" in text
        assert "10 s left" in text


def test_covariates_are_scaled_by_the_training_part_alone() -> None:
    panel = small_panel(series=1)
    values = np.repeat(panel.series[0].values, 3, axis=1)
    values[:, 1] = np.arange(len(values))
    values[:, 2] = 4.0
    values[5, 1:] = np.nan
    end = panel.train_end[0]
    mean, deviation = covariate_statistics(
        Panel((replace(panel.series[0], values=values),), panel.train_end, panel.validation_end)
    )
    known = np.delete(np.arange(end), 5)
    assert mean.tolist() == pytest.approx([known.mean(), 4.0])
    assert deviation.tolist() == pytest.approx([known.std(), 1.0])


@pytest.mark.parametrize("name", [WEIGHTS, METRICS, STRETCHES])
def test_a_damaged_file_of_a_run_is_named(whole: Run, tmp_path: Path, name: str) -> None:
    run = replace(whole, path=shutil.copytree(whole.path, tmp_path / "run"))
    (run.path / name).write_bytes((run.path / name).read_bytes()[:40])
    read = {WEIGHTS: run.forecaster, METRICS: run.metrics, STRETCHES: run.stretches}[name]
    with pytest.raises(RunError, match=rf"{name} is damaged .*: train again with --replace"):
        read()


def test_metrics_without_what_an_export_needs_are_refused(whole: Run, tmp_path: Path) -> None:
    run = replace(whole, path=shutil.copytree(whole.path, tmp_path / "run"))
    (run.path / METRICS).write_text("{}")
    with pytest.raises(RunError, match="it has no beats_seasonal_naive, seasonal_naive, test, training"):
        run.metrics()
