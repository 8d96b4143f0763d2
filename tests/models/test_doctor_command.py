"""`gatecast doctor` as it is typed: what it prints, its exit codes, its picture, how it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.main import app
from models.training.run import DOCTOR_PLOT, LOG, METRICS, Run
from tests.models.panels import small_run
from tests.models.records import log_of, without_monitor

PNG = b"\x89PNG"


def run_with(path: Path, records: list[dict[str, Any]]) -> Run:
    run = small_run(path)
    run.start()
    run.rewrite_log(records)
    return run


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments])


def test_a_healthy_run_exits_0_with_the_figures_that_say_so(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", log_of())
    result = doctor(str(run.path))
    assert result.exit_code == 0, result.output
    header = "40 steps and 8 validations of gru 2 x 8 at a rate of 0.005; training has not ended"
    for part in (header, "healthy", "gradient norm 0.5"):
        assert part in result.output
    assert (run.path / DOCTOR_PLOT).read_bytes().startswith(PNG)


def test_a_sick_run_exits_1_with_verdict_evidence_and_the_flag_to_try(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", log_of(gates=lambda _: {"1.z": (0.0, 1.0)}, dead=lambda _: 1.0))
    result = doctor(str(run.path))
    assert result.exit_code == 1, result.output
    for part in (
        "frozen update gates",
        "they keep the past and let no new reading in",
        "100% of the update gates of layer 1 are near 1 (steps 31 to 40)",
        "Brings with it: dead units.",
        "Try next: --seed 1",
    ):
        assert part in result.output


def test_json_is_one_object_with_the_same_findings(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", log_of(gradient_norm=lambda _: 1e9))
    result = doctor(str(run.path), "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert (answer["healthy"], answer["steps"], answer["monitored"]) == (False, 40, True)
    (finding,) = answer["findings"]
    assert (finding["name"], finding["suggestion"]) == ("exploding gradients", "--rate 0.0025")
    assert finding["evidence"]
    assert Path(answer["picture"]).is_file()


def test_a_log_of_an_older_version_is_read_and_said_to_be_one(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", without_monitor(log_of()))
    result = doctor(str(run.path))
    assert result.exit_code == 0
    assert "This log has losses and gradient norms alone" in result.output


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run.path / "config.json").unlink(), "is no run: it has no config.json"),
        (lambda run: (run.path / LOG).unlink(), "has a log of 0 steps"),
        (lambda run: (run.path / LOG).write_bytes(b"\xff\xfe" * 100), "log.jsonl is damaged"),
        (lambda run: (run.path / LOG).write_text("3\n" * 20), "log.jsonl is damaged"),
        (lambda run: (run.path / LOG).write_text('{"step": 1}\n' * 20), "log.jsonl is damaged"),
        (lambda run: (run.path / METRICS).write_text("{"), "metrics.json is damaged"),
    ],
)
def test_what_cannot_be_read_exits_2_in_one_line(tmp_path: Path, spoil: Any, message: str) -> None:
    run = run_with(tmp_path / "run", log_of())
    spoil(run)
    for arguments in ((), ("--json",)):
        result = doctor(str(run.path), *arguments)
        assert result.exit_code == 2
        assert message in result.stderr
        assert result.stdout == ""


def test_a_folder_that_is_not_there_exits_2(tmp_path: Path) -> None:
    result = doctor(str(tmp_path / "nowhere"))
    assert result.exit_code == 2
    assert "gatecast train DATA --out" in result.stderr


def test_a_picture_that_cannot_be_written_keeps_no_finding_back(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", log_of(dead=lambda _: 0.5))
    (run.path / DOCTOR_PLOT).mkdir()
    result = doctor(str(run.path))
    assert result.exit_code == 1
    assert "doctor.png cannot be written" in result.stderr
    assert "dead units" in result.stdout


def test_training_anew_takes_an_old_picture_away(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", log_of())
    doctor(str(run.path))
    run.start()
    assert not (run.path / DOCTOR_PLOT).exists()
