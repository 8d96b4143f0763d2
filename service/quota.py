"""How many sessions each tenant has, where there is a bound to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from service.errors import JournalError
from service.faults import faults_as
from service.journal import Journal
from service.limit_errors import TooManySessions
from service.names import reach_of, tenant_of

PATIENCE = 10.0  # seconds for which a count holds that others may have changed


@dataclass(eq=False)
class _Count:
    sessions: int
    at: float


class Quota:
    """Counts a tenant's sessions in the journal once, and from then on as they come and go here.

    Where others work on the same journal it is asked again, at most every `PATIENCE` seconds: what they made or deleted
    since is not counted yet, so several may pass the bound together by what they make in that time.
    """

    def __init__(self, journal: Journal, most: int | None, clock: Callable[[], float]) -> None:
        self._journal = journal
        self._most = most
        self._clock = clock
        self._counts: dict[str, _Count] = {}

    def check(self, name: str) -> None:
        """`TooManySessions` where this session of its tenant, which is not there yet, would be one too many."""
        most = self._most
        if most is None:
            return
        tenant = tenant_of(name)
        count = self._counts.get(tenant)
        full = count is not None and count.sessions >= most
        if count is None or ((full or self._journal.shared) and self._clock() - count.at >= PATIENCE):
            count = self._counts[tenant] = self._counted(tenant)
        if count.sessions >= most:
            raise TooManySessions(
                f"at most {most} sessions may be kept for you here, and so many there are: delete some first (those "
                "that have expired count until then), or ask the operator for more",
                limit=most,
            )

    def add(self, name: str, sessions: int) -> None:
        """There are so many more of its tenant than before this session was made, replaced or deleted."""
        if self._most is not None and (count := self._counts.get(tenant_of(name))) is not None:
            count.sessions += sessions

    def _counted(self, tenant: str) -> _Count:
        prefix, without = reach_of(tenant)
        with faults_as(JournalError, "the journal could not count sessions"):
            return _Count(self._journal.count(prefix, without), self._clock())
