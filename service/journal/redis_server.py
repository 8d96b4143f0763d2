"""The connection of a Redis journal: commands in one round trip, to one server or to the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis
from redis import Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.exceptions import (
    MovedError,
    NoScriptError,
    ReadOnlyError,
)
from redis.retry import Retry

from service.journal.redis_address import Address
from service.journal.redis_facts import Greeter
from service.journal.redis_faults import Unfit
from service.journal.redis_scripts import Script, script

TRIES = 3  # of commands that were refused unexecuted: the script was not known there, or the partition is elsewhere


@dataclass(frozen=True, eq=False)
class Command:
    """A command and the slot that it belongs to."""

    slot: bytes
    parts: tuple[Any, ...]
    script: Script | None = None


def run_script(slot: bytes, name: str, keys: Sequence[bytes], *arguments: Any) -> Command:
    """The command that runs lua/NAME.lua on a slot's keys."""
    found = script(name)
    return Command(slot, ("EVALSHA", found.digest, len(keys), *keys, *arguments), found)


class Server:
    """Sends what it is told and gives the answers in order. What fails at one time may work at the next: a connection
    that is lost is made again, and of each new one the greeter sees whether its server is what the journal needs.

    A command whose answer was lost may have been done. Nothing is sent twice that may have been.
    """

    def __init__(self, address: Address, greeter: Greeter) -> None:
        self.address = address
        self._greeter = greeter
        self._options: dict[str, Any] = {
            "username": address.username,
            "password": address.password,
            "socket_timeout": (address.timeout_ms + address.wait_ms * bool(address.wait)) / 1000,
            "socket_connect_timeout": address.timeout_ms / 1000,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        if address.secure:
            certificates = {"ssl_ca_certs": address.ca, "ssl_certfile": address.cert, "ssl_keyfile": address.key}
            self._options |= {"ssl": True} | {name: path for name, path in certificates.items() if path}
        greet: dict[str, Any] = {"redis_connect_func": greeter.greet}
        self._one = Redis(address.host, address.port, address.database, **greet, **self._options)
        self._cluster: RedisCluster | None = None

    def run(self, commands: Sequence[Command], wait: bool = False) -> list[Any]:
        """The answer to each command, in one round trip to each node that has to do with them.

        With `wait` it is waited for as many replicas as the address says; `Unfit` if fewer have it in time.
        """
        answers: list[Any] = [None] * len(commands)
        left = list(range(len(commands)))
        for _ in range(TRIES):
            for node, places in self._dealt(commands, left):
                self._ask(node, commands, places, answers, wait and self.address.wait > 0)
            left = [at for at in left if isinstance(answers[at], NoScriptError | MovedError)]
            if not left:
                break
            if any(isinstance(answers[at], MovedError) for at in left):
                self._look_again()
        for answer in answers:
            if isinstance(answer, ReadOnlyError):
                self._one.connection_pool.disconnect()  # the name may lead to another server by now
            if isinstance(answer, Exception):
                raise answer
        return answers

    def greet_all(self) -> None:
        """Connects to the server, or to all primaries of a cluster."""
        if not self._is_clustered():
            return
        cluster = self._topology()
        for node in cluster.get_primaries():
            cluster.get_redis_connection(node).ping()

    def connect_again(self) -> None:
        """Makes those connections again that were lost since they were used; the others cost no round trip."""
        nodes = [self._one]
        if self._cluster is not None:
            nodes = [self._cluster.get_redis_connection(node) for node in self._cluster.get_primaries()]
        for node in nodes:
            pool = node.connection_pool
            pool.release(pool.get_connection())  # which it looks at before it gives it

    def close(self) -> None:
        self._one.close()
        self._look_again()

    def _is_clustered(self) -> bool:
        if self._greeter.clustered is None:
            self._one.ping()
        return bool(self._greeter.clustered)

    def _dealt(self, commands: Sequence[Command], places: list[int]) -> list[tuple[Redis, list[int]]]:
        """Which commands go to which node."""
        if not self._is_clustered():
            return [(self._one, places)]
        cluster = self._topology()
        dealt: dict[str, tuple[Redis, list[int]]] = {}
        for at in places:
            node = cluster.get_node_from_key(commands[at].slot)
            dealt.setdefault(node.name, (cluster.get_redis_connection(node), []))[1].append(at)
        return list(dealt.values())

    def _ask(self, node: Redis, commands: Sequence[Command], places: list[int], answers: list[Any], wait: bool) -> None:
        """Sends these commands to a node and enters its answers, errors among them."""
        refused = [commands[at].script for at in places if isinstance(answers[at], NoScriptError)]
        unknown = {found.source for found in refused if found is not None}
        pipeline = node.pipeline(transaction=False)
        for source in unknown:
            pipeline.execute_command("SCRIPT LOAD", source)
        for at in places:
            pipeline.execute_command(*commands[at].parts)
        if wait:
            pipeline.execute_command("WAIT", self.address.wait, self.address.wait_ms)
        try:
            said = pipeline.execute(raise_on_error=False)
        except (redis.ConnectionError, redis.TimeoutError):
            self._look_again()
            raise
        said = said[len(unknown) :]
        for at, answer in zip(places, said, strict=False):
            answers[at] = answer
        if wait and not any(isinstance(answer, Exception) for answer in said) and said[-1] < self.address.wait:
            raise Unfit(
                f"only {said[-1]} of {self.address.wait} replicas had it within {self.address.wait_ms} ms; the primary "
                "has it: ask for the session's last step. Start the replicas, or lower `wait` in the journal's URL"
            )

    def _topology(self) -> RedisCluster:
        """Which node of the cluster has what, as far as is known."""
        if self._cluster is None:
            # A cluster greets its connections itself, and calls this then.
            judge: dict[str, Any] = {"redis_connect_func": self._greeter.look_at}
            self._cluster = RedisCluster(self.address.host, self.address.port, **judge, **self._options)
        return self._cluster

    def _look_again(self) -> None:
        """The next command asks the cluster which node has what."""
        if self._cluster is not None:
            stale, self._cluster = self._cluster, None
            stale.close()
