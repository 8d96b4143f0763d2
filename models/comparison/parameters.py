"""How many numbers a model learns, and of them those of its recurrent layers beside their closed form."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from models.forecaster import Forecaster
from models.layers.gru import GRULayer
from models.layers.layer import Layer
from models.layers.lstm import LSTMLayer
from models.layers.min_gru import MinGRULayer
from models.layers.rnn import RNNLayer

# Of a layer with a gate's blocks: W_x (width x inputs), W_h (width x width), and as PyTorch has it a bias with each
BLOCKS = {GRULayer: 3, LSTMLayer: 4, RNNLayer: 1}
BLOCKS_WITHOUT_STATE = {MinGRULayer: 2}  # W_x and one bias: their gates do not look at the state


@dataclass(frozen=True)
class LayerCount:
    """One recurrent layer; `closed_form` is None where there is none."""

    kind: str
    inputs: int
    width: int
    counted: int
    closed_form: int | None


@dataclass(frozen=True)
class ParameterCount:
    """All weights of a model, and the recurrent layers among them."""

    total: int
    layers: tuple[LayerCount, ...]

    @property
    def recurrent(self) -> int:
        return sum(layer.counted for layer in self.layers)

    @property
    def closed_form(self) -> int | None:
        """Of all recurrent layers; None if one of them has none."""
        forms = [layer.closed_form for layer in self.layers]
        return None if None in forms else sum(form for form in forms if form is not None)


def closed_form(kind: type[Layer], inputs: int, width: int) -> int | None:
    """Weights of one layer: blocks * (width * inputs + width^2 + 2 * width).

    A GRU has three blocks (Cho et al. 2014), an LSTM four (Hochreiter and Schmidhuber 1997; Gers et al. 2000), a plain
    network one (Elman 1990): so at equal sizes a GRU has exactly three quarters of an LSTM's. A minimal GRU (Feng et
    al. 2024) has two of width * inputs + width. None for a kind without a form here.
    """
    if kind in BLOCKS:
        return BLOCKS[kind] * (width * inputs + width * width + 2 * width)
    if kind in BLOCKS_WITHOUT_STATE:
        return BLOCKS_WITHOUT_STATE[kind] * (width * inputs + width)
    return None


def count(model: Forecaster) -> ParameterCount:
    """What a model really has, layer by layer."""
    layers = [module for module in model.modules() if isinstance(module, Layer)]
    return ParameterCount(
        sum(weight.numel() for weight in model.parameters()),
        tuple(
            LayerCount(
                type(layer).__name__,
                layer.inputs,
                layer.width,
                sum(weight.numel() for weight in layer.parameters()),
                closed_form(type(layer), layer.inputs, layer.width),
            )
            for layer in layers
        ),
    )


def ratio(one: ParameterCount, other: ParameterCount) -> Fraction | None:
    """Recurrent weights of one over the other's, exactly; None where the other has none."""
    return Fraction(one.recurrent, other.recurrent) if other.recurrent else None
