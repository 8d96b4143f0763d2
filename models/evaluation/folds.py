"""Folds of a rolling-origin backtest: cutoffs in time, what each fold may be trained on, and where it is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from datasets.frequency import Frequency, format_time
from models.config import ForecasterConfig
from models.evaluation.panel import Panel, Stretch

WINDOWS = ("expanding", "sliding")
VALIDATION_SHARE = 0.1  # of what a fold is trained on
_LARGEST_SHARE = 4  # at most a quarter is left to choose the weights by


@dataclass(frozen=True)
class FoldSettings:
    """How the folds lie; all lengths in steps. `size` is that of a sliding window, None for an expanding one."""

    count: int
    test_steps: int  # of each fold
    stride: int  # from one origin to the next
    window: str = "expanding"
    size: int | None = None
    gap: int = 0  # between the end of the training and the cutoff
    validation: float = VALIDATION_SHARE
    refit: bool = True

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise ValueError(f"expected --window {' or '.join(WINDOWS)}, got {self.window!r}")
        for name, least in (("count", 1), ("test_steps", 1), ("stride", 1), ("gap", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"expected --{_OPTIONS[name]} of at least {least}, got {getattr(self, name)}")
        if self.size is not None and self.window != "sliding":
            raise ValueError("--size is the length of a sliding window: add --window sliding, or leave --size out")
        if not self.refit and (self.window == "sliding" or self.gap):
            raise ValueError("--window sliding and --gap say what a fold is trained on: leave them out, or add --refit")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


_OPTIONS = {"count": "folds", "test_steps": "test-steps", "stride": "stride", "gap": "gap"}


@dataclass(frozen=True)
class Fold:
    """Trained on the readings from `first` (None: from the start) to before `trained_before`; tested on those from
    `cutoff` to before `end`. All four are times, so that no series can tell another one's future."""

    number: int  # from 1, in the order of time
    first: int | None
    trained_before: int
    cutoff: int
    end: int


class Origins(NamedTuple):
    """Places of the first and the last reading after which series number `series` is forecast, every stride."""

    series: int
    first: int
    last: int


def place(stretch: Stretch, time: int) -> int:
    """How many readings of a series lie before a time."""
    return int(np.searchsorted(stretch.times, time))


def folds_of(stretches: Sequence[Stretch], frequency: Frequency, settings: FoldSettings) -> tuple[Fold, ...]:
    """Consecutive test parts that end with the last reading of all, in the order of time.

    Counted on the grid of the series that reports last. A sliding window without a size is as long as what stands
    before the first fold there.
    """
    grid = max(stretches, key=lambda stretch: (int(stretch.times[-1]), len(stretch)))

    def at(step: int) -> int:
        return int(frequency.times(int(grid.times[0]), np.array([step], dtype=np.int64))[0])

    cutoffs = [len(grid) - (settings.count - done) * settings.test_steps for done in range(settings.count)]
    size = None
    if settings.window == "sliding":
        size = settings.size if settings.size is not None else max(1, cutoffs[0] - settings.gap)
    folds = []
    for number, cutoff in enumerate(cutoffs, start=1):
        before = cutoff - settings.gap
        first = None if size is None else at(before - size)
        folds.append(Fold(number, first, at(before), at(cutoff), at(cutoff + settings.test_steps)))
    return tuple(folds)


def training_part(stretch: Stretch, fold: Fold) -> Stretch:
    """What a fold may be trained on, and nothing else, of one series."""
    start = 0 if fold.first is None else place(stretch, fold.first)
    return cut(stretch, start, place(stretch, fold.trained_before))


def cut(stretch: Stretch, start: int, end: int) -> Stretch:
    """The readings from place `start` to before `end`."""
    return replace(stretch, values=stretch.values[start:end], times=stretch.times[start:end])


def context_start(stretch: Stretch, fold: Fold) -> int:
    """The place of the first reading that a forecast of the fold may know: a sliding window forgets what is before."""
    return 0 if fold.first is None else place(stretch, fold.first)


