"""What a Redis journal says of itself: written by the service that comes first, and compared by all others."""

from __future__ import annotations

from collections.abc import Mapping

from service.errors import JournalError
from service.journal.redis_address import Address
from service.journal.redis_server import Server, run_script
from service.journal.subject import Subject

FORMAT = 1
PARTITIONS = 16  # of a new journal


def claim(server: Server, width: int, frequency: str, subject: Subject | None) -> int:
    """Takes a new journal for readings of this kind, or refuses one of another kind; returns its partitions."""
    address = server.address
    made = {"format": FORMAT, "width": width, "frequency": frequency, "partitions": address.partitions or PARTITIONS}
    kept = _entries(server, "new", made)
    _require(address, kept, width, frequency)
    if subject is not None:
        # Where it was opened without them first, it is taken for the first model that opens it with them.
        kept = _entries(server, "missing", subject.entries())
        misfit = subject.misfit(kept)
        if misfit is not None:
            raise JournalError(f"the journal {address} {misfit} (`prefix` in its URL)")
    return int(kept["partitions"])


def _entries(server: Server, when: str, entries: Mapping[str, object]) -> dict[str, str]:
    slot = server.address.slot(0)
    flat = [str(part) for entry in entries.items() for part in entry]
    (found,) = server.run([run_script(slot, "claim", [slot + b"journal"], when, *flat)])
    texts = [each.decode() for each in found]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _require(address: Address, kept: Mapping[str, str], width: int, frequency: str) -> None:
    another = "choose another journal (`prefix` in its URL)"
    if kept.get("format") != str(FORMAT):
        raise JournalError(
            f"the journal {address} has format {kept.get('format')}, this version reads format {FORMAT}: "
            f"run the version of Gatecast that wrote it or a newer one, or {another}"
        )
    if kept.get("width") != str(width):
        raise JournalError(
            f"the journal {address} was made for readings of {kept.get('width')} values (target and covariates), "
            f"this model has {width}: serve the model it was made for, or {another}"
        )
    if kept.get("frequency") != frequency:
        raise JournalError(
            f"the journal {address} was made for steps of {kept.get('frequency')}, this model has steps of "
            f"{frequency}: serve the model it was made for, or {another}"
        )
    if address.partitions is not None and kept.get("partitions") != str(address.partitions):
        raise JournalError(
            f"the journal {address} has {kept.get('partitions')} partitions, and their number stays: "
            f"leave `partitions` out of its URL, or {another}"
        )
