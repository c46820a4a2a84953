"""The rows of the benchmark: their contenders, and the figures to reach.

A row is a function that yields one `Row` per batch size. Unless it says otherwise, its contenders use the public API
with default options, one worker, and actions drawn beforehand.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import operant.batch.batch
import operant.batch.outputs
from operant.batch.batch import Batch
from operant.batch.core import isas, parameters
from operant.bench import numpy_loops, peers, probes
from operant.bench.report import Measure, Row, Target
from operant.bench.timing import Comparison, Contender, compare, timed, timed_over
from operant.catalog import CATALOG, MULTIAGENT
from operant.headers import library
from operant.headers.sources import built_in_header, native_folder
from operant.rollout import advantages as rollout
from operant.spec import EnvSpec
from operant.utils import RunningNormalizer
from operant.workers.choice import available_cores

STANDARD = 4096  # the targets are stated for this batch size
WORKERS_SIZE, MEMORY_SIZE = 65_536, 1_048_576
LARGE_COPY = 1 << 27  # bytes, much larger than any cache

AGENTS_TARGETS = {("simple_spread-v3", STANDARD): 1000.0}  # times the speed of mpe2
SB3_TARGETS = {64: 20.0, 1024: 80.0}  # by batch size: times the speed of DummyVecEnv
TASK_TARGETS = {"Bandit-v0": 500.0, "Squared-v0": 500.0, "FrozenLake-v1": 500.0, "Snake-v0": 500.0}  # times sync
TASK_RATES = {"Quadrotor-v0": 20e6}  # steps/s
OPTION_TARGETS = {'autoreset_mode="SameStep"': 0.35, "episode_statistics=True": 0.6}  # times the default options
SYNC_TARGETS = {"CartPole-v1": 4000.0, "MountainCar-v0": 3000.0, "Pendulum-v1": 2500.0, "Acrobot-v1": 2000.0}


@dataclasses.dataclass(frozen=True)
class Plan:
    """The plan of a benchmark: the environment, the batch sizes, and its duration.

    Each contender gives `rounds` samples of about `seconds` each.
    """

    spec: EnvSpec
    sizes: tuple[int, ...] = (STANDARD,)
    rounds: int = 11
    seconds: float = 0.1

    def compare(self, contenders: Sequence[Contender]) -> Comparison:
        return compare(contenders, rounds=self.rounds, seconds=self.seconds)

    def target(self, num_envs: int = STANDARD, **bound: Any) -> Target | None:
        """Returns a target for CartPole-v1 in batches of 4096, and None for anything else."""
        return Target(**bound) if (self.spec.id, num_envs) == ("CartPole-v1", STANDARD) else None

    def title(self, num_envs: int) -> str:
        return f"{self.spec.id}, {num_envs:,} environment{'s' * (num_envs > 1)}, one worker"


RowFunction = Callable[[Plan], Iterator[Row]]
ROWS: dict[str, RowFunction] = {}


def row(function: RowFunction) -> RowFunction:
    """Registers a row under its function's name; the docstring is its help text."""
    ROWS[function.__name__] = function
    return function


