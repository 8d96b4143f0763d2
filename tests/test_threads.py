"""How threads wait is said before torch is loaded, by every command that trains, unless somebody has said it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.main import app
from commands.threads import CHOSEN, SPIN

HORIZON = ("--horizon", "6")
TRAINING = {
    "train": HORIZON,
    "tune": HORIZON,
    "compare": HORIZON,
    "evaluate": HORIZON,
    "gradients": (),
}


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CHOSEN:
        monkeypatch.setenv(name, "")  # so that it is put back as it was
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("nothing_set")
@pytest.mark.parametrize("command", TRAINING)
def test_a_command_that_trains_lets_threads_sleep_soon(command: str, tmp_path: Path) -> None:
    words = [command, str(tmp_path / "none.csv"), *TRAINING[command], "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(app, words).exit_code == 1  # there is no such file
    assert os.environ["GOMP_SPINCOUNT"] == SPIN


@pytest.mark.usefixtures("nothing_set")
@pytest.mark.parametrize("name", CHOSEN)
def test_what_was_set_stays(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(name, "active")
    CliRunner().invoke(app, ["train", str(tmp_path / "none.csv"), *HORIZON, "--out", str(tmp_path / "out")])
    assert {each: os.environ.get(each) for each in CHOSEN} == {**dict.fromkeys(CHOSEN), name: "active"}


def test_none_of_them_loads_torch_before_it_says_so() -> None:
    modules = ", ".join(f"commands.{name}" for name in TRAINING)
    said = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
