"""Training on a CUDA device: the CPU's losses, near them in lower precision, and a run that is taken up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from models.training.loop import Record
from models.training.run import Run
from models.training.settings import TrainingSettings
from models.training.trainer import prepare, train
from tests.conftest import small_config
from tests.models.panels import SEASON, SETTINGS, small_panel, small_run

WITHOUT_DROPOUT = small_config()


def losses(settings: TrainingSettings, device: str) -> list[Record]:
    found: list[Record] = []
    training = prepare(small_panel(), WITHOUT_DROPOUT, settings, SEASON, device)
    assert next(training.model.parameters()).device.type == device
    training.run(found.append, lambda _: None)
    return found


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-3), ("bfloat16", 0.03), ("float16", 0.02)])
def test_a_device_learns_what_the_cpu_learns(precision: str, tolerance: float) -> None:
    expected = losses(SETTINGS, "cpu")
    found = losses(replace(SETTINGS, precision=precision), "cuda")
    for a, b in zip(expected, found, strict=True):
        assert b.loss == pytest.approx(a.loss, rel=tolerance)
        assert not b.skipped
        if a.validation is not None:
            assert b.validation == pytest.approx(a.validation, rel=tolerance)


@pytest.mark.parametrize("batching", ["crops", "pad", "truncate", "bucket", "steps"])
def test_every_strategy_trains_in_float16(batching: str) -> None:
    chosen = replace(SETTINGS, batching=batching, precision="float16", accumulate=2, steps=6, jitter=0.05, mask=0.1)
    assert all(torch.isfinite(torch.tensor(record.loss)) for record in losses(chosen, "cuda"))


def test_an_overflow_is_one_skipped_step() -> None:
    training = prepare(small_panel(), WITHOUT_DROPOUT, replace(SETTINGS, precision="float16"), SEASON, "cuda")
    training.scaler = torch.amp.GradScaler("cuda", init_scale=2.0**60)
    assert training._step().skipped
    assert (training.place.skipped, training.scaler.get_scale()) == (1, 2.0**59)


def test_a_run_of_the_device_is_taken_up_and_ends_as_a_run_of_the_cpu_does(tmp_path: Path) -> None:
    settings = replace(SETTINGS, precision="float16")
    run = small_run(tmp_path / "run", settings=settings)
    _, outcome = train(small_panel(), run, Console(quiet=True), device="cuda")
    again, resumed = train(small_panel(), run, Console(quiet=True), resume=True, device="cuda")
    assert outcome.place.step == resumed.place.step == settings.steps
    opened = Run.open(run.path)
    assert next(opened.forecaster().parameters()).device.type == "cpu"
    assert again.ours.metrics.to_dict() == opened.metrics()["test"]
