"""Which optimizer moves what, and Muon's step against a singular value decomposition."""

import math

import pytest
import torch
from helpers import tiny

from hrm.models.hrm import HRM
from hrm.runs import launch
from hrm.training.optimizers import make_optimizers

needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch is too old")


def moved_by(optimizer: torch.optim.Optimizer, model: HRM) -> set[str]:
    mine = {id(p) for p in optimizer.param_groups[0]["params"]}
    return {name for name, p in model.named_parameters() if id(p) in mine}


@needs_muon
def test_muon_moves_the_matrices_of_blocks_and_adamw_all_else():
    config = tiny(model__local_mixing=True, model__rope_2d=True, model__bias_qkv=True,
                  train__optimizer="muon")  # fmt: skip
    model = HRM(config.model, 4)
    optimizers = make_optimizers(config.train, model)
    assert moved_by(optimizers["muon"], model) == {
        f"{module}.blocks.0.sublayers.{layer}.weight"
        for module in "HL"
        for layer in ("1.qkv", "1.out", "2.gate_up", "2.down")
    }
    assert moved_by(optimizers["adamw"], model) == {
        name for name, _ in model.named_parameters()
    } - moved_by(optimizers["muon"], model)
    alone = make_optimizers(tiny().train, model)
    assert list(alone) == ["adamw"]
    assert moved_by(alone["adamw"], model) == {name for name, _ in model.named_parameters()}


@needs_muon
def test_muon_steps_along_the_nearest_orthonormal_matrix_at_the_size_of_adamw():
    config = tiny(model__d_model=32, train__optimizer="muon", train__weight_decay=0.1,
                  train__lr=0.01)  # fmt: skip
    torch.manual_seed(0)
    model = HRM(config.model, 4)
    optimizers = make_optimizers(config.train, model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    moved, factors = moved_by(optimizers["muon"], model), {}
    assert len(moved) == 8
    for name in moved:
        parameter = model.get_parameter(name)
        left, values, right = torch.linalg.svd(torch.randn_like(parameter), full_matrices=False)
        factors[name] = left, right
        # Tiny singular values stay small for more than five Newton-Schulz steps.
        parameter.grad = left @ values.clamp(0.2 * values.max()).diag() @ right
    optimizers["muon"].step()
    for name, (left, right) in factors.items():
        parameter = model.get_parameter(name).detach()
        step = (before[name] * (1 - 0.01 * 0.1) - parameter) / 0.01
        step /= 0.2 * math.sqrt(max(parameter.shape))
        inside = left.T @ step @ right.T
        # Five steps bring the singular values near to 1, not to it.
        assert inside.diagonal().min() > 0.6 and inside.diagonal().max() < 1.3
        assert (inside - inside.diagonal().diag()).abs().max() < 0.05


def test_muon_is_refused_before_anything_begins_where_pytorch_has_none(monkeypatch, tmp_path):
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    config, refusal = tiny(train__optimizer="muon"), r"train\.optimizer: .* has no Muon; use adamw"
    with pytest.raises(ValueError, match=refusal):
        launch.start(tmp_path / "run", config)
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match=refusal):
        make_optimizers(config.train, HRM(config.model, 4))
