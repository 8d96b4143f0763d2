"""Errors about a session's past: what was corrected, let go of, handed out, or has ended."""

from __future__ import annotations

from service.errors import BadRequest, GatecastError


class InvalidExport(BadRequest):
    """A file that is no exported session, is damaged, or is not for this model."""

    code, status = "invalid_export", 422


class DuplicateStep(BadRequest):
    """One correction names a step twice."""

    code, status = "duplicate_step", 422


class HistoryGone(GatecastError):
    """Readings are asked for that the journal was told to keep no longer; `first_step` is the oldest kept one."""

    code, status = "history_gone", 410


class SessionExpired(GatecastError):
    """A session that had no reading for as long as it was made to live; never answered with a fresh one."""

    code, status = "expired", 410
