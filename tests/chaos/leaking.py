"""A service that keeps something of every batch, to prove that a soak sees it: python -m tests.chaos.leaking serve …"""

from __future__ import annotations

import os
from typing import Any

import service.stream
from commands.main import main

BYTES = 2**16  # of each batch
EVERY = 8  # batches, of which a file stays open
kept: list[Any] = []
answer = service.stream.Stream._send


def answer_and_keep(stream: Any, *arguments: Any) -> None:
    kept.append(os.urandom(BYTES))
    if len(kept) % EVERY == 0:
        kept.append(os.open(os.devnull, os.O_RDONLY))
    answer(stream, *arguments)


if __name__ == "__main__":
    service.stream.Stream._send = answer_and_keep  # type: ignore[method-assign]
    main()
