"""The headers of `operant export` compile alone, and compute the core's results bit for bit."""

import ctypes
import re
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from building import needs, run
from support import PHYSICS, TASKS, actions_for, vector

from operant.batch.core import defaults
from operant.catalog import CATALOG, MULTIAGENT, header_names
from operant.cli.main import main
from operant.environments.spaces import array_of
from operant.headers.single_header import exportable

STRICT = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off")
# On x86-64, -march=native enables FMA; -ffp-contract=off prevents it from changing any bit.
BUILDS = {"gcc": ("gcc", "-O2", "-march=native"), "clang": ("clang", "-O1")}
N = 8

# Each header's id, and the constructor arguments that choose it.
HEADERS = {CATALOG[name].header: (name, {}) for name in (*PHYSICS, *TASKS)}
for name, spec in MULTIAGENT.items():
    for values, variant in (spec.variants or {(): spec}).items():
        HEADERS[variant.header] = (name, dict(zip(spec.variant_options, values, strict=False)))

# Environments whose episodes end by themselves before the seventh step.
SHORT = {"blackjack", "breakout", "frozen_lake", "frozen_lake_8x8", "memory", "snake", "squared"}

NUMBERS = {"float": np.float32, "int64_t": np.int64, "unsigned char": np.uint8}

SHIM = """
#include "exported.h"
size_t size(void) { return sizeof(Env); }
void begin(Env *envs, int n, Observation *observations, Action *actions, float *rewards, unsigned char *terminals,
           unsigned char *truncations, uint64_t seed, int max_episode_steps, float first_parameter) {
    for (int i = 0; i < n; i++) {
        Env *env = &envs[i];
        init(env);
        env->observations = observations + i * NAME(agents) * NAME(observation_size);
        env->actions = actions + i * NAME(agents) * NAME(action_size);
        env->rewards = rewards + i * NAME(agents);
        env->terminals = terminals + i * NAME(agents);
        env->truncations = truncations ? truncations + i * NAME(agents) : NULL;
        env->seed = seed + (uint64_t)i;
        if (max_episode_steps >= 0) env->max_episode_steps = max_episode_steps;
        if (first_parameter != 0) *(float *)&env->params = first_parameter;
        c_reset(env);
    }
}
void step(Env *envs, int n) { for (int i = 0; i < n; i++) c_step(&envs[i]); }
void logged(Env *envs, int n, float *sums) {
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 4; k++) sums[k] += ((float *)&envs[i].log)[k];
}
int main(void) {
    Env env;
    allocate(&env);
    c_reset(&env);
    for (int t = 0; t < 100; t++) c_step(&env);
    c_render(&env);
    free_allocated(&env);
    c_close(&env);
    return 0;
}
"""


def export(tmp_path, name):
    """Exports an environment; returns the compiler's arguments for a program that includes it."""
    header = tmp_path / "exported.h"
    assert main(["export", name, "--pufferlib", "--out", str(header)]) == 0
    struct = re.search(r"^typedef struct \w+ (?!Log)(\w+);", header.read_text(), re.MULTILINE)[1]
    action = re.search(r"(\w+) \*actions;", header.read_text())[1]
    (tmp_path / "shim.c").write_text(SHIM)
    observation = re.search(r"(\w.*\w) \*observations;", header.read_text())[1]
    named = f"-DNAME(part)={exportable()[name].header}_##part"
    return (
        f"-DEnv={struct}",
        f"-DAction={action}",
        f"-DObservation={observation}",
        named,
        f"-I{tmp_path}",
        tmp_path / "shim.c",
    )


