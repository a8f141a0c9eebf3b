"""The model and one training step written out plainly, one puzzle, one head, one cell at a time.

Slow and obvious on purpose: it shares nothing with the library but the names of the weights.
"""

import math

import torch
from torch import Tensor

from hrm import ModelConfig

Weights = dict[str, Tensor]


def rms_norm(x: Tensor, weight: Tensor | None) -> Tensor:
    scaled = x / torch.sqrt((x * x).mean() + torch.finfo(x.dtype).eps)
    return scaled if weight is None else scaled * weight


def linear(x: Tensor, weights: Weights, name: str) -> Tensor:
    y = weights[f"{name}.weight"] @ x
    return y + weights[f"{name}.bias"] if f"{name}.bias" in weights else y


def rotate(x: Tensor, cell: int, columns: int, two_dimensional: bool) -> Tensor:
    """Pair i is coordinates i and i + half, turned by position · 10000^(-i / pairs)."""
    half = len(x) // 2
    y = x.clone()
    for pair in range(half):
        if two_dimensional:
            position = cell // columns if pair < half // 2 else cell % columns
            angle = position * 10_000 ** -((pair % (half // 2)) / (half // 2))
        else:
            angle = cell * 10_000 ** -(pair / half)
        a, b = x[pair], x[pair + half]
        y[pair] = a * math.cos(angle) - b * math.sin(angle)
        y[pair + half] = b * math.cos(angle) + a * math.sin(angle)
    return y


def attention(
    cells: list[Tensor], weights: Weights, name: str, config: ModelConfig, columns: int
) -> list[Tensor]:
    width, turn = config.d_model // config.head_cnt, config.rope_2d
    projected = [linear(cell, weights, f"{name}.qkv") for cell in cells]
    mixed: list[list[Tensor]] = [[] for _ in cells]
    for head in range(config.head_cnt):
        q, k, v = (
            [p[part * config.d_model + head * width :][:width] for p in projected]
            for part in range(3)
        )
        if config.use_rope:
            q, k = ([rotate(x, i, columns, turn) for i, x in enumerate(xs)] for xs in (q, k))
        for i, query in enumerate(q):
            scores = torch.stack([query @ key / math.sqrt(width) for key in k])
            shares = torch.exp(scores) / torch.exp(scores).sum()
            mixed[i].append(sum((s * value for s, value in zip(shares, v, strict=True)), 0 * query))
    return [linear(torch.cat(heads), weights, f"{name}.out") for heads in mixed]


def swiglu(cell: Tensor, weights: Weights, name: str) -> Tensor:
    gate, up = linear(cell, weights, f"{name}.gate_up").chunk(2)
    return linear(gate / (1 + torch.exp(-gate)) * up, weights, f"{name}.down")


def local_mixing(cells: list[Tensor], weights: Weights, name: str, columns: int) -> list[Tensor]:
    rows, kernel = len(cells) // columns, weights[f"{name}.conv.weight"]
    mixed = []
    for row in range(rows):
        for column in range(columns):
            total = torch.zeros_like(cells[0])
            for dr in (-1, 0, 1):
                for dc in (-1, 0, 1):
                    if 0 <= row + dr < rows and 0 <= column + dc < columns:
                        neighbour = cells[(row + dr) * columns + column + dc]
                        total = total + kernel[:, 0, dr + 1, dc + 1] * neighbour
            mixed.append(total)
    return mixed


def block(
    cells: list[Tensor], weights: Weights, name: str, config: ModelConfig, columns: int
) -> list[Tensor]:
    sublayers = ["local", "attention", "swiglu"] if config.local_mixing else ["attention", "swiglu"]
    for index, kind in enumerate(sublayers):
        at = f"{name}.sublayers.{index}"
        if kind == "local":
            out = local_mixing(cells, weights, at, columns)
        elif kind == "attention":
            out = attention(cells, weights, at, config, columns)
        else:
            out = [swiglu(cell, weights, at) for cell in cells]
        scale = weights.get(f"{name}.norms.{index}.weight")
        cells = [rms_norm(x + y, scale) for x, y in zip(cells, out, strict=True)]
    return cells


def module(
    state, injected, weights: Weights, name: str, config: ModelConfig, columns: int
) -> list[Tensor]:
    cells = [s + i for s, i in zip(state, injected, strict=True)]
    count = config.H_block_cnt if name == "H" else config.L_block_cnt or config.H_block_cnt
    for index in range(count):
        cells = block(cells, weights, f"{name}.blocks.{index}", config, columns)
    return cells


def embed(tokens: Tensor, weights: Weights, config: ModelConfig) -> list[Tensor]:
    cells = []
    for position, token in enumerate(tokens.flatten()):
        x = weights["embedding.tokens.weight"][token]
        if config.use_abs_pos:
            x = x + weights["embedding.positions.weight"][position]
        cells.append(x * math.sqrt(config.d_model))
    return cells


def segment(zH, zL, tokens: Tensor, weights: Weights, config: ModelConfig):
    """One segment about one puzzle of ``(R, C)`` tokens: new states and ``(S, V)`` logits."""
    x, columns = embed(tokens, weights, config), tokens.shape[1]
    steps = config.H_cycle_cnt * config.L_cycle_cnt
    horizon = {"one_step": 1, "full": steps}.get(str(config.grad_horizon), config.grad_horizon)
    for step in range(1, steps + 1):
        # What a step without gradient makes is a constant to the steps after it. A state that it
        # only hands on, such as the initial zH before the first H update, is not made by it.
        cut = step <= steps - int(horizon)
        if config.modules == "H":
            zH = constant(module(zH, x, weights, "H", config, columns), cut)
        else:
            both = [h + e for h, e in zip(zH, x, strict=True)]
            zL = constant(module(zL, both, weights, "L", config, columns), cut)
            if step % config.L_cycle_cnt == 0:
                zH = constant(module(zH, zL, weights, "H", config, columns), cut)
    return zH, zL, torch.stack([linear(cell, weights, "head") for cell in zH])


def constant(states: list[Tensor], cut: bool) -> list[Tensor]:
    return [z.detach() for z in states] if cut else states


def initial(weights: Weights, config: ModelConfig, cell_cnt: int):
    zH = [weights["zH_init"]] * cell_cnt
    zL = [weights["zL_init"]] * cell_cnt if config.modules == "HL" else []
    return zH, zL


def cross_entropies(logits: Tensor, targets: Tensor) -> list[Tensor]:
    """Of each cell that is graded, that is, whose target is a code."""
    return [
        -torch.log(torch.exp(row)[target] / torch.exp(row).sum())
        for row, target in zip(logits, targets, strict=True)
        if target >= 0
    ]


class AdamW:
    """Loshchilov & Hutter 2019, for weights that have a gradient."""

    def __init__(self, lr: float, weight_decay: float):
        self.lr, self.decay = lr, weight_decay
        self.state: dict[str, tuple[int, Tensor, Tensor]] = {}

    def step(self, weights: Weights, gradients: dict[str, Tensor]) -> Weights:
        new = dict(weights)
        for name, g in gradients.items():
            t, m, v = self.state.get(name, (0, torch.zeros_like(g), torch.zeros_like(g)))
            t, m, v = t + 1, 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            self.state[name] = (t, m, v)
            move = (m / (1 - 0.9**t)) / (torch.sqrt(v / (1 - 0.999**t)) + 1e-8)
            new[name] = weights[name] * (1 - self.lr * self.decay) - self.lr * move
        return new
