"""What goes into the engine and comes out of it, in columns: histories, observations, answers, a session's view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.attached import Attached
from service.errors import GatecastError, HistoryTooLong, InvalidTime, InvalidValue
from service.futures import Futures
from service.journal import Static

NO_STEP = -1
NO_TIME = int(np.iinfo(np.int64).min)
LARGEST_VALUE = 1e15  # what lies beyond is a fault and not a measurement
LARGEST_TIME = 2**53  # steps and times beyond it cannot be told apart by every client
LARGEST_STEP = 10**12  # that may be sent: far beyond any series, and its time is still a number
MOST_READINGS = 2**35  # of a session, ever: one a second for a thousand years
LONGEST_TTL = 10**10  # seconds, some three hundred years


@dataclass(frozen=True, eq=False)
class History:
    """Consecutive readings of one series, the oldest first."""

    values: NDArray[np.float64]  # (time, 1 + covariates), NaN where missing
    times: NDArray[np.int64]  # (time,) seconds of the series' own clock, or counts
    future: NDArray[np.float64] | None = None  # (horizon, known-future covariates), NaN where unknown
    static: NDArray[np.float64] | None = None  # (static features,), NaN where unknown


@dataclass(frozen=True, eq=False)
class Observations:
    """A frame: one reading a row, of any sessions, those of one session in order."""

    sessions: list[str]
    steps: NDArray[np.int64]  # (readings,), NO_STEP where the client sent none
    times: NDArray[np.int64]  # (readings,), NO_TIME where the client sent none
    values: NDArray[np.float64]  # (readings, 1 + covariates), NaN where missing
    futures: Futures | None = None  # None: no reading carries what is known ahead
    gates: bool = False  # whether answers with a forecast shall carry the gates of their reading
    every: int = 1  # a forecast only where a step with (step + 1) % every == 0 is taken; 0: never
    fill: bool = False  # whether steps that were left out before a reading enter as missing, and are no error
    quality: bool = False  # whether answers shall tell how good the forecasts of sessions that are scored are


@dataclass(frozen=True, eq=False)
class Answers:
    """One row for each observation, in the same order."""

    steps: NDArray[np.int64]  # (readings,) the step it has; NO_STEP on error
    times: NDArray[np.int64]  # (readings,) and its time; NO_TIME on error
    last_steps: NDArray[np.int64]  # (readings,) the session's last recorded step after its batch
    repeated: NDArray[np.bool_]  # (readings,) the last step sent again: nothing advanced
    keyed: NDArray[np.bool_]  # (readings,) False: it came without step and time, and is taken at most once
    rows: NDArray[np.int64]  # (readings,) in `quantiles`; -1: an error, not its session's newest, or not wanted
    quantiles: NDArray[np.float64]  # (rows, horizon, quantiles)
    errors: list[GatecastError | None]
    durable: str
    gates: Attached | None = None  # (rows, gates) of those that had it asked; None: nobody did
    regimes: Attached | None = None  # (rows, 3) flag, score, since, of the newest of sessions that are watched
    qualities: Attached | None = None  # (rows, told) of the newest of sessions that are scored; None: nobody asked
    filled: NDArray[np.int64] | None = None  # (readings,) steps that entered as missing before it; None: none did


@dataclass(frozen=True)
class SessionView:
    """Where a session stands. `start` and `last_time` are None as long as they are not known."""

    name: str
    start: int | None
    last_step: int
    last_time: int | None
    revision: int
    durable: str
    created: bool
    static: Static = field(default_factory=dict)  # by name, NaN where unknown
    regime: bool = False  # made to be watched
    first_step: int = 0  # the oldest reading that is kept
    first_time: int | None = None  # and its time, where readings were let go of
    ttl: int = 0  # seconds without a reading after which it expires; 0: never
    seen: float | None = None  # when its last reading came, seconds since 1970; told in listings
    expired: bool = False
    parent: str = ""  # the session that it is a fork of
    calibrate: bool = False  # made to be calibrated
    quality: bool = False  # made to be scored


def check_history(values: NDArray[np.float64], longest: int) -> None:
    """`HistoryTooLong` or `InvalidValue` if these (time, width) values cannot be run."""
    if len(values) > longest:
        raise HistoryTooLong(
            f"a history may have {longest} steps here, got {len(values)}; send the newest {longest}", longest=longest
        )
    wrong = np.flatnonzero(_absurd(values))
    if len(wrong) > 0:
        at = int(wrong[0])
        raise InvalidValue(f"values[{at}]: {_value_expected(values[at])}", index=at)


def check_frame(observations: Observations) -> dict[int, GatecastError]:
    """The observations that no session could take, by index: absurd values, steps or times."""
    wrong: dict[int, GatecastError] = {}
    times, steps, values = observations.times, observations.steps, observations.values
    if steps.min() >= NO_STEP and max(steps.max(), times.max()) <= LARGEST_TIME and (times == NO_TIME).all():
        largest = np.abs(values).max()
        if largest <= LARGEST_VALUE or (np.isnan(largest) and not _absurd(values).any()):
            return wrong
    late = (times > LARGEST_TIME) | (steps > LARGEST_TIME)
    early = (times < -LARGEST_TIME) & (times != NO_TIME)
    for at in np.flatnonzero(late | early).tolist():
        wrong[at] = InvalidTime(f"steps and times of at most {LARGEST_TIME} were expected, got a larger one")
    for at in np.flatnonzero(steps < NO_STEP).tolist():
        wrong[at] = InvalidValue(f"a step of 0 or more was expected, got {int(steps[at])}")
    for at in np.flatnonzero(_absurd(observations.values)).tolist():
        wrong[at] = InvalidValue(_value_expected(observations.values[at]))
    return wrong


def join(parts: Sequence[Answers], sessions: Sequence[str]) -> Answers:
    """The answers of a frame that was worked off in several batches, in their order; `sessions` are its readings'.

    Each part tells of its own newest readings. That it is a session's newest of the whole frame can be told at the
    end alone, since those after it may be refused; of all others, forecast, gates and regime are dropped.
    """
    if len(parts) == 1:
        return parts[0]
    errors = [error for part in parts for error in part.errors]
    newest = np.zeros(len(sessions), np.bool_)
    newest[[*{name: at for at, name in enumerate(sessions) if errors[at] is None}.values()]] = True

    def joined(attached: Sequence[Attached | None]) -> Attached | None:
        whole = Attached.join(attached, [len(part.steps) for part in parts])
        return None if whole is None else whole.only(newest)

    forecasts = joined([Attached(part.rows, part.quantiles) for part in parts])
    assert forecasts is not None  # there are parts
    return Answers(
        steps=np.concatenate([part.steps for part in parts]),
        times=np.concatenate([part.times for part in parts]),
        last_steps=np.concatenate([part.last_steps for part in parts]),
        repeated=np.concatenate([part.repeated for part in parts]),
        keyed=np.concatenate([part.keyed for part in parts]),
        rows=forecasts.rows,
        quantiles=forecasts.values,
        errors=errors,
        durable=parts[0].durable,
        gates=joined([part.gates for part in parts]),
        regimes=joined([part.regimes for part in parts]),
        qualities=joined([part.qualities for part in parts]),
    )


def _absurd(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Rows with an infinite or too large number; NaN, a missing value, compares as False."""
    return np.asarray((np.abs(values) > LARGEST_VALUE).any(axis=1))


def _value_expected(row: NDArray[np.float64]) -> str:
    return f"numbers of at most {LARGEST_VALUE:g} were expected, got {row[np.abs(row) > LARGEST_VALUE][0]:g}"
