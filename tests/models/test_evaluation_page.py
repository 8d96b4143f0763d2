"""The page of an evaluation: it holds the figures of metrics.json, and stands alone whatever the series are like."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from models.evaluation.fold_plots import plot_folds
from models.evaluation.ledger import METRICS, PAGE, Ledger
from models.evaluation.page.account import Account
from models.evaluation.page.document import page_of
from models.evaluation.page.headline import sentences, title
from models.evaluation.page.page import account_of, write_page
from models.evaluation.page.tables import BOUND, SHOWN
from models.evaluation.page.tables import METRICS as WRITTEN
from models.evaluation.rolling_origin import SECONDS, Study
from tests.conftest import HOUR, START, small_config
from tests.models.accounts import AGAIN, account_in, told
from tests.models.studies import FOLDS, TINY, evaluated, study_of

VOID = {"meta", "br", "link", "img", "input", "hr"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation") / "run"


@pytest.fixture(scope="module")
def account(place: Path) -> Account:
    return account_in(place)


class Reader(HTMLParser):
    """Takes a page apart, and fails where its elements are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.cells: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        known = dict(attrs)
        self.ids += [known["id"] or ""] if "id" in known else []
        self.links += [known["href"] or ""] if "href" in known else []
        if tag not in VOID:
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)
        if self.open and self.open[-1] == "td":
            self.cells[-1] += data

    @classmethod
    def of(cls, page: str) -> Reader:
        found = cls()
        found.feed(page)
        found.close()
        assert found.open == []
        return found


