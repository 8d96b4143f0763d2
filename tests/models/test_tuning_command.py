"""`gatecast tune` with real workers: what it prints and leaves, what it survives, and what it never looks at."""

from __future__ import annotations

import csv
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.main import app
from models.training.run import Run
from models.tuning.folder import PLAN
from tests.conftest import daily_wave
from tests.models.runs import without_days_and_cool_down

ROOT = Path(__file__).parents[2]
HOURS, HELD_OUT = 420, 42
TRIALS = 3
Row = dict[str, str]

SPACE = """
rate = { low = 0.002, high = 0.02, log = true }
hidden = { choices = [4, 6] }
layers = 1
lags = [24]
batch = 2
shortest = 8
longest = 24
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same hourly series twice, but for the held-out end, and a space of tiny nets."""
    place = tmp_path_factory.mktemp("tuning")
    values = daily_wave(HOURS)
    hours = np.datetime64("2024-05-01T00:00:00") + np.arange(HOURS).astype("timedelta64[h]")
    for name, factor in (("waves", 1.0), ("other-end", -7.0)):
        values[-HELD_OUT:] *= factor
        rows = [f"{hour},{value:.3f}" for hour, value in zip(hours, values, strict=True)]
        (place / f"{name}.csv").write_text("\n".join(["ds,y", *rows]))
    (place / "space.toml").write_text(SPACE)
    return place


def arguments(folder: Path, out: str, data: str = "waves") -> list[str]:
    options = ["--space", str(folder / "space.toml"), "--trials", str(TRIALS), "--steps", "6", "--sampler", "random"]
    return ["tune", str(folder / f"{data}.csv"), "--horizon", "4", "--out", str(folder / out), "--seed", "5", *options]


def typed(*options: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(app, list(options))


def table(study: Path) -> list[Row]:
    with (study / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def learned(study: Path) -> list[tuple[str, ...]]:
    """What a search came to, whatever it was through: settings, loss and steps of each trial."""
    return [(row["rate"], row["hidden"], row["loss"], row["steps"]) for row in table(study)]


@pytest.fixture(scope="module")
def study(folder: Path) -> Path:
    """A search that nothing came between."""
    result = typed(*arguments(folder, "whole"))
    assert result.exit_code == 0, result.output
    assert f"Ended: {TRIALS} complete, 0 pruned, 0 failed." in result.output
    (folder / "said.txt").write_text(result.output)
    return folder / "whole"


def test_a_study_leaves_its_trials_its_best_and_a_picture(study: Path) -> None:
    rows = table(study)
    assert [row["state"] for row in rows] == ["complete"] * TRIALS
    best = json.loads((study / "best.json").read_text())
    smallest = min(rows, key=lambda row: float(row["loss"]))
    assert best["study"]["validation_loss"] == float(smallest["loss"])
    assert best["training"]["rate"] == float(smallest["rate"])
    assert best["model"]["hidden"] == int(smallest["hidden"])
    assert (study / "history.png").stat().st_size > 5_000


def test_the_last_thing_printed_trains_the_best_trial_again(study: Path, folder: Path) -> None:
    command = re.search(r"Ready to train: gatecast (.*)$", (folder / "said.txt").read_text().strip())
    assert command is not None
    result = typed(*command[1].split(), "--cooldown", "0")  # trials do not cool down
    assert result.exit_code == 0, result.output
    run = Run.open(study / "run")
    best = json.loads((study / "best.json").read_text())
    assert run.metrics()["training"]["best"] == best["study"]["validation_loss"]
    assert run.config.hidden == best["model"]["hidden"]


@pytest.fixture
def begun(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Begins a search in a process of its own and session, as from a terminal."""
    processes: list[subprocess.Popen[str]] = []

    def begin(out: str, data: str = "waves") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "commands.main", *arguments(folder, out, data)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, start_new_session=True
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], beginning: str) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith(beginning):
            return
    pytest.fail("".join(said))


def descendants(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    children = [int(child) for child in text.split()]
    return children + [grandchild for child in children for grandchild in descendants(child)]


def test_a_killed_search_comes_to_what_it_would_have_come_to_and_the_held_out_end_has_no_say(
    study: Path, folder: Path, begun: Callable[..., subprocess.Popen[str]]
) -> None:
    process = begun("killed", data="other-end")
    read_until(process, "trial 0")
    left = [os.pidfd_open(child) for child in descendants(process.pid)]
    assert len(left) >= 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    for worker in left:  # nobody tells them; they leave all the same
        assert select.select([worker], [], [], 30)[0], "a worker outlives its search"
        os.close(worker)
    assert not (folder / "killed" / "trials.csv").exists()
    result = typed(*arguments(folder, "killed", data="other-end"), "--resume")
    assert result.exit_code == 0, result.output
    assert "trial 0 " not in result.output  # it is not done twice
    assert sorted(learned(folder / "killed")) == sorted(learned(study))


def test_a_study_of_before_the_cool_down_is_the_same_study(study: Path, folder: Path) -> None:
    shutil.copytree(study, folder / "before")
    without_days_and_cool_down(folder / "before" / PLAN, "plan")
    result = typed(*arguments(folder, "before"), "--resume")
    assert result.exit_code == 0, result.output
    assert learned(folder / "before") == learned(study)
    other = typed(*arguments(folder, "before")[:-1], "tpe", "--resume")
    assert "this is another study" in other.output


def test_ctrl_c_ends_in_order_and_keeps_what_is_done(folder: Path, begun: Callable[..., subprocess.Popen[str]]) -> None:
    process = begun("interrupted")
    read_until(process, "trial 0")
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "because it was interrupted; --resume goes on" in output
    assert "Traceback" not in output
    states = [row["state"] for row in table(folder / "interrupted")]
    assert states[0] == "complete"
    assert "running" not in states


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--space", "absent.toml"), "absent.toml cannot be read"),
        (("--sampler", "best"), "--sampler is one of tpe, random, grid"),
        (("--resume",), "is no study: it has no study.json"),
        (("--test-steps", "400"), "steps to train on"),
        (("--out", "{whole}"), "is not empty: go on with --resume"),
        (("--out", "{whole}", "--resume", "--seed", "6"), "another study: seed was 5, is 6"),
        (("--out", "{whole}", "--resume", "--steps", "9"), "steps was 6, is 9"),
        (("--out", "{whole}", "--resume", "--test-steps", "30"), "readings, times or the split are not the same"),
    ],
)
def test_faults_end_in_one_line_and_exit_1(study: Path, folder: Path, options: tuple[str, ...], message: str) -> None:
    before = sorted(study.iterdir())
    given = (option.format(whole=study) for option in options)
    result = typed(*arguments(folder, "nothing"), *given)
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert not (folder / "nothing").exists()
    assert sorted(study.iterdir()) == before


def test_the_built_in_space_is_printed_as_a_file_that_can_be_given(tmp_path: Path) -> None:
    from models.tuning.space import Space

    result = typed("tune", "--print-space")
    assert result.exit_code == 0
    (tmp_path / "space.toml").write_text(result.output)
    assert "rate" in Space.read(tmp_path / "space.toml").dimensions
