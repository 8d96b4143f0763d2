"""neuralforecast: its GRU as it comes, with the quantile loss on the levels that are asked for.

    python -m bench.peers.neuralforecast.accuracy WINDOWS ANSWER

Trained once on what may be learned from; every window is then a series of its own.
"""

import logging
import sys
import time
import warnings
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import GRU

from bench.accuracy.windows import Answer, Windows


def main() -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    windows = Windows.read(Path(sys.argv[1]))
    torch.set_num_threads(windows.threads)
    model = network(windows)
    forecast = NeuralForecast(models=[model], freq=1)
    began = time.perf_counter()
    forecast.fit(frame(windows.training()))
    trained = time.perf_counter()
    context = ((window, windows.history(window)[-model.input_size :]) for window in range(len(windows)))
    said = forecast.predict(frame(context), verbose=False).sort_values(["unique_id", "ds"])
    quantiles = said.drop(columns=["unique_id", "ds"]).to_numpy(dtype=np.float64)
    shape = (len(windows), windows.horizon, len(windows.levels))
    done = time.perf_counter()
    told = f"{model.hparams.max_steps:,} steps at most, {steps_of(forecast):,} done"
    Answer(quantiles.reshape(shape), trained - began, done - trained, told).write(Path(sys.argv[2]))


def network(windows, **chosen):
    """The library's defaults, but for the loss; a training ends after the budget's seconds if not before."""
    return GRU(
        h=windows.horizon, loss=MQLoss(quantiles=list(windows.levels)), random_seed=windows.seed + 1,
        max_time=timedelta(seconds=windows.seconds), accelerator="cpu", enable_progress_bar=False,
        enable_model_summary=False, logger=False, **chosen,
    )  # fmt: skip


def steps_of(forecast):
    """Training steps that were done."""
    return int(forecast.models[0].metrics.get("steps", len(forecast.models[0].train_trajectories)))


def frame(series):
    """Numbered series as the library wants them, with times counted from 0; names sort as numbers do."""
    parts = [(f"{number:07d}", values) for number, values in series]
    return pd.DataFrame(
        {
            "unique_id": np.repeat([name for name, _ in parts], [len(values) for _, values in parts]),
            "ds": np.concatenate([np.arange(len(values)) for _, values in parts]),
            "y": np.concatenate([values for _, values in parts]),
        }
    )


if __name__ == "__main__":
    main()
