"""One owner process for a journal: a lock on a file beside it, which the kernel drops however the owner ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from service.errors import JournalError, JournalLocked


class Ownership:
    """Holds the lock from construction until `release`; `JournalLocked` names who has it already.

    The file stays when the lock goes: to delete it would let two processes lock two files of the same name.
    """

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + ".lock")
        self._journal = journal
        self._known: list[tuple[str, int, int]] = []  # files, each with its device and number there
        try:
            journal.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as fault:
            raise JournalError(
                f"cannot make the journal {journal}: {fault.strerror} ({fault.filename}). "
                "Give a path in a folder that this user may write to"
            ) from fault
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as held:
            owner = os.pread(self._file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise JournalLocked(
                f"the journal {journal} is in use by process {owner}: one process owns a journal at a time. "
                "Stop that one, or give this one a journal of its own",
                path=str(journal),
                pid=owner,
            ) from held
        except OSError as fault:
            os.close(self._file)
            raise JournalError(
                f"cannot lock {self.path}: {fault.strerror}. Free space on its disk, or choose a local one"
            ) from fault

    def watch(self, *files: Path) -> None:
        """From now on `check` looks for the lock and for those of these files that are there."""
        found = [(file, file.stat()) for file in (self.path, *files) if file.exists()]
        self._known = [(str(file), status.st_dev, status.st_ino) for file, status in found]

    def check(self) -> None:
        """`JournalError` if a file was removed or another one put in its place: what is written would be lost."""
        for file, device, number in self._known:
            try:
                status = os.stat(file)  # noqa: PTH116 (before every append; a Path's takes three times as long)
            except OSError as fault:
                raise self._lost(file) from fault
            if (status.st_dev, status.st_ino) != (device, number):
                raise self._lost(file)

    def release(self) -> None:
        """Lets another process have the journal; calling it twice does no harm."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _lost(self, file: str) -> JournalError:
        return JournalError(
            f"the journal {self._journal} was moved or deleted while it was in use: {Path(file).name} is not the file "
            "that was opened. Put it back, or start the service again to go on with what is there"
        )
