"""neuralforecast: a GRU forecasts 24 steps of one series after 512 readings.

    python -m bench.peers.neuralforecast.forecast SECONDS

Trained for a step: what is timed does not depend on the weights.
"""

import logging
import sys
import warnings

import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import GRU

from bench.peers.timing import HISTORY, HORIZON, LAYERS, LEVELS, UNITS, hourly, timed


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    seconds = float(sys.argv[1])
    length = HISTORY + HORIZON
    times = pd.date_range("2024-01-01", periods=length, freq="h")
    frame = pd.DataFrame({"unique_id": "s", "ds": times, "y": hourly(length)})
    model = GRU(
        h=HORIZON, input_size=HISTORY, encoder_n_layers=LAYERS, encoder_hidden_size=UNITS,
        loss=MQLoss(quantiles=list(LEVELS)), max_steps=1, accelerator="cpu", enable_progress_bar=False,
        enable_model_summary=False, logger=False, enable_checkpointing=False,
    )  # fmt: skip
    forecast = NeuralForecast(models=[model], freq="h")
    forecast.fit(frame)
    history = frame.tail(HISTORY)
    timed(
        "GRU 2 x 64, three quantiles at once",
        lambda: forecast.predict(history, verbose=False).drop(columns=["unique_id", "ds"]).to_numpy(),
        seconds,
    )


if __name__ == "__main__":
    main()
