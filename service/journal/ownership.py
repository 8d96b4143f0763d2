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

    def release(self) -> None:
        """Lets another process have the journal; calling it twice does no harm."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
