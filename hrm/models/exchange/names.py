"""What the weights are called elsewhere, and the way back.

A pattern's ``*`` stands for the number of a block, or for the name of a module.
"""

import re
from collections.abc import Iterable

_PUBLISHED = {
    "zH_init": "H_init",
    "zL_init": "L_init",
    "embedding.tokens.weight": "embed_tokens.embedding_weight",
    "embedding.positions.weight": "embed_pos.embedding_weight",
    "embedding.puzzles.weights": "puzzle_emb.weights",
    "head.weight": "lm_head.weight",
    "q_head.weight": "q_head.weight",
    "q_head.bias": "q_head.bias",
    "*.blocks.*.mixing.qkv.weight": "*_level.layers.*.self_attn.qkv_proj.weight",
    "*.blocks.*.mixing.out.weight": "*_level.layers.*.self_attn.o_proj.weight",
    "*.blocks.*.mixing.mlp.gate_up.weight": "*_level.layers.*.mlp_t.gate_up_proj.weight",
    "*.blocks.*.mixing.mlp.down.weight": "*_level.layers.*.mlp_t.down_proj.weight",
    "*.blocks.*.mlp.gate_up.weight": "*_level.layers.*.mlp.gate_up_proj.weight",
    "*.blocks.*.mlp.down.weight": "*_level.layers.*.mlp.down_proj.weight",
}
_SPECIFICATION = {
    "zH_init": "zH_init",
    "zL_init": "zL_init",
    "embedding.tokens.weight": "embed.tok.weight",
    "embedding.positions.weight": "embed.pos.weight",
    "head.weight": "head.weight",
    "head.bias": "head.bias",
    "*.blocks.*.sublayers.0.qkv.weight": "*.hrm_blocks.*.attn.w_qkv.weight",
    "*.blocks.*.sublayers.0.qkv.bias": "*.hrm_blocks.*.attn.w_qkv.bias",
    "*.blocks.*.sublayers.0.out.weight": "*.hrm_blocks.*.attn.w_o.weight",
    "*.blocks.*.sublayers.0.out.bias": "*.hrm_blocks.*.attn.w_o.bias",
    "*.blocks.*.sublayers.1.gate_up.weight": "*.hrm_blocks.*.mlp.w0.weight",
    "*.blocks.*.sublayers.1.down.weight": "*.hrm_blocks.*.mlp.w1.weight",
    "*.blocks.*.norms.0.weight": "*.hrm_blocks.*.norm0.weight",
    "*.blocks.*.norms.1.weight": "*.hrm_blocks.*.norm1.weight",
}
TABLES = {"published": _PUBLISHED, "specification": _SPECIFICATION}
"""By layout: our names, and theirs."""


def to_theirs(name: str, layout: str) -> str | None:
    """The name of one of our weights in a layout; None: there is none."""
    return _renamed(name, TABLES[layout].items())


def to_ours(name: str, layout: str) -> str | None:
    """The name that a weight of a layout has here; None: it is no weight of that layout."""
    return _renamed(name, ((theirs, ours) for ours, theirs in TABLES[layout].items()))


def _renamed(name: str, table: Iterable[tuple[str, str]]) -> str | None:
    for before, after in table:
        pattern = re.escape(before).replace(r"\*", "([HL]|[0-9]{1,4})")
        if found := re.fullmatch(pattern, name):
            return after.replace("*", "{}").format(*found.groups())
    return None
