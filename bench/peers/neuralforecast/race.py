"""neuralforecast's GRU, looked at every so many training steps with its clock stopped.

    python -m bench.peers.neuralforecast.race EVERY WINDOWS LAPS

LAPS are arrays: steps, seconds of training, those of the processor, (looks,) each, and medians (looks, windows,
horizon).
"""

import logging
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytorch_lightning as lightning
import torch
from neuralforecast import NeuralForecast
from neuralforecast.tsdataset import TimeSeriesDataModule, TimeSeriesDataset

from bench.accuracy.windows import Windows
from bench.peers.neuralforecast.accuracy import frame, network


class Looks(lightning.Callback):
    """Forecasts all windows with the weights as they are."""

    def __init__(self, every, windows, dataset):
        self.every, self.dataset = every, dataset
        self.median = windows.levels.index(0.5)
        self.steps, self.seconds, self.processor, self.medians = [], [], [], []

    def on_train_start(self, *_):
        self.began, self.idle = time.perf_counter(), time.process_time()  # and what is not training is added

    def on_train_batch_end(self, trainer, model, *_):
        if trainer.global_step % self.every == 0:
            self.look(trainer, model)

    def on_train_end(self, trainer, model):
        if trainer.global_step not in self.steps:
            self.look(trainer, model)

    def look(self, trainer, model):
        now, used = time.perf_counter(), time.process_time()
        self.steps.append(trainer.global_step)
        self.seconds.append(now - self.began)
        self.processor.append(used - self.idle)
        self.medians.append(self.forecast(model))
        self.began += time.perf_counter() - now
        self.idle += time.process_time() - used

    @torch.no_grad()
    def forecast(self, model):
        model.eval()
        model.predict_step_size = 1
        module = TimeSeriesDataModule(self.dataset, valid_batch_size=model.valid_batch_size)
        parts = [model.predict_step(batch, at) for at, batch in enumerate(module.predict_dataloader())]
        model.train()
        found = torch.cat(parts)
        return found.reshape(len(found), model.h, -1)[:, :, self.median].numpy()


def main() -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    every, windows = int(sys.argv[1]), Windows.read(Path(sys.argv[2]))
    torch.set_num_threads(windows.threads)
    histories = frame((window, windows.history(window)) for window in range(len(windows)))
    looks = Looks(every, windows, TimeSeriesDataset.from_df(histories)[0])
    forecast = NeuralForecast(models=[network(windows, callbacks=[looks])], freq=1)
    forecast.fit(frame(windows.training()))
    callbacks = forecast.models[0].trainer_kwargs["callbacks"]  # the library trains a copy
    looks = next(each for each in callbacks if isinstance(each, Looks))
    np.savez(
        Path(sys.argv[3]), steps=looks.steps, seconds=looks.seconds, processor=looks.processor,
        medians=np.stack(looks.medians),
    )  # fmt: skip


if __name__ == "__main__":
    main()
