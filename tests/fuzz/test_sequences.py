"""Whatever clients do to sessions, in whatever order and form: the service stands where a list of readings would."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from websockets.sync.client import connect

from service.portable import MEDIA_TYPE
from tests.api.conftest import Behind, behind
from tests.fuzz.examples import examples
from tests.fuzz.frames import when
from tests.fuzz.plain import Plain, Sent, Told, Value, World
from tests.fuzz.wording import beginning, by_columns, by_items, columns, item, packed_columns

NEIGHBOUR = [3.0, None, 5.0]
BEGIN = 48  # the hour at which sessions start, or a little after
NUMBERS = count()
KINDS = {
    "next", "repeated", "filled", "duplicate", "conflict", "gap", "time_required", "step_mismatch", "off_grid",
    "unknown_session",
}  # fmt: skip

names = st.sampled_from(["a", "b", "c"])
values = st.none() | st.sampled_from([0.0, 1.0, 2.5, -7.25, 100.0])
histories = st.lists(values, min_size=1, max_size=4)
hours = st.integers(BEGIN, BEGIN + 2)


@st.composite
def readings(draw: st.DrawFn) -> tuple[str, Value, str, int]:
    """Of which session, its value, how it is placed, and where: from the session's next step on."""
    return draw(names), draw(values), draw(st.sampled_from(["step", "ds", "both", "at odds", "neither"])), draw(offsets)


offsets = st.just(0) | st.just(0) | st.integers(-4, 5)


