"""Redis's faults as errors that say what to do."""

from __future__ import annotations

from types import TracebackType

import redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)

from service.errors import JournalDamaged, JournalError
from service.journal.redis_address import Address

AGAIN = "A service that runs tries again with the next request"
UNREACHED = "See that Redis runs at this address and can be reached from here"
RIGHTS = "Let its user do what docs/operations.md lists: ACL SETUSER … ~{PREFIX:* +@read +@write +@scripting …"
# The first that fits counts: subclasses before their parents.
ADVICE: tuple[tuple[type[Exception], str], ...] = (
    (AuthenticationError, "Give the right user and password in its URL: redis://USER:PASSWORD@HOST:PORT"),
    (NoPermissionError, RIGHTS),
    (BusyLoadingError, f"Redis reads its file, and will answer when it has: wait. {AGAIN}"),
    (ReadOnlyError, f"Redis is a replica now: give the address that always leads to the primary. {AGAIN}"),
    (OutOfMemoryError, "Redis has no memory left: raise its maxmemory, or delete sessions"),
    (TryAgainError, f"The cluster moves this partition to another node: wait until it has. {AGAIN}"),
    (ClusterDownError, f"Not all of the cluster works: see CLUSTER INFO. {AGAIN}"),
    (
        redis.TimeoutError,
        f"Redis did not answer in time: see that it runs and is not busy, or raise timeout_ms. {AGAIN}",
    ),
    (redis.ConnectionError, f"{UNREACHED}. {AGAIN}"),
    (OSError, f"{UNREACHED}. {AGAIN}"),
    (RedisClusterException, f"See CLUSTER INFO on its nodes. {AGAIN}"),
)
# Answers that the client library has no class for, by their first word.
SAID = {
    "MISCONF": "Redis cannot write to its disk, see its log: free space on it",
    "NOREPLICAS": "Fewer replicas than its min-replicas-to-write are there: start them, or lower it",
    "BUSY": f"Redis is busy with a script of somebody else: see its log. {AGAIN}",
    "MASTERDOWN": f"Redis is a replica that has lost its primary: give the address of the primary. {AGAIN}",
    "SELECT": "A cluster has no database but 0: leave it out of the URL",
    "DB": "Redis has not so many databases: choose a lower one in the URL, or raise its `databases`",
    "The": RIGHTS,  # user executing the script can't run this command
    "WRONGTYPE": "Something else uses keys of this prefix: choose another prefix in its URL",
    "UNKILLABLE": f"Redis is busy with a script of somebody else: see its log. {AGAIN}",
}
OTHERWISE = "See Redis's log"
DAMAGED = "Restore Redis from a backup"


class Unfit(RedisError):
    """A server that answers but cannot be what a journal needs."""


class explained:  # noqa: N801 (used as a function; a class, since every append passes through it)
    """Turns an error of Redis into a `JournalError`: what was being done, what Redis says, what to do."""

    __slots__ = ("_address", "_doing")

    def __init__(self, address: Address, doing: str) -> None:
        self._address = address
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(fault, RedisError | RedisClusterException | OSError):
            raise self._error(fault) from fault

    def _error(self, fault: Exception) -> JournalError:
        said = str(fault)
        if isinstance(fault, Unfit):
            return JournalError(f"the journal {self._address} could not {self._doing}: {said}")
        if isinstance(fault, ResponseError) and said.startswith("DAMAGED"):
            return JournalDamaged(f"the journal {self._address} is damaged: {said.partition(' ')[2]}. {DAMAGED}")
        advice = next((what for kind, what in ADVICE if isinstance(fault, kind)), None)
        if advice is None:
            advice = SAID.get(said.partition(" ")[0].rstrip(":"), OTHERWISE)
        return JournalError(f"the journal {self._address} could not {self._doing}: {said.rstrip('.')}. {advice}")
