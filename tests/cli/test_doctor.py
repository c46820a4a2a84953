"""`operant doctor` as a command."""

import json
import subprocess
import sys

import pytest

LANDERS = """
import gymnasium as gym
from gymnasium.envs.registration import register

register("Lander-v0", entry_point="gymnasium.envs.classic_control:CartPoleEnv", max_episode_steps=500)

def make_landers(num_envs):
    print("three, two, one")
    return gym.make_vec("CartPole-v1", num_envs, vectorization_mode="sync")

def make_one(num_envs):
    return gym.make("CartPole-v1")
"""
CLOSED = """\
note: step still works after close() [step-after-close]

    import gymnasium as gym
    import numpy as np

    envs = gym.make_vec("CartPole-v1", num_envs=1, vectorization_mode="sync")
    observations, infos = envs.reset(seed=3)
    envs.close()
    try:
        observations, rewards, terminated, truncated, infos = envs.step(np.zeros(1, "int64"))
    except Exception:
        pass
    else:
        raise AssertionError("step still works after close()")
"""


@pytest.fixture
def landers(tmp_path):
    (tmp_path / "landers.py").write_text(LANDERS)


def test_findings_come_with_programs(operant):
    finished = operant("doctor", "CartPole-v1", "--vector", "sync", "--seed", "3", "--steps", "30", "--num-envs", "2")
    assert (finished.stderr, finished.returncode) == ("", 0)
    assert finished.stdout.startswith("CartPole-v1 by sync: 2 notes\n\nnote: reset removes reset_mask")
    assert finished.stdout.endswith(CLOSED)


def test_a_correct_environment_has_no_findings(operant):
    finished = operant("doctor", "CartPole-v1", "--vector", "operant")
    assert (finished.stdout, finished.returncode) == ("operant/CartPole-v1 by operant: nothing found\n", 0)


def test_a_short_name_is_operants_environment(operant):
    finished = operant("doctor", "cartpole", "--vector", "operant")
    assert finished.stdout.startswith("operant/CartPole-v1 by operant: nothing found")


def test_an_error_gives_exit_code_one_and_json_the_program(operant, tmp_path):
    finished = operant("doctor", "CartPole-v1", "--vector", "envpool", "--steps", "30", "--json")
    assert finished.returncode == 1
    record = json.loads(finished.stdout)
    assert record["subject"] == "CartPole-v1 by envpool"
    [finding] = [each for each in record["findings"] if each["rule"] == "termination-at-limit"]
    assert finding["severity"] == "error"
    pasted = subprocess.run([sys.executable, "-c", finding["reproduction"]], capture_output=True, text=True)
    assert pasted.stderr.strip().endswith(f"AssertionError: {finding['sentence']}")


def test_a_function_in_this_directory_is_examined_and_its_output_kept_apart(operant, landers):
    finished = operant("doctor", "landers:make_landers", "--steps", "30", "--json")
    record = json.loads(finished.stdout)
    assert {each["rule"] for each in record["findings"]} == {"options-change", "step-after-close"}
    assert "from landers import make_landers" in record["findings"][0]["reproduction"]
    assert "envs = make_landers(1)" in record["findings"][0]["reproduction"]


def test_an_id_that_a_module_registers_is_examined(operant, landers):
    finished = operant("doctor", "landers:Lander-v0", "--steps", "30", "--json")
    record = json.loads(finished.stdout)
    assert record["subject"] == "landers:Lander-v0 by sync"
    assert 'gym.make_vec("landers:Lander-v0", num_envs=1)' in record["findings"][0]["reproduction"]


def test_a_single_environment_ends_the_examination(operant, landers):
    finished = operant("doctor", "landers:make_one")
    assert finished.returncode == 1
    assert "error: it has no attribute num_envs [attributes]" in finished.stdout
    assert "note: nothing else could be examined [not-examined]" in finished.stdout


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["CartPol-v1"], "no id 'CartPol-v1': Environment `CartPol` doesn't exist. Did you mean: `CartPole`?"),
        (["nowhere:CartPole-v1"], "'nowhere:CartPole-v1': no module 'nowhere'"),
        ([":CartPole-v1"], "':CartPole-v1': no module ''"),
        (["json:lods"], "no function or id 'lods'"),
        (["CartPole-v1", "--vector", "snyc"], "unknown vector 'snyc': did you mean 'sync'?"),
        (["CartPole-v1", "--autoreset-mode", "SameSteps"], "did you mean 'SameStep'?"),
        (["CartPole-v1", "--num-envs", "1"], "num_envs=1 must be at least 2"),
        (["CartPole-v1", "--steps", "0"], "steps=0 must be at least 1"),
        (["Pendulum-v1", "--vector", "vector_entry_point"], "has no vector_entry_point: choose --vector sync or async"),
        (["Pendulum-v2", "--vector", "envpool"], "EnvPool has no environment 'Pendulum-v2'"),
        (
            ["Pendulum-v1", "--vector", "envpool", "--autoreset-mode", "SameStep"],
            "only autoreset mode is NextStep, not SameStep",
        ),
        (["json:loads", "--vector", "sync"], "is a function, which chooses them itself"),
    ],
)
def test_a_mistake_is_one_line(error_line, arguments, said):
    assert said in error_line("doctor", *arguments)
