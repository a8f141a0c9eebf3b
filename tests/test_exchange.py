"""Checkpoints of other programs: read, written back, refused; and ONNX graphs."""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import config

import hrm
from hrm import HRM, HRMActConfig, Inputs, ModelConfig, TRMConfig, cli
from hrm.config.yaml_text import parse_yaml, to_yaml
from hrm.inference.models import task_of
from hrm.models.exchange import onnx
from hrm.models.exchange.convert import export_model, import_model
from hrm.models.networks import make_network
from hrm.tasks.grid import Grid

SIZES: Any = {"d_model": 16, "head_cnt": 2, "expansion": 3.0}
ODD = Grid(2, 3, input_codes=7, answer_codes=7, puzzle_identifiers=3)
PUBLISHED = {
    "hrm_act": HRMActConfig(**SIZES, H_block_cnt=1, L_block_cnt=2, H_cycle_cnt=3),
    "learned": HRMActConfig(**SIZES, positions="learned", infer_segment_cnt=5),
    "trm": TRMConfig(**SIZES, L_block_cnt=1, puzzle_token_cnt=4, q_continue=True),
    "mixer": TRMConfig(**SIZES, mixing="mlp", positions="none", L_cycle_cnt=2),
}
SPECIFICATION = {
    "default": ModelConfig(d_model=16, head_cnt=2, H_block_cnt=1),
    "other": ModelConfig(d_model=12, head_cnt=3, H_block_cnt=2, L_block_cnt=1, bias_qkv=True,
                         bias_o=True, head_bias=True, use_abs_pos=True, use_rope=False,
                         learnable_z_init=False, elementwise_affine=False, expansion=1.3,
                         H_cycle_cnt=3),
}  # fmt: skip


def network(config, grid: Any = ODD) -> Any:
    torch.manual_seed(0)
    model = make_network(config, grid)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not name.endswith("_init"):
                tensor.normal_(std=0.3)
    return model.eval()


def assert_same(one, other):
    assert (one.config, one.grid, one.task) == (other.config, other.grid, other.task)
    theirs = other.state_dict()
    assert list(one.state_dict()) == list(theirs)
    assert all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_checkpoint_goes_out_and_in_and_is_the_same(name, tmp_path):
    model = network(PUBLISHED[name])
    model.task = {"name": "folder", "rows": 2, "columns": 3, "vocab_size": 7}
    settings, weights = export_model(model, "published", tmp_path)
    assert (settings.name, weights.name) == ("all_config.yaml", "step_0")
    assert_same(import_model(tmp_path), model)
    again = tmp_path / "again"
    export_model(import_model(tmp_path), "published", again)
    first, second = (torch.load(f, weights_only=True) for f in (weights, again / "step_0"))
    assert list(first) == list(second)
    assert all(
        torch.equal(first[k], second[k]) and first[k].dtype == second[k].dtype for k in first
    )
    assert all(key.startswith("_orig_mod.model.inner.") for key in first)
    arch = parse_yaml(settings.read_text(), source="")["arch"]
    assert arch["hidden_size"] == 16 and arch["num_heads"] == 2


@pytest.mark.parametrize("prefix", ["", "model.inner.", "_orig_mod.model.inner."])
@pytest.mark.parametrize("name", ["hrm_act", "trm", "mixer"])
def test_a_state_dict_alone_tells_the_network(name, prefix, tmp_path):
    sizes: Any = {"d_model": 128, "head_cnt": 2, "L_block_cnt": 1}
    own = {
        "hrm_act": HRMActConfig(**sizes, H_block_cnt=1),
        "trm": TRMConfig(**sizes),
        "mixer": TRMConfig(**sizes, mixing="mlp", positions="none"),
    }[name]
    model = network(own, Grid(9, 9, 11, 11))
    export_model(model, "published", tmp_path / "whole")
    named = torch.load(tmp_path / "whole" / "step_0", weights_only=True)
    bare = {prefix + k.removeprefix("_orig_mod.model.inner."): v for k, v in named.items()}
    torch.save(bare, tmp_path / "weights.pt")
    found = import_model(tmp_path)
    assert (found.config, found.grid) == (own, model.grid)
    assert found.task["name"] == "folder" and task_of(found).grid == found.grid
    tokens = torch.randint(11, (2, 81))
    _, one = found(found.initial_state(2), Inputs(tokens))
    _, other = model(model.initial_state(2), Inputs(tokens))
    assert torch.equal(one.logits, other.logits)