class Sequences(RuleBasedStateMachine):
    """Every rule does one thing to the service and the same to the model, and compares what both say."""

    running: Behind  # set by the test
    seen: Counter[str]  # what became of readings, over all runs

    def __init__(self) -> None:
        super().__init__()
        self.prefix = f"{next(NUMBERS):06}-"
        self.world = World()
        self.connection = ExitStack()
        self.handles: dict[str, int] = {}
        self.reconnect()
        self.ask("PUT", "neighbour", {"history": {"start": when(0), "y": NEIGHBOUR}}, 201)
        self.neighbour = self.ask("GET", "neighbour", None, 200)

    @initialize(start=hours, history=histories)
    def begin(self, start: int, history: list[Value]) -> None:
        self.create("a", start, history, "history")
        self.create("b", start, [], "nothing")

    def teardown(self) -> None:
        self.connection.close()

    def ask(self, method: str, path: str, body: Any, *statuses: int) -> Any:
        answer = self.running.http.request(method, f"/v1/sessions/{self.prefix}{path}", json=body)
        assert answer.status_code in statuses, (method, path, body, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    @rule(name=names, start=hours, history=histories, kind=st.sampled_from(["history", "start", "nothing"]))
    def create(self, name: str, start: int, history: list[Value], kind: str) -> None:
        if name in self.world.sessions:
            return
        self.ask("PUT", name, beginning(start, history, kind), 201)
        self.world.begin(name, Plain(None if kind == "nothing" else start, history if kind == "history" else []))

    @rule(name=names, start=hours, history=histories, kind=st.sampled_from(["history", "start", "nothing"]))
    def replace(self, name: str, start: int, history: list[Value], kind: str) -> None:
        self.ask("PUT", f"{name}?replace=true", beginning(start, history, kind), 201)
        old = self.world.sessions.get(name)
        fresh = Plain(None if kind == "nothing" else start, list(history) if kind == "history" else [])
        fresh.revision = 1 if old is None else old.revision + 1
        self.world.begin(name, fresh)

    @rule(
        drawn=st.lists(readings(), min_size=1, max_size=5),
        form=st.sampled_from(["item", "list", "options", "columns", "raw"]),
        packed=st.booleans(),
        gaps=st.booleans(),
    )
    def stream(self, drawn: list[tuple[str, Value, str, int]], form: str, packed: bool, gaps: bool) -> None:
        frame = self.placed(drawn[:1] if form == "item" else drawn)
        fill = gaps and form not in ("item", "list")
        document = self.framed(frame, form, fill)
        packed |= form == "raw"
        self.socket.send(msgspec.msgpack.encode(document) if packed else json.dumps(document))
        data = self.socket.recv(timeout=20)
        answer = msgspec.msgpack.decode(data) if packed else json.loads(data)
        expected = self.taken(frame, fill)
        told = by_columns(answer, len(frame)) if form in ("columns", "raw") else by_items(answer)
        assert told == expected, (document, answer)

    @rule(name=names, drawn=st.lists(readings(), min_size=1, max_size=4), several=st.booleans(), gaps=st.booleans())
    def observe(self, name: str, drawn: list[tuple[str, Value, str, int]], several: bool, gaps: bool) -> None:
        frame = self.placed([(name, *rest) for _, *rest in (drawn if several else drawn[:1])])  # type: ignore[misc]
        body = [{key: value for key, value in item(sent, "").items() if key != "session"} for sent in frame]
        path = f"{name}/observations?gaps={'missing' if gaps else 'error'}"
        answer = self.ask("POST", path, body if several else body[0], 200, 404, 409, 422)
        expected = self.taken(frame, gaps)
        if several or "code" not in answer:
            assert by_items(answer) == expected, (body, answer)
        else:
            assert answer["code"] == expected[0].code, (body, answer)

    @rule(name=names, y=values, back=st.integers(0, 4))
    def correct(self, name: str, y: Value, back: int) -> None:
        session = self.world.sessions.get(name)
        if session is None or session.start is None:
            return
        at = max(0, session.last + 1 - back)
        body = {"readings": [{"step": at, "y": y}], "gaps": "missing"}
        answer = self.ask("POST", f"{name}/corrections", body, 200)
        added = at == len(session.readings)
        changed = not added and session.readings[at] != y
        assert (answer["changed"], answer["added"], answer["filled"]) == (int(changed), int(added), 0)
        session.readings[at : at + 1] = [y]
        session.revision += added or changed

    @rule(name=names, back=st.integers(0, 4))
    def rewind(self, name: str, back: int) -> None:
        session = self.world.sessions.get(name)
        if session is None:
            return
        step = max(-1, session.last - back)
        answer = self.ask("POST", f"{name}/rewind", {"step": step}, 200)
        assert answer["changed"] == session.last - step
        session.revision += step < session.last
        self.world.cut(name, step)

    @rule(name=names, other=names, back=st.integers(0, 3), whole=st.booleans())
    def fork(self, name: str, other: str, back: int, whole: bool) -> None:
        session = self.world.sessions.get(name)
        if session is None or other in self.world.sessions:
            return
        step = None if whole else session.last - back
        if step is not None and step < 0:
            return
        self.ask("POST", f"{name}/fork", {"session": self.prefix + other, "step": step}, 201)
        self.world.begin(other, session.copy(step, name))

    @rule(name=names, other=names)
    def carry(self, name: str, other: str) -> None:
        """Exported and imported under another name, or its own."""
        session = self.world.sessions.get(name)
        if session is None or not session.readings:
            return
        base = f"/v1/sessions/{self.prefix}"
        data = self.running.http.get(f"{base}{name}/export").content
        put = self.running.http.put(
            f"{base}{other}/import?replace=true", content=data, headers={"content-type": MEDIA_TYPE}
        )
        assert put.status_code == 201, put.text
        old = self.world.sessions.get(other)
        revision = 1 if old is None else old.revision + 1
        self.world.begin(other, Plain(session.start, list(session.readings), revision))

    @rule(name=names, how=st.sampled_from(["delete", "erase"]))
    def end(self, name: str, how: str) -> None:
        there = name in self.world.sessions
        if how == "delete":
            self.ask("DELETE", name, None, 204 if there else 404)
            self.world.end(name)
            return
        answer = self.ask("POST", f"{name}/erasure", None, 200 if there else 404)
        if there:
            family = set(self.world.family(name))
            assert set(answer["erased"]) == {self.prefix + each for each in family}
            for each in family:
                self.world.end(each)

    @rule()
    def reconnect(self) -> None:
        self.connection.close()
        self.socket = self.connection.enter_context(connect(self.running.stream("?quantiles=0.1")))
        self.handles = {}

    @rule(wanted=st.lists(names, min_size=1, max_size=3))
    def name_handles(self, wanted: list[str]) -> None:
        self.socket.send(json.dumps({"handles": [self.prefix + name for name in wanted]}))
        first = json.loads(self.socket.recv(timeout=20))["handles"]["first"]
        self.handles |= {name: first + at for at, name in enumerate(wanted)}

    @precondition(lambda self: any(each.readings for each in self.world.sessions.values()))
    @rule(chosen=st.integers(0, 2))
    def forecast(self, chosen: int) -> None:
        """It is that of a fresh history of the same readings."""
        begun = [(name, each) for name, each in sorted(self.world.sessions.items()) if each.readings]
        name, session = begun[chosen % len(begun)]
        assert session.start is not None
        now = self.ask("GET", f"{name}/forecast", None, 200)
        series = {"unique_id": "x", "start": when(session.start), "y": session.readings}
        fresh = self.running.http.post("/v1/predict", json={"series": [series]}).json()["series"][0]
        assert now["forecast"]["ds"] == fresh["ds"]
        assert all(
            math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-5)
            for a, b in zip(now["forecast"]["median"], fresh["median"], strict=True)
        )

    @invariant()
    def stands_where_the_model_stands(self) -> None:
        """All sessions of this run, by listing; and the neighbour is as it was."""
        listed = self.running.http.get(f"/v1/sessions?prefix={self.prefix}").json()["sessions"]
        seen = {each["session"].removeprefix(self.prefix): each for each in listed}
        assert set(seen) == {*self.world.sessions, "neighbour"}
        for name, session in self.world.sessions.items():
            view = seen[name]
            assert view["next_step"] == len(session.readings), (name, view)
            assert view["revision"] == session.revision, (name, view)
            assert view["start"] == (None if session.start is None else when(session.start)), (name, view)
            parent = None if session.parent is None else self.prefix + session.parent
            assert view.get("parent") == parent, (name, view)
        neighbour = seen["neighbour"]
        assert {key: neighbour[key] for key in self.neighbour} == self.neighbour

    def taken(self, frame: list[Sent], fill: bool) -> list[Told]:
        told = self.world.take(frame, fill)
        self.seen.update(each.kind for each in told)
        return told

    def placed(self, drawn: list[tuple[str, Value, str, int]]) -> list[Sent]:
        """Readings as sent, each placed relative to where its session stands; repeats carry what is recorded, often."""
        frame = []
        ahead: dict[str, int] = {}
        for name, y, by, offset in drawn:
            session = self.world.sessions.get(name, Plain(None, []))
            step = len(session.readings) + ahead.get(name, 0) + offset
            ahead[name] = ahead.get(name, 0) + 1
            hour = BEGIN if session.start is None else session.start
            hour += step + (by == "at odds")
            step = max(0, step)  # a time may be before the start, a step is none then
            if step < len(session.readings) and y is not None and y > 0:
                y = session.readings[step]
            numbered, timed = by in ("step", "both", "at odds"), by in ("ds", "both", "at odds")
            frame.append(Sent(name, y, step if numbered else None, hour if timed else None))
        return frame

    def framed(self, frame: list[Sent], form: str, fill: bool) -> Any:
        items = [item(sent, self.prefix) for sent in frame]
        if form == "item":
            return items[0]
        if form == "list":
            return items
        gaps = {"gaps": "missing"} if fill else {}
        if form == "options":
            return {"observations": items, "horizon": 2, **gaps}
        if form == "raw":
            for missing in sorted({sent.session for sent in frame} - set(self.handles)):
                self.name_handles_of(missing)
            return {**packed_columns(frame, self.handles), **gaps}
        return {**columns(frame, self.handles, self.prefix), **gaps}

    def name_handles_of(self, name: str) -> None:
        self.socket.send(msgspec.msgpack.encode({"handles": [self.prefix + name]}))
        self.handles[name] = msgspec.msgpack.decode(self.socket.recv(timeout=20))["handles"]["first"]


@pytest.fixture(scope="module")
def running() -> Iterator[Behind]:
    with behind() as service:
        yield service
        assert '"fault"' not in service.log.getvalue()
        assert '"library"' not in service.log.getvalue()


def test_sessions_stand_where_lists_of_readings_would(running: Behind) -> None:
    seen: Counter[str] = Counter()
    machine = type("OfThisService", (Sequences,), {"running": running, "seen": seen})
    run_state_machine_as_test(machine, settings=settings(examples(40), stateful_step_count=15, phases=[Phase.generate]))
    assert set(seen) == KINDS, seen  # else the sequences would prove little
