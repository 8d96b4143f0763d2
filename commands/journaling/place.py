"""Which file is meant by JOURNAL, and what is said where it is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

console = Console()
errors = Console(stderr=True)

_ELSEWHERE = {
    "memory": "a journal in memory ends with its service and has no file: export sessions from the service itself",
    "redis": "Redis keeps its own files: use redis-cli --rdb for a copy, and its INFO and SCAN to look into it",
}


def path_of(journal: str) -> Path:
    """The file of `sqlite:PATH` or of a bare path; other journals are told what to do instead, and exit 1."""
    kind, found, rest = journal.partition(":")
    known = kind in _ELSEWHERE or kind == "rediss"
    if (found or journal == "memory") and known and not Path(journal).exists():
        refuse(_ELSEWHERE["redis" if kind == "rediss" else kind])
    return Path(rest if kind == "sqlite" and found else journal).expanduser()


def refuse(message: str, cause: BaseException | None = None) -> None:
    """Says what is wrong on the error stream and ends with 1."""
    errors.print(f"[red]✗[/] {escape(message)}", soft_wrap=True, highlight=False)
    raise typer.Exit(1) from cause


@contextmanager
def refusals() -> Iterator[None]:
    """The library's errors as one line and exit code 1."""
    from service.errors import GatecastError

    try:
        yield
    except GatecastError as error:
        refuse(error.message, error)


def dated(path: Path, what: str) -> Path:
    """A name beside `path` that says when and why: journal.before-restore-20261121T093000.sqlite."""
    return path.with_name(f"{path.stem}.{what}-{datetime.now(UTC):%Y%m%dT%H%M%S}{path.suffix}")


def bar(unit: str) -> Progress:
    """A bar that counts in this unit."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit)
    return Progress(*columns, TimeRemainingColumn(), console=errors, transient=True, disable=not errors.is_terminal)


def size_of(path: Path) -> int:
    """Bytes of a journal with what is beside it."""
    files = (path.with_name(path.name + end) for end in ("", "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def in_bytes(size: float) -> str:
    """A size as one says it: 53.2 kB."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


def moment(seconds: float) -> str:
    """A time since 1970 in UTC, to the second."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
