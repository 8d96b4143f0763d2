"""GluonTS: its DeepAR as it comes, quantiles from its samples.

    python -m bench.peers.gluonts.accuracy WINDOWS ANSWER

Trained once on what may be learned from; every window is then a series of its own with all of its history.
"""

import logging
import sys
import time
import warnings
from pathlib import Path

import lightning.pytorch as lightning
import numpy as np
import pandas as pd
import torch
from gluonts.dataset.common import ListDataset
from gluonts.torch import DeepAREstimator

from bench.accuracy.windows import Answer, Windows


def main() -> None:
    warnings.simplefilter("ignore")
    for name in ("lightning.pytorch", "pytorch_lightning", "gluonts"):
        logging.getLogger(name).setLevel(logging.ERROR)
    windows = Windows.read(Path(sys.argv[1]))
    torch.set_num_threads(windows.threads)
    lightning.seed_everything(windows.seed, verbose=False)
    frequency = pd.tseries.frequencies.to_offset(pd.Timedelta(seconds=windows.step)).freqstr
    steps = Steps()
    estimator = DeepAREstimator(
        freq=frequency, prediction_length=windows.horizon,
        trainer_kwargs={
            "max_time": {"seconds": windows.seconds}, "accelerator": "cpu", "logger": False, "callbacks": [steps],
            "enable_progress_bar": False, "enable_model_summary": False,
        },
    )  # fmt: skip
    began = time.perf_counter()
    predictor = estimator.train(dataset(windows, windows.training(), frequency), cache_data=True)
    trained = time.perf_counter()
    histories = ((windows.series[window], windows.history(window)) for window in range(len(windows)))
    forecasts = predictor.predict(dataset(windows, histories, frequency))
    quantiles = np.stack([np.quantile(each.samples, windows.levels, axis=0).T for each in forecasts])
    done = time.perf_counter()
    told = f"{steps.done:,} steps of {estimator.trainer_kwargs['max_epochs'] * estimator.num_batches_per_epoch:,}"
    Answer(quantiles, trained - began, done - trained, told).write(Path(sys.argv[2]))


class Steps(lightning.Callback):
    """Counts them."""

    done = 0

    def on_train_batch_end(self, *_):
        self.done += 1


def dataset(windows, series, frequency):
    """Numbered series with the times at which they begin."""
    return ListDataset(
        [
            {"start": pd.Period(pd.Timestamp(windows.starts[number], unit="s"), frequency), "target": values}
            for number, values in series
        ],
        freq=frequency,
    )


if __name__ == "__main__":
    main()
