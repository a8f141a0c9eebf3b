"""The dropout of the fused kernels: how much it drops, that masks are independent and repeat."""

import math

import pytest
import torch
import torch.nn.functional as F
from helpers import CPU, labelled, learner_of, some_boards

from hrm.models import kernels
from hrm.models.batch import to_tokens

needs_kernels = pytest.mark.skipif(not kernels.available(), reason="no C compiler here")


def attention_weights(dropout: float, boards: int = 4, heads: int = 3, cells: int = 32):
    """What reaches each query from each key, (B, S, H, S): equal scores, values that tell."""
    qkv = torch.zeros(boards, cells, 3, heads, cells)
    qkv[:, :, 2] = torch.eye(cells)[None, :, None]
    mixed = kernels.attention(qkv.view(boards, cells, -1), heads, None, None, dropout)
    return mixed.view(boards, cells, heads, cells)


def kept_elements(dropout: float, boards: int, cells: int = 16, width: int = 64):
    """Which elements of a sublayer's output survive, (B, S, D)."""
    ones = torch.ones(boards, cells, width)
    return kernels.add_norm(torch.zeros_like(ones), ones, None, dropout) > 0


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten().float(), b.flatten().float()]))[0, 1])


@needs_kernels
def test_dropout_in_bf16_drops_the_same_elements():
    x, qkv, kept = torch.zeros(3, 16, 64), torch.rand(3, 16, 3 * 64), []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(3)
        y = torch.ones(3, 16, 64, dtype=dtype, requires_grad=True)
        out = kernels.add_norm(x, y, None, 0.3)
        (out * torch.rand(64)).sum().backward()
        mixed = kernels.attention(qkv.to(dtype), 4, None, None, 0.3)
        assert (out.dtype, mixed.dtype) == (torch.float32, dtype)
        assert y.grad is not None and torch.equal(out == 0, y.grad == 0)
        kept.append((out, mixed.float()))
    assert torch.equal(*(out == 0 for out, _ in kept))
    torch.testing.assert_close(kept[1][1], kept[0][1], rtol=0.03, atol=0.01)


@needs_kernels
@pytest.mark.parametrize("dropout", [0.1, 0.37])
def test_dropout_keeps_and_scales_as_it_says(dropout):
    torch.manual_seed(1)
    weights = attention_weights(dropout, boards=16)
    kept = weights > 0
    spread = math.sqrt(dropout * (1 - dropout) / kept.numel())
    assert abs(kept.float().mean() - (1 - dropout)) < 4 * spread
    torch.testing.assert_close(
        weights[kept], torch.full_like(weights[kept], 1 / 32 / (1 - dropout))
    )
    elements = kept_elements(dropout, boards=32)
    spread = math.sqrt(dropout * (1 - dropout) / elements.numel())
    assert abs(elements.float().mean() - (1 - dropout)) < 4 * spread
    # x + scaled y over its root mean square: the scale shows against an x that is not dropped.
    x = torch.zeros(1, 1, 64)
    x[..., 0] = 1.0
    out = kernels.add_norm(x, torch.ones(1, 1, 64) - x, None, dropout)
    ratios = out[..., 1:] / out[..., :1]
    survivors = ratios[ratios > 0]
    if out[..., 0] > 0:
        torch.testing.assert_close(survivors, torch.full_like(survivors, 1 / (1 - dropout)))


@needs_kernels
def test_dropout_is_independent_everywhere():
    torch.manual_seed(2)
    kept = attention_weights(0.5, boards=16) > 0
    again = attention_weights(0.5, boards=16) > 0
    elements = kept_elements(0.5, boards=64)
    pairs = {
        "boards": (kept[:-1], kept[1:]),
        "queries": (kept[:, :-1], kept[:, 1:]),
        "heads": (kept[:, :, :-1], kept[:, :, 1:]),
        "keys": (kept[..., :-1], kept[..., 1:]),
        "keys further apart": (kept[..., :-8], kept[..., 8:]),
        "steps": (kept, again),
        "elements of a cell": (elements[..., :-1], elements[..., 1:]),
        "cells": (elements[:, :-1], elements[:, 1:]),
    }
    for name, (one, other) in pairs.items():
        assert abs(correlation(one, other)) < 4 / math.sqrt(one.numel()), name


