# %% Gatecast as a library: from a CSV to a stream of forecasts. Run it cell by cell, or `python docs/library.py`.
import numpy as np

from datasets.bundled import bundled
from datasets.reader import read_table
from datasets.split import split
from export import Verification, bundle_of
from models import TrainingSettings, fit
from service.runtimes import open_runtime

# %% Read and train. The settings are those of `gatecast train`; with its defaults the weights are the same to the bit.
HORIZON = 48  # steps of half an hour
table = read_table(bundled("nyc_taxi"))  # or a CSV of your own: unique_id, ds, y
small = {"hidden": 16, "layers": 1, "settings": TrainingSettings(steps=40, batch=8)}  # leave out for a good model
fitted = fit(table, split(table, HORIZON), HORIZON, **small)
print(f"MASE on the held-out end: {fitted.metrics['test']['mase']:.3f}")

# %% Export, and prove the bundle with the very code that serves it (`gatecast serve taxi.bundle` would).
bundle = bundle_of(fitted, "taxi.bundle")
runtime = open_runtime("onnx", bundle)
assert all(check.passed for check in Verification(bundle).run(runtime))

# %% Stream: the past goes in once, then each new reading is one recurrent step. No torch is at work here.
series, median = table.series[0], bundle.manifest.quantiles.index(0.5)
times = table.frequency.times(series.start, np.arange(len(series)))
values, past = series.values, len(series) - 2 * HORIZON
forecast, state = runtime.sequence(values[None, :past], times[None, :past], np.array([past]), bundle.initial[None])
for step in range(past, len(series)):
    moment = np.datetime64(int(times[step]), "s")
    print(f"{moment}: forecast {forecast[0, 0, median]:6.0f}, reading {values[step, 0]:6.0f}")
    forecast, state = runtime.step(values[step : step + 1], times[step : step + 1], state)
