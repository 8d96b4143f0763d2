"""What a model takes up: weights, a session's state, and the activations that a training step keeps."""

from __future__ import annotations

import torch
from torch import Tensor

from models.comparison.batch import TYPICAL, loss_of, ragged
from models.forecaster import Forecaster

FLOAT32 = 4  # bytes


def weight_bytes(model: Forecaster) -> int:
    return sum(weight.numel() * weight.element_size() for weight in model.parameters())


def state_bytes(model: Forecaster) -> int:
    """What the service keeps of a session: one row of float32."""
    return FLOAT32 * model.state_size


def activation_bytes(model: Forecaster, rows: int, length: int, full: float = TYPICAL) -> int:
    """What the forward pass of one batch keeps for the backward pass, beside the weights.

    The allocator cannot be asked on a processor, so every tensor that autograd saves is counted, each storage once.
    """
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    mode = model.training
    model.train()
    try:
        batch = ragged(model.config, rows, length, full)
        with torch.random.fork_rng(devices=[]), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            loss = loss_of(model, batch)
        del loss
    finally:
        model.train(mode)
    return sum(kept.values())
