"""A comparison of tiny nets that takes seconds, for the tests of reports and of going on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from models.comparison.folder import Folder
from models.comparison.measuring import Measuring, Serve
from models.comparison.plan import Plan
from models.comparison.report import report_of
from models.evaluation.panel import Panel
from models.training.settings import TrainingSettings
from tests.conftest import small_config
from tests.models.panels import small_panel

TINY = TrainingSettings(steps=3, batch=2, shortest=8, longest=24, warm_up=1, validate_every=2)
DATA = {"source": "waves.csv", "series": 2, "readings": 487, "frequency": "1h"}


class Noting:
    """A view that keeps what it is told, and may wish for an end at a word."""

    def __init__(self, stop_at: str | None = None) -> None:
        self.done: list[str] = []
        self.stop_at = stop_at

    def begun(self, doing: str) -> None:
        self.done.append(doing)

    def trained(self, number: int, steps: int) -> None:
        """How far a training is tells these tests nothing."""

    def interrupted(self) -> bool:
        return self.stop_at is not None and any(self.stop_at in done for done in self.done)


def tiny_plan(models: tuple[str, ...] = ("gru", "lstm"), seeds: int = 2, **changes: Any) -> Plan:
    plan = Plan(small_config(hidden=4, layers=1), TINY, models, seeds, 24, "digest", lengths=(10, 20))
    return replace(plan, **changes)


def tiny_panel() -> Panel:
    return small_panel(series=2, length=240, held_out=40)


def measured(
    folder: Path, plan: Plan, view: Noting | None = None, resume: bool = False, serve: Serve | None = None
) -> Any:
    """All figures of a comparison with short rows to time."""
    kept, view = Folder(folder, plan), view or Noting()
    kept.open(resume, replace=False)
    return Measuring(plan, tiny_panel(), kept, view, view.interrupted).run(serve)


def tiny_report(folder: Path, plan: Plan, serve: Serve | None = None) -> dict[str, Any]:
    return report_of(plan, DATA, 320, "a test", measured(folder, plan, serve=serve))
