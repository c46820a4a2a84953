"""The conformance checks, by the names that `operant check` prints."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from operant.batch.core import defaults, library_hash
from operant.conformance.trajectories import (
    Failed,
    Trajectory,
    actions_for,
    bounded,
    describe_difference,
    fast_targets,
    open_vector,
    play,
)
from operant.environments.spaces import array_of, observation_bounds
from operant.environments.vector import OperantVectorEnv
from operant.headers.library import ONE_LANE, CompileError, NoCompiler, build, find_compiler
from operant.spec import EnvSpec, element_names, spans

NUM_ENVS, STEPS, LIMIT = 200, 45, 20  # several blocks of every target, a ragged last one, and resets of every kind
SPLITS = (1, 2, 3, 15, 16, 17, 63, 64, 65, 200)
WORKERS = (1, 2, 3)
PRECISIONS = ("float32", "float64")
MODES = ("NextStep", "SameStep", "Disabled")
LONG = 1000  # steps of the checks that look for rare events
ON_ENGINES = 12, 100  # environments and long steps for a task on an engine, whose steps take a thousand times as long

Check = Callable[[EnvSpec], str]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    """Registers a check under its function's name; the first line of its docstring is the property that it checks."""
    CHECKS[function.__name__] = function
    return function


def checks_of(spec: EnvSpec) -> dict[str, Check]:
    """The checks that apply to an environment: an engine has one target, no bounds and no GPU form."""
    about_targets = ("targets", "initialised", "bounds", "device") if spec.engine else ()
    return {name: function for name, function in CHECKS.items() if name not in about_targets}


def _count(spec: EnvSpec) -> int:
    """The number of environments of a check."""
    return ON_ENGINES[0] if spec.engine else NUM_ENVS


def _long(spec: EnvSpec) -> int:
    return ON_ENGINES[1] if spec.engine else LONG


def plan(spec: EnvSpec, num_envs: int | None = None, steps: int = STEPS) -> np.ndarray:
    """Random actions for `num_envs` environments, the same in every call: `[T, R]` or `[T, R, A]`."""
    num_envs = _count(spec) if num_envs is None else num_envs
    with closing(open_vector(spec, 1)) as env:
        space, agents = env.single_action_space, env.batch.agents
    return actions_for(space, np.random.default_rng(0), (steps, num_envs * agents))


def _compare(
    spec: EnvSpec, actions: np.ndarray, expected: dict[str, Any], expected_name: str, other: dict[str, Any], name: str
) -> None:
    """Plays the same actions with two sets of options; raises Failed with the first difference."""

    def played(options: dict[str, Any], every_state: bool) -> Trajectory:
        env = open_vector(spec, **{"max_episode_steps": LIMIT, **options})
        return play(env, actions[:, : env.num_envs], every_state=every_state)

    shared = min(expected["num_envs"], other["num_envs"])
    rows = shared * max(1, len(spec.agents))
    a, b = (played(options, False).first(rows, shared) for options in (expected, other))
    if not a.same(b):
        a, b = (played(options, True).first(rows, shared) for options in (expected, other))
        raise Failed(describe_difference(spec, a, b, (expected_name, name)))


@check
def targets(spec: EnvSpec) -> str:
    """All instruction sets compute the same bits, in both autoreset modes that reset."""
    actions = plan(spec)
    names = fast_targets()
    for mode in ("NextStep", "SameStep"):
        options = {"num_envs": NUM_ENVS, "autoreset_mode": mode}
        for isa in names:
            _compare(spec, actions, {**options, "isa": "scalar"}, "scalar", {**options, "isa": isa}, isa)
    return f"the same bits on {', '.join(names)}"


@check
def splits(spec: EnvSpec) -> str:
    """The numbers of environments and threads do not change a bit."""
    actions = plan(spec)
    count = _count(spec)
    sizes = [size for size in (*SPLITS, count) if size <= count]
    for precision in PRECISIONS:
        whole = {"num_envs": count, "precision": precision}
        for isa in fast_targets() if precision == "float32" and not spec.engine else [None]:
            for workers in WORKERS:
                for num_envs in dict.fromkeys(sizes):
                    part = {"num_envs": num_envs, "precision": precision, "isa": isa, "workers": workers}
                    name = f"{num_envs} on {isa or spec.engine or 'exact'} with {workers} workers"
                    _compare(spec, actions, whole, f"a batch of {count}", part, f"one of {name}")
    return f"the same bits in batches of {sizes[0]} to {sizes[-1]}, with {WORKERS[0]} to {WORKERS[-1]} threads"


