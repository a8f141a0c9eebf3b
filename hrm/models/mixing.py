"""Mixing along what a puzzle declares: each vector sees those that it belongs together with."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hrm.models import kernels, narrow
from hrm.models.layout import CODES, Layout


class LocalMixing(nn.Module):
    """A depthwise convolution over the grid: each cell sees its neighbours.

    Args:
        d_model: width (D); each channel has its own weights.
        radius: how far a neighbour lies at most; 1: the eight around a cell.
    """

    def __init__(self, d_model: int, radius: int = 1):
        super().__init__()
        side = 2 * radius + 1
        self.conv = nn.Conv2d(d_model, d_model, side, padding=radius, groups=d_model, bias=False)

    def forward(self, x: Float[Tensor, "B SN D"], layout: Layout) -> Float[Tensor, "B SN D"]:
        # As a view this is channels-last, the layout in which the CPU kernel is fast. It is fast at
        # some widths only: 1.0 ms at width 128, but 10.7 ms at width 96 (forward and backward, 64
        # boards of 10×10; docs/log.md).
        grid = layout.by_code(x).unflatten(1, layout.shape).permute(0, 3, 1, 2)
        return layout.by_cell(self.conv(grid).permute(0, 2, 3, 1).flatten(1, 2))


class GroupMixing(nn.Module):
    """Means over groups: for each kind of group, a vector gets the mean over its group, channel by
    channel with a weight of its own.

    Groups of cells work code by code; the vectors of one cell are a group too. Where a cell belongs
    to several groups of a kind, it gets the mean of their means.

    Args:
        d_model: width (D).
        kinds: of groups; the last may be `CODES`.
        rows: for each kind, which of the weights are its own; kinds may share them.
    """

    def __init__(self, d_model: int, kinds: tuple[str, ...], rows: tuple[int, ...]):
        super().__init__()
        self.kinds, self.rows = kinds, rows
        self.weight = nn.Parameter(torch.randn(1 + max(rows), d_model))

    def forward(self, x: Float[Tensor, "B SN D"], layout: Layout) -> Float[Tensor, "B SN D"]:
        small = layout.code_cnt * x.shape[-1] <= narrow.MOST_IN_A_CELL
        if small and kernels.apply_to(x, weight=self.weight):
            mixed = narrow.group_mix(x, self._of_kinds(), layout, self.kinds[-1] == CODES)
            return mixed.to(kernels.product_dtype())
        cells = x.unflatten(1, (layout.cell_cnt, layout.code_cnt))
        mixed, weight = torch.zeros_like(cells), self._of_kinds()
        if layout.group_cnts:
            counts = torch.tensor(layout.group_cnts, device=x.device)
            weights = weight[: len(counts)].repeat_interleave(counts, dim=0)
            means = torch.einsum("gs,bsnd->bgnd", layout.gather, cells) * weights[:, None]
            mixed = torch.einsum("sg,bgnd->bsnd", layout.spread, means)
        if self.kinds[-1] == CODES:
            mixed = mixed + weight[-1] * cells.mean(dim=2, keepdim=True)
        return mixed.flatten(1, 2)

    def _of_kinds(self) -> Float[Tensor, "K D"]:
        """Weights for each kind."""
        return self.weight if len(self.weight) == len(self.kinds) else self.weight[[*self.rows]]
