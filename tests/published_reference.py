"""The published networks and their losses written out plainly, a position, a head, a puzzle at a
time.

Slow and obvious on purpose: it shares nothing with the library but the names of the weights.
"""

import math

import torch
from torch import Tensor

from hrm.config.published import PublishedConfig

Weights = dict[str, Tensor]


def norm(x: Tensor) -> Tensor:
    return x / torch.sqrt((x * x).mean() + 1e-5)


def rotate(x: Tensor, position: int) -> Tensor:
    """Pair i is coordinates i and i + half, turned by position · 10000^(-i / half)."""
    half, y = len(x) // 2, x.clone()
    for i in range(half):
        angle = position * 10_000 ** -(i / half)
        y[i] = x[i] * math.cos(angle) - x[i + half] * math.sin(angle)
        y[i + half] = x[i + half] * math.cos(angle) + x[i] * math.sin(angle)
    return y


def mlp(x: Tensor, weights: Weights, name: str) -> Tensor:
    gate, up = (weights[f"{name}.gate_up.weight"] @ x).chunk(2)
    return weights[f"{name}.down.weight"] @ (gate / (1 + torch.exp(-gate)) * up)


def attention(xs: list[Tensor], weights: Weights, name: str, config: PublishedConfig):
    width = config.d_model // config.head_cnt
    projected = [weights[f"{name}.qkv.weight"] @ x for x in xs]
    mixed: list[list[Tensor]] = [[] for _ in xs]
    for head in range(config.head_cnt):
        q, k, v = (
            [p[part * config.d_model + head * width :][:width] for p in projected]
            for part in range(3)
        )
        if config.positions == "rope":
            q, k = ([rotate(y, t) for t, y in enumerate(ys)] for ys in (q, k))
        for t, query in enumerate(q):
            scores = torch.exp(torch.stack([query @ key / math.sqrt(width) for key in k]))
            shares = scores / scores.sum()
            mixed[t].append(sum((s * y for s, y in zip(shares, v, strict=True)), 0 * query))
    return [weights[f"{name}.out.weight"] @ torch.cat(heads) for heads in mixed]


def block(xs: list[Tensor], weights: Weights, name: str, config: PublishedConfig) -> list[Tensor]:
    if f"{name}.mixing.qkv.weight" in weights:
        out = attention(xs, weights, f"{name}.mixing", config)
        xs = [norm(x + y) for x, y in zip(xs, out, strict=True)]
    else:  # a channel at a time, over all positions
        channels = [
            norm(channel + mlp(channel, weights, f"{name}.mixing.mlp"))
            for channel in torch.stack(xs, dim=1)
        ]
        xs = list(torch.stack(channels, dim=1))
    return [norm(x + mlp(x, weights, f"{name}.mlp")) for x in xs]


def module(xs, injected, weights: Weights, name: str, config: PublishedConfig) -> list[Tensor]:
    xs, number = [x + y for x, y in zip(xs, injected, strict=True)], 0
    while f"{name}.blocks.{number}.mlp.down.weight" in weights:
        xs = block(xs, weights, f"{name}.blocks.{number}", config)
        number += 1
    return xs


def embed(tokens: Tensor, puzzle_id: int, weights: Weights, config: PublishedConfig):
    own = weights["embedding.puzzles.weights"][puzzle_id]
    xs = [own] + [0 * own] * (config.puzzle_token_cnt - 1)
    xs += [weights["embedding.tokens.weight"][token] for token in tokens]
    if config.positions == "learned":
        places = weights["embedding.positions.weight"]
        xs = [(x + place) / math.sqrt(2) for x, place in zip(xs, places, strict=True)]
    return [x * math.sqrt(config.d_model) for x in xs]


def initial(weights: Weights, length: int):
    return [weights["zH_init"]] * length, [weights["zL_init"]] * length


def segment(zH, zL, tokens: Tensor, puzzle_id: int, weights: Weights, config: PublishedConfig):
    """A segment about one puzzle, ``(S,)``: states, ``(S, V)`` logits, ``(2,)`` values."""
    x = embed(tokens, puzzle_id, weights, config)
    slow = "H" if "H.blocks.0.mlp.down.weight" in weights else "L"
    updates = []
    for _ in range(config.H_cycle_cnt):
        updates += ["L"] * config.L_cycle_cnt + ["H"]
    with_gradient = {"one_step": 2, "last_cycle": config.L_cycle_cnt + 1, "full": len(updates)}
    for number, kind in enumerate(updates):
        if kind == "L":
            both = [h + e for h, e in zip(zH, x, strict=True)]
            zL = module(zL, both, weights, "L", config)
        else:
            zH = module(zH, zL, weights, slow, config)
        if number < len(updates) - with_gradient[config.grad_horizon]:
            zH, zL = [z.detach() for z in zH], [z.detach() for z in zL]
    cells = zH[config.puzzle_token_cnt :]
    logits = torch.stack([weights["head.weight"] @ z for z in cells])
    return zH, zL, logits, weights["q_head.weight"] @ zH[0] + weights["q_head.bias"]


def stablemax_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over the graded cells of one puzzle, in float64."""
    losses = []
    for row, target in zip(logits.double(), targets, strict=True):
        if target >= 0:
            s = torch.stack([y + 1 if y >= 0 else 1 / (1 - y) for y in row])
            losses.append(-torch.log(s[target] / s.sum()))
    return torch.stack(losses).mean()


def binary_loss(value: Tensor, target: Tensor | float) -> Tensor:
    """Cross-entropy of the probability sigmoid(value)."""
    p = 1 / (1 + torch.exp(-value.double()))
    return -(target * torch.log(p) + (1 - target) * torch.log(1 - p))


def adam_atan2(w: Tensor, g: Tensor, state: dict, lr: float, decay: float) -> Tensor:
    """Everett et al. 2024, with 0.9 and 0.95, as HRM's own package computes it."""
    t = state["t"] = state.get("t", 0) + 1
    m = state["m"] = 0.9 * state.get("m", 0 * g) + 0.1 * g
    v = state["v"] = 0.95 * state.get("v", 0 * g) + 0.05 * g * g
    move = torch.atan2(m, torch.sqrt(v / (1 - 0.95**t))) / (1 - 0.9**t)
    return w * (1 - lr * decay) - lr * move