@row
def vector(plan: Plan) -> Iterator[Row]:
    """One batch against Gymnasium's vector environments and EnvPool."""
    env_id = plan.spec.id
    for num_envs in plan.sizes:
        with contextlib.ExitStack() as stack:
            ours = peers.operant_vector(stack, env_id, num_envs)
            bare = peers.gymnasium_numpy(stack, env_id, num_envs)
            few = min(num_envs, peers.SYNC_ENVS)
            sync = peers.gymnasium_sync(stack, env_id, few) if peers.has_reference(env_id) else None
            pool = peers.envpool_vector(stack, env_id, num_envs)
            notes = [] if isinstance(pool, Contender) else [pool]
            least = Target(at_least=SYNC_TARGETS[env_id]) if env_id in SYNC_TARGETS and num_envs == STANDARD else None
            targets = [(bare, plan.target(num_envs, at_least=25.0)), (sync, least)]
            if isinstance(pool, Contender):
                targets.append((pool, plan.target(num_envs, at_least=500.0)))
            others = [(peer, target) for peer, target in targets if peer is not None]
            comparison = plan.compare([ours, *(peer for peer, _ in others)])
        result = Row("vector", plan.title(num_envs), comparison, "operant is faster", notes=notes)
        for peer, target in others:
            result.add_ratio(peer.name, f"{env_id}, times {peer.name}", comparison.ratios(ours.name, peer.name), target)
        if aim := plan.target(num_envs, at_least=1e9, aim=True):
            label = f"operant, {env_id}, {num_envs:,} environments"
            result.measures.append(Measure(label, "steps/s", comparison.rates(ours.name), aim, restated=True))
        if num_envs > peers.SYNC_ENVS:
            result.notes.append(
                f"Gymnasium sync runs {peers.SYNC_ENVS} environments: with more, its steps/s hardly change."
            )
        yield result


@row
def environments(plan: Plan) -> Iterator[Row]:
    """The other classic-control environments against Gymnasium's sync vector environment."""
    chosen = [spec for spec in CATALOG.values() if is_classic(spec) and not spec.id.startswith("CartPole-")]
    for num_envs in plan.sizes:
        with contextlib.ExitStack() as stack:
            pairs = [
                (
                    peers.operant_vector(stack, spec.id, num_envs, f"{spec.id}: operant"),
                    peers.gymnasium_sync(stack, spec.id, min(num_envs, peers.SYNC_ENVS)),
                    SYNC_TARGETS.get(spec.id) if num_envs == STANDARD else None,
                )
                for spec in chosen
            ]
            pairs = [
                (ours, dataclasses.replace(sync, name=f"{spec.id}: {sync.name}"), least)
                for spec, (ours, sync, least) in zip(chosen, pairs, strict=True)
            ]
            comparison = plan.compare([each for ours, sync, _ in pairs for each in (ours, sync)])
        result = Row("environments", f"{num_envs:,} environments, one worker", comparison, "operant is faster")
        for ours, sync, least in pairs:
            target = None if least is None else Target(at_least=least)
            label = f"{sync.name.replace(': ', ', times ')}"
            result.add_ratio(sync.name, label, comparison.ratios(ours.name, sync.name), target)
        yield result


def is_classic(spec: EnvSpec) -> bool:
    """Returns True for Gymnasium's classic-control tasks."""
    return spec.reference.startswith("gymnasium.envs.classic_control.")


@row
def tasks(plan: Plan) -> Iterator[Row]:
    """All other environments against their reference class, in Gymnasium's sync form and in a bare loop."""
    chosen = [spec for spec in CATALOG.values() if spec.reference and not is_classic(spec)]
    for num_envs in plan.sizes:
        contenders = []
        with contextlib.ExitStack() as stack:
            for spec in chosen:
                few = min(num_envs, peers.SYNC_ENVS)
                ours = peers.operant_vector(stack, spec.id, num_envs, "operant")
                trio = (ours, peers.gymnasium_sync(stack, spec.id, few), peers.one_by_one(stack, spec, few))
                contenders.append([dataclasses.replace(each, name=f"{spec.id}: {each.name}") for each in trio])
            comparison = plan.compare(list(itertools.chain(*contenders)))
        result = Row("tasks", f"{num_envs:,} environments, one worker", comparison, "operant is faster")
        targets = TASK_TARGETS if num_envs == STANDARD else {}
        for spec, (ours, sync, loop) in zip(chosen, contenders, strict=True):
            target = Target(at_least=targets[spec.id]) if spec.id in targets else None
            for each, wanted in ((sync, target), (loop, None)):
                label = each.name.replace(": ", ", times ")
                result.add_ratio(each.name, label, comparison.ratios(ours.name, each.name), wanted)
            if spec.id in TASK_RATES and num_envs == STANDARD:
                rate = Target(at_least=TASK_RATES[spec.id])
                result.measures.append(Measure(ours.name, "steps/s", comparison.rates(ours.name), rate, restated=True))
        if num_envs > peers.SYNC_ENVS:
            result.notes.append(
                f"The references are {peers.SYNC_ENVS} objects: with more, their steps/s hardly change."
            )
        yield result


