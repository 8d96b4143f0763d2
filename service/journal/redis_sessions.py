"""The sessions of a Redis journal: made, found, listed, expired, deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.journal.heads import exists, unknown, unknown_key
from service.journal.protocol import NO_READING, Beginning, Checkpoint, Export, Head, Kept, Static, Wanted
from service.journal.redis_partition import Partition
from service.journal.redis_records import (
    HEADER,
    checkpoints_of,
    decode_head,
    encode_about,
    encode_checkpoint,
    encode_export,
    encode_name,
    encode_rows,
)
from service.journal.redis_server import Command, run_script
from service.journal.redis_store import AT_ONCE, TRIES, Store
from service.journal.shapes import checked
from service.names import outside

SESSION_BYTES = 600  # what Redis takes for a session without readings and checkpoints, about
AT_LEAST = 128  # names that a listing reads at a time, of which those are taken that are wanted


class Sessions(Store):
    """Names lead to keys in one round trip, keys to all else in a second one; what is found is of one moment each."""

    def create(
        self,
        name: str,
        start: int,
        origin: str,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
        static: Static | None = None,
        regime: bool = False,
        ttl: int = 0,
    ) -> Head:
        begun = Beginning(name, start, origin, checked(values, origin, self._width), static or {}, regime, ttl)
        return self._put("create", begun, _beginning_with(begun, checkpoint))

    def replace(
        self,
        name: str,
        start: int,
        origin: str,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
        static: Static | None = None,
        regime: bool = False,
        ttl: int = 0,
    ) -> Head:
        begun = Beginning(name, start, origin, checked(values, origin, self._width), static or {}, regime, ttl)
        return self._put("replace", begun, _beginning_with(begun, checkpoint))

    def put(self, name: str, kept: Kept, replace: bool = False) -> Head:
        values = checked(kept.values, kept.origin, self._width)
        begun = Beginning(name, kept.start, kept.origin, values, kept.static, kept.regime, kept.ttl)
        return self._put("either" if replace else "create", begun, checkpoints_of(kept), kept.first_step, kept.parent)

    def replace_all(self, beginnings: Sequence[Beginning]) -> list[Head | None]:
        for each in beginnings:
            checked(each.values, each.origin, self._width)
        commands, keys = [], self._find([each.name for each in beginnings])
        for each, key in zip(beginnings, keys, strict=True):
            if key is None:
                raise unknown(each.name)
            commands.append(self._put_command("replace", key, each, ()))
        answers = self._run("begin sessions anew", commands, wait=True)
        return [
            self._begun(key, each, answer) if key and answer[0] == b"done" else None
            for each, key, answer in zip(beginnings, keys, answers, strict=True)
        ]

    def head(self, name: str) -> Head | None:
        return self.heads([name])[0]

    def heads(self, names: Sequence[str]) -> list[Head | None]:
        found: dict[str, Head | None] = {}
        asked = list(dict.fromkeys(names))
        gone: set[int] = set()
        for _ in range(TRIES):
            keys = self._find(asked)
            there = [key for key in keys if key is not None]
            heads = dict(zip(there, self._heads(there), strict=True))
            found |= {name: None if key is None else heads[key] for name, key in zip(asked, keys, strict=True)}
            # Those that were deleted in between, and may have been made again: under another key, never one of before.
            left = {key: name for name, key in zip(asked, keys, strict=True) if key is not None and heads[key] is None}
            if not left:
                return [found[name] for name in names]
            for key in gone & left.keys():
                raise self._damaged(f"nothing is found of session {outside(left[key])!r}")
            gone |= left.keys()
            asked = list(left.values())
        raise self._restless(asked[0])

    def names(self) -> list[str]:
        answers = self._run("read its sessions", [_on(each, "HKEYS", each.names) for each in self._partitions.all])
        return [name.decode("utf-8", "surrogatepass") for answer in answers for name in answer]

    def count(self, prefix: str = "", without: str = "") -> int:
        if without:
            return sum(name.startswith(prefix) and without not in name for name in self.names())
        least = encode_name(prefix)
        counts = [
            _on(each, "ZLEXCOUNT", each.order, b"[" + least, b"(" + least + b"\xff")
            if prefix
            else _on(each, "HLEN", each.names)
            for each in self._partitions.all
        ]
        return sum(int(count) for count in self._run("count its sessions", counts))

    def listing(self, wanted: Wanted) -> list[Head]:
        least = encode_name(wanted.prefix)
        most = b"(" + least + b"\xff" if least else b"+"  # no name has this byte
        after = encode_name(wanted.after)
        begin = b"[" + least if not wanted.after or least > after else b"(" + after
        found: list[Head] = []
        at_once = max(AT_LEAST, min(wanted.limit, AT_ONCE))
        while len(found) < wanted.limit:
            commands = [
                _on(each, "ZRANGEBYLEX", each.order, begin, most, "LIMIT", 0, at_once) for each in self._partitions.all
            ]
            sorted_names = islice(merge(*self._run("list its sessions", commands)), at_once)
            names = [name.decode("utf-8", "surrogatepass") for name in sorted_names]
            found += [head for head in self.heads(names) if head is not None and _is(head, wanted)]
            if len(names) < at_once:
                break
            begin = b"(" + encode_name(names[-1])
        return found[: wanted.limit]

    def exported(self, key: int, export: Export) -> None:
        partition = self._partitions.of_key(key)
        command = run_script(partition.slot, "export", [partition.about(key)], encode_export(export))
        if self._run("note a copy", [command], wait=True) == [0]:
            raise unknown_key(key)

    def expire(self, now: float, limit: int) -> list[Head]:
        gone: list[Head] = []
        while len(gone) < limit:
            left = limit - len(gone)
            commands = [
                _on(each, "ZRANGEBYSCORE", each.due, "-inf", repr(float(now)), "LIMIT", 0, left)
                for each in self._partitions.all
            ]
            due = [int(key) for answer in self._run("look for what expires", commands) for key in answer][:left]
            if not due:
                break
            answers = self._each("let sessions expire", due, self._partitions.of_key, self._expiring(now), wait=True)
            gone += self._decoded(due, answers)
        return gone

    def size(self) -> int:
        asked: list[Command] = [
            command
            for each in self._partitions.all
            for command in (_on(each, "HGET", each.stats, "bytes"), _on(each, "HLEN", each.names))
        ]
        answers = self._run("measure itself", asked)
        return sum(int(written or 0) for written in answers[::2]) + SESSION_BYTES * sum(map(int, answers[1::2]))

    def delete(self, name: str) -> None:
        partition = self._partitions.of_name(name)
        for _ in range(TRIES):
            (key,) = self._find([name])
            if key is None:
                raise unknown(name)
            command = run_script(partition.slot, "delete", _all_keys(partition, key), encode_name(name), key)
            ((said,),) = self._run("delete a session", [command], wait=True)
            if said == b"done":
                return
        raise self._restless(name)

    def _find(self, names: Sequence[str]) -> list[int | None]:
        """The keys of sessions, None where there is none of that name."""

        def command(partition: Partition, some: list[str]) -> Command:
            return _on(partition, "HMGET", partition.names, *map(encode_name, some))

        found = self._each("look sessions up", names, self._partitions.of_name, command)
        return [None if key is None else int(key) for key in found]

    def _heads(self, keys: Sequence[int]) -> list[Head | None]:
        def command(partition: Partition, some: list[int]) -> Command:
            asked = [key(each) for each in some for key in (partition.readings, partition.about)]
            return run_script(partition.slot, "heads", asked, self._row)

        answers = self._each("look sessions up", keys, self._partitions.of_key, command)
        with self._sound("look sessions up"):
            return [
                None if answer is None else decode_head(key, answer, self._width)
                for key, answer in zip(keys, answers, strict=True)
            ]

    def _put(self, way: str, begun: Beginning, checkpoints: Iterable[bytes], first: int = 0, parent: str = "") -> Head:
        """A session that is made, or begins anew, in one of the ways of the script."""
        partition, checkpoints = self._partitions.of_name(begun.name), list(checkpoints)
        for _ in range(TRIES):
            asked = [_on(partition, "HGET", partition.names, encode_name(begun.name))]
            if way != "replace":
                asked.append(_on(partition, "HINCRBY", partition.stats, "keys", 1))  # a key, if it needs one
            there, *number = self._run("look sessions up", asked)
            if there is None and not number:
                raise unknown(begun.name)
            if there is not None and way == "create":
                raise exists(begun.name)
            key = self._partitions.key(partition, *number) if there is None else int(there)
            command = self._put_command(way, key, begun, checkpoints, first, parent)
            (answer,) = self._run("make a session", [command], wait=True)
            if answer[0] == b"done":
                return self._begun(key, begun, answer, first)
        raise self._restless(begun.name)

    def _put_command(
        self, way: str, key: int, begun: Beginning, checkpoints: Iterable[bytes], first: int = 0, parent: str = ""
    ) -> Command:
        partition = self._partitions.of_key(key)
        place = encode_name(begun.name), key, begun.revision, int(begun.ttl), first
        body = encode_about(begun, parent), encode_rows(begun.values)
        return run_script(partition.slot, "put", _all_keys(partition, key), way, *place, *body, *checkpoints)

    def _begun(self, key: int, begun: Beginning, answer: list[Any], first: int = 0) -> Head:
        """The head of a session that was just put."""
        _, revision, seen, about = answer
        last = encode_rows(begun.values[-1:])
        length = HEADER.size + self._row * len(begun.values)
        place = HEADER.pack(revision, first, seen, int(begun.ttl))
        return decode_head(key, (place, length, last, about), self._width)

    def _expiring(self, now: float) -> Any:
        def command(partition: Partition, some: list[int]) -> Command:
            keys = [key(each) for each in some for key in (partition.readings, partition.about, partition.saved)]
            asked = [partition.stats, partition.due, *keys]
            return run_script(partition.slot, "expire", asked, self._row, repr(float(now)), *some)

        return command

    def _decoded(self, keys: Sequence[int], answers: Sequence[Any]) -> list[Head]:
        """The heads of those that are there."""
        with self._sound("look sessions up"):
            return [
                decode_head(key, answer, self._width)
                for key, answer in zip(keys, answers, strict=True)
                if answer is not None
            ]


def _on(partition: Partition, *parts: Any) -> Command:
    """A plain command on one key of a partition."""
    return Command(partition.slot, parts)


def _all_keys(partition: Partition, key: int) -> list[bytes]:
    """What the making of a session touches."""
    of_all = partition.names, partition.order, partition.due, partition.stats
    return [*of_all, partition.readings(key), partition.about(key), partition.saved(key)]


def _beginning_with(begun: Beginning, checkpoint: Checkpoint | None) -> tuple[bytes, ...]:
    """The field and body of the checkpoint that a session begins with, where it is of a step that is there."""
    if checkpoint is None or not NO_READING <= checkpoint.step < len(begun.values):
        return ()
    return encode_checkpoint(checkpoint)


def _is(head: Head, wanted: Wanted) -> bool:
    return (
        wanted.parent in (None, head.parent)
        and wanted.expired in (None, head.expired)
        and (wanted.idle_since is None or head.seen < wanted.idle_since)
    )
