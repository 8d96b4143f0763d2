"""What sets each architecture apart: the one promise beside those that all of them make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from models.attention_gru import AttentionGRUForecaster
from models.conv_gru import ConvGRUForecaster
from models.gru import GRUForecaster
from models.gru_transformer import GRUTransformerForecaster
from models.layers.layer import Layer
from models.multiscale_gru import MultiscaleGRUForecaster
from models.residual_gru import ResidualGRUForecaster
from models.stacks import StacksForecaster
from tests.models.series import drawn, fresh, part, recurrent, resting, rows, weights_of

LENGTHS = torch.tensor([30, 11, 1])


def layers_of(model: StacksForecaster | GRUForecaster) -> Iterator[Layer]:
    for stack in model.blocks if isinstance(model, StacksForecaster) else [model.stack]:
        yield from stack.layers


def stacks_and_gru() -> tuple[StacksForecaster, GRUForecaster]:
    """Two stacks of two layers and four layers, with equal weights."""
    stacks, gru = drawn("stacks", stacks=(2, 2)), drawn("gru", layers=4)
    assert isinstance(stacks, StacksForecaster)
    assert isinstance(gru, GRUForecaster)
    for mine, theirs in zip(layers_of(stacks), layers_of(gru), strict=True):
        theirs.load_state_dict(mine.state_dict())
    gru.decoder.load_state_dict(stacks.decoder.state_dict())
    with torch.no_grad():
        for start in stacks.starts:
            start.zero_()
    return stacks, gru


@torch.no_grad()
def test_two_stacks_of_two_layers_are_a_gru_of_four() -> None:
    stacks, gru = stacks_and_gru()
    values, times = rows(30)
    assert stacks.state_size == gru.state_size
    for one, other in zip(
        stacks.sequence(values, times, LENGTHS, fresh(stacks)),
        gru.sequence(values, times, LENGTHS, fresh(gru)),
        strict=True,
    ):
        torch.testing.assert_close(one, other, equal_nan=True)
    _, state = gru.sequence(values, times, LENGTHS, fresh(gru))
    found, expected = (each.step(values[:, 0], times[:, 0], state) for each in (stacks, gru))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)
    forks = [each.fork(values, times, LENGTHS, fresh(each)) for each in (stacks, gru)]
    torch.testing.assert_close(forks[0].quantiles[0], forks[1].quantiles[0])
    torch.testing.assert_close(forks[0].state, forks[1].state, equal_nan=True)


@torch.no_grad()
def test_each_stack_begins_at_a_value_of_its_own_and_writes_its_own_slice() -> None:
    model = drawn("stacks", stacks=(2, 1))
    assert isinstance(model, StacksForecaster)
    assert [(slot.name, slot.stop - slot.start) for slot in model.layout[:2]] == [("block.1", 16), ("block.2", 8)]
    torch.testing.assert_close(part(model, fresh(model, 1), "block.1")[0], model.starts[0])
    torch.testing.assert_close(part(model, fresh(model, 1), "block.2")[0], model.starts[1])
    values, times = rows(10)
    primed = model.primed(torch.full((3, model.window, 1), 5.0, dtype=torch.float64))
    torch.testing.assert_close(part(model, primed, "block.2")[0], model.starts[1])
    _, before = model.sequence(values, times, torch.tensor([10, 10, 10]), fresh(model))
    model.blocks[1].layers[0].fused.bias_ih_l0 += 1.0  # type: ignore[union-attr,operator]
    _, after = model.sequence(values, times, torch.tensor([10, 10, 10]), fresh(model))
    assert torch.equal(part(model, before, "block.1"), part(model, after, "block.1"))
    assert not torch.equal(part(model, before, "block.2"), part(model, after, "block.2"))


def test_the_initial_value_of_a_stack_is_learned() -> None:
    model = drawn("stacks", stacks=(1, 1)).train()
    values, times = rows(8)
    quantiles, _ = model.sequence(values, times, torch.tensor([8, 8, 8]), model.initial().repeat(3, 1))
    quantiles.sum().backward()
    assert isinstance(model, StacksForecaster)
    assert all(start.grad is not None and bool(start.grad.abs().sum() > 0) for start in model.starts)


@torch.no_grad()
def test_stacks_that_are_placed_compute_what_they_did_and_move_what_flows_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = drawn("stacks", stacks=(2, 1))
    assert isinstance(model, StacksForecaster)
    values, times = rows(30)
    expected = model.sequence(values, times, LENGTHS, fresh(model))
    stepped = model.step(values[:, 0], times[:, 0], expected[1])
    moved: list[torch.device] = []
    real = Tensor.to

    def to(self: Tensor, *where: object, **more: object) -> Tensor:
        if where and isinstance(where[0], torch.device):
            moved.append(where[0])
        return real(self, *where, **more)  # type: ignore[call-overload,no-any-return]

    model.place(["cpu", torch.device("cpu", 0)])
    monkeypatch.setattr(Tensor, "to", to)
    found = model.sequence(values, times, LENGTHS, fresh(model))
    again = model.step(values[:, 0], times[:, 0], found[1])
    for one, other in zip((*found, *again), (*expected, *stepped), strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)
    there = torch.device("cpu", 0)
    assert moved.count(there) == 3 + 2  # features, lengths and state of a sequence; features and state of a step
    with pytest.raises(ValueError, match="2 blocks need 2 devices, not 1"):
        model.place(["cpu"])


def test_a_residual_connection_is_the_identity_between_equal_widths_and_a_projection_between_others() -> None:
    unequal, equal = drawn("residual-gru", widths=(12, 8)), drawn("residual-gru", widths=(12, 12))
    assert isinstance(unequal, ResidualGRUForecaster)
    assert isinstance(equal, ResidualGRUForecaster)
    projection = unequal.around[1]
    assert isinstance(projection, nn.Linear)
    assert projection.weight.shape == (8, 12)
    assert isinstance(equal.around[1], nn.Identity)
    features, lengths = torch.randn(3, 6, equal.features.size), torch.tensor([6, 6, 6])
    with torch.no_grad():
        for model in (unequal, equal):
            (first, second), state = model.layers, resting(model)
            lower, _ = first.whole(features, lengths, state[:, : first.width])
            lower = model.around[0](features) + lower
            upper, _ = second.whole(lower, lengths, torch.zeros(3, second.width))
            expected = model.around[1](lower) + upper
            torch.testing.assert_close(model.output(model.recur(features, lengths, state)), expected[:, -1])


@torch.no_grad()
def test_a_convolution_sees_as_many_steps_as_its_kernel_is_long() -> None:
    model = recurrent("conv-gru", kernel=4)
    assert isinstance(model, ConvGRUForecaster)
    tape = torch.randn(1, 12, model.features.size)
    base = model._convolved(tape)  # (batch, 12 - 3, hidden)
    for step in range(12):
        changed = tape.clone()
        changed[0, step] += 1.0
        reached = (model._convolved(changed) != base).any(2)[0].nonzero().flatten() + model.kept
        assert reached.tolist() == [at for at in range(step, step + 4) if 3 <= at < 12]
    inputs = part(model, model.recur(tape, torch.tensor([12]), resting(model, 1)), "inputs")
    assert torch.equal(inputs.reshape(3, -1), tape[0, -3:])


@pytest.mark.parametrize("sharpness", [1.0, 80.0])
@torch.no_grad()
def test_attention_is_the_softmax_over_all_outputs_however_a_history_is_cut(sharpness: float) -> None:
    """Scores reach from -80 to 80: their exponentials would overflow float32 when summed as they are."""
    model = recurrent("attention-gru", layers=1)
    assert isinstance(model, AttentionGRUForecaster)
    last = model.score[2]
    assert isinstance(last, nn.Linear)
    last.weight.copy_(sharpness * torch.sign(last.weight) / last.weight.numel())
    model.score[0].weight.mul_(20.0)  # type: ignore[operator,union-attr]
    features = 3 * torch.randn(2, 3_000, model.features.size)
    outputs, _ = model.stack.whole(features, torch.tensor([3_000, 3_000]), resting(model, 2)[:, : model.stack.size])
    scores = model.score(outputs).double()
    if sharpness > 1:
        assert scores.max() - scores.min() > 60
    expected = (scores.softmax(1) * outputs.double()).sum(1)
    for cuts in ([3_000], [1, 2_000, 999], [500] * 6):
        state, start = resting(model, 2), 0
        ragged = state
        for cut in cuts:
            piece, length = features[:, start : start + cut], torch.tensor([cut, cut])
            state = model.recur(piece, length, state)
            if cut <= 1_000:  # in training a crop is short: this form is quadratic in its length
                decoded, ragged = model.recur_ragged(piece, length, ragged)
                torch.testing.assert_close(decoded[:, -1], model.output(ragged), rtol=1e-4, atol=1e-5)
            else:
                ragged = state
            start += cut
        for found in (state, ragged):
            torch.testing.assert_close(model.output(found)[:, 8:].double(), expected, rtol=1e-4, atol=2e-5)
    for at in range(20):
        whole = model.recur(features[:, at : at + 1], torch.tensor([1, 1]), state)
        state, _ = model.recur_step(features[:, at], state)
        torch.testing.assert_close(state, whole, rtol=1e-5, atol=1e-5)


def long_streamed(model: AttentionGRUForecaster, features: Tensor) -> Tensor:
    """The state after 2^24 outputs that were all alike, those of a stream of these features; every score is 0."""
    model.score[2].weight.zero_()  # type: ignore[operator,union-attr]
    state = model.recur(features.expand(1, 9_000, -1), torch.tensor([9_000]), resting(model, 1))
    output = model.stack.visible(state[:, : model.stack.size])
    return torch.cat([state[:, : model.stack.size], torch.zeros(1, 1), torch.full((1, 1), 2.0**24), output], 1)


@torch.no_grad()
def test_attention_stays_a_mean_of_outputs_in_a_stream_of_millions() -> None:
    """Beyond 2^24 float32 counts no further: a sum of outputs would go on growing beside it."""
    model = recurrent("attention-gru", layers=1)
    assert isinstance(model, AttentionGRUForecaster)
    still = torch.randn(1, 1, model.features.size)
    start = state = long_streamed(model, still)
    seen = start[:, model.stack.size + 2 :]
    for _ in range(2_000):
        state, _ = model.recur_step(still[:, 0], state)
    torch.testing.assert_close(model.output(state), model.output(start), rtol=0, atol=1e-6)
    assert state[0, model.stack.size + 1] == 2.0**24
    features = 3 * torch.randn(1, 1_000, model.features.size)
    outputs, _ = model.stack.whole(features, torch.tensor([1_000]), state[:, : model.stack.size])
    chunked, (decoded, ragged) = (
        each(features, torch.tensor([1_000]), state) for each in (model.recur, model.recur_ragged)
    )
    for step in range(1_000):
        state, _ = model.recur_step(features[:, step], state)
        mean = model.output(state)[:, 8:]
        assert torch.all(mean >= torch.minimum(seen, outputs.amin(1)))
        assert torch.all(mean <= torch.maximum(seen, outputs.amax(1)))
    for other in (chunked, ragged):
        torch.testing.assert_close(other, state, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(decoded[:, -1], model.output(state), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_layer_of_another_scale_changes_at_its_ticks_alone() -> None:
    model = recurrent("multiscale-gru", layers=3, periods=(1, 3, 4))
    assert isinstance(model, MultiscaleGRUForecaster)
    features, state = torch.randn(1, 30, model.features.size), resting(model, 1)
    streamed, whole = [state], [state]
    for step in range(30):
        streamed.append(model.recur_step(features[:, step], streamed[-1])[0])
        whole.append(model.recur(features[:, : step + 1], torch.tensor([step + 1]), state))
    for layer, period in enumerate((1, 3, 4)):
        name = f"hidden.{layer + 1}"
        for step in range(30):
            before, after = (part(model, each, name) for each in (streamed[step], streamed[step + 1]))
            assert torch.equal(before, after) == (step % period != 0)
            if step % period:  # the fused operator holds by (h - n) + n: to rounding
                before, after = (part(model, each, name) for each in (whole[step], whole[step + 1]))
                torch.testing.assert_close(after, before, rtol=0, atol=1e-6)
    assert part(model, streamed[-1], "phase").item() == 30 % 12


@torch.no_grad()
def test_nothing_older_than_what_is_attended_reaches_attention_and_nothing_before_the_first_reading() -> None:
    model = recurrent("gru-transformer", attended=5, heads=2)
    assert isinstance(model, GRUTransformerForecaster)
    features = torch.randn(1, 12, model.features.size)
    state = model.recur(features, torch.tensor([12]), resting(model, 1))
    stack, ring, filled = model._split(state)
    outputs, _ = model.stack.whole(features, torch.tensor([12]), resting(model, 1)[:, : model.stack.size])
    assert torch.equal(ring, outputs[:, -5:])  # the state holds no older one, so none can be looked at
    assert filled.item() == 5
    base = model.output(state)
    for place in range(5):
        changed = ring.clone()
        changed[0, place, 0] += 1.0
        again = model.output(torch.cat([stack, changed.flatten(1), filled], 1))
        assert not torch.equal(again, base)
    for count in (1, 3):
        some = torch.cat([stack, ring.flatten(1), torch.tensor([[float(count)]])], 1)
        wild = ring.clone()
        wild[:, : 5 - count] = 1e3
        other = torch.cat([stack, wild.flatten(1), torch.tensor([[float(count)]])], 1)
        assert torch.equal(model.output(some), model.output(other))


def test_settings_of_an_architecture_that_cannot_be_are_refused_in_words() -> None:
    for name, changes, message in (
        ("stacks", {"stacks": (0, 2)}, "layers of each block, such as 2,2"),
        ("residual-gru", {"widths": (0,)}, "units of each layer, such as 96,64"),
        ("conv-gru", {"kernel": 1}, "at least 2, not 1"),
        ("multiscale-gru", {"periods": (1,)}, "each of 2 layers"),
        ("multiscale-gru", {"periods": (9_999_991, 9_999_973)}, "common cycle"),
        ("gru-transformer", {"heads": 3}, "multiple of heads"),
        ("ensemble", {"members": ("gru",)}, "two members or more"),
        ("ensemble", {"members": ("gru", "ensemble")}, "two members or more"),
        ("ensemble", {"members": ("gru", "transformer")}, "unknown architecture 'transformer'"),
        ("gru", {"missing": "linear"}, "choose mask or forward"),
    ):
        with pytest.raises(ValueError, match=message):
            drawn(name, **changes)


@torch.no_grad()
def test_a_model_that_is_saved_and_loaded_is_the_same() -> None:
    model, other = drawn("stacks", normalisation="batch"), drawn("stacks", normalisation="batch")
    other.load_state_dict(weights_of(model))
    assert torch.equal(fresh(model).nan_to_num(), fresh(other).nan_to_num())
