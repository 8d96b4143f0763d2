"""The environment of a peer: a virtual one of its own with exactly the versions of its requirements file."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = "GATECAST_PEERS"  # the variable that names where environments are made
HERE = Path(__file__).parent
_DEFAULT = HERE.parents[1] / ".peers"
_INSTALL_SECONDS = 1_200


class InstallError(Exception):
    """What pip said last, or that it took too long."""


@dataclass(frozen=True)
class Environment:
    """That of one peer, by the name of its folder here."""

    name: str

    @property
    def requirements(self) -> Path:
        return HERE / self.name / "requirements.txt"

    @property
    def folder(self) -> Path:
        return Path(os.environ.get(FOLDER, _DEFAULT)).absolute() / self.name

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        return self.folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    @property
    def digest(self) -> str:
        """Of what is to be installed, and for which Python."""
        return hashlib.sha256(self.requirements.read_bytes() + sys.version.encode()).hexdigest()

    @property
    def installed(self) -> bool:
        return self._seal.is_file() and self._seal.read_text(encoding="utf-8") == self.digest

    @property
    def _seal(self) -> Path:
        return self.folder / "installed"

    def version(self, package: str) -> str:
        """The pinned one; `ValueError` where it is not pinned."""
        for line in self.requirements.read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{package}=="):
                return line.removeprefix(f"{package}==")
        raise ValueError(f"{self.requirements} was expected to pin {package}")

    def install(self) -> None:
        """Makes it anew unless it is there as required; `InstallError` where pip fails."""
        if self.installed:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in ([sys.executable, "-m", "venv", str(self.folder)], [*pip, "-r", str(self.requirements)]):
            try:
                said = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
            except subprocess.TimeoutExpired:
                raise InstallError(f"{command[0]} did not end within {_INSTALL_SECONDS} s") from None
            if said.returncode != 0:
                raise InstallError((said.stderr.strip() or said.stdout.strip() or "no word")[-500:])
        self._seal.write_text(self.digest, encoding="utf-8")
