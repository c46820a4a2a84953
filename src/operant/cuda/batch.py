"""CudaBatch: N environments in a GPU's memory, stepped together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from torch import Tensor

from operant.batch.actions import ActionReader
from operant.batch.base import BatchBase
from operant.batch.core import AUTORESET, parameters
from operant.batch.seeds import seed_words, words_of
from operant.cuda.arguments import DeviceBatch, ResetArguments, StepArguments
from operant.cuda.engine import Engine, environment_program
from operant.cuda.graphs import inside_graph
from operant.cuda.open import open_engine
from operant.messages import integer, unknown
from operant.spec import EnvSpec, spans

DTYPES = {torch.int32: 0, torch.int64: 1, torch.float32: 2, torch.float64: 3}  # operant_dtype
OVER = 1 << 31  # of `elapsed`: the episode is over


class Outputs(NamedTuple):
    """The results of a step, for R rows with observations of shape `D`."""

    observations: Tensor
    rewards: Tensor
    terminated: Tensor
    truncated: Tensor
    final_observations: Tensor | None


class CudaBatch(BatchBase):
    """N environments of one kind on one device; `Batch` is the same on the CPU.

    All tensors are on the device. Only calls that return NumPy arrays wait for it. An error that a kernel finds, such
    as an action out of range, is raised by the next call or by `check`. That environment was not stepped.

    Args:
        spec: the environment.
        num_envs: N.
        device: "cuda", "cuda:1", "emulated", or an `Engine`.
        autoreset: "NextStep", "SameStep" or "Disabled".
        max_episode_steps: steps after which an episode is truncated; None never truncates.
        copy: True: the caller may keep the tensors that `step` returns. False: every call writes into the same ones,
            as a CUDA graph needs.

    Attributes:
        device: the `torch.device` of all tensors.
        version: a number that changes when kernels use different memory than before, as after the first `randomize`.
            A CUDA graph of earlier steps must then be recorded anew.
    """

    def __init__(
        self,
        spec: EnvSpec,
        num_envs: int,
        *,
        device: Any = "cuda",
        autoreset: str = "NextStep",
        max_episode_steps: int | None = None,
        copy: bool = True,
    ):
        self.closed = True
        if autoreset not in AUTORESET:
            raise ValueError(unknown("autoreset_mode", autoreset, AUTORESET))
        self.spec, self.autoreset, self.copy = spec, autoreset, copy
        self.num_envs = integer("num_envs", num_envs, 1, 1 << 30)
        self.max_episode_steps = (
            None if max_episode_steps is None else integer("max_episode_steps", max_episode_steps, 1, (1 << 31) - 1)
        )
        self.precision, self.exact, self.real = "float32", False, np.dtype(np.float32)
        self.agents = max(1, len(spec.agents))
        self.num_rows = self.num_envs * self.agents
        self.observation_shape, self.observation_size = spec.observation_shape, spec.observation_size
        self.observation_type = getattr(torch, spec.number_type)
        self.engine = device if isinstance(device, Engine) else open_engine(device)
        self.device = self.engine.device
        self.parameters = parameters(spec)
        self.kernels = self.engine.load(environment_program(spec))
        self.actions = ActionReader(spec, self.num_rows)
        # Kernels write whole rows in words of this size.
        row = self.agents * self.observation_size * self.observation_type.itemsize
        self._alignment = math.gcd(row, 16)
        self._action_types = (torch.int32, torch.int64) if self.actions.discrete else (torch.float32, torch.float64)
        self.ranges: dict[str, tuple[float, float]] = {}
        self._ready = False
        self.version = 0
        self._replaced: Tensor | None = None
        self._given: Tensor | None = None
        try:
            self._allocate()
        except torch.OutOfMemoryError as problem:
            what = ". ".join(str(problem).split(". ")[1:3])  # what was asked for, and what the device has
            raise MemoryError(f"num_envs={num_envs} needs more memory than {self.device} has free: {what}") from problem
        self.closed = False

    def _allocate(self) -> None:
        n, rows, device = self.num_envs, self.num_rows, self.device

        def integers(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.int32, device=device)

        def reals(*shape: int) -> Tensor:
            return torch.zeros(shape, device=device)

        choices = self.spec.action_counts * self.agents or (0,)
        self._tensors = {
            "state": reals(self.spec.state_size, n),
            "params": torch.tensor(list(self.defaults.values()), dtype=torch.float32, device=device),
            "episode_return": reals(self.agents, n),
            "elapsed": integers(n),
            "episode": integers(n),
            "seed": integers(2, n),
            "choices": torch.tensor(choices, dtype=torch.int32, device=device),
            "final_return": reals(rows),
            "final_length": integers(n),
            "count": integers(n),
            "return_sum": reals(rows),
            "length_sum": integers(n),
            "unusable": torch.full((1,), -1, dtype=torch.int64, device=device),
            "over": torch.full((1,), -1, dtype=torch.int64, device=device),
            "alarm": self.engine.host_memory(1),
        }
        self._alarm = self._tensors["alarm"].numpy()
        self._step, self._reset = StepArguments(), ResetArguments()
        self._batch = DeviceBatch(num_envs=n, stride=n, limit=self.max_episode_steps or 0)
        self._batch.autoreset, self._batch.params_vary = AUTORESET[self.autoreset], 0
        self._point()
        self._fixed = None if self.copy else self.new_outputs()

    def _point(self) -> None:
        """Writes the tensors' addresses into the kernels' arguments; graphs recorded earlier keep the old ones."""
        self.version += 1
        for name, tensor in self._tensors.items():
            setattr(self._batch, name, tensor.data_ptr())
        self._step.batch = self._reset.batch = self._batch

    def new_outputs(self) -> Outputs:
        """Tensors for a step to write to: observations `[R, *D]`, rewards and flags `[R]`."""
        rows, device = self.num_rows, self.device
        shape, kind = (rows, *self.observation_shape), self.observation_type
        final = torch.zeros(shape, dtype=kind, device=device) if self.autoreset == "SameStep" else None
        return Outputs(
            torch.empty(shape, dtype=kind, device=device),
            torch.empty(rows, device=device),
            torch.empty(rows, dtype=torch.bool, device=device),
            torch.empty(rows, dtype=torch.bool, device=device),
            final,
        )

    # The step path.

    def step(self, actions: Any, outputs: Outputs | None = None, *, final_truncated: bool = False) -> Outputs:
        """Steps every environment.

        Args:
            actions: `[R]` int32 or int64 if discrete (`[R, A]` of several components), else `[R, A]` float32 or
                float64; a tensor on the device, or an array of another library that is there, by DLPack.
            outputs: tensors to write to, such as rows of a rollout; contiguous, on the device, and of the types of
                `new_outputs`. `final_observations` may be None.
            final_truncated: writes `final_observations` only for episodes that were truncated and not terminated.
        """
        self._check_state()
        given = self.check_actions(actions)
        if outputs is None:
            outputs = self._fixed or self.new_outputs()
        else:
            self._check_outputs(outputs)
        final = outputs.final_observations
        arguments = self._step
        arguments.actions, arguments.dtype = given.data_ptr(), DTYPES[given.dtype]
        arguments.observations, arguments.rewards = outputs.observations.data_ptr(), outputs.rewards.data_ptr()
        arguments.terminated, arguments.truncated = outputs.terminated.data_ptr(), outputs.truncated.data_ptr()
        arguments.final_observations = None if final is None else final.data_ptr()
        arguments.final_truncated = final_truncated
        self.kernels.launch("operant_step", self.num_envs, arguments)
        self._given = given  # keeps another library's memory alive until the kernel has read it
        return outputs

    def check_actions(self, actions: Any) -> Tensor:
        """Actions as the kernels read them; raises an error that names the needed device, dtype or shape."""
        if not isinstance(actions, Tensor):
            actions = self._imported(actions)
        if actions.device != self.device:
            raise ValueError(
                f"actions are on {actions.device}, but {self.spec.id} is on {self.device}: give "
                f"actions.to({str(self.device)!r})"
            )
        if actions.dtype not in self._action_types:
            needed = " or ".join(map(_name, self._action_types))
            raise ValueError(f"actions have dtype {_name(actions.dtype)}, but {self.spec.id} needs {needed}")
        if actions.shape != self.actions.shape:
            raise ValueError(
                f"actions have shape {tuple(actions.shape)}, but {self.spec.id} needs {self.actions.shape}"
            )
        contiguous: Tensor = actions.contiguous()
        return contiguous

    def _imported(self, actions: Any) -> Tensor:
        """Another library's array as a tensor, in the same memory."""
        if isinstance(actions, np.ndarray | list | tuple | int | float | np.generic):
            raise TypeError(
                f"actions are a {type(actions).__name__}: give a torch tensor on {self.device}, or an array of JAX or "
                f"CuPy there (torch.as_tensor(actions, device={str(self.device)!r}) copies them)"
            )
        if hasattr(actions, "__dlpack__"):
            imported: Tensor = torch.utils.dlpack.from_dlpack(actions)
            return imported
        if hasattr(actions, "__cuda_array_interface__"):
            return torch.as_tensor(actions, device=self.device)
        raise TypeError(f"actions must be a torch tensor on {self.device}, not {type(actions).__name__}")

    def _check_outputs(self, outputs: Outputs) -> None:
        """Raises a ValueError unless a kernel can write to the tensors."""
        for name, dtype in (("rewards", torch.float32), ("terminated", torch.bool), ("truncated", torch.bool)):
            self._check_tensor(name, getattr(outputs, name), (self.num_rows,), dtype)
        self._check_rows("observations", outputs.observations)
        if outputs.final_observations is not None:
            self._check_rows("final_observations", outputs.final_observations)

    def _check_rows(self, name: str, tensor: Any) -> None:
        """Raises a ValueError unless a kernel can write a row of numbers for each agent to the tensor."""
        address = self._check_tensor(name, tensor, (self.num_rows, *self.observation_shape), self.observation_type)
        if address % self._alignment:
            raise ValueError(f"{name} must begin at a multiple of {self._alignment} bytes, not {address}")

    def _check_tensor(self, name: str, tensor: Any, shape: tuple[int, ...], dtype: torch.dtype) -> int:
        """A tensor's address; a ValueError unless it is contiguous, on the device, and of this shape and dtype."""
        fits = isinstance(tensor, Tensor) and tensor.shape == shape and tensor.dtype == dtype
        if fits and tensor.device == self.device and tensor.is_contiguous():
            return int(tensor.data_ptr())
        found = type(tensor).__name__
        if isinstance(tensor, Tensor):
            strides = "" if tensor.is_contiguous() else f", strides {tensor.stride()}"
            found = f"{_name(tensor.dtype)} {tuple(tensor.shape)} on {tensor.device}{strides}"
        raise ValueError(f"{name} must be a contiguous tensor {_name(dtype)} {shape} on {self.device}, not {found}")

    def _check_state(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError("the environment is closed: make a new one")
        if not self._ready:
            raise ResetNeeded("reset the whole environment before the first step or masked reset")
        self.check_alarm()

    def check_alarm(self) -> None:
        """Raises the errors of `check` if the device has already reported one; does not wait."""
        self._check_open()
        # While a graph is recorded nothing may wait, and its launches have not run: the caller checks after a replay.
        if self._alarm[0] and not inside_graph() and not self.engine.recording():
            self.check()

    def check(self) -> None:
        """Waits for the device, and raises the error that it found since the last check.

        Raises:
            ValueError: an invalid action.
            ResetNeeded: a step of an environment whose episode was over, in mode "Disabled".
        """
        self._check_open()
        self.engine.synchronize()
        if not self._alarm[0]:
            return
        unusable, over = (int(self._tensors[name].item()) for name in ("unusable", "over"))
        for name in ("unusable", "over"):
            self._tensors[name].fill_(-1)
        self._alarm[0] = 0
        if over != -1:
            raise self.actions.episode_over(over)
        word = np.array([unusable & 0xFFFFFFFF], np.uint32)
        value = word.view(np.int32 if self.actions.discrete else np.float32)[0]
        raise self.actions.invalid(value, unusable >> 32, "that environment was not stepped")

    # Resets.

    def seed(self, seeds: int | Sequence[int | None]) -> None:
        """Seeds environment i with `seeds + i`, or with `seeds[i]` unless that is None."""
        self._check_open()
        if isinstance(seeds, int) and seeds + self.num_envs <= 1 << 63:  # made on the device, without waiting
            each = torch.arange(self.num_envs, device=self.device) + seeds
            self._tensors["seed"].copy_(each.view(torch.int32).reshape(self.num_envs, 2).t())
            self._tensors["episode"].zero_()
            return
        if isinstance(seeds, int):
            keys, chosen = seed_keys(seed_words(seeds, self.num_envs)), torch.ones(self.num_envs, dtype=torch.bool)
        else:
            keys = seed_keys(words_of([0 if seed is None else seed for seed in seeds]))
            chosen = torch.tensor([seed is not None for seed in seeds])
        where = chosen.to(self.device)
        new = torch.from_numpy(keys.view(np.int32)).to(self.device)
        self._tensors["seed"].copy_(torch.where(where, new, self._tensors["seed"]))
        self._tensors["episode"].masked_fill_(where, 0)

    def reset(self, mask: Tensor | None = None, overrides: Mapping[str, float] | None = None) -> Outputs:
        """Begins an episode in the environments of `mask` (`[N]` bool on the device; None: all).

        Returns all observations; flags and rewards are zero. `overrides` replaces parameters for this reset only.
        """
        self.check_alarm()
        if mask is not None:
            self._check_state()
            self._check_tensor("mask", mask, (self.num_envs,), torch.bool)
        numbers = None
        if overrides:
            values = [overrides.get(part.name, math.nan) for part in self.parameters]
            numbers = torch.tensor(values, dtype=torch.float32, device=self.device)
        outputs = self._fixed or self.new_outputs()
        self._launch_reset("operant_reset", outputs.observations, mask, numbers)
        self._ready = True
        for tensor in (outputs.rewards, outputs.terminated, outputs.truncated):
            tensor.zero_()
        return outputs

    def observe(self, observations: Tensor | None = None) -> Tensor:
        """The observations of the present states, `[R, *D]`, written to `observations` if given."""
        self._check_open()
        if observations is None:
            observations = (self._fixed or self.new_outputs()).observations
        else:
            self._check_rows("observations", observations)
        self._launch_reset("operant_observe", observations, None, None)
        return observations

    def _launch_reset(self, name: str, observations: Tensor, mask: Tensor | None, overrides: Tensor | None) -> None:
        self._reset.observations = observations.data_ptr()
        self._reset.mask = None if mask is None else mask.data_ptr()
        self._reset.overrides = None if overrides is None else overrides.data_ptr()
        self.kernels.launch(name, self.num_envs, self._reset)

    # Parameters.

    def parameter(self, name: str) -> np.ndarray:
        index, params = self.parameter_index(name), self._open()["params"]
        values: np.ndarray = params[index].cpu().numpy()
        return values.copy() if self._params_vary() else np.full(self.num_envs, values)

    def _params_vary(self) -> bool:
        return bool(self._batch.params_vary)

    def _set_parameter(self, index: int, values: np.ndarray) -> None:
        if len(values) > 1:
            self._vary_params()
        self._open()["params"][index] = torch.from_numpy(values.astype(np.float32).squeeze()).to(self.device)

    def _randomize(self, index: int, low: float, high: float) -> None:
        self._vary_params()
        if "ranges" not in self._tensors:
            self._tensors["ranges"] = torch.full((len(self.parameters), 2), math.nan, device=self.device)
        self._tensors["ranges"][index] = torch.tensor([low, high], device=self.device)
        self._point()

    def _vary_params(self) -> None:
        """Gives every environment its own copy of every parameter; graphs recorded earlier keep the shared ones."""
        if not self._params_vary():
            self._replaced = self._tensors["params"]
            self._tensors["params"] = self._open()["params"][:, None].repeat(1, self.num_envs)
            self._batch.params_vary = 1
            self._point()

    # Statistics.

    @property
    def episode_returns(self) -> Tensor:
        """Sum of rewards in each running episode: `[R]`, a copy."""
        return self._open()["episode_return"].t().reshape(self.num_rows).clone()

    @property
    def episode_lengths(self) -> Tensor:
        """Steps of each running episode so far: `[R]` int32, a copy."""
        return (self._open()["elapsed"] & (OVER - 1)).repeat_interleave(self.agents)

    @property
    def final_returns(self) -> Tensor:
        """The return of the episode that ended last in each row: `[R]`, the batch's own memory."""
        return self._open()["final_return"]

    @property
    def final_lengths(self) -> Tensor:
        """The length of the episode that ended last in each environment: `[N]` int32, the batch's own memory."""
        return self._open()["final_length"]

    @property
    def sums(self) -> tuple[Tensor, Tensor, Tensor]:
        """Counts `[N]` int32, summed returns `[R]` and summed lengths `[N]` int32 of the episodes that ended.

        They accumulate until the caller zeroes them; the tensors are the batch's own memory.
        """
        tensors = self._open()
        return tensors["count"], tensors["return_sum"], tensors["length_sum"]

    # Snapshots.

    def _columns(self) -> dict[str, np.ndarray]:
        self.check()
        tensors, n = self._open(), self.num_envs
        state = tensors["state"].cpu().numpy()
        columns: dict[str, np.ndarray] = {}
        for part, span in spans(self.spec.state):
            numbers = state[span].view(np.int32 if part.integer else np.float32)
            columns[part.name] = numbers[0] if not part.shape else np.moveaxis(numbers.reshape(*part.shape, n), -1, 0)
        columns["seed"] = tensors["seed"].cpu().numpy().view(np.uint32).T
        columns["episode"] = tensors["episode"].cpu().numpy().view(np.uint32)
        returns = tensors["episode_return"].cpu().numpy()
        columns["episode_return"] = returns[0] if self.agents == 1 else returns.T
        elapsed = tensors["elapsed"].cpu().numpy()
        columns["elapsed"], columns["finished"] = elapsed & (OVER - 1), elapsed < 0
        return columns

    def _write(self, indices: np.ndarray, records: np.ndarray) -> None:
        tensors, columns = self._open(), {name: column.copy() for name, column in self._columns().items()}
        for name, column in columns.items():
            column[indices] = records[name]
        state = np.empty((self.spec.state_size, self.num_envs), np.float32)
        for part, span in spans(self.spec.state):
            numbers = columns[part.name].astype(np.int32 if part.integer else np.float32)
            state[span] = np.moveaxis(numbers, 0, -1).reshape(part.size, -1).view(np.float32)
        over = columns["finished"].astype(np.uint32) << 31
        elapsed = columns["elapsed"].view(np.uint32) | over
        for name, array in (
            ("state", state),
            ("seed", columns["seed"].T),
            ("episode", columns["episode"]),
            ("episode_return", columns["episode_return"].T.reshape(self.agents, -1)),
            ("elapsed", elapsed),
        ):
            numbers = np.ascontiguousarray(array)
            kind = np.int32 if numbers.dtype == np.uint32 else numbers.dtype
            tensors[name].copy_(torch.from_numpy(numbers.view(kind)))
        self._ready = True

    # Memory and lifetime.

    @property
    def bytes(self) -> int:
        """The memory of this batch in bytes, without the returned tensors."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self._open().values())

    @property
    def ready(self) -> bool:
        return self._ready

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.engine.synchronize()
            self._tensors, self._fixed, self._given = {}, None, None

    def _arguments(self) -> dict[str, Any]:
        names = ("spec", "num_envs", "autoreset", "max_episode_steps", "copy")
        device = "emulated" if self.device.type == "cpu" else str(self.device)
        return {name: getattr(self, name) for name in names} | {"device": device}

    def _check_open(self) -> None:
        self._open()

    def _open(self) -> dict[str, Tensor]:
        if self.closed:
            raise ClosedEnvironmentError("the environment is closed: make a new one")
        return self._tensors


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def seed_keys(words: np.ndarray) -> np.ndarray:
    """The generators' 64-bit keys, `[2, N]` uint32 (low and high word), of seeds `[N, W]` as 32-bit words.

    Seeds of more than 64 bits are mixed by NumPy's SeedSequence, as in the core.
    """
    keys = np.zeros((2, len(words)), np.uint32)
    keys[: min(2, words.shape[1])] = words.T[:2]
    for i in np.flatnonzero(words[:, 2:].any(axis=1)):
        seed = int.from_bytes(words[i].tobytes(), "little")
        keys[:, i] = np.random.SeedSequence(seed).generate_state(2)
    return keys
