"""The formats of a SQLite journal: what each one added, and how an older one is brought up to that of today."""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path

from service.journal.faults import transaction
from service.journal.rows import sign_sessions

FORMATS = (1, 2)  # that can be opened
FORMAT = FORMATS[-1]  # that is written

# Columns of sessions. Journals of format 1 were first written without static and regime.
LATER = {
    "static": "TEXT",
    "regime": "INTEGER NOT NULL DEFAULT 0",
    "first_step": "INTEGER NOT NULL DEFAULT 0",
    "ttl": "INTEGER NOT NULL DEFAULT 0",
    "seen": "REAL NOT NULL DEFAULT {now!r}",  # for the sessions that there are; new ones say when they were seen
    "expired": "INTEGER NOT NULL DEFAULT 0",
    "parent": "TEXT NOT NULL DEFAULT ''",
    "exports": "TEXT",
    "checksum": "INTEGER NOT NULL DEFAULT -1",
    "place_checksum": "INTEGER NOT NULL DEFAULT -1",
}

# States after step first_step - 1 of sessions that let go of readings, at most one of each bundle.
BASES = (
    "CREATE TABLE bases (id INTEGER PRIMARY KEY, key INTEGER NOT NULL, revision INTEGER NOT NULL, "
    "step INTEGER NOT NULL, digest TEXT NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL)"
)
# Each is empty, and costs nothing, where no session is of its kind.
INDEXES = (
    "CREATE INDEX bases_of ON bases (key)",
    "CREATE INDEX due ON sessions (seen + ttl) WHERE ttl > 0 AND expired = 0",
    "CREATE INDEX forks ON sessions (parent, name) WHERE parent <> ''",
    "CREATE INDEX ended ON sessions (name) WHERE expired = 1",
)


def upgrade(database: sqlite3.Connection, path: Path, now: float) -> None:
    """Brings a journal of an older format up to today's, wholly or not at all; its readings stay as they are.

    Sessions of before count as seen `now`: when their last reading came was not kept. The versions that wrote the
    older format refuse the journal from then on, by its number.
    """
    there = {name for _, name, *_ in database.execute("PRAGMA table_info(sessions)")}
    with transaction(database, path, f"be brought up to format {FORMAT}"):
        for name, kind in LATER.items():
            if name not in there:
                database.execute(f"ALTER TABLE sessions ADD COLUMN {name} {kind.format(now=float(now))}")
        sign_sessions(database)
        for statement in (BASES, *INDEXES):
            database.execute(statement)
        database.execute("UPDATE meta SET value = ? WHERE name = 'format'", (FORMAT,))
        database.execute("INSERT INTO meta VALUES ('schema', ?)", (schema_of(database),))


def schema_of(database: sqlite3.Connection) -> int:
    """The checksum of what tables and indexes there are, and of the statements that made them."""
    made = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql NOTNULL ORDER BY name")
    return zlib.crc32(repr(made.fetchall()).encode())