@pytest.mark.parametrize("name", SPECIFICATION)
def test_a_state_dict_of_the_specification_goes_out_and_in(name, tmp_path):
    model = network(SPECIFICATION[name], 4)
    export_model(model, "specification", tmp_path)
    found = import_model(tmp_path)
    expected = model.config.model_dump() | {"L_block_cnt": found.config.L_block_cnt}
    assert found.config == ModelConfig(**expected)
    model.config = found.config
    assert_same(found, model)
    named = torch.load(tmp_path / "boardpath.pt", weights_only=True)
    assert named["zH_init"].shape == (1, 1, model.config.d_model)
    assert {"embed.tok.weight", "H.hrm_blocks.0.attn.w_qkv.weight"} <= named.keys()
    (tmp_path / "parameters.yaml").unlink()
    settings = {k: getattr(model.config, k) for k in ("head_cnt", "use_rope", "H_cycle_cnt")}
    alone = import_model(tmp_path / "boardpath.pt", (4, 4), settings)
    tokens = torch.randint(5, (2, 16))
    assert torch.equal(
        alone(alone.initial_state(2), tokens)[1], model(model.initial_state(2), tokens)[1]
    )


class Evil:
    """Would write a file if it were unpickled."""

    def __init__(self, file: Path):
        self.file = file

    def __reduce__(self):
        return Path.write_text, (self.file, "ran")


def written(tmp_path: Path) -> Path:
    export_model(network(PUBLISHED["trm"]), "published", tmp_path)
    return tmp_path / "step_0"


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-500])


def with_code(file: Path) -> None:
    torch.save({"x": Evil(file.parent / "ran")}, file)


def with_plain_code(file: Path) -> None:
    file.write_bytes(pickle.dumps(Evil(file.parent / "ran")))


def changed(file: Path, change) -> None:
    named = torch.load(file, weights_only=True)
    torch.save(change(named), file)


def configured(file: Path, **arch) -> None:
    path = file.parent / "all_config.yaml"
    content = parse_yaml(path.read_text(), source="")
    content["arch"] |= arch
    path.write_text(to_yaml(content))


