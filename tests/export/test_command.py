"""`gatecast export` and `gatecast verify` as they are typed: faults end in one line and exit 1."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from commands.main import app
from models.training.trainer import train
from service.bundle import Bundle
from tests.models.panels import small_panel, small_run


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "80"})


def said(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = small_run(tmp_path_factory.mktemp("runs") / "run")
    train(small_panel(), run, Console(quiet=True))
    return run.path


def test_a_folder_that_is_no_bundle_is_left_as_it_is(run: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = typed("export", str(run), "--out", str(tmp_path))
    assert result.exit_code == 1
    assert "exists and is not a bundle; choose another --out" in said(result)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_that_cannot_be_written_is_named(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    result = typed("export", str(run), "--out", str(tmp_path / "file" / "bundle"))
    assert result.exit_code == 1
    assert f"{tmp_path / 'file' / 'bundle'} cannot be written" in said(result)


@pytest.mark.parametrize("words", [("export", "no[/]run", "--out", "somewhere"), ("verify", "no[/]run")])
def test_brackets_in_a_name_are_shown_as_they_are(words: tuple[str, ...]) -> None:
    result = typed(*words)
    assert result.exit_code == 1
    assert "no[/]run is no" in said(result)


def test_a_device_that_is_none_is_refused(bundle: Bundle) -> None:
    result = typed("verify", str(bundle.path), "--device", "abacus")
    assert result.exit_code == 2
    assert "expected cpu or cuda, got 'abacus'" in said(result)
