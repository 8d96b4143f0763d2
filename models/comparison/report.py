"""The report of a comparison: every figure once, as plain JSON, from what was measured."""

from __future__ import annotations

from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.comparison.claims import claims
from models.comparison.plan import Plan
from models.comparison.recommendation import recommend
from models.comparison.significance import LEVEL, adjusted, compare

FORMAT = 1


def report_of(
    plan: Plan, data: dict[str, Any], readings: int, machine: str, measured: dict[str, Any]
) -> dict[str, Any]:
    """`data` describes the series, `readings` are those trained on; `measured` is what `Measuring.run` gives."""
    settings = plan.settings
    report: dict[str, Any] = {
        "format": FORMAT,
        "data": data,
        "machine": machine,
        "budget": {
            "kind": "time" if plan.same_time else "steps",
            "steps": settings.steps,
            "batch": settings.batch,
            "crops": [settings.shortest, settings.longest],
            "seeds": plan.seeds,
            "hidden": plan.config.hidden,
            "layers": plan.config.layers,
            "horizon": plan.config.horizon,
        },
        "reference": plan.reference,
        "held_out": measured["held_out"],
        "naive": measured["naive"],
        "timing": _timing(measured["timing"], readings),
        "packing": measured["packing"],
    }
    report["models"] = {name: _model(name, measured) for name in plan.models}
    report["differences"] = _differences(plan, measured)
    report["claims"] = claims(report)
    report["recommendation"] = recommend(report)
    return report


def _timing(measured: dict[str, Any], readings: int) -> dict[str, Any]:
    """With seconds an epoch: as many steps as it takes to see all readings once, at each length."""
    found = {**measured, "epochs": {}, "readings": readings}
    for length, models in measured["whole"].items():
        steps = readings / (measured["full"] * int(length) * measured["rows"])
        found["epochs"][length] = {
            name: {end: steps * seconds for end, seconds in figures["seconds"].items()}
            for name, figures in models.items()
        }
    return found


def _model(name: str, measured: dict[str, Any]) -> dict[str, Any]:
    trainings = measured["trainings"][name]
    means = np.array([np.nanmean(_units(training)) for training in trainings])
    step = measured["timing"]["whole"].get(str(measured["timing"]["typical"]), {}).get(name)
    measures = [training["metrics"] for training in trainings]
    return {
        "size": measured["size"][name],
        "step": step,
        "step_seconds": None if step is None else step["seconds"]["median"],
        "serving": measured.get("serving", {}).get(name, {}),
        "trainings": [
            {
                key: training[key]
                for key in ("seed", "seconds", "processor_seconds", "steps", "budget", "best_step", "ended")
            }
            for training in trainings
        ],
        "error": {
            "mean": float(means.mean()),
            "spread": float(means.std(ddof=1)) if len(means) > 1 else None,
            "by_seed": means.tolist(),
        },
        "metrics": {
            key: _mean([measure[key] for measure in measures])
            for key in ("mase", "smape", "weighted_quantile_loss", "coverage_80")
        },
        "history": {
            length: _mean([training["by_history"][length] for training in trainings])
            for length in trainings[0]["by_history"]
        },
    }


def _differences(plan: Plan, measured: dict[str, Any]) -> list[dict[str, Any]]:
    """Every pair, with probabilities that allow for there being several."""
    errors = {name: np.stack([_units(each) for each in measured["trainings"][name]], 1) for name in plan.models}
    known = ~np.any([np.isnan(found).any(1) for found in errors.values()], axis=0)
    pairs = list(combinations(plan.models, 2))
    found = [compare(errors[one][known], errors[other][known]) for one, other in pairs]
    entries = []
    for (one, other), difference, p in zip(pairs, found, adjusted([each.p for each in found]), strict=True):
        base = float(errors[other][known].mean())
        entries.append(
            {
                "one": one,
                "other": other,
                **asdict(difference),
                "share_low": None if difference.low is None else difference.low / base,
                "share_high": None if difference.high is None else difference.high / base,
                "p_adjusted": p,
                "significant": p is not None and p < LEVEL,
                "units": int(known.sum()),
            }
        )
    return entries


def _units(training: dict[str, Any]) -> NDArray[np.float64]:
    return np.array([np.nan if error is None else error for error in training["by_unit"]], dtype=np.float64)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
