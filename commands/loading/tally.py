"""What came of each frame: counted while it runs, and read by the screen at any moment."""

from __future__ import annotations

from array import array
from collections import Counter

from commands.loading.plan import Plan


class Tally:
    """Times are seconds from the start of the test. What was due in the warm-up is left out of all but `sent`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sent = 0  # frames that were handed to a connection, the warm-up too
        self.settled = 0  # of them answered, or lost with their connection
        self.due = array("d")  # of each frame that was answered with an acknowledgement, when it was due
        self.latencies = array("d")  # of the same: from then to its answer
        self.late = array("d")  # of each frame that was sent: how much later than due
        self.asked = Counter[int]()  # readings, by the second in which they were due
        self.recorded = Counter[int]()  # readings, by the second in which they were acknowledged
        self.refused: dict[str, Counter[int]] = {}  # readings by code, by the second in which they were due
        self.complete = False  # all of the plan was sent, and waited for
        self.lost = 0  # frames whose connection ended, or that were not answered in the end

    def is_due(self, due: float) -> None:
        """A frame has come to its time."""
        if due >= self.plan.warm_up:
            self.asked[int(due - self.plan.warm_up)] += self.plan.frame

    def was_sent(self, due: float, now: float) -> None:
        self.sent += 1
        if due >= self.plan.warm_up:
            self.late.append(now - due)

    def answered(self, due: float, now: float, refused: dict[str, int]) -> None:
        """A frame was answered; `refused`: readings by code."""
        self.settled += 1
        if due < self.plan.warm_up:
            return
        for code, count in refused.items():
            self.refused.setdefault(code, Counter())[int(due - self.plan.warm_up)] += count
        taken = self.plan.frame - sum(refused.values())
        if taken > 0:
            self.due.append(due - self.plan.warm_up)
            self.latencies.append(now - due)
            self.recorded[int(now - self.plan.warm_up)] += taken

    def gone(self, due: float, code: str) -> None:
        """A frame will not be answered any more."""
        self.settled += 1
        if due >= self.plan.warm_up:
            self.lost += 1
            self.refused.setdefault(code, Counter())[int(due - self.plan.warm_up)] += self.plan.frame

    @property
    def in_flight(self) -> int:
        return self.sent - self.settled
