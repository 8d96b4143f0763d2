"""What may be done to sessions beside reading on: correct, rewind, fork, take out and in, erase."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from gatecast_client.answers import Erased, Revised, Session
from gatecast_client.readings import Number, Reading
from gatecast_client.requests import Requests, given, path_of
from gatecast_client.window import Lost

LOG = logging.getLogger("gatecast_client")
_AT_ONCE = 1024  # readings of one correction
SESSION_FILE = "application/vnd.gatecast.session"


class Changes(Requests):
    """Each call may be made again after `ConnectionLost`: what was done already is found as it is; what was erased is
    `unknown_session`.

    What a stream of this client keeps of such a session, to send it again, is forgotten: it may not be so any more.
    """

    async def correct(
        self,
        session: str | Session,
        readings: Mapping[int, Number] | Iterable[Reading],
        *,
        gaps: Literal["error", "missing"] = "error",
    ) -> Revised:
        """Gives readings other values, fills in late ones, and adds those behind the last one; in any order.

        `readings` are values by step, or `Reading`s with step or ds of this session. With `gaps="missing"` steps that
        are skipped behind the last one enter as missing. From then on the session is as if it had always been so.
        """
        name = _name(session)
        if isinstance(readings, Mapping):
            readings = [Reading(name, y, step) for step, y in readings.items()]
        sent = []
        for each in readings:
            if each.session != name:
                raise ValueError(f"readings of session {name!r} were expected, got one of {each.session!r}")
            sent.append({key: value for key, value in each.as_sent().items() if key != "session"})
        body = {"readings": sent, **({"gaps": gaps} if gaps != "error" else {})}
        return await self._changed(name, "corrections", body)

    async def rewind(self, session: str | Session, step: int) -> Revised:
        """Takes back all readings after `step`; -1 takes back all."""
        return await self._changed(_name(session), "rewind", {"step": step})

    async def fork(self, session: str | Session, name: str, *, step: int | None = None) -> Session:
        """A copy of a session called `name`, up to `step`, for what-if questions; the same fork again is found."""
        parent = _name(session)
        body = given(session=name, step=step)
        made = await self._ask(self._url(parent), "POST", f"{path_of(parent)}/fork", Session, body)
        self._window.forget(name)
        return made

    async def export_session(self, session: str | Session) -> bytes:
        """All that is kept of a session as one file."""
        name = _name(session)
        return await self._request(self._url(name), "GET", f"{path_of(name)}/export")

    async def import_session(self, name: str, file: bytes, *, replace: bool = False) -> Session:
        """A session called `name` from such a file."""
        query = {"replace": "true"} if replace else {}
        made = await self._ask(self._url(name), "PUT", f"{path_of(name)}/import", Session, file, query, SESSION_FILE)
        self._window.forget(name)
        return made

    async def erase(self, session: str | Session) -> Erased:
        """Deletes a session and all its forks; says which files of them were exported before."""
        name = _name(session)
        erased = await self._ask(self._url(name), "POST", f"{path_of(name)}/erasure", Erased)
        for each in erased.erased:
            self._window.forget(each)
        return erased

    async def _restore(self, lost: Lost) -> None:
        """Corrects steps that entered as missing though they had been acknowledged."""
        LOG.warning(
            "the service's journal is behind what it acknowledged of %r: %d readings from step %d on entered as "
            "missing, correcting them", lost.session, len(lost), lost.first,
        )  # fmt: skip
        url, path, rows = self._url(lost.session), f"{path_of(lost.session)}/corrections", [*lost.rows()]
        for at in range(0, len(rows), _AT_ONCE):
            await self._ask(url, "POST", path, Revised, {"readings": rows[at : at + _AT_ONCE]}, again=True)

    async def _changed(self, name: str, what: str, body: dict[str, Any]) -> Revised:
        revised = await self._ask(self._url(name), "POST", f"{path_of(name)}/{what}", Revised, body)
        self._window.forget(name)
        return revised


def _name(session: str | Session) -> str:
    return session if isinstance(session, str) else session.name
