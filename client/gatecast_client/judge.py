"""What becomes of a reading that was refused: an error for its caller, or another attempt, with others before it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from gatecast_client.errors import GatecastError
from gatecast_client.window import Lost, Window

# Refused for now. After `journal`, whose answer may have been lost, a reading may be recorded all the same: the
# service then knows it by its step when it comes again.
TRY_LATER = frozenset({"overloaded", "draining", "not_ready", "stale_session", "journal"})
LOG = logging.getLogger("gatecast_client")
_ROUNDS = 20  # in a row in which a session may fall behind
_SHOWN = 5  # sessions that are named


class Judge:
    """Of all frames of one connection that is kept.

    `held` are sessions of which a reading must go again, so that a gap in them is no news; `failed` those of which
    readings were to be sent again and could not, with what their waiting readings shall be told.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self.held: set[str] = set()
        self.failed: dict[str, GatecastError] = {}
        self._behind: dict[str, Lost] = {}
        self._rounds: dict[str, int] = {}  # of sessions that were behind the last time, and how often in a row
        self._later: GatecastError | None = None

    @property
    def refusal(self) -> GatecastError | None:
        """Why the service wants readings later; None: they may go again at once."""
        if self._later is None:
            return next(
                (_behind(lost, "again") for lost in self._behind.values() if lost.session in self._rounds), None
            )
        return self._later

    def later(self, session: str, error: GatecastError) -> None:
        """A reading of the session was refused for now, so it goes again, and so does what is behind it."""
        self._later = error
        self.held.add(session)

    def outcome(self, session: str, step: int | None, error: GatecastError) -> GatecastError | None:
        """What a reading that may be sent again was refused for; None: it must go again."""
        if error.code in TRY_LATER:
            self.later(session, error)
            return None
        if error.code == "unknown_session" and (last := self.window.last(session)) is not None:
            return _unknown(session, last, error)
        if error.code not in ("gap", "time_required") or step == 0:  # the latter: it has not begun
            return error
        if session in self.held:
            return None
        expected = error.facts.get("expected_step") if error.code == "gap" else 0
        lost = self.window.lost(session, expected) if isinstance(expected, int) else None
        if lost is None:
            return error
        if not lost.whole or self._rounds.get(session, 0) >= _ROUNDS:
            return _behind(lost, "whole" if lost.whole else "part")
        self._behind[session] = lost
        self.held.add(session)
        return None

    def again(self) -> list[Lost]:
        """Everything held goes again: what is to be sent before it."""
        lost = [*self._behind.values()]
        self._rounds = {each.session: self._rounds.get(each.session, 0) + 1 for each in lost}
        self._behind.clear()
        self.held.clear()
        self._later = None
        if lost:
            LOG.warning(
                "the service's journal is behind what it acknowledged, of %d sessions (%s): sending %d readings again",
                len(lost), _named(lost), sum(map(len, lost)),
            )  # fmt: skip
        return lost


def _named(lost: Iterable[Lost]) -> str:
    some = [f"{each.session!r} expects step {each.first} after {each.last}" for each in lost]
    return ", ".join(some[:_SHOWN]) + (", …" if len(some) > _SHOWN else "")


def _behind(lost: Lost, what: str) -> GatecastError:
    here = (
        f"the service expects step {lost.first} of session {lost.session!r}, of which it acknowledged step {lost.last}"
    )
    facts = {
        "session": lost.session,
        "last_acknowledged_step": lost.last,
        "expected_step": lost.first,
        "missing": len(lost),
        "held_from_step": lost.held,
    }
    kept = f"only those from step {lost.held} on" if lost.held <= lost.last else "none of them"
    says = {
        "part": f"its journal was restored, or a failover lost its end. {len(lost)} readings are missing, and this "
        f"client holds {kept} (resend_readings): send from step {lost.first} on again",
        "whole": f"its journal fell behind {_ROUNDS} times in a row while {len(lost)} readings were sent again: see "
        f"to the service's journal, then send from step {lost.first} on again",
        "again": f"{len(lost)} readings were sent again, and the journal fell behind once more",
    }
    return GatecastError("journal_behind", f"{here}: {says[what]}", facts)


def _unknown(session: str, last: int, error: GatecastError) -> GatecastError:
    facts = {
        **error.facts,
        "session": session,
        "last_acknowledged_step": last,
        "expected_step": None,
        "missing": last + 1,
    }
    return GatecastError(
        "journal_behind",
        f"the service does not know session {session!r}, of which it acknowledged step {last}: its journal was "
        f"restored from before the session was made, or lost, or somebody deleted the session. Make it again as it was "
        f"made (open_session) and send the reading again: what this client still holds is then sent before it",
        facts,
    )
