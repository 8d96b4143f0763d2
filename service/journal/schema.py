"""The tables of a SQLite journal: making them, and refusing a file that is not such a journal or not for this model."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from service.errors import JournalError
from service.journal.faults import damaged, explained, transaction
from service.journal.protocol import Durable

FORMAT = 1
SEGMENT_BYTES = 8192  # a segment grows to about this size; its open end is written again by each fold
SMALLEST_SEGMENT = 16  # rows
SYNCHRONOUS = {"disk": "FULL", "process": "NORMAL"}

TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
    # AUTOINCREMENT: the key of a deleted session is never given again. The last step and values are those folded.
    "CREATE TABLE sessions (key INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, start INTEGER NOT NULL, "
    "revision INTEGER NOT NULL, last_step INTEGER NOT NULL, last_values BLOB NOT NULL, origin TEXT NOT NULL)",
    # The tail, a row for each appended batch. id: the position of its first reading among all that were ever
    # appended, by which a batch that is half folded is known.
    "CREATE TABLE batches (id INTEGER PRIMARY KEY, count INTEGER NOT NULL, body BLOB NOT NULL)",
    # id: key * 2^32 + step // (rows of a segment). body: float64 rows in order.
    "CREATE TABLE segments (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    # id: 2 * key and 2 * key + 1, the newest checkpoint and the one before, in no order.
    "CREATE TABLE checkpoints (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, step INTEGER NOT NULL, "
    "digest TEXT NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL)",
)


def connect(path: Path, durable: Durable) -> sqlite3.Connection:
    """A connection whose commits survive what `durable` says. Statements outside a transaction commit by themselves."""
    if durable not in SYNCHRONOUS:
        raise JournalError(f'a SQLite journal is durable to "disk" or "process", not {durable!r}')
    with explained(path, "be opened"):
        database = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            _refuse_strangers(database, path)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durable]}")
            database.execute("PRAGMA cache_size = -32768")  # KiB
            database.execute("PRAGMA journal_size_limit = 67108864")  # a large fold leaves no large log behind
        except BaseException:
            database.close()
            raise
    return database


def prepare(
    database: sqlite3.Connection, path: Path, width: int, frequency: str, segment_rows: int | None = None
) -> int:
    """Makes the tables of a new journal, or checks those of an old one; returns the rows of a segment."""
    with explained(path, "be read"):
        tables = _tables(database)
    if not tables:
        rows = segment_rows or max(SMALLEST_SEGMENT, SEGMENT_BYTES // (8 * width))
        meta = {"format": FORMAT, "width": width, "frequency": frequency, "segment_rows": rows}
        with transaction(database, path, "be made"):
            for table in TABLES:
                database.execute(table)
            database.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        return rows
    with explained(path, "be read"):
        found: dict[str, int | str] = dict(database.execute("SELECT name, value FROM meta"))
    if found.get("format") != FORMAT:
        raise JournalError(
            f"the journal {path} has format {found.get('format')}, this version reads format {FORMAT}: "
            "run the version of Gatecast that wrote it or a newer one, or choose another journal"
        )
    if found.get("width") != width:
        raise JournalError(
            f"the journal {path} was made for readings of {found.get('width')} values (target and covariates), "
            f"this model has {width}: serve the model it was made for, or choose another journal"
        )
    if found.get("frequency") != frequency:
        raise JournalError(
            f"the journal {path} was made for steps of {found.get('frequency')}, this model has steps of "
            f"{frequency}: serve the model it was made for, or choose another journal"
        )
    rows = found.get("segment_rows")  # type: ignore[assignment]
    if not isinstance(rows, int) or rows < 1:
        raise damaged(path, f"its segments have {rows!r} rows")
    return rows


def _refuse_strangers(database: sqlite3.Connection, path: Path) -> None:
    tables = _tables(database)
    if tables and not {"meta", "sessions", "batches", "segments", "checkpoints"} <= tables:
        raise JournalError(
            f"{path} is a database of something else: it has the tables {', '.join(sorted(tables))}. "
            "Choose another path for the journal"
        )


def _tables(database: sqlite3.Connection) -> set[str]:
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {name for (name,) in names}
