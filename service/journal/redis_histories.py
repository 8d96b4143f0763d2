"""The readings of a Redis journal and the checkpoints beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.errors import JournalError
from service.journal.heads import unknown_key
from service.journal.protocol import Checkpoint, Head, Kept, Readings, Release
from service.journal.redis_partition import Partition
from service.journal.redis_records import (
    BASE,
    decode_checkpoint,
    decode_head,
    decode_kept,
    decode_rows,
    decode_state,
    encode_checkpoint,
    encode_rows,
)
from service.journal.redis_runs import Runs
from service.journal.redis_server import Command, run_script
from service.journal.redis_store import Store
from service.journal.revising import check_end, check_revised, ended, refuse_stale
from service.journal.shapes import check_batch, checked

MOST_BYTES = 2**29  # of one string in Redis, and so of one session
RECORDED, FULL = b"1", b"2"  # verdicts on a run


class Histories(Store):
    """Each operation on a session is one script, and so is each batch's part of a partition."""

    def append(self, readings: Readings) -> NDArray[np.bool_]:
        check_batch(readings, self._width)
        if not len(readings.keys):
            return np.empty(0, np.bool_)
        runs, commands = Runs(readings, len(self._partitions)), []
        for part in runs.parts():
            partition = self._partitions.all[part.partition]
            keys = [partition.stats, *map(partition.readings, part.keys)]
            commands.append(run_script(partition.slot, "append", keys, self._row, part.places, part.rows, MOST_BYTES))
        said = np.frombuffer(b"".join(self._run("record readings", commands, wait=True)), "S1")
        recorded: NDArray[np.bool_] = said == RECORDED
        if (said == FULL).any() and not recorded.any():
            raise self._full()
        return runs.verdicts(recorded)

    def load(
        self, key: int, digest: str | None = None, until: int | None = None, most: int | None = None
    ) -> tuple[Checkpoint | None, NDArray[np.float64]]:
        spoilt: list[bytes] = []  # fields of checkpoints that are not sound
        partition = self._partitions.of_key(int(key))
        keys = [partition.readings(key), partition.saved(key)]
        while True:
            asked = self._row, digest or "", _number(until), _number(most), *spoilt
            (found,) = self._run("load a session", [run_script(partition.slot, "load", keys, *asked)])
            if found is None:
                raise unknown_key(key)
            revision, field, body, after = found
            with self._sound("load a session"):
                rows = decode_rows(after, self._width)
                if not field and any(each.startswith(BASE) for each in spoilt):
                    raise ValueError("a state from which its readings are replayed does not match its checksum")
                if not field:
                    return None, rows
                checkpoint = decode_checkpoint(field, body, revision)
            if checkpoint is not None:
                return checkpoint, rows
            spoilt.append(field)

    def states(self, keys: NDArray[np.int64], digest: str) -> list[NDArray[np.float32] | None]:
        def command(partition: Partition, some: list[int]) -> Command:
            asked = [key(each) for each in some for key in (partition.readings, partition.saved)]
            return run_script(partition.slot, "states", asked, self._row, digest)

        found = self._each("load states", keys.tolist(), self._partitions.of_key, command)
        return [None if each is None else decode_state(*each) for each in found]

    def readings(self, key: int, first: int, last: int) -> NDArray[np.float64]:
        key = int(key)
        partition = self._partitions.of_key(key)
        asked = run_script(
            partition.slot, "readings", [partition.readings(key)], self._row, max(int(first), 0), max(int(last), -1)
        )
        (found,) = self._run("read readings", [asked])
        if found is None:
            raise unknown_key(key)
        with self._sound("read readings"):
            return decode_rows(found, self._width)

    def save(self, keys: NDArray[np.int64], checkpoints: Sequence[Checkpoint]) -> None:
        def command(partition: Partition, some: list[tuple[int, Checkpoint]]) -> Command:
            asked, parts = [partition.stats], []
            for key, checkpoint in some:
                asked += [partition.readings(key), partition.saved(key)]
                parts += [int(checkpoint.revision), int(checkpoint.step), *encode_checkpoint(checkpoint)]
            return run_script(partition.slot, "save", asked, self._row, *parts)

        pairs = list(zip(keys.tolist(), checkpoints, strict=True))
        self._each("save checkpoints", pairs, lambda pair: self._partitions.of_key(pair[0]), command)

    def revise(
        self,
        key: int,
        revision: int,
        last_step: int,
        first: int,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
    ) -> Head:
        key, values = int(key), checked(values, "", self._width)
        partition = self._partitions.of_key(key)
        keys = [partition.stats, partition.readings(key), partition.saved(key), partition.about(key)]
        place = self._row, int(revision), int(last_step), int(first), encode_rows(values), MOST_BYTES
        state = () if checkpoint is None else (int(checkpoint.step), *encode_checkpoint(checkpoint))
        command = run_script(partition.slot, "revise", keys, *place, *state)
        (answer,) = self._run("revise a session", [command], wait=True)
        match answer:
            case [b"done", head]:
                with self._sound("revise a session"):
                    return decode_head(key, head, self._width)
            case [b"expired", stands]:
                raise ended(stands)
            case [b"stale", there, stands]:
                refuse_stale((there, stands), (int(revision), int(last_step)))
            case [b"misfit", begin]:
                check_revised(first, len(values), begin, last_step)
            case [b"full"]:
                raise self._full()
        raise unknown_key(key)

    def retain(self, key: int, revision: int, first: int, bases: Sequence[Checkpoint]) -> bool:
        (done,) = self._released([Release(key, revision, first, bases)])
        if done is None:
            raise unknown_key(key)
        return done

    def retain_all(self, releases: Sequence[Release]) -> list[bool]:
        return [bool(done) for done in self._released(releases)]

    def _released(self, releases: Sequence[Release]) -> list[bool | None]:
        """Whether each session let go of what it was to; None where there is none."""
        commands = []
        for each in releases:
            key, first = int(each.key), int(each.first)
            check_end(first, first, first, each.bases)
            partition = self._partitions.of_key(key)
            keys = [partition.stats, partition.readings(key), partition.saved(key)]
            states = [part for base in each.bases for part in encode_checkpoint(base, base=True)]
            commands.append(run_script(partition.slot, "retain", keys, self._row, int(each.revision), first, *states))
        done: list[bool | None] = []
        for each, answer in zip(releases, self._run("let go of readings", commands, wait=True), strict=True):
            if answer[0] == b"misfit":
                check_end(int(each.first), answer[1], answer[2], each.bases)
            done.append(None if answer[0] == b"unknown" else answer[0] == b"done")
        return done

    def kept(self, key: int) -> Kept:
        key = int(key)
        partition = self._partitions.of_key(key)
        keys = [partition.readings(key), partition.about(key), partition.saved(key)]
        (found,) = self._run("read a session", [run_script(partition.slot, "kept", keys)])
        if found is None:
            raise unknown_key(key)
        with self._sound("read a session"):
            return decode_kept(found, self._width)

    def fold(self, limit: int) -> int:  # noqa: ARG002
        return 0

    def _full(self) -> JournalError:
        return JournalError(
            f"a session has all the readings that one string of Redis holds ({MOST_BYTES // self._row}): let go of its "
            "oldest ones (retention), or begin it anew"
        )


def _number(given: int | None) -> int | str:
    """As the scripts read it: nothing is an empty text."""
    return "" if given is None else int(given)