@row
def kernel(plan: Plan) -> Iterator[Row]:
    """The C core called directly, against the public API: the cost of Python."""
    for num_envs in plan.sizes:
        with contextlib.ExitStack() as stack:
            ours = peers.operant_vector(stack, plan.spec.id, num_envs)
            core = peers.operant_kernel(stack, plan.spec.id, num_envs)
            comparison = plan.compare([ours, core])
        result = Row("kernel", plan.title(num_envs), comparison, "of the API's speed")
        target = plan.target(num_envs, at_most=1.4)
        ratios = comparison.ratios(core.name, ours.name)
        result.add_ratio(core.name, "kernel only, times the API's speed", ratios, target)
        yield result


@row
def bandwidth(plan: Plan) -> Iterator[Row]:
    """Bytes moved per second, against the speed of copying memory on this machine."""
    for num_envs in sorted({*plan.sizes, MEMORY_SIZE}):
        moved = bytes_per_step(plan.spec)
        with contextlib.ExitStack() as stack:
            ours = peers.operant_vector(stack, plan.spec.id, num_envs)
            ours = dataclasses.replace(ours, work=float(num_envs * moved))
            same = copy_contender("np.copyto of as many bytes as one step moves", num_envs * moved)
            large = copy_contender(f"np.copyto of {LARGE_COPY >> 20} MiB", 2 * LARGE_COPY)
            comparison = plan.compare([ours, same, large])
        title = f"{plan.spec.id}, {num_envs:,} environments, {moved} bytes a step"
        result = Row("bandwidth", title, comparison, rate=("GB/s", 1e9))
        for copy, title in ((same, "an equally large copy"), (large, "a large copy")):
            share = [100 * ratio for ratio in comparison.ratios(ours.name, copy.name)]
            result.measures.append(Measure(f"share of the bandwidth of {title}, {num_envs:,} environments", "%", share))
        result.notes.append("A copy may also fetch the bytes that it overwrites, so a step can exceed 100%.")
        yield result


@row
def authored(plan: Plan) -> Iterator[Row]:
    """The built-in header compiled like a user's: its speed, and the time of compiling."""
    header = native_folder() / built_in_header(plan.spec.header)
    own = dataclasses.replace(plan.spec, source=str(header))
    seconds = library.build(header, again=True).seconds
    for num_envs in plan.sizes:
        with contextlib.ExitStack() as stack:
            built_in = peers.operant_batch(stack, plan.spec, num_envs, "built in")
            compiled = peers.operant_batch(stack, own, num_envs, "compiled as a user's")
            comparison = plan.compare([built_in, compiled])
        result = Row("authored", plan.title(num_envs), comparison, "of the built-in one's speed")
        label = f"{plan.spec.id} as a user's header, {num_envs:,} environments, times the built-in one's time"
        ratios = comparison.ratios(built_in.name, compiled.name)
        result.add_ratio(compiled.name, label, ratios, plan.target(num_envs, at_most=1.1))
        compiling = f"compiling {header.name} for every target with {library.find_compiler()[0]}"
        result.measures.append(Measure(compiling, "s", [seconds], plan.target(num_envs, at_most=3.0)))
        yield result


def bytes_per_step(spec: EnvSpec) -> int:
    """Counts the bytes that one step of one environment of the fast build reads and writes.

    These are the action (int64 or float32), the state (read and written), the deadline, the observation, the reward,
    two flags, and the episode return (read and written).
    """
    action = 8 * len(spec.action_counts) + 4 * len(spec.action_bounds)
    number = np.dtype(spec.number_type).itemsize
    return action + 8 * spec.state_size + 4 + number * spec.observation_size + 4 + 2 + 8


