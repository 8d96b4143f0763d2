"""What the diagnoses make of a log, figure by figure: logs that are written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.architectures import require_used
from models.diagnosis.case import Case
from models.diagnosis.doctor import diagnose, healthy_signs
from models.diagnosis.finding import Finding
from models.diagnosis.plot import plot_case
from models.diagnosis.resizing import narrower, shallower, wider
from models.training.run import RunError
from models.training.settings import TrainingSettings
from tests.conftest import small_config
from tests.models.panels import small_run
from tests.models.records import STEPS, log_of, without_monitor

METRICS = {"test": {"mase": 0.8}, "seasonal_naive": {"24": {"mase": 1.0}}}


def findings(
    metrics: dict[str, Any] | None = METRICS, model: dict[str, object] | None = None, **figures: Any
) -> list[Finding]:
    return diagnose(case(metrics, model, **figures))


def case(metrics: dict[str, Any] | None = METRICS, model: dict[str, object] | None = None, **figures: Any) -> Case:
    return Case(small_config(**(model or {})), TrainingSettings(steps=STEPS), log_of(**figures), metrics)


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1, [finding.name for finding in found]
    return found[0]


def test_a_log_as_it_should_be_gives_no_finding_but_figures() -> None:
    assert findings() == []
    signs = " ".join(healthy_signs(case()))
    for part in ("validation loss", "gradient norm 0.5", "90% of an error", "layer 1 10%", "dead units 0%"):
        assert part in signs


def test_steps_without_a_finite_gradient_are_evidence_of_exploding() -> None:
    found = only(
        findings(
            gradient_norm=lambda step: float("nan") if step % 10 == 0 else 0.5, skipped=lambda step: step % 10 == 0
        )
    )
    assert found.name == "exploding gradients"
    assert "4 steps had no finite gradient" in " ".join(found.evidence)
    assert found.suggestion == "--rate 0.0025"


def test_one_outlier_in_a_run_is_no_explosion() -> None:
    assert findings(gradient_norm=lambda step: 1e6 if step == 20 else 0.5) == []


@pytest.mark.parametrize(("layers", "flag"), [(2, "--layers 1"), (1, "--hidden 16")])
def test_a_layer_that_gets_no_gradient_is_named(layers: int, flag: str) -> None:
    parts = {"decoder": 0.5, "layers.0": 1e-6}
    found = only(findings(model={"layers": layers}, parts=lambda _: parts))
    assert (found.name, found.suggestion) == ("vanishing gradients", flag)
    assert "layers.0 gets 2e-06 of the gradient (steps 31 to 40)" in found.evidence[0]


@pytest.mark.parametrize(
    ("model", "fewer", "more", "less"),
    [
        ({}, "--layers 1", "--hidden 16", "--hidden 4"),
        ({"architecture": "stacks", "stacks": (2, 1), "layers": 1}, "--stacks 1", "--hidden 16", "--hidden 4"),
        ({"architecture": "stacks", "stacks": (1,)}, None, "--hidden 16", "--hidden 4"),
        ({"architecture": "residual-gru", "widths": (40, 9)}, "--widths 9", "--widths 80,18", "--widths 20,4"),
        ({"architecture": "residual-gru"}, "--layers 1", "--hidden 16", "--hidden 4"),
        (
            {"architecture": "multiscale-gru", "periods": (1, 24)},
            "--layers 1 --periods 1",
            "--hidden 16",
            "--hidden 4",
        ),
        ({"architecture": "gru-transformer", "heads": 3, "hidden": 9}, "--layers 1", "--hidden 18", "--hidden 6"),
    ],
)
def test_a_net_is_made_smaller_and_larger_in_the_flags_of_its_architecture(
    model: dict[str, Any], fewer: str | None, more: str, less: str
) -> None:
    config = small_config(**model)
    assert (shallower(config), wider(config), narrower(config)) == (fewer, more, less)
    starved = only(findings(model=model, parts=lambda _: {"decoder": 0.5, "layers.0": 1e-6}))
    assert starved.suggestion == (fewer or more)
    overfitted = only(findings(model={**model, "dropout": 0.3}, validation=rising))
    assert overfitted.suggestion == less
    for flags in (fewer, more, less):
        given = [part[2:] for part in (flags or "").split() if part.startswith("--")]
        require_used(given, [config])


@pytest.mark.parametrize(
    ("since", "flag"),
    [(0, "--seed 1"), (20, "--rate 0.0025")],
)
def test_what_was_so_from_the_start_wants_another_start_and_what_came_later_a_lower_rate(since: int, flag: str) -> None:
    for figures in (
        {"dead": lambda step: 0.5 * (step > since)},
        {"carry": lambda step: 0.1 if step > since else 0.9},
        {"gates": lambda step: {"1.z": (0.0, 0.9 * (step > since))}},
    ):
        assert only(findings(**figures)).suggestion == flag


def test_gates_frozen_by_a_season_beyond_all_crops_want_a_shorter_season() -> None:
    found = only(findings(model={"lags": (24, 8760)}, gates=lambda _: {"1.z": (0.0, 0.9)}))
    assert found.suggestion == "--lags 24"
    assert "90% of the update gates of layer 1 are near 1" in found.evidence[0]


def test_a_candidate_or_a_reset_gate_at_its_end_is_no_frozen_update_gate() -> None:
    assert findings(gates=lambda _: {"1.r": (0.0, 1.0), "1.n": (0.5, 0.5), "1.z": (0.0, 0.1)}) == []


def test_what_follows_from_a_cause_is_told_with_it() -> None:
    found = only(findings(gates=lambda _: {"1.z": (0.0, 1.0)}, dead=lambda _: 1.0, parts=lambda _: {"layers.0": 0.0}))
    assert found.name == "frozen update gates"
    assert found.consequences == ("vanishing gradients", "dead units")


def test_findings_that_do_not_follow_from_each_other_are_both_told() -> None:
    found = findings(dead=lambda _: 0.5, validation=lambda step: 0.5 + 0.01 * step if step % 5 == 0 else None)
    assert [finding.name for finding in found] == ["dead units", "overfitting"]


def test_a_validation_loss_that_rises_with_the_training_loss_is_no_overfitting() -> None:
    assert findings(loss=lambda step: 1 - 0.02 * min(step, 10), validation=rising) == []
    assert only(findings(validation=rising)).name == "overfitting"


def rising(step: int) -> float | None:
    return (0.5 + 0.02 * abs(step - 15)) if step % 5 == 0 else None


def test_a_run_worse_than_the_naive_underfits_only_clearly_or_while_it_gets_better() -> None:
    slightly = {"test": {"mase": 1.05}, "seasonal_naive": {"24": {"mase": 1.0}, "168": {"mase": None}}}
    clearly = {"test": {"mase": 1.5}, "seasonal_naive": {"24": {"mase": 1.0}}}
    flat = lambda step: 0.5 if step % 5 == 0 else None  # noqa: E731
    assert findings(slightly, validation=flat) == []
    assert only(findings(clearly, validation=flat)).suggestion == "--hidden 16"
    assert only(findings(slightly)).suggestion == f"--steps {4 * STEPS}"


def test_a_run_that_learned_nothing_and_has_not_ended_underfits() -> None:
    flat = {"loss": lambda step: 1 + 0.1 * (step % 2), "validation": lambda step: 0.5 if step % 5 == 0 else None}
    found = only(findings(None, **flat))
    assert found.name == "underfitting"
    assert "1.05 in steps 1 to 10" in found.evidence[0]
    assert findings(METRICS, **flat) == [], "better than the naive: there was little to learn"


@pytest.mark.parametrize("size", [0.01, 50.0])
def test_input_far_from_one_deviation_is_told_whatever_else_there_is(size: float) -> None:
    found = only(findings(input_deviation=lambda _: size, dead=lambda _: 0.5))
    assert (found.name, found.consequences) == ("unscaled input", ("dead units",))


def test_a_log_of_before_the_monitor_is_judged_by_losses_and_norms_alone(tmp_path: Path) -> None:
    old = Case(small_config(), TrainingSettings(), without_monitor(log_of()), METRICS)
    assert not old.monitored
    assert diagnose(old) == []
    assert len(healthy_signs(old)) == 2
    plot_case(old, tmp_path / "old.png")
    high = without_monitor(log_of(gradient_norm=lambda _: 100.0))
    assert only(diagnose(Case(small_config(), TrainingSettings(), high, METRICS))).name == "exploding gradients"


def test_a_picture_is_drawn_of_figures_that_are_not_finite(tmp_path: Path) -> None:
    lost = case(loss=lambda _: float("nan"), gradient_norm=lambda _: float("inf"), dead=lambda _: None)
    plot_case(lost, tmp_path / "lost.png")
    assert (tmp_path / "lost.png").read_bytes().startswith(b"\x89PNG")


def test_too_short_a_log_is_refused_with_what_to_do(tmp_path: Path) -> None:
    run = small_run(tmp_path / "run")
    run.start()
    cooling = [{**record, "cooling": True} for record in log_of()[3:9]]
    run.rewrite_log([*log_of()[:3], *cooling])  # of which the doctor says nothing
    with pytest.raises(RunError, match=r"a log of 3 steps, and 8 are the fewest .* --resume"):
        Case.of(run)
