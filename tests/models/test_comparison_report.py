"""A comparison is measured piece by piece, can be gone on with, and its page says what its report says."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.comparison.accuracy import HeldOut, errors_of, naive_errors
from models.comparison.claims import claims
from models.comparison.folder import ComparisonError, Folder
from models.comparison.history import errors_by_history, lengths_of
from models.comparison.page import page_of
from models.comparison.recommendation import recommend
from models.comparison.timing import REAL, figures, interleaved, ratio
from models.evaluation.backtest import backtest
from models.evaluation.panel import Panel
from models.evaluation.rolling_origin import Stopped
from models.forecaster import Forecaster
from models.registry import build
from tests.conftest import small_config
from tests.models.comparisons import Noting, measured, tiny_panel, tiny_plan, tiny_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("comparison") / "whole"


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    def serve(models: dict[str, Forecaster]) -> dict[str, Any]:
        """What serving came to once, so that these tests need not wait for an export."""
        seconds = {"median": 2e-4, "low": 1e-4, "high": 3e-4}
        ratio = {"median": 1.0, "low": 1.0, "high": 1.0}
        step = {"seconds": seconds, "ratio": ratio}
        return {name: {"bundle_bytes": 20_000, "steps": {"1": step}} for name in models}

    return tiny_report(folder, tiny_plan(), serve)


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", " ", page, flags=re.DOTALL))).split())


def test_the_figures_of_the_page_are_those_of_the_report(report: dict[str, Any]) -> None:
    page = page_of(json.loads(json.dumps(report)))
    text = text_of(page)
    for model in report["models"].values():
        size, error = model["size"], model["error"]
        assert f"{size['parameters']:,}" in text
        assert f"{size['recurrent']:,}" in text
        assert f"{error['mean']:.4f} ± {error['spread']:.4f}" in text
        assert f"{1e6 * model['serving']['steps']['1']['seconds']['median']:.0f} µs" in text
    for length, found in report["timing"]["epochs"].items():
        for name, seconds in found.items():
            beside = report["timing"]["whole"][length][name]["ratio"]["median"]
            assert f"{seconds['median']:.3g} s ({beside:.2f})" in text
    assert report["recommendation"]["text"] in text
    for claim in report["claims"]:
        assert f"{claim['claim']} {claim['verdict']} {claim['found']}" in text


def test_the_page_needs_nothing_from_outside_and_follows_the_theme(report: dict[str, Any]) -> None:
    page = page_of(report)
    assert page.count("<svg") == 4
    assert not re.search(r"<script|<link|<img|src=|url\(http|@import", page)
    assert "prefers-color-scheme: dark" in page
    assert "currentColor" in page


def test_the_report_holds_every_pair_length_and_share(report: dict[str, Any]) -> None:
    assert list(report["timing"]["whole"]) == ["10", "20", "24"]
    assert set(report["packing"]["models"]["gru"]) == {f"{real:g}" for real in REAL}
    (found,) = report["differences"]
    assert (found["one"], found["other"], found["units"]) == ("gru", "lstm", 2)
    means = [report["models"][name]["error"]["mean"] for name in ("gru", "lstm")]
    assert found["difference"] == pytest.approx(means[0] - means[1])
    assert report["claims"][0]["verdict"] == "holds of the recurrent layers"
    assert report["recommendation"]["model"] in report["models"]


def test_a_stopped_comparison_goes_on_and_keeps_what_was_done(
    folder: Path, report: dict[str, Any], tmp_path: Path
) -> None:
    view = Noting(stop_at="gru, seed 1")
    with pytest.raises(Stopped):
        measured(tmp_path / "c", tiny_plan(), view)
    later = Noting()
    found = measured(tmp_path / "c", tiny_plan(), later, resume=True)
    assert [done for done in later.done if "training" in done] == ["gru, seed 1: training", "lstm, seed 1: training"]
    assert not any("readings" in done or "packed" in done for done in later.done)
    for name, trainings in found["trainings"].items():
        errors = [training["by_unit"] for training in trainings]
        whole = [json.loads((folder / "parts" / f"{name}-{seed}.json").read_text())["by_unit"] for seed in range(2)]
        assert errors == whole  # to the bit those of a comparison that was never stopped
    assert report["models"]["gru"]["error"]["by_seed"][1] == pytest.approx(
        np.mean(found["trainings"]["gru"][1]["by_unit"])
    )


def test_another_plan_another_file_and_a_folder_with_something_in_it_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "c")
    with pytest.raises(ComparisonError, match="another models: it was"):
        Folder(tmp_path / "c", tiny_plan(("gru", "rnn"))).open(resume=True, replace=False)
    with pytest.raises(ComparisonError, match="another model: hidden was 4, is 8"):
        Folder(tmp_path / "c", tiny_plan(config=small_config(layers=1))).open(resume=True, replace=False)
    with pytest.raises(ComparisonError, match="another data: readings or the split"):
        Folder(tmp_path / "c", tiny_plan(data="other")).open(resume=True, replace=False)
    with pytest.raises(ComparisonError, match="is not empty"):
        Folder(tmp_path / "c", tiny_plan()).open(resume=False, replace=False)
    with pytest.raises(ComparisonError, match="nothing to go on with"):
        Folder(tmp_path / "new", tiny_plan()).open(resume=True, replace=False)
    Folder(tmp_path / "c", tiny_plan()).open(resume=False, replace=True)
    assert Folder(tmp_path / "c", tiny_plan()).read("gru-0") is None


def test_a_budget_of_time_gives_the_slower_model_fewer_steps() -> None:
    plan = tiny_plan(same_time=True)
    seconds = {"gru": 1.0, "lstm": 3.0}
    assert [plan.settings_of(name, 1, seconds).steps for name in ("gru", "lstm")] == [3, 1]
    assert tiny_plan().settings_of("lstm", 1, {}).steps == 3


def test_plans_that_compare_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="two different models or more, got gru"):
        tiny_plan(("gru",))
    with pytest.raises(ValueError, match="unknown architecture 'gpt'"):
        tiny_plan(("gru", "gpt"))


def test_errors_by_unit_are_those_of_a_backtest_cut_up() -> None:
    panel, model = tiny_panel(), build(small_config(hidden=4, layers=1))
    held = HeldOut.of(panel, model.config, 24)
    found, whole = errors_of(model, held), backtest(model, panel, 24)
    assert found.metrics == whole.ours.metrics
    assert naive_errors(held, 6, (24,))[24] == pytest.approx(whole.naives[24].metrics.mase or 0)
    assert held.kind == "stretches of time"
    single = Panel(panel.series[:1], (100,), (140,))
    parts = HeldOut.of(single, model.config, 24)
    assert parts.blocks == (100 // 24,)
    assert len(errors_of(model, parts).by_unit) == 4
    many = Panel(panel.series * 5, panel.train_end * 5, panel.validation_end * 5)
    assert (HeldOut.of(many, model.config, 24).units, HeldOut.of(many, model.config, 24).kind) == (10, "series")


def test_with_all_history_the_error_is_that_of_a_model_that_read_on() -> None:
    """What a short history leaves out is really unknown, and a long one changes the forecast less and less."""
    panel, model = tiny_panel(), build(small_config(hidden=4, layers=1))
    held = HeldOut.of(panel, model.config, 24)
    lengths = lengths_of(held, model.window)
    assert lengths == [3, 6, 12, 24, 48, 96]
    found = errors_by_history(model, held, lengths)
    assert list(found) == lengths
    assert found[3] != found[24]
    assert abs(found[96] - found[48]) < 0.1 * abs(found[24] - found[3])


def test_works_are_timed_in_turn_and_their_ratio_round_by_round() -> None:
    calls: list[str] = []
    now = [0.0]

    def work(name: str, seconds: float) -> Any:
        def run() -> None:
            calls.append(name)
            now[0] += seconds

        return run

    spans = interleaved({"a": work("a", 1.0), "b": work("b", 4.0)}, lambda: now[0], rounds=3)
    assert spans == {"a": [1.0] * 3, "b": [4.0] * 3}
    assert calls == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert ratio([1, 2, 30], [2, 4, 10]) == {"median": 0.5, "low": 0.5, "high": 3.0}
    assert figures([3, 1, 2]) == {"median": 2, "low": 1, "high": 3}


def test_only_a_difference_that_the_test_supports_is_claimed(report: dict[str, Any]) -> None:
    said = json.loads(json.dumps(report))
    (found,) = said["differences"]
    found |= {"difference": -0.5, "share": -0.5, "low": -0.6, "high": -0.4, "share_low": -0.6, "share_high": -0.4}
    found |= {"p": 0.001, "p_adjusted": 0.001, "significant": True}
    for name, error in (("gru", 0.5), ("lstm", 1.0)):
        said["models"][name]["error"] |= {"mean": error}
    sure = recommend(said)
    assert (sure["model"], sure["ties"]) == ("gru", ["gru"])
    assert "beyond chance" in sure["text"]
    assert "−50.0 %" in sure["text"]
    assert claims(said)[2]["verdict"] == "holds: the error is smaller"
    assert "a step in service at batch 1 +0.0 %, which may be chance" in sure["text"]
    said["models"]["gru"]["step"]["ratio"] = {"median": 1.2, "low": 1.1, "high": 1.3}
    assert "a training step +20.0 %," in recommend(said)["text"]
    found |= {"high": 0.1, "share_high": 0.1, "p": 0.3, "p_adjusted": 0.3, "significant": False}
    unsure = recommend(said)
    assert unsure["ties"] == ["gru", "lstm"]
    assert "cannot be told" in unsure["text"]
    assert "beyond chance" not in unsure["text"]
    assert claims(said)[2]["verdict"] == "no loss was found; one of more than 10.0 % is ruled out"
    found |= {"p": None, "p_adjusted": None, "low": None, "high": None, "share_low": None, "share_high": None}
    said["budget"]["seeds"] = 1
    assert "two or more are needed" in recommend(said)["text"]
    assert "one seed" in claims(said)[2]["verdict"]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.84, 0.88, "holds"),
        (0.5, 0.6, "it is faster than that, by 40.0 % or more"),
        (0.95, 0.97, "does not hold: it is at most 5.0 % faster"),
        (1.2, 1.3, "does not hold: it is slower, by 20.0 % or more"),
        (0.85, 1.1, "cannot be told: between 10.0 % slower and 15.0 % faster"),
    ],
)
def test_the_claim_of_speed_is_judged_by_the_rounds(
    report: dict[str, Any], low: float, high: float, verdict: str
) -> None:
    said = json.loads(json.dumps(report))
    said["timing"]["whole"]["24"]["gru"]["ratio"] = {"median": (low + high) / 2, "low": low, "high": high}
    assert claims(said)[1]["verdict"] == verdict
