"""How long runs of some size take here, as they were seen to: so that no more is begun than there is time for."""

from __future__ import annotations

from collections import deque
from statistics import median

REMEMBERED = 5  # runs of a size: one that something else held up does not count among them


class Pace:
    """Seconds by size, in classes that are powers of two.

    A run of twice the size takes at most twice as long, so a size that was never seen, or that was held up when it
    was, is judged by the next smaller one too.
    """

    def __init__(self) -> None:
        self._seen: dict[int, deque[float]] = {}  # by exponent
        self._median: dict[int, float] = {}

    def took(self, size: int, seconds: float) -> None:
        """A run of `size`, at least 1, has taken so long."""
        exponent = _exponent(size)
        seen = self._seen.setdefault(exponent, deque(maxlen=REMEMBERED))
        seen.append(seconds)
        self._median[exponent] = median(seen)

    def expected(self, size: int) -> float:
        """Seconds for a run of `size`: linear between powers of two; 0.0 as long as nothing is known."""
        if not self._median:
            return 0.0
        exponent = _exponent(size)
        most = self._of(exponent)
        if exponent == 0:
            return most
        low = 1 << (exponent - 1)
        least = self._of(exponent - 1)
        return least + (most - least) * (size - low) / low

    def fitting(self, size: int, seconds: float) -> int:
        """The largest run, of `size` at most, that is expected to end in so many seconds; 0: there is none.

        As long as nothing is known that is 1: the first run tells.
        """
        if not self._median:
            return 1
        for exponent in range(_exponent(size), -1, -1):
            if self._of(exponent) <= seconds:
                most = min(size, 1 << exponent)
                if most == size:
                    return size
                upper, lower = self._of(exponent + 1), self._of(exponent)
                more = int((seconds - lower) / (upper - lower) * most) if upper > lower else most
                return min(size, most + more)
        return 0

    def _of(self, exponent: int) -> float:
        lowest = min(self._median)
        if exponent <= lowest:
            return self._median[lowest]
        known, bound = self._median.get(exponent), 2 * self._of(exponent - 1)
        return bound if known is None else min(known, bound)


def _exponent(size: int) -> int:
    return max(0, size - 1).bit_length()
