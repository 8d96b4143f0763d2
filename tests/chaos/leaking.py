"""A service that keeps some of what it answers, to prove that a soak sees it: python -m tests.chaos.leaking serve …"""

from __future__ import annotations

import os
import time
from typing import Any

import service.stream
from commands.main import main

BYTES = 2**21  # and an open file
EVERY = 0.1  # seconds, as long as there is something to answer
kept: list[Any] = [time.monotonic()]
answer = service.stream.Stream._send


def answer_and_keep(stream: Any, *arguments: Any) -> None:
    now = time.monotonic()
    if now - kept[0] > EVERY:
        kept[0] = now
        kept.append((os.urandom(BYTES), os.open(os.devnull, os.O_RDONLY)))
    answer(stream, *arguments)


if __name__ == "__main__":
    service.stream.Stream._send = answer_and_keep  # type: ignore[method-assign]
    main()
