"""Forecast quality beside published tables and beside other libraries on the same windows; one file a protocol."""

import os

# Threads that wait for each other actively take ten times as long where anything else wants a core. It is read when
# torch is loaded, so it has to stand before that.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
