"""Model folders: what is written is read back, old formats too; what is damaged is named."""

import json

import pytest
import torch
from safetensors.torch import save_file

from hrm import ModelConfig
from hrm.models import hub, tensors
from hrm.models.hrm import HRM
from hrm.tasks.grid import Grid

CONFIG = ModelConfig(d_model=8, head_cnt=2, H_block_cnt=1, use_abs_pos=True)


GRID = '{"height": %d, "width": 4, "input_codes": 5, "answer_codes": 5}'


def second_format(grid: str, task: str = "{}") -> str:
    return f'{{"format_version": 2, "task": {task}, "grid": {grid}, "model": {{}}}}'


@pytest.fixture
def model():
    torch.manual_seed(0)
    return HRM(CONFIG, 4)


@pytest.fixture
def folder(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_round_trip(model, folder):
    loaded = HRM.from_pretrained(folder)
    assert loaded.config == model.config and loaded.task == model.task
    assert loaded.grid.shape == (4, 4) and not loaded.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


def test_a_model_of_any_grid_comes_back_with_its_grid_and_its_task(tmp_path):
    grid, task = Grid(3, 5, input_codes=4, answer_codes=7), {"name": "mine.py:Mine", "colours": 3}
    HRM(CONFIG, grid, task).save_pretrained(tmp_path)
    loaded = HRM.from_pretrained(tmp_path)
    assert (loaded.grid, loaded.task) == (grid, task)


def test_a_folder_of_the_first_format_is_a_board_path_model(model, folder):
    old = json.dumps({"format_version": 1, "board_size": 4, "model": CONFIG.model_dump()})
    (folder / hub.CONFIG).write_text(old)
    tensors.write(folder / hub.WEIGHTS, model.state_dict(), old)
    loaded = HRM.from_pretrained(folder)
    assert loaded.task["name"] == "boardpath" and loaded.task["board_size"] == 4
    assert loaded.grid == model.grid
    assert torch.equal(loaded.head.weight, model.head.weight)


def test_reading_a_model_never_touches_the_random_numbers_of_the_process(folder, monkeypatch):
    def refuse(*_):
        raise AssertionError("another thread may be drawing numbers")

    monkeypatch.setattr(torch.random, "set_rng_state", refuse)
    monkeypatch.setattr(torch, "set_rng_state", refuse)
    monkeypatch.setattr(torch, "manual_seed", refuse)
    before = torch.get_rng_state()
    HRM.from_pretrained(folder)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_that_was_read_is_whole(model, folder):
    """It is made without values: every tensor is on the CPU, of its type, and as learnable."""
    half = {name: tensor.half() for name, tensor in model.state_dict().items()}
    save_file(half, folder / hub.WEIGHTS)
    loaded = HRM.from_pretrained(folder)
    made, read = (dict([*m.named_parameters(), *m.named_buffers()]) for m in (model, loaded))
    assert made.keys() == read.keys() and "H.blocks.0.sublayers.0.rope.cos" in read
    for name, tensor in made.items():
        torch.testing.assert_close(read[name], tensor, atol=1e-3, rtol=1e-3)
        assert read[name].requires_grad == tensor.requires_grad, name


def test_a_run_folder_stands_for_its_best_checkpoint(model, tmp_path):
    model.save_pretrained(tmp_path / "run" / "checkpoints" / "best")
    assert hub.find_model(tmp_path / "run") == tmp_path / "run" / "checkpoints" / "best"


def test_folders_of_other_writers_load_too(model, folder):
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / hub.WEIGHTS)
    (folder / hub.CARD).unlink()
    HRM.from_pretrained(folder)


def test_what_is_pushed_is_what_is_saved(model, monkeypatch, tmp_path):
    pushed = {}

    class Api:
        def __init__(self, token=None):
            pass

        def create_repo(self, repo_id, **_):
            return type("Url", (), {"repo_id": repo_id})

        def upload_folder(self, folder_path, **_):
            pushed.update({file.name: file.read_bytes() for file in folder_path.iterdir()})
            return "done"

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    assert model.push_to_hub("someone/model") == "done"
    assert set(pushed) == {hub.CONFIG, hub.WEIGHTS, hub.CARD}
    for name, content in pushed.items():
        (tmp_path / name).write_bytes(content)
    assert HRM.from_pretrained(tmp_path).config == CONFIG