def copy_contender(name: str, moved: int) -> Contender:
    """Makes a contender of `np.copyto` that reads and writes `moved` bytes in total."""
    source, target = np.ones(moved // 2, np.uint8), np.zeros(moved // 2, np.uint8)
    return Contender(name, timed(lambda: np.copyto(target, source)), float(2 * source.nbytes))


@row
def exact(plan: Plan) -> Iterator[Row]:
    """The float64 build, which matches Gymnasium bit for bit, against Gymnasium's sync vector environment."""
    for num_envs in plan.sizes:
        with contextlib.ExitStack() as stack:
            ours = peers.operant_vector(stack, plan.spec.id, num_envs, "operant, float64", precision="float64")
            fast = peers.operant_vector(stack, plan.spec.id, num_envs, "operant, float32")
            few = min(num_envs, peers.SYNC_ENVS)
            theirs = [peers.gymnasium_sync(stack, plan.spec.id, few)] if peers.has_reference(plan.spec.id) else []
            comparison = plan.compare([ours, *theirs, fast])
        result = Row("exact", f"{plan.title(num_envs)}, precision float64", comparison, "exact is faster")
        target = plan.target(num_envs, at_least=200.0)
        for sync in theirs:
            result.add_ratio(sync.name, f"exact, times {sync.name}", comparison.ratios(ours.name, sync.name), target)
        result.add_ratio(fast.name, "exact, times the fast build", comparison.ratios(ours.name, fast.name))
        yield result


@row
def isa(plan: Plan) -> Iterator[Row]:
    """Every instruction set of this CPU, against the best one."""
    names = [name for name, runs in isas().items() if runs and name != "exact"]
    for num_envs in plan.sizes:
        with contextlib.ExitStack() as stack:
            contenders = [peers.operant_vector(stack, plan.spec.id, num_envs, name, isa=name) for name in names]
            comparison = plan.compare(contenders)
        result = Row("isa", plan.title(num_envs), comparison, f"of {names[0]}")
        for name in names[1:]:
            target = plan.target(num_envs, at_least=0.4) if (name, names[0]) == ("avx2", "avx512") else None
            result.add_ratio(name, f"{name}, times {names[0]}", comparison.ratios(name, names[0]), target)
        yield result


@row
def single(plan: Plan) -> Iterator[Row]:
    """One environment: microseconds per call."""
    env_id = plan.spec.id
    with contextlib.ExitStack() as stack:
        batch = peers.operant_vector(stack, env_id, 1, "operant make_vec(num_envs=1).step")
        bare = peers.single(stack, f"operant/{env_id}", "operant make().unwrapped.step")
        made = peers.single(stack, f"operant/{env_id}", "operant make().step", unwrapped=False)
        pairs, notes = [], []
        if peers.has_reference(env_id):
            their_bare = peers.single(stack, env_id, "Gymnasium make().unwrapped.step")
            their_made = peers.single(stack, env_id, "Gymnasium make().step", unwrapped=False)
            pairs = [(bare, their_bare, plan.target(at_least=4.0)), (made, their_made, None)]
        contenders = [batch, bare, made, *(theirs for _, theirs, _ in pairs)]
        for peer in (peers.gymnasium_numpy(stack, env_id, 1), peers.envpool_vector(stack, env_id, 1)):
            if isinstance(peer, Contender):
                contenders.append(dataclasses.replace(peer, name=f"{peer.name}, num_envs=1"))
                pairs.append((batch, contenders[-1], None))
            elif peer is not None:
                notes.append(peer)
        comparison = plan.compare(contenders)
    result = Row("single", f"{env_id}, one environment", comparison, "operant is faster", notes=notes)
    for ours, theirs, target in pairs:
        ratios = comparison.ratios(ours.name, theirs.name)
        result.add_ratio(theirs.name, f"{ours.name}, times {theirs.name}", ratios, target)
    microseconds = [1e6 * seconds for seconds in comparison.seconds[batch.name]]
    result.measures.append(Measure(batch.name, "us", microseconds, plan.target(at_most=1.5), restated=True))
    result.notes.append("Resets of make()'s environments are not timed.")
    yield result


@row
def workers(plan: Plan) -> Iterator[Row]:
    """Two threads against one."""
    title = f"{plan.spec.id}, {WORKERS_SIZE:,} environments"
    if available_cores() < 2:
        yield Row("workers", title, skipped="this process may use only one core")
        return
    with contextlib.ExitStack() as stack:
        one = peers.operant_vector(stack, plan.spec.id, WORKERS_SIZE, "1 worker")
        two = peers.operant_vector(stack, plan.spec.id, WORKERS_SIZE, "2 workers", workers=2)
        comparison = plan.compare([one, two])
    result = Row("workers", title, comparison, "of 1 worker")
    ratios = comparison.ratios(two.name, one.name)
    result.add_ratio(two.name, "2 workers, times 1 worker", ratios, plan.target(at_least=1.7))
    result.notes.append("This needs two otherwise idle cores.")
    yield result


@row
def memory(plan: Plan) -> Iterator[Row]:
    """Bytes per environment of a batch of a million."""
    if importlib.util.find_spec("resource") is None:
        yield Row("memory", plan.spec.id, skipped="Windows does not tell how much memory a process has used at most")
        return
    with contextlib.ExitStack() as stack:
        ours = peers.operant_vector(stack, plan.spec.id, MEMORY_SIZE)
        comparison = plan.compare([ours])
    figures = [probes.probe_memory(plan.spec.id, MEMORY_SIZE) for _ in range(min(3, plan.rounds))]
    result = Row("memory", f"{plan.spec.id}, {MEMORY_SIZE:,} environments", comparison)
    for name, label, target in (
        ("peak", "peak growth of the process: make_vec, reset, steps", plan.target(at_most=150.0)),
        ("resident", "of which it keeps", None),
        ("core", "of which in the core", None),
        ("returned", "of which the arrays that step returns", None),
        ("spaces", "of which Gymnasium's batched spaces", None),
    ):
        result.measures.append(Measure(label, "B/env", [figure[name] for figure in figures], target))
    yield result


@row
def imports(plan: Plan) -> Iterator[Row]:
    """The time of `import operant`, after gymnasium."""
    probes.time_imports()  # writes the bytecode
    samples = [probes.time_imports() for _ in range(min(7, plan.rounds))]
    result = Row("imports", "each time in a fresh interpreter, one after the other")
    for k, (label, target) in enumerate(
        (
            ("import gymnasium", None),
            ("import operant, after gymnasium", Target(at_most=50.0)),
            ("the first make_vec", None),
        )
    ):
        result.measures.append(Measure(label, "ms", [1e3 * sample[k] for sample in samples], target))
    yield result


@row
def mypyc(plan: Plan) -> Iterator[Row]:
    """The gain from compiling operant.batch.outputs."""
    compiled = operant.batch.outputs
    title = "operant.batch.outputs compiled by mypyc, against the same source in Python"
    if not is_compiled(compiled):
        yield Row("mypyc", title, skipped="operant.batch.outputs is not compiled in this installation")
        return
    twin = python_twin(compiled)
    contenders = []
    with contextlib.ExitStack() as stack:
        for name, module in (("compiled", compiled), ("Python", twin)):
            batch = Batch(plan.spec, 1)
            stack.callback(batch.close)
            contenders.append(Contender(f"OutputRing.take, {name}", timed(batch.make_stepper(module).ring.take)))
        for name, module in (("compiled", compiled), ("Python", twin)):
            envs: Any = operant.OperantVectorEnv(plan.spec.id, 1)
            stack.callback(envs.close)
            envs.batch.stepper = envs.batch.make_stepper(module)
            envs.reset(seed=0)
            actions = peers.prepare_actions(envs.single_action_space, 1)
            contenders.append(Contender(f"step of one environment, {name}", timed_over(envs.step, actions)))
        comparison = plan.compare(contenders)
    result = Row("mypyc", title, comparison, "compiled is faster", rate=("M calls/s", 1e6))
    for fast, slow in (contenders[:2], contenders[2:]):
        result.add_ratio(slow.name, f"{fast.name}, times Python", comparison.ratios(fast.name, slow.name))
    yield result


def is_compiled(module: ModuleType) -> bool:
    return not str(module.__file__).endswith(".py")


def python_twin(module: ModuleType) -> ModuleType:
    """Loads the source file beside a compiled module, under another module name."""
    path = Path(str(module.__file__)).with_name(f"{module.__name__.rpartition('.')[2]}.py")
    spec = importlib.util.spec_from_file_location(f"{module.__name__}_in_python", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {path}")
    twin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(twin)
    return twin


@row
def options(plan: Plan) -> Iterator[Row]:
    """The cost of options: parameters per environment, autoreset modes, action types, statistics."""
    parameter = parameters(plan.spec)[0]
    name, usual = parameter.name, parameter.default
    low, high = max(0.9 * usual, parameter.low), min(1.1 * usual, parameter.high)
    for num_envs in plan.sizes:
        variants: dict[str, dict[str, Any]] = {
            "default options": {},
            "copy=False": {"copy": False},
            'autoreset_mode="SameStep"': {"autoreset_mode": "SameStep"},
            "episode_statistics=True": {"episode_statistics": True},
            f"params: {name} per environment": {"params": {name: np.linspace(low, high, num_envs)}},
            f"randomize: {name}": {"randomize": {name: (low, high)}},
        }
        if plan.spec.actions:
            variants["int32 actions"] = {"action_type": np.int32}
        with contextlib.ExitStack() as stack:
            contenders = [
                peers.operant_vector(stack, plan.spec.id, num_envs, label, **given) for label, given in variants.items()
            ]
            comparison = plan.compare(contenders)
        result = Row("options", plan.title(num_envs), comparison, "of the default")
        for label in list(variants)[1:]:
            ratios = comparison.ratios(label, "default options")
            target = plan.target(num_envs, at_least=OPTION_TARGETS[label]) if label in OPTION_TARGETS else None
            result.add_ratio(label, f"{label}, times default options", ratios, target)
        yield result


def not_installed(problem: ImportError, extra: str) -> str:
    """The reason to skip a row: the package that is not installed, and the extra of operant that has it."""
    return f"{problem.name or problem} is not installed: pip install 'operant[{extra}]'"


@row
def sb3(plan: Plan) -> Iterator[Row]:
    """Stable-Baselines3: its step and its whole PPO on operant's batch, against Gymnasium's environments."""
    env_id = plan.spec.id
    title = "{}, {:,} environments, one thread"
    sizes = tuple(SB3_TARGETS) if plan.sizes == (STANDARD,) else plan.sizes
    try:
        import torch

        import operant.compat.sb3_vec_env  # noqa: F401 - checks that SB3 is installed
    except ImportError as problem:
        yield Row("sb3", title.format(env_id, sizes[0]), skipped=not_installed(problem, "sb3"))
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for num_envs in sizes:
            with contextlib.ExitStack() as stack:
                pairs = [
                    (make(stack, env_id, num_envs, native=True), make(stack, env_id, num_envs, native=False))
                    for make in (peers.sb3_step, peers.sb3_ppo)
                ]
                comparison = plan.compare([each for pair in pairs for each in pair])
            result = Row("sb3", title.format(env_id, num_envs), comparison, "operant is faster")
            targets = [Target(at_least=SB3_TARGETS[num_envs]) if num_envs in SB3_TARGETS else None, None]
            for (ours, dummy), target in zip(pairs, targets, strict=True):
                label = f"{ours.name}, {num_envs:,} environments, times DummyVecEnv"
                result.add_ratio(dummy.name, label, comparison.ratios(ours.name, dummy.name), target)
            result.notes.append("A call of learn is a rollout of 32 steps and 4 epochs of 4 minibatches.")
            yield result
    finally:
        torch.set_num_threads(threads)


@row
def agents(plan: Plan) -> Iterator[Row]:
    """Multi-agent environments against mpe2, in steps of one agent."""
    for spec, num_envs in itertools.product(MULTIAGENT.values(), plan.sizes):
        title = f"{spec.id}, {num_envs:,} environments, one worker"
        if importlib.util.find_spec("mpe2") is None:
            yield Row("agents", title, skipped=not_installed(ImportError(name="mpe2"), "pettingzoo"))
            return
        with contextlib.ExitStack() as stack:
            ours, theirs = peers.operant_agents(stack, spec.id, num_envs), peers.mpe2_agents(stack, spec.id)
            comparison = plan.compare([ours, theirs])
        result = Row("agents", title, comparison, "operant is faster")
        least = AGENTS_TARGETS.get((spec.id, num_envs))
        label = f"{spec.id}, {num_envs:,} environments, times mpe2"
        ratios = comparison.ratios(ours.name, theirs.name)
        result.add_ratio(theirs.name, label, ratios, None if least is None else Target(at_least=least))
        result.notes.append("A step is a step of one agent.")
        yield result


@row
def kernels(plan: Plan) -> Iterator[Row]:
    """The training kernels on one thread against the obvious NumPy loops, at T = 128."""
    steps, size = 128, 4  # T and D
    for num_envs in plan.sizes:
        given = numpy_loops.RolloutArrays.random(steps, num_envs)
        arrays = (given.rewards, given.values, given.terminated, given.truncated, given.last_values, given.final_values)
        first, second = np.empty_like(given.rewards), np.empty_like(given.rewards)
        batch = np.random.default_rng(0).normal(size=(num_envs, size)).astype(np.float32)
        normalizer, statistics, out = RunningNormalizer((size,)), numpy_loops.Statistics(size), np.empty_like(batch)
        both, usual = (first, second), {"gamma": 0.99, "lam": 0.95}
        without_values = (given.rewards, *arrays[2:])

        pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "GAE": (
                functools.partial(rollout.gae, *arrays, **usual, out=both),
                functools.partial(numpy_loops.gae, given, **usual),
            ),
            "V-trace": (
                functools.partial(rollout.vtrace, *arrays[:2], given.log_ratios, *arrays[2:], **usual, out=both),
                functools.partial(numpy_loops.vtrace, given, **usual),
            ),
            "discounted returns": (
                functools.partial(rollout.discounted_returns, *without_values, gamma=0.99, out=first),
                functools.partial(numpy_loops.discounted_returns, given, 0.99),
            ),
            "normalizer.update": (
                functools.partial(normalizer.update, batch),
                functools.partial(statistics.update, batch),
            ),
            "normalizer.normalize": (
                functools.partial(normalizer.normalize, batch, out=out),
                functools.partial(statistics.normalize, batch),
            ),
        }
        contenders = [
            Contender(f"{name}, {side}", timed(call))
            for name, calls in pairs.items()
            for side, call in zip(("operant", "NumPy"), calls, strict=True)
        ]
        comparison = plan.compare(contenders)
        title = f"T = {steps}, N = {num_envs:,}; the normalizer takes one step's [N, {size}]"
        result = Row("kernels", title, comparison, "operant is faster", rate=("k calls/s", 1e3))
        for name in pairs:
            ratios = comparison.ratios(f"{name}, operant", f"{name}, NumPy")
            target = Target(at_least=20.0) if num_envs == STANDARD else None
            result.add_ratio(f"{name}, NumPy", f"{name}, times NumPy, {num_envs:,} environments", ratios, target)
        yield result


FOR_ANY_ENVIRONMENT = tuple(
    name for name in ROWS if name not in ("environments", "imports", "mypyc", "agents", "kernels")
)
