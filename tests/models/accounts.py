"""What a small evaluation tells, for the tests of its page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models.evaluation.advice.again import Again
from models.evaluation.ledger import Ledger
from models.evaluation.page.account import Account
from models.evaluation.page.page import account_of
from models.evaluation.rolling_origin import Study
from tests.models.studies import TINY, evaluated, study_of

AGAIN = Again(("waves.csv",), "out", frozenset({"--steps"}), "waves.csv", "runs/waves")
QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)


def told(study: Study, path: Path) -> Account:
    """What an evaluation of the study tells."""
    scores = evaluated(study, path)
    return account_of(study, scores, Ledger(path, study.identity, study.config), TINY, AGAIN, "waves.csv")


def account_in(place: Path) -> Account:
    """Of three series, with two bands."""
    study = study_of(series=3)
    return told(replace(study, config=replace(study.config, quantiles=QUANTILES)), place)
