"""Whatever is streamed by columns is recorded and answered as if it were itemised."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from service.api.clock import Clock
from tests.api.test_columns import ask, new

Fields = dict[str, Any]

good = st.none() | st.floats(-1e6, 1e6, width=32)
values = good | st.sampled_from([1e300, -1e300, "x", True])
steps = st.none() | st.integers(0, 4) | st.sampled_from([-1, 10**13, 2**63, "0", 1.5])
times = st.none() | st.integers(0, 4).map(lambda hour: f"2015-01-10T0{hour}:00:00") | st.sampled_from(["noon", 7])
readings = st.fixed_dictionaries(
    {"session": st.sampled_from(["a", "b", "c", "nobody"]), "y": values}, optional={"step": steps, "ds": times}
)
plain = st.fixed_dictionaries({"session": st.sampled_from(["a", "b", "c"]), "y": good, "step": st.integers(0, 4)})
options = st.fixed_dictionaries(
    {},
    optional={
        "every": st.sampled_from([1, 2, "none"]),
        "gaps": st.sampled_from(["error", "missing", "missing"]),
        "quantiles": st.lists(st.sampled_from([0.1, 0.5, 0.9]), unique=True),
        "horizon": st.integers(1, 3),
    },
)
frames = st.lists(st.tuples(st.lists(readings, max_size=8) | st.lists(plain, max_size=8), options), max_size=4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=frames, packed=st.booleans(), by_handle=st.booleans(), data=st.data())
def test_columns_are_answered_as_items(live, frames: Any, packed: bool, by_handle: bool, data: st.DataObject) -> None:
    itemised = {name: new(live.http) for name in "abc"} | {"nobody": f"n-{uuid.uuid4()}"}
    columnar = {name: new(live.http) for name in "abc"} | {"nobody": f"n-{uuid.uuid4()}"}
    with connect(live.stream()) as socket:
        called: dict[str, Any] = columnar
        if by_handle:
            ask(socket, {"handles": [*columnar.values()]}, packed)
            called = {name: at for at, name in enumerate(columnar)}
        for sent, chosen in frames:
            observations = [{**each, "session": itemised[each["session"]]} for each in sent]
            truth = ask(socket, {"observations": observations, **chosen}, packed)
            if packed and data.draw(st.booleans()):
                columns = as_raw(columns_of(sent, called))
            else:
                columns = columns_of(sent, called)
            answer = ask(socket, {**columns, **chosen}, packed)
            check(unfolded(answer, len(sent), live.service.edge.clock, packed), truth)
    for name in "abc":
        assert place(live, columnar[name]) == place(live, itemised[name])


def columns_of(sent: list[Fields], called: dict[str, Any]) -> Fields:
    columns = {"sessions": [called[each["session"]] for each in sent], "y": [each["y"] for each in sent]}
    for field, column in (("step", "steps"), ("ds", "ds")):
        if any(field in each for each in sent):
            columns[column] = [each.get(field) for each in sent]
    return columns


def as_raw(columns: Fields) -> Fields:
    """Those of them that can be, as raw numbers."""
    packed = dict(columns)
    for name, kind, none in (("sessions", "<u4", None), ("y", "<f8", np.nan), ("steps", "<i8", -1)):
        column = columns.get(name)
        allowed = (float, int) if name == "y" else (int,)
        if column is None or any(each is not None and type(each) not in allowed for each in column):
            continue
        if name == "steps" and any(each is not None and not 0 <= each < 2**63 for each in column):
            continue
        packed[name] = np.array([none if each is None else each for each in column], kind).tobytes()
    return packed


def unfolded(answer: Fields, count: int, clock: Clock, packed: bool) -> list[Fields]:
    """An answer by columns as items without sessions, starts and messages."""
    items: list[Fields] = [{"durable": answer["durable"]} for _ in range(count)]
    steps, ds, rows = answer["steps"], answer.get("ds"), answer.get("rows")
    if packed:
        times = np.frombuffer(answer["times"], "<i8")
        steps = np.frombuffer(steps, "<i8").tolist()
        ds = [None if step < 0 else clock.write(int(time)) for step, time in zip(steps, times, strict=True)]
        rows = None if rows is None else np.frombuffer(rows, "<u4").tolist()
    for item, step, time in zip(items, steps, ds, strict=True):
        item |= {"step": step, "ds": time}
    filled = answer.get("filled", [])
    for at, steps_before in enumerate(np.frombuffer(filled, "<i8").tolist() if packed and filled else filled):
        if steps_before:
            items[at]["filled"] = steps_before
    for at in answer.get("repeated", []):
        items[at]["repeated"] = True
    for at in answer.get("at_most_once", []):
        items[at]["delivery"] = "at-most-once"
    for refused in answer.get("errors", []):
        at = refused.pop("at")
        items[at] = {"error": {**refused.pop("error"), "message": ""}, **refused}
    if "forecast" in answer:
        rows = range(count) if rows is None else rows
        for at, forecast in zip(rows, forecasts(answer["forecast"], packed), strict=True):
            items[at]["forecast"] = forecast
    else:
        assert rows == [] or count == 0
    return items


def forecasts(sent: Fields, packed: bool) -> list[Fields]:
    if not packed:
        rows = len(sent.get("median") or next(iter(sent["quantiles"].values())))
        return [
            {
                "quantiles": {name: column[row] for name, column in sent["quantiles"].items()},
                **({"median": sent["median"][row]} if "median" in sent else {}),
            }
            for row in range(rows)
        ]
    shape = sent["shape"]
    origin = np.frombuffer(sent["origin"], "<f8")
    whole = origin[:, None, None] + np.frombuffer(sent["values"], "<f4").reshape(shape)
    shown: list[Fields] = [
        {"quantiles": {str(level): each[:, at].tolist() for at, level in enumerate(sent["levels"])}} for each in whole
    ]
    if "median" in sent:
        middle = origin[:, None] + np.frombuffer(sent["median"], "<f4").reshape(shape[:2])
        for forecast, median in zip(shown, middle.tolist(), strict=True):
            forecast["median"] = median
    return shown


def check(items: list[Fields], truth: list[Fields]) -> None:
    """Equal, forecasts within the float32 of a difference."""
    for item, wanted in zip(items, truth, strict=True):
        wanted = {name: value for name, value in wanted.items() if name != "session"}
        if "error" in wanted:
            wanted["error"]["message"] = ""
        shown, known = item.pop("forecast", None), wanted.pop("forecast", None)
        assert item == wanted
        assert (shown is None) == (known is None)
        if shown is None:
            continue
        assert list(shown["quantiles"]) == list(known["quantiles"])
        assert ("median" in shown) == ("0.5" not in known["quantiles"])
        origin = known["median"][0]
        for name, column in shown["quantiles"].items():
            near(column, known["quantiles"][name], origin)
        near(shown.get("median", known["median"]), known["median"], origin)


def near(found: list[float], truth: list[float], origin: float) -> None:
    bound = 1e-7 * np.abs(np.array(truth) - origin).max() + 1e-15 * abs(origin)
    np.testing.assert_allclose(found, truth, rtol=0, atol=bound)


def place(live: Any, name: str) -> Fields:
    body: Fields = live.http.get(f"/v1/sessions/{name}").json()
    forecast = live.http.get(f"/v1/sessions/{name}/forecast").json()
    return {"last_step": body["last_step"], "forecast": forecast.get("forecast")}
