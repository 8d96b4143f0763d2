"""From a trained forecaster to a bundle: graphs, golden answers and manifest, written whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from export.description import Description
from export.golden import Stretch, golden_answers
from export.graphs import sequence_inputs, step_inputs
from export.onnx import write_onnx
from export.step_weights import write_step_weights
from export.torchscript import write_torchscript
from models.forecaster import Forecaster, Slice
from service.bundle import (
    GOLDEN,
    MANIFEST,
    STEP_WEIGHTS,
    Bundle,
    Graph,
    Manifest,
    StateLayout,
    StateSlice,
    Tensor,
    digest_of,
    encode_row,
    files_of,
    write_manifest,
)


def write_bundle(model: Forecaster, description: Description, stretches: Sequence[Stretch], out: Path) -> Bundle:
    """Writes a bundle to `out`, which must not exist or be a bundle; on any failure `out` is as it was."""
    if out.exists() and not (out / MANIFEST).is_file():
        raise FileExistsError(f"{out} exists and is not a bundle; choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    model = model.eval()
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
        folder = Path(temporary) / "bundle"
        folder.mkdir()
        write_onnx(model, folder)
        write_torchscript(model, folder)
        write_step_weights(model, folder)
        golden = golden_answers(model, stretches)
        in_order = {name: np.ascontiguousarray(values) for name, values in golden.items()}  # `save` writes a view amiss
        (folder / GOLDEN).write_bytes(save(in_order))
        manifest = _manifest(model, description, folder)
        write_manifest(folder, manifest.model_dump_json(indent=2) + "\n")
        if out.exists():
            out.rename(Path(temporary) / "replaced")
        shutil.move(folder, out)
    return Bundle.open(out)


def _manifest(model: Forecaster, description: Description, folder: Path) -> Manifest:
    config = model.config
    return Manifest(
        format_version=1,
        gatecast_version=version("gatecast"),
        created=datetime.now(UTC).replace(microsecond=0),
        name=description.name,
        architecture=config.architecture,
        frequency=config.frequency,
        time_zone=description.time_zone,
        calendar_zone=config.calendar_zone,
        holidays=list(config.holidays.names) if config.holidays else [],
        holidays_until=date.fromisoformat(config.holidays.until) if config.holidays else None,
        horizon=config.horizon,
        quantiles=list(config.quantiles),
        target=description.target,
        covariates=list(config.covariates),
        future=list(config.future),
        static=list(config.static),
        non_negative=config.non_negative,
        integer=config.integer,
        streams=model.streams,
        context=config.window,
        longest_history=model.longest_history,
        dependence=None if description.dependence is None else list(description.dependence),
        graphs=_graphs(model),
        state=StateLayout(
            size=model.state_size,
            slices=_slices(model.layout),
            initial=encode_row(model.initial().detach().numpy()),
        ),
        gates=model.gate_count,
        gate_slices=_slices(model.gate_layout),
        metrics=description.metrics,
        training={**description.training, "config": config.to_dict()},
        files={name: digest_of(folder / name) for name in _files(model, folder)},
    )


def _files(model: Forecaster, folder: Path) -> list[str]:
    more = [STEP_WEIGHTS] if (folder / STEP_WEIGHTS).is_file() else []
    return [*files_of(model.streams), *more]


def _slices(parts: Sequence[Slice]) -> list[StateSlice]:
    return [StateSlice(name=part.name, start=part.start, stop=part.stop) for part in parts]


def _graphs(model: Forecaster) -> dict[Any, Graph]:
    config, state = model.config, model.state_size
    after = Tensor(name="next_state", dtype="float32", shape=["batch", state])
    outputs = [Tensor(name="quantiles", dtype="float64", shape=["batch", config.horizon, len(config.quantiles)]), after]
    gates = Tensor(name="gates", dtype="float32", shape=["batch", model.gate_count])
    common = {
        "lengths": Tensor(name="lengths", dtype="int64", shape=["batch"]),
        "state": Tensor(name="state", dtype="float32", shape=["batch", state]),
        "future": Tensor(name="future", dtype="float64", shape=["batch", config.horizon, len(config.future)]),
        "static": Tensor(name="static", dtype="float64", shape=["batch", len(config.static)]),
    }
    of_sequence = {
        **common,
        "values": Tensor(name="values", dtype="float64", shape=["batch", "time", config.width]),
        "times": Tensor(name="times", dtype="int64", shape=["batch", "time"]),
    }
    of_step = {
        **common,
        "values": Tensor(name="values", dtype="float64", shape=["batch", config.width]),
        "times": Tensor(name="times", dtype="int64", shape=["batch"]),
    }
    graphs = {"sequence": Graph(inputs=[of_sequence[name] for name in sequence_inputs(model)], outputs=outputs)}
    if model.streams:
        graphs["step"] = Graph(inputs=[of_step[name] for name in step_inputs(model)], outputs=[*outputs, gates])
    return graphs
