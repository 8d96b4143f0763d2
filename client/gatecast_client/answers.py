"""What the service answers, as typed objects; fields that a newer service adds are ignored."""

from __future__ import annotations

from typing import Any

import msgspec

from gatecast_client.quality import Anomaly, Drift, Quality

Time = str | int  # ISO 8601 without an offset, or a whole number where the model counts its steps


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """The sum over the first `steps` of a forecast. Its quantiles are not the sums of the steps' quantiles."""

    steps: int
    median: float
    quantiles: dict[str, float]  # by level as it is written

    def quantile(self, level: float) -> float:
        """KeyError names the levels that were asked for."""
        try:
            return self.quantiles[str(level)]
        except KeyError:
            raise KeyError(f"level {level} is not in this sum, only {', '.join(self.quantiles)}") from None


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What comes next: a median and quantiles by step ahead, in the series' own units."""

    median: list[float]
    quantiles: dict[str, list[float]]  # by level as it is written: "0.1", "0.5", …
    start: Time = ""  # time of the first step ahead
    ds: list[Time] | None = None  # all of them, where the service sends them; streams send `start` alone
    sums: list[Sum] | None = None  # where they were asked for, in that order

    def __post_init__(self) -> None:
        if self.ds:
            msgspec.structs.force_setattr(self, "start", self.ds[0])

    def quantile(self, level: float) -> list[float]:
        """One value for each step ahead; KeyError names the levels that were asked for."""
        try:
            return self.quantiles[str(level)]
        except KeyError:
            raise KeyError(f"level {level} is not in this forecast, only {', '.join(self.quantiles)}") from None


class SeriesForecast(Forecast, frozen=True, kw_only=True):
    """The forecast of one series of `predict`."""

    unique_id: str


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One gate of one layer at one reading. An update gate z near 1 keeps the past, as does an LSTM's f."""

    mean: float
    quartiles: list[float]  # of its units: the lower quartile, the median, the upper quartile
    saturated: float  # share of its units that stand at either end of their range
    units: list[float] | None = None  # each unit, where they were asked for


class Regime(msgspec.Struct, frozen=True, kw_only=True):
    """Whether many reset gates of a session have left their own recent range at once."""

    flag: bool
    score: float | None  # None as long as the session's baseline is being learned
    since: int | None  # the step at which the flag went up


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """A reading that is recorded."""

    session: str
    step: int
    ds: Time | None = None  # its time
    durable: str | None = None  # what it survives: none, process (a killed service), disk (a power cut)
    repeated: bool = False  # it had been recorded before; nothing advanced
    filled: int = 0  # steps before it that entered as missing, where the stream asks for that
    delivery: str = "exactly-once"  # or at-most-once: it carried neither step nor ds
    forecast: Forecast | None = None  # on the newest reading of its session in a frame
    gates: dict[str, Gate] | None = None  # by layer.gate (1.r, 1.z, …) beside that, where the stream asks for them
    regime: Regime | None = None  # of a session that was made with `regime`
    quality: Quality | None = None  # of a session that was made with `quality`, where the stream asks for it
    anomaly: Anomaly | None = None  # likewise

    # An older reading that is sent again after a lost connection is known by its step alone: then `ds` and `durable`
    # may be None, and there is no forecast, since a newer reading has one.


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session stands."""

    name: str = msgspec.field(name="session")
    start: Time | None  # time of step 0
    last_step: int | None  # of the last recorded reading
    last_ds: Time | None
    next_step: int  # the step that is expected next
    revision: int
    durable: str
    created: bool = False  # by this very request
    static: dict[str, float | None] = {}  # where the model knows static features; None: unknown
    regime: bool = False  # made to be watched
    calibrate: bool = False  # made to be calibrated
    quality: bool = False  # made to be scored
    first_step: int = 0  # the oldest reading that is kept
    first_ds: Time | None = None  # its time, where older ones were let go of
    ttl_seconds: int | None = None  # without a reading for so long it expires; None: never
    parent: str | None = None  # in listings: the session that it is a fork of
    seen: str | None = None  # in listings: when its last reading came, UTC, to about a minute
    expired: bool = False  # in listings: only where it stood is left


class Revised(Session, frozen=True, kw_only=True):
    """Where a session stands after a change of its past, and what that changed."""

    changed: int  # recorded readings that have other values now, or were taken back
    added: int  # readings that came behind the last one
    filled: int  # steps that entered as missing


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a session that was handed out before the session was erased."""

    session: str
    at: str  # UTC
    last_step: int | None
    sha256: str


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What is gone, and which files are out of its reach."""

    erased: list[str]  # the session and its forks
    exports: list[ExportedFile]


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a listing."""

    sessions: list[Session]
    next: str | None


class CurrentForecast(msgspec.Struct, frozen=True, kw_only=True):
    """A session's forecast from its last reading, asked for without a new one."""

    session: str
    step: int
    ds: Time
    forecast: Forecast


class SessionGates(msgspec.Struct, frozen=True, kw_only=True):
    """The gates of a session's last reading."""

    session: str
    step: int
    ds: Time
    gates: dict[str, Gate]


class SessionRegime(msgspec.Struct, frozen=True, kw_only=True):
    """The regime of a session that was made with `regime`, after its last reading."""

    session: str
    step: int
    ds: Time
    regime: Regime


class SessionQuality(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, after a session's last reading."""

    session: str
    step: int
    ds: Time
    quality: Quality
    anomaly: Anomaly
    drift: Drift
    regime: Regime | None = None  # of a session that is watched too


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """What is served."""

    name: str
    digest: str
    frequency: str
    time_zone: str | None
    calendar_zone: str | None = None  # whose clock its days and weeks are of, where that is another one
    holidays: list[str] = []  # whose holidays it knows by itself …
    holidays_until: str | None = None  # … and the last day of which it does
    horizon: int
    quantiles: list[float]
    target: str
    covariates: list[str]
    streams: bool
    durable: str
    protocol: int
    worker: int = 0  # of several processes, which one answered, and of how many
    workers: int = 1
    future: list[str] = []  # covariates that it knows ahead: every forecast needs their values
    static: list[str] = []  # features that never change in a series
    non_negative: bool = False  # no forecast is below zero
    integer: bool = False  # forecasts are whole numbers
    gates: dict[str, int] = {}  # units by layer.gate
    metrics: dict[str, Any] = {}
    training: dict[str, Any] = {}
    limits: dict[str, Any] = {}


class Predictions(msgspec.Struct, frozen=True, kw_only=True):
    """The body of the answer to `predict`."""

    series: list[SeriesForecast]
