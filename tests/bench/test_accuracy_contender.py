"""A peer is handed exactly our windows, measured by our measures, and told by name where it fails."""

from __future__ import annotations

import re
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from bench.accuracy.contender import Budget, Contender, scored, windows_of
from bench.accuracy.measures import MASE
from bench.accuracy.naive import naive
from bench.accuracy.peers import PEERS
from bench.accuracy.windows import Answer, Windows
from bench.peers.environment import Environment
from models.config import QUANTILES
from tests.bench.small_protocol import LENGTH, STEP, small_protocol

NAIVE = """
    import sys
    from pathlib import Path
    import numpy as np
    from bench.accuracy.windows import Answer, Windows
    windows = Windows.read(Path(sys.argv[1]))
    ahead = np.arange(windows.horizon) % windows.season
    points = np.stack([windows.history(window)[-windows.season:][ahead] for window in range(len(windows))])
    quantiles = np.repeat(points[:, :, None], len(windows.levels), 2)
    Answer(quantiles, 1.5, 0.5, "as a season ago").write(Path(sys.argv[2]))
"""


def contender(folder: Path, source: str) -> Contender:
    script = folder / "script.py"
    script.write_text(textwrap.dedent(source), encoding="utf-8")
    return Contender("Peer", "Peer 1.0", (str(script),), None)


def test_a_program_is_scored_as_our_own_forecasts_are(tmp_path: Path) -> None:
    protocol = small_protocol(every=4)
    found = contender(tmp_path, NAIVE).measured(protocol, Budget(threads=1))
    assert found.failed is None
    assert found.figures[MASE] == pytest.approx(naive(protocol.thinned())[MASE])
    assert (found.seconds, found.forecasting, found.told) == (1.5, 0.5, "as a season ago")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise SystemExit('no such module')", "it ended with 1: no such module"),
        ("pass", "it ended with 0: no word"),
        ("import time; time.sleep(600)", "it had not ended after 1 s"),
        (
            NAIVE.replace("points[:, :, None]", "points[:-1, :, None]"),
            r"forecasts of shape \(56, 3, 11\) were expected",
        ),
    ],
)
def test_a_program_that_fails_is_a_result_that_says_why(tmp_path: Path, source: str, words: str) -> None:
    limit = 1.0 if "sleep" in source else 600.0
    found = contender(tmp_path, source).measured(small_protocol(), Budget(process=limit, threads=1))
    assert found.failed is not None
    assert pytest.approx(0) == found.seconds
    assert re.search(words, found.failed)


def test_a_program_leaves_nobody_behind(tmp_path: Path) -> None:
    source = f"""
        import pathlib, subprocess, sys
        sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
        child = subprocess.Popen(sleeping, stderr=subprocess.DEVNULL)
        pathlib.Path({str(tmp_path / "child")!r}).write_text(str(child.pid))
        sys.exit("too much")
    """
    found = contender(tmp_path, source).measured(small_protocol(), Budget(threads=1))
    assert found.failed == "it ended with 1: too much"
    child = Path("/proc") / (tmp_path / "child").read_text() / "stat"
    until = time.monotonic() + 60
    while runs(child):
        assert time.monotonic() < until


def runs(stat: Path) -> bool:
    """Whether a process is neither killed nor buried."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_an_environment_that_cannot_be_made_is_a_result_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("GATECAST_PEERS", str(tmp_path / "file"))
    found = Contender("Peer", "Peer", ("script.py",), Environment("gluonts")).measured(small_protocol(), Budget())
    assert found.failed is not None
    assert "file" in found.failed


def test_windows_without_a_forecast_are_spoken_of(tmp_path: Path) -> None:
    source = NAIVE.replace("    Answer(", "    quantiles[3] = np.nan\n    Answer(")
    found = contender(tmp_path, source).measured(small_protocol(), Budget(threads=1))
    assert "no forecast of 1 of 56 windows" in found.told


def test_nobody_is_handed_what_comes_after_the_last_origin() -> None:
    protocol = small_protocol()
    windows = windows_of(protocol, Budget())
    assert [len(values) for values in windows.values] == [LENGTH - protocol.horizon] * 2
    assert [len(values) for _, values in windows.training()] == list(protocol.learned)


def test_windows_and_answers_come_back_from_their_files(tmp_path: Path) -> None:
    written = windows_of(small_protocol(every=3), Budget(seed=7))
    written.write(tmp_path / "windows.npz")
    read = Windows.read(tmp_path / "windows.npz")
    assert len(read) == len(written)
    for window in range(len(read)):
        assert np.array_equal(read.history(window), written.history(window))
    plain = ("starts", "learned", "step", "season", "horizon", "levels", "seed", "threads", "seconds")
    assert [getattr(read, name) for name in plain] == [getattr(written, name) for name in plain]
    assert (read.step, read.levels) == (STEP, QUANTILES)
    Answer(np.ones((2, 3, 4)), 1.0, 2.0, "words").write(tmp_path / "answer.npz")
    assert Answer.read(tmp_path / "answer.npz").told == "words"


def test_quantiles_that_cross_are_put_in_order() -> None:
    protocol = small_protocol(1)
    shape = (protocol.windows, protocol.horizon, len(QUANTILES))
    said = np.broadcast_to(np.linspace(40, 60, len(QUANTILES)), shape)
    forwards, backwards = (scored(protocol, Answer(each, 0, 0)).figures for each in (said, said[:, :, ::-1]))
    assert forwards == backwards


def test_every_peer_has_a_version_and_a_program_of_its_own() -> None:
    assert len({peer.name for peer in PEERS}) == len({peer.program for peer in PEERS}) == len(PEERS)
    for peer in PEERS:
        assert peer.environment is not None
        assert peer.environment.version(peer.environment.name) in peer.title
        assert (peer.environment.requirements.parent / "accuracy.py").is_file()
