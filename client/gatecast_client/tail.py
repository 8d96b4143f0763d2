"""The end of one session, as it was acknowledged: consecutive readings, and a few that came before their turn."""

from __future__ import annotations

from array import array

_APART = 64


class Tail:
    """Readings of step `first` to before `next`, each y and its covariates in one array.

    A reading may be acknowledged before an older one: the service has that one, but its answer was lost, and it was
    refused for now when it was sent again. Such readings wait `apart`.
    """

    __slots__ = ("apart", "ds", "first", "names", "next", "seen", "values")

    def __init__(self, step: int, names: tuple[str, ...]) -> None:
        self.first = self.next = step
        self.names = names  # of the covariates
        self.values = array("d")
        self.apart: dict[int, array[float]] | None = None
        self.seen = 0
        self.ds: str | int | None = None  # time of step 0

    def __len__(self) -> int:
        return self.next - self.first + len(self.apart or ())

    @property
    def last(self) -> int:
        """The newest that was acknowledged."""
        return max(self.next - 1, max(self.apart or (-1,)))

    def fit(self, step: int, row: array[float], repeated: bool) -> bool | None:
        """Where a reading belongs that is not the next one: True if it has become that, False if nothing is to be
        done any more, None if the tail is at its end, and another is to begin.
        """
        self.join()
        if step == self.next:
            return True
        if self.first <= step < self.next:
            begin = (step - self.first) * len(row)
            if repeated or self.values[begin : begin + len(row)].tobytes() == row.tobytes():
                return False
            del self.values[begin:]  # recorded anew with another value: another session of that name
            self.next, self.apart = step, None
            return True
        apart = self.apart = self.apart or {}
        if len(apart) == _APART:
            return None
        apart[step] = row
        self.join()
        return False

    def run(self, step: int) -> array[float]:
        """All that is known without a hole from that step on; empty where it is not known."""
        self.join()
        if self.first <= step < self.next:
            return self.values[(step - self.first) * (1 + len(self.names)) :]
        found, apart = array("d"), self.apart or {}
        while (row := apart.get(step)) is not None:
            found.extend(row)
            step += 1
        return found

    def after(self, step: int) -> int:
        """The first that is known from that step on."""
        known = [self.first, self.next - 1, *(self.apart or {})]
        return min(each for each in known if each >= step)

    def join(self) -> None:
        """Takes in what has waited apart and fits by now."""
        if not self.apart:
            return
        while (row := self.apart.pop(self.next, None)) is not None:
            self.values.extend(row)
            self.next += 1
        while (row := self.apart.pop(self.first - 1, None)) is not None:
            self.values = row + self.values
            self.first -= 1

    def cut(self, most: int) -> None:
        """Leaves so many, the newest."""
        self.join()
        self.apart = None
        gone = self.next - self.first - most
        if gone > 0:
            self.first += gone
            self.values = self.values[gone * (1 + len(self.names)) :]
