"""The report of a comparison as an HTML page."""

from __future__ import annotations

from html import escape
from typing import Any

from models.comparison.claims import percent, sized
from models.comparison.plots import pictures
from models.pages.document import document
from models.pages.table import ABSENT, number, table, whole


def page_of(report: dict[str, Any]) -> str:
    """The whole page; every figure in it is one of the report's."""
    data, budget = report["data"], report["budget"]
    names = ", ".join(report["models"])
    seeds = f"{budget['seeds']} seeds" if budget["seeds"] > 1 else "1 seed"
    same = "as many steps" if budget["kind"] == "steps" else "as much time, counted in steps of the fastest"
    parts = [
        f"<h1>{escape(names)} on {escape(data['source'])}</h1>",
        f"<p class='said'>{escape(report['recommendation']['text'])}</p>",
        f"<p class='soft'>{data['series']:,} series, {data['readings']:,} steps of {escape(data['frequency'])}; "
        f"{budget['layers']} layers of {budget['hidden']}, horizon {budget['horizon']}. Each was trained for {same}: "
        f"{budget['steps']:,} steps of {budget['batch']} crops, {seeds}. {escape(report['machine'])}.</p>",
        "<h2>What was found</h2>",
        table(["", *report["models"]], summary_rows(report)),
        *_naive(report),
        "<h2>Is the difference in error one?</h2>",
        table(["", "difference", "95 % interval", "p", "verdict"], _differences(report)),
        f"<p class='soft'>Over {report['held_out']['units']:,} {escape(report['held_out']['kind'])} and {seeds}: both "
        "which seeds and which readings one happened to have are taken as chance (a t test on crossed random effects). "
        "p allows for the number of pairs (Holm); the interval is that of its pair alone.</p>",
        "<h2>What is often said</h2>",
        table(["claim", "verdict", "found here"], _claims(report), "words"),
        *(f"<h2>{escape(title)}</h2>{drawing}" for title, drawing in pictures(report).items()),
        "<h2>Seconds an epoch</h2>",
        f"<p class='soft'>To see all {report['timing']['readings']:,} training readings once, by the readings in the "
        f"longest row; forward and backward, {escape(report['timing']['clock'])}; in brackets the ratio to "
        f"{escape(report['reference'])}.</p>",
        table(["longest row", *report["models"]], _epochs(report)),
    ]
    return document(f"Gatecast: {names}", parts)


def summary_rows(report: dict[str, Any]) -> list[list[str]]:
    """The main figures, a row for each kind and a column for each model: of the page and of the terminal."""
    models = list(report["models"].values())
    rows = [
        ["parameters", *(f"{model['size']['parameters']:,}" for model in models)],
        ["of them recurrent", *(f"{model['size']['recurrent']:,}" for model in models)],
        ["  by the closed form", *(whole(model["size"]["closed_form"]) for model in models)],
        ["scaled error ± its spread over seeds", *(_error(model["error"]) for model in models)],
        ["weighted quantile loss", *(number(model["metrics"]["weighted_quantile_loss"]) for model in models)],
        ["80 % band covers", *(_share(model["metrics"]["coverage_80"]) for model in models)],
        ["a training step, forward and backward", *(_time(model["step_seconds"]) for model in models)],
        ["activations of a training step", *(_bytes(model["size"]["activation_bytes"]) for model in models)],
        ["state of a session", *(_bytes(model["size"]["state_bytes"]) for model in models)],
        ["weights", *(_bytes(model["size"]["weight_bytes"]) for model in models)],
    ]
    if any(model["serving"] for model in models):
        rows.append(["bundle", *(_bytes(model["serving"].get("bundle_bytes")) for model in models)])
        batches = dict.fromkeys(batch for model in models for batch in model["serving"].get("steps", {}))
        for batch in batches:
            steps = [model["serving"].get("steps", {}).get(batch) for model in models]
            cells = [ABSENT if step is None else _time(step["seconds"]["median"]) for step in steps]
            rows.append([f"a step in service, batch {batch}", *cells])
    return rows


def verdict(found: dict[str, Any]) -> str:
    """What the test says of a pair, in a few words."""
    if found["p"] is None:
        return "cannot be told from one seed"
    if not found["significant"]:
        return "may be chance"
    return f"{found['one'] if found['difference'] < 0 else found['other']} is better"


def _naive(report: dict[str, Any]) -> list[str]:
    said = [f"{error:.4f} ({lag} steps)" for lag, error in report["naive"].items()]
    return [f"<p class='soft'>The seasonal naive's scaled error: {escape(', '.join(said))}.</p>"] if said else []


def _differences(report: dict[str, Any]) -> list[list[str]]:
    rows = []
    for found in report["differences"]:
        interval = ABSENT if found["low"] is None else f"{sized(found['share_low'])} to {sized(found['share_high'])}"
        p = ABSENT if found["p_adjusted"] is None else f"{found['p_adjusted']:.2g}"
        rows.append([f"{found['one']} beside {found['other']}", sized(found["share"]), interval, p, verdict(found)])
    return rows


def _claims(report: dict[str, Any]) -> list[list[str]]:
    return [[claim["claim"], claim["verdict"], claim["found"]] for claim in report["claims"]]


def _epochs(report: dict[str, Any]) -> list[list[str]]:
    times, rows = report["timing"], []
    for length, found in times["epochs"].items():
        cells = []
        for name in report["models"]:
            if name not in found:
                cells.append(ABSENT)
                continue
            ratio = times["whole"][length][name].get("ratio")
            beside = "" if ratio is None else f" ({ratio['median']:.2f})"
            cells.append(f"{found[name]['median']:.3g} s{beside}")
        rows.append([length, *cells])
    return rows


def _error(error: dict[str, Any]) -> str:
    return f"{error['mean']:.4f}" + ("" if error["spread"] is None else f" ± {error['spread']:.4f}")


def _share(value: float | None) -> str:
    return ABSENT if value is None else percent(value)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ABSENT
    return f"{1e3 * seconds:.1f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.0f} µs"


def _bytes(count: int | None) -> str:
    if count is None:
        return ABSENT
    for size, name in ((1e6, "MB"), (1e3, "kB")):
        if count >= size:
            return f"{count / size:.1f} {name}"
    return f"{count} B"
