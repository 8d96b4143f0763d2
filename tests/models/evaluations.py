"""A small run and its file, and `gatecast` as it is typed, for the tests of `gatecast evaluate`."""

from __future__ import annotations

from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from commands.main import app
from tests.conftest import daily_wave

TINY = ("--hidden", "4", "--layers", "1", "--batch", "2", "--steps", "3", "--lags", "4,24")
THREE = ("--folds", "3", "--steps", "2")
TWO = ("--folds", "2", "--steps", "2")


def write(path: Path, hours: int) -> Path:
    """Two hourly series with a covariate, under names of columns that must be said; the first hours are the same."""
    lines = ["meter,when,load,temperature"]
    for name in ("north", "south"):
        for hour, value in enumerate(daily_wave(600, seed=len(name) + ord(name[0]))[:hours]):
            lines.append(f"{name},2024-05-{1 + hour // 24:02d}T{hour % 24:02d}:00:00,{value:.3f},{hour % 24}")
    path.write_text("\n".join(lines))
    return path


COLUMNS = ("--id", "meter", "--time", "when", "--target", "load")


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def one_line(result: Result) -> str:
    return " ".join(result.output.split())


def trained_in(place: Path) -> Path:
    """A run in a folder, with its file beside it."""
    data = write(place / "meters.csv", 400)
    result = invoke("train", data, "--horizon", "6", "--out", place / "run", *TINY, *COLUMNS)
    assert result.exit_code == 0, result.output
    return place
