"""Numbers that stand for sessions' names on one connection, so that frames by columns need not carry the names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.api.limits import session_name
from service.errors import InvalidSession, TooManyHandles
from service.names import all_inside

Item = dict[str, object]


class Handles:
    """Numbered from 0 in the order given, for as long as the connection lives; whether they exist, the engine tells."""

    def __init__(self, limit: int, tenant: str = "") -> None:
        self._limit = limit
        self._tenant = tenant
        self._names = np.empty(0, object)  # beyond `_count`: room for more
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def register(self, names: list[str]) -> Item:
        """Numbers on, and answers the first number and how many; of names that are refused, none is numbered.

        `TooManyHandles` beyond the connection's bound, `InvalidSession` with the `index` of the first wrong name.
        """
        if self._count + len(names) > self._limit:
            raise TooManyHandles(
                f"at most {self._limit} handles were expected on one connection, with these there would be "
                f"{self._count + len(names)}; send further sessions by name, or on another connection",
                limit=self._limit,
                count=self._count,
            )
        for index, name in enumerate(names):
            try:
                session_name(name)
            except InvalidSession as wrong:
                raise InvalidSession(f"handles[{index}]: {wrong.message}", index=index) from wrong
        first, self._count = self._count, self._count + len(names)
        if self._count > len(self._names):
            grown = np.empty(max(self._count, min(2 * first, self._limit)), object)
            grown[:first] = self._names[:first]
            self._names = grown
        self._names[first : self._count] = self.inside(names)
        return {"handles": {"first": first, "count": len(names)}}

    def inside(self, names: list[str]) -> list[str]:
        """As the engine knows the sessions that this connection calls so; those of handles are so already."""
        return all_inside(self._tenant, names)

    def names(self, handles: NDArray[np.unsignedinteger[Any]]) -> list[str] | None:
        """The name inside of each; None where one of them was not given."""
        if len(handles) and int(handles.max()) >= self._count:
            return None
        names: list[str] = self._names[handles].tolist()
        return names

    def name(self, handle: int) -> str | None:
        """The name inside of one; None where it was not given."""
        return str(self._names[handle]) if 0 <= handle < self._count else None