def test_saving_twice_gives_the_same_bytes(model, tmp_path):
    for name in ("one", "two"):
        model.save_pretrained(tmp_path / name)
    for file in (hub.CONFIG, hub.WEIGHTS, hub.CARD):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_an_own_card_is_kept(model, tmp_path):
    model.save_pretrained(tmp_path, model_card="# Mine\n")
    assert (tmp_path / hub.CARD).read_text() == "# Mine\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "not JSON"),
        ("[]", "expected the keys"),
        ('{"model": {}}', "expected the keys"),
        ('{"board_size": 4, "model": {"d_modell": 8}}', "d_modell: unknown key; perhaps"),
        ('{"board_size": 4, "model": {"d_model": "8"}}', "model.d_model"),
        ('{"board_size": 100000, "model": {}}', "board_size: .*100000"),
        ('{"board_size": true, "model": {}}', "board_size"),
        ('{"board_size": "4", "model": {}}', "board_size: expected a number, got '4'"),
        ('{"board_size": 4, "model": {"d_model": 9}}', "head_cnt"),
        ('{"format_version": 2, "board_size": 4, "model": {}}', "expected the keys task, grid"),
        ('{"format_version": 3, "board_size": 4, "model": {}}', "format 3, but this version reads"),
        (second_format("{}"), "expected the keys"),
        (second_format("[4, 4, 5, 5]"), "expected the keys"),
        (second_format('{"height": 4, "width": 4, "input_codes": 5}'), "expected the keys"),
        (second_format(GRID % 1e9), "damaged"),
        (second_format(GRID % 0), "damaged"),
        (second_format(GRID % 257), "damaged"),
        (second_format(GRID % 4, task="7"), "expected the keys"),
        (second_format(GRID % 4, task='"ab"'), "expected the keys"),
        (second_format(GRID % 4, task="[]"), "expected the keys"),
    ],
)
def test_damaged_configs_are_named(folder, content, complaint):
    (folder / hub.CONFIG).write_text(content)
    with pytest.raises(ValueError, match=complaint) as error:
        HRM.from_pretrained(folder)
    assert str(folder / hub.CONFIG) in str(error.value)


def test_a_model_of_an_older_version_loads_when_a_new_key_has_come(folder):
    content = json.loads((folder / hub.CONFIG).read_text())
    del content["model"]["local_mixing"]  # as if that key were newer than the file
    older = json.dumps(content)
    (folder / hub.CONFIG).write_text(older)
    weights, _ = tensors.read(folder / hub.WEIGHTS)
    tensors.write(folder / hub.WEIGHTS, weights, older)
    assert HRM.from_pretrained(folder).config == CONFIG


def test_an_edited_config_is_noticed(folder):
    file = folder / hub.CONFIG
    file.write_text(file.read_text().replace('"infer_segment_cnt": 2', '"infer_segment_cnt": 3'))
    with pytest.raises(ValueError, match=r"config\.json: damaged or edited"):
        HRM.from_pretrained(folder)


def test_a_folder_is_no_model_before_its_weights_are_there(model, tmp_path, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(
            "hrm.models.tensors.write", lambda *_: (_ for _ in ()).throw(OSError(28, "full"))
        )
        with pytest.raises(OSError, match="full"):
            model.save_pretrained(tmp_path / "checkpoints" / "best")
    with pytest.raises(ValueError, match="no config"):
        HRM.from_pretrained(tmp_path)
    model.save_pretrained(tmp_path / "checkpoints" / "best")
    assert HRM.from_pretrained(tmp_path).parameter_cnt == model.parameter_cnt


def test_a_run_that_has_not_finished_an_epoch_is_not_taken_for_a_model(model, tmp_path):
    last = tmp_path / "run" / "checkpoints" / "last"
    model.save_pretrained(last)
    with pytest.raises(ValueError, match=r"not finished an epoch.*checkpoints/last"):
        hub.find_model(tmp_path / "run")
    assert hub.find_model(last) == last


def test_weights_of_another_model_are_refused(folder):
    content = json.loads((folder / hub.CONFIG).read_text())
    content["model"]["d_model"] = 16
    (folder / hub.CONFIG).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"does not fit config\.json: H\.blocks\.0"):
        HRM.from_pretrained(folder)


def test_damaged_and_missing_weights_are_named(folder):
    weights = folder / hub.WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-5] ^= 4
    weights.write_bytes(content)
    with pytest.raises(ValueError, match=f"{hub.WEIGHTS}: damaged: .*checksum"):
        HRM.from_pretrained(folder)
    weights.write_bytes(content[:50])
    with pytest.raises(ValueError, match=f"{hub.WEIGHTS}: damaged"):
        HRM.from_pretrained(folder)
    weights.unlink()
    with pytest.raises(ValueError, match=f"{hub.WEIGHTS}: No such file"):
        HRM.from_pretrained(folder)


@pytest.mark.parametrize("name", ["nope", "./nope", "../nope/nope", "/nope", "a/b/c", "", "."])
def test_unknown_models_are_named_with_those_there_are(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"model .*: (no such folder or bundled model|the folder)"):
        hub.find_model(name)


def test_a_missing_run_is_not_looked_for_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: pytest.fail("asked the hub"))
    with pytest.raises(ValueError, match="no such folder"):
        hub.find_model("runs/demo")


def test_repositories_are_downloaded(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(
        hub, "snapshot_download", lambda name, **options: asked.append((name, options)) or folder
    )
    HRM.from_pretrained("someone/model", revision="v1")
    assert asked[0][0] == "someone/model" and asked[0][1]["revision"] == "v1"


def test_an_unreachable_hub_is_one_line():
    with pytest.raises(ValueError, match="model someone/no-such-model: neither") as error:
        HRM.from_pretrained("someone/no-such-model")
    assert "\n" not in str(error.value)
