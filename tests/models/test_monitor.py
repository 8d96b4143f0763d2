"""The monitor's figures are those of the net, stand in the log for every step, and change nothing in a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from models.forecaster import Fork
from models.training.loop import Record, Training
from models.training.monitor import NEAR, Monitor, Vitals, part_of, signs
from models.training.run import LOG
from models.training.trainer import train
from tests.models.panels import SETTINGS, small_panel, small_run, small_training
from tests.models.patients import recurrent_weights, update_bias

FIGURES = {"loss", "gradient_norm", "weight_norm", "update_ratio", "parts", "carry", "gates", "dead", "skipped"}


def watched(training: Training, steps: int = 1) -> list[Record]:
    records: list[Record] = []
    training.run(records.append, lambda _: None, lambda: training.place.step == steps)
    return records


def vitals_of(training: Training) -> Vitals:
    found = watched(training)[0].vitals
    assert found is not None
    return found


class Blind(Monitor):
    """Looks at nothing."""

    def watch(self, forks: list[Fork], lengths: torch.Tensor) -> None:  # noqa: ARG002 (the monitor's)
        return

    def before(self) -> None:
        return

    def after(self) -> None:  # type: ignore[override]
        return None


def test_a_run_comes_to_the_same_weights_with_and_without_a_monitor() -> None:
    first, second = small_training(), small_training()
    second.monitor = Blind(second.model)
    watched(first, 20)
    watched(second, 20)
    for (name, weight), other in zip(first.model.state_dict().items(), second.model.state_dict().values(), strict=True):
        assert torch.equal(weight, other), name


def test_the_log_has_every_figure_for_every_step(tmp_path: Path) -> None:
    run = small_run(tmp_path / "run")
    train(small_panel(), run, Console(quiet=True))
    lines = [json.loads(line) for line in (run.path / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, SETTINGS.steps + 1))
    for line in lines:
        assert set(line) >= FIGURES
        assert set(line["gates"]) == {f"{layer}.{gate}" for layer in (1, 2) for gate in "rzn"}
    measured = {line["step"]: line["validation"] for line in lines if line["validation"] is not None}
    assert list(measured) == [5, 10, 15, 20]
    for line in lines:
        assert line["last_validation"] == measured.get(line["step"] // 5 * 5)


def test_the_parts_gradients_make_up_the_whole() -> None:
    record = watched(small_training())[0]
    assert record.vitals is not None
    assert set(record.vitals.parts) == {"decoder", "stack.layers.0", "stack.layers.1"}
    assert sum(norm**2 for norm in record.vitals.parts.values()) ** 0.5 == pytest.approx(record.gradient_norm, rel=1e-4)


def test_gates_are_those_of_the_net_on_the_batchs_last_readings() -> None:
    training = small_training(replace(SETTINGS, batch=6))
    with torch.no_grad():
        update_bias(5.5)(training.model)
    crops = training.gradient.sampler.crops(0)
    fork = training.model.fork(crops.values, crops.times, crops.lengths, training.model.primed(crops.before))
    rows = torch.arange(6)
    (body,) = training.model.bodies()
    assert fork.features is not None
    last = fork.features[rows, crops.lengths - 1]
    _, gates = body.recur_step(last, fork.state[:, : body.recurrent])
    fork.quantiles.sum().backward()
    monitor = Monitor(training.model)
    monitor.watch([fork], crops.lengths)
    monitor.before()
    vitals = monitor.after()
    _, start, stop = next(part for part in body.gate_layout if part.name == "2.z")
    z = gates[:, start:stop]
    shares = ((z < NEAR).float().mean(), (z > 1 - NEAR).float().mean())
    assert 0 < shares[1] < 1
    assert vitals.gates["2.z"] == pytest.approx([float(share) for share in shares], rel=1e-4)


def test_gates_that_keep_everything_carry_an_error_back_unchanged_and_are_near_1() -> None:
    training = small_training()
    with torch.no_grad():
        update_bias(20)(training.model)
    vitals = vitals_of(training)
    assert vitals.carry == pytest.approx(1, abs=1e-4)
    assert vitals.gates["1.z"] == (0, 1)
    assert vitals.dead == 1


def test_gates_that_keep_nothing_and_no_recurrent_weights_carry_nothing_back() -> None:
    training = small_training(layers=1)
    with torch.no_grad():
        update_bias(-20)(training.model)
        recurrent_weights(0)(training.model)
    vitals = vitals_of(training)
    assert vitals.carry == pytest.approx(0, abs=1e-6)
    assert vitals.gates["1.z"] == (1, 0)


def test_the_signs_measure_a_matrix_as_a_root_mean_square() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(32, 32)
    probe = signs(torch.empty(256, 32))
    measured = (probe @ matrix).norm() / probe.norm()
    assert float(measured) == pytest.approx(float(matrix.norm()) / 32**0.5, rel=0.1)
    assert set(probe.flatten().tolist()) == {-1.0, 1.0}


def test_an_update_is_measured_against_the_weights() -> None:
    training = small_training()
    before = torch.cat([weight.detach().reshape(-1) for weight in training.model.parameters()])
    vitals = vitals_of(training)
    training.model.load_state_dict(training.checkpoint().weights)
    assert vitals.weight_norm == pytest.approx(float(before.norm()), rel=0.01)
    assert 0 < vitals.update_ratio < 0.05


def test_a_skipped_step_has_moved_nothing() -> None:
    training = small_training()
    with torch.no_grad():
        training.model.decoder.mix.weight[0, 0] = float("inf")
    record = watched(training)[0]
    assert record.skipped
    assert record.vitals is not None
    assert not record.vitals.update_ratio > 0


def test_too_few_rows_say_nothing_of_dead_units() -> None:
    assert vitals_of(small_training(replace(SETTINGS, batch=2))).dead is None


def test_weights_belong_to_the_parts_of_the_model() -> None:
    names = ("layers.0.weight_hh_l0", "decoder.mix.bias", "scale")
    assert [part_of(name) for name in names] == ["layers.0", "decoder", "scale"]
