"""The forecast service: engine, sessions, journal, runtimes and the edge. Torch only in runtimes/torch_script.py."""
