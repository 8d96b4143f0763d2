"""Disks that a test can fill and empty while a service writes to them, and nobody else's."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

SIZE = 2**22  # bytes of the small disk
PRIVATE = ("unshare", "--user", "--map-root-user", "--mount")  # what is mounted is seen by that process alone


class Disk(Protocol):
    """Where a service's journal is."""

    folder: Path
    within: Sequence[str]  # see `Served`

    def fill(self, process: int) -> None:
        """From now on nothing more can be written."""

    def empty(self, process: int) -> None:
        """There is room again."""

    def outliving(self, process: int) -> AbstractContextManager[Path]:
        """The folder, as it can be read after the process has ended too."""


class Limit:
    """No disk is full, but the process may make no file larger than its journal's log is: EFBIG."""

    within: Sequence[str] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, process: int) -> None:
        largest = max(file.stat().st_size for file in self.folder.iterdir())
        self._limit(process, largest)

    def empty(self, process: int) -> None:
        self._limit(process, resource.RLIM_INFINITY)

    @contextmanager
    def outliving(self, process: int) -> Iterator[Path]:  # noqa: ARG002 (it is where it always was)
        yield self.folder

    def _limit(self, process: int, size: int) -> None:
        _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))


class SmallDisk:
    """A file system of its own, of 4 MiB in memory, that really is full: ENOSPC."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        script = 'mount -t tmpfs -o size="$0" tmpfs "$1" && shift && exec "$@"'
        self.within = (*PRIVATE, "sh", "-c", script, str(SIZE), str(folder))

    def fill(self, process: int) -> None:
        ballast = self._seen_from(process) / "ballast"
        left = os.statvfs(ballast.parent)
        ballast.write_bytes(bytes(left.f_bavail * left.f_bsize))

    def empty(self, process: int) -> None:
        (self._seen_from(process) / "ballast").unlink()

    @contextmanager
    def outliving(self, process: int) -> Iterator[Path]:
        handle = os.open(self._seen_from(process), os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield Path(f"/proc/self/fd/{handle}")
        finally:
            os.close(handle)

    def _seen_from(self, process: int) -> Path:
        return Path(f"/proc/{process}/root") / self.folder.relative_to("/")


def disks() -> dict[str, Callable[[Path], Disk]]:
    """Those that can be had here: the kernel may not let us mount anything."""
    found: dict[str, Callable[[Path], Disk]] = {"limit": Limit}
    if shutil.which(PRIVATE[0]) is not None:
        tried = subprocess.run([*PRIVATE, "mount", "-t", "tmpfs", "tmpfs", "/tmp"], capture_output=True, check=False)
        if tried.returncode == 0:
            found["small disk"] = SmallDisk
    return found
