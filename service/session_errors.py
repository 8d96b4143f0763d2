"""The errors of what a session may be made with, each with its code and status once, as those of errors.py."""

from __future__ import annotations

from service.errors import GatecastError


class NoCalibration(GatecastError):
    """Calibrated bands of a model whose forecasts could not be made again, or that has no bands."""

    code, status = "no_calibration", 409


class NoQuality(GatecastError):
    """The quality of forecasts that could not be made again, or that have no bands; or of a session that has none."""

    code, status = "no_quality", 409
