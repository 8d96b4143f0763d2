"""`gatecast gates` as it is typed: both files at the end, or one line that says what to do."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from click.testing import Result
from matplotlib.image import imread
from typer.testing import CliRunner

from commands.main import app
from service.bundle import MANIFEST, Bundle, write_manifest
from tests.conftest import daily_wave

HOURS = 120
NAMES = ("north", "</script><script>$")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hourly series; one has a name that a page or a picture might take for something else."""
    hours = np.datetime64("2014-07-01T00:00:00") + np.arange(HOURS).astype("timedelta64[h]")
    rows = ["unique_id,ds,y,wind"]
    for seed, name in enumerate(NAMES):
        values = daily_wave(HOURS, seed)
        rows += [f"{name},{hour},{value:.3f},1" for hour, value in zip(hours, values, strict=True) if hour != hours[9]]
    file = tmp_path_factory.mktemp("data") / "meters.csv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file


def gates(bundle: Path, data: Path, out: Path, *options: str) -> Result:
    words = ["gates", str(bundle), str(data), "--out", str(out), *options]
    return CliRunner().invoke(app, words, env={"COLUMNS": "200"})


def said(result: Result) -> str:
    return " ".join(result.output.split())


def held(page: Path) -> dict[str, object]:
    text = page.read_text(encoding="utf-8")
    found = re.search(r'id="data">(.*?)</script>', text, flags=re.DOTALL)
    assert found is not None
    content: dict[str, object] = json.loads(found[1])
    return content


def test_it_leaves_a_picture_and_a_page(bundle: Bundle, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    options = ("--layer", "2", "--units", "3", "--mark", "2014-07-04T12:00=a day = a label")
    result = gates(bundle.path, data, out, *options)
    assert result.exit_code == 0, result.output
    assert "update gate z: mean 0." in said(result)
    assert "z near 1 keeps the past (h' = (1-z)·n + z·h)" in said(result)
    height, width, _ = imread(out / "gates.png").shape
    assert min(height, width) > 800
    page = held(out / "gates.html")
    assert page["series"] == "north"
    assert page["layer"] == "layer 2 of 2"
    assert len(page["times"]) == 48  # type: ignore[arg-type]
    assert [len(gate["units"]) for gate in page["gates"]] == [3, 3]  # type: ignore[attr-defined]
    assert page["marks"] == [{"time": 1404475200, "label": "a day = a label"}]


def test_a_series_may_be_named_like_a_script(bundle: Bundle, data: Path, tmp_path: Path) -> None:
    result = gates(bundle.path, data, tmp_path, "--series", NAMES[1], "--from", "2014-07-01", "--to", "2014-07-02")
    assert result.exit_code == 0, result.output
    page = held(tmp_path / "gates.html")
    assert page["series"] == NAMES[1]
    assert page["reading"][9] is None  # type: ignore[index]
    assert (tmp_path / "gates.html").read_text(encoding="utf-8").count("<script") == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--series", "south"), "has no series 'south', it has north, </script><script>$"),
        (("--from", "2013-01-01"), "--from: the series goes from 2014-07-01T00:00:00 to 2014-07-05T23:00:00"),
        (("--layer", "3"), "expected one of the layers 1, 2, got '3'"),
        (("--mark", "2014-07-01=early"), "--mark: 2014-07-01 lies outside the span that is shown"),
        (("--mark", "marathon"), "--mark: expected a time and a label"),
        (("--freq", "2h"), "expected times on a grid of 2h"),
        (("--target", "sun"), "there is no column 'sun'"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(
    bundle: Bundle, data: Path, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    result = gates(bundle.path, data, tmp_path / "out", *options)
    assert result.exit_code == 1
    assert says in said(result)
    assert not (tmp_path / "out").exists()


def test_a_bundle_that_does_not_stream_is_refused(bundle_copy: Path, data: Path, tmp_path: Path) -> None:
    manifest = Bundle.open(bundle_copy).manifest.model_copy(update={"streams": False, "architecture": "bi-gru"})
    write_manifest(bundle_copy, manifest.model_dump_json())
    result = gates(bundle_copy, data, tmp_path / "out")
    assert result.exit_code == 1
    assert "does not stream: its architecture bi-gru reads whole histories" in said(result)


def test_no_bundle_and_no_room_are_said(bundle: Bundle, data: Path, tmp_path: Path) -> None:
    assert "no[/]where is not a bundle" in said(gates(Path("no[/]where"), data, tmp_path))
    (tmp_path / "file").write_text("mine")
    result = gates(bundle.path, data, tmp_path / "file" / "out")
    assert result.exit_code == 1
    assert "cannot be written" in said(result)


def test_local_times_are_read_on_the_clock_that_the_bundle_was_trained_on(bundle_copy: Path, tmp_path: Path) -> None:
    manifest = json.loads((bundle_copy / MANIFEST).read_text())
    write_manifest(bundle_copy, json.dumps({**manifest, "time_zone": "UTC", "calendar_zone": "Europe/Berlin"}))
    hours = [datetime(2024, 3, 29, tzinfo=UTC) + timedelta(hours=hour) for hour in range(72)]
    rows = [f"{hour.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%dT%H:%M:%S},{hour.hour}" for hour in hours]
    (tmp_path / "local.csv").write_text("\n".join(["ds,y", *rows]), encoding="utf-8")
    span = ("--from", "2024-03-30T12:00", "--to", "2024-03-31T12:00:00+02:00")
    result = gates(bundle_copy, tmp_path / "local.csv", tmp_path / "out", *span)
    assert result.exit_code == 0, result.output
    assert "2024-03-30T12:00:00 to 2024-03-31T10:00:00" in said(result)
