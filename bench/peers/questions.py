"""The same questions for every server: one client, 32 clients, full requests, and what is left after kill -9."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bench.load.job import Report, run
from bench.load.percentiles import Latencies
from bench.load.setting import FRAME
from bench.peers.expected import STEPS, Expected, equal
from bench.peers.peer import CLIENTS, MANY, SESSIONS, Peer
from bench.peers.process import Running
from bench.peers.speech import Speech

_WARM_UP = 0.5  # seconds
TRIES = 4  # of a server that crashes under the load
EVERYTHING = "everything"
STARTS_OVER = "nothing; goes on from a fresh state without a word"
NO_SESSIONS = "nothing to keep: each request brings 512 readings"


@dataclass(frozen=True)
class Found:
    """A row: one way to ask one server. Times in seconds, rates a second; None where it could not be asked."""

    title: str
    words: str
    form: str
    p50: float | None = None  # one client, one reading
    p99: float | None = None
    rate: float | None = None  # of 32 clients
    rate_p50: float | None = None
    generator: float | None = None  # the share of a core that the generator took meanwhile
    batched: float | None = None  # readings, 256 a request
    kept: str = "not tried"
    failed: str | None = None


def asked(peer: Peer, speech: Speech, bundle: Path, folder: Path, seconds: float, expected: Expected) -> Found:
    """A row; where a server crashes it is started again and asked again, and the row says so."""
    launch, crashes = peer.launch(bundle, folder), 0
    while True:
        try:
            with Running(launch) as server:
                row = _measured(peer, speech, server, seconds, expected)
                crashed = server.crashed
                server.kill()
            if crashed:
                crashes += 1
                row = replace(
                    row, failed=f"the server crashed {crashes} times; {row.failed or 'last of all at the end'}"
                )
            if crashed and crashes < TRIES:
                continue
            if row.failed is not None:
                return row
            with Running(launch) as server:
                kept = _kept(peer, speech, server, expected)
        except (RuntimeError, OSError) as failure:
            return Found(peer.title, speech.words, speech.form, failed=_short(failure))
        words = f"{row.words}; the server crashed {crashes} x before this" if crashes else row.words
        return replace(row, words=words, kept=kept)


def _measured(peer: Peer, speech: Speech, server: Running, seconds: float, expected: Expected) -> Found:
    numbers = len(expected.before)

    def found(question: str, connections: int = 1, readings: int = 1, rounds: int | None = None) -> Report:
        return run(
            speech.job(
                server.ports, readings, prefix=peer.prefix(speech, question), sessions=SESSIONS[question],
                connections=connections, rounds=rounds, numbers=numbers, seconds=seconds, warm_up=_WARM_UP,
            )
        )  # fmt: skip

    try:
        right = expected.replayed if speech.body == "windows" else expected.before
        if not equal(speech.forecast(found("kept", rounds=STEPS).answer, numbers), right):
            raise RuntimeError("it answers another forecast than the model's")
        one = found("one")
        clients = found("clients", CLIENTS)
        many = found("many", MANY, FRAME)
    except (RuntimeError, ValueError) as failure:
        return Found(peer.title, speech.words, speech.form, failed=_short(failure))
    alone, among = Latencies.of(one.seconds_each), Latencies.of(clients.seconds_each)
    return Found(
        peer.title, speech.words, speech.form, alone.p50, alone.p99, clients.readings_per_second, among.p50,
        clients.generator_cpu / clients.seconds, many.readings_per_second,
    )  # fmt: skip


def _kept(peer: Peer, speech: Speech, server: Running, expected: Expected) -> str:
    """What the next reading of a session is answered after all processes were killed and the server started again."""
    if speech.body == "windows":
        return NO_SESSIONS
    numbers = len(expected.before)
    job = speech.job(
        server.ports, prefix=peer.prefix(speech, "kept"), numbers=numbers, rounds=1, steps=[STEPS]
    )  # fmt: skip
    try:
        found = speech.forecast(run(job).answer, numbers)
    except RuntimeError as failure:
        return f"nothing; the next reading is refused: {_refusal(_short(failure))}"
    if equal(found, expected.kept):
        return EVERYTHING
    return STARTS_OVER if equal(found, expected.lost) else "another forecast than the model's, kept or lost"


def _refusal(words: str) -> str:
    """What the server itself has said, where it is known where that begins."""
    for before in ('"error":"', "the request was refused: "):
        words = words.partition(before)[2] or words
    return words.rstrip("}\"'").replace("\\'", "'")


def _short(failure: BaseException) -> str:
    """Its end in one line of a table: of a traceback the message, of a server's last words as much as is of use."""
    words = str(failure).strip()
    if "Traceback (most recent call last)" in words:
        words = words.splitlines()[-1]
    return " ".join(words.replace("|", "/").split())[-300:] or type(failure).__name__
