"""`gatecast demo` from start to end, against the real service."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from commands.demo import demo
from datasets.frequency import Frequency, format_time
from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService
from tests.conftest import HOUR, START, daily_wave

LENGTH = 400  # of which the last fifth is streamed
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    journal = tmp_path_factory.mktemp("demo") / "journal.sqlite"
    running = LiveService(fake_bundle(horizon=24, quantiles=[0.1, 0.5, 0.9], covariates=["rain"]), journal)
    asyncio.run(running.start())
    yield running
    asyncio.run(running.stop())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "river.csv"
    hourly, wave = Frequency.parse("1h"), daily_wave(LENGTH)
    wave[LENGTH - 30] = np.nan
    rows = [
        f"{format_time(START + HOUR * step, hourly)},{'' if np.isnan(y) else y},{step % 7}"
        for step, y in enumerate(wave.tolist())
    ]
    path.write_text("\n".join(["ds,y,rain", *rows]))
    return path


def run(service: LiveService, data: Path, *options: str, **environment: str) -> Result:
    app = typer.Typer()
    app.command()(demo)
    arguments = ["--url", service.url, "--data", str(data), "--readings-per-second", "0", *options]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "100", "LINES": "30", **environment})


def test_without_a_terminal_it_prints_lines_and_a_summary(service: LiveService, data: Path) -> None:
    told = run(service, data, "--session", "lines")
    assert told.exit_code == 0, told.output
    assert "320 readings of history" in told.output
    lines = [line for line in told.output.splitlines() if "error 1 step ahead" in line]
    assert [line[:19] for line in lines] == ["2014-07-16T09:00:00", "2014-07-17T15:00:00"]
    assert "80 readings, 2014-07-14T08:00:00 to 2014-07-17T15:00:00" in told.output
    counts = [line.split("│")[1:3] for line in told.output.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in counts] == [["1 step", "79"], ["1 day", "56"]]
    assert "80 % band" in told.output
    assert "a power cut" not in told.output


def test_the_next_run_goes_on_and_after_the_end_it_starts_anew(service: LiveService, data: Path) -> None:
    assert "40 readings" in run(service, data, "--limit", "40").output
    second = run(service, data)
    assert "goes on at 2014-07-16T00:00:00" in second.output
    assert "40 readings, 2014-07-16T00:00:00 to 2014-07-17T15:00:00" in second.output
    third = run(service, data, "--limit", "5")
    assert "starts anew" in third.output
    assert "5 readings, 2014-07-14T08:00:00" in third.output
    assert "5 readings, 2014-07-14T08:00:00" in run(service, data, "--limit", "5", "--restart").output


def test_in_a_terminal_it_draws_and_leaves_the_chart_above_the_summary(service: LiveService, data: Path) -> None:
    told = run(service, data, "--session", "drawn", "--limit", "30", FORCE_COLOR="1", TERM="xterm-256color")
    assert told.exit_code == 0, told.output
    assert "● live" in told.output
    left = told.output[told.output.rindex("\x1b[?1049l") :]  # after the alternate screen was left
    assert "forecast 1 day before" in left
    assert "├" in left or "┤" in left
    assert "30 readings, " in left


def test_a_session_of_another_beginning_is_told_with_what_to_do(
    service: LiveService, data: Path, tmp_path: Path
) -> None:
    assert run(service, data, "--session", "taken", "--limit", "1").exit_code == 0
    other = tmp_path / "other.csv"
    other.write_text(data.read_text().replace(",3\n", ",4\n"))
    told = run(service, other, "--session", "taken", "--limit", "1")
    assert told.exit_code == 1
    assert "--restart" in told.output
    assert "--session" in told.output


def test_data_of_another_frequency_is_told_with_the_commands_to_run(service: LiveService) -> None:
    told = run(service, ROOT / "datasets" / "bundled" / "nyc_taxi.csv")
    assert told.exit_code == 1
    assert "every 1h" in told.output
    assert "gatecast train" in told.output


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:1", "gatecast serve"),
        ("127.0.0.1:8000", "--url"),
        ("{service}/elsewhere", "GET /v1/model"),
    ],
)
def test_no_service_there_is_told_with_what_to_do(service: LiveService, data: Path, url: str, says: str) -> None:
    told = run(service, data, "--url", url.format(service=service.url))
    assert told.exit_code == 1
    assert says in told.output


def test_ctrl_c_ends_it_cleanly_with_the_summary(service: LiveService, data: Path) -> None:
    command = [sys.executable, "-m", "commands.main", "demo", "--url", service.url, "--data", str(data)]
    process = subprocess.Popen(
        [*command, "--session", "stopped", "--readings-per-second", "25", "--restart"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    seen = ""
    while "error 1 step ahead" not in seen:
        line = process.stdout.readline()
        assert line, seen
        seen += line
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=30)[0]
    assert process.returncode == 0, rest
    assert "Traceback" not in rest
    assert "seasonal naive" in rest
    assert "Run it again to go on from here" in rest


def test_a_file_is_read_as_train_reads_it_with_the_columns_that_the_model_takes(
    service: LiveService, data: Path, tmp_path: Path
) -> None:
    """Names of its own, a column of text that no model takes, and a time a minute beside the grid."""
    path = tmp_path / "gauge.csv"
    head, *lines = data.read_text().replace("2014-07-05T00:00:00", "2014-07-05T00:01:00").splitlines()
    assert head == "ds,y,rain"
    rows = [f"{when},{level},{rain},calm,7" for when, level, rain in (line.split(",") for line in lines)]
    path.write_text("\n".join(["when,level,rain,note,width", *rows]))
    named = ("--time", "when", "--target", "level", "--freq", "1h", "--snap")
    told = run(service, path, *named, "--session", "named", "--limit", "3")
    assert told.exit_code == 0, told.output
    assert "3 readings, 2014-07-14T08:00:00" in told.output
    unnamed = run(service, path, "--session", "unnamed", "--limit", "3")
    assert unnamed.exit_code == 1
    assert "say which with --target NAME" in unnamed.output
    assert "--target" in run(service, path, "--help").output


def test_a_file_that_is_not_there_or_has_no_such_column_is_one_line(service: LiveService, tmp_path: Path) -> None:
    told = run(service, tmp_path / "nowhere.csv")
    assert told.exit_code == 1
    assert "there is no such file" in told.output
    (tmp_path / "dry.csv").write_text(
        "\n".join(["ds,y", *(f"2024-05-01T{hour:02d}:00:00,{hour}" for hour in range(9))])
    )
    told = run(service, tmp_path / "dry.csv")
    assert told.exit_code == 1
    assert "the model fake needs the column 'rain', which dry does not have" in told.output


def test_what_the_model_knows_ahead_and_of_a_series_is_sent_with_the_readings(tmp_path: Path) -> None:
    bundle = fake_bundle(
        horizon=24, quantiles=[0.1, 0.5, 0.9], covariates=["rain"], future=["rain"], static=["width"], name="knowing"
    )
    running = LiveService(bundle, tmp_path / "journal.sqlite")
    asyncio.run(running.start())
    hourly, wave = Frequency.parse("1h"), daily_wave(LENGTH)
    rows = [f"{format_time(START + HOUR * at, hourly)},{y},{at % 7},12.5" for at, y in enumerate(wave.tolist())]
    path = tmp_path / "river.csv"
    path.write_text("\n".join(["ds,y,rain,width", *rows]))
    try:
        first = run(running, path, "--limit", "5")
        again = run(running, path, "--limit", "5")
    finally:
        asyncio.run(running.stop())
    assert first.exit_code == 0, first.output
    assert again.exit_code == 0, again.output
    assert "goes on at" in again.output
