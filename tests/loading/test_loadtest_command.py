"""`gatecast loadtest` from start to end, against a real service."""

from __future__ import annotations

import io
import itertools
import json
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from commands.loading.plan import Plan
from commands.loading.screen import line, picture
from commands.loading.tally import Tally
from commands.loadtest import loadtest
from tests.api.keyring import locked
from tests.served import free_port
from tests.test_without_torch import TRAINING, gatecast, without

ROOT = Path(__file__).parents[2]


def run(url: str, *options: str) -> Result:
    app = typer.Typer()
    app.command()(loadtest)
    return CliRunner().invoke(app, [url, *options], env={"COLUMNS": "200"})


SHORT = ("--seconds", "1", "--warm-up", "0.2", "--sessions", "8", "--connections", "2")
FORMS = {
    "items": ("--rate", "100"),
    "JSON": ("--rate", "100", "--form", "json"),
    "columns": ("--rate", "400", "--frame", "4", "--columns"),
    "columns in JSON": ("--rate", "400", "--frame", "4", "--columns", "--form", "json"),
    "many items": ("--rate", "400", "--frame", "4", "--arrivals", "even"),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_reading_is_recorded_and_the_report_says_how_long_it_took(live, tmp_path: Path, form: str) -> None:
    told = run(f"http://{live.address}", *SHORT, *FORMS[form], "--out", str(tmp_path / "out"))
    assert told.exit_code == 0, told.output
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    rate = float(FORMS[form][1])
    assert 0.6 * rate < found["asked"] < 1.4 * rate
    assert found["refused"] == {}
    assert (found["lost_frames"], found["frames"] * found["plan"]["frame"]) == (0, found["asked"])
    shares = [*found["latency"]["percentiles"].values()]
    assert all(0 < shorter <= longer for shorter, longer in itertools.pairwise(shares))
    assert sum(each["frames"] for each in found["histogram"]) == found["frames"]
    assert "p99" in told.output
    assert (tmp_path / "out" / "report.html").exists()


def test_sessions_of_the_test_are_gone_after_it_and_others_are_as_they_were(live) -> None:
    live.http.put("/v1/sessions/mine", json={"start": "2024-01-01T00:00:00"}).raise_for_status()
    assert run(f"http://{live.address}", *SHORT).exit_code == 0
    names = [each["session"] for each in live.http.get("/v1/sessions").json()["sessions"]]
    assert names == ["mine"]


def test_covariates_known_ahead_and_static_features_are_given_as_the_model_wants_them(open_behind) -> None:
    knows = {"covariates": ("price", "rain"), "future": ("price",), "static": ("area",)}
    with open_behind(**knows) as running:
        told = run(f"http://{running.address}", *SHORT, "--rate", "50")
        assert told.exit_code == 0, told.output
        assert "0.00% refused" in told.output
        told = run(f"http://{running.address}", *SHORT, "--columns")
        assert (told.exit_code, "--columns: this model" in told.output) == (1, True)


def test_a_service_that_turns_readings_away_is_reported_by_code(open_behind, tmp_path: Path) -> None:
    with open_behind({"readings_per_second": 20, "burst_seconds": 0.2}) as running:
        told = run(f"http://{running.address}", *SHORT, "--rate", "200", "--out", str(tmp_path))
        assert told.exit_code == 0, told.output
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["refused"]["rate_limited"] > 50
    assert sum(found["refused"].values()) + found["frames"] == found["asked"]
    assert "this is more than the service takes" in told.output
    page = (tmp_path / "report.html").read_text()
    assert "rate_limited" in page


class Asked(HTMLParser):
    """What a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag] if tag in ("script", "link", "img", "iframe", "object") else []
        self.found += [f"{name}={value}" for name, value in attrs if name in ("src", "href") or name.startswith("on")]


def test_the_report_is_one_file_that_asks_for_nothing(live, tmp_path: Path) -> None:
    assert run(f"http://{live.address}", *SHORT, "--out", str(tmp_path)).exit_code == 0
    page = (tmp_path / "report.html").read_text()
    asked = Asked()
    asked.feed(page)
    assert asked.found == []
    assert not re.search(r"url\(|@import", page)
    assert page.count("<svg") == 3
    assert "coordinated" not in page
    assert "from when its frame was <i>due</i>" in page
    again = run(f"http://{live.address}", *SHORT, "--out", str(tmp_path))
    assert (again.exit_code, "--replace" in again.output) == (1, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rate", "0"), "--rate: readings a second, above 0"),
        (("--frame", "16", "--sessions", "8"), "--sessions: a frame of 16 readings"),
        (("--frame", "3", "--sessions", "8"), "6 would do"),
        (("--seconds", "99999"), "--seconds: above 0"),
        (("--rate", "1000000000"), "send larger frames"),
        (("--rate", "0.001"), "not one frame"),
        (("--horizon", "99"), "--horizon: 1 to 3 was expected"),
        (("--connections", "0"), "--connections: 1 or more"),
    ],
)
def test_nonsense_is_refused_before_anything_is_sent(live, options: tuple[str, ...], said: str) -> None:
    told = run(f"http://{live.address}", *SHORT, *options)
    assert told.exit_code == 1
    assert said in told.output
    assert live.http.get("/v1/sessions").json()["sessions"] == [] or "mine" in live.http.get("/v1/sessions").text


def test_who_is_not_there_or_is_not_a_service_is_told_by_name() -> None:
    told = run(f"http://127.0.0.1:{free_port()}", *SHORT)
    assert (told.exit_code, "no service answered" in told.output) == (1, True)
    told = run("ftp://there", *SHORT)
    assert (told.exit_code, "address was expected" in told.output) == (1, True)
    assert "Traceback" not in told.output


def test_where_keys_are_asked_for_the_test_has_one_or_is_told_so(tmp_path: Path) -> None:
    with locked(tmp_path) as (running, ring):
        key = ring.add("acme", "read", "write")
        told = run(f"http://{running.address}", *SHORT, "--key", key)
        assert told.exit_code == 0, told.output
        assert "0.00% refused" in told.output
        without = run(f"http://{running.address}", *SHORT)
        assert (without.exit_code, "unauthenticated" in without.output) == (1, True)
        assert key not in told.output


def test_broken_off_it_reports_what_it_has_and_leaves_nothing_behind(live, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "commands.main", "loadtest", f"http://{live.address}", "--seconds", "60"]
    command += ["--warm-up", "0", "--sessions", "4", "--rate", "50", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    before = recorded(live)
    while recorded(live) < before + 20:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert "Broken off after" in said
    assert json.loads((tmp_path / "report.json").read_text())["asked"] > 0
    assert not [each for each in live.http.get("/v1/sessions").json()["sessions"] if "loadtest" in each["session"]]


def recorded(live) -> float:
    told = live.http.get("/metrics").text
    return float(re.findall(r"^gatecast_appended_total (.+)$", told, re.MULTILINE)[0])


def test_it_needs_nothing_of_what_training_needs(live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = without(TRAINING | {"polars", "matplotlib"}, tmp_path, monkeypatch)
    environment["PYTHONPATH"] = f"{tmp_path}:{ROOT}:{ROOT / 'client'}"
    done = gatecast(environment, "loadtest", f"http://{live.address}", *SHORT, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "report.html").exists()


def test_the_screen_shows_what_is_counted_so_far() -> None:
    tally = Tally(Plan(rate=100, warm_up=0, frame=2, sessions=2))
    tally.is_due(0.5)
    tally.was_sent(0.5, 0.5)
    tally.answered(0.5, 0.504, {"gap": 1})
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(picture(tally, 2.0))
    shown = console.export_text()
    assert "4 ms" in shown
    assert "gap 1" in shown
    assert "0 frames" in shown
    assert line(tally, 2.0).startswith("2 of 30 s, 1 readings recorded, 1 refused")
