"""A flame graph of the running service under full frames: where its processor's time goes.

    python -m bench.flame [--out FILE] [--form json]

Samples all threads with py-spy while the generator keeps one connection full (256 readings a frame by columns, 8 frames
in flight); what waits without working is left out. Needs the right to look into another process of one's own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from html import escape
from pathlib import Path

from bench.curves import FOLDER
from bench.load.job import Job, Running
from bench.load.setting import FRAME, IN_FLIGHT, Setting, options, setting
from bench.machine import taken

SECONDS = 12.0
WARM_UP = 1.5
RATE = 250  # samples a second
TITLE = "Where a reading's time goes: 256 a frame by columns"


def record(setting: Setting, path: Path, form: str) -> float:
    """Writes the picture (SVG); returns the server's µs a reading meanwhile, the sampling's cost included."""
    sampler = shutil.which("py-spy")
    if sampler is None:
        raise SystemExit("py-spy was expected on the PATH: pip install py-spy")
    many = FRAME * IN_FLIGHT
    with setting.service({"s": many}) as server:
        job = Job(
            port=server.port, form=form, layout="columns", sessions=many, readings=FRAME, in_flight=IN_FLIGHT,
            seconds=SECONDS, warm_up=WARM_UP, watched=server.process,
        )  # fmt: skip
        running = Running(job)
        time.sleep(WARM_UP)
        subprocess.run(
            [sampler, "record", "--pid", str(server.process), "--duration", str(int(SECONDS - 2)), "--rate", str(RATE),
             "--output", str(path), "--format", "flamegraph"],
            check=True, capture_output=True,
        )  # fmt: skip
        micros = running.report().server_micros
    titled = re.sub(r'(<text id="title"[^>]*>)[^<]*', rf"\g<1>{TITLE}, {escape(taken())}", path.read_text(), count=1)
    path.write_text(titled)  # instead of the sampler's own command line
    return micros


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER / "flame.svg")
    parser.add_argument("--form", choices=("msgpack", "json"), default="msgpack")
    chosen = parser.parse_args()
    with setting(chosen) as made:
        micros = record(made, chosen.out, chosen.form)
    print(f"{chosen.out}: {micros:.2f} µs a reading while it was sampled")


if __name__ == "__main__":
    main()
