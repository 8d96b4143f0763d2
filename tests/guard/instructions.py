"""Counts the Python instructions that the service's own code executes: the same in every run, on every machine."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

_ROOT = Path(__file__).parents[2]
_OURS = tuple(f"{_ROOT / folder}/" for folder in ("service", "datasets"))


class Instructions:
    """`with Instructions() as counted: …` and then `counted.number`: of this thread, libraries and C left out.

    Work that is done for each reading in a loop of Python shows; the same in NumPy or msgspec does not.
    """

    def __init__(self) -> None:
        self.number = 0
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._entered)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.settrace(self._before)

    def _entered(self, frame: FrameType, event: str, _: object) -> Any:
        if event != "call" or not frame.f_code.co_filename.startswith(_OURS):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._executed

    def _executed(self, _: FrameType, event: str, __: object) -> Any:
        self.number += event == "opcode"
        return self._executed
