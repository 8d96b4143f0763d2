"""Bands that hold more or fewer of the readings than they promise."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from models.architectures import ignores
from models.config import ForecasterConfig
from models.evaluation.advice.case import Case
from models.evaluation.advice.suggestion import Suggestion

ENOUGH = 200  # readings compared, below which a share may be chance
OFF_80, OFF_95 = 0.05, 0.03  # how far from its promise a band may be
PROMISES = {"coverage_80": (0.8, OFF_80), "coverage_95": (0.95, OFF_95)}
SERVICE = "http://127.0.0.1:8000"


def narrow_bands(case: Case) -> Suggestion | None:
    """When a band holds clearly fewer readings than it promises."""
    said = _off(case, -1)
    if not said:
        return None
    return _calibrated(case, "The bands are too narrow", f"{said}: the model is surer of itself than it should be.")


def wide_bands(case: Case) -> Suggestion | None:
    """When one holds clearly more, and none fewer, and narrower ones could be had."""
    said = _off(case, 1)
    if not said or _off(case, -1) or narrowest(case.config, case.overall):
        return None
    return _calibrated(case, "The bands are too wide", f"{said}: forecasts could be sharper at the same honesty.")


def narrowest(config: ForecasterConfig, figures: Mapping[str, Any]) -> str:
    """Why bands that hold more than they promise are no wider than they must be, in words; empty where they are."""
    if config.integer:
        return "as bands of whole numbers must: their edges hold the readings that lie on them"
    return "since every forecast was right" if figures["smape"] == 0 else ""


def _off(case: Case, sign: int) -> str:
    """The bands that are off to that side, in words; empty if none is."""
    found = case.overall
    if found["targets"] < ENOUGH:
        return ""
    said = [
        f"the {100 * promise:.0f} % band holds {100 * found[name]:.1f} % of the readings"
        for name, (promise, off) in PROMISES.items()
        if found[name] is not None and sign * (found[name] - promise) > off
    ]
    text = " and ".join(said)
    return text[:1].upper() + text[1:]


def _calibrated(case: Case, title: str, finding: str) -> Suggestion:
    config = case.config
    if config.future or ignores(config):
        steps = 2 * max(config.horizon, round(case.folds.validation * case.readings.longest))
        reason = f"{finding} A larger part to choose the weights by, {steps:,} steps, makes that choice see it."
        return Suggestion(title, reason, case.again.changed({"--validation-steps": str(steps)}, "validated"))
    series = next(iter(case.metrics["by_series"]))
    body = {"calibrate": True, **({"static": dict.fromkeys(config.static)} if config.static else {})}
    url = f"{SERVICE}/v1/sessions/{quote(series, safe='')}"
    command = ["curl", "-s", "-X", "PUT", url, "-H", "content-type: application/json", "-d", json.dumps(body)]
    reason = (
        f"{finding} A calibrated session of the served model widens or narrows each band by what comes, at every step "
        "ahead by itself, and holds it to its promise."
    )
    return Suggestion(title, reason, shlex.join(command))
