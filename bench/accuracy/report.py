"""The section of a data set: our rows by seed, their median, goals, the naive, other libraries, published figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from bench.accuracy.coverage import Coverage
from bench.accuracy.kept import Result
from bench.accuracy.measures import Figures, written
from bench.accuracy.protocol import Protocol, Row
from bench.machine import QUIET
from bench.quality import table

OURS = "**Gatecast**"
SECONDS = "training"
FEW = 12  # series that are told of one by one


def section(
    protocol: Protocol,
    ours: Sequence[Result],
    peers: Sequence[tuple[str, Result]],
    naive: Figures,
    thin_naive: Figures | None = None,
    without: Sequence[str] = (),
) -> list[str]:
    """All lines; `peers` with their titles, `without` those that were not asked.

    `thin_naive` is the naive on the windows of peers, where these are fewer.
    """
    results = [*ours, *(result for _, result in peers)]
    lines = [*dict.fromkeys(result.taken for result in results), *_busy(results), "", protocol.about, ""]
    rows = [_row(protocol, f"{OURS}, seed {result.seed}", result.figures, _spent(result)) for result in ours]
    if len(ours) > 1:
        rows.append(
            _row(protocol, f"{OURS}, median of {len(ours)} seeds", middle([result.figures for result in ours]), "–")
        )  # fmt: skip
    rows += [_told(protocol, goal) for goal in protocol.goals]
    rows.append(_row(protocol, f"seasonal naive ({protocol.season}), here", naive, "–"))
    thinned = protocol.every > 1
    if not thinned:
        rows += _peers(protocol, peers)
    rows += [_told(protocol, published) for published in protocol.published]
    lines += table([protocol.title, *protocol.measures, SECONDS], rows)
    lines += _notes(ours, [] if thinned else peers)
    if thinned and peers:
        lines += ["", *_beside(protocol, ours, peers, thin_naive or {})]
    lines += ["", f"Not asked here: {', '.join(without)}."] if without else []
    if ours:
        lines += ["", *by_series(protocol, [(f"{OURS}, seed {result.seed}", result.coverage) for result in ours])]
    return lines


def middle(figures: Sequence[Figures]) -> Figures:
    """The median of each figure over the seeds that have it."""
    found: dict[str, float | None] = {}
    for measure in figures[0]:
        values = [value for each in figures if (value := each.get(measure)) is not None]
        found[measure] = median(values) if values else None
    return found


def by_series(protocol: Protocol, coverage: Sequence[tuple[str, Mapping[str, Coverage]]]) -> list[str]:
    """How the bands do series by series."""
    rows = []
    for who, bands in coverage:
        for band, found in bands.items():
            few = len(found.shares) <= FEW
            spread = " / ".join(
                f"{100 * share:.1f}" for share in (found.shares if few else (found.low, found.middle, found.high))
            )
            near, close = (
                f"{share:.0%} ({chance:.0%})"
                for share, chance in ((found.near, found.near_chance), (found.close, found.close_chance))
            )
            rows.append([who, band, f"{100 * found.overall:.1f} %", near, close, f"{spread} %"])
    count = len(protocol.panel.series)
    headings = [
        f"{protocol.title}, coverage by series ({count:,})", "band", "overall", "within 1.5 points", "within 3 points",
        "each" if count <= FEW else "a tenth of the series below / half / nine tenths",
    ]  # fmt: skip
    said = (
        "In brackets: the share of series that would be so near by chance, were the bands right in every series and "
        "its targets independent of each other."
    )
    return [*table(headings, rows), "", said]


def _busy(results: Sequence[Result]) -> list[str]:
    """Says where times are not what they would be alone: a training of two threads makes a load of two itself."""
    most = max(result.load - result.threads for result in results)
    return (
        [f"Times are provisional: taken beside other work (load up to {most:.1f} beside ours)."] if most > QUIET else []
    )


def _beside(
    protocol: Protocol, ours: Sequence[Result], peers: Sequence[tuple[str, Result]], naive: Figures
) -> list[str]:
    """Everybody on the windows of peers."""
    thin = protocol.thinned()
    said = (
        f"Other libraries, on every {protocol.every}th origin ({thin.windows:,} of {protocol.windows:,} windows), "
        "with ours on the same:"
    )
    figures = [result.thinned for result in ours if result.thinned is not None]
    rows = [_row(protocol, f"{OURS}, median of {len(figures)} seeds", middle(figures), "–")] if figures else []
    rows += [_row(protocol, f"seasonal naive ({protocol.season}), here", naive, "–"), *_peers(protocol, peers)]
    return [said, "", *table([protocol.title, *protocol.measures, SECONDS], rows), *_notes([], peers)]


def _peers(protocol: Protocol, peers: Sequence[tuple[str, Result]]) -> list[list[str]]:
    rows = []
    for title, result in peers:
        if result.failed is None:
            rows.append(_row(protocol, f"{title}, here", result.figures, _spent(result)))
        else:
            empty = ["–"] * (len(protocol.measures) - 1)
            rows.append([f"{title}, here", f"could not be measured: {result.failed}", *empty, "–"])
    return rows


def _notes(ours: Sequence[Result], peers: Sequence[tuple[str, Result]]) -> list[str]:
    """What is to be known of a row beside its figures."""
    said = [f"seed {result.seed}: {result.told}" for result in ours if result.told]
    said += [f"{title}: {result.told}" for title, result in peers if result.told]
    return ["", f"{'. '.join(said)}."] if said else []


def _row(protocol: Protocol, title: str, figures: Figures, seconds: str) -> list[str]:
    return [title, *(written(measure, figures.get(measure)) for measure in protocol.measures), seconds]


def _told(protocol: Protocol, row: Row) -> list[str]:
    return [row.title, *(row.figures.get(measure, "–") for measure in protocol.measures), "–"]


def _spent(result: Result) -> str:
    threads = f"{result.threads} thread" + ("s" if result.threads > 1 else "")
    processor = "" if result.processor is None else f" ({result.processor:.0f} s of processor)"
    return f"{result.seconds:.0f} s{processor} + {result.forecasting:.0f} s, {threads}"