class Exported:
    """N exported environments, compiled and loaded."""

    def __init__(self, tmp_path, name, build="gcc", truncations=True, seed=0, limit=-1, first_parameter=0.0):
        compiler, *flags = BUILDS[build]
        needs(compiler, compiler)
        library = Path(mkdtemp(dir=tmp_path)) / "exported.so"
        source = export(tmp_path, name)
        run(compiler, *STRICT, *flags, "-shared", "-fPIC", *source, "-o", library, "-lm")
        self.library = ctypes.CDLL(str(library))
        self.library.size.restype = ctypes.c_size_t
        spec = exportable()[name]
        rows = N * max(1, len(spec.agents))
        self.memory = ctypes.create_string_buffer(N * self.library.size())
        number = NUMBERS[source[2].removeprefix("-DObservation=")]
        self.observations = np.full((rows, spec.observation_size), 99, number)
        shape = (rows,) if spec.actions else (rows, len(spec.action_bounds))
        self.actions = np.zeros(shape, np.int32 if spec.actions else np.float32)
        self.rewards = np.full(rows, np.nan, np.float32)
        self.terminals, self.truncations = np.full(rows, 9, np.uint8), np.full(rows, 9, np.uint8)
        arrays = (self.observations, self.actions, self.rewards, self.terminals, self.truncations)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        if not truncations:
            pointers[-1] = None
        self.library.begin(self.memory, N, *pointers, ctypes.c_uint64(seed), limit, ctypes.c_float(first_parameter))

    def step(self, actions):
        self.actions[:] = actions.reshape(self.actions.shape)
        self.library.step(self.memory, N)
        return self.observations, self.rewards, self.terminals, self.truncations

    def log(self):
        """Sums over the episodes that ended: score, return, length, count."""
        sums = np.zeros(4, np.float32)
        self.library.logged(self.memory, N, ctypes.c_void_p(sums.ctypes.data))
        return sums.tolist()


def core(header, **options):
    """Makes the same environments in the core."""
    name, variant = HEADERS[header]
    return vector(name, N, autoreset_mode="SameStep", **variant, **options)


def compare(exported, envs, steps, seed=0):
    """Steps both; every bit must agree. Returns the numbers of terminated and truncated episodes, and the lengths."""
    random = np.random.default_rng(1)

    def same(observations):
        """The core's integers are wider."""
        expected = array_of(observations).astype(exported.observations.dtype)
        assert exported.observations.tobytes() == expected.tobytes()

    same(envs.reset(seed=seed)[0])
    terminated = truncated = length = 0
    for _ in range(steps):
        actions = actions_for(envs.single_action_space, random, (envs.num_envs,))
        observations, rewards, *flags = envs.step(actions)[:4]
        ours = exported.step(actions)
        same(observations)
        assert ours[1].tobytes() == rewards.tobytes()
        assert ours[2].tobytes() == flags[0].tobytes() and ours[3].tobytes() == flags[1].tobytes()
        terminated, truncated = terminated + flags[0].sum(), truncated + flags[1].sum()
        length += envs.finished_episodes()[2].sum()
    return terminated, truncated, length


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("header", HEADERS)
def test_every_environment_returns_the_bits_of_the_core(tmp_path, header, build):
    limit = exportable()[header].max_episode_steps
    given = {} if limit else {"max_episode_steps": 40}
    exported, envs = Exported(tmp_path, header, build, limit=-1 if limit else 40), core(header, **given)
    terminated, truncated, length = compare(exported, envs, 2 * (limit or 40) + 5)
    assert terminated + truncated >= 2 * envs.num_envs
    score, episode_return, episode_length, count = exported.log()
    assert (count, episode_length, score) == (terminated + truncated, length, episode_return)


@pytest.mark.parametrize("header", HEADERS)
def test_truncations_parameters_and_seeds_beyond_32_bits_agree_too(tmp_path, header):
    seed, first = (1 << 40) - 3, next(iter(defaults(exportable()[header])))
    value = float(np.float32(0.003 if "car" in header else 3 if "lake" in header or header == "squared" else 0.07))
    exported = Exported(tmp_path, header, seed=seed, limit=7, first_parameter=value)
    envs = core(header, max_episode_steps=7, isa="scalar", params={first: value})
    terminated, truncated, _ = compare(exported, envs, 100, seed=seed)
    assert truncated == 14 * envs.num_envs or (header in SHORT and terminated + truncated > 14 * envs.num_envs)


