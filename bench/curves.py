"""Two plots of a running service: latency against load, and throughput against the size of a frame.

    python -m bench.curves [--out FOLDER]

Latency: one reading a frame on 64 connections, sent when due, by chance, at rates that rise until the service cannot
follow; each latency counts from when its reading was due, and each session has spoken once before. Throughput: one
connection, 8 frames in flight.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from bench.load.job import Job, Report, run
from bench.load.percentiles import Latencies
from bench.load.row import Row
from bench.load.server import Server
from bench.load.setting import FRAME, IN_FLIGHT, Setting, options, setting
from bench.machine import taken

FOLDER = Path(__file__).parent / "plots"
CONNECTIONS = 64
SESSIONS = 4_096  # so many that none has two readings on their way
RATES = (250, 500, 1_000, 2_000, 3_000, 4_000, 6_000, 8_000, 12_000, 16_000)  # readings/s
TOO_LATE = 0.1  # seconds: with a p99 beyond it the service does not follow; with such a p50 no higher rate is tried
SIZES = (1, 4, 16, 64, 256, 1024)  # readings of a frame
FORMS = {"msgpack": "MessagePack", "json": "JSON"}


def measure(setting: Setting, folder: Path, note: str) -> list[Row]:
    """Both plots into the folder, and what they show in words."""
    mpl.use("agg")  # no display is needed
    seconds = setting.seconds / 3
    made = {f"r{rate}-": SESSIONS for rate in RATES}
    made |= {f"{form}{size}-": size * IN_FLIGHT for form in FORMS for size in SIZES}
    with setting.service(made) as server:
        latencies = rising(server, seconds)
        rates = {form: [frames_of(server, form, size, seconds) for size in SIZES] for form in FORMS}
    folder.mkdir(exist_ok=True)
    plot_latency(latencies, folder / "latency.png", note)
    plot_throughput(rates, folder / "throughput.png", note)
    followed = [rate for rate, each in latencies.items() if each.p99 <= TOO_LATE]
    most = max(followed, default=0)
    at = latencies[most].p99 * 1e3 if most else float("nan")
    what = "highest tried rate of single readings that is followed, 64 connections; p99 there"
    return [Row("curves", what, "–", f"{most:,}/s; {at:.0f} ms")]


def rising(server: Server, seconds: float) -> dict[int, Latencies]:
    """Latencies by rate, up to the first that is hopeless."""
    found: dict[int, Latencies] = {}
    for rate in RATES:
        run(Job(port=server.port, prefix=f"r{rate}-", sessions=SESSIONS, readings=FRAME, rounds=1))
        job = Job(
            port=server.port, prefix=f"r{rate}-", sessions=SESSIONS, connections=CONNECTIONS, rate=float(rate),
            steps=[1] * SESSIONS, seconds=seconds, warm_up=0.5,
        )  # fmt: skip
        found[rate] = Latencies.of(run(job).seconds_each)
        if found[rate].p50 > TOO_LATE:
            break
    return found


def frames_of(server: Server, form: str, size: int, seconds: float) -> Report:
    """Frames of so many readings, each of sessions that the others in flight have not."""
    job = Job(
        port=server.port, form=form, prefix=f"{form}{size}-", sessions=size * IN_FLIGHT, readings=size,
        in_flight=IN_FLIGHT, seconds=seconds, warm_up=0.5, watched=server.process,
    )  # fmt: skip
    return run(job)


def plot_latency(found: dict[int, Latencies], path: Path, note: str) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    rates = list(found)
    for share, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99")):
        axes.plot(rates, [found[rate].percentile(share) * 1e3 for rate in rates], marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="readings a second, one a frame, when they are due", ylabel="ms")
    axes.set_xticks(rates, [f"{rate:,}" for rate in rates], fontsize=6)
    axes.minorticks_off()
    finish(figure, axes, f"Latency against load, {CONNECTIONS} connections", path, note)


def plot_throughput(found: dict[str, list[Report]], path: Path, note: str) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for form, name in FORMS.items():
        axes.plot(SIZES, [report.readings_per_second for report in found[form]], marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="readings in a frame", ylabel="readings a second")
    axes.set_xticks(SIZES, [str(size) for size in SIZES])
    axes.minorticks_off()
    finish(figure, axes, f"Throughput against frame size, one connection, {IN_FLIGHT} frames in flight", path, note)


def finish(figure: Figure, axes: Axes, title: str, path: Path, note: str, scaled: bool = True) -> None:
    """Title, grid and legend; `scaled`: the axis of values is logarithmic."""
    figure.suptitle(title, fontsize=10)
    axes.set_title(note, fontsize=6, color="0.4")
    if scaled:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def command(description: str | None, measure: Callable[[Setting, Path, str], list[Row]]) -> None:
    """The main function of rows that come with plots."""
    parser = options(description)
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the plots are written")
    chosen = parser.parse_args()
    with setting(chosen) as made:
        for row in measure(made, chosen.out, taken()):
            print(f"{row.what}: {row.found}")


if __name__ == "__main__":
    command(__doc__, measure)