@needs_kernels
def test_a_board_s_masks_do_not_depend_on_its_company():
    parts = []
    with kernels.dropout_masks(7, torch.arange(6)):
        together = [attention_weights(0.3, boards=6), kept_elements(0.3, boards=6)]
    for numbers in (torch.tensor([0, 2, 4]), torch.tensor([1, 3, 5])):
        with kernels.dropout_masks(7, numbers):
            parts.append((attention_weights(0.3, boards=3), kept_elements(0.3, boards=3)))
    for whole, some in zip(together, zip(*parts, strict=True), strict=True):
        for first, part in enumerate(some):
            assert torch.equal(whole[first::2], part)
    assert not torch.equal(parts[0][0], parts[1][0])


@needs_kernels
def test_boards_too_large_for_fused_attention_have_masks_of_their_own(monkeypatch):
    monkeypatch.setattr(kernels, "MOST_CELLS", 24)
    tokens = to_tokens(some_boards(5, 1), CPU)
    model = learner_of(True, {"sdpa_dropout": 0.5}).model

    def logits(board: int) -> torch.Tensor:
        with kernels.dropout_masks(0, torch.tensor([board])):
            return model(model.initial_state(1), tokens)[1]

    first, second = logits(0), logits(1)
    assert not torch.allclose(first, second)
    assert torch.equal(first, logits(0))


@needs_kernels
def test_gradients_see_the_masks_of_the_forward_pass():
    torch.manual_seed(3)
    x, y = (torch.randn(2, 9, 8, requires_grad=True) for _ in range(2))
    weight = torch.randn(8, requires_grad=True)
    torch.manual_seed(4)
    kept = kernels.add_norm(torch.zeros(2, 9, 8), torch.ones(2, 9, 8), None, 0.4) > 0
    torch.manual_seed(4)
    fused = kernels.add_norm(x, y, weight, 0.4)
    plain = F.rms_norm(x + y * kept / 0.6, (8,), weight)
    torch.testing.assert_close(fused, plain)
    upstream = torch.randn(2, 9, 8)
    for a, b in zip(*(torch.autograd.grad(out, (x, y, weight), upstream) for out in (fused, plain)),
                    strict=True):  # fmt: skip
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)

    qkv = torch.randn(2, 9, 3 * 2 * 9, requires_grad=True)
    torch.manual_seed(5)
    kept = attention_weights(0.4, boards=2, heads=2, cells=9).transpose(1, 2) > 0
    torch.manual_seed(5)
    fused = kernels.attention(qkv, 2, None, None, 0.4)
    q, k, v = qkv.view(2, 9, 3, 2, 9).permute(2, 0, 3, 1, 4)
    shares = (q @ k.transpose(2, 3) / 3).softmax(-1) * kept / 0.6
    plain = (shares @ v).transpose(1, 2).flatten(2)
    torch.testing.assert_close(fused, plain)
    upstream = torch.randn(2, 9, 18)
    one, other = (torch.autograd.grad(out, qkv, upstream)[0] for out in (fused, plain))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@needs_kernels
def test_micro_batches_with_dropout_learn_what_the_whole_batch_does():
    batch = labelled(some_boards(5, 7))
    weights = []
    for micro_batch in (7, 2):
        trained = learner_of(True, {"dropout": 0.2, "sdpa_dropout": 0.2}, micro_batch=micro_batch)
        for step in range(2):
            trained.learn(batch, 2 * step)
        weights.append(trained.model.state_dict())
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=1e-4, atol=2e-5, msg=name)
