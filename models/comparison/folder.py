"""The folder of a comparison: what has been measured is kept piece by piece, so that a stopped one can go on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save

from datasets.holidays import difference
from models.comparison.plan import Plan
from models.forecaster import Forecaster
from models.registry import load
from models.training.checkpoint import write_atomically
from models.training.earlier import completed

FORMAT = 1
IDENTITY = "comparison.json"
REPORT, PAGE = "report.json", "report.html"
PARTS = "parts"


class ComparisonError(Exception):
    """A folder that cannot be written to or gone on with; the message says why and what to do."""


@dataclass(frozen=True)
class Folder:
    """Measurements by name, and the weights of trained models."""

    path: Path
    plan: Plan

    def open(self, resume: bool, replace: bool) -> None:
        """Makes the folder ready; ComparisonError if something is there and it was not said what to do with it."""
        if resume:
            return self._take_up()
        if self.path.is_dir() and any(self.path.iterdir()):
            if not replace:
                raise ComparisonError(
                    f"{self.path} is not empty: go on with --resume, compare anew with --replace, or take another --out"
                )
            self._clear()
        (self.path / PARTS).mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / IDENTITY, encoded({"format": FORMAT, **self.plan.identity}))
        return None

    def read(self, name: str) -> Any:
        """What was kept under a name; None if nothing was."""
        file = self._file(name)
        if not file.is_file():
            return None
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except ValueError as damaged:
            raise ComparisonError(f"{file} is damaged ({damaged}): compare anew with --replace") from None

    def keep(self, name: str, content: Any) -> None:
        write_atomically(self._file(name), encoded(content))

    def keep_weights(self, name: str, model: Forecaster) -> None:
        write_atomically(self._weights(name), save(model.state_dict()))

    def forecaster(self, model: str, name: str) -> Forecaster:
        """A trained model, ready to be run."""
        return load(self.plan.config_of(model), self._weights(name))

    def conclude(self, report: dict[str, Any], page: str) -> None:
        write_atomically(self.path / REPORT, encoded(report))
        write_atomically(self.path / PAGE, page.encode())

    def _take_up(self) -> None:
        file = self.path / IDENTITY
        if not file.is_file():
            raise ComparisonError(f"{file} does not exist: nothing to go on with. Leave out --resume")
        try:
            then = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as damaged:
            raise ComparisonError(f"{file} is damaged ({damaged}): compare anew with --replace") from None
        identity = json.loads(encoded({"format": FORMAT, **self.plan.identity}))
        then = completed(then, identity)
        for part, now in identity.items():
            if then.get(part) != now:
                said = _difference(then.get(part), now)
                raise ComparisonError(f"{self.path} was begun with another {part}: {said}")

    def _clear(self) -> None:
        parts = self.path / PARTS
        for file in (*parts.glob("*.json"), *parts.glob("*.safetensors")):
            file.unlink()
        for name in (IDENTITY, REPORT, PAGE):
            (self.path / name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.path / PARTS / f"{name}.json"

    def _weights(self, name: str) -> Path:
        return self.path / PARTS / f"{name}.safetensors"


def encoded(content: Any) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def _difference(then: Any, now: Any) -> str:
    advice = "Leave it as it was, or compare anew with --replace"
    if not isinstance(then, dict) or not isinstance(now, dict):
        shown = "readings or the split are not the same" if isinstance(now, str) else f"it was {then}, is {now}"
        return f"{shown}. {advice}"
    changed = [difference(key, then.get(key), value) for key, value in now.items() if then.get(key) != value]
    return f"{'; '.join(changed)}. {advice}"
