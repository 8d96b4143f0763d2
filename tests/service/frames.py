"""Frames as they wait in a queue, for tests of what is taken of them."""

from __future__ import annotations

import asyncio

import numpy as np
from numpy.typing import NDArray

from service.replies import Caller
from service.waiting import Frame
from tests.service.engines import frame


def waiting(*names: str, caller: Caller | None = None) -> Frame:
    """A frame of one reading for each name."""

    async def make() -> Frame:
        return Frame(frame(*((name, float(at)) for at, name in enumerate(names))), {}, caller or Caller())

    return asyncio.run(make())


def nobody(_: list[str]) -> None:
    """No session is watched."""


def capitals(names: list[str]) -> NDArray[np.bool_] | None:
    """Sessions with a capital letter are watched."""
    watched = np.array([name.isupper() for name in names], np.bool_)
    return watched if watched.any() else None
