"""Named tensors in a file: read back bit for bit, and every damage is noticed."""

import json

import pytest
import torch
from safetensors.torch import save_file

from hrm.models import tensors

TEXT = '{"epoch": 3, "note": "é"}'


def named_tensors():
    generator = torch.Generator().manual_seed(0)
    return {
        "blocks.0.weight": torch.randn(3, 4, generator=generator),
        "scalar": torch.tensor(2.5),
        "step": torch.tensor(7, dtype=torch.int64),
        "empty": torch.empty(0),
        "empty.rows": torch.empty(0, 3),
        "bytes": torch.arange(5, dtype=torch.uint8),
        "flags": torch.tensor([True, False]),
        "half": torch.tensor([1.0, -0.0, 3.5], dtype=torch.bfloat16),
        "double": torch.tensor([[1e-300]], dtype=torch.float64),
        "odd": torch.tensor([float("nan"), float("inf"), -0.0]),
    }


def bits(named):
    return {
        name: (t.dtype, tuple(t.shape), t.contiguous().reshape(-1).view(torch.uint8).tolist())
        for name, t in named.items()
    }


@pytest.fixture
def small_file(tmp_path):
    path = tmp_path / "small.safetensors"
    named = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([[3, 4, 5]], dtype=torch.int32)}
    tensors.write(path, named, "some text")
    return path, named


@pytest.mark.parametrize("text", ["", TEXT, "a\nb\x00c"])
def test_tensors_and_text_are_read_back_bit_for_bit(tmp_path, text):
    path, named = tmp_path / "deep" / "file.safetensors", named_tensors()
    tensors.write(path, named, text)
    found, found_text = tensors.read(path)
    assert bits(found) == bits(named)
    assert found_text == text
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_file_without_any_tensor_is_read_back(tmp_path):
    tensors.write(tmp_path / "none.safetensors", {}, "text alone")
    assert tensors.read(tmp_path / "none.safetensors") == ({}, "text alone")


def test_tensors_that_share_memory_or_are_laid_out_oddly_are_written(tmp_path):
    flat = torch.arange(12.0, requires_grad=True)
    named = {"all": flat, "part": flat[2:6], "turned": flat.view(3, 4).T, "every": flat[::3]}
    tensors.write(tmp_path / "views.safetensors", named)
    found, _ = tensors.read(tmp_path / "views.safetensors")
    for name, tensor in named.items():
        assert torch.equal(found[name], tensor.detach())
        assert not found[name].requires_grad


def test_equal_content_gives_equal_bytes(tmp_path):
    named = named_tensors()
    contents = set()
    for order in (named, dict(reversed(named.items()))) * 3:
        tensors.write(tmp_path / "file", order, TEXT)
        contents.add((tmp_path / "file").read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_every_flipped_byte_is_noticed_or_changes_nothing(small_file, mask):
    path, named = small_file
    whole = path.read_bytes()
    data_begin = 8 + int.from_bytes(whole[:8], "little")
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= mask
        path.write_bytes(damaged)
        try:
            found, text = tensors.read(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert position < data_begin, "a flipped value must never pass"
            assert bits(found) == bits(named)
            assert text == "some text"


def test_every_truncation_and_any_addition_is_noticed(small_file):
    path, _ = small_file
    whole = path.read_bytes()
    for damaged in [*(whole[:length] for length in range(len(whole))), whole + b"\x00"]:
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"small\.safetensors"):
            tensors.read(path)


def rewritten(whole, change):
    """The file with its header changed by `change`, given the header and the seal in it."""
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    [(name, seal)] = header["__metadata__"].items()
    seal = json.loads(seal)
    change(header, seal)
    header["__metadata__"] = {name: json.dumps(seal)}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + whole[8 + length :]


@pytest.mark.parametrize(
    "change",
    [
        lambda header, seal: seal.update(text="another text"),
        lambda header, seal: seal.pop("text"),
        lambda header, seal: seal.update(sha256="0" * 64),
        lambda header, seal: seal.pop("sha256"),
        lambda header, seal: header.update(aa=header.pop("a")),
        lambda header, seal: header["b"].update(shape=[3, 1]),
        lambda header, seal: header["a"].update(dtype="I32"),
    ],
    ids=["text", "no text", "checksum", "no checksum", "name", "shape", "type"],
)
def test_a_well_formed_header_that_lies_is_noticed(small_file, change):
    path, _ = small_file
    whole = path.read_bytes()
    path.write_bytes(rewritten(whole, lambda header, seal: None))
    assert tensors.read(path)[1] == "some text"
    path.write_bytes(rewritten(whole, change))
    with pytest.raises(ValueError, match=r"small\.safetensors: damaged"):
        tensors.read(path)


HASH = "0" * 64
FOREIGN = [
    None,
    {"format": "pt"},
    {"text": "theirs", "sha256": "0"},
    {"modelspec.hash": json.dumps({"sha256": HASH})},
    {"hashes": json.dumps({"sha256": HASH, "text": "t", "blake3": HASH})},
    {"parts": json.dumps([{"sha256": HASH, "text": "t"}])},
    {"note": json.dumps({"sha256": "of nothing", "text": "t"})},
    {"note": 'see "sha256" in the card'},
    {"note": "[" * 100_000 + '"sha256"'},
]


@pytest.mark.parametrize("metadata", FOREIGN)
def test_files_of_other_writers_are_read_without_a_checksum(tmp_path, metadata):
    path = tmp_path / "theirs.safetensors"
    named = {"w": torch.arange(6.0).view(2, 3), "n": torch.tensor(3)}
    save_file(named, path, metadata)
    found, text = tensors.read(path)
    assert bits(found) == bits(named)
    assert text == ""


@pytest.mark.parametrize("content", [b"", b"{}", b"not tensors at all", b"\xff" * 64])
def test_what_is_no_tensor_file_is_refused(tmp_path, content):
    path = tmp_path / "wrong.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"wrong\.safetensors"):
        tensors.read(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"nothing\.safetensors: No such file"):
        tensors.read(tmp_path / "nothing.safetensors")
    with pytest.raises(ValueError, match=tmp_path.name):
        tensors.read(tmp_path)
