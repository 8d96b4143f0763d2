"""Two plots of what grows and what does not: cost against the length of the history, throughput against sessions.

    python -m bench.growth [--out FOLDER]

History: one client, one answer at a time; a stateless endpoint is sent all of it, a stream the newest reading.
Sessions: readings of all of them in turn, 256 a frame by columns, 3 frames in flight, the states of all at hand.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib as mpl

from bench.curves import command, finish
from bench.load.job import Job, run
from bench.load.percentiles import Latencies
from bench.load.predict import Poster
from bench.load.row import Row
from bench.load.setting import Setting
from bench.many_sessions import Crowd, at_hand
from bench.replay import posted

LENGTHS = (1, 8, 64, 512, 4_096, 16_384)  # readings of a history
SESSIONS = (1_000, 4_000, 16_000, 64_000, 256_000)


def measure(setting: Setting, folder: Path, note: str) -> list[Row]:
    """Both plots into the folder, and what they show in words."""
    mpl.use("agg")  # no display is needed
    folder.mkdir(exist_ok=True)
    streamed, replayed = by_history(setting)
    plot_history(streamed, replayed, folder / "history.png", note)
    rates = by_sessions(setting)
    plot_sessions(rates, folder / "sessions.png", note)
    shortest, longest = replayed[LENGTHS[0]], replayed[LENGTHS[-1]]
    return [
        Row(
            "growth",
            f"a history of {LENGTHS[-1]:,} against one of {LENGTHS[0]}, ms for an answer: replayed; streamed",
            "–",
            f"{longest * 1e3:.1f} against {shortest * 1e3:.1f}; {streamed * 1e3:.2f} whatever it is",
        ),
        Row(
            "growth",
            f"readings/s with {SESSIONS[-1]:,} sessions against {SESSIONS[0]:,}",
            "–",
            f"{rates[SESSIONS[-1]] / rates[SESSIONS[0]]:.0%} of {rates[SESSIONS[0]]:,.0f}",
        ),
    ]


def by_history(setting: Setting) -> tuple[float, dict[int, float]]:
    """Seconds for a streamed reading, and for a replay by the length of its history; medians."""
    seconds = setting.seconds / len(LENGTHS)
    with setting.service({"one": 1}, "process") as server:
        streamed = Latencies.of(run(Job(port=server.port, prefix="one", seconds=setting.seconds)).seconds_each).p50
        found = {length: statistics.median(posted(Poster(server.port, length), seconds)) for length in LENGTHS}
    return streamed, found


def by_sessions(setting: Setting) -> dict[int, float]:
    """Readings a second by the number of sessions."""
    rates = {}
    for number in SESSIONS:
        with setting.service({"s": number}, settings=at_hand(number, number)) as server:
            crowd = Crowd(server, number)
            crowd.read(setting.seconds)
            rates[number] = crowd.rate
    return rates


def plot_history(streamed: float, replayed: dict[int, float], path: Path, note: str) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    whole = [seconds * 1e3 for seconds in replayed.values()]
    axes.plot(list(replayed), whole, marker="o", label="the whole history sent")
    axes.plot(list(replayed), [streamed * 1e3] * len(replayed), marker="o", label="one reading streamed")
    axes.set(xscale="log", yscale="log", xlabel="readings in the history", ylabel="ms for an answer, p50")
    axes.set_xticks(list(replayed), [f"{length:,}" for length in replayed])
    axes.minorticks_off()
    finish(figure, axes, "Cost of a forecast against the length of the history, one client", path, note)


def plot_sessions(rates: dict[int, float], path: Path, note: str) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    axes.plot(list(rates), list(rates.values()), marker="o", label="MessagePack by columns, 256 a frame")
    axes.set(xscale="log", ylim=(0, None), xlabel="sessions, all of which speak", ylabel="readings a second")
    axes.set_xticks(list(rates), [f"{number:,}" for number in rates])
    axes.minorticks_off()
    finish(figure, axes, "Throughput against the number of sessions, one connection", path, note, scaled=False)


if __name__ == "__main__":
    command(__doc__, measure)
