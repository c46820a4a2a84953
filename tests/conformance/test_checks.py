"""Every built-in environment passes every check, and each check fails an environment that breaks its rule."""

import re
import sys

import pytest
from authored import with_reference, write_lander
from support import CATALOG, TASKS

from operant.catalog import MULTIAGENT
from operant.conformance import CHECKS, Failed
from operant.conformance.parity import parity
from operant.conformance.sanitize import sanitize
from operant.environments.lookup import find_spec


@pytest.mark.parametrize("name", CHECKS)
def test_a_built_in_environment_passes_every_check(physics_id, name):
    assert CHECKS[name](CATALOG[physics_id])


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("env_id", TASKS)
def test_a_task_passes_every_check(env_id, name):
    assert CHECKS[name](CATALOG[env_id])


@pytest.mark.parametrize("env_id", [env_id for env_id in TASKS if CATALOG[env_id].reference])
def test_a_task_equals_its_reference_bit_for_bit(env_id):
    assert parity(CATALOG[env_id]).endswith("bit for bit")


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("env_id", MULTIAGENT)
def test_an_environment_of_several_agents_passes_every_check(env_id, name):
    assert CHECKS[name](MULTIAGENT[env_id])


def test_the_scaffold_passes_every_check(tmp_path):
    spec = find_spec(str(write_lander(tmp_path)))
    assert {name: bool(check(spec)) for name, check in CHECKS.items()} == dict.fromkeys(CHECKS, True)


