"""What a fork is a copy of: its parent first, then that one's, as one text.

So that an erasure reaches forks of forks though the session between was deleted or replaced meanwhile.
"""

from __future__ import annotations

MOST = 32  # of the nearest, and the first of all
AND = "\x1e"  # no name holds it, as it is a control character


def lineage(parent: str, before: str) -> str:
    """Of a fork of the session `parent`, whose own lineage is `before`."""
    older = before.split(AND) if before else []
    return AND.join([parent, *(older if len(older) < MOST else [*older[: MOST - 2], older[-1]])])


def parent_of(text: str) -> str:
    """The session that one of this lineage is a fork of; "" where it is none."""
    return text.partition(AND)[0]


def descends(text: str, ancestor: str) -> bool:
    """Whether one of this lineage is a fork of that session, or of a fork of it."""
    return bool(text) and ancestor in text.split(AND)


def is_of(text: str, parent: str | None, ancestor: str | None) -> bool:
    """Whether a listing that wants these, or does not mind, has one of this lineage."""
    return parent in (None, parent_of(text)) and (ancestor is None or descends(text, ancestor))
