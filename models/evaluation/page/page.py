"""From an evaluation that is done to its page on the disk."""

from __future__ import annotations

from pathlib import Path

from models.architectures import describe
from models.evaluation.advice.again import Again
from models.evaluation.advice.case import Case, Readings
from models.evaluation.advice.rules import advise
from models.evaluation.excerpt import excerpts_of
from models.evaluation.ledger import BY_SERIES, FORECASTS, METRICS, PAGE, Ledger
from models.evaluation.page.account import Account
from models.evaluation.page.document import page_of
from models.evaluation.rolling_origin import SECONDS, Study, summary
from models.evaluation.scores import Scores
from models.training.checkpoint import write_atomically
from models.training.settings import TrainingSettings


def write_page(
    study: Study, scores: Scores, ledger: Ledger, training: TrainingSettings, again: Again, source: str
) -> Path:
    """The page of a finished evaluation of `source`, written into its folder; its path."""
    path = ledger.path / PAGE
    write_atomically(path, page_of(account_of(study, scores, ledger, training, again, source)).encode())
    return path


def account_of(
    study: Study, scores: Scores, ledger: Ledger, training: TrainingSettings, again: Again, source: str
) -> Account:
    """All that the page tells, from what the ledger holds."""
    metrics = summary(study, ledger, scores)
    account = Account(
        source=source,
        model=describe(study.config),
        config=study.config,
        metrics=metrics,
        excerpts=excerpts_of(study, scores, ledger.read),
        next=again.gone_on(),
        seconds=_seconds(study, ledger),
        folder=(METRICS, FORECASTS, BY_SERIES),
    )
    readings = Readings.of(study.stretches, (ledger.read(fold.number) for fold in study.folds))
    case = Case(metrics, study.config, study.settings, training, readings, again, account.names.__getitem__)
    return account.advised(advise(case))


def _seconds(study: Study, ledger: Ledger) -> dict[int, float]:
    """Of each fold those of its training, where they were noted."""
    found = {fold.number: ledger.notes(fold.number).get(SECONDS) for fold in study.folds}
    return {number: float(spent["training"]) for number, spent in found.items() if spent is not None}
