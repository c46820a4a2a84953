import hashlib
import json
import os
import re

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from operant.files.safetensors import DTYPES, read_safetensors, write_safetensors

ARRAYS = {
    "flags": np.array([True, False, True]),
    "policy.0.weight": np.array([[1.5, -0.0], [np.nan, np.inf]], np.float32),
    "empty": np.zeros((0, 4), np.float64),
    "scalar": np.array(7, np.int64),
    "transposed": np.arange(6, dtype=np.uint16).reshape(2, 3).T,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "arrays.safetensors"


def same(left, right):
    assert left.keys() == right.keys()
    for name, array in left.items():
        assert (array.dtype, array.shape, array.tobytes()) == (
            right[name].dtype,
            right[name].shape,
            right[name].tobytes(),
        ), name


def signed(header, data=b""):
    """A file with this header, whose checksum is right."""
    text = json.dumps({"__metadata__": {"sha256": "0" * 64}, **header}, separators=(",", ":")).encode()
    whole = len(text).to_bytes(8, "little") + text + data
    return whole.replace(b"0" * 64, hashlib.sha256(whole).hexdigest().encode(), 1)


def test_arrays_and_strings_come_back_and_may_be_changed(path):
    write_safetensors(path, ARRAYS, {"state": "ä\n\x00"})
    arrays, metadata = read_safetensors(path, "checkpoint")
    same(arrays, ARRAYS)
    assert metadata == {"state": "ä\n\x00"}
    assert all(array.flags.writeable and array.flags.aligned for array in arrays.values())


def test_the_safetensors_package_reads_our_files(path):
    arrays = {**ARRAYS, **{name: np.arange(3).astype(dtype) for name, dtype in DTYPES.items()}}
    write_safetensors(path, arrays, {"format": "operant checkpoint"})
    same(load_file(path), arrays)
    with safe_open(path, "np") as file:
        assert file.metadata()["format"] == "operant checkpoint"


def test_torch_reads_our_files_in_place(path):
    from safetensors.torch import load_file

    write_safetensors(path, ARRAYS, {})
    same({name: tensor.numpy() for name, tensor in load_file(path).items()}, ARRAYS)


def test_a_file_of_the_safetensors_package_with_our_checksum_is_read(path):
    save_file({name: np.ascontiguousarray(array) for name, array in ARRAYS.items()}, path)
    whole = path.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    path.write_bytes(signed(json.loads(whole[8:end]), whole[end:]))
    arrays, metadata = read_safetensors(path, "checkpoint")
    assert (arrays.keys(), metadata) == (ARRAYS.keys(), {})
    assert arrays["policy.0.weight"].tobytes() == ARRAYS["policy.0.weight"].tobytes()


def test_every_changed_byte_is_noticed(path):
    write_safetensors(path, ARRAYS, {"state": "{}"})
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])  # "a" becomes "A"
        with pytest.raises(ValueError, match=r"safetensors is (not a|truncated or corrupt: use an earlier) checkpoint"):
            read_safetensors(path, "checkpoint")


def test_every_cut_and_every_addition_is_noticed(path):
    write_safetensors(path, ARRAYS, {"state": "{}"})
    whole = path.read_bytes()
    for content in [*(whole[:size] for size in range(len(whole))), whole + b"\0", whole + b" ", b" " + whole]:
        path.write_bytes(content)
        expected = "is (empty|not a checkpoint of operant|truncated or corrupt: use an earlier checkpoint)"
        with pytest.raises(ValueError, match=rf"^{re.escape(str(path))} {expected}$"):
            read_safetensors(path, "checkpoint")


ONE = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"a": 1}, b""),
        ({"a": {**ONE, "dtype": "O"}}, b"\0"),
        ({"a": {**ONE, "dtype": ["U8"]}}, b"\0"),
        ({"a": {**ONE, "shape": [-1]}}, b"\0"),
        ({"a": {**ONE, "shape": [1.0]}}, b"\0"),
        ({"a": {**ONE, "shape": [2]}}, b"\0"),
        ({"a": {**ONE, "shape": [2**70, 0], "data_offsets": [0, 0]}}, b""),
        ({"a": {**ONE, "shape": [1] * 99}}, b"\0"),
        ({"a": {**ONE, "data_offsets": [0, 2]}}, b"\0"),
        ({"a": {**ONE, "data_offsets": [-1, 0]}}, b"\0"),
        ({"a": {**ONE, "data_offsets": [0]}}, b"\0"),
        ({"a": {**ONE, "data_offsets": ["0", "1"]}}, b"\0"),
        ({"a": ONE, "b": ONE}, b"\0"),
        ({"a": ONE}, b"\0\0"),
        ({"a": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]}}, b"\2"),
        ({"a": {"shape": [1], "data_offsets": [0, 1]}}, b"\0"),
        ({"__metadata__": {"sha256": "0" * 64, "b": 1}}, b""),
    ],
)
def test_a_description_that_does_not_fit_is_refused_though_the_checksum_is_right(path, header, data):
    path.write_bytes(signed(header, data))
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))} is not a checkpoint of operant: .+$"):
        read_safetensors(path, "checkpoint")


def test_a_deeply_nested_header_is_refused(path):
    whole = bytearray(signed({"a": {**ONE, "shape": "HERE"}}, b"\0").replace(b'"HERE"', b"[" * 10**6))
    digest = slice(35, 99)
    whole[digest] = b"0" * 64
    whole[digest] = hashlib.sha256(whole).hexdigest().encode()
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="is not a checkpoint of operant"):
        read_safetensors(path, "checkpoint")


def test_other_files_are_refused_in_one_line(path, tmp_path):
    save_file({"a": np.zeros(2)}, path)
    with pytest.raises(ValueError, match=rf"^{path} is not a model of operant$"):
        read_safetensors(path, "model")
    with pytest.raises(ValueError, match=rf"^{tmp_path} cannot be read: it is a directory$"):
        read_safetensors(tmp_path, "model")
    with pytest.raises(ValueError, match=r"^/dev/zero cannot be read: it is not a regular file$"):
        read_safetensors("/dev/zero", "model")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"pipe cannot be read: it is not a regular file$"):
        read_safetensors(tmp_path / "pipe", "model")
    with pytest.raises(ValueError, match=r"missing does not exist$"):
        read_safetensors(tmp_path / "missing", "model")


def test_an_array_of_objects_is_not_written(path):
    with pytest.raises(TypeError, match="a safetensors file cannot hold a, an array of object"):
        write_safetensors(path, {"a": np.array([None])}, {})
    assert not path.exists()
