"""Mixed precision: which numbers a forecaster computes with while it trains, and what keeps small gradients alive."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

PRECISIONS: dict[str, torch.dtype | None] = {"float32": None, "float16": torch.float16, "bfloat16": torch.bfloat16}
SCALE = 2.0**10  # of the loss at the start: its gradients are near 1 here, and float16 ends at 2**16
GROWTH_INTERVAL = 200  # steps without an overflow before the scale is doubled


def require_device(device: str, precision: str) -> torch.device:
    """The device by its name; ValueError if this machine has none, or if it cannot compute in that precision."""
    if device not in ("cpu", "cuda"):
        raise ValueError(f"unknown device {device!r}; choose among cpu, cuda")
    if device == "cpu" and precision != "float32":
        raise ValueError(f"precision {precision} is for CUDA alone: take float32, or --device cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("this torch sees no CUDA device: take --device cpu, or install a torch built for CUDA")
    return torch.device(device)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """In it a forward pass computes in that precision where it may; weights and float64 statistics stay as they are."""
    dtype = PRECISIONS[precision]
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype)


def loss_scaler(device: torch.device, precision: str) -> torch.amp.GradScaler:
    """Scales the loss so that small gradients survive float16 (Micikevicius et al. 2018, arXiv:1710.03740, 3.2).

    Elsewhere it does nothing: bfloat16 has the exponents of float32.
    """
    scales = PRECISIONS[precision] is torch.float16
    return torch.amp.GradScaler(device.type, init_scale=SCALE, growth_interval=GROWTH_INTERVAL, enabled=scales)
