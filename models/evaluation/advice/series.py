"""Series that are forecast much worse than the others."""

from __future__ import annotations

import json
import shlex

import numpy as np

from models.evaluation.advice.case import Case, naives, ours
from models.evaluation.advice.suggestion import Suggestion
from models.evaluation.ledger import FORECASTS

FEWEST = 4  # series among which one can stand out
WORSE = 3.0  # times the median error
NAMED = 3


def worst_series(case: Case) -> Suggestion | None:
    """When some have several times the median error."""
    entries = case.metrics["by_series"]
    errors = {name: error for name, entry in entries.items() if (error := ours(entry)) is not None}
    if len(errors) < FEWEST:
        return None
    middle = float(np.median(list(errors.values())))
    outside = sorted((name for name in errors if errors[name] > WORSE * middle), key=lambda name: -errors[name])
    if not outside:
        return None
    said = ", ".join(f"{name} ({errors[name]:.2f})" for name in outside[:NAMED])
    more = f" and {len(outside) - NAMED} more" if len(outside) > NAMED else ""
    naive = min(naives(entries[outside[0]]).values(), default=None)
    too = naive is not None and naive > WORSE * middle
    hint = (
        "the seasonal naive fails there too: readings that are wrong, or a level that moved, are likely."
        if too
        else "the naive does not fail there, so it is unlike the others: a column that says so (--static) may help."
    )
    reason = f"The median series has a MASE of {middle:.2f}; much worse: {said}{more}. Of the first, {hint}"
    file = f"{case.again.out}/{FORECASTS}"
    # Double quotes, so that the shell's single ones stay readable.
    path, first = (json.dumps(text, ensure_ascii=False) for text in (file, outside[0]))  # read by Python as by JSON
    rows = f'pl.read_parquet({path}).filter(pl.col("unique_id") == {first})'
    shown = f"import polars as pl; print({rows})"
    title = "One series stands out" if len(outside) == 1 else f"{len(outside)} series stand out"
    return Suggestion(title, reason, shlex.join(["python", "-c", shown]))
