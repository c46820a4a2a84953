"""Judges operant as it is installed in the Python that runs this: `python wheels/smoke.py`, in a fresh environment.

It needs no more than `operant[train]`. `make wheels` runs it for every wheel, and so do the workflows, on each
system, before a wheel is published.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import gymnasium as gym
import numpy as np

import operant
from operant.batch import outputs
from operant.batch.core import isas
from operant.models import PPO
from operant.models.evaluation import evaluate

ROOT = Path(__file__).resolve().parent.parent
CLASSIC = ("gymnasium.envs.classic_control", "gymnasium.envs.toy_text")
STEPS = 100


def check(right: bool, wrong: str) -> None:
    """Ends the program with `wrong` unless `right`; `assert` would be silent under -O."""
    if not right:
        sys.exit(f"FAILED: {wrong}")


def installed() -> str:
    """Checks that the package is installed, not the source tree, with or without mypyc as its tag says."""
    check(ROOT / "src" not in Path(operant.__file__).resolve().parents, f"{operant.__file__} is the source tree")
    tag = re.search(r"^Tag: (.+)$", distribution("operant").read_text("WHEEL") or "", re.MULTILINE)
    check(tag is not None, "the package has no tag: it is not installed from a wheel")
    compiled = not str(outputs.__file__).endswith(".py")
    check(compiled == ("-abi3-" not in tag[1]), f"{tag[1]}: the step path is {outputs.__file__}")
    return f"operant {operant.__version__} {tag[1]}, step path {'compiled' if compiled else 'in Python'}"


def steps() -> str:
    """Checks that `make_vec` opens the native batch, and that it steps."""
    envs = gym.make_vec("operant/CartPole-v1", num_envs=64)
    check(isinstance(envs.unwrapped, operant.OperantVectorEnv), f"make_vec made a {type(envs.unwrapped)}")
    envs.reset(seed=0)
    observations, rewards, *_ = envs.step(np.ones(64, np.int64))
    check(observations.shape == (64, 4) and rewards.sum() == 64, "64 CartPoles do not step")
    return f"64 CartPoles on {envs.unwrapped.batch.isa}"


def best_instructions() -> str:
    """Checks that the best instruction set is that of the CPU, as NumPy finds it."""
    try:
        from numpy._core._multiarray_umath import __cpu_features__ as has
    except ImportError:  # NumPy 1
        from numpy.core._multiarray_umath import __cpu_features__ as has
    if has.get("NEON") or has.get("ASIMD"):
        wanted = "neon"
    elif all(has[name] for name in ("AVX512F", "AVX512DQ", "AVX512BW", "AVX512VL", "FMA3")):
        wanted = "avx512"
    else:
        wanted = "avx2" if has["AVX2"] and has["FMA3"] else "sse2"
    best = next(isa for isa, runs in isas().items() if runs)
    check(best == wanted, f"the best instruction set is {best}, but the CPU has {wanted}")
    return f"best instruction set {best}"


def certificates() -> str:
    """Checks every float32 certificate against docs/exactness.md."""
    page = (ROOT / "docs" / "exactness.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"^\| `([\w/]+)` \| `(\w{16})` \|$", page, re.MULTILINE))
    with contextlib.redirect_stdout(io.StringIO()):
        found = operant.certificate()
    fast = {place: value for place, value in found.items() if place[2] == "float32"}
    wrong = [f"{name} on {isa}" for (name, isa, _), value in fast.items() if value != stated[name]]
    check(not wrong, f"other bits than docs/exactness.md: {', '.join(wrong)}")
    check({name for name, *_ in found} == set(stated), "not every certificate was computed")
    return f"{len(fast)} float32 certificates as stated"


def same_as_gymnasium() -> str:
    """Compares the float64 build with Gymnasium's own environments in this process, bit for bit.

    Both call the C library of this system: another one's sines are not a fault.
    """
    names = [
        name
        for name, spec in gym.registry.items()
        if str(spec.entry_point).startswith(CLASSIC) and f"operant/{name}" in gym.registry
    ]
    check(len(names) >= 8, f"Gymnasium has only {names}")
    for name in names:
        theirs = gym.make_vec(name, num_envs=4, vectorization_mode="sync")
        ours = gym.make_vec(f"operant/{name}", num_envs=4, precision="float64")
        theirs.action_space.seed(1)
        pairs = [(theirs.reset(seed=3)[0], ours.reset(seed=3)[0])]
        for _ in range(STEPS):
            actions = theirs.action_space.sample()
            pairs += zip(theirs.step(actions)[:4], ours.step(actions)[:4], strict=True)
        same = all(np.array_equal(np.asarray(left), np.asarray(right)) for left, right in pairs)
        check(same, f"{name}: float64 differs from Gymnasium")
        theirs.close()
        ours.close()
    return f"{len(names)} tasks of Gymnasium bit for bit in {STEPS} steps"


def threads() -> str:
    """Compares environments in Python that threads step with Gymnasium's; a free-threaded Python has no GIL by then."""
    functions = [lambda: gym.make("CartPole-v1")] * 6
    theirs = gym.vector.SyncVectorEnv(functions)
    theirs.action_space.seed(1)
    with operant.vectorize(functions, workers=3, context="thread") as ours:
        pairs = [(theirs.reset(seed=3)[0], ours.reset(seed=3)[0])]
        for _ in range(STEPS):
            actions = theirs.action_space.sample()
            pairs += zip(theirs.step(actions)[:4], ours.step(actions)[:4], strict=True)
    check(all(np.array_equal(left, right) for left, right in pairs), "threads differ from SyncVectorEnv")
    free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    check(not (free and gil), "operant has enabled the GIL of a free-threaded Python")
    return f"threads step Python's environments {'without' if free else 'under'} the GIL"