HEAD = "_orig_mod.model.inner.lm_head.weight"
DAMAGE = {
    "truncated": (truncated, "step_0: is not read: damaged"),
    "code": (with_code, "or it holds more than tensors; only plain state dicts are"),
    "plain pickle": (with_plain_code, "or it holds more than tensors"),
    "empty": (lambda f: f.write_bytes(b""), "damaged"),
    "a list": (lambda f: torch.save([torch.zeros(1)], f), "holds list, expected named tensors"),
    "nested": (lambda f: torch.save({"model": {"x": torch.zeros(1)}}, f), "'model' is no tensor"),
    "integers": (lambda f: changed(f, lambda n: n | {HEAD: n[HEAD].int()}), "plain floats"),
    "not finite": (lambda f: changed(f, lambda n: n | {HEAD: n[HEAD] / 0}), "lm_head.* not finite"),
    "foreign": (lambda f: torch.save({"conv1.w": torch.zeros(3)}, f), "conv1.w: no weight"),
    "one more": (lambda f: changed(f, lambda n: n | {"model.inner.x": n[HEAD]}), "x: no weight"),
    "one less": (lambda f: changed(f, lambda n: {k: v for k, v in n.items() if k != HEAD}),
                 "lm_head.weight is missing"),
    "other shape": (lambda f: changed(f, lambda n: n | {HEAD: n[HEAD][:, :-1]}),
                    r"does not fit its settings: head.weight is \(7, 15\), expected \(7, 16\)"),
    "no block": (lambda f: changed(f, lambda n: {k: v for k, v in n.items() if "o_proj" not in k}),
                 "L.blocks.0.mixing.out.weight is missing"),
    "other width": (lambda f: configured(f, hidden_size=32), "hidden_size: 32, .* weights say 16"),
    "other inner width": (lambda f: configured(f, expansion=40), "does not fit its settings"),
    "other depth": (lambda f: configured(f, L_layers=9), "L_layers: 9"),
    "other mixing": (lambda f: configured(f, mlp_t=True), "mlp_t: True"),
    "wrong heads": (lambda f: configured(f, num_heads=3), "d_model: 16 is not divisible"),
    "words": (lambda f: configured(f, H_cycles="many"), "H_cycle_cnt: .*got 'many'"),
    "no yaml": (lambda f: (f.parent / "all_config.yaml").write_text("- 1"), "named values"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_damaged_or_foreign_is_refused_and_nothing_of_it_runs(name, tmp_path):
    file = written(tmp_path)
    damage, words = DAMAGE[name]
    damage(file)
    with pytest.raises(ValueError, match=words) as caught:
        import_model(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "ran").exists()


def test_the_newest_step_is_taken_and_doubts_are_told(tmp_path):
    file = written(tmp_path)
    torch.save({}, tmp_path / "step_9")
    with pytest.raises(ValueError, match="step_9"):
        import_model(tmp_path)
    (tmp_path / "step_9").unlink()
    assert import_model(tmp_path).grid == import_model(file).grid
    with pytest.raises(ValueError, match="expected one checkpoint"):
        import_model(tmp_path.parent)
    with pytest.raises(ValueError, match="no such file or folder"):
        import_model(tmp_path / "nothing")
    (tmp_path / "all_config.yaml").unlink()
    with pytest.raises(ValueError, match=r"does not tell the size.*--size RxC"):
        import_model(tmp_path)


def test_what_another_program_does_not_have_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"model.rope_2d: True; .* has only False"):
        export_model(HRM(ModelConfig(d_model=16, head_cnt=2, rope_2d=True), 4), "specification",
                     tmp_path)  # fmt: skip
    with pytest.raises(ValueError, match="is for the networks hrm_act and trm"):
        export_model(HRM(ModelConfig(d_model=16, head_cnt=2), 4), "published", tmp_path)
    with pytest.raises(ValueError, match="is for the network hrm,"):
        export_model(network(PUBLISHED["trm"]), "specification", tmp_path)


def run(monkeypatch, capsys, *words) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["hrm", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    captured = capsys.readouterr()
    return int(str(end.value.code)), captured.out, captured.err


def test_the_commands(tmp_path, monkeypatch, capsys):
    written(tmp_path / "foreign")
    out = tmp_path / "model"
    code, printed, _ = run(monkeypatch, capsys, "import", tmp_path / "foreign", "--out", out)
    assert code == 0 and "network trm" in printed
    assert hrm.from_pretrained(out).config == PUBLISHED["trm"]
    code, _, error = run(monkeypatch, capsys, "import", tmp_path / "foreign", "--out", out)
    assert code == 2 and "already there" in error
    back = tmp_path / "back"
    code, printed, _ = run(
        monkeypatch, capsys, "export", out, "--layout", "published", "--out", back
    )
    assert code == 0 and "step_0" in printed
    assert_same(import_model(back), hrm.from_pretrained(out))
    for words in (("import", tmp_path / "foreign"), ("export", out, "--layout", "published")):
        code, _, error = run(monkeypatch, capsys, *words, "--out", back)
        assert code == 2 and "already there" in error
    words = ("import", tmp_path / "foreign", "--out", tmp_path / "x", "model.head_cntt=1")
    code, _, error = run(monkeypatch, capsys, *words)
    assert code == 2 and "perhaps you meant model.head_cnt" in error
    words = ("import", tmp_path / "foreign", "--out", tmp_path / "x", "train.lr=1")
    assert run(monkeypatch, capsys, *words)[0] == 2


ANY_SIZE: Any = {"modules": "H", "H_block_cnt": 1, "rope_2d": True, "local_mixing": True,
            "grad_horizon": "full"}  # fmt: skip
GRAPHS = {
    "trm": (TRMConfig(d_model=16, head_cnt=2, L_block_cnt=1, H_cycle_cnt=1, L_cycle_cnt=1), ODD),
    "hrm": (ModelConfig(d_model=16, head_cnt=2, H_block_cnt=1), 3),
    "any size": (ModelConfig(d_model=16, head_cnt=2, **ANY_SIZE), 3),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_of_a_segment_computes_what_the_network_does(name, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model = network(*GRAPHS[name])
    config.update("jaxtyping_disable", True)  # the exporter's sizes are no numbers
    try:
        export_model(model, "onnx", tmp_path)
    finally:
        config.update("jaxtyping_disable", False)
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    vectors = json.loads((tmp_path / "initial_state.json").read_text())
    for count, shape in ((1, None), (5, (4, 2) if name == "any size" else None)):
        inputs = onnx.sample_inputs(model, count, shape)
        inputs["tokens"] = torch.randint(model.grid.input_codes, inputs["tokens"].shape)
        fed = {key: value.numpy() for key, value in inputs.items()}
        for key, vector in vectors.items():
            assert np.allclose(fed[key], np.array(vector, dtype=np.float32))
        state = model.initial_state(count, shape)
        for _ in range(2):
            found = dict(
                zip([o.name for o in session.get_outputs()], session.run(None, fed), strict=True)
            )
            with torch.no_grad():
                state, output = model(state, Inputs(inputs["tokens"], inputs.get("puzzle_ids")))
            assert np.allclose(found["logits"], output.logits.numpy(), atol=1e-4)
            assert ("halt" in found) == (output.halt is not None)
            fed |= {key: found[f"{key}_out"] for key in vectors}
            assert np.allclose(fed["zH"].reshape(state.zH.shape), state.zH.numpy(), atol=1e-4)
