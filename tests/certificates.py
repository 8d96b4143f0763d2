"""Certificates that sign themselves, made by the openssl of this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path


def self_signed(folder: Path, name: str = "own", *options: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, good for 30 days, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    named = ["-subj", "/CN=gatecast", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "30"]
    written = ["-keyout", str(key), "-out", str(certificate), *(options or ("-nodes",))]
    subprocess.run([*command, *named, *written], check=True, capture_output=True, timeout=30)
    return certificate, key