def trains() -> str:
    """Trains CartPole in the core for some seconds' worth of frames, and checks that it has learned."""
    trained = PPO("operant/CartPole-v1", seed=0)
    trained.learn(60_000)
    score = float(evaluate(trained, "operant/CartPole-v1", 20).mean())
    check(score > 60, f"after 60,000 steps CartPole returns {score:.0f}; 20 is chance")
    return f"CartPole returns {score:.0f} after 60,000 steps"


def agents() -> str:
    """Checks that an agent plays, and that this machine trains it to the same bits."""
    agent = operant.agents.load("cartpole")
    score = float(evaluate(agent, "operant/CartPole-v1", 20).mean())
    check(score == 500, f"the agent of CartPole returns {score:.0f}")
    run("repeat", "agents/cartpole", "--quiet")
    return "an agent plays, and is trained again to the same bits"


def resumes() -> str:
    """Trains a run in two parts, with a checkpoint on disk between them, and compares its weights with another's."""
    with tempfile.TemporaryDirectory() as folder:
        ours = ("--runs", folder, "--quiet")
        sizes = ("--num-envs", "8", "--rollout-steps", "128", "--no-anneal", *ours)
        run("train", "cartpole", "--name", "whole", "--timesteps", "8192", *sizes)
        run("train", "cartpole", "--name", "parts", "--timesteps", "4096", *sizes)
        run("resume", "parts", "--timesteps", "8192", *ours)
        records = [json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).glob("*/run.json")]
    hashes = {record["weights"] for record in records}
    check([record["updates"] for record in records] == [8, 8], "a run or its resumption did not end")
    check(len(hashes) == 1, f"a resumed run has other weights: {hashes}")
    return "a resumed run has the weights of an uninterrupted one"


def run(*words: str) -> None:
    """Runs an `operant` command in this process."""
    from operant.cli.main import main

    with contextlib.redirect_stdout(io.StringIO()):
        code = main(list(words))
    check(not code, f"operant {' '.join(words)} ended with {code}")


CHECKS: tuple[Callable[[], str], ...] = (
    installed,
    steps,
    best_instructions,
    certificates,
    same_as_gymnasium,
    threads,
    trains,
    agents,
    resumes,
)

if __name__ == "__main__":
    begun = time.perf_counter()
    said = [each() for each in CHECKS]
    print("; ".join(said), f"({time.perf_counter() - begun:.1f} s)", flush=True)