def figures_of(metrics: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every figure of metrics.json with the name that it is written by; of simple forecasts by series the MASE."""
    entries = [metrics["overall"], *metrics["by_fold"], *metrics["by_horizon"]]
    for entry in entries:
        for row in (entry["gatecast"], *entry["seasonal_naive"].values(), *entry["baselines"].values()):
            yield from row.items()
    for entry in metrics["by_series"].values():
        yield from entry["gatecast"].items()
        for row in (*entry["seasonal_naive"].values(), *entry["baselines"].values()):
            yield "mase", row["mase"]


def test_the_page_holds_every_figure_of_the_metrics(account: Account, place: Path) -> None:
    metrics = json.loads((place / METRICS).read_text())
    cells = set(Reader.of(page_of(account)).cells)
    count = 0
    for name, value in figures_of(metrics):
        assert (WRITTEN[name][1](value) if name in WRITTEN else f"{value:,}") in cells, (name, value)
        count += 1
    assert count > 300
    for entry in [metrics, *metrics["by_fold"]]:
        assert {f"{each['observed']:.4f}" for each in entry["calibration"]} <= cells
    for fold in metrics["by_fold"]:
        assert f"{fold['training']['best_step']} of {fold['training']['steps']}" in cells


def test_the_page_needs_nothing_from_outside_is_well_formed_and_follows_the_theme(account: Account) -> None:
    page = page_of(account)
    found = Reader.of(page)
    assert not found.tags & {"script", "link", "img", "iframe", "object"}
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org|127\.0\.0\.1)", page)
    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawings) == 4 + 3
    for drawing in drawings:
        element = ElementTree.fromstring(drawing)
        assert element.get("aria-label"), "what one sees is said"
        assert "currentColor" in drawing
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


def test_the_best_of_a_column_is_marked(account: Account) -> None:
    errors = {**{f"naive_{lag}": e["mase"] for lag, e in account.overall["seasonal_naive"].items()}}
    errors |= {name: entry["mase"] for name, entry in account.overall["baselines"].items()}
    errors["gatecast"] = account.overall["gatecast"]["mase"]
    best = min(errors, key=lambda name: errors[name])
    table = re.search(r"<h2 id='table'>.*?</table>", page_of(account), flags=re.DOTALL)
    assert table is not None
    rows = re.findall(r"<tr.*?</tr>", table[0])
    (row,) = (row for row in rows if f"<td>{account.names[best]}</td>" in row)
    assert f"<td class='best'>{errors[best]:.3f}</td>" in row
    assert sum(f"<td class='best'>{error:.3f}</td>" in table[0] for error in errors.values()) == 1


def test_names_that_look_like_markup_are_text(tmp_path: Path) -> None:
    study = study_of(replace(FOLDS, count=2), series=2)
    names = ("<script>alert('&')</script>", '$x^$ "quoted"')
    study = replace(study, ids=names)
    scores = evaluated(study, tmp_path / "run")
    ledger = Ledger(tmp_path / "run", study.identity, study.config)
    plot_folds(study, scores, ledger.read, ledger.path)
    page = write_page(study, scores, ledger, TINY, AGAIN, "<b>waves</b>.csv").read_text()
    found = Reader.of(page)
    assert "script" not in found.tags
    assert set(names) <= set(found.cells)
    assert any("<b>waves</b>.csv" in text for text in found.text)


def flat(study: Study) -> Study:
    values = np.full_like(study.stretches[0].values, 7.0)
    return replace(study, stretches=tuple(replace(each, values=values[: len(each)]) for each in study.stretches))


def test_where_no_reading_came_the_page_says_that_nothing_was_compared(tmp_path: Path) -> None:
    study = study_of(series=1)
    (stretch,) = study.stretches
    values = stretch.values.copy()
    values[-(FOLDS.count * FOLDS.test_steps) :] = np.nan
    account = told(replace(study, stretches=(replace(stretch, values=values),)), tmp_path)
    assert title(account) == "waves.csv: no reading came to compare forecasts with"
    assert "Nothing was compared" in " ".join(sentences(account))
    assert "Nothing was compared" in page_of(account)


def counted(study: Study) -> Study:
    """Times that are counts: no calendar, no season."""
    stretches = tuple(replace(each, times=np.arange(len(each))) for each in study.stretches)
    return replace(study, stretches=stretches, config=small_config(frequency="1", lags=(1,), calendar=(), hidden=4))


def holed(study: Study) -> Study:
    stretches = [replace(each, values=each.values.copy()) for each in study.stretches]
    for each in stretches:
        each.values[-20:-9] = np.nan
    return replace(study, stretches=tuple(stretches))


@pytest.mark.parametrize("change", [flat, counted, holed])
@pytest.mark.parametrize("horizon", [1, 6])
def test_the_page_stands_with_one_series_one_fold_and_odd_readings(
    tmp_path: Path, change: Callable[[Study], Study], horizon: int
) -> None:
    study = change(study_of(replace(FOLDS, count=1), series=1))
    study = replace(
        study, config=replace(study.config, horizon=horizon), settings=replace(study.settings, stride=horizon)
    )
    told_now = told(study, tmp_path / "run")
    found = Reader.of(page_of(told_now))
    assert "by-series" not in found.ids
    assert not any("nan" in text.lower().split() for text in found.text)


def test_many_series_are_shown_at_their_ends_and_listed_up_to_a_bound(account: Account) -> None:
    metrics = json.loads(json.dumps(account.metrics))
    (first, *_) = metrics["by_series"].values()
    series = {}
    for number in range(BOUND + 7):
        row = json.loads(json.dumps(first))
        row["gatecast"]["mase"] = float(number)
        series[f"meter-{number}"] = row
    page = page_of(replace(account, metrics={**metrics, "by_series": series}))
    shown = page[page.index("id='by-series'") : page.index("id='next'")]
    names = re.findall(r"<td>(meter-\d+)</td>", shown)
    last = BOUND + 6
    assert names == [*(f"meter-{last - at}" for at in range(SHOWN)), *(f"meter-{at}" for at in range(SHOWN))]
    assert "7 more are in metrics.json" in page
    assert len(page) < 4_000_000


def test_a_fold_that_an_earlier_version_did_has_a_page_without_its_times(account: Account, place: Path) -> None:
    assert set(account.seconds) == {1, 2, 3}
    page = page_of(replace(account, seconds={}))
    assert "trainings took" in page_of(account)
    assert "trainings took" not in page
    study = replace(study_of(series=3), config=account.config)
    ledger = Ledger(place, study.identity, study.config)
    for fold in (1, 2, 3):
        notes = {name: value for name, value in ledger.notes(fold).items() if name != SECONDS}
        (place / f"fold-{fold}.json").write_text(json.dumps(notes))
    again = evaluated(study, place, resume=True)
    assert account_of(study, again, ledger, TINY, AGAIN, "waves.csv").seconds == {}
    assert write_page(study, again, ledger, TINY, AGAIN, "waves.csv") == place / PAGE


def test_an_excerpt_goes_back_over_folds_and_knows_where_it_stands(account: Account) -> None:
    assert [shown.word for shown in account.excerpts] == ["best", "median", "worst"]
    for shown in account.excerpts:
        assert shown.folds == (1, 2, 3)
        assert len(shown.starts) == 6
        assert np.diff(shown.starts).tolist() == [6] * 5
        assert shown.moments[shown.starts[0]] == np.datetime64(START + HOUR * (150 - 36), "s")
        steps = np.array(shown.starts)[:, None] + np.arange(6)
        np.testing.assert_array_equal(shown.targets, shown.readings[steps])
