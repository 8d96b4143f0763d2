"""What a session was made with, as one number: the column `regime` of a SQLite journal.

It was 0 or 1 as long as there was nothing but the watch of gates; so journals of before mean what they meant, the row's
checksum covers all of it, and the format is the same.
"""

from __future__ import annotations

from service.journal.protocol import Beginning

WATCHED, CALIBRATED, SCORED = 1, 2, 4


def asked(begun: Beginning) -> int:
    """The number to be written."""
    return WATCHED * bool(begun.regime) + CALIBRATED * bool(begun.calibrate) + SCORED * bool(begun.quality)


def watched(number: object) -> bool:
    """Whether its gates are watched; so of a number that means nothing: no."""
    return _has(number, WATCHED)


def calibrated(number: object) -> bool:
    """Whether its bands are calibrated."""
    return _has(number, CALIBRATED)


def scored(number: object) -> bool:
    """Whether its forecasts are scored."""
    return _has(number, SCORED)


def _has(number: object, what: int) -> bool:
    return isinstance(number, int) and 0 <= number < 2 * SCORED and bool(number & what)
