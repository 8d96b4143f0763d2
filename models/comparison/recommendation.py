"""Which architecture to take on these data, in words that quote the figures and claim what the test supports."""

from __future__ import annotations

import math
from typing import Any

from models.comparison.claims import percent, sized


def recommend(report: dict[str, Any]) -> dict[str, Any]:
    """`model`, `text`, and the models that `tie` with the smallest error: not told apart from it by the test.

    Of those that tie the cheapest is taken: the smallest geometric mean of what it costs beside the others.
    """
    models = report["models"]
    best = min(models, key=lambda name: models[name]["error"]["mean"])
    worse = {name: found for name in models if name != best and (found := _between(report, name, best))["significant"]}
    ties = [name for name in models if name not in worse]
    chosen = best if len(ties) == 1 else min(ties, key=lambda name: _cost(models, ties, name))
    sentences = [_opening(report, best, ties, chosen)]
    sentences += [_against(report, chosen, name) for name in models if name != chosen]
    sentences.append(_beside_naive(report, chosen))
    return {"model": chosen, "ties": ties, "text": " ".join(sentence for sentence in sentences if sentence)}


def _opening(report: dict[str, Any], best: str, ties: list[str], chosen: str) -> str:
    error = report["models"][chosen]["error"]
    figure = f"{error['mean']:.4f}" + ("" if error["spread"] is None else f" ± {error['spread']:.4f} over seeds")
    if len(ties) == 1:
        return f"Take {chosen}: its scaled error of {figure} is smaller than that of every other, beyond chance."
    seeds = report["budget"]["seeds"]
    if seeds < 2:
        return (
            f"Take {chosen} for now, the cheapest: its scaled error is {figure}. With one seed no difference in error "
            "can be told from chance; two or more are needed."
        )
    others = " and ".join(name for name in ties if name != chosen)
    smallest = (
        "" if best == chosen else f" (the smallest mean, {report['models'][best]['error']['mean']:.4f}, has {best})"
    )
    return f"Take {chosen}, the cheaper: its scaled error of {figure} cannot be told from that of {others}{smallest}."


def _against(report: dict[str, Any], chosen: str, name: str) -> str:
    found = _between(report, chosen, name)
    share = sized(found["share"])
    if found["p"] is None:
        error = f"error {share}"
    elif found["significant"]:
        error = f"error {share}, {_interval(found)}"
    else:
        error = f"error {share}, which may be chance ({_interval(found)})"
    return f"Beside {name}: {', '.join([error, *_costs(report, chosen, name)])}."


def _interval(found: dict[str, Any]) -> str:
    low, high = sized(found["share_low"]), sized(found["share_high"])
    return f"95 % interval {low} to {high}, p = {found['p_adjusted']:.2g}"


def _costs(report: dict[str, Any], chosen: str, name: str) -> list[str]:
    one, other = (report["models"][each] for each in (chosen, name))
    said = [f"parameters {sized(one['size']['parameters'] / other['size']['parameters'] - 1)}"]
    said.append(f"of its recurrent layers {sized(one['size']['recurrent'] / other['size']['recurrent'] - 1)}")
    if one["step"] and other["step"]:
        said.append(f"a training step {_timed(one['step'], other['step'])}")
    said.append(f"a session's state {sized(one['size']['state_bytes'] / other['size']['state_bytes'] - 1)}")
    for batch, figures in one["serving"].get("steps", {}).items():
        if batch in other["serving"].get("steps", {}):
            said.append(f"a step in service at batch {batch} {_timed(figures, other['serving']['steps'][batch])}")
    return said


def _timed(one: dict[str, Any], other: dict[str, Any]) -> str:
    """A ratio of times, and whether its rounds all say the same; both stand beside one reference."""
    a, b = one["ratio"], other["ratio"]
    change = sized(a["median"] / b["median"] - 1)
    sure = a["low"] / b["high"] > 1 or a["high"] / b["low"] < 1
    return change if sure else f"{change}, which may be chance"


def _beside_naive(report: dict[str, Any], chosen: str) -> str:
    if not report["naive"]:
        return ""
    lag, error = min(report["naive"].items(), key=lambda item: item[1])
    ours = report["models"][chosen]["error"]["mean"]
    if ours < error:
        return f"The seasonal naive ({lag} steps) comes to {error:.4f}: {percent(1 - ours / error)} of that is saved."
    return f"But the seasonal naive ({lag} steps) comes to {error:.4f} and is better: try more --steps before choosing."


def _between(report: dict[str, Any], one: str, other: str) -> dict[str, Any]:
    """The difference of one from the other, as it was judged, turned round where need be."""
    for found in report["differences"]:
        if (found["one"], found["other"]) == (one, other):
            return dict(found)
        if (found["one"], found["other"]) == (other, one):
            base = report["models"][other]["error"]["mean"]
            low, high = (None if found[end] is None else -found[end] for end in ("high", "low"))
            return {
                **found,
                "difference": -found["difference"],
                "low": low,
                "high": high,
                "share": -found["difference"] / base,
                "share_low": None if low is None else low / base,
                "share_high": None if high is None else high / base,
            }
    raise KeyError(f"{one} and {other} were not compared")


def _cost(models: dict[str, Any], ties: list[str], name: str) -> float:
    """The mean logarithm of what a model costs: parameters, state, a training step, steps in service."""
    figures = _figures(models[name], models, ties)
    return sum(math.log(figure) for figure in figures) / len(figures)


def _figures(model: dict[str, Any], models: dict[str, Any], ties: list[str]) -> list[float]:
    """Costs that are known of all that tie."""
    costs = [float(model["size"]["parameters"]), float(model["size"]["state_bytes"])]
    if all(models[name]["step_seconds"] for name in ties):
        costs.append(model["step_seconds"])
    batches = [
        batch for batch in model["serving"].get("steps", {}) if all(_serves(models[name], batch) for name in ties)
    ]
    return costs + [model["serving"]["steps"][batch]["seconds"]["median"] for batch in batches]


def _serves(model: dict[str, Any], batch: str) -> bool:
    return batch in model["serving"].get("steps", {})
