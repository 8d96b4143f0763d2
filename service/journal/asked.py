"""What a session was made with, as one number: the column `regime` of a SQLite journal.

It was 0 or 1 as long as there was nothing but the watch of gates; so journals of before mean what they meant, the row's
checksum covers all of it, and the format is the same.
"""

from __future__ import annotations

from service.journal.protocol import Beginning

WATCHED, CALIBRATED = 1, 2


def asked(begun: Beginning) -> int:
    """The number to be written."""
    return WATCHED * bool(begun.regime) + CALIBRATED * bool(begun.calibrate)


def watched(number: object) -> bool:
    """Whether its gates are watched; so of a number that means nothing: no."""
    return number in (WATCHED, WATCHED + CALIBRATED)


def calibrated(number: object) -> bool:
    """Whether its bands are calibrated."""
    return number in (CALIBRATED, WATCHED + CALIBRATED)
