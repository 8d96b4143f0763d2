"""The keys of a Redis journal, and which partition a session is in."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from service.journal.redis_address import Address
from service.journal.redis_records import encode_name


@dataclass(frozen=True)
class Partition:
    """Some of the sessions, whose keys a cluster keeps on one node."""

    number: int
    slot: bytes

    @property
    def names(self) -> bytes:
        """A hash: the key of each session by its name."""
        return self.slot + b"names"

    @property
    def order(self) -> bytes:
        """A sorted set of the names, all of score 0, so that it is in the order of their bytes."""
        return self.slot + b"order"

    @property
    def due(self) -> bytes:
        """A sorted set of the keys of sessions that can expire, by a time before which they do not."""
        return self.slot + b"due"

    @property
    def stats(self) -> bytes:
        """A hash: how many keys were given, and the bytes of readings and checkpoints."""
        return self.slot + b"stats"

    def readings(self, key: int) -> bytes:
        return b"%br%d" % (self.slot, key)

    def about(self, key: int) -> bytes:
        return b"%bm%d" % (self.slot, key)

    def saved(self, key: int) -> bytes:
        return b"%bc%d" % (self.slot, key)


class Partitions:
    """All of them. A session's key, its number in its partition times theirs plus that partition's, leads there."""

    def __init__(self, address: Address, count: int) -> None:
        self.all = [Partition(number, address.slot(number)) for number in range(count)]

    def __len__(self) -> int:
        return len(self.all)

    def of_key(self, key: int) -> Partition:
        return self.all[key % len(self.all)]

    def of_name(self, name: str) -> Partition:
        return self.all[zlib.crc32(encode_name(name)) % len(self.all)]

    def key(self, partition: Partition, number: int) -> int:
        """The key of the session that is that partition's so-manieth, counted from 1."""
        return number * len(self.all) + partition.number
