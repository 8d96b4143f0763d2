"""Which bundle a service begins with: the one it was given, or what its directory of models says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from service.bundle import MANIFEST, Bundle
from service.settings import Settings
from service.versions import Versions


@dataclass(frozen=True)
class Chosen:
    """A bundle, and where it has successors; `version` is None for one that is not of the directory.

    `instead_of` is the bundle that was named at the start, where another one was promoted since.
    """

    bundle: Bundle
    versions: Versions | None = None
    version: str | None = None
    instead_of: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Chosen:
        """`BundleError`, `UnknownVersion`, `UnsafeVersion`, `BrokenVersion`."""
        given, models = settings.bundle, settings.models
        if models is None and given is not None and _holds_versions(given):
            given, models = None, given
        if models is None:
            assert given is not None  # the settings see to it
            return cls(Bundle.open(given))
        versions = Versions(models, settings.trust_models)
        version = versions.current()
        if version is None and given is not None:
            if given.resolve().parent != versions.path:
                return cls(Bundle.open(given), versions)
            version = given.name
        version = version or versions.first()
        other = given is not None and given.resolve() != versions.path / version
        return cls(versions.open(version, settings.runtime), versions, version, str(given) if other else None)


def _holds_versions(path: Path) -> bool:
    """Whether it is no bundle, but has some."""
    if (path / MANIFEST).exists() or not path.is_dir():
        return False
    return any((each / MANIFEST).is_file() for each in path.iterdir())
