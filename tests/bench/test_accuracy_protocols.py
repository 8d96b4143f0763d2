"""The protocols cut their data as the tables that they stand beside did."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from bench.accuracy import gift, long_horizon, m4_hourly
from bench.accuracy.gift import windows
from bench.accuracy.protocol import Protocol
from bench.accuracy.registry import SETS
from datasets.bundled import bundled
from datasets.reader import read_table
from datasets.split import split

DAYS = 20 * 30 + 3  # the months of the long-horizon protocol, and a few days that it leaves out


@pytest.fixture(autouse=True)
def data(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATECAST_DATA", str(written))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as GATECAST_DATA names it, with series of our own in the files' places."""
    root = tmp_path_factory.mktemp("data")
    for name, step in (("ETTh1", 3_600), ("ETTm1", 900)):
        length = DAYS * 86_400 // step
        times = np.datetime64("2016-07-01T00:00:00") + np.arange(length) * np.timedelta64(step, "s")
        columns = np.random.default_rng(0).normal(3, 2, (length, 2)).round(3)
        path = root / "ett" / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["date", "HUFL", "OT"])
            rows.writerows(
                [str(time).replace("T", " "), *row] for time, row in zip(times, columns.tolist(), strict=True)
            )
    folder = root / "m4_hourly"
    folder.mkdir()
    for name, lengths in (("Hourly-train.csv", (700, 960)), ("Hourly-test.csv", (48, 48))):
        with (folder / name).open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["id", *(f"V{number}" for number in range(960))])
            rows.writerows([f"H{series}", *range(1, length + 1)] for series, length in enumerate(lengths, 1))
    return root


def targets(protocol: Protocol, series: int) -> tuple[int, int]:
    """The places of the first and the last reading that is forecast."""
    at = protocol.origins[series]
    return int(at[0]) + 1, int(at[-1]) + protocol.horizon


def test_m4_forecasts_what_follows_each_history_and_chooses_by_its_last_horizon() -> None:
    protocol = m4_hourly.protocol()
    assert [len(stretch) for stretch in protocol.panel.series] == [748, 1_008]
    assert protocol.panel.validation_end == protocol.learned == (700, 960)
    assert protocol.panel.train_end == (652, 912)
    assert targets(protocol, 0) == (700, 747)
    assert protocol.panel.series[0].values[700:, 0].tolist() == list(range(1, 49))
    assert protocol.config.calendar == ()


@pytest.mark.parametrize(("name", "step"), [("etth1", 24), ("ettm1", 96)])
def test_the_long_horizon_has_twelve_months_then_four_then_four_and_every_origin(name: str, step: int) -> None:
    protocol = long_horizon.protocol(name)
    month = 30 * step
    assert protocol.panel.train_end[0] == protocol.learned[0] == 12 * month
    assert protocol.panel.validation_end[0] == 16 * month
    assert targets(protocol, 0) == (16 * month, 20 * month - 1)
    assert len(protocol.origins[0]) == 4 * month - 96 + 1
    values = protocol.panel.series[1].values[:, 0]
    assert protocol.deviations is not None
    assert protocol.deviations[1] == pytest.approx(values[: 12 * month].std())


def test_windows_of_gift_do_not_overlap_and_end_with_the_series() -> None:
    protocol = gift.protocol("ett1/15T")
    (at, _) = protocol.origins
    assert len(at) == 20
    assert set(np.diff(at)) == {48}
    assert targets(protocol, 0) == (protocol.panel.validation_end[0], len(protocol.panel.series[0]) - 1)


def test_the_hourly_row_is_the_sum_of_four_quarters() -> None:
    quarters, hours = gift.protocol("ett1/15T").panel.series[1], gift.protocol("ett1/H").panel.series[1]
    assert hours.values[:, 0] == pytest.approx(quarters.values[:, 0].reshape(-1, 4).sum(1))
    assert hours.times.tolist() == quarters.times[::4].tolist()


@pytest.mark.parametrize(("length", "count"), [(69_680, 20), (17_420, 20), (2_400, 5), (2_401, 6)])
def test_a_series_has_a_tenth_of_itself_in_windows_and_no_more_than_twenty(length: int, count: int) -> None:
    assert windows(length) == count


def test_the_taxi_is_split_as_training_splits_it() -> None:
    protocol = SETS["taxi"]()
    parts = split(read_table(bundled("nyc_taxi")), protocol.horizon)
    assert protocol.panel.train_end == tuple(parts.train_end)
    assert targets(protocol, 0) == (parts.validation_end[0], len(protocol.panel.series[0]) - 1)


@pytest.mark.parametrize("name", SETS)
def test_figures_of_others_are_of_measures_that_are_shown(name: str) -> None:
    protocol = SETS[name]()
    assert protocol.name == name
    assert set(protocol.naive) <= set(protocol.measures)
    for row in (*protocol.published, *protocol.goals):
        assert set(row.figures) <= set(protocol.measures)


@pytest.mark.parametrize("name", SETS)
def test_peers_are_asked_at_all_hours_of_a_day(name: str) -> None:
    protocol = SETS[name]()
    whole = {int(origin) % protocol.season for at in protocol.origins for origin in at}
    thin = {int(origin) % protocol.season for at in protocol.thinned().origins for origin in at}
    assert thin == whole
