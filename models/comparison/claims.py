"""What is often said of GRU and LSTM, and what was found here of each."""

from __future__ import annotations

from typing import Any

GRU, LSTM = "gru", "lstm"
FASTER = (0.10, 0.15)
SAVED = (0.20, 0.30)
NO_FIGURES = "not measured"


def claims(report: dict[str, Any]) -> list[dict[str, str]]:
    """Each claim with its verdict and the figures it rests on; those of GRU and LSTM only where both took part."""
    found = []
    if GRU in report["models"] and LSTM in report["models"]:
        found += [_parameters(report), _faster(report), _no_loss(report)]
    return [*found, _packing(report)]


def _parameters(report: dict[str, Any]) -> dict[str, str]:
    gru, lstm = (report["models"][name]["size"] for name in (GRU, LSTM))
    exact = 4 * gru["recurrent"] == 3 * lstm["recurrent"]
    return {
        "claim": "a GRU has 25 % fewer parameters than an LSTM",
        "verdict": "holds of the recurrent layers" if exact else "does not hold",
        "found": (
            f"{gru['recurrent']:,} recurrent parameters against {lstm['recurrent']:,}: "
            f"{percent(1 - gru['recurrent'] / lstm['recurrent'])} fewer; of the whole model "
            f"{percent(1 - gru['parameters'] / lstm['parameters'])} fewer"
        ),
    }


def _faster(report: dict[str, Any]) -> dict[str, str]:
    times = report["timing"]
    by_length = {
        length: _over(found[GRU], found[LSTM], report["reference"])
        for length, found in times["whole"].items()
        if GRU in found and LSTM in found
    }
    claim = "a GRU trains 10–15 % faster"
    typical = by_length.get(str(times["typical"]))
    if typical is None:
        return {"claim": claim, "verdict": NO_FIGURES, "found": "no training step was timed"}
    saved = {"low": 1 - typical["high"], "high": 1 - typical["low"]}
    verdict = _within(saved, FASTER, "faster", "slower")
    medians = [ratio["median"] for ratio in by_length.values()]
    return {
        "claim": claim,
        "verdict": verdict,
        "found": (
            f"a training step on rows of up to {times['typical']} readings takes {typical['median']:.2f} of an LSTM's "
            f"time ({typical['low']:.2f} to {typical['high']:.2f}); over rows of up to {', '.join(by_length)} readings "
            f"{min(medians):.2f} to {max(medians):.2f}"
        ),
    }


def _no_loss(report: dict[str, Any]) -> dict[str, str]:
    claim = "a GRU loses nothing measurable on short and medium sequences"
    (found,) = (each for each in report["differences"] if {each["one"], each["other"]} == {GRU, LSTM})
    sign = 1 if found["one"] == GRU else -1
    base = report["models"][LSTM]["error"]["mean"]
    by_history = [
        f"{sized(gru / report['models'][LSTM]['history'][length] - 1)} with {length}"
        for length, gru in report["models"][GRU]["history"].items()
    ]
    tail = f"; by readings of history: {', '.join(by_history)}" if by_history else ""
    if found["p"] is None:
        said = (
            f"the GRU's error differs by {sized(sign * found['difference'] / base)} with one seed, which may be chance"
        )
        return {"claim": claim, "verdict": "cannot be told from one seed", "found": said + tail}
    low, high = sorted((sign * found["low"] / base, sign * found["high"] / base))
    if found["significant"]:
        verdict = "does not hold" if sign * found["difference"] > 0 else "holds: the error is smaller"
    else:
        verdict = f"no loss was found; one of more than {percent(max(high, 0))} is ruled out"
    return {
        "claim": claim,
        "verdict": verdict,
        "found": (
            f"the GRU's error differs by {sized(sign * found['difference'] / base)} "
            f"(95 % interval {sized(low)} to {sized(high)}, p = {found['p_adjusted']:.2g})" + tail
        ),
    }


def _packing(report: dict[str, Any]) -> dict[str, str]:
    parts, hits, gains = [], 0, 0
    for name, shares in report["packing"]["models"].items():
        said = []
        for share, figures in shares.items():
            ratio = figures["whole"]
            saved = {"low": 1 - ratio["high"], "high": 1 - ratio["low"]}
            hits += saved["low"] <= SAVED[1] and saved["high"] >= SAVED[0]
            gains += saved["low"] > 0
            said.append(
                f"{sized(ratio['median'] - 1)} time at {percent(1 - float(share), 0)} padding "
                f"(recurrence alone {sized(figures['recurrent']['median'] - 1)})"
            )
        parts.append(f"{name}: {', '.join(said)}")
    total = sum(len(shares) for shares in report["packing"]["models"].values())
    verdict = NO_FIGURES
    if total:
        verdict = f"true in {hits} of {total} cases; packing saved time in {gains}"
    return {
        "claim": "packing ragged rows saves 20–30 % of a training step",
        "verdict": verdict,
        "found": "; ".join(parts) or "no model has layers that can be packed",
    }


def _over(one: dict[str, Any], other: dict[str, Any], reference: str) -> dict[str, float]:
    """The ratio of one over the other: measured round by round where the reference is one of them."""
    if reference == LSTM:
        ratio: dict[str, float] = one["ratio"]
        return ratio
    turned = other["ratio"]
    return {"median": 1 / turned["median"], "low": 1 / turned["high"], "high": 1 / turned["low"]}


def _within(saved: dict[str, float], claimed: tuple[float, float], more: str, less: str) -> str:
    if saved["high"] < 0:
        return f"does not hold: it is {less}, by {percent(-saved['high'])} or more"
    if saved["low"] > claimed[1]:
        return f"it is {more} than that, by {percent(saved['low'])} or more"
    if saved["high"] < claimed[0]:
        return f"does not hold: it is at most {percent(saved['high'])} {more}"
    return (
        "holds"
        if saved["low"] > 0
        else f"cannot be told: between {percent(-saved['low'])} {less} and " + (f"{percent(saved['high'])} {more}")
    )


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def sized(share: float) -> str:
    """A change with its sign: +1.2 %."""
    return f"{100 * share:+.1f} %".replace("-", "−")
