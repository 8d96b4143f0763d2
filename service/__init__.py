"""The forecast service: engine, sessions, journal, runtimes and the edge. No torch outside `runtimes/torch_script.py`."""
