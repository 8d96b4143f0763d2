"""Options of `gatecast train` that shape how it trains: each is left to the defaults of a run where it is not given."""

from __future__ import annotations

from typing import Annotated

import typer

OF_BATCHES, OF_AUGMENTATION, OF_RATES, OF_DEVICE = (
    {"rich_help_panel": name} for name in ("Batches", "Augmentation", "Rates and stopping", "Device")
)

Batching = Annotated[
    str | None, typer.Option(help="How rows are drawn: crops, pad, truncate, bucket or steps.", **OF_BATCHES)
]
Shortest = Annotated[int | None, typer.Option(min=1, help="Steps of the shortest row.", **OF_BATCHES)]
Longest = Annotated[int | None, typer.Option(min=1, help="Steps of the longest row.", **OF_BATCHES)]
BatchSteps = Annotated[int | None, typer.Option(min=1, help="Steps in a batch, with --batching steps.", **OF_BATCHES)]
Accumulate = Annotated[int | None, typer.Option(min=1, help="Batches whose gradients make one step.", **OF_BATCHES)]

Stride = Annotated[int | None, typer.Option(min=1, help="Crops start on a grid of so many steps.", **OF_AUGMENTATION)]
Jitter = Annotated[float | None, typer.Option(min=0, help="Noise, as a share of the deviation.", **OF_AUGMENTATION)]
Warp = Annotated[float | None, typer.Option(min=0, help="How unevenly time may run: 0.02, say.", **OF_AUGMENTATION)]
Mask = Annotated[float | None, typer.Option(min=0, help="Share of readings made missing.", **OF_AUGMENTATION)]

Schedule = Annotated[
    str | None, typer.Option(help="The way down: cosine, step, exponential, plateau or onecycle.", **OF_RATES)
]
WarmUp = Annotated[int | None, typer.Option(min=0, help="Steps up to the peak.", **OF_RATES)]
Decay = Annotated[float | None, typer.Option(min=0, help="Weight decay.", **OF_RATES)]
Patience = Annotated[
    int | None, typer.Option(min=1, help="Validations without a better one before it stops.", **OF_RATES)
]

Device = Annotated[str, typer.Option(help="cpu or cuda.", **OF_DEVICE)]
Precision = Annotated[str | None, typer.Option(help="float32; on CUDA float16 or bfloat16 too.", **OF_DEVICE)]
