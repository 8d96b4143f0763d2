"""Options of `gatecast train` that describe model and training; one that is not given is what a run defaults to."""

from __future__ import annotations

from typing import Annotated

import typer

from models.architectures import SHAPES

OF_MODEL, OF_TRAINING = ({"rich_help_panel": name} for name in ("Model", "Training"))
OF_BATCHES, OF_AUGMENTATION, OF_RATES, OF_DEVICE = (
    {"rich_help_panel": name} for name in ("Batches", "Augmentation", "Rates and stopping", "Device")
)

Model = Annotated[
    str | None,
    typer.Option(help=f"{', '.join(list(SHAPES)[:-1])} or {list(SHAPES)[-1]}.", **OF_MODEL),
]
Lags = Annotated[str | None, typer.Option(help="Seasons in steps: 24,168; else implied.", **OF_MODEL)]
Hidden = Annotated[int | None, typer.Option(min=1, help="Width of a layer.", **OF_MODEL)]
Layers = Annotated[int | None, typer.Option(min=1, help="Recurrent layers.", **OF_MODEL)]
Dropout = Annotated[float | None, typer.Option(min=0, max=0.9, help="Between layers.", **OF_MODEL)]
Offset = Annotated[float | None, typer.Option(min=0, help="Of the logarithm learned under; 0: none.", **OF_MODEL)]
Zoneout = Annotated[float | None, typer.Option(min=0, max=0.9, help="Share of units kept at a step.", **OF_MODEL)]
Normalisation = Annotated[str | None, typer.Option(help="Between layers: none, layer or batch.", **OF_MODEL)]
NonNegative = Annotated[bool | None, typer.Option("--non-negative", help="No forecast below zero.", **OF_MODEL)]
Integer = Annotated[bool | None, typer.Option("--integer", help="Forecasts are whole numbers.", **OF_MODEL)]
Scaling = Annotated[str | None, typer.Option(help="standard, min-max, mean-absolute or none.", **OF_MODEL)]
Missing = Annotated[str | None, typer.Option(help="mask, forward or linear (whole histories).", **OF_MODEL)]
Stacks = Annotated[str | None, typer.Option(help="stacks: layers of each block, such as 2,2.", **OF_MODEL)]
Widths = Annotated[str | None, typer.Option(help="residual-gru: units of each layer, such as 96,64.", **OF_MODEL)]
Kernel = Annotated[int | None, typer.Option(min=2, help="conv-gru: steps that it sees.", **OF_MODEL)]
Periods = Annotated[str | None, typer.Option(help="multiscale-gru: steps between ticks: 1,24.", **OF_MODEL)]
Attended = Annotated[int | None, typer.Option(min=1, help="gru-transformer: outputs looked back on.", **OF_MODEL)]
Heads = Annotated[int | None, typer.Option(min=1, help="gru-transformer: heads of attention.", **OF_MODEL)]
Members = Annotated[str | None, typer.Option(help="ensemble: gru,lstm, gru,gru,gru or gru,bi-gru.", **OF_MODEL)]

Batching = Annotated[
    str | None, typer.Option(help="How rows are drawn: crops, pad, truncate, bucket or steps.", **OF_BATCHES)
]
Shortest = Annotated[int | None, typer.Option(min=1, help="Steps of the shortest row.", **OF_BATCHES)]
Longest = Annotated[int | None, typer.Option(min=1, help="Steps of the longest row.", **OF_BATCHES)]
BatchSteps = Annotated[int | None, typer.Option(min=1, help="Steps in a batch, with --batching steps.", **OF_BATCHES)]
Every = Annotated[int | None, typer.Option(min=1, help="Steps between origins learned from.", **OF_BATCHES)]
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
Cooldown = Annotated[
    float | None, typer.Option(min=0, help="Steps at a low rate at the end, a share of the budget.", **OF_RATES)
]
Widen = Annotated[
    bool | None, typer.Option("--widen/--no-widen", help="Wider bands in the end, where validation asks.", **OF_RATES)
]

Device = Annotated[str, typer.Option(help="cpu or cuda.", **OF_DEVICE)]
Precision = Annotated[str | None, typer.Option(help="float32; on CUDA float16 or bfloat16 too.", **OF_DEVICE)]