@check
def seeds(spec: EnvSpec) -> str:
    """Environment 3 of seed 0 is environment 0 of seed 3."""
    actions = plan(spec, 8)
    for precision in PRECISIONS:
        with closing(open_vector(spec, 8, precision=precision)) as env:
            observations = array_of(env.reset(seed=0)[0]).reshape(8, -1)
        if len({row.tobytes() for row in observations}) < 8 and spec.observation:
            return "the start does not depend on the seed"
        rows = _rows(spec, 3, 8)
        late = play(open_vector(spec, 5, precision=precision, max_episode_steps=LIMIT), actions[:, rows], 3)
        whole = play(open_vector(spec, 8, precision=precision, max_episode_steps=LIMIT), actions, 0)
        if late.observations.tobytes() != np.ascontiguousarray(whole.observations[:, rows]).tobytes():
            raise Failed(f"in {precision}, environment 3 of seed 0 is not environment 0 of seed 3")
    return "environment i of seed s is environment 0 of seed s + i"


def _rows(spec: EnvSpec, first: int, last: int) -> slice:
    agents = max(1, len(spec.agents))
    return slice(first * agents, last * agents)


@check
def determinism(spec: EnvSpec) -> str:
    """The same seed and actions give the same bits, whatever the batch did before."""
    actions = plan(spec)
    for precision in PRECISIONS:

        def played(used: bool, every_state: bool = False, precision: str = precision) -> Trajectory:
            env = open_vector(spec, _count(spec), precision=precision, max_episode_steps=LIMIT)
            if used:
                env.reset(seed=99)
                for row in actions[::-1]:
                    env.step(row)
            return play(env, actions, every_state=every_state)

        if not played(used=False).same(played(used=True)):
            trajectories = played(used=False, every_state=True), played(used=True, every_state=True)
            text = describe_difference(spec, *trajectories, ("a new batch", "a used one"))
            raise Failed(f"{precision}: {text}\n  does {spec.header}_reset set every member of the state?")
    return "a reset with a seed depends on nothing that came before"


@check
def initialised(spec: EnvSpec) -> str:
    """Nothing is computed from a variable that the header never set."""
    if not spec.source:
        return "not needed: the core is compiled with warnings as errors"
    try:
        paths = [
            build(spec.source, extra=(ONE_LANE, f"-ftrivial-auto-var-init={bytes_}")).path
            for bytes_ in ("pattern", "zero")
        ]
    except CompileError:
        return f"not checked: {find_compiler()[0]} cannot fill variables (GCC 12 and Clang 16 can)"
    for isa in ("scalar", "exact"):
        if len({library_hash(path, spec.header, isa) for path in paths}) > 1:
            raise Failed(
                f"results change when variables begin as other bytes ({isa}): set every member of the state in "
                f"{spec.header}_reset, the reward in {spec.header}_step and every component in {spec.header}_observe"
            )
    return "nothing depends on the contents of variables before they are set"


