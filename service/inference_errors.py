"""The errors of the Open Inference Protocol's door, each with its code and status once, as those of errors.py.

Their words are those that Triton's clients know, where it has words for the same.
"""

from __future__ import annotations

from service.errors import BadRequest, GatecastError


class InvalidInference(BadRequest):
    """An inference request whose tensors, outputs or parameters are not those of its model."""

    code = "invalid_inference"


class StartRequired(BadRequest):
    """A request of a sequence that was not started, has ended, or has expired."""

    code = "start_required"


class SequenceRequired(BadRequest):
    """A request to a model of sequences that names none."""

    code = "sequence_required"


class UnknownModel(GatecastError):
    code, status = "unknown_model", 404


class ModelStays(GatecastError):
    """The one model of a service was to be unloaded, or one that is none of its own to be loaded."""

    code, status = "model_stays", 409
