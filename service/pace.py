"""How long runs of some size take here, as they were seen to: so that no more is begun than there is time for."""

from __future__ import annotations

from collections import deque

REMEMBERED = 5  # runs of a size; the longest but one counts: one may have been held up by something else


class Pace:
    """Seconds by size, in classes that are powers of two.

    A run of twice the size takes at most twice as long, so a size that was never seen, or that was held up when it
    was, is judged by the next smaller one too.
    """

    def __init__(self, guess: float = 0.0) -> None:
        self._guess = guess  # of a run of size 1, as long as none was seen
        self._seen: dict[int, deque[float]] = {}  # by exponent
        self._usual: dict[int, float] = {}

    @property
    def known(self) -> bool:
        """Whether a run was seen."""
        return bool(self._usual)

    def took(self, size: int, seconds: float) -> None:
        """A run of `size`, at least 1, has taken so long."""
        exponent = _exponent(size)
        seen = self._seen.setdefault(exponent, deque(maxlen=REMEMBERED))
        seen.append(seconds * (1 << exponent) / size)
        self._usual[exponent] = sorted(seen)[-2:][0]

    def expected(self, size: int) -> float:
        """Seconds for a run of `size`: linear between powers of two; a guess as long as nothing is known."""
        if not self._usual:
            return self._guess * size
        exponent = _exponent(size)
        most = self._of(exponent)
        if exponent == 0:
            return most
        low = 1 << (exponent - 1)
        least = self._of(exponent - 1)
        return least + (most - least) * (size - low) / low

    def fitting(self, size: int, seconds: float) -> int:
        """The largest run, of `size` at most, that is expected to end in so many seconds; 0: there is none.

        As long as nothing is known it is 1, if the guess fits: the first run tells.
        """
        if not self._usual:
            return int(self._guess <= seconds)
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
