"""Why a model is not deployed, promoted or taken back: a branch of the tree of errors.py."""

from __future__ import annotations

from service.errors import GatecastError


class NoModels(GatecastError):
    """The service was started without a directory of models."""

    code, status = "no_models", 409


class UnknownVersion(GatecastError):
    code, status = "unknown_version", 404


class UnsafeVersion(GatecastError):
    """A version that leads out of the directory of models, or is code from a directory that is not trusted."""

    code, status = "unsafe_version", 409


class BrokenVersion(GatecastError):
    """A version whose bundle cannot be read or run."""

    code, status = "broken_version", 409


class AlreadyServed(GatecastError):
    code, status = "already_served", 409


class ModelMisfit(GatecastError):
    """Another subject, frequency, horizon, … than that of the model that serves; `differs` says which."""

    code, status = "model_misfit", 409


class WarmUpNotKept(GatecastError):
    """A model that needs more readings than are kept of some sessions."""

    code, status = "warm_up_not_kept", 409


class DeployUnderWay(GatecastError):
    """There is a candidate; one at a time."""

    code, status = "deploy_under_way", 409


class NoCandidate(GatecastError):
    code, status = "no_candidate", 409


class CandidateNotReady(GatecastError):
    """The candidate's states are not all rebuilt."""

    code, status = "candidate_not_ready", 409


class CandidateFailed(GatecastError):
    """The candidate could not be loaded, raised, or answered with what is not finite; the current model went on."""

    code, status = "candidate_failed", 409


class NotBetter(GatecastError):
    """The candidate's error is not what its promotion was bound to; both errors are told."""

    code, status = "not_better", 409


class NoRollback(GatecastError):
    """The model before is not at hand any more."""

    code, status = "no_rollback", 409


class NotRecorded(GatecastError):
    """Which version serves could not be written down, so it was not changed."""

    code, status = "not_recorded", 503
