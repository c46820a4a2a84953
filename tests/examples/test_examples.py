"""Every example runs, and prints what it promises."""

import re
import subprocess
import sys

import pytest
from building import ROOT, make, run

EXAMPLES = ROOT / "examples"


def output_of(name, *arguments):
    """Runs an example and returns its output; it must succeed, without a warning."""
    command = [sys.executable, EXAMPLES / name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def number(pattern, text):
    """Returns the number matched by the pattern's group."""
    match = re.search(pattern, text)
    assert match, f"{pattern!r} is not in:\n{text}"
    return float(match[1].replace(",", ""))


def test_vector_quickstart_measures_thousands_of_environments():
    printed = output_of("vector_quickstart.py")
    assert "observations (4096, 4) float32, actions Discrete(2)" in printed
    assert number(r"mean return of \d+ episodes of a simple controller: (\d+)", printed) > 400
    assert number(r"(\d+) million steps per second", printed) > 0


def test_cross_entropy_solves_cartpole():
    printed = output_of("cross_entropy.py")
    assert number(r"solved: mean return ([\d.]+) over 2048 episodes", printed) >= 475
    assert "theta_dot > 0" in printed


def test_domain_randomisation_shows_that_poles_differ():
    printed = output_of("domain_randomisation.py")
    assert number(r"all four +mean return (\d+)", printed) > number(r"angle only +mean return (\d+)", printed)
    assert "gravities drawn: 1.6 to 24.8 m/s2, all different: True" in printed
    standard = re.search(r"all four: .*\n.*\n.*\n.*\n +0\.50 +(\d+) +(\d+) +(\d+)", printed)
    assert standard and int(standard[2]) == 500


def test_branching_swings_the_pendulum_up():
    printed = output_of("branching.py")
    assert number(r"return (-?\d+)", printed) > -700
    assert number(r"upright for the last (\d+) steps", printed) > 50


def test_sb3_ppo_solves_gymnasiums_cartpole():
    printed = output_of("sb3_ppo.py")
    assert number(r"mean return on Gymnasium's CartPole-v1 over 32 episodes: ([\d.]+)", printed) >= 475
    assert "\nsolved" in printed


def test_torchrl_collector_collects_from_thousands_of_environments():
    printed = output_of("torchrl_collector.py")
    assert "2621440 frames from 4096 environments" in printed
    assert 300 < number(r"episodes ended, with a mean return of ([\d.]+)", printed) < 500


def test_cleanrl_ppo_solves_gymnasiums_cartpole():
    printed = output_of("cleanrl_ppo.py")
    assert number(r"mean return 475 reached after (\d+) steps", printed) < 200_000
    assert number(r"mean return on Gymnasium's CartPole-v1 over 100 episodes: ([\d.]+)", printed) >= 475


def test_own_environment_holds_the_puck_against_the_wind():
    printed = output_of("own_environment.py")
    assert "puck-v0: observations (4096, 4), actions (4096, 2)" in printed
    weak, strong = (number(rf"gain {gain}: mean return +(-?[\d.]+)", printed) for gain in ("0.5", "8.0"))
    assert weak < 100 < strong
    assert number(r"(\d+) million steps per second", printed) > 0


@pytest.mark.parametrize("standard", ["c11", "gnu11"])
def test_step_c_uses_nothing_but_the_header_and_the_library(tmp_path, standard):
    make("native", "CC=cc", "BUILD=build/native")
    library = ROOT / "build" / "native" / "liboperant.a"
    warnings = (f"-std={standard}", "-Wall", "-Wextra", "-Werror")
    sources = (f"-I{ROOT / 'native'}", EXAMPLES / "step.c", library)
    run("cc", *warnings, *sources, "-lm", "-lpthread", "-ldl", "-o", tmp_path / "step")
    printed = run(tmp_path / "step")
    assert "1024 CartPoles on " in printed
    assert number(r"episodes ended, after ([\d.]+) steps on average", printed) > 400
    assert "action 7 of environment 3 was refused" in printed


def test_train_c_trains_to_the_same_weights_with_any_number_of_threads():
    make("native", "CC=cc", "BUILD=build/native")
    program = ROOT / "build" / "native" / "train-cartpole"
    printed = run(program, "3")
    assert "mean return of 100 greedy episodes 500.0" in printed
    assert run(program, "3", "400000", "3") == printed


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("-o",), "'-o' is not a whole number from 0 to 4294967295"),
        (("3", "-o", "policy.h"), "'-o' is not a whole number from 1 to "),
        (("3", "0"), "'0' is not a whole number from 1 to "),
        (("3", "8192", "2x"), "'2x' is not a whole number from 1 to 2147483647"),
    ],
)
def test_train_c_names_a_wrong_argument(arguments, fault):
    make("native", "CC=cc", "BUILD=build/native")
    program = ROOT / "build" / "native" / "train-cartpole"
    ended = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert ended.returncode == 1 and ended.stderr.startswith(fault) and ended.stdout == ""
    assert ended.stderr.endswith("usage: train [-o FILE] [seed [steps [workers [isa]]]]\n")


