"""What Prometheus reads at /metrics: counts and times of requests, streams, batches and the journal; never a name."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from service.bundle import Bundle
from service.follower import Standing
from service.scored_metrics import ScoredMetrics
from service.tallies import Spread, Tally

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
# They begin at 0, since Prometheus sees no rise in a series that begins with its first event.
_SERIOUS = (
    "conflict", "draining", "gap", "internal", "journal", "journal_damaged", "model_failed", "non_finite_forecast",
    "overloaded", "rate_limited", "stale_session", "state_lost",
)  # fmt: skip
_FAULTS = ("CandidateFailed", "InternalError", "JournalDamaged", "JournalError", "ModelFailed")
_SIZES = tuple(float(2**power) for power in range(13))


class Metrics:
    """Its own registry; it is the engine's observer (service/events.py), and the edge counts into it too."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._model = Info("gatecast_model", "What is served.", registry=registry)
        self._ready = Gauge("gatecast_ready", "1 while the service can forecast.", registry=registry)
        self._requests = Counter(
            "gatecast_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "gatecast_request_seconds", "From a request to its answer.", ["route"], buckets=_SECONDS, registry=registry
        )
        self.streams = Gauge("gatecast_streams", "Open streams.", registry=registry)
        self._frames = Tally("gatecast_frames", "Frames received.", registry, "form")
        self._frame_seconds = Spread(
            "gatecast_frame_seconds", "From a frame of a stream to its answer.", _SECONDS, registry
        )
        self._frame_readings = Spread("gatecast_frame_readings", "Readings in a frame.", _SIZES, registry)
        self._readings = Tally("gatecast_readings", "Readings judged, new and repeated.", registry)
        self._batch_readings = Spread("gatecast_batch_readings", "Readings in a batch.", _SIZES, registry)
        self._batch_seconds = Spread(
            "gatecast_batch_seconds", "A batch, from its forming to its answers.", _SECONDS, registry
        )
        self._append_seconds = Spread(
            "gatecast_append_seconds", "Recording a batch in the journal.", _SECONDS, registry
        )
        self._appended = Tally("gatecast_appended", "Readings recorded.", registry)
        self._chunk_seconds = Spread("gatecast_chunk_seconds", "One chunk of histories.", _SECONDS, registry)
        self._history_steps = Counter("gatecast_history_steps", "Steps of histories run.", registry=registry)
        self._refused = Counter("gatecast_refused", "Readings refused.", ["code"], registry=registry)
        self._problems = Counter(
            "gatecast_problems", "Requests and frames refused as a whole.", ["code"], registry=registry
        )
        self._faults = Counter("gatecast_faults", "Failures of the service.", ["kind"], registry=registry)
        self._rebuilt = Counter("gatecast_rebuilt", "Sessions rebuilt from the journal.", registry=registry)
        self._replayed = Counter("gatecast_replayed", "Readings replayed to rebuild them.", registry=registry)
        self._evicted = Counter("gatecast_evicted", "States that left the arena.", registry=registry)
        self._checkpoints = Counter("gatecast_checkpoints", "States saved to the journal.", registry=registry)
        self._errors = Gauge(
            "gatecast_model_error",
            "One step ahead, of both models over the same readings while there is a candidate.",
            ["role", "measure"],
            registry=registry,
        )
        self._compared = Gauge("gatecast_compared_readings", "Readings that both have forecast.", registry=registry)
        self._candidate_left = Gauge(
            "gatecast_candidate_left", "Sessions that a candidate has still to rebuild.", registry=registry
        )
        self._bytes = Gauge("gatecast_journal_bytes", "What the journal takes.", registry=registry)
        self._sessions = Gauge("gatecast_sessions", "Sessions in the journal, expired ones too.", registry=registry)
        self._released = Counter("gatecast_released", "Readings that the journal let go of.", registry=registry)
        self._holidays_passed = Gauge(
            "gatecast_holidays_passed",
            "1 once a forecast went beyond what the model that serves knows.",
            registry=registry,
        )
        self.scored = ScoredMetrics(registry)
        self._alerts = Counter("gatecast_alerts", "Alerts, by what became of them.", ["outcome"], registry=registry)
        self._expired = Counter("gatecast_expired", "Sessions that expired.", registry=registry)
        self._checkpointed = Gauge(
            "gatecast_checkpoint_timestamp_seconds", "When states were last saved; 0: not yet.", registry=registry
        )
        ProcessCollector(registry=registry)  # memory, processor, open files
        for code in _SERIOUS:
            self._problems.labels(code)
            self._refused.labels(code)
        for kind in _FAULTS:
            self._faults.labels(kind)

    def watch(self, collector: Collector) -> None:
        """Shows what this one collects too."""
        self.registry.register(collector)

    def compare(self, follower: Standing | None) -> None:
        """How a candidate does beside the model that serves; nothing of either where there is none."""
        self._errors.clear()
        there = follower is not None and follower.role == "candidate" and follower.error is None
        self._candidate_left.set(follower.left if follower is not None and there else 0)
        self._compared.set(follower.scores.readings if follower is not None and there else 0)
        if follower is None or not there:
            return
        for role, score in (("current", follower.scores.leader), ("candidate", follower.scores.follower)):
            if score is not None:
                self._errors.labels(role, "mae").set(score.mae)
                self._errors.labels(role, "quantile_loss").set(score.quantile_loss)

    @property
    def batches(self) -> int:
        """Of stream readings, since the start."""
        return self._batch_readings.count

    @property
    def chunks(self) -> int:
        """Of histories, since the start."""
        return self._chunk_seconds.count

    def alerts(self, outcome: str, count: int) -> None:
        """So many were "sent", "failed" (nobody took them) or "dropped" (too many waited)."""
        self._alerts.labels(outcome).inc(count)

    def days(self, passed: bool) -> None:
        """Whether forecasts of the model that serves have gone beyond the holidays it knows."""
        self._holidays_passed.set(passed)

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)

    def serving(self, bundle: Bundle, runtime: str, device: str) -> None:
        """Says which model this is."""
        name = bundle.manifest.name
        self._model.info({"name": name, "digest": bundle.digest, "runtime": runtime, "device": device})

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is the template of its path."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def problem(self, code: str) -> None:
        """A request or a frame was refused as a whole."""
        self._problems.labels(code).inc()

    def frame(self, form: str, readings: int) -> None:
        """A frame was received: "json" or "msgpack"."""
        self._frames.add(of=form)
        self._frame_readings.observe(readings)

    @property
    def answered(self) -> Callable[[float], None]:
        """To be told of each frame after how many seconds it was answered; asked for once, by those who tell often."""
        return self._frame_seconds.observe

    def batch(self, readings: int, sessions: int, seconds: float) -> None:  # noqa: ARG002 (the observer's)
        self._readings.add(readings)
        self._batch_readings.observe(readings)
        self._batch_seconds.observe(seconds)

    def appended(self, readings: int, seconds: float) -> None:
        self._appended.add(readings)
        self._append_seconds.observe(seconds)

    def chunk(self, histories: int, steps: int, seconds: float) -> None:  # noqa: ARG002 (the observer's)
        self._history_steps.inc(steps)
        self._chunk_seconds.observe(seconds)

    def refused(self, code: str, readings: int) -> None:
        self._refused.labels(code).inc(readings)

    def fault(self, error: BaseException) -> None:
        self._faults.labels(type(error).__name__).inc()

    def rebuilt(self, sessions: int, readings: int) -> None:
        self._rebuilt.inc(sessions)
        self._replayed.inc(readings)

    def evicted(self, sessions: int) -> None:
        self._evicted.inc(sessions)

    def checkpointed(self, sessions: int) -> None:
        self._checkpoints.inc(sessions)
        self._checkpointed.set_to_current_time()

    def folded(self, left: int) -> None:
        """How much is left is looked up when somebody asks (`service.gauges`)."""

    def released(self, sessions: int, readings: int) -> None:  # noqa: ARG002 (the observer's)
        self._released.inc(readings)

    def expired(self, sessions: int) -> None:
        self._expired.inc(sessions)

    def stored(self, size: int, sessions: int) -> None:
        self._bytes.set(size)
        self._sessions.set(sessions)

    def holidays_passed(self, until: str) -> None:
        """It is asked of the model that serves (`days`): another one may know more of them."""

    def readiness(self, ready: bool, reason: str) -> None:  # noqa: ARG002 (the log says why)
        self._ready.set(ready)
