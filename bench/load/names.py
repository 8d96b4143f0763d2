"""What the sessions of a load are called: numbered names, of several workers those that are dealt to one."""

from __future__ import annotations

from itertools import count, islice

from gatecast_client.dealing import dealt_to


def names(prefix: str, sessions: int, worker: int = 0, workers: int = 1) -> list[str]:
    """The first so many of `{prefix}0` … that this worker has."""
    numbered = (f"{prefix}{number}" for number in count())
    return [*islice((name for name in numbered if workers == 1 or dealt_to(name, workers) == worker), sessions)]
