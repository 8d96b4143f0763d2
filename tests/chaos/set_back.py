"""A service whose clock can be set back: python -m tests.chaos.set_back serve …, and SIGUSR1, as often as wanted."""

from __future__ import annotations

import signal
import time
from types import FrameType

from commands.main import main

BACK = 366 * 24 * 3600.0  # seconds, each time


class Clock:
    """Stands in for time.time and time.time_ns."""

    def __init__(self) -> None:
        self._real, self._real_ns = time.time, time.time_ns
        self._back = 0.0
        time.time, time.time_ns = self.time, self.time_ns
        signal.signal(signal.SIGUSR1, self._set_back)

    def time(self) -> float:
        return self._real() - self._back

    def time_ns(self) -> int:
        return self._real_ns() - int(self._back * 1e9)

    def _set_back(self, _: int, __: FrameType | None) -> None:
        self._back += BACK


if __name__ == "__main__":
    Clock()
    main()
