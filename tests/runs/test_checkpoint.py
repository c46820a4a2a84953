import multiprocessing
import os
import re
import signal
import zipfile

import numpy as np
import pytest
import torch

from operant.utils import CheckpointError, CheckpointFolder, load_checkpoint, save_checkpoint

torch.set_num_threads(1)
PARTICLE = np.dtype([("position", "f4", (2,)), ("counter", "u8"), ("name", "S3")], align=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.pt"


def test_tensors_numbers_and_nesting_come_back(path):
    state = {
        "weights": torch.arange(6, dtype=torch.bfloat16).reshape(2, 3),
        "generator": torch.Generator().manual_seed(5).get_state(),
        "rng": np.random.default_rng(0).bit_generator.state,
        "list": [1, (2.5, None, True), "text", b"bytes"],
        "large": -(2**200),
    }
    save_checkpoint(path, state)
    loaded = load_checkpoint(path)
    assert list(loaded) == list(state)
    for name in ("weights", "generator"):
        assert loaded[name].dtype == state[name].dtype
        assert torch.equal(loaded[name], state[name])
    assert {k: loaded[k] for k in ("rng", "list", "large")} == {k: state[k] for k in ("rng", "list", "large")}


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, -0.0], [np.nan, np.inf]]),
        np.array([([1, 2], 2**63, b"abc"), ([3, 4], 5, b"")], PARTICLE),
        np.array(["one", "three"]),
        np.arange(3, dtype=">i2"),
        np.zeros((0, 4), np.float32),
        np.array(7, np.uint8),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.zeros(2, np.dtype([])),
    ],
    ids=lambda array: str(array.dtype)[:20],
)
def test_arrays_come_back_with_dtype_shape_and_bits_and_may_be_changed(path, array):
    save_checkpoint(path, {"environment": {"array": array}})
    loaded = load_checkpoint(path)["environment"]["array"]
    assert loaded.dtype == array.dtype
    assert loaded.dtype.itemsize == array.dtype.itemsize
    assert loaded.shape == array.shape
    assert loaded.tobytes() == array.tobytes()
    assert loaded.flags.writeable


def test_scalars_of_numpy_stay_scalars(path):
    save_checkpoint(path, {"mean": np.float64(0.1), "particle": np.zeros(1, PARTICLE)[0]})
    loaded = load_checkpoint(path)
    assert type(loaded["mean"]) is np.float64
    assert loaded["mean"] == 0.1
    assert loaded["particle"].dtype == PARTICLE


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), r"state\['a'\]\[1\], a object"),
        (np.array([None]), r"state\['a'\]\[1\], a ndarray"),
        ({(1, 2): 3}, r"the key \(1, 2\) in state\['a'\]\[1\]"),
        ({1, 2}, r"state\['a'\]\[1\], a set"),
    ],
)
def test_an_unsupported_value_is_refused_by_its_place(path, value, message):
    with pytest.raises(TypeError, match=message):
        save_checkpoint(path, {"a": [0, value]})
    assert not path.exists()


def test_every_cut_of_a_file_is_noticed(path):
    save_checkpoint(path, {"weights": torch.ones(20)})
    whole = path.read_bytes()
    for size in range(0, len(whole), 61):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=rf"^{re.escape(str(path))} is (empty|truncated|no checkpoint)"):
            load_checkpoint(path)


def test_no_changed_byte_changes_the_loaded_state(path):
    weights = torch.arange(20.0)
    save_checkpoint(path, {"weights": weights})
    whole = path.read_bytes()
    refused = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            assert torch.equal(load_checkpoint(path)["weights"], weights), place
        except CheckpointError as problem:
            refused += 1
            assert str(problem).startswith(str(path))
            assert "\n" not in str(problem)
    assert refused > len(whole) / 2