def steps_needed(config: ForecasterConfig, settings: FoldSettings) -> int:
    """The fewest steps that a series needs before a cutoff: one context and, to be trained on, one and a horizon."""
    if not settings.refit:
        return config.window
    length = max(config.window, config.horizon + 2)
    while length - _validation(length, config.horizon, settings) < config.horizon + 1:
        length += 1
    return length


def training_panel(
    stretches: Sequence[Stretch], fold: Fold, config: ForecasterConfig, settings: FoldSettings
) -> Panel | None:
    """The training parts of all series that are long enough at the cutoff, their ends marked for validation."""
    parts = [training_part(stretch, fold) for stretch in stretches]
    parts = [part for part in parts if len(part) >= steps_needed(config, settings)]
    if not parts:
        return None
    ends = tuple(len(part) - _validation(len(part), config.horizon, settings) for part in parts)
    return Panel(tuple(parts), ends, tuple(len(part) for part in parts))


def origins_of(
    stretches: Sequence[Stretch], fold: Fold, config: ForecasterConfig, settings: FoldSettings
) -> list[Origins]:
    """Of each series that knows enough at the cutoff, the origins whose whole horizon lies in the fold's test part."""
    found = []
    for series, stretch in enumerate(stretches):
        part = training_part(stretch, fold)
        first, end = place(stretch, fold.cutoff) - 1, place(stretch, fold.end)
        whole = end - 1 - config.horizon - first  # origins after the first
        if len(part) < steps_needed(config, settings) or whole < 0 or not np.isfinite(part.values[:, 0]).any():
            continue
        found.append(Origins(series, first, first + whole // settings.stride * settings.stride))
    return found


def check_folds(
    stretches: Sequence[Stretch],
    folds: Sequence[Fold],
    frequency: Frequency,
    config: ForecasterConfig,
    settings: FoldSettings,
) -> list[int]:
    """ValueError by name for a fold that cannot be trained or tested; else the series that take part in no fold."""
    if settings.test_steps < config.horizon:
        raise ValueError(
            f"expected a horizon of {config.horizon} steps or more to test on in each fold, got {settings.test_steps}: "
            "give more --test-steps"
        )
    needed = steps_needed(config, settings)
    if settings.size is not None and settings.size < needed:
        raise ValueError(
            f"expected a sliding window of at least {needed} steps (one context, and a horizon of {config.horizon} to "
            f"train on), got --size {settings.size}: give a larger one, or look back less far (--lags)"
        )
    tested: set[int] = set()
    for fold in folds:
        origins = origins_of(stretches, fold, config, settings)
        if not origins:
            longest = max(len(training_part(stretch, fold)) for stretch in stretches)
            raise ValueError(
                f"fold {fold.number} of {len(folds)}, from {_said(fold.cutoff, frequency)}: expected a series with at "
                f"least {needed} steps before it and {config.horizon} in it, got at most {longest} before it: give "
                "longer series, fewer --folds, fewer --test-steps, a shorter horizon, or look back less far (--lags)"
            )
        tested |= {origin.series for origin in origins}
    return [series for series in range(len(stretches)) if series not in tested]


def check_unseen(folds: Sequence[Fold], unseen_from: int, frequency: Frequency) -> None:
    """ValueError that names the folds whose test the weights of a run have seen; unseen is what begins then."""
    seen = [fold for fold in folds if fold.cutoff < unseen_from]
    if not seen:
        return
    names = ", ".join(str(fold.number) for fold in seen)
    left = len(folds) - len(seen)
    fewer = f"--folds {left}, " if left else ""
    raise ValueError(
        f"{'fold' if len(seen) == 1 else 'folds'} {names} of {len(folds)} would be tested on readings that the run has "
        f"learned from: without --refit a fold may begin at {_said(unseen_from, frequency)} at the earliest, fold "
        f"{seen[0].number} begins at {_said(seen[0].cutoff, frequency)}: take {fewer}fewer --test-steps, or --refit, "
        "or give DATA with later readings"
    )


def _validation(length: int, horizon: int, settings: FoldSettings) -> int:
    return min(max(horizon, round(settings.validation * length)), length // _LARGEST_SHARE)


def _said(time: int, frequency: Frequency) -> str:
    return str(format_time(time, frequency))
