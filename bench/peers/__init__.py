"""Gatecast beside other servers and libraries, each in an environment of its own: same model, load and machine."""
