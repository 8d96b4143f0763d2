"""How long runs of some size take here, as they were seen to: so that no more is begun than there is time for."""

from __future__ import annotations

from collections import deque

REMEMBERED = 5  # runs of a size; the longest but one counts: one may have been held up by something else


class Pace:
    """Seconds by size, in classes that are powers of two.

    A run of twice the size takes at most twice as long, so a size that was never seen, or that was held up when it
    was, is judged by the next smaller one too.
    """

    def __init__(self) -> None:
        self._seen: dict[int, deque[float]] = {}  # by exponent
        self._usual: dict[int, float] = {}

    def took(self, size: int, seconds: float) -> None:
        """A run of `size`, at least 1, has taken so long."""
        exponent = _exponent(size)
        seen = self._seen.setdefault(exponent, deque(maxlen=REMEMBERED))
        seen.append(seconds * (1 << exponent) / size)
        self._usual[exponent] = sorted(seen)[-2:][0]

    def expected(self, size: int) -> float:
        """Seconds for a run of `size`: linear between powers of two; 0.0 as long as nothing is known."""
        if not self._usual:
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
        if not self._usual:
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
        lowest = min(self._usual)
        if exponent <= lowest:
            return self._usual[lowest]
        known, bound = self._usual.get(exponent), 2 * self._of(exponent - 1)
        return bound if known is None else min(known, bound)


def _exponent(size: int) -> int:
    return max(0, size - 1).bit_length()
