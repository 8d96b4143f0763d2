"""The campaign: load, kill -9 at a random moment, start again, ask, go on; and in the end look at everything."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from service.bundle import Bundle
from tests.chaos.harness.client import Client
from tests.chaos.harness.client_library import Library
from tests.chaos.harness.findings import Check, Findings
from tests.chaos.harness.meter import Meter
from tests.chaos.harness.population import Population
from tests.chaos.harness.posting import Posting
from tests.chaos.harness.stores import Store
from tests.chaos.harness.streaming import Streaming
from tests.chaos.harness.tally import Tally
from tests.chaos.harness.verification import verify
from tests.served import Served

LOOK = 0.001  # seconds between two looks at whether the load has begun
LATEST = 0.4  # seconds under load until the kill


@dataclass(frozen=True)
class Plan:
    """How much, and from which seed."""

    cycles: int
    seed: int = 5
    streams: int = 5  # clients on websockets
    posters: int = 2  # clients by request
    callers: int = 3  # of the client library
    meters: int = 28  # sessions that the first two kinds have at a time
    comers: int = 1  # sessions that come with every cycle, as the oldest of these go
    length: int = 1_200  # readings of a session, more than a replay takes at once
    quiet: int = 20  # one in so many kills comes when no reading is on its way, and the journal folds
    early: int = 20  # one in so many starts is killed before it is ready


class Campaign:
    """One service over one store. `program` is what is started in its place, to prove the harness itself."""

    def __init__(
        self, bundle: Bundle, journal: str, store: Store, plan: Plan, program: Sequence[str] = ("commands.main",)
    ) -> None:
        self._bundle = bundle
        self._store = store
        self._plan = plan
        self._chance = random.Random(plan.seed)
        self._findings = Findings()
        self._served = Served(bundle.path, store.url, "--log-level", "error", program=program)
        self._population = Population(self._served.url, plan.length, store.durable, self._findings, plan.seed)
        self._active = [self._population.new() for _ in range(plan.meters)]
        self.tally = Tally(journal, self._findings)

    def run(self, told: Callable[[Tally], None] = lambda _: None) -> Tally:
        """All cycles, or up to the first one in which something was found; `told` hears of each."""
        began = time.monotonic()
        library = None
        self._store.start()
        try:
            self._start()
            library = Library([self._served.url], self._population, self._plan.callers, 2, self._plan.seed * 1_000)
            library.start()
            while self.tally.cycles < self._plan.cycles and not self._findings:
                self._cycle()
                self._count(library)
                told(self.tally)
            self._finish(library)
        finally:
            self._served.end()
            self._store.stop()
            self._population.close()
        self._count(library)
        self.tally.seconds = time.monotonic() - began
        return self.tally

    def _start(self) -> None:
        if (
            len(self.tally.restarts) % self._plan.early == self._plan.early - 1
        ):  # importing, opening the journal, warming up
            with suppress(AssertionError):  # it was not ready yet
                self._served.start(self._chance.uniform(0.05, 0.9))
            self._served.kill()
            self.tally.at_start += 1
        began = time.monotonic()
        self._served.start()
        self.tally.restarts.append(time.monotonic() - began)

    def _cycle(self) -> None:
        quiet = self.tally.cycles % self._plan.quiet == self._plan.quiet - 1
        clients = self._clients()
        latest = time.monotonic() + self._chance.uniform(0, LATEST)
        while time.monotonic() < latest or not any(client.answered for client in clients):
            if not any(client.is_alive() for client in clients):
                break  # each has fallen over, and says so below
            time.sleep(LOOK)
        if quiet:
            self._stop(clients)
            time.sleep(self._chance.uniform(0, LATEST))  # beyond what the engine waits before it tidies up
        moment = time.monotonic()
        self._served.kill()
        for client in clients:
            client.ended()
        in_flight = sum(client.in_flight(moment) for client in clients)
        self.tally.cycles += 1
        self.tally.loaded += in_flight > 0
        self.tally.quiet += quiet
        self.tally.in_flight.append(in_flight)
        self._active = [meter for client in clients for meter in client.meters][self._plan.comers :]
        self._active += [self._population.new() for _ in range(self._plan.comers)]
        self._start()
        for meter in self._active:
            self._go_on(meter)

    def _clients(self) -> list[Client]:
        """All connected and sending, each with some of the sessions."""
        plan, seed = self._plan, self._chance.randrange(2**32)
        hands = self._population.deal(self._active, plan.streams + plan.posters, self._chance)
        clients: list[Client] = []
        for at, hand in enumerate(hands):
            if at < plan.streams:
                clients.append(Streaming(self._served.stream, self._population, hand, seed + at))
            else:
                clients.append(Posting(self._served.url, self._population, hand, seed + at))
        for client in clients:
            client.start()
        return clients

    def _go_on(self, meter: Meter) -> None:
        """Where it stands is asked, or all that is in doubt goes again unasked."""
        if not meter.made:
            return
        if meter.sent > meter.acknowledged and self._chance.random() < 0.5:
            meter.doubtful = True
        else:
            self._population.place(meter)

    def _stop(self, clients: Sequence[Client]) -> None:
        for client in clients:
            client.stopped.set()
        for client in clients:
            client.ended()

    def _finish(self, library: Library) -> None:
        """A last life: the library finishes, all sessions are looked at, the service ends, and its journal is read."""
        library.stop()
        for fault in library.failed:
            self._findings.add(Check.ANSWERED, "", f"a call of the client failed: {fault!r}")
        self.tally.failed_calls = len(library.failed)
        for meter in self._population.all:
            if meter.made:
                self._population.place(meter)
                if not self._findings:
                    self._population.look(meter)
        status, output = self._served.end()
        if status != 0:
            self._findings.add(Check.ANSWERED, "", f"told to end, the service ended with {status}: {output}")
        journal = self._store.open()
        try:
            self.tally.compared = verify(self._bundle, [journal], self._population.all, self._findings)
        finally:
            journal.close()

    def _count(self, library: Library) -> None:
        meters = self._population.all
        self.tally.sessions = sum(meter.made for meter in meters)
        self.tally.spoken = sum(meter.acknowledged >= 0 for meter in meters)
        self.tally.acknowledged = sum(meter.heard for meter in meters)
        self.tally.unheard = sum(meter.unheard for meter in meters)
        self.tally.calls = library.calls
