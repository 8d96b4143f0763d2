"""One hostile client: malformed frames by the dozen, connections that break all rules, and requests that are none."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from tests.fuzz.connection import Closed, Connection, reply
from tests.fuzz.frames import HANDLES, Frames
from tests.fuzz.requests import GARBLERS
from tests.fuzz.spoiled import BINARY, SPOILERS, TEXT
from tests.fuzz.wires import BREAKERS, LEFT, frame

TOGETHER, BYTES = 50, 1 << 17  # frames that are on their way at once, and bytes
BREACHES, REQUESTS = 0.02, 0.02  # of all that is sent: what breaks the websocket's rules, and requests
SHOWN = 300  # bytes of what is found
CODE = re.compile(rb'"code": ?"([a-z_]+)"|\xa4code(?:[\xa0-\xbf]|\xd9.)([a-z_]+)', re.DOTALL)
FAULTS = frozenset({"internal", "model_failed", "non_finite_forecast", "journal", "state_lost", "draining"})


@dataclass
class Seen:
    """What one attacker, or all of them, sent and were answered."""

    frames: Counter[str] = field(default_factory=Counter)  # by kind; each was answered, and none ended its connection
    codes: Counter[str] = field(default_factory=Counter)  # by error code; "none": the frame was a good one after all
    breaches: Counter[str] = field(default_factory=Counter)  # by kind
    closes: Counter[str] = field(default_factory=Counter)  # by close code
    requests: Counter[str] = field(default_factory=Counter)  # by kind
    statuses: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0  # seconds until so many frames, sent together, were answered
    found: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.frames.total() + self.breaches.total()

    def add(self, other: Seen) -> None:
        for name in ("frames", "codes", "breaches", "closes", "requests", "statuses"):
            getattr(self, name).update(getattr(other, name))
        self.slowest = max(self.slowest, other.slowest)
        self.found += other.found


class Attacker(threading.Thread):
    """Sends so many malformed frames, and requests beside them; what it finds is told, and it goes on."""

    def __init__(self, port: int, number: int, sessions: list[str], frames: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._frames = frames
        self._sessions = sessions
        self._chance = random.Random(f"{seed} {number}")
        self._good = Frames.of(sessions, self._chance)
        self._connection: Connection | None = None
        self._spoilers = list(SPOILERS.items())
        self.seen = Seen()
        self.stopped = threading.Event()

    def run(self) -> None:
        turn = self._breach, self._ask, self._flood
        share = BREACHES * TOGETHER, REQUESTS * TOGETHER, 1.0
        while self.seen.total < self._frames and not self.stopped.is_set() and len(self.seen.found) < 10:
            try:
                self._chance.choices(turn, share)[0]()
            except (OSError, AssertionError) as fault:
                self._find("the service did not answer", repr(fault).encode())
                self._connection = None
        if self._connection is not None:
            self._connection.leave(abruptly=False)

    def _flood(self) -> None:
        """Frames whose content is malformed: each gets its answer, in order, and the connection stays."""
        connection = self._connection = self._connection or self._opened()
        sent: list[tuple[str, bytes]] = []
        size = 0
        for _ in range(min(TOGETHER, self._frames - self.seen.total)):
            kind, spoil = self._chance.choice(self._spoilers)
            opcode, payload = spoil(self._chance, self._good)
            sent.append((kind, frame(opcode, payload)))
            size += len(payload)
            if size > BYTES:
                break
        began = time.perf_counter()
        connection.send(b"".join(data for _, data in sent))
        for kind, data in sent:
            try:
                answer = connection.answer()
            except Closed as closed:
                self._find(f"a frame ({kind}) ended its connection with {closed.code}", data)
                self._connection = None
                return
            self.seen.frames[kind] += 1
            self._judge(kind, data, answer)
        self.seen.slowest = max(self.seen.slowest, time.perf_counter() - began)
        if self._chance.random() < 0.02:
            connection.leave(abruptly=self._chance.random() < 0.5)
            self._connection = None

    def _judge(self, kind: str, data: bytes, answer: bytes) -> None:
        codes = {(text or packed).decode() for text, packed in CODE.findall(answer)}
        self.seen.codes.update(codes or {"none"})
        if codes & FAULTS:
            self._find(f"a frame ({kind}) was answered with {sorted(codes)}", data)

    def _breach(self) -> None:
        """A frame that breaks the websocket's rules, behind good ones whose answers are on their way."""
        kinds = {**BREAKERS, **LEFT}
        kind = self._chance.choice(list(kinds))
        connection = self._opened()
        good = b"".join(
            frame(BINARY, self._chance.choice(self._good.packed)) for _ in range(self._chance.choice((0, 1, 8)))
        )
        data = kinds[kind](self._chance)
        with suppress(ConnectionError):  # it is refused before all of it is sent
            if self._chance.random() < 0.5:
                connection.send(good)
                connection.send(data)
            else:
                connection.send(good + data)
        self.seen.breaches[kind] += 1
        if kind in BREAKERS:
            self.seen.closes[str(connection.farewell().code)] += 1
        connection.leave(abruptly=self._chance.random() < 0.5)

    def _ask(self) -> None:
        kind = self._chance.choice(list(GARBLERS))
        sent = GARBLERS[kind](self._chance, self._good, self._chance.choice(self._sessions))
        said = reply(self._port, sent.data, sent.whole)
        self.seen.requests[kind] += 1
        status = said[9:12].decode("latin-1") if said.startswith(b"HTTP/1.1 ") else "no answer"
        self.seen.statuses[status] += 1
        if status.startswith("5") or (sent.whole and status == "no answer"):
            self._find(f"a request ({kind}) was answered with {status}", sent.data)

    def _opened(self) -> Connection:
        connection = Connection(self._port)
        names = ", ".join(f'"{name}"' for name in self._sessions[:HANDLES])
        connection.send(frame(TEXT, f'{{"handles": [{names}]}}'.encode()))
        assert b'"count"' in connection.answer()
        return connection

    def _find(self, what: str, data: bytes) -> None:
        self.seen.found.append(f"{what}: {data[:SHOWN]!r}{'…' if len(data) > SHOWN else ''}")
