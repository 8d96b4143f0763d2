"""What becomes of live readings of scored sessions, beside their answers: it is summed up over all of them."""

from __future__ import annotations

from dataclasses import dataclass

from service.beside import Beside
from service.quality import Quality
from service.running import Ran
from service.totals import Totals


@dataclass(frozen=True)
class Scoring:
    """Of the sessions of one model."""

    method: Quality | None
    digest: str
    totals: Totals

    @classmethod
    def of(cls, beside: Beside, digest: str, totals: Totals) -> Scoring:
        return cls(beside.quality, digest, totals)

    def take(self, ran: Ran) -> None:
        """Turns that have been recorded."""
        if ran.noted is None or self.method is None or not len(ran.turns):
            return
        self.totals.add(self.digest, self.method.ahead, self.method.band, ran.noted)
