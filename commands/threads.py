"""How the threads of a training wait for each other, on a machine that does other things too."""

from __future__ import annotations

import os

SPIN = "1000"  # turns that a thread of OpenMP waits actively for the others before it sleeps
CHOSEN = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")  # by which whoever starts us says how they wait


def sleep_soon() -> None:
    """To be called before torch is loaded, which reads it then. Whatever was set stays.

    By default threads wait actively for milliseconds; where anything else wants their cores, two of them then take many
    times as long as one. Threads that sleep at once take longer than one alone too.
    """
    if not any(name in os.environ for name in CHOSEN):
        os.environ["GOMP_SPINCOUNT"] = SPIN
