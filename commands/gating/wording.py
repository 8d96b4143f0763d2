"""What each gate does, in words: the convention that stands wherever a gate is shown."""

from __future__ import annotations

from collections.abc import Iterable

PLACES = (("r", "f"), ("z", "i"))  # rows of the picture; an LSTM's gates take the places of a GRU's
NAMES = {"r": "reset gate r", "z": "update gate z", "f": "forget gate f", "i": "input gate i"}
MEANINGS = {
    "r": "near 0 leaves the past out of what is proposed",
    "z": "near 1 keeps the past",
    "f": "near 1 keeps the past",
    "i": "near 1 takes in what is proposed",
}


def shown(gates: Iterable[str]) -> list[str]:
    """The letters of the gates that are drawn, from top to bottom."""
    there = set(gates)
    return [letter for place in PLACES for letter in place if letter in there]


def conventions(gates: Iterable[str], architecture: str) -> list[str]:
    """The sentences under the picture: which way a gate works, and which gates this architecture does not have."""
    there = set(gates)
    if "z" in there:
        said = ["z near 1 keeps the past (h' = (1-z)·n + z·h)."]
        reset = "r near 0 leaves the past out of what is proposed (n = tanh(W·x + r·(U·h)))."
        return [*said, reset if "r" in there else f"The architecture {architecture} has no reset gate."]
    if "f" in there:
        return ["f near 1 keeps the past (c' = f·c + i·g).", "i near 1 takes in what is proposed, g."]
    return [f"The architecture {architecture} has no reset or update gate: of the past, all is proposed anew (h' = n)."]