def test_without_a_limit_no_episode_is_truncated(tmp_path):
    exported = Exported(tmp_path, "pendulum", limit=0)
    assert compare(exported, core("pendulum", max_episode_steps=-1), 500) == (0, 0, 0)


def test_pufferlibs_binding_leaves_truncations_null(tmp_path):
    exported = Exported(tmp_path, "CartPole-v1", truncations=False, limit=3)
    for _ in range(3):
        exported.step(np.ones(N, np.int32))
    assert exported.log()[2:] == [3.0 * N, N]
    assert (exported.truncations == 9).all()


def test_unusable_actions_become_usable_ones(tmp_path):
    discrete = [Exported(tmp_path, "Acrobot-v1") for _ in range(2)]
    given, meant = [-7, 0, 1, 2, 3, 2**31 - 1, -(2**31), 2], [0, 0, 1, 2, 2, 2, 0, 2]
    for _ in range(20):
        one, other = discrete[0].step(np.array(given)), discrete[1].step(np.array(meant))
        assert one[0].tobytes() == other[0].tobytes()
    continuous = [Exported(tmp_path, "Pendulum-v1") for _ in range(2)]
    # float32's largest is finite: it is clipped, as by the core.
    given, meant = [np.nan, np.inf, -np.inf, 3e38, 1, -2, 7, 0], [0, 0, 0, 2, 1, -2, 2, 0]
    for _ in range(20):
        one, other = continuous[0].step(np.array(given)), continuous[1].step(np.array(meant))
        assert one[0].tobytes() == other[0].tobytes()


