"""What to try next: each rule speaks for its own figures and is silent for others, and its command can be typed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from commands.main import load
from models.evaluation.advice import bands, beaten, learning, series, target, time
from models.evaluation.advice.again import Again
from models.evaluation.advice.case import Case, Readings
from models.evaluation.advice.rules import RULES, advise
from models.evaluation.advice.season import season_in
from models.evaluation.advice.suggestion import Suggestion
from models.evaluation.folds import FoldSettings
from models.training.settings import TrainingSettings
from tests.conftest import daily_wave, small_config

FILE = Again(
    source=("meters.csv",),
    out="out",
    takes=frozenset({"--lags", "--hidden", "--dropout", "--steps", "--rate", "--window", "--folds", "--test-steps"})
    | {"--horizon"},
    data="meters.csv",
    run="runs/meters",
    options={"--horizon": "6", "--id": "meter", "--folds": "3"},
    folds={"--test-steps": "12", "--folds": "3"},
    reading={"--id": "meter"},
    settings={"--horizon": "6", "--steps": "100"},
)
RUN = replace(
    FILE,
    source=("runs/meters",),
    takes=frozenset({"--steps", "--rate", "--window", "--folds", "--test-steps"}),
    options={"--no-refit": None},
    folds={"--no-refit": None},
    settings={"--horizon": "6", "--config": "runs/meters/config.json"},
    trained=True,
)
PLAIN = Readings(missing=0.0, non_negative=False, whole=False, typical=50.0, longest=400)


def entry(own: float | None, day: float | None = 1.0, short: float | None = 1.3, **changes: Any) -> dict[str, Any]:
    figures = {"mase": own, "coverage_80": 0.8, "coverage_95": 0.95, "smape": 9.0, "targets": 1000} | changes
    simple = {"last": {"mase": None if day is None else 3 * day}, "drift": {"mase": None}}
    return {"gatecast": figures, "seasonal_naive": {"4": {"mase": short}, "24": {"mase": day}}, "baselines": simple}


def training(steps: int = 100, best: int = 80, ended: str = "budget", skipped: int = 0) -> dict[str, Any]:
    return {"training": {"steps": steps, "best_step": best, "ended": ended, "skipped": skipped}}


def case(**changes: Any) -> Case:
    """Healthy in every way; what is given is another way."""
    folds = changes.pop("by_fold", [entry(0.7) | training()] * 3)
    metrics = {
        "overall": changes.pop("overall", entry(0.7)),
        "by_fold": folds,
        "by_horizon": changes.pop("by_horizon", [entry(0.7)] * 6),
        "by_series": changes.pop("by_series", {f"s{row}": entry(0.7) for row in range(5)}),
    }
    config = small_config(dropout=0.1, **changes.pop("config", {}))
    settings = TrainingSettings(**{"steps": 100, "validate_every": 10, **changes.pop("training", {})})
    readings = replace(PLAIN, **changes.pop("readings", {}))
    again = changes.pop("again", FILE)
    chosen = FoldSettings(**{"count": len(folds), "test_steps": 12, "stride": 6, **changes.pop("folds", {})})
    assert not changes
    return Case(metrics, config, chosen, settings, readings, again)


RISING = [entry(error) | training() for error in (0.6, 0.7, 0.9)]
FIRES: list[tuple[Callable[[Case], Suggestion | None], dict[str, Any], str]] = [
    (bands.narrow_bands, {"overall": entry(0.7, coverage_80=0.7)}, '"calibrate": true'),
    (bands.narrow_bands, {"overall": entry(0.7, coverage_95=0.9)}, "/v1/sessions/s0 "),
    (
        bands.narrow_bands,
        {"overall": entry(0.7, coverage_80=0.7), "config": {"covariates": ("price",), "future": ("price",)}},
        "--validation-steps 80 ",
    ),
    (bands.wide_bands, {"overall": entry(0.7, coverage_80=0.9)}, '"calibrate": true'),
    (
        bands.wide_bands,
        {"overall": entry(0.7, coverage_95=0.99), "config": {"static": ("area",)}},
        '"static": {"area": null}',
    ),
    (beaten.beaten, {"overall": entry(1.1)}, "gatecast tune meters.csv --horizon 6 --id meter --out runs/meters-tuned"),
    (beaten.beaten, {"overall": entry(1.1), "again": replace(FILE, reading={"--zone": "UTC"})}, "--zone UTC "),
    (beaten.misled_by_a_season, {"overall": entry(1.1)}, "--lags 24 "),
    (beaten.unknown_season, {"config": {"lags": (1,)}, "readings": {"season": 12}}, "--lags 12 "),
    (beaten.worse_at_first, {"by_horizon": [entry(1.2), *[entry(0.7)] * 5]}, "--horizon 4 "),
    (learning.learned_by_heart, {"by_fold": [entry(0.7) | training(best=30)] * 2}, "--dropout 0.3 "),
    (
        learning.learned_by_heart,
        {"by_fold": [entry(0.7) | training(best=30)], "config": {"layers": 1}},
        "--hidden 4 ",
    ),
    (learning.stopped_too_soon, {"by_fold": [entry(0.7) | training(best=100)] * 3}, "--steps 200 "),
    (learning.stopped_too_soon, {"by_fold": [entry(0.7) | training(best=100)], "again": RUN}, "evaluate runs/meters "),
    (learning.skipped_steps, {"by_fold": [entry(0.7) | training(skipped=5)]}, "--rate 0.0025 "),
    (time.rising_error, {"by_fold": RISING}, "--window sliding "),
    (
        time.rising_error,
        {"by_fold": RISING, "folds": {"window": "sliding"}},
        "--folds 6 --test-steps 6 ",
    ),
    (
        time.rising_error,
        {"by_fold": RISING, "folds": {"refit": False}, "again": RUN},
        "gatecast evaluate runs/meters --out out-refit",
    ),
    (time.one_fold, {"by_fold": [entry(0.7) | training()]}, "--folds 5 --test-steps 12 "),
    (series.worst_series, {"by_series": {f"s{n}": entry(0.7 + 9 * (n == 2)) for n in range(5)}}, '== "s2"'),
    (series.worst_series, {"by_series": {f"{n} 🚀": entry(0.7 + 9 * (n == 2)) for n in range(5)}}, '== "2 🚀"'),
    (target.below_zero, {"readings": {"non_negative": True, "below_zero": 0.02}}, "--non-negative "),
    (target.whole_numbers, {"readings": {"whole": True, "typical": 5.0}}, "--integer "),
    (target.many_missing, {"readings": {"missing": 0.2}}, "--mask 0.05 "),
    (target.many_missing, {"readings": {"missing": 0.2}, "training": {"mask": 0.05}}, "--missing forward "),
]
SILENT: list[tuple[Callable[[Case], Suggestion | None], dict[str, Any]]] = [
    (bands.narrow_bands, {"overall": entry(0.7, coverage_80=0.76, coverage_95=0.93)}),
    (bands.narrow_bands, {"overall": entry(0.7, coverage_80=0.5, targets=100)}),
    (bands.narrow_bands, {"overall": entry(0.7, coverage_80=None, coverage_95=None)}),
    (bands.wide_bands, {"overall": entry(0.7, coverage_80=0.84, coverage_95=0.97)}),
    (bands.wide_bands, {"overall": entry(0.7, coverage_80=0.9, coverage_95=0.9)}),
    (bands.wide_bands, {"overall": entry(0.7, coverage_80=0.9), "config": {"integer": True}}),
    (bands.wide_bands, {"overall": entry(0.0, coverage_80=1.0, smape=0.0)}),
    (beaten.beaten, {"overall": entry(1.0)}),
    (beaten.beaten, {"overall": entry(None, None, None)}),
    (beaten.misled_by_a_season, {"overall": entry(1.1, short=1.2)}),
    (beaten.misled_by_a_season, {"overall": entry(0.9)}),
    (beaten.misled_by_a_season, {"overall": entry(1.1, short=None)}),
    (beaten.unknown_season, {"readings": {"season": 12}}),
    (beaten.unknown_season, {"config": {"lags": (1,)}}),
    (beaten.worse_at_first, {"by_horizon": [entry(1.04), *[entry(0.7)] * 5]}),
    (beaten.worse_at_first, {"by_horizon": [entry(1.2)] * 6}),
    (beaten.worse_at_first, {"by_horizon": [entry(1.2), *[entry(0.7)] * 5], "overall": entry(1.1)}),
    (learning.learned_by_heart, {"by_fold": [entry(0.7) | training(best=30), *[entry(0.7) | training()] * 2]}),
    (learning.learned_by_heart, {"by_fold": [entry(0.7) | training(steps=15, best=5)]}),
    (learning.learned_by_heart, {"by_fold": [entry(0.7) | {"training": {}}]}),
    (learning.stopped_too_soon, {"by_fold": [entry(0.7) | training(best=100, ended="early")]}),
    (learning.stopped_too_soon, {"by_fold": [entry(0.7) | training(best=100), entry(0.7) | training()]}),
    (learning.skipped_steps, {"by_fold": [entry(0.7) | training(skipped=1)]}),
    (time.rising_error, {"by_fold": RISING[:2]}),
    (time.rising_error, {"by_fold": RISING[::-1]}),
    (time.rising_error, {"by_fold": [entry(error, error) | training() for error in (0.6, 0.7, 0.9)]}),
    (time.rising_error, {"by_fold": [entry(error) | training() for error in (0.6, 0.9, 0.5, 0.8)]}),
    (time.rising_error, {"by_fold": RISING, "folds": {"window": "sliding", "test_steps": 8}}),
    (time.one_fold, {}),
    (time.one_fold, {"by_fold": [entry(0.7) | training()], "readings": {"longest": 80}}),
    (time.one_fold, {"by_fold": [entry(0.7) | {"training": {}}], "folds": {"refit": False}}),
    (series.worst_series, {"by_series": {f"s{n}": entry(0.7 + (n == 2)) for n in range(5)}}),
    (series.worst_series, {"by_series": {f"s{n}": entry(0.7 + 9 * (n == 2)) for n in range(3)}}),
    (target.below_zero, {"readings": {"non_negative": True, "below_zero": 0.001}}),
    (target.below_zero, {"readings": {"below_zero": 0.02}}),
    (target.below_zero, {"readings": {"non_negative": True, "below_zero": 0.02}, "config": {"non_negative": True}}),
    (target.whole_numbers, {"readings": {"whole": True, "typical": 5_000.0}}),
    (target.whole_numbers, {"readings": {"whole": True, "typical": 5.0}, "config": {"integer": True}}),
    (target.many_missing, {"readings": {"missing": 0.05}}),
    (
        target.many_missing,
        {"readings": {"missing": 0.2}, "training": {"mask": 0.05}, "config": {"missing": "forward"}},
    ),
]


def named(row: tuple[Any, ...]) -> str:
    return str(row[0].__name__)


@pytest.mark.parametrize(("rule", "changes", "said"), FIRES, ids=map(named, FIRES))
def test_a_rule_speaks_where_its_figures_do(
    rule: Callable[[Case], Suggestion | None], changes: dict[str, Any], said: str
) -> None:
    found = rule(case(**changes))
    assert found is not None
    assert said in f"{found.command} "
    assert found.reason.endswith((".", ")"))
    assert found in advise(case(**changes))


@pytest.mark.parametrize(("rule", "changes"), SILENT, ids=map(named, SILENT))
def test_a_rule_is_silent_where_its_figures_are_not_so(
    rule: Callable[[Case], Suggestion | None], changes: dict[str, Any]
) -> None:
    assert rule(case(**changes)) is None


def test_nothing_is_advised_where_all_is_well_and_no_rule_is_untested() -> None:
    assert advise(case()) == []
    assert {rule for rule, *_ in FIRES} == set(RULES) == {rule for rule, *_ in SILENT}


@pytest.mark.parametrize("again", [FILE, RUN], ids=["file", "run"])
@pytest.mark.parametrize(("rule", "changes", "said"), FIRES, ids=map(named, FIRES))
def test_the_commands_are_understood(
    rule: Callable[[Case], Suggestion | None], changes: dict[str, Any], said: str, again: Again
) -> None:
    found = rule(case(**{"again": again, **changes}))
    assert found is not None, said
    for line in found.command.splitlines():
        program, *words = shlex.split(line)
        if program == "gatecast":
            name, *rest = words
            assert load(name).make_context(name, rest).params["out"]
        elif program == "python":
            compile(words[1], "advice", "exec")
        else:
            assert program == "curl"


def test_an_option_that_an_evaluation_does_not_take_is_trained_with_and_evaluated() -> None:
    train, evaluate = FILE.changed({"--non-negative": None}, "x").splitlines()
    assert train == "gatecast train meters.csv --id meter --horizon 6 --steps 100 --non-negative --out runs/meters-x"
    assert evaluate == "gatecast evaluate runs/meters-x --test-steps 12 --folds 3 --out out-x"
    assert FILE.changed({"--horizon": "3"}, "y") == (
        "gatecast evaluate meters.csv --horizon 3 --id meter --folds 3 --out out-y"
    )
    assert RUN.gone_on() == "gatecast export runs/meters --out runs/meters.bundle"
    assert FILE.gone_on() == "gatecast train meters.csv --id meter --horizon 6 --steps 100 --out runs/meters"


@pytest.mark.parametrize("name", ["a b", "x'; rm -rf ~; '", '"', "<b>", "é/ü"])
def test_names_of_series_stay_words_in_commands(name: str) -> None:
    entries = {name: entry(9.0), **{f"s{n}": entry(0.7) for n in range(4)}}
    found = series.worst_series(case(by_series=entries))
    assert found is not None
    words = shlex.split(found.command)
    assert words[:2] == ["python", "-c"]
    assert len(words) == 3
    compile(words[2], "advice", "exec")
    calibrated = bands.narrow_bands(case(by_series=entries, overall=entry(0.7, coverage_80=0.5)))
    assert calibrated is not None
    (url,) = (word for word in shlex.split(calibrated.command) if word.startswith("http"))
    assert url.count("/") == 5
    assert " " not in url


def test_the_season_of_a_series_is_found_and_none_is_made_up() -> None:
    wave = daily_wave(400)
    assert season_in(wave) == 24
    wave[::7] = np.nan
    assert season_in(wave) == 24
    random = np.random.default_rng(0)
    assert season_in(random.normal(size=400)) is None
    assert season_in(random.normal(size=400).cumsum()) is None
    assert season_in(np.full(400, 3.0)) is None
    assert season_in(np.arange(400.0)) is None
    assert season_in(np.full(30, np.nan)) is None
    assert season_in(daily_wave(50)) is None  # not seen often enough
