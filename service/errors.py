"""Every error that a client can meet, each with its code and HTTP status once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class GatecastError(Exception):
    """The root: `code` is stable and machine-readable, the message says what was expected, what came, what to do."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts  # numbers a program can act on, such as the step expected


class InternalError(GatecastError):
    """A fault of the service; the details are in its log, under the same request."""


class BadRequest(GatecastError):
    code, status = "bad_request", 400


class MalformedJson(BadRequest):
    code = "malformed_json"


class MalformedMessagePack(BadRequest):
    code = "malformed_msgpack"


class WrongType(BadRequest):
    """A field that is missing, unknown, or of another type than the schema's."""

    code, status = "wrong_type", 422


class UnsupportedMediaType(BadRequest):
    code, status = "unsupported_media_type", 415


class UnsupportedProtocol(BadRequest):
    """A stream was asked for in a version of the protocol that this service does not speak."""

    code, status = "unsupported_protocol", 400


class InvalidSession(BadRequest):
    """A session's name that is empty, too long, or holds control characters."""

    code, status = "invalid_session", 422


class UnknownHandle(BadRequest):
    """A number for a session that this connection was not given a name of."""

    code, status = "unknown_handle", 422


class EmptyRequest(BadRequest):
    code, status = "empty_request", 422


class DuplicateSeries(BadRequest):
    """Two series of one request carry the same unique_id."""

    code, status = "duplicate_series", 422


class InvalidValue(BadRequest):
    """An infinite or absurdly large number."""

    code, status = "invalid_value", 422


class MissingCovariates(BadRequest):
    code, status = "missing_covariates", 422


class UnknownCovariate(BadRequest):
    code, status = "unknown_covariate", 422

    @classmethod
    def among(cls, known: Sequence[str], unknown: str) -> UnknownCovariate:
        """Of one that came with readings."""
        has = f"knows the covariates {', '.join(known)}" if known else "takes no covariates"
        return cls(f"this model {has}; leave out {unknown!r}", covariates=list(known))


class MissingFuture(BadRequest):
    """A forecast without the values ahead of a covariate that this model must know."""

    code, status = "missing_future", 422


class FutureLength(BadRequest):
    """Values ahead for fewer steps than are to be forecast, or for more than the model can."""

    code, status = "future_length", 422


class MissingStatic(BadRequest):
    """A series without a static feature that this model knows series by."""

    code, status = "missing_static", 422


class UnknownStatic(BadRequest):
    code, status = "unknown_static", 422


class UnknownQuantile(BadRequest):
    code, status = "unknown_quantile", 422


class HorizonTooLong(BadRequest):
    code, status = "horizon_too_long", 422


class OffGrid(BadRequest):
    """A time that is not a whole number of steps from its session's start."""

    code, status = "off_grid", 422


class TimeRequired(BadRequest):
    code, status = "time_required", 422


class InvalidTime(BadRequest):
    code, status = "invalid_time", 422


class StepMismatch(BadRequest):
    """`step` and `ds` of one reading name different places."""

    code, status = "step_mismatch", 422


class EmptyHistory(BadRequest):
    code, status = "empty_history", 422


class HistoryTooLong(GatecastError):
    code, status = "history_too_long", 413


class TooLarge(GatecastError):
    """A body or a frame beyond the limit."""

    code, status = "too_large", 413


class TooManySeries(GatecastError):
    code, status = "too_many_series", 413


class TooManyReadings(GatecastError):
    """More readings in one frame or request than the limit."""

    code, status = "too_many_readings", 413


class TooManyHandles(GatecastError):
    """More sessions by number on one connection than the limit."""

    code, status = "too_many_handles", 413


class UnknownSession(GatecastError):
    code, status = "unknown_session", 404


class Misdirected(GatecastError):
    """A session of another worker; `worker` says which one."""

    code, status = "misdirected", 421


class NotFound(GatecastError):
    code, status = "not_found", 404


class MethodNotAllowed(GatecastError):
    code, status = "method_not_allowed", 405


class SessionExists(GatecastError):
    code, status = "session_exists", 409


class NoReadings(GatecastError):
    """A forecast was asked of a session that has no reading yet."""

    code, status = "no_readings", 409


class NoGates(GatecastError):
    """Gates were asked of a model that has none, or whose bundle does not name them."""

    code, status = "no_gates", 409


class NoRegime(GatecastError):
    """The regime of a session that was not made to be watched, or whose model has no gates for it."""

    code, status = "no_regime", 409


class Gap(GatecastError):
    code, status = "gap", 409


class Duplicate(GatecastError):
    code, status = "duplicate", 409


class Conflict(GatecastError):
    """A recorded step came again with another value."""

    code, status = "conflict", 409


class StaleSession(GatecastError):
    """Someone else moved the session on between the check and the write; ask for its last step and go on."""

    code, status = "stale_session", 409


class CannotStream(GatecastError):
    code, status = "cannot_stream", 409


class StateLost(GatecastError):
    """A session whose state cannot be rebuilt; never answered with a fresh one."""

    code, status = "state_lost", 410


class NonFiniteForecast(GatecastError):
    """The model answered with a number that is not finite; nothing was recorded."""

    code, status = "non_finite_forecast", 500


class ModelFailed(GatecastError):
    code, status = "model_failed", 500


class Overloaded(GatecastError):
    code, status = "overloaded", 503


class Draining(GatecastError):
    code, status = "draining", 503


class NotReady(GatecastError):
    """What /ready answers until the service can forecast, and again when it cannot any more."""

    code, status = "not_ready", 503


class BundleError(GatecastError):
    """A bundle that is incomplete, tampered with, or of a format this version does not read."""

    code = "bundle"


class RuntimeUnavailable(GatecastError):
    code = "runtime_unavailable"


class JournalError(GatecastError):
    """The journal cannot write or read now, a full disk say; nothing was acknowledged that is not safe."""

    code, status = "journal", 503


class JournalDamaged(JournalError):
    """Content that cannot be what was written; of one session's readings it concerns no other session."""

    code, status = "journal_damaged", 500


class JournalLocked(JournalError):
    """Another process owns the journal."""

    code, status = "journal_locked", 500


class SettingsError(GatecastError):
    """Settings that cannot be used, from the command line or the environment."""

    code = "settings"
