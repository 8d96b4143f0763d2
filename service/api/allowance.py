"""How much of one stream is on its way at once: so many frames, and answers of so many bytes."""

from __future__ import annotations

import asyncio

from service.api.forecasts import Selection

NUMBER = 64  # bytes of a number on its way: by itself and in a list 32, then written, and handed to the connection
ITEM = 2048  # bytes of an answer beside its numbers, so too
COLUMN_NUMBER, COLUMN_ITEM = 40, 64  # where numbers stand in arrays until they are written


class Allowance:
    """What is taken before an answer is made and given back when its client has it. One frame may always be taken."""

    def __init__(self, frames: int, size: int) -> None:
        self._frames = frames
        self._size = size
        self._free = asyncio.Event()
        self._free.set()

    async def wait(self) -> None:
        """Until a further frame may be taken."""
        await self._free.wait()

    def take(self, size: int) -> None:
        self._change(-1, -size)

    def give(self, size: int) -> None:
        self._change(1, size)

    def _change(self, frames: int, size: int) -> None:
        self._frames += frames
        self._size += size
        if self._frames > 0 and self._size > 0:
            self._free.set()
        else:
            self._free.clear()


def size_of(readings: int, selection: Selection, gates: int, columns: bool = False) -> int:
    """Bytes that the answer to a frame may take until it is sent, with so many gates of each reading."""
    numbers = (selection.horizon + len(selection.sums)) * (1 + len(selection.columns)) + gates
    return readings * (COLUMN_ITEM + COLUMN_NUMBER * numbers if columns else ITEM + NUMBER * numbers)
