"""The short campaign; `make fuzz` runs a million, and bench/FUZZ.md is what that found."""

from __future__ import annotations

from pathlib import Path

from service.bundle import Bundle
from tests.fuzz.campaign import fuzz
from tests.fuzz.requests import GARBLERS
from tests.fuzz.spoiled import SPOILERS
from tests.fuzz.wires import BREAKERS, LEFT

FRAMES = 20_000


def test_twenty_thousand_malformed_frames_harm_neither_the_service_nor_a_neighbour(
    bundle: Bundle, tmp_path: Path
) -> None:
    fuzzed = fuzz(bundle, tmp_path, FRAMES, seed=7)
    assert fuzzed.found == []
    assert fuzzed.seen.total == FRAMES
    assert fuzzed.neighbours > 0
    assert set(fuzzed.seen.frames) == set(SPOILERS)
    assert set(fuzzed.seen.breaches) == {*BREAKERS, *LEFT}
    assert set(fuzzed.seen.requests) == set(GARBLERS)
