"""One streamed reading against a stateless endpoint that replays 512 of them, both through the same service.

    python -m bench.replay

The stateless endpoint is our own POST /v1/predict with the last 512 readings; alone, one client waits for each answer;
together, 256 series go in one request, and 256 readings in one frame.
"""

from __future__ import annotations

import statistics
import time

from bench.load.job import Job, run
from bench.load.percentiles import Latencies
from bench.load.predict import Poster
from bench.load.row import Row, met
from bench.load.setting import FRAME, IN_FLIGHT, Setting, command, full_frames

REPLAYED = 512
GOAL = 20.0


def measure(setting: Setting) -> list[Row]:
    with setting.service({"one": 1}, "process") as server:
        unsynced = Latencies.of(run(Job(port=server.port, prefix="one", seconds=setting.seconds)).seconds_each)
    with setting.service({"one": 1, "many": FRAME * IN_FLIGHT}) as server:
        streamed = Latencies.of(run(Job(port=server.port, prefix="one", seconds=setting.seconds)).seconds_each)
        alone = Latencies.of(posted(Poster(server.port, REPLAYED), setting.seconds))
        frames = full_frames(server, "msgpack", "many", setting.seconds)
        together = statistics.median(posted(Poster(server.port, REPLAYED, FRAME), setting.seconds)) / FRAME
    by_client, by_rate = alone.p50 / streamed.p50, together * frames.readings_per_second
    return [
        Row(
            "replay",
            "one streamed reading against a stateless replay of 512 over the network: alone / 256 together",
            "≥ 20 x",
            f"{by_client:.1f} x / {by_rate:.0f} x",
            met([by_client, by_rate], [GOAL] * 2),
        ),
        Row(
            "replay",
            "… alone, p50 (journal `process`: no wait for the disk); together, readings/s",
            "–",
            f"{streamed.p50 * 1e3:.2f} ({unsynced.p50 * 1e3:.2f}) against {alone.p50 * 1e3:.2f} ms; "
            f"{frames.readings_per_second:,.0f} against {1 / together:,.0f}",
        ),
    ]


def posted(poster: Poster, seconds: float) -> list[float]:
    """Seconds of each request, one after the other; the first one does not count."""
    poster.post()
    until, found = time.perf_counter() + seconds, []
    while time.perf_counter() < until or len(found) < 2:
        found.append(poster.post())
    return found


if __name__ == "__main__":
    command(__doc__, measure)