def _write(path, kind):
    if kind == "text":
        path.write_text("hello, world")
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", "b")
    elif kind == "weights":
        torch.save({"weights": torch.ones(2)}, path)
    elif kind == "module":
        torch.save(torch.nn.Linear(2, 2), path)
    elif kind == "newer":
        torch.save({"format": "operant checkpoint", "version": 2, "state": {}}, path)
    elif kind == "directory":
        path.mkdir()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "does not exist"),
        ("directory", "cannot be read: it is a directory"),
        ("text", "is not a checkpoint of operant"),
        ("zip", "is not a checkpoint of operant"),
        ("weights", "is not a checkpoint of operant, though torch can read it"),
        ("module", "is not a checkpoint of operant: it holds Python objects, not only numbers"),
        ("newer", "was written by a newer operant (version 2, this one reads 1): update"),
    ],
)
def test_a_foreign_file_is_refused_in_one_line(path, kind, message):
    _write(path, kind)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == f"{path} {message}"


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OSError, match=f"cannot write {tmp_path}: it is a directory: name a file"):
        save_checkpoint(tmp_path, {})
    with pytest.raises(OSError, match=r"missing/a\.pt: the folder does not exist: create it first"):
        save_checkpoint(tmp_path / "missing" / "a.pt", {})


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="it is not a regular file: choose another name"):
        save_checkpoint(pipe, {})
    assert pipe.is_fifo()


def test_the_last_and_the_best_are_kept(tmp_path):
    folder = CheckpointFolder(tmp_path / "checkpoints", keep=2)
    for steps, score in ((100, 1.0), (200, 5.0), (300, 2.0), (400, float("nan")), (500, 5.0)):
        folder.save({"steps": steps}, steps, score)
    assert sorted(os.listdir(folder.path)) == ["best.pt", "step-000000400.pt", "step-000000500.pt"]
    assert load_checkpoint(folder.latest()) == {"steps": 500}
    assert load_checkpoint(folder.best()) == {"steps": 200}


def test_a_single_kept_checkpoint_is_the_last(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=1)
    folder.save({}, 1)
    folder.save({}, 2)
    assert os.listdir(tmp_path) == ["step-000000002.pt"]
    assert folder.best() == folder.latest() == tmp_path / "step-000000002.pt"


def test_the_best_score_is_known_after_a_resume(tmp_path):
    CheckpointFolder(tmp_path).save({"steps": 1}, 1, score=5.0)
    CheckpointFolder(tmp_path).save({"steps": 2}, 2, score=4.0)
    assert load_checkpoint(CheckpointFolder(tmp_path).best()) == {"steps": 1}
    CheckpointFolder(tmp_path).save({"steps": 3}, 3, score=6.0)
    assert load_checkpoint(CheckpointFolder(tmp_path).best()) == {"steps": 3}


def test_a_resumed_run_that_saves_a_lower_step_keeps_that(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    for steps in (10, 20, 15):
        path = folder.save({"steps": steps}, steps)
    assert load_checkpoint(path) == {"steps": 15}


def test_an_empty_folder_and_a_keep_below_one_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=f"no checkpoint in {tmp_path}"):
        CheckpointFolder(tmp_path).latest()
    with pytest.raises(ValueError, match="keep=0: keep at least 1"):
        CheckpointFolder(tmp_path, keep=0)


def _save_for_ever(folder, started):
    torch.set_num_threads(1)
    for steps in range(1, 10**6):
        CheckpointFolder(folder, keep=2).save({"weights": torch.full((50_000,), steps)}, steps, score=steps)
        if steps == 3:
            started.set()


def test_a_process_killed_while_it_saves_leaves_whole_checkpoints(tmp_path):
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=_save_for_ever, args=(tmp_path, started))
    process.start()
    assert started.wait(60)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    folder = CheckpointFolder(tmp_path, keep=2)
    for file in (*folder.steps(), folder.best()):
        weights = load_checkpoint(file)["weights"]
        assert weights.shape == (50_000,)
        assert (weights == weights[0]).all()
    folder.save({}, 10**6)
    assert not list(tmp_path.glob(".*"))
