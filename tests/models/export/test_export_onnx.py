import numpy as np
import onnxruntime
import pytest
import torch
from gymnasium import spaces

from operant.cli.main import main
from operant.models import PPO
from operant.models.export import onnx_file
from operant.models.export.onnx_file import TOLERANCE, largest_difference, write_onnx
from operant.models.networks.actor_critic import ActorCritic

NESTED = spaces.Dict(
    image=spaces.Box(0, 255, (3, 12, 12), np.uint8), k=spaces.Discrete(3), action_mask=spaces.MultiBinary(5)
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a short run of an LSTM policy with normalised observations."""
    folder = tmp_path_factory.mktemp("runs")
    options = "--timesteps 2048 --num-envs 16 --hidden 8 --lstm 4 --normalize-observations --quiet --no-tensorboard"
    assert main(["train", "cartpole", "--runs", str(folder), "--name", "short", *options.split()]) == 0
    return folder


def refusal(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["export", *map(str, arguments)])
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return ended.value.code, message


def test_onnxruntime_acts_as_the_run_does_from_raw_observations_in_batches_of_any_size(runs, tmp_path, capsys):
    path = tmp_path / "policy.onnx"
    assert main(["export", "short", "--format", "onnx", "--out", str(path), "--runs", str(runs)]) == 0
    assert "observation, state -> action, logits, next_state" in capsys.readouterr().out
    [run] = runs.iterdir()
    trained = PPO.load(sorted((run / "checkpoints").glob("step-*.safetensors"))[-1])
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    for rows in (1, 7):
        observations = random.normal(0, 2, (rows, 4)).astype(np.float32)
        state = random.uniform(-1, 1, (2, rows, 4)).astype(np.float32)
        action, logits, after = session.run(None, {"observation": observations, "state": state})
        expected, expected_state = trained.predict(observations, torch.as_tensor(state))
        np.testing.assert_allclose(after, expected_state, atol=TOLERANCE)
        decided = np.abs(logits[:, 0] - logits[:, 1]) > 2 * TOLERANCE
        assert decided.any() and (action[decided] == expected[decided]).all()
    trained.close()


def test_nested_observations_are_inputs_by_their_places_and_masked_actions_are_never_taken(tmp_path):
    greedy = write_onnx(ActorCritic(NESTED, spaces.Discrete(5), seed=0), None, tmp_path / "x.onnx")
    assert sorted(greedy.inputs) == ["observation.action_mask", "observation.image", "observation.k"]
    session = onnxruntime.InferenceSession(str(tmp_path / "x.onnx"), providers=["CPUExecutionProvider"])
    for allowed in range(5):
        feed = dict(zip(greedy.inputs, (part.numpy() for part in greedy.examples(3)), strict=True))
        feed["observation.action_mask"] = np.tile(np.eye(5, dtype=np.int8)[allowed], (3, 1))
        assert session.run(["action"], feed)[0].tolist() == [allowed] * 3


@pytest.mark.parametrize(
    "actions, squash", [(spaces.Box(-2, 3, (2,), np.float32), True), (spaces.MultiDiscrete([2, 4]), False)]
)
def test_other_actions_agree_too(tmp_path, actions, squash):
    policy = ActorCritic(spaces.Box(-1, 1, (3,), np.float32), actions, seed=0, squash=squash)
    greedy = write_onnx(policy, None, tmp_path / "x.onnx")
    assert largest_difference(greedy, tmp_path / "x.onnx", 9) <= TOLERANCE
    action = greedy(*greedy.examples(9))[0]
    assert action.shape == (9, 2) and all(actions.contains(row.numpy()) for row in action)


def test_a_file_that_computes_something_else_is_refused_and_not_kept(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(onnx_file, "largest_difference", lambda *_: 0.5)
    code, said = refusal(capsys, "short", "--format", "onnx", "--out", tmp_path / "x.onnx", "--runs", runs)
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert "differs from torch by 0.5" in said


def test_a_run_becomes_a_header_named_for_its_file(runs, tmp_path, capsys):
    assert main(["export", "short", "--format", "c", "--out", str(tmp_path / "pole.h"), "--runs", str(runs)]) == 0
    assert "pole_act" in capsys.readouterr().out
    text = (tmp_path / "pole.h").read_text()
    assert "#define POLE_OBSERVATION 4" in text and "after 2,048 steps of operant/CartPole-v1" in text


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--format", "onnx"], (2, "the following arguments are required: ENV or RUN_ID")),
        (["short", "--latest", "--format", "onnx"], (2, "--latest and RUN_ID 'short' contradict each other")),
        (["--latest", "--pufferlib"], (2, "--latest is for the policy of a run: --format onnx|c|html")),
        (["short", "--format", "onx"], (2, "unknown format 'onx': did you mean 'onnx'?")),
        (["short", "--format", "c", "--pufferlib"], (2, "choose one")),
        (["shirt", "--format", "c"], (1, "no run 'shirt'")),
        (["short", "--format", "c", "--name", "2x"], (1, "'2x' cannot name C functions")),
        (["short", "--format", "c", "--out", "/missing/x.h"], (1, "cannot write /missing/x.h")),
    ],
)
def test_an_invalid_export_is_one_line(runs, capsys, arguments, expected):
    code, said = refusal(capsys, *arguments, "--runs", runs)
    assert code == expected[0] and expected[1] in said


@pytest.mark.parametrize("which", ["short", "--latest"])
@pytest.mark.parametrize("form, ending", [("onnx", "onnx"), ("c", "h")])
def test_without_a_file_the_policy_goes_to_one_named_for_its_run(
    runs, tmp_path, capsys, monkeypatch, which, form, ending
):
    monkeypatch.chdir(tmp_path)
    [run] = runs.iterdir()
    for _ in range(2):  # the second replaces the first
        assert main(["export", which, "--format", form, "--runs", str(runs)]) == 0
        assert [path.name for path in tmp_path.iterdir()] == [f"{run.name}.{ending}"]
        printed = capsys.readouterr().out
        assert printed.startswith(f"wrote {run.name}.{ending}: ") and printed.count("\n") == 1


def test_a_missing_package_is_named_with_its_extra(runs, capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    _, said = refusal(capsys, "short", "--format", "onnx", "--out", tmp_path / "x.onnx", "--runs", runs)
    assert "pip install 'operant[export]'" in said
