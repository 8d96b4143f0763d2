"""What `gatecast evaluate` refuses: in one line, by name, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.evaluations import COLUMNS, TWO, invoke, one_line, trained_in


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_in(tmp_path_factory.mktemp("trained"))


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def test_data_of_another_kind_are_refused(trained: Path, tmp_path: Path) -> None:
    result = invoke(
        "evaluate", trained / "run", trained / "meters.csv", "--out", tmp_path / "e", "--covariates", "none"
    )
    assert result.exit_code == 1
    assert "expected the covariates temperature as" in one_line(result)
    assert "got none" in one_line(result)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--window", "random"), "expected --window expanding or sliding, got 'random'"),
        (("--size", "40"), "add --window sliding"),
        (("--folds", "70"), "fold 1 of 70, from 2024-04-30T04:00:00: expected a series with at least 24 steps before"),
        (("--test-steps", "5"), "expected a horizon of 6 steps or more"),
        (("--horizon", "3"), "--horizon: a run says what its model is"),
        (("--model", "gru", "--hidden", "3"), "--model, --hidden: a run says what its model is"),
        (("--no-refit", "--steps", "9"), "--steps: without --refit nothing is trained"),
        (("--no-refit", "--gap", "9"), "leave them out, or add --refit"),
        (("--rate", "2"), "the rate must lie between 0 and 1"),
        (("--resume",), "nothing to go on with"),
    ],
)
def test_faults_end_in_one_line_and_exit_1(
    trained: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = invoke("evaluate", trained / "run", "--out", tmp_path / "e", *options)
    assert result.exit_code == 1
    assert message in one_line(result)
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "expected --horizon, since"),
        (("--no-refit",), "gatecast evaluate RUN --no-refit"),
        (("--horizon", "6", "--model", "crystal-ball", *COLUMNS), "unknown architecture 'crystal-ball'"),
        (("--horizon", "6", "--model", "lstm", "--members", "gru,rnn", *COLUMNS), "members is not used by lstm"),
        (("--horizon", "6", "--target", "missing"), "there is no column"),
    ],
)
def test_faults_of_an_evaluation_without_a_run(
    trained: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = invoke("evaluate", trained / "meters.csv", "--out", tmp_path / "e", *options)
    assert result.exit_code == 1
    assert message in one_line(result)
    assert not (tmp_path / "e").exists()


def test_a_folder_that_is_no_run_or_cannot_be_written_is_named(trained: Path, tmp_path: Path) -> None:
    result = invoke("evaluate", trained, "--out", tmp_path / "e")
    assert "is no run: it has no config.json" in one_line(result)
    (tmp_path / "file").write_text("mine")
    for out in ("file", "file/e"):
        result = invoke("evaluate", trained / "run", "--out", tmp_path / out, *TWO)
        assert result.exit_code == 1
        assert f"{tmp_path / out} cannot be written" in one_line(result)
    assert (tmp_path / "file").read_text() == "mine"
