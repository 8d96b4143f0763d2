"""Ctrl-C as a wish: the run ends between two steps, keeps what it has, and can go on later."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether Ctrl-C (or SIGTERM) has come; a second Ctrl-C stops at once.

    Outside the main thread, where signals cannot be caught, the answer is always no.
    """
    wished = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wished.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        if wished.is_set():
            raise KeyboardInterrupt
        wished.set()

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield wished.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
