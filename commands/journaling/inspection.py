"""What stands in a journal, in figures: of the whole, or of one session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from commands.journaling.place import in_bytes, moment, size_of

if TYPE_CHECKING:
    from service.journal import Head
    from service.journal.snapshot import Snapshot

_DIGEST = 12  # digits that tell bundles apart


def of_whole(snapshot: Snapshot) -> Table:
    """Sessions, readings, tail, checkpoints, sizes, and for what model it was made."""
    from service.journal.upgrade import FORMAT

    number = f"{snapshot.format}" + ("" if snapshot.format == FORMAT else f" (today's is {FORMAT}: migrate)")
    rows = [("format", number), *_subject(snapshot), ("sessions", _sessions(snapshot))]
    rows += [("readings", _readings(snapshot)), ("waiting in the tail", f"{len(snapshot.tail.keys):,}")]
    if seen := _one(snapshot, "SELECT min(seen), max(seen) FROM sessions WHERE seen > 0", "sessions"):
        rows.append(("sessions were seen", seen))
    rows += [*_checkpoints(snapshot), ("size", in_bytes(size_of(snapshot.path)))]
    rows.append(("free pages", in_bytes(_pragma(snapshot, "freelist_count") * _pragma(snapshot, "page_size"))))
    return _table(str(snapshot.path), rows)


def of_session(snapshot: Snapshot, head: Head) -> Table:
    """Where one session stands."""
    from service.journal.lineage import parent_of
    from service.names import outside, tenant_of

    values = snapshot.readings(head)
    (folded,) = snapshot.database.execute("SELECT last_step FROM sessions WHERE key = ?", (head.key,)).fetchone()
    kept = f"{len(values):,}, steps {head.first_step:,} to {head.last_step:,}" if len(values) else "none"
    rows = [
        *([("tenant", tenant)] if (tenant := tenant_of(head.name)) else []),
        ("key, revision", f"{head.key}, {head.revision}"),
        ("state", "expired" if head.expired else "alive"),
        ("first kept reading", _time(snapshot, head, head.first_step) if len(values) else "–"),
        ("last reading", f"{_time(snapshot, head, head.last_step)}: {_shown(head)}" if head.last_step >= 0 else "–"),
        ("readings kept", kept),
        ("of them in the tail", f"{head.last_step - folded:,}"),
        ("static", ", ".join(f"{name} {value:g}" for name, value in head.static.items()) or "–"),
        ("gates watched", "yes" if head.regime else "no"),
        ("bands calibrated", "yes" if head.calibrate else "no"),
        ("forecasts scored", "yes" if head.quality else "no"),
        ("lives", f"{head.ttl:,} s without a reading" if head.ttl else "for ever"),
        ("seen", moment(head.seen) if head.seen else "not noted"),
        ("fork of", outside(parent_of(head.parent)) or "–"),
        *[("handed out", f"{moment(each.at)}, to step {each.step}, {each.digest}") for each in head.exports],
        *_states(snapshot, head),
    ]
    return _table(outside(head.name), [(name, str(value)) for name, value in rows])


def _table(title: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(title=escape(title), title_justify="left", show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(value))
    return table


def _subject(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    meta = snapshot.meta
    yield "steps of", str(meta["frequency"])
    yield "values a reading", str(meta["width"])
    for name in ("target", "covariates", "time_zone", "worker"):
        if name in meta:
            told = str(meta[name])
            if name == "covariates":
                told = ", ".join(json.loads(told)) or "none"
            yield name.replace("_", " "), told


def _sessions(snapshot: Snapshot) -> str:
    if "bases" not in snapshot.tables:
        return f"{snapshot.count():,}"
    query = "SELECT count(*) FROM sessions WHERE {}"
    kinds = {"expired": "expired = 1", "forks": "parent <> ''", "with a time to live": "ttl > 0"}
    found = {kind: int(snapshot.database.execute(query.format(which)).fetchone()[0]) for kind, which in kinds.items()}
    more = [f"{kind} {count:,}" for kind, count in found.items() if count]
    return f"{snapshot.count():,}" + (f" ({', '.join(more)})" if more else "")


def _readings(snapshot: Snapshot) -> str:
    (size,) = snapshot.database.execute("SELECT total(length(body)) FROM segments").fetchone()
    return f"{int(size) // (8 * snapshot.width):,} folded"


def _checkpoints(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    for table, said in (("checkpoints", "checkpoints"), ("bases", "states that readings were let go of behind")):
        if table not in snapshot.tables:
            continue
        query = f"SELECT digest, count(*), total(length(body)) FROM {table} GROUP BY digest ORDER BY 2 DESC"
        for digest, count, size in snapshot.database.execute(query):
            yield f"{said} of {digest[:_DIGEST]}", f"{count:,}, {in_bytes(size)}"


def _states(snapshot: Snapshot, head: Head) -> Iterator[tuple[str, str]]:
    kinds = [("checkpoint", "checkpoints WHERE id / 2 = ?")]
    kinds += [("base", "bases WHERE key = ?")] if "bases" in snapshot.tables else []
    for said, where in kinds:
        query = f"SELECT step, digest, length(body) FROM {where} ORDER BY step"
        for step, digest, size in snapshot.database.execute(query, (head.key,)):
            yield said, f"after step {step:,}, bundle {digest[:_DIGEST]}, {in_bytes(size)}"


def _one(snapshot: Snapshot, query: str, table: str) -> str | None:
    if table not in snapshot.tables or "bases" not in snapshot.tables:
        return None
    first, last = snapshot.database.execute(query).fetchone()
    return None if first is None else f"{moment(first)} to {moment(last)}"


def _pragma(snapshot: Snapshot, name: str) -> int:
    (found,) = snapshot.database.execute(f"PRAGMA {name}").fetchone()
    return int(found)


def _time(snapshot: Snapshot, head: Head, step: int) -> str:
    import numpy as np

    from datasets.frequency import Frequency, format_time

    frequency = Frequency.parse(str(snapshot.meta["frequency"]))
    return str(format_time(int(frequency.times(head.start, np.array([step]))[0]), frequency))


def _shown(head: Head) -> str:
    return ", ".join(f"{value:g}" for value in head.last_values.tolist())
