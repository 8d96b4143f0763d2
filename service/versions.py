"""A directory of models: one bundle a version, and which of them serves, so that a restart serves what was promoted."""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path

from service.bundle import MANIFEST, Bundle
from service.errors import BundleError
from service.faults import faults_as
from service.refusals import BrokenVersion, NotRecorded, UnknownVersion, UnsafeVersion

CURRENT = "current.json"
TORCHSCRIPT_RUNTIME = "torchscript"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}", re.ASCII)


class Versions:
    """The bundles DIR/VERSION. They are data: checked against their digests, and never read from outside DIR.

    TorchScript is code, so it is run only where the directory is `trusted`.
    """

    def __init__(self, path: Path, trusted: bool = False) -> None:
        if not path.is_dir():
            raise BundleError(f"{path} is not a directory of models; make it, and export bundles to {path}/VERSION")
        self.path = path.resolve()
        self._trusted = trusted

    def names(self) -> list[str]:
        """All versions, in the order of their names."""
        with faults_as(BrokenVersion, "the directory of models cannot be read"):
            found = [each for each in self.path.iterdir() if _NAME.fullmatch(each.name)]
        return sorted(each.name for each in found if os.path.isfile(each / MANIFEST))  # noqa: PTH113 (it never raises)

    def open(self, version: str, runtime: str) -> Bundle:
        """The bundle, whole and as it was exported; `UnknownVersion`, `UnsafeVersion`, `BrokenVersion`."""
        if not _NAME.fullmatch(version) or not (self.path / version).is_dir():
            there = ", ".join(self.names()) or "none"
            raise UnknownVersion(f"there is no version {version!r} in the directory of models, which has {there}")
        if runtime == TORCHSCRIPT_RUNTIME and not self._trusted:
            raise UnsafeVersion(
                "TorchScript is code, and the directory of models is not trusted: serve it with --runtime auto or "
                "onnx, or set GATECAST_TRUST_MODELS=true where nobody else can write to it"
            )
        folder = self.path / version
        with faults_as(BrokenVersion, f"the bundle of version {version!r} cannot be read"):
            whole = [(each, each.resolve()) for each in (folder, *folder.rglob("*"))]
        for each, place in whole:
            if not place.is_relative_to(self.path):
                raise UnsafeVersion(
                    f"version {version!r} leads out of the directory of models at {each.name!r}: copy it"
                )
        try:
            with faults_as(BrokenVersion, f"the bundle of version {version!r} cannot be read"):
                return Bundle.open(folder)
        except BundleError as error:
            raise BrokenVersion(error.message) from error

    def current(self) -> str | None:
        """The version that was promoted last; None as long as none was. `BundleError` if that cannot be told."""
        place = self.path / CURRENT
        try:
            version = json.loads(place.read_text(encoding="utf-8"))["version"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise BundleError(
                f'{place} does not say which version serves: write {{"version": NAME}} into it, or remove it'
            ) from fault
        return str(version)

    def first(self) -> str:
        """The version to serve where none was promoted: the only one; `BundleError` where there is a choice."""
        names = self.names()
        if len(names) != 1:
            raise BundleError(
                f"{self.path} has {len(names)} versions ({', '.join(names) or 'none'}) and none was promoted yet: "
                f"serve one of them with gatecast serve {self.path}/VERSION --models {self.path}"
            )
        return names[0]

    def record(self, version: str | None) -> None:
        """Serves this version after a restart, whatever happens from now on; None: none. `NotRecorded`."""
        place = self.path / CURRENT
        with faults_as(NotRecorded, f"{place} could not be written; nothing was changed"):
            if version is None:
                place.unlink(missing_ok=True)
            else:
                # Of several workers each writes its own: they are often deployed to at the same time.
                written = place.with_name(f".{CURRENT}.{secrets.token_hex(4)}")
                try:
                    with written.open("x", encoding="utf-8") as file:
                        json.dump({"version": version}, file)
                        file.flush()
                        os.fsync(file.fileno())
                    written.replace(place)
                except BaseException:
                    written.unlink(missing_ok=True)
                    raise
            directory = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
