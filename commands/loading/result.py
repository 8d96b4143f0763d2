"""What a load test has found, in numbers: what the report draws and what the JSON file holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from commands.loading.plan import Plan
from commands.loading.tally import Tally

SHARES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)  # of the percentiles
LATE = 0.005  # seconds at p99 by which the generator itself may be late before the report says so
_BINS = 40


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from when a frame was due to its answer. None: more frames than that were never answered."""

    percentiles: dict[str, float | None]  # "50", "99.9", …, each a latency that occurred (nearest rank)
    mean: float | None  # of those that were answered
    largest: float | None


class Second(msgspec.Struct, frozen=True, kw_only=True):
    """One second of the time that counts."""

    asked: int  # readings due in it
    recorded: int  # readings acknowledged in it
    refused: int  # readings due in it that were refused, or lost
    median: float | None  # latency of the frames due in it, seconds
    high: float | None  # the 99th percentile of them


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Frames of latencies up to this one, seconds, and above that of the bin before."""

    up_to: float
    frames: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Of the time that counts alone; rates are readings a second."""

    format: int = 1
    when: str  # UTC, at the end
    urls: list[str]
    model: str
    digest: str
    durable: str
    plan: Plan
    seconds: float  # that count; fewer than planned where it was broken off
    asked: int  # readings
    recorded: int
    refused: dict[str, int]  # readings by code, those of lost frames too
    frames: int  # answered with an acknowledgement
    lost_frames: int
    latency: Latency
    late: float  # seconds at p99 by which frames left the generator later than due
    generator_load: float  # share of one core that the generator took
    by_second: list[Second]
    histogram: list[Bin]

    @property
    def rate_asked(self) -> float:
        return self.asked / self.seconds

    @property
    def rate_reached(self) -> float:
        return self.recorded / self.seconds

    @property
    def share_refused(self) -> float:
        return sum(self.refused.values()) / self.asked if self.asked else 0.0

    @property
    def warnings(self) -> list[str]:
        """What whoever reads the numbers has to know first."""
        told = []
        if self.late > LATE:
            told.append(
                f"The generator itself was late: one frame in a hundred left {1e3 * self.late:.1f} ms after it was due "
                "or more, which its latency contains. Give it a machine of its own, larger frames, or a lower rate."
            )
        if self.seconds < self.plan.seconds:
            told.append(f"Broken off after {self.seconds:.0f} of {self.plan.seconds:g} s.")
        if self.lost_frames:
            told.append(
                f"{self.lost_frames:,} frames were never answered; percentiles count them as slower than all others."
            )
        if self.asked and self.recorded < 0.95 * self.asked:
            told.append(
                f"{self.recorded:,} of {self.asked:,} readings were recorded in time: this is more than the service "
                "takes, and latencies grow for as long as it lasts."
            )
        return told


def result(tally: Tally, urls: Sequence[str], model: tuple[str, str, str], seconds: float, used: float) -> Result:
    """`model`: its name, digest and what an acknowledged reading survives; `used`: seconds of processor."""
    plan, latencies = tally.plan, sorted(tally.latencies)
    refused = {code: counts.total() for code, counts in sorted(tally.refused.items())}
    whole = sum(count for second, count in tally.recorded.items() if second < math.ceil(seconds))
    name, digest, durable = model
    return Result(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        urls=[*urls],
        model=name,
        digest=digest,
        durable=durable,
        plan=plan,
        seconds=seconds,
        asked=tally.asked.total(),
        recorded=whole,
        refused=refused,
        frames=len(latencies),
        lost_frames=tally.lost,
        latency=Latency(
            percentiles={f"{100 * share:g}": percentile(latencies, share, tally.lost) for share in SHARES},
            mean=sum(latencies) / len(latencies) if latencies else None,
            largest=latencies[-1] if latencies else None,
        ),
        late=percentile(sorted(tally.late), 0.99) or 0.0,
        generator_load=used / (plan.warm_up + seconds),
        by_second=_by_second(tally, seconds),
        histogram=_histogram(latencies),
    )


def percentile(ascending: Sequence[float], share: float, never: int = 0) -> float | None:
    """The smallest one that at least this share (0 to 1) of all do not exceed; `never` more are above all of them.

    None where it is one of those, or there is none.
    """
    rank = max(math.ceil(share * (len(ascending) + never) - 1e-9), 1)
    return ascending[rank - 1] if rank <= len(ascending) else None


def _by_second(tally: Tally, seconds: float) -> list[Second]:
    cells: dict[int, list[float]] = {}
    for due, latency in zip(tally.due, tally.latencies, strict=True):
        cells.setdefault(int(due), []).append(latency)
    found = []
    for second in range(math.ceil(seconds)):
        own = sorted(cells.get(second, ()))
        found.append(
            Second(
                asked=tally.asked[second],
                recorded=tally.recorded[second],
                refused=sum(counts[second] for counts in tally.refused.values()),
                median=percentile(own, 0.5),
                high=percentile(own, 0.99),
            )
        )
    return found


def _histogram(ascending: Sequence[float]) -> list[Bin]:
    """Of equal widths on a logarithmic scale, since latencies reach over powers of ten."""
    if not ascending:
        return []
    low, high = max(ascending[0], 1e-6), max(ascending[-1], 2e-6)
    edges = [low * (high / low) ** (number / _BINS) for number in range(1, _BINS)] + [high]
    counts, at = [0] * _BINS, 0
    for latency in ascending:
        while at < _BINS - 1 and latency > edges[at]:
            at += 1
        counts[at] += 1
    return [Bin(up_to=edge, frames=count) for edge, count in zip(edges, counts, strict=True)]
