"""The tables of a SQLite journal: making them, and refusing a file that is not such a journal or not for this model."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from service.errors import JournalError
from service.journal.faults import sound, transaction
from service.journal.protocol import Durable
from service.journal.segments import install
from service.journal.subject import Subject
from service.journal.upgrade import BASES, FORMAT, FORMATS, INDEXES, schema_of, upgrade
from service.share import Share

APPLICATION = 0x47617465  # by which a journal is told from other SQLite files
SEGMENT_BYTES = 8192  # a segment grows to about this size; its open end is written again by each fold
SMALLEST_SEGMENT = 16  # rows
SYNCHRONOUS = {"disk": "FULL", "process": "NORMAL"}

WHOLE = Share()  # of one process

TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
    # AUTOINCREMENT: the key of a deleted session is never given again. The last step and values are those folded.
    # static: a JSON object, or null where nothing of the session is static. regime: see asked.py.
    "CREATE TABLE sessions (key INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, start INTEGER NOT NULL, "
    "revision INTEGER NOT NULL, last_step INTEGER NOT NULL, last_values BLOB NOT NULL, origin TEXT NOT NULL, "
    "static TEXT, regime INTEGER NOT NULL DEFAULT 0, "
    # first_step: of the oldest reading that is kept. ttl: seconds, 0: for ever. seen: seconds since 1970. expired: 1
    # where only this row is left. parent: a session's name, or ''. exports: [[at, step, digest], …] as JSON, or null.
    "first_step INTEGER NOT NULL DEFAULT 0, ttl INTEGER NOT NULL DEFAULT 0, seen REAL NOT NULL DEFAULT 0, "
    "expired INTEGER NOT NULL DEFAULT 0, parent TEXT NOT NULL DEFAULT '', exports TEXT, "
    # See checksums.py.
    "checksum INTEGER NOT NULL DEFAULT -1, place_checksum INTEGER NOT NULL DEFAULT -1)",
    # The tail, a row for each appended batch. id: the position of its first reading among all that were ever
    # appended, by which a batch that is half folded is known.
    "CREATE TABLE batches (id INTEGER PRIMARY KEY, count INTEGER NOT NULL, body BLOB NOT NULL)",
    # id: key * 2^32 + step // (rows of a segment). body: float64 rows in order.
    "CREATE TABLE segments (id INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, body BLOB NOT NULL)",
    # id: 2 * key and 2 * key + 1, the newest checkpoint and the one before, in no order.
    "CREATE TABLE checkpoints (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, step INTEGER NOT NULL, "
    "digest TEXT NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL)",
    BASES,
    *INDEXES,
)


def connect(path: Path, durable: Durable) -> sqlite3.Connection:
    """A connection whose commits survive what `durable` says. Statements outside a transaction commit by themselves."""
    if durable not in SYNCHRONOUS:
        raise JournalError(f'a SQLite journal is durable to "disk" or "process", not {durable!r}')
    with sound(path, "be opened"):
        database = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            _refuse_strangers(database, path)
            install(database)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durable]}")
            # What is deleted is overwritten: readings that were erased are nowhere in the file any more. Folds, which
            # delete the batches that they have moved, take 2 to 6 % longer for it than without, or with FAST.
            database.execute("PRAGMA secure_delete = ON")
            database.execute("PRAGMA cache_size = -8192")  # KiB; what it lacks is in the system's cache
            database.execute("PRAGMA journal_size_limit = 67108864")  # a large fold leaves no large log behind
        except BaseException:
            database.close()
            raise
    return database


def prepare(
    database: sqlite3.Connection,
    path: Path,
    width: int,
    frequency: str,
    segment_rows: int | None = None,
    subject: Subject | None = None,
    share: Share = WHOLE,
    now: float = 0.0,
) -> int:
    """Makes the tables of a new journal, or checks those of an old one and brings them up to the format of today.

    Returns the rows of a segment. `now` is the time at which sessions of an older format count as seen.
    """
    with sound(path, "be read"):
        if not _tables(database):
            rows = segment_rows or max(SMALLEST_SEGMENT, SEGMENT_BYTES // (8 * width))
            made: dict[str, int | str] = {"worker": str(share)} if share != WHOLE else {}
            made |= {"format": FORMAT, "width": width, "frequency": frequency, "segment_rows": rows}
            _make(database, path, made)
        meta: dict[str, int | str] = dict(database.execute("SELECT name, value FROM meta"))
        _require(path, meta, width, frequency)
        _require_share(path, meta, share)
        if subject is not None:
            _require_subject(path, meta, subject)
        if meta["format"] != FORMAT:
            upgrade(database, path, now)
        elif meta.get("schema") != schema_of(database):
            raise ValueError("its tables and indexes are not described as they were made")
        if subject is not None:
            _keep_subject(database, path, meta, subject)
        rows = int(meta.get("segment_rows", 0))
        if rows < 1:
            raise ValueError(f"segments of {rows} readings")
    return rows


def _make(database: sqlite3.Connection, path: Path, meta: dict[str, int | str]) -> None:
    with transaction(database, path, "be made"):
        database.execute(f"PRAGMA application_id = {APPLICATION}")
        for table in TABLES:
            database.execute(table)
        meta = {**meta, "schema": schema_of(database)}
        database.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())


def _require_subject(path: Path, meta: dict[str, int | str], subject: Subject) -> None:
    misfit = subject.misfit(meta)
    if misfit is not None:
        raise JournalError(f"the journal {path} {misfit}")


def _keep_subject(database: sqlite3.Connection, path: Path, meta: dict[str, int | str], subject: Subject) -> None:
    """Journals of format 1 were first written without these: such a one is taken for the first model that opens it."""
    missing = [entry for entry in subject.entries().items() if entry[0] not in meta]
    if missing:
        with transaction(database, path, "be brought up to date"):
            database.executemany("INSERT INTO meta VALUES (?, ?)", missing)


def _require(path: Path, meta: dict[str, int | str], width: int, frequency: str) -> None:
    if meta.get("format") not in FORMATS:
        raise JournalError(
            f"the journal {path} has format {meta.get('format')}, this version reads formats {FORMATS[0]} to {FORMAT}: "
            "run the version of Gatecast that wrote it or a newer one, or choose another journal"
        )
    if meta.get("width") != width:
        raise JournalError(
            f"the journal {path} was made for readings of {meta.get('width')} values (target and covariates), "
            f"this model has {width}: serve the model it was made for, or choose another journal"
        )
    if meta.get("frequency") != frequency:
        raise JournalError(
            f"the journal {path} was made for steps of {meta.get('frequency')}, this model has steps of "
            f"{frequency}: serve the model it was made for, or choose another journal"
        )


def _require_share(path: Path, meta: dict[str, int | str], share: Share) -> None:
    """A journal without this entry holds all sessions."""
    kept = meta.get("worker", str(WHOLE))
    if kept != str(share):
        raise JournalError(
            f"the journal {path} is that of worker {kept}, this is worker {share}, and other sessions are its own: put "
            "the files back under their names, or choose another journal"
        )


def _refuse_strangers(database: sqlite3.Connection, path: Path) -> None:
    tables = _tables(database)
    if tables and database.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
        raise JournalError(
            f"{path} is a database of something else: it has the tables {', '.join(tables)}. "
            "Choose another path for the journal"
        )


def _tables(database: sqlite3.Connection) -> list[str]:
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in names]
