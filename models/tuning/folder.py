"""The folder of a study: the names in it, what decides the search, and the lock that gives it one owner."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.training.checkpoint import write_atomically

FORMAT = 1
PLAN = "study.json"
DATABASE = "study.sqlite"
LOCK = "study.lock"
BEST = "best.json"
TRIALS = "trials.csv"
IMPORTANCE = "importance.json"
IMPORTANCE_PLOT = "importance.png"
HISTORY_PLOT = "history.png"


class StudyError(Exception):
    """A study that cannot be begun or continued; the message says why and what to do."""


def write_plan(folder: Path, identity: dict[str, Any], trials: int) -> None:
    """What a study is, and how many trials it was asked for."""
    content = {"format": FORMAT, "plan": identity, "trials": trials}
    write_atomically(folder / PLAN, (json.dumps(content, indent=2) + "\n").encode())


def read_plan(folder: Path) -> tuple[dict[str, Any], int]:
    """The identity of the plan, and the trials asked for; StudyError if there is no study."""
    file = folder / PLAN
    if not file.is_file():
        raise StudyError(f"{folder} is no study: it has no {PLAN}. Begin one without --resume")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise StudyError(f"{file} has format {content['format']}, this version reads {FORMAT}: take another --out")
        return dict(content["plan"]), int(content["trials"])
    except (ValueError, KeyError, TypeError) as damaged:
        raise StudyError(f"{file} cannot be read ({damaged}): take another --out") from damaged


def is_taken(folder: Path) -> bool:
    """Whether something is in it; a lock alone is left by a study that ended before it began."""
    return folder.is_dir() and any(file.name != LOCK for file in folder.iterdir())


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, which the kernel drops however its owner ends; StudyError if another has it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise StudyError(
                f"{folder} is being searched by process {owner}: wait for it or stop it, or take another --out"
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)
