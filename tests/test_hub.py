import json

import pytest
import torch
from safetensors.torch import save_file

from hrm.config.schema import ModelConfig
from hrm.models import hub, tensors
from hrm.models.hrm import HRM
from hrm.tasks.boardpath.boards import VOCAB_SIZE

CONFIG = ModelConfig(d_model=8, head_cnt=2, H_block_cnt=1, use_abs_pos=True)


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
    assert loaded.config == model.config and loaded.board_size == 4
    assert not loaded.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


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
        ('{"board_size": 100000, "model": {}}', "board_size"),
        ('{"board_size": true, "model": {}}', "board_size"),
        ('{"board_size": 4, "model": {"d_model": 9}}', "head_cnt"),
        ('{"format_version": 2, "board_size": 4, "model": {}}', "format 2, but this version reads"),
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
    model.save_pretrained(tmp_path / "checkpoints" / "last")
    assert HRM.from_pretrained(tmp_path).parameter_cnt == model.parameter_cnt


def test_a_run_without_a_best_checkpoint_yet_stands_for_its_last(model, tmp_path):
    model.save_pretrained(tmp_path / "run" / "checkpoints" / "last")
    assert hub.find_model(tmp_path / "run") == tmp_path / "run" / "checkpoints" / "last"


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


def test_weights_of_a_model_hold_the_vocabulary(model):
    assert model.head.weight.shape == (VOCAB_SIZE, 8)
