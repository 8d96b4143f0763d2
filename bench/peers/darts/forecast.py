"""Darts: two ways to have a GRU forecast 24 steps of one series after 512 readings.

    python -m bench.peers.darts.forecast SECONDS

Trained for a step: what is timed does not depend on the weights.
"""

import logging
import sys
import warnings

import numpy as np
import pandas as pd
import torch
from darts import TimeSeries
from darts.models import BlockRNNModel, RNNModel
from darts.utils.likelihood_models import QuantileRegression

from bench.peers.timing import HISTORY, HORIZON, LAYERS, LEVELS, UNITS, hourly, timed

TRAINED = HISTORY + HORIZON + 8


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    seconds = float(sys.argv[1])
    times = pd.date_range("2024-01-01", periods=TRAINED, freq="h")
    series = TimeSeries.from_times_and_values(times, hourly(TRAINED).astype(np.float32))
    quiet = {
        "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False, "logger": False,
        "max_steps": 1,
    }  # fmt: skip
    shared = {
        "model": "GRU", "input_chunk_length": HISTORY, "hidden_dim": UNITS, "n_rnn_layers": LAYERS, "n_epochs": 1,
        "batch_size": 8, "pl_trainer_kwargs": quiet,
    }  # fmt: skip
    block = BlockRNNModel(output_chunk_length=HORIZON, likelihood=QuantileRegression(list(LEVELS)), **shared)
    block.fit(series)
    timed(
        "BlockRNNModel, GRU 2 x 64, three quantiles at once",
        lambda: block.predict(HORIZON, series, predict_likelihood_parameters=True, verbose=False).values(),
        seconds,
    )
    stepwise = RNNModel(training_length=HISTORY + HORIZON, **shared)
    stepwise.fit(series)
    timed(
        "RNNModel, GRU 2 x 64, a point forecast step by step",
        lambda: stepwise.predict(HORIZON, series, verbose=False).values(),
        seconds,
    )


if __name__ == "__main__":
    main()
