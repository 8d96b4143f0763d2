"""What is beside states: it takes room for those sessions alone that have something, and no more than it may."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.beside import CALIBRATED, PLAIN, WATCHED, Beside
from service.monitors import BYTES, Monitors
from service.runtimes.fake import fake_bundle
from tests.service.calibrating import calibrated_alone, noise
from tests.service.engines import START, alone, codes, column, running, send
from tests.service.test_engine_calibration import KINDS

BOTH = WATCHED + CALIBRATED
BESIDE = Beside.of(fake_bundle().manifest)
CAPACITY = 40


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_order_of_coming_and_going_leaves_each_slot_with_its_own(data: st.DataObject) -> None:
    monitors, truth, numbers = Monitors(BESIDE, 6, CAPACITY), dict[int, tuple[int, np.ndarray]](), iter(range(10**6))
    for _ in range(data.draw(st.integers(1, 25))):
        slots = data.draw(st.lists(st.integers(1, CAPACITY - 1), unique=True, max_size=12).map(sorted))
        kind = data.draw(st.sampled_from([PLAIN, WATCHED, CALIBRATED, BOTH]))
        if kind == PLAIN:
            monitors.release(np.array(slots, np.int64))
            truth = {slot: each for slot, each in truth.items() if slot not in slots}
            continue
        mine = [slot for slot in slots if slot not in truth or truth[slot][0] == kind]
        if mine:
            rows = np.array([[next(numbers)] * BESIDE.sizes[kind] for _ in mine], np.float32)
            monitors.write(np.array(mine), rows)
            truth |= {slot: (kind, row) for slot, row in zip(mine, rows, strict=True)}
        for slot, (of, row) in truth.items():
            np.testing.assert_array_equal(monitors.read(np.array([slot]), of)[0], row)
        assert monitors.bytes == BYTES * sum(len(row) for _, row in truth.values())
    held = sum(rows.nbytes for rows in monitors._rows.values())
    assert held <= 2 * CAPACITY * BYTES * sum(BESIDE.sizes.values()), "places are given again"


@pytest.mark.parametrize("kinds", [("calibrated",), ("watched", "calibrated", "both")])
async def test_sessions_with_something_beside_leave_when_it_takes_too_much_and_others_stay(
    kinds: tuple[str, ...],
) -> None:
    most = 5 * BYTES * BESIDE.sizes[BOTH]
    values, names = noise(20, 9), [f"{kind} {at}" for kind in kinds for at in range(12)]
    expected = {"watched": alone(values), "calibrated": calibrated_alone(values), "both": calibrated_alone(values)}
    async with running(beside_bytes=most, checkpoint_every=7) as engine:
        monitors = engine._core.cache.monitors
        for at in range(30):
            await engine.create(f"plain {at}", START, column(1.0))
            await send(engine, (f"plain {at}", 2.0, 1))
        for name in names:
            await engine.create(name, START, column(*values[:5]), **KINDS[name.split()[0]])
            assert monitors.bytes <= most
        for step in range(5, 20):
            for name in names:
                answers = await send(engine, (name, values[step], step))
                np.testing.assert_array_equal(answers.quantiles[0], expected[name.split()[0]][step])
                assert monitors.bytes <= most
        assert engine.vitals.resident >= 30 + 3
        assert (engine._core.table.slot[engine._core.table.find([f"plain {at}" for at in range(30)])] >= 0).all()
        answers = await send(engine, *((name, 1.0) for name in names))  # a batch has what it takes
        assert codes(answers) == [None] * len(names)