@pytest.mark.parametrize("standard", ["c11", "gnu17"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_program_needs_the_header_and_libm_alone(tmp_path, compiler, standard):
    needs(compiler, compiler)
    source = export(tmp_path, "CartPole-v1")
    flags = (f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-O1", "-fsanitize=address,undefined")
    run(compiler, *flags, *source, "-o", tmp_path / "program", "-lm")
    printed = run(tmp_path / "program")
    assert re.fullmatch(
        r"CartPole-v1 agent 0 episode \d+ step \d+:  x -?[\d.]+  x_dot .+  theta .+  theta_dot \S+\n", printed
    )


def test_fast_math_is_refused_by_name(tmp_path):
    with pytest.raises(pytest.fail.Exception, match="-ffast-math breaks the physics"):
        run("cc", "-ffast-math", "-fsyntax-only", *export(tmp_path, "CartPole-v1"))


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_two_environments_in_one_file_are_refused_by_name(tmp_path, compiler):
    needs(compiler, compiler)
    for name in ("cartpole", "pendulum"):
        assert main(["export", name, "--pufferlib", "--out", str(tmp_path / f"{name}.h")]) == 0
    (tmp_path / "twice.c").write_text('#include "cartpole.h"\n#include "cartpole.h"\n')
    run(compiler, "-fsyntax-only", tmp_path / "twice.c")
    (tmp_path / "both.c").write_text('#include "cartpole.h"\n#include "pendulum.h"\n')
    command = [compiler, "-fsyntax-only", tmp_path / "both.c"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    errors = [line for line in said.stderr.splitlines() if "error:" in line]
    assert said.returncode != 0
    assert "a C file can include one header of operant export: give each environment its own binding.c" in errors[0]


@pytest.mark.parametrize("header", HEADERS)
def test_nothing_is_left_of_other_targets(capsys, header):
    assert main(["export", header, "--pufferlib"]) == 0
    text = capsys.readouterr().out
    assert not re.search(r"immintrin|_mm\d*_|arm_neon|vector_size|pcg64|wasm|defined\(__(x86_64|aarch64)__\)", text)
    assert text.count("#if") == text.count("#endif")
    assert set(re.findall(r'#include [<"](.+?)[>"]', text)) - {f"{header}.h", "../env_binding.h"} == {
        "math.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"
    }  # fmt: skip


def test_every_header_can_be_exported_by_name():
    assert set(HEADERS) | set(CATALOG) | set(MULTIAGENT) == set(exportable())
    assert set(HEADERS) == set(header_names())


def test_an_id_has_its_own_time_limit_and_a_header_the_newest(operant):
    printed = [
        operant("export", name, "--pufferlib").stdout for name in ("CartPole-v0", "operant/CartPole-v1", "cartpole")
    ]
    assert "env->max_episode_steps = 200;" in printed[0]
    assert "env->max_episode_steps = 500;" in printed[1]
    assert printed[1] == printed[2]


@pytest.mark.parametrize("name", ["operant/simple_spread-v3", "operant:operant/simple_spread-v3", "simple_spread_v3"])
def test_an_id_may_be_written_in_all_its_forms(capsys, name):
    printed = []
    for each in ("simple_spread", name):
        assert main(["export", each, "--pufferlib"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_a_terminal_gets_a_file_of_c_and_never_one_that_exists(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["export", "cartpole", "--pufferlib"]) == 0
    assert capsys.readouterr().out == "wrote cartpole.h\n"
    text = Path("cartpole.h").read_text()
    assert text.startswith("/* cartpole.h: ")
    with pytest.raises(SystemExit, match="1"):
        main(["export", "cartpole", "--pufferlib"])
    said = capsys.readouterr().err
    assert said == "operant export: cartpole.h already exists: name the file to write with --out\n"
    assert main(["export", "cartpole", "--pufferlib", "--out", "cartpole.h"]) == 0


@pytest.mark.parametrize(
    "arguments", [["export", "cartpole", "--pufferlib"], ["list"], ["--version"], ["--help"], ["list", "--help"]]
)
def test_an_output_that_cannot_be_written_is_one_line(arguments):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "operant.cli.main", *arguments]
        finished = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    program = "operant" if arguments[0].startswith("-") else f"operant {arguments[0]}"
    assert finished.returncode == 1
    remedy = "the disk is full: free some space or choose another folder"
    assert finished.stderr == f"{program}: cannot write its output: {remedy}\n"


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ([], "the following arguments are required: ENV or RUN_ID"),
        (["cartpole"], "say for which framework: --pufferlib"),
        (["cartpol", "--pufferlib"], "unknown environment 'cartpol': did you mean 'cartpole'?"),
        (["CartPole-v2", "--pufferlib"], "did you mean 'CartPole-v1'?"),
        (["cartpole", "--puferlib"], "did you mean '--pufferlib'?"),
    ],
)
def test_an_invalid_export_is_one_line(error_line, arguments, expected):
    assert expected in error_line("export", *arguments)


def test_a_task_on_mujoco_is_no_environment_to_export(error_line, tmp_path):
    own = tmp_path / "walker.h"
    own.with_suffix(".toml").write_text('engine = "mujoco"')
    for name in ("operant/HalfCheetah-v5", str(own)):
        assert f"{name} is computed by MuJoCo: it has no C to export" in error_line("export", name)


@pytest.mark.parametrize("arguments", [("agents/cartpole", "--format", "c"), ("cartpole", "--pufferlib")])
@pytest.mark.parametrize("folder", [".", "/", "sub"])
def test_a_folder_in_place_of_a_file_is_named(operant, tmp_path, arguments, folder):
    (tmp_path / "sub").mkdir()
    finished = operant("export", *arguments, "--out", folder)
    remedy = "it is a directory: name a file"
    assert (finished.returncode, finished.stderr) == (1, f"operant export: cannot write {folder}: {remedy}\n")


def test_a_file_that_cannot_be_written_is_one_line(operant):
    finished = operant("export", "cartpole", "--pufferlib", "--out", "missing/cartpole.h")
    assert (finished.returncode, finished.stdout) == (1, "")
    remedy = "the folder does not exist: create it first"
    assert finished.stderr == f"operant export: cannot write missing/cartpole.h: {remedy}\n"
