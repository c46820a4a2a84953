"""The `operant bench` command, end to end with tiny batches. No test depends on a time."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from operant.bench import peers, probes, workloads
from operant.bench.main import CPU_ROWS, main, make_plan, parser, row_names
from operant.bench.report import Measure, Row, Target
from operant.bench.timing import Contender
from operant.catalog import CATALOG

BRIEF = {"sizes": (8,), "rounds": 1, "seconds": 0.0001}


def test_json_of_the_vector_row_is_one_object_and_all_of_stdout():
    command = [sys.executable, "-m", "operant.bench.main", "--quick", "--rows", "vector", "--num-envs", "64", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["options"] == {
        "env": "CartPole-v1",
        "num_envs": [64],
        "rows": ["vector"],
        "rounds": 3,
        "seconds": 0.03,
    }
    assert {"operant", "python", "numpy", "gymnasium", "CPU", "cores", "instruction set"} <= set(answer["machine"])
    (row,) = answer["rows"]
    assert row["row"] == "vector"
    assert [contender["name"] for contender in row["contenders"]][:3] == [
        "operant",
        "Gymnasium CartPoleVectorEnv (NumPy)",
        "Gymnasium sync, 64 envs",
    ]
    assert all(len(contender["seconds_per_call_rounds"]) == 3 for contender in row["contenders"])
    assert all(measure["target"] is None for measure in row["measures"])


def test_the_commands_of_the_page_are_understood():
    """Reads what docs/benchmarks.md shows; to run it takes minutes each."""
    page = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text()
    lines = re.findall(r"^(?:RLTOOLS=\S+ )?operant bench([^#\n]*)", page, re.MULTILINE)
    given = [parser().parse(line.split()) for line in lines]
    assert len(given) >= 8 and all(row_names(each) for each in given if not each.device)


def test_an_unknown_row_is_an_error_that_names_the_nearest(capsys):
    assert main(["--rows", "vectors"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("operant bench: unknown row 'vectors': did you mean 'vector'?")
    assert output.err.count("\n") == 1


def test_an_unknown_environment_is_an_error_that_names_the_nearest(capsys):
    assert main(["--env", "CartPole-v9"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("operant bench: unknown environment 'CartPole-v9': did you mean 'CartPole-v1'?")
    assert message.count("\n") == 1


def test_an_environment_has_a_short_name():
    assert make_plan(parser().parse(["--env", "mountaincarcontinuous"])).spec.id == "MountainCarContinuous-v0"


def test_a_task_on_mujoco_has_a_row_of_its_own(capsys):
    given = parser().parse(["--env", "HalfCheetah-v5"])
    assert row_names(given) == ["mujoco", "mujoco_workers", "mujoco_many", "mujoco_training"]
    assert make_plan(given).sizes == (64,)
    assert row_names(parser().parse(["--env", "Hopper-v5"])) == ["mujoco", "mujoco_workers"]
    for more, said in (
        (["--rows", "memory"], "row 'memory' is not about HalfCheetah-v5: give --rows mujoco mujoco_workers"),
        (["--device", "cuda"], "--env HalfCheetah-v5 is computed by mujoco, on the CPU: omit --device"),
    ):
        assert main(["--env", "HalfCheetah-v5", *more]) == 2
        assert said in capsys.readouterr().err


def test_an_empty_batch_is_an_error(capsys):
    assert main(["--num-envs", "0"]) == 2
    assert capsys.readouterr().err == "operant bench: --num-envs 0 must be from 1 to 1073741824\n"


def test_the_table_of_one_row_has_no_summary(capsys):
    assert main(["--quick", "--rows", "kernel", "--num-envs", "8", "8"]) == 0
    output = capsys.readouterr().out
    assert output.count("kernel: CartPole-v1, 8 environments, one worker") == 1
    assert "summary" not in output


def made_row(plan):
    """A row like those of workloads: a ratio with a target, and a rate that is listed only for its target."""
    comparison = workloads.Plan(CATALOG["CartPole-v1"], rounds=1, seconds=0).compare(
        [Contender(name, lambda calls: float(calls), 1) for name in ("operant", "Gymnasium")]
    )
    row = Row("vector", "CartPole-v1", comparison, "operant is faster")
    row.add_ratio("Gymnasium", "times Gymnasium", comparison.ratios("operant", "Gymnasium"), Target(at_least=25.0))
    rates = comparison.rates("operant")
    row.measures.append(
        Measure("operant, CartPole-v1", "steps/s", rates, Target(at_least=1e9, aim=True), restated=True)
    )
    yield row


def test_the_tables_compare_and_judge_nothing(capsys, monkeypatch):
    monkeypatch.setitem(CPU_ROWS, "vector", made_row)
    assert main(["--rows", "vector", "vector"]) == 0
    output = capsys.readouterr().out
    assert output.count("operant is faster") == 1 and "1.00x" in output
    assert not any(word in output for word in ("target", "NOT MET", "at least", "aim for", "summary"))
    assert main(["--rows", "vector", "--json"]) == 0
    (measure,) = json.loads(capsys.readouterr().out)["rows"][0]["measures"]
    assert (measure["label"], measure["target"], measure["met"]) == ("times Gymnasium", None, None)


def test_targets_and_verdicts_are_shown_on_request(capsys, monkeypatch):
    monkeypatch.setitem(CPU_ROWS, "vector", made_row)
    monkeypatch.setitem(CPU_ROWS, "isa", made_row)
    assert main(["--rows", "vector", "isa", "--targets"]) == 0
    output = capsys.readouterr().out
    assert output.count("at least 25.0x") == output.count("NOT MET") == 2 + 2, "in two tables and in the summary"
    assert "aim for 1,000 M steps/s" in output and output.endswith("  0 of 2 targets met\n")
    assert main(["--rows", "vector", "--targets", "--json"]) == 0
    measures = json.loads(capsys.readouterr().out)["rows"][0]["measures"]
    assert [measure["met"] for measure in measures] == [False, False]


@pytest.mark.parametrize(
    "name",
    [
        "vector",
        "environments",
        "kernel",
        "exact",
        "isa",
        "single",
        "options",
        "mypyc",
        "sb3",
        "kernels",
        "authored",
        "tasks",
        "python_environments",
    ],
)
def test_every_row_that_needs_no_large_batch_yields_figures_or_a_reason(name):
    rows = list(CPU_ROWS[name](workloads.Plan(CATALOG["CartPole-v1"], **BRIEF)))
    assert rows
    for row in rows:
        assert row.name == name
        assert row.skipped or row.measures
        assert all(len(measure.samples) == 1 for measure in row.measures)


@pytest.mark.parametrize("env_id", sorted(CATALOG))
@pytest.mark.parametrize("name", ["kernel", "exact", "single", "options"])
def test_rows_run_for_every_environment(name, env_id):
    assert all(row.measures for row in workloads.ROWS[name](workloads.Plan(CATALOG[env_id], **BRIEF)))


@pytest.mark.parametrize("name", ["vector", "exact", "single"])
def test_an_environment_without_a_reference_has_rows_of_its_own(name, monkeypatch):
    spec = dataclasses.replace(CATALOG["Memory-v0"], reference="")
    monkeypatch.setattr(peers, "CATALOG", CATALOG | {spec.id: spec})
    for row in workloads.ROWS[name](workloads.Plan(spec, **BRIEF)):
        assert not any("Gymnasium" in measure.label for measure in row.measures)


def test_targets_exist_only_for_the_stated_workload():
    cartpole, pendulum = workloads.Plan(CATALOG["CartPole-v1"]), workloads.Plan(CATALOG["Pendulum-v1"])
    assert cartpole.target(4096, at_least=25.0).at_least == 25.0
    assert cartpole.target(64, at_least=25.0) is None
    assert pendulum.target(4096, at_least=25.0) is None


def test_a_cartpole_step_moves_74_bytes():
    assert workloads.bytes_per_step(CATALOG["CartPole-v1"]) == 8 + 16 + 16 + 4 + 16 + 4 + 2 + 8
    assert workloads.bytes_per_step(CATALOG["Pendulum-v1"]) == 4 + 8 + 8 + 4 + 12 + 4 + 2 + 8


def test_the_python_twin_is_the_same_source_under_another_name():
    import operant.batch.outputs

    twin = workloads.python_twin(operant.batch.outputs)
    assert not workloads.is_compiled(twin)
    assert twin.OutputRing is not operant.batch.outputs.OutputRing
    assert twin.SLOTS == operant.batch.outputs.SLOTS


def test_memory_is_measured_in_a_process_of_its_own():
    figures = probes.probe_memory("CartPole-v1", 1 << 15)
    assert set(figures) == {"peak", "resident", "core", "returned", "spaces"}
    assert figures["returned"] == 2 * (16 + 4 + 1 + 1)
    assert figures["core"] > 16


def test_imports_are_timed_in_a_process_of_their_own():
    assert all(seconds > 0 for seconds in probes.time_imports())


def test_episodes_are_reset_when_they_end_and_the_steps_add_up():
    resets, steps = [], []

    def step(action):
        steps.append(action)
        return None, 0.0, len(steps) % 3 == 0, False, {}

    measure = peers.episodes(step, lambda: resets.append(len(steps)), [0, 1])
    measure(8)
    assert resets == [0, 3, 6]
    assert steps == [0, 1] * 4


def test_prepared_actions_lie_in_the_space_and_differ():
    from gymnasium.spaces import Box, Discrete

    discrete = peers.prepare_actions(Discrete(3), 64)
    assert all(array.dtype == np.int64 and array.shape == (64,) and set(array) == {0, 1, 2} for array in discrete)
    assert len({array.tobytes() for array in discrete}) == peers.ACTION_SETS
    box = peers.prepare_actions(Box(-2.0, 2.0, (1,), np.float32), 64)
    assert all(array.dtype == np.float32 and array.shape == (64, 1) and abs(array).max() <= 2 for array in box)


WITHOUT_TORCH = """
import sys
for name in ("torch", "stable_baselines3"):
    sys.modules[name] = None
from operant.cli.main import main
sys.exit(main(["bench", "--quick", "--num-envs", "8", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["--rows", "memory", "sb3"], 0, "skipped: torch is not installed: pip install 'operant[sb3]'\n"),
        (
            ["--train", "--rows", "train_memory", "train_sb3"],
            0,
            "skipped: stable_baselines3 is not installed: pip install 'operant[sb3]'\n",
        ),
        (
            ["--device", "emulated"],
            1,
            "operant bench: device='cuda' and device='emulated' need PyTorch: pip install 'operant[cuda]'\n",
        ),
    ],
    ids=["sb3", "training", "device"],
)
def test_without_torch_its_rows_are_left_out_and_say_so(arguments, code, said):
    command = [sys.executable, "-c", WITHOUT_TORCH, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == code, done.stdout
    assert done.stdout.endswith(said)