PUSH = "    vf push"
BROKEN = {
    "a branch on what the neighbours do": (
        ("    vm landed", "    if (vany(s->height < R(7))) s->speed = vreal(0);\n    vm landed"),
        {
            "targets": r"scalar and \w+ differ first in environment \d+, step \d+:\n  state speed: ",
            "splits": r"a batch of 200 and one of \d+ on \w+ with 1 workers differ first",
        },
    ),
    "a counter of its own": (
        (PUSH, "    static int count;\n    s->speed = s->speed + R(1e-3) * (real)(count++ % 7);\n" + PUSH),
        {
            "determinism": r"float32: a new batch and a used one differ first in environment 0, step 1:\n  state",
            "seeds": "in float32, environment 3 of seed 0 is not environment 0 of seed 3",
            "snapshots": "float32: .* continues with other bits than the batch it was made from",
            "autoreset": r"step 1 of episode 0 of environment 0 differs between NextStep and SameStep",
        },
    ),
    "a division by zero": (
        ("R(1) - R(0.5) * vabs(s->speed)", "R(1) / (s->height * s->height)"),
        {"finite": r"float32: reward is inf in environment \d+ after \d+ steps with .*; its state: height 0.0"},
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_header_fails_the_checks_of_its_rule(tmp_path, what):
    change, found = BROKEN[what]
    spec = find_spec(str(write_lander(tmp_path, change)))
    for name, message in found.items():
        with pytest.raises(Failed) as failure:
            CHECKS[name](spec)
        assert re.search(message, str(failure.value)), f"{name}: {failure.value}"


def test_a_difference_on_a_gpu_is_found(tmp_path):
    push = "    vf push"
    change = (push, "#ifdef OPERANT_CUDA\n    s->speed = s->speed + R(1e-3);\n#endif\n" + push)
    with pytest.raises(
        Failed, match=r"the GPU's code and scalar differ first in environment 0, step 1:\n  state \w+: "
    ):
        CHECKS["device"](find_spec(str(write_lander(tmp_path, change))))


def test_a_header_that_is_not_cpp_is_reported_at_its_line(tmp_path):
    spec = find_spec(str(write_lander(tmp_path, ("    vf push", "    const int class = 1;\n    vf push"))))
    with pytest.raises(
        Failed, match=r"for a GPU, headers are compiled as C\+\+: lander\.h does not compile:\n.*lander\.h:\d+"
    ):
        CHECKS["device"](spec)


def test_without_a_cpp_compiler_or_pytorch_the_gpus_code_is_not_checked(monkeypatch, tmp_path):
    spec = find_spec(str(write_lander(tmp_path)))
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert CHECKS["device"](spec).startswith("not checked: CXX=no-such-compiler is not installed")
    monkeypatch.setitem(sys.modules, "operant.cuda.batch", None)
    assert CHECKS["device"](spec) == "not checked: PyTorch is not installed"


def test_an_observation_beyond_its_stated_bound_is_found(tmp_path):
    path = write_lander(tmp_path, descriptor=("height = {low = 0}", "height = {low = 0, high = 15}"))
    pattern = r"float32: observation height is 15\.\d+ in environment \d+ after \d+ steps with .*, outside \[0, 15\]"
    with pytest.raises(Failed, match=pattern):
        CHECKS["bounds"](find_spec(str(path)))


@pytest.mark.parametrize(
    "forgotten",
    ["    s->speed = uniform(r, vreal(-1), vreal(1));\n", "    observation[1] = s->speed;\n"],
    ids=["a member of the state", "a component of the observation"],
)
def test_a_variable_that_is_never_set_is_found(tmp_path, forgotten):
    spec = find_spec(str(write_lander(tmp_path, (forgotten, ""))))
    with pytest.raises(Failed, match=r"results change when variables begin as other bytes .*set every member"):
        CHECKS["initialised"](spec)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_parity_finds_gymnasiums_classes_equal(env_id):
    steps = {"CartPole-v1": r"\d+", "Pendulum-v1": "4000"}[env_id]
    assert re.fullmatch(rf"{steps} steps equal those of gymnasium\..* bit for bit", parity(CATALOG[env_id]))


def test_parity_finds_a_users_reference_equal(tmp_path):
    assert "Lander bit for bit" in parity(find_spec(str(with_reference(tmp_path))))


def test_parity_shows_the_first_difference_field_by_field(tmp_path):
    path = with_reference(tmp_path, "0.5 * abs(speed)", "0.4 * abs(speed)")
    with pytest.raises(Failed) as failure:
        parity(find_spec(str(path)))
    title, heads, *rows = [line.strip() for line in str(failure.value).splitlines()]
    assert re.fullmatch(r"step \d+ of the episode with seed \d+, action [01]:", title)
    assert heads.split() == ["field", "lander.h", "Lander"]
    names = ["state height", "state speed", "observation height", "observation speed", "reward", "terminated"]
    assert [re.split(r"\s{2,}", row)[0] for row in rows] == names
    assert [name for name, row in zip(names, rows, strict=True) if "differs" in row] == ["reward"]
    assert re.search(r"differs by 0\.\d+$", rows[4])


def test_parity_takes_a_tolerance_for_a_reference_in_another_order(tmp_path):
    path = with_reference(tmp_path, "height + 0.1 * speed", "height + speed / 10")
    spec = find_spec(str(path))
    with pytest.raises(Failed, match="state height"):
        parity(spec)
    assert "within 1e-12" in parity(spec, 1e-12)


def test_parity_reports_a_reset_that_draws_differently(tmp_path):
    path = with_reference(tmp_path, "default_rng(seed)", "default_rng(seed + 1)")
    with pytest.raises(Failed, match=r"the reset with seed 0:(.|\n)*must draw what the reference draws from"):
        parity(find_spec(str(path)))


def test_parity_refuses_a_reference_that_truncates_or_observes_differently(tmp_path):
    truncating = with_reference(tmp_path / "a", "landed or lost, False", "landed or lost, True")
    with pytest.raises(Failed, match="truncates by itself: leave the time limit to the descriptor"):
        parity(find_spec(str(truncating)))
    wide = with_reference(tmp_path / "b", "np.array(self.state, np.float32), {}", "np.zeros(3, np.float32), {}")
    with pytest.raises(Failed, match=r"observes 3 numbers, but lander\.h observes 2"):
        parity(find_spec(str(wide)))


def test_the_sanitizers_report_a_write_out_of_bounds_at_its_line(tmp_path):
    path = write_lander(
        tmp_path, ("observation[1] = s->speed;", "observation[1] = s->speed, observation[2] = s->speed;")
    )
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "observation[2]" in text)
    with pytest.raises(Failed, match=rf"lander\.h:{line}"):
        sanitize(find_spec(str(path)))


def test_the_sanitizers_report_a_division_by_zero_at_its_line(tmp_path):
    path = write_lander(tmp_path, ("R(1) - R(0.5) * vabs(s->speed)", "R(1) / s->height"))
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "R(1) / s->height" in text)
    with pytest.raises(Failed, match=rf"lander\.h:{line}:\d+: runtime error: division by zero"):
        sanitize(find_spec(str(path)))
