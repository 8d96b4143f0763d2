"""The repository of models as this protocol knows it: our versions, one of which serves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from service.api.oip.models import Models
from service.deployments import Deployments
from service.inference_errors import InvalidInference, ModelStays, UnknownModel

Entry = dict[str, str]


class Repository:
    """Loading is deploying (`service/deployments.py`); nothing is unloaded, since a service is its model."""

    def __init__(self, models: Models, deployments: Deployments) -> None:
        self._models = models
        self._deployments = deployments

    def index(self, ready: bool) -> list[Entry]:
        """All versions of each model; with `ready` those that serve."""
        candidate, state = self._deployments.candidate, self._deployments.state
        found: list[Entry] = []
        for model in self._models.names:
            found.append({"name": model, "version": self._models.version, "state": "READY"})
            for version in [] if ready else self._deployments.names:
                entry = {"name": model, "version": version, "state": "UNAVAILABLE", "reason": "unloaded"}
                if version == self._models.version:
                    continue
                if candidate is not None and candidate.version == version and state != "failed":
                    entry = {"name": model, "version": version, "state": "LOADING"}
                found.append(entry)
        return found

    async def load(self, model: str, parameters: Mapping[str, Any]) -> None:
        """Returns once the version serves that the parameters ask for, the newest unless they do.

        `UnknownModel`, `InvalidInference`, and what a deployment may end in.
        """
        if model not in self._models.names:
            raise UnknownModel(f"failed to load '{model}', failed to poll from model repository")
        asked = _version(parameters)
        version = asked or max(self._deployments.names, default=self._models.version)
        if version == self._models.version:
            return
        await self._deployments.deploy(version, shadow=False)
        await self._deployments.arrived()

    def unload(self, model: str) -> None:
        """`UnknownModel`, else `ModelStays`."""
        if model not in self._models.names:
            raise UnknownModel(f"failed to unload '{model}', it is none of this service's models")
        raise ModelStays(
            f"failed to unload '{model}': a service is its model, and ends with it. Load another version in its place, "
            "or end the service"
        )


def _version(parameters: Mapping[str, Any]) -> str | None:
    """The one that is asked for in a configuration: {"version_policy": {"specific": {"versions": ["2"]}}}."""
    for name in parameters:
        if name not in ("config", "unload_dependents"):
            raise InvalidInference(f"{name[:100]!r} cannot be loaded: bundles come from the directory of models alone")
    if "config" not in parameters:
        return None
    try:
        policy = json.loads(parameters["config"]).get("version_policy", {"latest": {}})
        versions = policy["specific"]["versions"] if "specific" in policy else [None]
        (version,) = versions
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as wrong:
        raise InvalidInference(
            'config: JSON was expected that asks for one version, {"version_policy": {"specific": {"versions": '
            '["NAME"]}}}, or for the latest'
        ) from wrong
    return None if version is None else str(version)
