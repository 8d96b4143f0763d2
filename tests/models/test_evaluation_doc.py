"""The page on backtests: its files, baselines and options are those there are, and a rule has a row."""

from __future__ import annotations

import re
from pathlib import Path

from commands.main import load
from models.evaluation.advice.rules import RULES
from models.evaluation.baselines import BASELINES
from models.evaluation.ledger import BY_SERIES, FORECASTS, METRICS, PAGE, PLOTS

TEXT = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text(encoding="utf-8")
ADVICE = TEXT.split("## What to try next")[1]


def test_the_files_and_the_baselines_of_the_page_are_those_there_are() -> None:
    named = set(re.findall(r"`([\w.]+)`", TEXT))
    assert {PAGE, FORECASTS, METRICS, BY_SERIES, *PLOTS} <= named
    table = re.findall(r"^\| `(\w+)` \|", TEXT.split("## The page")[1], flags=re.MULTILINE)
    assert table == list(BASELINES)


def test_the_options_that_are_advised_are_there_and_each_rule_has_its_row() -> None:
    known = {
        option
        for name in ("train", "evaluate", "tune")
        for parameter in load(name).params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert set(re.findall(r"--[a-z][a-z-]+", ADVICE)) <= known
    rows = re.findall(r"^\| .* \|$", ADVICE, flags=re.MULTILINE)
    assert len(rows) - 1 == len(RULES) - 1  # a heading; bands that are too narrow and too wide share a row