PLAY = """
#include "operant.h"
#include "policy.h"
int main(void) {
    const operant_options options = {.env = "cartpole", .num_envs = 100, .exact = 1, .workers = 1};
    operant_batch *batch = operant_open(&options, 0, 0);
    float observations[100][POLICY_OBSERVATION];
    int actions[100];
    double rewards[100];
    unsigned char ended[2][100];
    operant_output output = {observations, rewards, ended[0], ended[1]};
    if (operant_reset(batch, 0, 0, observations)) return 2;
    for (int step = 0; step < 500; step++) {
        for (int i = 0; i < 100; i++) policy_act(observations[i], &actions[i]);
        if (operant_step(batch, actions, OPERANT_INT32, &output)) return 3;
        for (int i = 0; i < 100; i++)
            if (step < 499 && ended[0][i]) return 1;
    }
    return 0;
}
"""


def test_the_policy_that_train_c_writes_balances_a_hundred_poles_in_another_program(tmp_path):
    make("native", "CC=cc", "BUILD=build/native")
    folder = ROOT / "build" / "native"
    assert "greedy episodes 500.0" in run(folder / "train-cartpole", "-o", tmp_path / "policy.h", "3")
    (tmp_path / "alone.c").write_text('#include "policy.h"\n#include "policy.h"\nint main(void) { return 0; }\n')
    run(
        "cc",
        "-std=c99",
        "-pedantic",
        "-Wall",
        "-Wextra",
        "-Werror",
        tmp_path / "alone.c",
        "-lm",
        "-o",
        tmp_path / "alone",
    )
    (tmp_path / "play.c").write_text(PLAY)
    sources = (f"-I{ROOT / 'native'}", tmp_path / "play.c", folder / "liboperant.a")
    run("cc", *sources, "-lm", "-lpthread", "-ldl", "-o", tmp_path / "play")
    run(tmp_path / "play")


def test_the_snippet_of_c_md_asks_a_policy_for_its_action(tmp_path):
    """Compiles docs/c.md's lines within a program, with the header that the page says how to write."""
    make("native", "CC=cc", "BUILD=build/native")
    run(ROOT / "build/native/train-cartpole", "-o", tmp_path / "policy.h", "3")
    [snippet] = re.findall(r"```c\n(.*?)```", (ROOT / "docs" / "c.md").read_text(), re.DOTALL)
    include, _, lines = snippet.partition("\n")
    (tmp_path / "ask.c").write_text(f"{include}\nint main(void) {{ {lines} return 10 + action[0]; }}\n")
    run("cc", "-std=c99", "-Wall", "-Wextra", "-Werror", tmp_path / "ask.c", "-lm", "-o", tmp_path / "ask")
    assert subprocess.run([tmp_path / "ask"], check=False).returncode in (10, 11)


def test_every_example_is_tested():
    """It is tested here, or with its framework, in one of the environments of `make test-all`."""
    tests = [ROOT / "tests/examples/test_examples.py", *(ROOT / "tests/compat/own_environment").glob("*/test_*.py")]
    tested = {name for path in tests for name in re.findall(r'output_of\(\s*"(\w+\.py)"', path.read_text())}
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested
