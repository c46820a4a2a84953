"""Trainer: the C interface of native/train/train.h with NumPy arrays."""

from __future__ import annotations

import functools
import os
from types import MappingProxyType
from typing import Any

import numpy as np
from gymnasium import spaces

from operant._native import ffi, lib
from operant.batch.batch import Batch
from operant.environments.layout import Layout
from operant.messages import FixedAttributes, NotCopyable, NotFiniteError, integer
from operant.models.algorithms.configs import PPOConfig
from operant.models.native.actions import ActionForm
from operant.models.native.parts import Part, input_parts, mask_part, why_unreadable
from operant.models.native.weights import named_weights, weight_shapes
from operant.models.networks.spaces import check_masks, check_normalized, check_squash

ACTIVATIONS = {"tanh": lib.OPERANT_TANH, "relu": lib.OPERANT_RELU, "silu": lib.OPERANT_SILU}
DTYPES = {
    "float32": lib.OPERANT_FLOAT32,
    "float64": lib.OPERANT_FLOAT64,
    "int8": lib.OPERANT_INT8,
    "uint8": lib.OPERANT_UINT8,
    "bool": lib.OPERANT_UINT8,
    "int16": lib.OPERANT_INT16,
    "int32": lib.OPERANT_INT32,
    "int64": lib.OPERANT_INT64,
}
METRICS = (
    "policy_loss",
    "value_loss",
    "entropy",
    "approximate_kl",
    "clip_fraction",
    "gradient_norm",
    "explained_variance",
)
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_OK = lib.OPERANT_OK
_from_buffer = ffi.from_buffer


def train_version() -> int:
    """The version of the core's arithmetic of training: trainers of one version have the same bits."""
    return int(lib.operant_train_version())


def _in_place(*names: str) -> dict[str, str]:
    """The remedy for each array, at whose memory the core looks."""
    return {name: f"the core uses its memory, so write into it, {name}[...] = numbers" for name in names}


class Rollout(FixedAttributes):
    """T steps of N rows in NumPy arrays, for environments outside the core; `Trainer.new_rollout` makes the arrays.

    Args:
        observations: `[T + 1, N, *layout.shape]`, before each step, and after the last.
        actions: `[T, N, K]`, int32 or float32, as `act` drew them.
        log_probs, rewards: `[T, N]` float32.
        terminated, truncated: `[T, N]` bool.
        final_values: `[T, N]` float32, the value of a truncated episode's final observation; not read elsewhere.
    """

    instead = "copy its arrays"
    fixed = _in_place(*("observations", "actions", "log_probs", "rewards", "terminated", "truncated", "final_values"))

    def __init__(
        self,
        observations: np.ndarray,
        actions: np.ndarray,
        log_probs: np.ndarray,
        rewards: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray,
        final_values: np.ndarray,
    ):
        self.observations, self.actions, self.log_probs, self.rewards = observations, actions, log_probs, rewards
        self.terminated, self.truncated, self.final_values = terminated, truncated, final_values
        self.experience = ffi.new("operant_experience *")
        for name, kind, dtype in _FIELDS:
            array = getattr(self, name)
            _check(array, array.shape if kind is None else actions.shape[:2], dtype or array.dtype)
            setattr(self.experience, name, _from_buffer(array) if kind is None else _from_buffer(kind, array))


_FIELDS = (
    ("observations", None, None),
    ("actions", None, None),
    ("log_probs", "float[]", FLOAT32),
    ("rewards", "float[]", FLOAT32),
    ("terminated", "uint8_t[]", np.dtype(np.bool_)),
    ("truncated", "uint8_t[]", np.dtype(np.bool_)),
    ("final_values", "float[]", FLOAT32),
)


