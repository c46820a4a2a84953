"""Everything that holds native memory or threads can be copied and pickled, or says what to do instead."""

import copy
import ctypes
import functools
import gc
import importlib
import inspect
import pickle
import pkgutil
import queue
import re
import threading
import types
from pathlib import Path

import pytest
import torch

import operant
from operant._native import ffi
from operant.batch.batch import Batch
from operant.catalog import CATALOG
from operant.environments.normalized import NormalizedVecEnv
from operant.environments.pool import AsyncEnvPool
from operant.environments.vector import make_vector_env
from operant.messages import NotCopyable
from operant.models import PPO
from operant.multiagent import simple_tag_v3
from operant.rollout.buffer import RolloutBuffer
from operant.rollout.gpu_buffer import GpuBuffer
from operant.rollout.normalizer import RewardNormalizer, RunningNormalizer

NATIVE = (ffi.CData, ctypes._SimpleCData, ctypes.Structure, ctypes.CDLL, queue.SimpleQueue, type(threading.Lock()))
CONTAINERS = (dict, list, tuple, set, functools.partial, types.MethodType, types.BuiltinMethodType, types.CellType)
PLAIN = {"Program", "_NoneFinished", "Field"}  # text and numbers
SAYS = re.compile(r"^\w+ cannot be copied or pickled: \w")


def batch():
    made = Batch(CATALOG["CartPole-v1"], 4, autoreset="SameStep")
    made.reset()
    return made


def vector(**options):
    env = make_vector_env("CartPole-v1", 4, autoreset_mode="SameStep", **options)
    env.reset(seed=0)
    for _ in range(30):
        env.step(env.action_space.sample() if env.batch.__class__ is Batch else torch.zeros(4, dtype=torch.int64))
    return env


def trained(device, **options):
    made = PPO("operant/CartPole-v1", PPO.Config(num_envs=4, rollout_steps=8, device=device, **options))
    made.learn(32)
    return made


def single(env_id):
    env = operant.OperantEnv(env_id)
    env.reset(seed=0)
    return env


SAMPLES = {
    "a batch": batch,
    "a vector environment": lambda: vector(episode_statistics=True),
    "a vector environment on a GPU": lambda: vector(device="emulated"),
    "a normalised environment": lambda: NormalizedVecEnv(vector()),
    "a single environment": lambda: single("CartPole-v1"),
    "a vector environment of MuJoCo's": lambda: make_vector_env(
        "Hopper-v5", 4, autoreset_mode="SameStep", randomize={"dof_damping": (0.5, 2.0)}
    ),
    "an environment with masks": lambda: single("Taxi-v4"),
    "a parallel environment": simple_tag_v3.parallel_env,
    "a pool": lambda: AsyncEnvPool("CartPole-v1", 4),
    "a buffer": lambda: RolloutBuffer.for_batch(batch(), 8),
    "a buffer with tensors": lambda: GpuBuffer.for_batch(batch(), 8),
    "normalisers": lambda: [RunningNormalizer((3,)), RewardNormalizer(4, 0.99)],
    "PPO": lambda: trained("cpu"),
    "PPO in torch": lambda: trained("cpu", backend="torch"),
    "PPO on a GPU": lambda: trained("emulated"),
}


def referents(thing):
    """Yields each thing that an object of ours, or a container, holds."""
    if isinstance(thing, CONTAINERS) or type(thing).__module__.startswith("operant."):
        yield from gc.get_referents(thing)
        yield from getattr(thing, "__dict__", {}).values()


def objects_in(root):
    """The instances of our classes that an object reaches, itself included."""
    found, waiting, seen = [], [root], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | types.ModuleType | types.FunctionType):
            continue
        seen.add(id(thing))
        if type(thing).__module__.startswith("operant.") and not isinstance(thing, ffi.CData):
            found.append(thing)
        waiting += referents(thing)
    return found


def holds_native(root):
    waiting, seen = [root], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | types.ModuleType | types.FunctionType):
            continue
        seen.add(id(thing))
        if isinstance(thing, NATIVE):
            return True
        waiting += referents(thing)
    return False


@pytest.fixture(scope="module")
def found():
    """An instance of each of our classes that the samples reach, by class."""
    by_class = {}
    for make in SAMPLES.values():
        for each in objects_in(make()):
            by_class.setdefault(type(each), each)
    yield by_class
    by_class[AsyncEnvPool].close()


def classes():
    """Every class of the package whose module uses native memory or queues of threads."""
    for module in pkgutil.walk_packages(operant.__path__, "operant."):
        if re.match(r"operant\.(native|_native|doctor|bench|cli|batch\.outputs__mypyc)\b", module.name):
            continue
        try:
            loaded = importlib.import_module(module.name)
        except ImportError:  # a framework that is not installed
            continue
        path = Path(loaded.__file__)  # that of the extension, where mypyc has compiled it
        source = (path if path.suffix == ".py" else path.with_name(f"{module.name.rpartition('.')[2]}.py")).read_text()
        if re.search(r"\bffi\b|\bctypes\b|^import queue|\bgetrefcount\b", source, re.M):
            named = (kind for name, kind in vars(loaded).items() if getattr(kind, "__qualname__", "") == name)
            yield from (kind for kind in named if isinstance(kind, type) and kind.__module__ == module.name)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda each: pickle.loads(pickle.dumps(each))])
def test_what_holds_native_memory_is_copied_or_names_the_remedy(found, duplicate):
    holders = {kind.__name__: each for kind, each in found.items() if holds_native(each)}
    assert {
        "Batch",
        "OperantVectorEnv",
        "CudaBatch",
        "NativePPO",
        "TorchPPO",
        "AsyncEnvPool",
        "Moments",
        "Stepper",
    } <= {*holders}
    refused = set()
    for name, each in holders.items():
        try:
            twin = duplicate(each)
        except TypeError as problem:
            assert SAYS.match(str(problem)), f"{name}: {problem}"
            refused.add(name)
        else:
            assert type(twin) is type(each)
    copied = {"Batch", "OperantVectorEnv", "OperantEnv", "OperantParallelEnv", "CudaBatch", "CudaVectorEnv"}
    assert not refused & {*copied, "NormalizedVecEnv", "RolloutBuffer", "RunningNormalizer", "RewardNormalizer"}


def test_every_class_that_uses_native_memory_is_among_the_samples_or_cannot_be_copied(found):
    forgotten = []
    for kind in classes():
        if issubclass(kind, NotCopyable | BaseException) or inspect.isabstract(kind) or kind.__name__ in PLAIN:
            continue
        if not any(issubclass(each, kind) for each in found):
            forgotten.append(kind.__qualname__)
    assert not forgotten, f"{forgotten}: add what makes one to SAMPLES, or derive it from NotCopyable"


def test_a_copied_buffer_has_the_numbers_and_no_batch():
    buffer = RolloutBuffer.for_batch(batch(), 3)
    buffer.begin()
    buffer.step(0)
    for twin in (copy.deepcopy(buffer), pickle.loads(pickle.dumps(buffer))):
        assert twin.observations.tobytes() == buffer.observations.tobytes()
        assert twin.tensors.observations.shape == (4, 4, 4)
        with pytest.raises(ValueError, match="this buffer has no batch to step"):
            twin.step(1)
        twin.observations[:] = 7
        assert not (buffer.observations == 7).any()


def test_a_policy_can_be_copied_alone():
    ppo = trained("cpu")
    twin = copy.deepcopy(ppo.policy)
    for ours, theirs in zip(ppo.policy.parameters(), twin.parameters(), strict=True):
        assert ours.equal(theirs) and ours.data_ptr() != theirs.data_ptr()
