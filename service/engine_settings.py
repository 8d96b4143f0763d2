"""The engine's bounds: how much waits, runs together, stays resident, and is put off."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class EngineSettings:
    """All counts are at least 1; times are in seconds. `ValueError` names a bound that is not positive."""

    max_batch: int = 1024  # readings that run together
    max_waiting: int = 65_536  # readings and calls that wait; more are told at once that the service is overloaded
    max_history: int = 100_000  # steps of one history
    max_waiting_steps: int = 4_000_000  # steps of all histories that wait or run, and of their forecasts
    chunk: int = 256  # steps of a history that run before the stream has its turn
    follower_batch: int = 64  # sessions that a model that follows rebuilds together, where its runtime takes any size
    follower_seconds: float = 0.0005  # it may take between two batches where the one before took less
    history_batch: int = 16  # histories that run together
    max_resident: int = 16_384  # sessions whose state is in the arena
    beside_bytes: int = 2**28  # of calibrations and monitors beside them, but for those of one batch
    max_known: int = 65_536  # sessions in the table, or four times as many as may be in the arena
    gap_steps: int = 4096  # steps before one reading that may enter as missing
    checkpoint_every: int = 256  # readings of a session between two checkpoints
    checkpoint_group: int = 64  # sessions that are saved together
    fold_slice: int = 512  # readings that the journal folds at a time when it is idle
    fold_seconds: float = 0.02  # how long folding may hold up the stream
    max_tail: int = 262_144  # readings not folded yet, beyond which folding does not wait for an idle moment
    idle_seconds: float = 0.05  # without work for so long, the engine is idle
    warm_up_seconds: float = 20.0  # warming up ends after this, whether every size was seen or not
    probe_seconds: float = 1.0  # from a failure to the first probe; doubles with each that fails
    probe_seconds_at_most: float = 60.0
    rollback_seconds: float = 3600.0  # for so long a model that was replaced keeps up, to be taken back at once
    retry_after_seconds: int = 1  # what an overloaded caller is told to wait
    keep_readings: int | None = None  # of each session, at least so many; None: all
    keep_days: float | None = None  # or those of so many days before its newest one, whichever is more
    keep_slack: int = 256  # readings beyond those, at least, that are there until the oldest are let go of
    mark_bytes: int = 2**28  # states that are kept in memory until what lies before them is let go of
    keep_seconds: float = 1.0  # how often the sessions that have spoken are looked through for such
    session_ttl_seconds: int | None = None  # of sessions that are made without a ttl of their own; None: never
    sessions_per_tenant: int | None = None  # None: no bound
    quality: bool = False  # whether sessions that do not say so are scored
    anomaly_rate: float = 0.001  # of readings that may be counted as anomalies though nothing is wrong
    usage_seconds: float = 10.0  # how often the journal is asked what it takes

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not isinstance(value, bool) and value <= 0:
                raise ValueError(f"{field.name} must be positive, got {value}")
