"""What a Redis server says of itself when it is connected to, and what of it a journal cannot live with."""

from __future__ import annotations

from dataclasses import dataclass, field

from redis.connection import AbstractConnection
from redis.exceptions import ResponseError

from service.journal.protocol import Durable
from service.journal.redis_faults import Unfit

OLDEST = (7, 0)  # the first one that refuses a script before it begins where memory or disk will not last
NO_EVICTION = "noeviction"


@dataclass(frozen=True)
class Facts:
    """Settings and role of a server; None where it does not say."""

    version: tuple[int, ...]  # none: it does not say
    cluster: bool
    primary: bool
    memory: int | None  # its maxmemory; 0: no limit
    policy: str | None  # what it does at that limit
    append_only: bool | None
    fsync: str | None
    past: tuple[str, str] = ("", "")  # which process it is, and which history of writes it goes on with

    @property
    def durable(self) -> Durable:
        """What its answer to a write means."""
        return "disk" if self.append_only and self.fsync == "always" else "process"


@dataclass
class Greeter:
    """Judges each server that is connected to: `Unfit` if it cannot keep a journal, or keeps less than was promised."""

    asked: Durable | None  # None: the strongest that it gives
    given: Durable = "disk"  # by the weakest of those seen until it was promised
    promised: bool = False
    clustered: bool | None = None  # not known before the first connection
    reconnected: bool = False  # since this was last set to False
    distrusted: bool = False  # the last operation failed: nobody goes by what was known before
    renewed: bool = False  # another server may have taken over since this was last set to False
    met: set[tuple[str, str]] = field(default_factory=set)  # pasts of servers that were connected to

    def greet(self, connection: AbstractConnection) -> None:
        """With a new connection to a server, before it is used."""
        connection.on_connect()
        self.look_at(connection)

    def look_at(self, connection: AbstractConnection) -> None:
        """As `greet`, where a cluster's client has greeted it already."""
        facts = read_facts(connection)
        self._judge(facts)
        self.clustered = facts.cluster
        self.reconnected = True
        self._know(facts.past)

    def _know(self, past: tuple[str, str]) -> None:
        """A server that was started again, or has taken over, may have lost what was acknowledged: whoever holds
        sessions for where they stood must look again before anything is done, even where revisions and steps agree.
        """
        new = past not in self.met
        self.met.add(past)
        if not new or not self.promised:
            return
        self.renewed = True
        if not self.distrusted:
            raise Unfit(
                "it was started again, or another server has taken over, and what stands there may be older than what "
                "was known: nothing was done. It is tried again with the next request"
            )

    def _judge(self, facts: Facts) -> None:
        if facts.version and facts.version < OLDEST:
            version = ".".join(map(str, facts.version))
            raise Unfit(f"it is Redis {version}, and this needs Redis 7.0 or newer, or Valkey: update it")
        if not facts.primary and not facts.cluster:
            raise Unfit("it is a replica, which takes no readings: give the address that always leads to the primary")
        if facts.memory and facts.policy not in (None, NO_EVICTION):
            raise Unfit(
                f"at its maxmemory of {facts.memory} bytes it would drop readings (maxmemory-policy {facts.policy}): "
                f"CONFIG SET maxmemory-policy {NO_EVICTION}, and in its configuration too"
            )
        if self.promised and (self.given, facts.durable) == ("disk", "process"):
            raise Unfit(
                f"it is durable to process now ({_said(facts)}), and what it acknowledged before was on disk: give it "
                "appendonly yes and appendfsync always again, or start the service again to go on with less"
            )
        if self.asked == "disk" and facts.durable != "disk":
            raise Unfit(
                f"a reading shall survive a power cut (--durable disk) and here it would not ({_said(facts)}): give it "
                "appendonly yes and appendfsync always, or ask for --durable process"
            )
        if not self.promised and (self.asked == "process" or facts.durable == "process"):
            self.given = "process"


def read_facts(connection: AbstractConnection) -> Facts:
    """Asks a server. Settings that it may not be asked for, as CONFIG is often forbidden, INFO says, or nobody."""
    info = _fields(_asked(connection, "INFO"))
    config = _asked(connection, "CONFIG", "GET", "append*", "maxmemory*") or []
    texts = [bytes(each).decode() for each in config]
    settings = dict(zip(texts[::2], texts[1::2], strict=True))
    append_only = settings.get("appendonly", {"1": "yes", "0": "no"}.get(info.get("aof_enabled", "")))
    memory = settings.get("maxmemory", info.get("maxmemory"))
    return Facts(
        tuple(int(part) for part in info.get("redis_version", "").split(".")[:3] if part.isdecimal()),
        info.get("cluster_enabled") == "1",
        info.get("role", "master") == "master",
        int(memory) if memory and memory.isdecimal() else None,
        settings.get("maxmemory-policy", info.get("maxmemory_policy")),
        None if append_only is None else append_only == "yes",
        settings.get("appendfsync"),
        (info.get("run_id", ""), info.get("master_replid", "")),
    )


def _asked(connection: AbstractConnection, *command: str) -> list[bytes] | bytes | None:
    """The answer, or None where this user or this server does not have the command."""
    connection.send_command(*command)
    try:
        answer: list[bytes] | bytes = connection.read_response()
    except ResponseError:
        return None
    return answer


def _fields(info: list[bytes] | bytes | None) -> dict[str, str]:
    lines = (info if isinstance(info, bytes) else b"").decode("utf-8", "replace").splitlines()
    return {name: value for name, _, value in (line.partition(":") for line in lines if not line.startswith("#"))}


def _said(facts: Facts) -> str:
    unsaid = "it does not say"
    append_only = unsaid if facts.append_only is None else "yes" if facts.append_only else "no"
    return f"appendonly {append_only}, appendfsync {facts.fsync or unsaid}"
