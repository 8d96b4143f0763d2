"""Forecast quality beside published tables and beside other libraries on the same windows; one file a protocol."""

import os

SPIN = "1000"  # turns that a thread of OpenMP waits actively for the others before it sleeps

# By default they wait so for milliseconds, and two of them then take ten times as long where anything else wants their
# cores; threads that sleep at once take longer than one alone. It is read when torch is loaded: so before that.
os.environ.setdefault("GOMP_SPINCOUNT", SPIN)