def _extremes(space: spaces.Space[Any], random: np.random.Generator, rows: int) -> dict[str, Callable[[], np.ndarray]]:
    """Ways to choose actions, by name: at random, and extreme ones that a policy would not choose."""
    ways: dict[str, Callable[[], np.ndarray]] = {"random actions": lambda: actions_for(space, random, (rows,))}
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        last = space.n - 1 if isinstance(space, spaces.Discrete) else space.nvec - 1
        for action in {str(each): each for each in (last * 0, (last + 1) // 2, last)}.values():
            ways[f"action {action} throughout"] = lambda action=action: np.full((rows, *np.shape(last)), action)  # type: ignore[misc]
        return ways
    assert isinstance(space, spaces.Box)
    low, high = bounded(space)
    shape = (rows, *space.shape)
    corners = {
        "the lowest action throughout": lambda: np.broadcast_to(low, shape),
        "the highest action throughout": lambda: np.broadcast_to(high, shape),
        "the lowest and the highest at random": lambda: np.where(random.random(shape) < 0.5, low, high),
        "actions a thousand times beyond the bounds": lambda: (
            random.choice([-1e3, 1e3], shape) * np.maximum(1, np.maximum(np.abs(low), np.abs(high)))
        ),
    }
    for name, act in corners.items():
        ways[name] = lambda act=act: np.ascontiguousarray(act(), np.float32)  # type: ignore[misc]
    return ways


class _Moment(NamedTuple):
    """The results of one step of all environments, and how they got there."""

    precision: str
    way: str
    step: int
    env: OperantVectorEnv
    observations: np.ndarray  # [R, D], arrays flat
    rewards: np.ndarray  # [R]

    def describe(self, row: int) -> str:
        environment = row // self.env.batch.agents
        return f"in environment {environment} after {self.step} steps with {self.way}"


def _survey(spec: EnvSpec) -> Iterator[_Moment]:
    """Steps environments in each way of `_extremes`, in both precisions."""
    for precision in PRECISIONS:
        random = np.random.default_rng(1)
        with closing(open_vector(spec, min(64, _count(spec)), precision=precision)) as env:
            for way, act in _extremes(env.single_action_space, random, env.num_envs).items():
                observations, _ = env.reset(seed=0)
                yield _Moment(precision, way, 0, env, _flat(observations), np.zeros(env.num_envs))
                for step in range(1, _long(spec) + 1):
                    observations, rewards, *_ = env.step(act())
                    yield _Moment(precision, way, step, env, _flat(observations), rewards)


def _flat(observations: Any) -> np.ndarray:
    """Batched observations as `[R, D]`."""
    array = array_of(observations)
    return array.reshape(len(array), -1)


@check
def finite(spec: EnvSpec) -> str:
    """Observations, rewards and states are always finite, under random and extreme actions."""
    for moment in _survey(spec):
        if np.isfinite(moment.observations).all() and np.isfinite(moment.rewards).all() and moment.step % 100:
            continue
        records, agents = moment.env.get_state(), moment.env.batch.agents
        fields = {f"observation {name}": moment.observations[:, d] for d, name in enumerate(spec.observation_names)}
        fields["reward"] = moment.rewards
        for part in spec.state:
            numbers = np.repeat(records[part.name].reshape(len(records), -1), agents, axis=0)
            fields |= {f"state {n}": numbers[:, d] for d, n in enumerate(element_names(part.name, part.shape))}
        for name, values in fields.items():
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                row = int(bad[0])
                state = ", ".join(f"{part.name} {records[part.name][row // agents]!s}" for part in spec.state)
                raise Failed(
                    f"{moment.precision}: {name} is {values[row]!s} {moment.describe(row)}; its state: {state}"
                )
    return f"no NaN and no infinity in {_long(spec)} steps each of random and extreme actions"


@check
def bounds(spec: EnvSpec) -> str:
    """Observations are within the descriptor's bounds."""
    lowest, highest = observation_bounds(spec, defaults(spec), defaults(spec))
    lowest, highest = (bound.astype(spec.number_type) for bound in (lowest, highest))  # as float32, perhaps rounded
    low, high = np.full(lowest.shape, np.inf), np.full(lowest.shape, -np.inf)
    for moment in _survey(spec):
        seen = moment.observations
        low, high = np.minimum(low, seen.min(0)), np.maximum(high, seen.max(0))
        outside = ~((seen >= lowest) & (seen <= highest))
        if outside.any():
            row, d = (int(index) for index in np.argwhere(outside)[0])
            raise Failed(
                f"{moment.precision}: observation {spec.observation_names[d]} is {seen[row, d]!s} "
                f"{moment.describe(row)}, outside [{lowest[d]:g}, {highest[d]:g}]"
            )
    each = spans(spec.observation)
    return "; ".join(f"{part.name} {low[span].min():.3g} to {high[span].max():.3g}" for part, span in each)


@check
def autoreset(spec: EnvSpec) -> str:
    """Episodes are the same in every autoreset mode, and end at the time limit."""
    lived = {mode: _episodes(spec, mode) for mode in MODES}
    for mode in MODES[1:]:
        for k, (ours, theirs) in enumerate(zip(lived["NextStep"], lived[mode], strict=True)):
            for number, (a, b) in enumerate(zip(ours, theirs, strict=False)):
                if a.tobytes() != b.tobytes():
                    t = next(t for t, (x, y) in enumerate(zip(a, b, strict=False)) if x.tobytes() != y.tobytes())
                    raise Failed(
                        f"step {t + 1} of episode {number} of environment {k} differs between NextStep and {mode}: "
                        f"{a[t]} and {b[t]} (observation, reward, terminated, truncated)"
                    )
    ended = sum(len(each) for each in lived["NextStep"])
    return f"{ended} episodes alike in {', '.join(MODES)}"


def _episodes(spec: EnvSpec, mode: str, num_envs: int = 16) -> list[list[np.ndarray]]:
    """Each environment's finished episodes: `[L, A * (D + 1) + 2]`, with agents' observations and rewards, and flags.

    An action depends only on the environment, its episode and the step in it, so it is the same in every mode.
    """
    env = open_vector(spec, num_envs, autoreset_mode=mode, max_episode_steps=LIMIT)
    agents = env.batch.agents
    table = actions_for(env.single_action_space, np.random.default_rng(3), (num_envs, 8, LIMIT, agents))
    env.reset(seed=0)
    running: list[list[np.ndarray]] = [[] for _ in range(num_envs)]
    done: list[list[np.ndarray]] = [[] for _ in range(num_envs)]
    restarting = np.zeros(num_envs, np.bool_)
    for _ in range(4 * LIMIT):
        actions = np.concatenate([table[i, len(done[i]) % 8, min(len(running[i]), LIMIT - 1)] for i in range(num_envs)])
        observations, rewards, terminated, truncated, infos = env.step(actions)
        observations = array_of(observations)
        ended = (terminated | truncated)[::agents]
        for i in range(num_envs):
            rows = _rows(spec, i, i + 1)
            if restarting[i]:
                if rewards[rows].any() or ended[i]:
                    raise Failed(f"{mode}: the step that resets environment {i} returned reward {rewards[rows]}")
                continue
            seen = observations[rows]
            if mode == "SameStep" and ended[i]:
                seen = np.stack([np.asarray(final) for final in infos["final_obs"][rows]])
            flags = terminated[i * agents], truncated[i * agents]
            running[i].append(np.array([*seen.ravel(), *rewards[rows], *flags], np.float64))
            if flags[1] != (len(running[i]) == LIMIT):
                raise Failed(f"{mode}: environment {i} is truncated={flags[1]} after {len(running[i])} steps")
            if ended[i]:
                done[i].append(np.stack(running[i]))
                running[i] = []
        restarting = ended.copy() if mode == "NextStep" else np.zeros(num_envs, np.bool_)
        if mode == "Disabled" and ended.any():
            try:
                env.step(actions)
            except ResetNeeded:
                env.reset(options={"reset_mask": ended.repeat(agents)})
            else:
                raise Failed("Disabled: a step succeeded although an episode was over")
    env.close()
    return done


@check
def snapshots(spec: EnvSpec) -> str:
    """Restored, copied, pickled and branched batches continue with the same bits."""
    for precision in PRECISIONS:
        options: dict[str, Any] = {"precision": precision, "max_episode_steps": LIMIT}
        env = open_vector(spec, 6, **options)
        actions = plan(spec, 6, 3 * LIMIT)
        env.reset(seed=3)
        for row in actions[:7]:
            env.step(row)
        snapshot = env.get_state()
        twins = {"a pickled copy": pickle.loads(pickle.dumps(env)), "a deep copy": copy.deepcopy(env)}
        expected = _continue(env, actions)
        env.set_state(snapshot)
        twins["a restored batch"] = env
        branched = open_vector(spec, 6, **options)
        for i in range(6):
            mask = np.arange(6) == i
            if i == 0:
                branched.set_state(snapshot[0])
            branched.set_state(snapshot[i], mask.repeat(env.batch.agents))
        twins["a branched batch"] = branched
        for name, twin in twins.items():
            if _continue(twin, actions) != expected:
                raise Failed(f"{precision}: {name} continues with other bits than the batch it was made from")
            twin.close()
    return "restored, copied, pickled and branched batches continue identically"


def _continue(env: Any, actions: np.ndarray) -> list[bytes]:
    """The bits of all results of further steps and a reset."""
    bits = [b"".join(np.asarray(part).tobytes() for part in env.step(row)[:4]) for row in actions]
    return [*bits, array_of(env.reset()[0]).tobytes(), env.get_state().tobytes()]


@check
def device(spec: EnvSpec) -> str:
    """The GPU kernels, compiled for the CPU, match the scalar target bit for bit in both autoreset modes."""
    try:
        from operant.conformance.on_device import play as play_on_device
        from operant.cuda.batch import CudaBatch
    except ImportError:
        return "not checked: PyTorch is not installed"
    actions = plan(spec)
    for mode in ("NextStep", "SameStep"):

        def played(every_state: bool, mode: str = mode) -> tuple[Trajectory, Trajectory]:
            with closing(
                CudaBatch(spec, NUM_ENVS, device="emulated", autoreset=mode, max_episode_steps=LIMIT)
            ) as batch:
                ours = Trajectory(*play_on_device(batch, actions, every_state))
            env = open_vector(spec, NUM_ENVS, isa="scalar", autoreset_mode=mode, max_episode_steps=LIMIT)
            return ours, play(env, actions, every_state=every_state)

        try:
            ours, theirs = played(every_state=False)
        except NoCompiler as problem:
            return f"not checked: {problem}"
        except CompileError as problem:
            raise Failed(f"for a GPU, headers are compiled as C++: {problem}") from None
        if not ours.same(theirs):
            raise Failed(describe_difference(spec, *played(every_state=True), ("the GPU's code", "scalar")))
    return "the GPU's code, run on the CPU, computes the same bits"