class Trainer(NotCopyable):
    """A policy, a value function and their optimiser in the core, for N = `rows` rows that act at once.

    Observations are rows of `layout`, `[..., *layout.shape]`. Actions are in the core's form, `form`: `[..., K]` int32
    counted from 0, or float32. The same options, seed and experience give the same parameters, bit for bit, on every
    instruction set and with any number of threads.

    Args:
        observation_space, action_space: those of a row.
        config: PPO's options; `rollout_steps` is T.
        rows: N, environments or agents of environments.
        action_masks: bool `[values, actions]`, the allowed actions for each value of a Discrete observation.
        seed: seed of the initial weights, of all draws and shuffles.
        workers: the number of threads, the caller's included.
        isa: the name of a target; None takes the environment variable OPERANT_ISA, or else the best for this CPU.

    Attributes:
        names: the shape of each array of weights by its name.
        state: the state on which further training depends, except the environments'.

    Raises:
        TypeError: a space is not supported.
        ValueError: an option is invalid, or not for these spaces.
        MemoryError: there is not enough memory.
    """

    instead = "make a new one, and copy the numbers of its state"

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: PPOConfig,
        *,
        rows: int,
        action_masks: np.ndarray | None = None,
        seed: int = 0,
        workers: int = 1,
        isa: str | None = None,
    ):
        check_squash(action_space, config.squash)
        check_masks(observation_space, action_space, action_masks)
        if config.normalize_observations:
            plain = isinstance(observation_space, spaces.Box) and observation_space.dtype == np.float32
            check_normalized(observation_space.shape or (), plain, observation_space)
        self.layout, self.form, self.config = Layout(observation_space), ActionForm(action_space), config
        if reason := why_unreadable(self.layout):
            raise ValueError(f"the core does not train {reason}")
        self.rows, self.steps = integer("rows", rows, 1), config.rollout_steps
        self.parts, self.mask = input_parts(self.layout), mask_part(self.layout)
        self.action_masks = None if action_masks is None else np.ascontiguousarray(action_masks, np.bool_)
        held: list[Any] = []  # memory that the options point to
        options = self._options(held)
        options.seed, options.workers = seed, integer("workers", workers, 1, 1024)
        isa = isa or os.environ.get("OPERANT_ISA") or None
        if isa is not None:
            held.append(ffi.new("char[]", isa.encode()))
            options.isa = held[-1]
        message = ffi.new("char[256]")
        handle = lib.operant_train_open(options, message, 256)
        if handle == ffi.NULL:
            text = ffi.string(message).decode()
            raise MemoryError(text) if "memory" in text else ValueError(text)
        self._handle: Any = ffi.gc(handle, lib.operant_train_close)
        outputs = self.form.size if self.form.choices is None else int(self.form.choices.sum())
        log_std = self.form.shape if self.form.choices is None else None
        self.names = weight_shapes(sum(part.inputs for part in self.parts), config, outputs, log_std)
        self.state = TrainerState(self._handle, self.rows, self.names)
        self._collected = ffi.new("operant_experience *")
        self._metrics = ffi.new("operant_train_metrics *")

    def _options(self, held: list[Any]) -> Any:
        """The core's operant_train_options; `held` gets the memory that they point to."""
        c, form = self.config, self.form

        def memory(kind: str, values: Any) -> Any:
            held.append(ffi.new(kind, values))
            return held[-1]

        options = ffi.new("operant_train_options *")
        options.rows, options.steps = self.rows, self.steps
        options.row_bytes = int(np.prod(self.layout.shape, dtype=np.int64)) * self.layout.dtype.itemsize
        options.part_count = len(self.parts)
        options.parts = memory("operant_part[]", [_part(part) for part in self.parts])
        if self.mask is not None:
            options.mask = _part(self.mask)
        if self.action_masks is not None:
            held.append(_from_buffer("uint8_t[]", self.action_masks))
            options.mask_table = held[-1]
        options.action_size = form.size
        if form.choices is not None:
            options.choices = memory("int32_t[]", form.choices.tolist())
        else:
            options.low, options.high = (memory("float[]", bound.tolist()) for bound in form.bounds())
        options.squash, options.log_std = c.squash, c.log_std
        value_hidden = () if c.share else c.value_hidden or c.hidden
        options.hidden_layers, options.hidden = len(c.hidden), memory("int32_t[]", list(c.hidden))
        options.value_hidden_layers, options.value_hidden = len(value_hidden), memory("int32_t[]", list(value_hidden))
        options.activation, options.share = ACTIVATIONS[c.activation], c.share
        options.epochs, options.minibatches = c.epochs, c.minibatches
        for name in ("normalize_observations", "normalize_rewards", "normalize_advantages"):
            setattr(options, name, getattr(c, name))
        for name in ("learning_rate", "gamma", "max_grad_norm", "value_coefficient", "entropy_coefficient"):
            setattr(options, name, getattr(c, name))
        options.lam, options.clip, options.value_clip = c.gae_lambda, c.clip, c.value_clip
        options.dual_clip, options.target_kl = c.dual_clip, c.target_kl
        return options

    def new_rollout(self) -> Rollout:
        """Makes a rollout of T steps of N rows, for `learn`."""
        shape, layout, form = (self.steps, self.rows), self.layout, self.form
        return Rollout(
            observations=np.zeros((self.steps + 1, self.rows, *layout.shape), layout.dtype),
            actions=np.zeros((*shape, form.size), form.dtype),
            log_probs=np.zeros(shape, FLOAT32),
            rewards=np.zeros(shape, FLOAT32),
            terminated=np.zeros(shape, np.bool_),
            truncated=np.zeros(shape, np.bool_),
            final_values=np.zeros(shape, FLOAT32),
        )

    # Acting.

    def act(
        self,
        draw: int,
        observations: np.ndarray,
        actions: np.ndarray,
        log_probs: np.ndarray,
        bounded: np.ndarray | None = None,
    ) -> None:
        """Draws actions for observations `[R, *layout.shape]`.

        The random numbers depend on the seed, on `draw` and on the row only. Use each `draw` once; `state.draw` is
        the next that `collect` uses.

        Args:
            actions: `[R, K]`, gets the actions, for `learn`.
            log_probs: `[R]` float32, gets the logs of their probabilities.
            bounded: `[R, K]`, gets the actions within their bounds, for the environment; may be `actions`.

        Raises:
            ValueError: a mask allows no action, or an observation is not of the space.
        """
        rows = self._count(observations)
        shape, form = (rows, self.form.size), self.form
        for array, wanted, dtype in ((actions, shape, form.dtype), (log_probs, (rows,), FLOAT32)):
            _check(array, wanted, dtype)
        to = ffi.NULL
        if bounded is not None:
            _check(bounded, shape, form.dtype)
            to = _from_buffer(bounded)
        status = lib.operant_train_act(
            self._open_handle(),
            draw,
            _from_buffer(observations),
            rows,
            _from_buffer(actions),
            to,
            _from_buffer("float[]", log_probs),
        )
        if status != _OK:
            raise self._error(status, observations)

    def greedy(self, observations: np.ndarray) -> np.ndarray:
        """Returns the most probable actions `[R, K]`, within their bounds, of observations `[R, *layout.shape]`."""
        rows = self._count(observations)
        actions = np.empty((rows, self.form.size), self.form.dtype)
        status = lib.operant_train_greedy(self._open_handle(), _from_buffer(observations), rows, _from_buffer(actions))
        if status != _OK:
            raise self._error(status, observations)
        return actions

    def values(self, observations: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Returns the values `[R]` float32 of observations `[R, *layout.shape]`.

        They are in units of the rewards that the trainer learns from. `rows` `[R]` are the rows' numbers in messages.

        Raises:
            NotFiniteError: a value is infinite or NaN.
        """
        count = self._count(observations)
        values = np.empty(count, FLOAT32)
        status = lib.operant_train_values(
            self._open_handle(), _from_buffer(observations), count, _from_buffer("float[]", values)
        )
        if status != _OK:
            raise self._error(status, observations, rows)
        return values

    # Learning.

    def collect(self, batch: Batch) -> None:
        """Plays T steps in a batch of N rows under "SameStep", which has been reset; `learn()` learns from them.

        Raises:
            ResetNeeded: it has not been reset.
            EngineError: its engine failed; what a callback of the user's raised is raised itself.
            NotFiniteError: an observation, or what follows from it, is infinite or NaN.
            ValueError: the batch is not as the trainer, or an observation is not of the space.
        """
        collect = batch.raising(lib.operant_train_collect)
        status = collect(self._open_handle(), batch.stepper.handle, self._collected)
        if status != _OK:
            raise self._refused(status, batch)

    def learn(self, rollout: Rollout | None = None) -> dict[str, float]:
        """Learns from a rollout (None: that of the last `collect`), and returns the means over all minibatches.

        Raises:
            NotFiniteError: a gradient, a reward or an observation was infinite or NaN.
            ValueError: nothing was collected, or an action or an observation is not of its space.
        """
        if rollout is not None:
            _check(rollout.observations, (self.steps + 1, self.rows, *self.layout.shape), self.layout.dtype)
            _check(rollout.actions, (self.steps, self.rows, self.form.size), self.form.dtype)
        experience = self._collected if rollout is None else rollout.experience
        status = lib.operant_train_learn(self._open_handle(), experience, self._metrics)
        if status == lib.OPERANT_BAD_ARGUMENT and rollout is None:
            raise ValueError("nothing was collected: call collect(batch) first, or give a rollout")
        if status == lib.OPERANT_BAD_ACTION:
            raise ValueError(
                "an action of the rollout is none of its choices, or not finite: give those that act() drew"
            )
        if status != _OK:
            raise self._error(status, None if rollout is None else rollout.observations.reshape(-1, *self.layout.shape))
        return {name: float(getattr(self._metrics, name)) for name in METRICS}

    def adjust(self, learning_rate: float, clip: float) -> None:
        """Sets learning rate and clip for the calls of `learn` from now on.

        Raises:
            ValueError: one of them is out of range.
        """
        status = lib.operant_train_adjust(self._open_handle(), learning_rate, clip)
        if status == lib.OPERANT_BAD_ARGUMENT:
            raise ValueError(f"learning_rate={learning_rate} must be from 0 to 1, and clip={clip} positive and finite")
        self._check(status)

    def evaluate(self, batch: Batch) -> float:
        """Resets a batch under "SameStep" with a time limit, and plays an episode in each environment greedily.

        Returns:
            Their mean return.

        Raises:
            EngineError, NotFiniteError, ValueError: as in `collect`; or the batch has no time limit.
        """
        mean = ffi.new("double *")
        evaluate = batch.raising(lib.operant_train_evaluate)
        status = evaluate(self._open_handle(), batch.stepper.handle, mean)
        if status != _OK:
            raise self._refused(status, batch)
        return float(mean[0])

    def restored(self) -> None:
        """Tells the core that `state` has been written to; call it before anything else.

        Raises:
            NotFiniteError: a parameter or a moment is infinite or NaN.
        """
        self._check(lib.operant_train_restored(self._open_handle()))

    # Memory and lifetime.

    @property
    def closed(self) -> bool:
        return self._handle is None

    def close(self) -> None:
        """Frees the memory once no array of `state` is in use; every later call raises."""
        self._handle = None

    def _open_handle(self) -> Any:
        if self._handle is None:
            raise ValueError("the trainer is closed: make a new one")
        return self._handle

    def _count(self, observations: np.ndarray) -> int:
        """The number of rows of observations; raises a ValueError if the core cannot read them in place."""
        _check(observations, (len(observations), *self.layout.shape), self.layout.dtype)
        return len(observations)

    def _check(self, status: int) -> None:
        if status != _OK:
            raise self._error(status)

    def _refused(self, status: int, batch: Batch) -> Exception:
        """The exception for the status of a call that plays in a batch, which has kept the observations at fault."""
        if status in (lib.OPERANT_NOT_RESET, lib.OPERANT_ENGINE_FAILED):
            return batch.failure(status)
        if status not in (lib.OPERANT_BAD_ARGUMENT, lib.OPERANT_NOT_FINITE):
            return self._error(status)
        row_bytes = int(np.prod(self.layout.shape, dtype=np.int64)) * self.layout.dtype.itemsize
        found = batch.observe().observations if batch.ready else np.empty(0)
        if found.size and found.nbytes % row_bytes == 0:
            rows = np.frombuffer(found.tobytes(), self.layout.dtype).reshape(-1, *self.layout.shape)
            if status == lib.OPERANT_NOT_FINITE:
                return self._error(status, rows)
            if (text := self._misfit(rows)) is not None:
                return ValueError(text)
        if status == lib.OPERANT_NOT_FINITE:
            return self._error(status)
        return ValueError(
            f"the batch's rows, observations, actions or time limit do not suit the trainer of {self.rows} rows: make "
            'one of its environment with precision="float32" and autoreset="SameStep"'
        )

    def _error(self, status: int, observations: np.ndarray | None = None, rows: np.ndarray | None = None) -> Exception:
        if status == lib.OPERANT_NOT_FINITE:
            if observations is not None and (row := self._not_finite(observations)) is not None:
                number = row if rows is None else rows[row]
                return NotFiniteError(f"the observation of row {number} has an infinite number or NaN")
            return NotFiniteError("a parameter, a gradient, a reward or an observation is infinite or NaN")
        if status == lib.OPERANT_BUSY:
            return RuntimeError("another thread is inside this trainer: give each thread its own, or take turns")
        if status == lib.OPERANT_NO_MEMORY:
            return MemoryError("out of memory")
        if status == lib.OPERANT_BAD_ARGUMENT and observations is not None:
            return ValueError(self._misfit(observations) or f"the core refused these {len(observations)} observations")
        return ValueError(f"the core refused the call (status {status})")

    def _misfit(self, observations: np.ndarray) -> str | None:
        """Names the first row of observations that the core cannot act on, or returns None."""
        rows = observations.reshape(len(observations), -1).view(np.uint8)
        for part in self.parts:
            if part.choices:
                numbers = part.read(rows) - part.start
                wrong = (numbers < 0) | (numbers >= part.choices)
                if wrong.any():
                    row, column = np.argwhere(wrong)[0]
                    last = part.start + part.choices - 1
                    found = numbers[row, column] + part.start
                    return f"the observation of row {row} has {found}, which is not from {part.start} to {last}"
        allowed = self._allowed(rows)
        if allowed is not None and self.form.choices is not None:
            each = np.logical_or.reduceat(allowed, np.cumsum([0, *self.form.choices[:-1]]), axis=1)
            if not each.all():
                row = int(np.argwhere(~each)[0][0])
                return f"the action mask of row {row} allows no action: allow at least one in each row"
        return None

    def _not_finite(self, observations: np.ndarray) -> int | None:
        """The first row of observations with an infinite number or NaN, or None."""
        rows = observations.reshape(len(observations), -1).view(np.uint8)
        wrong = np.zeros(len(rows), np.bool_)
        for part in self.parts:
            wrong |= ~np.isfinite(part.read(rows)).all(axis=1)
        return int(wrong.argmax()) if wrong.any() else None

    def _allowed(self, rows: np.ndarray) -> np.ndarray | None:
        """The allowed choices `[R, choices]` bool of rows of bytes, or None without masks."""
        if self.mask is not None:
            allowed: np.ndarray = self.mask.read(rows) != 0
            return allowed
        if self.action_masks is not None:
            allowed = self.action_masks[self.parts[0].read(rows)[:, 0]]
            return allowed
        return None


class TrainerState(FixedAttributes):
    """The state on which further training depends, except the environments'; arrays are views of the core's memory.

    Whoever writes to it calls `Trainer.restored`.

    Attributes:
        parameters: `[P]` float32, the weights.
        mean, square: `[P]` float32, Adam's moments of the gradient.
        weights: the parameters by name.
        observations, rewards: the statistics of the normalisers, or None where they are off.
        reward_sums: `[N]` float32, the discounted sums of rewards.
        returns, lengths: `[100]` float64 and int64, of the last episodes that `collect` saw end; episode e is at e
            modulo 100.
    """

    instead = "copy its arrays"
    fixed = _in_place("parameters", "mean", "square", "reward_sums", "returns", "lengths")

    def __init__(self, handle: Any, rows: int, names: dict[str, tuple[int, ...]]):
        view = lib.operant_train_view(handle)
        self._view = ffi.gc(view, functools.partial(_forget, handle))
        count = view.parameter_count
        self.parameters = self._array(view.parameters, count, FLOAT32)
        self.mean, self.square = (self._array(each, count, FLOAT32) for each in (view.mean, view.square))
        self.weights = MappingProxyType(named_weights(self.parameters, names))
        self.observations, self.rewards = (self._statistics(each) for each in (view.observations, view.rewards))
        self.reward_sums = self._array(view.reward_sums, rows, FLOAT32)
        self.returns = self._array(view.returns, lib.OPERANT_EPISODES, FLOAT64)
        self.lengths = self._array(view.lengths, lib.OPERANT_EPISODES, np.dtype(np.int64))

    def _array(self, pointer: Any, count: int, dtype: np.dtype[Any]) -> np.ndarray:
        """A view of the trainer's memory, which stays valid after the trainer has been closed."""
        held = ffi.gc(ffi.cast("char *", pointer), functools.partial(_forget, self._view))
        return np.frombuffer(ffi.buffer(held, count * dtype.itemsize), dtype)

    def _statistics(self, moments: Any) -> Statistics | None:
        if not moments.features or moments.mean == ffi.NULL:
            return None
        mean, squares = (self._array(each, moments.features, FLOAT64) for each in (moments.mean, moments.squares))
        return Statistics(moments, mean, squares)

    @property
    def descents(self) -> int:
        """Adam's steps."""
        return int(self._view.descents)

    @descents.setter
    def descents(self, count: int) -> None:
        self._view.descents = count

    @property
    def draw(self) -> int:
        """The number of the next draw of `collect`."""
        return int(self._view.draw)

    @draw.setter
    def draw(self, number: int) -> None:
        self._view.draw = number

    @property
    def shuffle(self) -> int:
        """The number of the next shuffle of samples."""
        return int(self._view.shuffle)

    @shuffle.setter
    def shuffle(self, number: int) -> None:
        self._view.shuffle = number

    @property
    def episodes(self) -> int:
        """The number of episodes that `collect` saw end."""
        return int(self._view.episodes)

    @episodes.setter
    def episodes(self, count: int) -> None:
        self._view.episodes = count


class Statistics(FixedAttributes):
    """Running mean `[D]` and sum of squared deviations `[D]` of `count` rows, float64 in the core's memory."""

    instead = "copy its arrays"
    fixed = _in_place("mean", "squares")

    def __init__(self, moments: Any, mean: np.ndarray, squares: np.ndarray):
        self._moments, self.mean, self.squares = moments, mean, squares

    @property
    def count(self) -> float:
        return float(self._moments.count)

    @count.setter
    def count(self, count: float) -> None:
        self._moments.count = count


def _part(part: Part) -> dict[str, int]:
    return {
        "dtype": DTYPES[part.dtype.name],
        "offset": part.offset,
        "count": part.count,
        "choices": part.choices,
        "start": part.start,
    }


def _forget(handle: Any, pointer: Any) -> None:
    """Does nothing when a pointer is dropped: it held the handle until then."""


def _check(array: np.ndarray, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raises a ValueError unless the core can use the array in place."""
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"the core needs an array {dtype} {shape}, not {array.dtype} {array.shape}")
    if not array.flags.c_contiguous:
        raise ValueError("the core needs a C-contiguous array: give numpy.ascontiguousarray(array)")
