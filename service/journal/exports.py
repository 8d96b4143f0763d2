"""The copies of a session that were handed out, as text in a journal: a JSON list of [at, step, digest]."""

from __future__ import annotations

import json
from collections.abc import Sequence

from service.journal.protocol import Export


def encode(exports: Sequence[Export]) -> str | None:
    """The text, or None where there are none."""
    return json.dumps([[int(each.at), int(each.step), each.digest] for each in exports]) if exports else None


def decode(text: str | None) -> tuple[Export, ...]:
    """The copies as they were noted; `ValueError` says what is wrong with the text."""
    if text is None:
        return ()
    found = json.loads(text)
    kinds = [int, int, str]
    if not isinstance(found, list) or not all(
        isinstance(each, list) and [type(part) for part in each] == kinds for each in found
    ):
        raise ValueError("copies that were handed out were expected as a list of [at, step, digest]")
    return tuple(Export(*each) for each in found)
