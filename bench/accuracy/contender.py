"""Another library's forecaster on a protocol's windows, in an environment of its own; a failure is a result too."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.accuracy import SPIN
from bench.accuracy.kept import Result, digest_of
from bench.accuracy.protocol import Protocol
from bench.accuracy.score import Score
from bench.accuracy.windows import Answer, Windows
from bench.machine import load, taken
from bench.peers.environment import Environment, InstallError
from bench.peers.process import ROOT
from models.config import QUANTILES
from models.evaluation.panel import Stretch


@dataclass(frozen=True)
class Budget:
    """Seconds that a training may take, and after how many the whole process is ended; threads; the seed."""

    training: float = 600.0
    process: float = 3_600.0
    threads: int = 2
    seed: int = 0


@dataclass(frozen=True)
class Contender:
    """A program that reads windows and writes an answer: `python PROGRAM… WINDOWS ANSWER`."""

    name: str
    title: str
    program: tuple[str, ...]
    environment: Environment | None  # None: our own

    def measured(self, protocol: Protocol, budget: Budget) -> Result:
        """What it comes to on the windows that peers are asked for; never an error."""
        asked = protocol.thinned()
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = Path(folder) / "answer.npz"
                self.run(windows_of(asked, budget), budget, found)
                answer = Answer.read(found)
            score = scored(asked, answer)
        except (ContenderError, InstallError, OSError, ValueError) as failure:
            return self._result(protocol, budget, failed=in_short(failure))
        told = [answer.told] if answer.told else []
        if score.missing:
            told.append(f"no forecast of {score.missing:,} of {asked.windows:,} windows")
        return self._result(protocol, budget, score, answer, "; ".join(told))

    def digest(self, protocol: Protocol, budget: Budget) -> str:
        """Of all that decides its result."""
        versions = "" if self.environment is None else self.environment.requirements.read_text(encoding="utf-8")
        return digest_of(
            protocol.thinned(), {"program": self.program, "versions": versions, "seconds": budget.training}
        )  # fmt: skip

    def run(self, windows: Windows, budget: Budget, found: Path) -> None:
        """Leaves what the program writes at `found`; ContenderError with its last words where it writes nothing."""
        if self.environment is not None:
            self.environment.install()
        python = sys.executable if self.environment is None else str(self.environment.python)
        path = f"{ROOT}:{ROOT / 'client'}" if self.environment is None else str(ROOT)
        alone = {
            "PYTHONPATH": path,
            "PYTHONWARNINGS": "ignore",
            "OMP_NUM_THREADS": str(budget.threads),
            "GOMP_SPINCOUNT": SPIN,  # as for ourselves
            "CUDA_VISIBLE_DEVICES": "",
        }
        with tempfile.TemporaryDirectory() as name:  # libraries leave files where they run
            folder = Path(name)
            given = folder / "windows.npz"
            windows.write(given)
            command = [python, *self.program, str(given), str(found)]
            code, said = _ended(command, folder, {**os.environ, **alone}, budget.process)
            if code != 0 or not found.is_file():
                last = (said.strip().splitlines() or ["no word"])[-1]
                raise ContenderError(f"it ended with {code}: {last}")

    def _result(
        self,
        protocol: Protocol,
        budget: Budget,
        score: Score | None = None,
        answer: Answer | None = None,
        told: str = "",
        failed: str | None = None,
    ) -> Result:
        return Result(
            set=protocol.name,
            who=self.name,
            seed=budget.seed,
            digest=self.digest(protocol, budget),
            figures={} if score is None else score.figures,
            coverage={} if score is None else score.coverage,
            seconds=0.0 if answer is None else answer.training,
            forecasting=0.0 if answer is None else answer.forecasting,
            threads=budget.threads,
            taken=taken(),
            load=load(),
            told=told,
            failed=failed,
        )


class ContenderError(Exception):
    """What its program said last."""


def _ended(command: list[str], folder: Path, environment: dict[str, str], limit: float) -> tuple[int, str]:
    """How a program ended and what it said of faults; after so many seconds it is ended, with all that it started."""
    with subprocess.Popen(
        command, cwd=folder, env=environment, start_new_session=True, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            _, said = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            raise ContenderError(f"it had not ended after {limit:,.0f} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):  # nobody of it is left
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, said


def in_short(failure: BaseException) -> str:
    """Its end in one line of a table."""
    return " ".join(str(failure).replace("|", "/").split())[-300:] or type(failure).__name__


def windows_of(protocol: Protocol, budget: Budget) -> Windows:
    """The windows as a peer is given them."""
    stretches = protocol.panel.series
    counts = [len(at) for at in protocol.origins]
    return Windows(
        values=tuple(values_known(stretch, at) for stretch, at in zip(stretches, protocol.origins, strict=True)),
        starts=tuple(int(stretch.times[0]) for stretch in stretches),
        learned=tuple(protocol.learned),
        series=np.repeat(np.arange(len(stretches)), counts),
        origins=np.concatenate(protocol.origins),
        step=int(protocol.frequency.seconds),
        season=protocol.season,
        horizon=protocol.horizon,
        levels=QUANTILES,
        seed=budget.seed,
        threads=budget.threads,
        seconds=budget.training,
    )


def values_known(stretch: Stretch, origins: NDArray[np.int64]) -> NDArray[np.float64]:
    """The readings up to the last origin: nobody is handed what comes after it."""
    return stretch.values[: int(origins[-1]) + 1, 0]


def scored(protocol: Protocol, answer: Answer) -> Score:
    """An answer by our own measures; ValueError where it is of another shape."""
    shape = (protocol.windows, protocol.horizon, len(QUANTILES))
    if answer.quantiles.shape != shape:
        raise ValueError(f"forecasts of shape {shape} were expected, got {answer.quantiles.shape}")
    score, first = Score(protocol, QUANTILES), 0
    for series, at in enumerate(protocol.origins):
        score.add(series, at, np.sort(answer.quantiles[first : first + len(at)], axis=2))
        first += len(at)
    return score
