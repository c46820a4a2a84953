"""The row `train_kernels`: the arithmetic of training in the core against the machine's, and where the time goes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from operant._native import ffi, lib
from operant.batch.batch import Batch
from operant.batch.core import isas
from operant.bench.peak import FLAGS, multiply_adds
from operant.bench.report import Measure, Row
from operant.bench.timing import Contender
from operant.bench.timing import timed as timed_by
from operant.bench.trainers import BATCHED
from operant.bench.workloads import Plan
from operant.catalog import CATALOG
from operant.models.algorithms.configs import PPOConfig
from operant.models.native.trainer import Trainer

SIZE = 64  # of NumPy's square matrices, as large as a hidden layer
WIDE = 256
ROWS_AT_ONCE = 2048  # samples of a call: a minibatch of the row train_ppo
TURNS = 10_000  # of the loop in registers


def train_kernels(plan: Plan) -> Iterator[Row]:
    """GFLOP/s of acting and learning in the core against the CPU's peak and NumPy, and where an update's time goes."""
    isa = next((name for name, runs in isas().items() if runs and name in FLAGS), None)
    title = f"the core's training on one thread, {isa}, by processor time"
    if isa is None:
        yield Row("train_kernels", title, skipped="this CPU has no fused multiply-add")
        return
    loop, operations = multiply_adds(isa)
    peak = Contender("fused multiply-adds in registers", timed(lambda: loop(TURNS)), TURNS * operations)
    matrix = np.full((SIZE, SIZE), 0.5, np.float32)
    dot = Contender(f"np.dot, {SIZE} x {SIZE} x {SIZE}", timed(lambda: np.dot(matrix, matrix)), 2 * SIZE**3)

    learner, batch = _cartpole(isa)
    try:
        parts = _parts(learner, batch)
        wide, tanh, relu = (
            _forward(isa, *each)
            for each in ((WIDE, (WIDE,) * 2, "relu"), (4, (SIZE,) * 2, "tanh"), (4, (SIZE,) * 2, "relu"))
        )
        comparison = plan.compare([peak, dot, wide, relu, tanh, *parts])
    finally:
        batch.close()
    result = Row("train_kernels", title, comparison, "of the peak", ("GFLOP/s", 1e9))
    for each in (dot, wide, relu, tanh, *parts):
        result.add_ratio(each.name, f"{each.name}, of the peak", comparison.ratios(each.name, peak.name))
    seconds = comparison.seconds
    units = ROWS_AT_ONCE * 2 * SIZE
    slower = [1e9 * (a - b) / units for a, b in zip(seconds[tanh.name], seconds[relu.name], strict=True)]
    result.measures.append(Measure("tanh, beyond ReLU, a unit", "ns", slower))

    collect, values, gradient, learn = (np.array(seconds[each.name]) for each in parts)
    config, update = learner.config, collect + learn
    values, gradient = values, gradient * config.epochs * config.minibatches
    for name, part in (
        ("collecting", collect),
        ("values", values),
        ("gradients", gradient),
        ("order, advantages, clipping and Adam", learn - values - gradient),
    ):
        result.measures.append(Measure(f"share of an update: {name}", "%", (100 * part / update).tolist()))
    result.notes.append("Operations are the products' only. An update has the options of the row train_ppo.")
    yield result


def timed(call: Callable[[], object]) -> Callable[[int], float]:
    """Times calls of one thread by the processor's clock."""
    return timed_by(call, time.process_time)


def _products(inputs: int, hidden: Sequence[int], outputs: int) -> int:
    """The floating-point operations of a network's products for one observation."""
    sizes = [inputs, *hidden, outputs]
    return 2 * sum(a * b for a, b in itertools.pairwise(sizes))


def _forward(isa: str, inputs: int, hidden: tuple[int, ...], activation: str) -> Contender:
    """The values of many observations."""
    space = spaces.Box(-1.0, 1.0, (inputs,), np.float32)
    config = PPOConfig(num_envs=ROWS_AT_ONCE, rollout_steps=1, hidden=hidden, activation=activation)
    trainer = Trainer(space, spaces.Discrete(2), config, rows=ROWS_AT_ONCE, isa=isa)
    observations = np.random.default_rng(0).uniform(-1, 1, (ROWS_AT_ONCE, inputs)).astype(np.float32)
    name = f"values, {' x '.join(map(str, (inputs, *hidden)))} {activation}"
    work = ROWS_AT_ONCE * _products(inputs, hidden, 1)
    return Contender(name, timed(lambda: trainer.values(observations)), work)


def _cartpole(isa: str) -> tuple[Trainer, Batch]:
    """A trainer and a batch with the options of the row train_ppo, after a few updates."""
    config, spec = PPOConfig(**BATCHED), CATALOG["CartPole-v1"]
    batch = Batch(spec, config.num_envs, autoreset="SameStep", max_episode_steps=spec.max_episode_steps, isa=isa)
    batch.reset()
    space = spaces.Box(-np.inf, np.inf, (spec.observation_size,), np.float32)
    trainer = Trainer(space, spaces.Discrete(spec.actions), config, rows=config.num_envs, isa=isa)
    for _ in range(4):
        trainer.collect(batch)
        trainer.learn()
    return trainer, batch


def _parts(trainer: Trainer, batch: Batch) -> list[Contender]:
    """An update: a rollout, all its values, the gradient of one minibatch, and learning."""
    config = trainer.config
    samples = trainer.steps * trainer.rows
    count = samples // config.minibatches
    observations = np.zeros((samples + trainer.rows, 4), np.float32)
    forward = [_products(4, config.hidden, outputs) for outputs in (2, 1)]
    # Backward, each weight's gradient takes as many operations as the product, and so does each layer's input but the
    # first's.
    first = 2 * 4 * config.hidden[0]
    both = sum(3 * operations - first for operations in forward)
    return [
        Contender("a rollout", timed(lambda: trainer.collect(batch)), samples * forward[0]),
        Contender("its values", timed(lambda: trainer.values(observations)), len(observations) * forward[1]),
        Contender(f"a gradient of {count:,} samples", timed(_gradient(trainer, count)), count * both),
        Contender("learning", timed(trainer.learn), len(observations) * forward[1] + samples * config.epochs * both),
    ]


def _gradient(trainer: Trainer, count: int) -> Callable[[], Any]:
    random = np.random.default_rng(0)
    observations = random.normal(size=(count, 4)).astype(np.float32)
    actions, log_probs = np.empty((count, 1), np.int32), np.empty(count, np.float32)
    trainer.act(1, observations, actions, log_probs)
    values, advantages, returns = random.normal(size=(3, count)).astype(np.float32)
    gradient = np.empty(len(trainer.state.parameters), np.float32)
    arrays = [observations, actions, log_probs, values, advantages, returns, gradient]
    pointers = [ffi.from_buffer("float[]", array) for array in arrays]
    pointers[1] = ffi.from_buffer(actions)
    handle = trainer._open_handle()

    def call(held: list[np.ndarray] = arrays) -> None:
        if lib.operant_train_gradient(handle, count, *pointers) != lib.OPERANT_OK:
            raise ValueError("the core refused a gradient")

    return call
