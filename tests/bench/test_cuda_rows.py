"""The rows of `operant bench --device`, emulated, with tiny batches. No test depends on a time."""

import contextlib
import json

import pytest
import torch

from operant.bench import cuda, training
from operant.bench.main import main, parser, row_names
from operant.catalog import CATALOG, MULTIAGENT
from operant.cuda.batch import CudaBatch
from operant.messages import CudaError

BRIEF = {"sizes": (8,), "rounds": 1, "seconds": 0.0001, "device": "emulated"}


def plan(env_id="CartPole-v1", **changes):
    return cuda.DevicePlan(CATALOG[env_id], **(BRIEF | changes))


@pytest.mark.parametrize("name", list(cuda.ROWS))
def test_every_stepping_row_says_that_its_figures_are_emulated_and_judges_none(name):
    rows = list(cuda.ROWS[name](plan()))
    assert rows
    for row in rows:
        assert row.name == name
        assert row.title.endswith("emulated: speeds mean nothing")
        assert row.measures and all(len(measure.samples) == 1 and measure.target is None for measure in row.measures)


def test_targets_exist_only_for_four_million_cartpoles_on_a_gpu():
    on_gpu = plan(sizes=(cuda.SIZE,))
    on_gpu.__dict__["engine"] = type("Gpu", (), {"device": torch.device("cuda", 0)})()
    assert on_gpu.target(1 << 22, at_least=20e9).at_least == 20e9
    assert on_gpu.target(4096, at_least=20e9) is None
    assert plan().target(1 << 22, at_least=20e9) is None
    assert on_gpu.size(1 << 22) == 1 << 22 and plan().size(1 << 22) == 1 << 10


def test_a_cartpole_step_moves_74_bytes_on_a_gpu():
    # action, state, steps elapsed, return, observation, reward, flags
    assert cuda.bytes_per_step(CATALOG["CartPole-v1"]) == 4 + 2 * 16 + 2 * 4 + 2 * 4 + 16 + 4 + 2
    assert cuda.bytes_per_step(CATALOG["Pendulum-v1"]) == 4 + 2 * 8 + 2 * 4 + 2 * 4 + 12 + 4 + 2


@pytest.mark.parametrize("spec", [CATALOG["CartPole-v1"], CATALOG["Snake-v0"], MULTIAGENT["simple_spread-v3"]])
def test_the_bytes_of_a_step_are_those_of_the_tensors_that_it_touches(spec):
    batch = CudaBatch(spec, 8, device="emulated", autoreset="SameStep", copy=False)

    def size(tensor):
        return tensor.numel() * tensor.element_size()

    own = sum(size(batch._tensors[name]) for name in ("state", "elapsed", "episode_return"))
    returned = batch.new_outputs()
    actions = 4 * torch.Size(batch.actions.shape).numel()
    assert 8 * cuda.bytes_per_step(spec) == 2 * own + actions + sum(map(size, returned[:4]))


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "Snake-v0"])
def test_prepared_actions_can_be_stepped_with_and_differ(env_id):
    batch = CudaBatch(CATALOG[env_id], 256, device="emulated")
    batch.seed(0)
    batch.reset()
    sets = cuda.prepare_actions(batch)
    for actions in sets:
        batch.step(actions)
    batch.check()
    assert len({actions.numpy().tobytes() for actions in sets}) == cuda.ACTION_SETS
    assert len(sets[0].unique()) >= 2


def test_a_call_with_several_steps_makes_all_of_them(monkeypatch):
    made = []
    monkeypatch.setattr(CudaBatch, "step", lambda batch, actions: made.append(batch.num_envs))
    with contextlib.ExitStack() as stack:
        contender = cuda.device_step(stack, plan(), CATALOG["CartPole-v1"], 8, "steps", at_once=5)
        made.clear()
        contender.measure(2)
    assert made == [8] * 10
    assert contender.work == 40


def test_json_of_an_emulated_run_names_the_device(capsys):
    assert main(["--device", "emulated", "--rows", "cuda_graph", "--quick", "--num-envs", "8", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["options"]["device"] == "emulated"
    assert answer["machine"]["device"].endswith("its speeds mean nothing")
    assert all(measure["met"] is None for row in answer["rows"] for measure in row["measures"])


def test_train_selects_the_training_rows_of_the_device():
    given = parser().parse_args(["--train", "--device", "cuda"])
    assert row_names(given) == ["cuda_train", "cuda_solve"]
    given = parser().parse_args(["--train"])
    assert row_names(given) == list(training.ROWS)


@pytest.mark.parametrize(("device", "name"), [([], "train_tuned"), (["--device", "cuda"], "cuda_solve")])
def test_rows_chooses_among_the_training_rows(device, name):
    assert row_names(parser().parse_args([*device, "--train", "--rows", name])) == [name]


def test_without_a_gpu_the_run_ends_with_one_line_that_says_why(capsys, monkeypatch):
    def no_gpu(device):
        raise CudaError("there is no NVIDIA driver")

    monkeypatch.setattr("operant.cuda.open.open_engine", no_gpu)
    assert main(["--device", "cuda"]) == 2
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "operant bench: there is no NVIDIA driver\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "gpu"], "unknown device 'gpu'"),
        (["--device", "emulated", "--rows", "cuda_stp"], "unknown row 'cuda_stp': did you mean 'cuda_step'?"),
        (["--device", "emulated", "--rows", "vector"], "unknown row 'vector'"),
        (["--train", "--rows", "vector"], "row 'vector' is not about training: omit --train"),
        (["--train", "--rows", "train_pp"], "unknown row 'train_pp': did you mean 'train_ppo'?"),
        (["--device", "emulated", "--train", "--rows", "cuda_step"], "row 'cuda_step' is not about training: omit"),
        (["--rows", "cuda_step"], "row 'cuda_step' runs on a GPU: give --device cuda"),
        (["--device", "cpu", "--rows", "cuda_step"], "row 'cuda_step' runs on a GPU: give --device cuda"),
    ],
)
def test_arguments_that_do_not_fit_the_device_are_an_error(capsys, arguments, message):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"operant bench: {message}") and error.count("\n") == 1
