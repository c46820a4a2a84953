"""Users' headers on a GPU: the CPU's bits, and a C++ compiler's errors."""

import re

import gymnasium as gym
import numpy as np
import pytest
from authored import write_lander
from building import ROOT
from larger_headers import (
    BRANCHES,
    BRANCHES_TOML,
    CHOIR,
    CHOIR_TOML,
    DIAL,
    DIAL_TOML,
    GARDEN,
    GARDEN_TOML,
    TURNS,
    write,
)
from support import MODES
from twins import play, same_results, twins

import operant
from operant.cuda import emulated, nvidia
from operant.cuda.engine import environment_program
from operant.environments.cuda_vector import CudaVectorEnv
from operant.environments.lookup import find_spec
from operant.headers.library import CompileError
from operant.headers.sources import native_folder

HEADERS = {
    "lander": lambda folder: write_lander(folder),
    "puck": lambda folder: ROOT / "examples" / "puck.h",  # continuous actions
    "garden": lambda folder: write(folder, "garden", GARDEN, GARDEN_TOML),  # arrays, bytes, several components
    "dial": lambda folder: write(
        folder, "dial", DIAL.replace("SIZE", "2"), DIAL_TOML.replace("KIND", "Tuple") + TURNS
    ),  # integers
    "choir": lambda folder: write(folder, "choir", CHOIR, CHOIR_TOML),  # two agents
    "branches": lambda folder: write(folder, "branches", BRANCHES, BRANCHES_TOML),  # one lane, with branches
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_users_header_has_the_cpus_bits(name, tmp_path):
    path = str(HEADERS[name](tmp_path))
    for mode in MODES:
        mine, other = twins(path, 45, autoreset_mode=mode, max_episode_steps=12, episode_statistics=True)
        same_results(mine.reset(seed=8), other.reset(seed=8))
        assert play(mine, other, 30) > 10


def test_a_registered_header_is_made_on_a_device_by_its_id(tmp_path):
    operant.register_env(write_lander(tmp_path, descriptor=('id = "lander-v0"', 'id = "gpu_lander-v0"')))
    env = gym.make_vec("gpu_lander-v0", num_envs=3, device="emulated", randomize={"gravity": (1.0, 3.0)})
    assert type(env) is CudaVectorEnv and env.reset(seed=0)[0].shape == (3, 2)
    assert len(np.unique(env.parameter("gravity"))) == 3


def test_a_changed_header_is_compiled_again(tmp_path):
    path = write_lander(tmp_path)
    program = environment_program(find_spec(str(path)))
    first = emulated.compiled(program)
    assert emulated.compiled(environment_program(find_spec(str(path)))) == first
    path.write_text(path.read_text().replace("vreal(-1), vreal(1)", "vreal(2), vreal(3)"))
    assert emulated.compiled(environment_program(find_spec(str(path)))) != first


def test_an_error_of_the_emulations_compiler_is_at_the_users_line(tmp_path):
    path = write_lander(tmp_path, ("s->speed = uniform", "int *none = 1.5;\n    s->speed = uniform"))
    with pytest.raises(CompileError, match=rf"^lander.h does not compile:\n{re.escape(str(path))}:\d+:\d+: error:"):
        emulated.compiled(environment_program(find_spec(str(path))))


def test_compilers_point_from_a_compound_literal_to_value(tmp_path):
    _, nvrtc = nvidia.bindings()
    hint = r"hint: for a GPU the header is compiled as C\+\+, which has no \(type\){a, b}"
    members = "uniform(r, p->low, p->high), uniform(r, vreal(-1), vreal(1))"
    written = "s->height = uniform(r, p->low, p->high);\n    s->speed = uniform(r, vreal(-1), vreal(1));"
    path = write_lander(tmp_path, (written, f"*s = (lander_state){{{members}}};"))
    place = rf"{re.escape(str(path))}:\d+:"
    with pytest.raises(CompileError, match=rf"(?s){place} error: expected an expression.*{hint}"):
        nvidia.compile_program(environment_program(find_spec(str(path))), nvrtc, "compute_90")
    with pytest.raises(CompileError, match=rf"(?s){place}\d+: error: .*compound.literals.*{hint}"):
        emulated.compiled(environment_program(find_spec(str(path))))
    path.write_text(path.read_text().replace(f"(lander_state){{{members}}}", f"VALUE(lander_state, {members})"))
    assert nvidia.compile_program(environment_program(find_spec(str(path))), nvrtc, "compute_90")


def test_no_built_in_header_has_a_compound_literal():
    literal = re.compile(r"\(\s*\w+\s*\)\s*\{")
    folders = (native_folder() / "envs", native_folder() / "rollout")
    for path in (path for folder in folders for path in folder.rglob("*.h")):
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)
        found = [match[0] for match in literal.finditer(code) if "if" not in match[0]]
        assert not found, f"{path.name} has {found}"
