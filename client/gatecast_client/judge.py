"""What becomes of a reading that was refused: an error for its caller, or another attempt, with others before it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from gatecast_client.errors import GatecastError
from gatecast_client.window import Lost, Window

# Refused for now. Of a `journal` that failed nobody knows whether it recorded; a second attempt tells.
TRY_LATER = frozenset({"overloaded", "rate_limited", "draining", "not_ready", "stale_session", "journal"})
LOG = logging.getLogger("gatecast_client")
_ROUNDS = 20  # in a row in which a session may fall behind
_SHOWN = 5  # sessions that are named


class Judge:
    """Of all frames of one connection that is kept.

    `held` are sessions of which a reading must go again, so that a gap in them is no news; `failed` those of which
    readings were to be sent again and could not, with what their waiting readings shall be told. In `filling` are
    those whose producer left steps out, which may enter as missing; `overfilled` is what entered as missing though it
    had been acknowledged, and is to be corrected before anything more is sent. `overtaken` are those with readings
    without a key that must not go again any more.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self.held: set[str] = set()
        self.failed: dict[str, GatecastError] = {}
        self.filling: set[str] = set()
        self.overfilled: list[Lost] = []
        self.overtaken: dict[str, GatecastError] = {}
        self._loose: dict[str, GatecastError] = {}  # sessions with readings without a key that are to go again
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

    @property
    def waits_loose(self) -> bool:
        """Whether readings without a key are to go again."""
        return bool(self._loose)

    def later(self, session: str, error: GatecastError) -> None:
        """A reading of the session was refused for now, so it goes again, and so does what is behind it."""
        self._later = error
        self.held.add(session)

    def loose(self, session: str, error: GatecastError) -> GatecastError | None:
        """What a reading without a key was refused for; None: it goes again, unless a later one is recorded before."""
        if error.code != "stale_session":  # the one refusal that is known to be of a moment, and to record nothing
            return error
        self._loose[session] = error
        self.later(session, error)
        return None

    def recorded(self, session: str) -> None:
        """A reading of the session was: those without a key that were refused before it stay out."""
        if session in self._loose:
            self.overtaken[session] = self._loose[session]

    def doubt(self) -> None:
        """Readings of any session may have been recorded, and nobody knows which."""
        self.overtaken |= self._loose

    def may_fill(self, sessions: Iterable[str]) -> tuple[bool, bool]:
        """Whether a frame with these may have steps entered as missing, and whether it waits: it has readings besides
        that are only held up, and must not fill the place of one before them that is refused once more.
        """
        some = set(sessions)
        may = not self.filling.isdisjoint(some)
        return may, may and not some & self.held <= self.filling

    def overfull(self, session: str, step: int, filled: int, doubted: bool) -> GatecastError | int | None:
        """Whether steps that entered as missing before this one had been acknowledged: they are lost, and are to be
        corrected before the reading goes again. Then how many were truly left out; the error where not all that
        is lost is known here. None: all is well.

        `doubted` is a reading of which an earlier attempt may have been recorded, its answer lost, so that nobody knows
        what entered: then all that is known before it is written again, which changes nothing where it is so.
        """
        lost = self.window.lost(session, step - filled, step) if filled else None
        if lost is not None and not lost.whole:
            return _behind(lost, "filled")
        if doubted:
            lost = self.window.known(session, step) or lost
        if lost is None:
            return None
        self.overfilled.append(lost)
        self.held.add(session)
        return filled - max(0, lost.last + 1 - max(lost.first, step - filled))

    def uncorrected(self, lost: Lost, error: GatecastError) -> None:
        """What entered as missing stays so, for this reason: whoever waits is told."""
        self.failed[lost.session] = _behind(lost, "uncorrected", error)

    def outcome(
        self, session: str, step: int | None, error: GatecastError, fills: bool = False
    ) -> GatecastError | None:
        """What a reading that may be sent again was refused for; None: it must go again. With `fills` steps that its
        producer left out may enter as missing, which this attempt did not ask for.
        """
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
            if not fills or error.code != "gap":
                return error
            self.filling.add(session)
            self.held.add(session)
            return None
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
        self.filling.clear()
        self.overtaken.clear()
        self._loose.clear()
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


def _behind(lost: Lost, what: str, why: GatecastError | None = None) -> GatecastError:
    entered = what in ("filled", "uncorrected")
    here = f"the service acknowledged step {lost.last} of session {lost.session!r}, and " + (
        f"recorded those from step {lost.first} on as missing" if entered else f"expects step {lost.first}"
    )
    facts = {
        "session": lost.session,
        "last_acknowledged_step": lost.last,
        "expected_step": lost.first,
        "missing": len(lost),
        "held_from_step": lost.held,
        **({"entered_as_missing": True} if entered else {}),
    }
    kept = f"only those from step {lost.held} on" if lost.held <= lost.last else "none of them"
    says = {
        "part": f"its journal was restored, or a failover lost its end. {len(lost)} readings are missing, and this "
        f"client holds {kept} (resend_readings): send from step {lost.first} on again",
        "whole": f"its journal fell behind {_ROUNDS} times in a row while {len(lost)} readings were sent again: see "
        f"to the service's journal, then send from step {lost.first} on again",
        "again": f"{len(lost)} readings were sent again, and the journal fell behind once more",
        "filled": f"its journal lost its end just before this reading, which is recorded. Of those {len(lost)} "
        f"readings this client holds {kept} (resend_readings): give them their values (correct)",
        "uncorrected": f"its journal lost its end just before this reading, which is recorded. Those {len(lost)} "
        f"readings could not be corrected ({why}): give them their values (correct)",
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
