"""Callers of the client library while something happens to the service, and the proof that they noticed nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from service.bundle import Bundle
from service.journal import Durable, open_journal
from service.share import Share
from tests.chaos.harness.client_library import Library
from tests.chaos.harness.findings import Findings
from tests.chaos.harness.population import Population
from tests.chaos.harness.verification import verify

CALLERS, METERS, LENGTH = 4, 3, 600
CALLS = 30  # that are answered between two events


def until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.005)


class Load:
    """Callers of the client library, from their start to the proof that nobody noticed anything."""

    def __init__(
        self, urls: Sequence[str], durable: Durable = "disk", length: int = LENGTH, callers: int = CALLERS
    ) -> None:
        self.findings = Findings()
        self.population = Population(urls[0], length, durable, self.findings, seed=3)
        self._library = Library(urls, self.population, callers, METERS, seed=3)
        self._library.start()

    @property
    def calls(self) -> int:
        """Those that were answered."""
        return self._library.calls

    def goes_on(self) -> None:
        """Returns when callers have been answered for a while."""
        enough = self._library.calls + CALLS
        until(lambda: self._library.calls >= enough or bool(self._library.failed))

    def stop(self) -> None:
        """The callers finish what they have begun."""
        self._library.stop()

    def end(self) -> None:
        self.stop()
        self.population.close()

    def look(self) -> None:
        """Asks where each session stands, and for its forecast from there."""
        for meter in self.population.all:
            if meter.made:
                self.population.place(meter)
                self.population.look(meter)

    def held(self, bundle: Bundle, places: Mapping[str, Share | None]) -> None:
        """No call failed; all readings are recorded once, and every forecast is that of a run without a break."""
        assert self._library.failed == []
        journals = [open_journal(place, 1, "1h", share=share) for place, share in places.items()]
        try:
            compared = verify(bundle, journals, self.population.all, self.findings)
        finally:
            for journal in journals:
                journal.close()
        assert self.findings.all == []
        assert compared.forecasts > CALLS
        assert compared.states == sum(meter.acknowledged >= 0 for meter in self.population.all)
