"""What every journal asks before it changes a session's past: that it stands where it was seen, and that it is kept."""

from __future__ import annotations

from collections.abc import Sequence

from service.errors import StaleSession
from service.journal.protocol import Checkpoint
from service.past_errors import HistoryGone, SessionExpired


def refuse_stale(there: tuple[int, int], seen: tuple[int, int]) -> None:
    """`StaleSession` unless the session stands at the revision and last step that its reviser saw."""
    if there != seen:
        raise StaleSession(
            f"the session was at revision {seen[0]}, step {seen[1]}, and is at revision {there[0]}, step {there[1]} "
            "now; ask where it stands and try again"
        )


def check_revised(first: int, count: int, first_step: int, last_step: int) -> None:
    """`HistoryGone` if `first` is not kept; `ValueError` if it lies beyond the end, or nothing would be left."""
    if first < first_step:
        raise gone(first, first_step)
    if first < 0 or first > last_step + 1:
        raise ValueError(f"expected a first step of at most {last_step + 1}, got {first}")
    if first_step and first + count == first_step:
        raise ValueError("a session that has let go of readings keeps at least one")


def check_end(first: int, first_step: int, last_step: int, bases: Sequence[Checkpoint]) -> None:
    """`ValueError` unless at least one reading stays, and the bases are of the step before the first of them."""
    if first != first_step and first > last_step:
        raise ValueError(f"expected to keep at least step {last_step}, got {first} as the first one to be kept")
    if any(base.step != first - 1 for base in bases) or len({base.digest for base in bases}) < len(bases):
        raise ValueError(f"expected bases of step {first - 1}, one a bundle")


def ended(last_step: int) -> SessionExpired:
    """The error for a session whose past nobody changes any more."""
    return SessionExpired("the session has expired; make it anew with a history", last_step=last_step)


def gone(step: int, first_step: int) -> HistoryGone:
    """The error for a step that is older than what is kept."""
    return HistoryGone(
        f"step {step} is older than what is kept of this session, which begins at step {first_step}; "
        f"change steps from {first_step} on, or make the session anew with a history",
        first_step=first_step,
    )
