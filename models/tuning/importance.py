"""Which settings mattered: how differently the best trials of a study chose each of them from all the others."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from models.training.checkpoint import write_atomically

FEWEST = 8  # complete trials from which importance says anything
TOP = 5  # of the best trials, or a tenth where that is more


def importances(study: optuna.Study) -> dict[str, float] | None:
    """Shares that add up to 1, the largest first (PED-ANOVA, Watanabe et al. 2023, arXiv:2304.10255).

    Only complete trials count: the loss of a pruned one is that of an earlier step. None where they are too few.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < FEWEST:
        return None
    quantile = max(0.1, min(0.5, TOP / len(complete)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of choices that few trials made: they then count for little
        shares = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=quantile))
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def write_importance(path: Path, shares: dict[str, float], trials: int) -> None:
    """The shares, and of how many complete trials they are."""
    content = {"evaluator": "PED-ANOVA", "complete_trials": trials, "importance": shares}
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
