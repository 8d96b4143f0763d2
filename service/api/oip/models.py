"""The models as this protocol lists them: NAME, whose sequences are sessions, and NAME.predict, for whole histories."""

from __future__ import annotations

from collections.abc import Sequence

from service.api.edge import Edge
from service.api.oip.contract import ANY, Contract, Field
from service.api.oip.tensors import BYTES, FP64, INT64
from service.deployments import Deployments
from service.frames import LONGEST_TTL
from service.inference_errors import UnknownModel

Document = dict[str, object]

PLATFORM = "gatecast"
AHEAD = ".future"  # behind a covariate's name: what is known of it ahead
TIME, BEGIN = "ds", "start"  # the time of a reading, of a history's first
QUANTILES, MEDIAN, STEP = "quantiles", "median", "step"
EXTENSIONS = (
    "sequence", "sequence(string_id)", "model_repository", "model_configuration", "binary_tensor_data", "parameters",
    "statistics",
)  # fmt: skip
_ALONE = "1"  # the version of a bundle that is of no directory of models
_MICRO = 1_000_000
_MANY = 2**31 - 1  # sequences at once: sessions are no slots


class Models:
    """Of the service's one bundle, by the name that it had at the start; a version that is promoted keeps that name."""

    def __init__(self, edge: Edge, deployments: Deployments) -> None:
        manifest = edge.bundle.manifest
        self._edge = edge
        self._deployments = deployments
        self.name = manifest.name
        settings = edge.settings
        streamed = Contract(self.name, _of_readings(edge), _of_a_step(), settings.readings_per_frame, True)
        whole = Contract(
            f"{self.name}.predict", _of_histories(edge), _of_a_forecast(), settings.series_per_request, False
        )
        self._contracts = {each.model: each for each in ([streamed, whole] if manifest.streams else [whole])}

    @property
    def names(self) -> list[str]:
        return list(self._contracts)

    @property
    def version(self) -> str:
        """That serves now."""
        return self._deployments.version or _ALONE

    def contract(self, model: str, version: str | None = None) -> Contract:
        """`UnknownModel` where there is no such model, or another version of it serves."""
        found = self._contracts.get(model)
        if found is None:
            raise UnknownModel(f"Request for unknown model: '{model}' is not found", models=self.names)
        if version and version != self.version:
            raise UnknownModel(
                f"Request for unknown model: '{model}' version {version} is not found", versions=[self.version]
            )
        return found

    def server(self, version: str) -> Document:
        """What the service is; `version`: its own."""
        return {"name": PLATFORM, "version": version, "extensions": list(EXTENSIONS)}

    def metadata(self, contract: Contract) -> Document:
        """Names, types and shapes of a model's tensors; -1 is any size, and the first dimension the batch."""
        return {
            "name": contract.model,
            "versions": [self.version],
            "platform": PLATFORM,
            "inputs": [_described(field) for field in contract.inputs if field.listed],
            "outputs": [_described(field) for field in contract.outputs],
        }

    def config(self, contract: Contract) -> Document:
        """As Triton's configurations are written; what is ours stands in its `parameters`."""
        manifest = self._edge.bundle.manifest
        told = {
            "frequency": manifest.frequency,
            "horizon": str(manifest.horizon),
            "quantiles": ",".join(map(str, manifest.quantiles)),
            "digest": self._edge.bundle.digest,
        }
        found: Document = {
            "name": contract.model,
            "platform": "",
            "backend": PLATFORM,
            "version_policy": {"latest": {"num_versions": 1}},
            "max_batch_size": contract.most,
            "input": [
                {"name": field.name, "data_type": field.kind, "dims": list(field.dims), "optional": field.optional}
                for field in contract.inputs
                if field.listed
            ],
            "output": [
                {"name": field.name, "data_type": field.kind, "dims": list(field.dims)} for field in contract.outputs
            ],
            "parameters": {name: {"string_value": value} for name, value in told.items()},
        }
        if contract.sequence:
            lives = self._edge.settings.session_ttl_seconds or LONGEST_TTL
            found["sequence_batching"] = {
                "max_sequence_idle_microseconds": lives * _MICRO,
                "oldest": {"max_candidate_sequences": _MANY},
            }
        return found


def _of_readings(edge: Edge) -> tuple[Field, ...]:
    """One reading; the series' own features come with the first."""
    static = [Field(name, FP64, (1,), optional=True) for name in edge.statics.names]
    return _distinct([*_columns(edge, 1), *static, Field(TIME, BYTES, (1,), optional=True, listed=False)])


def _of_histories(edge: Edge) -> tuple[Field, ...]:
    static = [Field(name, FP64, (1,)) for name in edge.statics.names]
    return _distinct([*_columns(edge, ANY), *static, Field(BEGIN, BYTES, (1,), optional=True, listed=False)])


def _columns(edge: Edge, steps: int) -> list[Field]:
    manifest = edge.bundle.manifest
    return [
        *(Field(name, FP64, (steps,)) for name in (manifest.target, *manifest.covariates)),
        *(Field(f"{name}{AHEAD}", FP64, (ANY,)) for name in manifest.future),
    ]


def _of_a_step() -> tuple[Field, ...]:
    return (*_of_any(), Field(STEP, INT64, (1,)), Field(TIME, BYTES, (1,)))


def _of_a_forecast() -> tuple[Field, ...]:
    return (*_of_any(), Field(BEGIN, BYTES, (1,)))


def _of_any() -> tuple[Field, Field]:
    return Field(QUANTILES, FP64, (ANY, ANY)), Field(MEDIAN, FP64, (ANY,))


def _distinct(fields: Sequence[Field]) -> tuple[Field, ...]:
    """Of two of one name the first: a column of the data wins over a time, which parameters carry too."""
    return tuple(
        {field.name: field for field in reversed(fields)}[name] for name in dict.fromkeys(f.name for f in fields)
    )


def _described(field: Field) -> Document:
    return {"name": field.name, "datatype": field.datatype, "shape": field.shape}
