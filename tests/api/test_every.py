"""How often forecasts come: as the address says, or the frame, for items and for columns."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.sync.client import connect

from tests.api.test_columns import ask, new
from tests.api.test_stream_limits import refused


def forecast_in(answer: Any) -> bool:
    return "forecast" in (answer[0] if isinstance(answer, list) else answer)


@pytest.mark.parametrize("by_columns", [False, True])
@pytest.mark.parametrize(
    ("query", "every", "wanted"),
    [
        ("", None, [True] * 5),
        ("?every=1", None, [True] * 5),
        ("?every=2", None, [False, True, False, True, False]),
        ("?every=none", None, [False] * 5),
        ("?every=none", 3, [False, False, True, False, False]),
        ("?every=2", "none", [False] * 5),
        ("?every=none", 1, [True] * 5),
    ],
)
def test_forecasts_come_after_every_nth_step(
    live, query: str, every: Any, wanted: list[bool], by_columns: bool
) -> None:
    name = new(live.http)
    chosen = {} if every is None else {"every": every}
    with connect(live.stream(query)) as socket:
        answers = [
            ask(socket, {"sessions": [name], "y": [step], "steps": [step], **chosen})
            if by_columns
            else ask(socket, {"observations": [{"session": name, "y": step, "step": step}], **chosen})
            for step in range(5)
        ]
    assert [forecast_in(answer) for answer in answers] == wanted


def test_a_single_reading_is_as_its_connection(live) -> None:
    name = new(live.http)
    with connect(live.stream("?every=none")) as socket:
        assert not forecast_in(ask(socket, {"session": name, "y": 1, "step": 0}))


def test_pure_ingest_needs_nothing_that_is_known_ahead(open_behind) -> None:
    with open_behind(covariates=("price",), future=("price",)) as running:
        name = new(running.http)
        reading = {"session": name, "step": 0, "y": 1, "covariates": {"price": 7}}
        with connect(running.stream("?every=none")) as socket:
            (item,) = ask(socket, [reading])
            assert (item["step"], "forecast" in item) == (0, False)
            (item,) = ask(socket, {"observations": [{**reading, "step": 1}], "every": 1})
            assert item["error"]["code"] == "missing_future"


@pytest.mark.parametrize(
    ("every", "code"),
    [("0", "invalid_value"), ("-1", "invalid_value"), ("x", "wrong_type"), ("", "wrong_type"), ("1.5", "wrong_type")],
)
def test_an_address_that_asks_for_no_number_of_steps_is_refused(live, every: str, code: str) -> None:
    status, problem = refused(live.stream(f"?every={every}"))
    assert (status, problem["code"]) == (422, code)


@pytest.mark.parametrize("every", [0, -2, 10**13])
def test_a_frame_that_asks_for_no_number_of_steps_is_refused(live, every: int) -> None:
    with connect(live.stream()) as socket:
        for frame in ({"observations": []}, {"sessions": [], "y": []}):
            assert ask(socket, {**frame, "every": every})["error"]["code"] == "invalid_value"
