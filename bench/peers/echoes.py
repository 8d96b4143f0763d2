"""What the generator itself can do: against servers that answer with the same bytes and do nothing."""

from __future__ import annotations

from bench.load.job import Report, run
from bench.load.setting import FRAME, Setting
from bench.peers.held import Held, Reading, encode
from bench.peers.peer import CLIENTS, MANY
from bench.peers.speech import Speech

SPEECHES = (Speech("websocket"), Speech("HTTP", "http"))


def measure(setting: Setting) -> str:
    """A sentence for the page."""
    held = Held(setting.bundle)
    parts = []
    for speech in SPEECHES:
        found: list[Report] = []
        for readings, connections in ((1, CLIENTS), (FRAME, MANY)):
            sent = [Reading(f"s{at}", 0, 100.0) for at in range(readings)]
            answer = encode(held.told(sent if readings > 1 else sent[0]))
            with setting.echo(answer, "json") as nothing:
                many = connections * readings
                job = speech.job(
                    {"port": nothing.port},
                    readings,
                    sessions=many,
                    connections=connections,
                    seconds=setting.seconds / 2,
                    warm_up=0.3,
                    checked=False,
                )
                found.append(run(job))
        alone, full = found
        parts.append(
            f"{speech.words} {alone.frames_per_second:,.0f} readings one by one over {CLIENTS} connections, "
            f"{full.readings_per_second:,.0f} with {FRAME} a request"
        )
    return f"An echo of the same bytes under the same generator, readings/s: {'; '.join(parts)}."
