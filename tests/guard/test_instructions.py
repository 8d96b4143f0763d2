"""An ordinary frame takes no more instructions than before, and what it takes once is not taken for each reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.bundle import Bundle
from tests.guard.count import VERSION, WRITE, committed
from tests.guard.frames import KINDS, MANY, STAGES, Counts, counted
from tests.guard.instructions import Instructions

MARGIN = 0.05
# For each further reading of a frame. The engine and columns work on arrays; items are objects, one a reading.
MOST = {
    "readings": {"edge, in": 65.0, "engine": 1.0, "edge, out": 110.0},
    "readings by columns": {"edge, in": 0.5, "engine": 1.0, "edge, out": 0.5},
    "readings by columns, JSON": {"edge, in": 0.5, "engine": 1.0, "edge, out": 0.5},
}


@pytest.fixture
async def found(bundle: Bundle, tmp_path: Path) -> Counts:
    return await counted(bundle.path, tmp_path)


async def test_a_frame_takes_as_many_instructions_as_are_committed(found: Counts) -> None:
    numbers = committed().get(VERSION)
    assert numbers is not None, f"no numbers are committed for Python {VERSION}: run {WRITE}, and commit what it writes"
    assert {kind: list(stages) for kind, stages in numbers.items()} == {kind.name: [*STAGES] for kind in KINDS}
    off = [
        f"{kind}: {stage}: {now:,} instructions, {numbers[kind][stage]:,} are committed ({change:+.1%})"
        for kind, stages in found.items()
        for stage, now in stages.items()
        if abs(change := now / numbers[kind][stage] - 1) > MARGIN
    ]
    assert not off, "\n".join([*off, f"If that is meant, or is less: {WRITE}, and commit what it writes."])


async def test_a_frame_does_not_take_for_each_reading_what_it_takes_once(found: Counts) -> None:
    for what, most in MOST.items():
        one, many = found[f"a {what.replace('readings', 'reading')}"], found[f"{MANY} {what}"]
        for stage in STAGES:
            grown = (many[stage] - one[stage]) / (MANY - 1)
            assert grown <= most[stage], f"{what}: {stage}: {grown:.1f} instructions a reading, {most[stage]} at most"


def test_instructions_of_the_service_are_counted_and_no_others() -> None:
    from service.batching import padded

    with Instructions() as once:
        padded(5)
    with Instructions() as thrice:
        [padded(5) for _ in range(3)]
    with Instructions() as none:
        sorted([3, 2, 1])
        Path("a").with_name("b")
    assert once.number > 0
    assert thrice.number == 3 * once.number
    assert none.number == 0
