"""CudaVectorEnv: a CudaBatch as a `gymnasium.vector.VectorEnv` of torch tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from operant.cuda.batch import CudaBatch, Outputs
from operant.cuda.graphs import Graph
from operant.environments.vector_base import VectorEnvBase
from operant.rollout.device_buffer import DeviceBuffer
from operant.spec import EnvSpec


class CudaVectorEnv(VectorEnvBase):
    """`OperantVectorEnv` in a GPU's memory: the same arguments, numbers and infos, as tensors on the device.

    `step` and `reset` launch their work on the device and return. They do not wait for it, copy nothing back, and run
    no Python code per environment. So two things differ from the CPU:

    * An invalid action is detected on the device. Its environment is not stepped, its reward is NaN, and a later call
      raises the error, at the latest `check`.
    * Python does not know whether an episode ended. So every step has the infos about ends; their masks, such as
      `_final_obs`, tell which rows they apply to.

    Toy text's info `prob` is the CPU's alone.

    These calls wait for the device: those that return NumPy arrays (`get_state`, `parameter`, `render`), `get_attr`,
    `finished_episodes`, `check`, and seeding by a list or with a mask.

    Args:
        env_id, num_envs, autoreset_mode, params, randomize, max_episode_steps, render_envs, options: as for
            `OperantVectorEnv`.
        device: "cuda", "cuda:1", or "emulated", which runs the GPU's code on the CPU, slowly.
        copy: True: the tensors that `step` and `reset` return are the caller's to keep. False: every call writes into
            the same tensors, as a CUDA graph requires.
        render_mode: as for `OperantVectorEnv`; unless None, every step waits for the device.
        episode_statistics: adds `infos["episode"]`: "r" `[R]` float32 and "l" `[R]` int32 where `_episode`, else 0.
            There is no "t": a clock would have to wait for the device.
        precision, workers, isa: only their defaults are accepted.

    Attributes:
        device: the `torch.device` of all tensors.
        agents: the names of an environment's agents; () for a single agent, which has no name.
    """

    _batch: CudaBatch

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        *,
        device: str = "cuda",
        precision: str = "float32",
        workers: int = 1,
        copy: bool = True,
        isa: str | None = None,
        **options: Any,
    ):
        for name, given, only, why in (
            ("precision", precision, "float32", "the exact build computes with the CPU's libm"),
            ("workers", workers, 1, "a GPU has a thread for each environment"),
            ("isa", isa, None, "instruction sets are the CPU's"),
        ):
            if given != only:
                raise ValueError(f"{name}={given!r} is for device='cpu', not {device!r}: {why}")

        def make_batch(spec: EnvSpec, **how: Any) -> CudaBatch:
            return CudaBatch(spec, num_envs, device=device, copy=copy, **how)

        super().__init__(env_id, make_batch, **options)
        self.metadata["torch"] = True
        self.device = self._batch.device
        masks = self._batch.spec.action_masks
        self._masks = torch.tensor(masks, dtype=torch.int8, device=self.device) if masks else None
        self._last: Outputs | None = None  # of the last step
        self._rollout: tuple[Any, DeviceBuffer, Graph] | None = None

    @property
    def batch(self) -> CudaBatch:
        """The batch that steps the rows, for training loops that write into their own memory."""
        return self._batch

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begins an episode in every environment, or in those of `options["reset_mask"]`.

        Args:
            seed: environment i gets `seed + i`. A sequence has a seed for each environment; None in it keeps that
                environment's generator.
            options: `reset_mask` (`[R]` bool, the same for all agents of an environment) and the environment's reset
                bounds. A NumPy mask is checked. A tensor on the device is not: an environment is reset where any
                of its rows is True.

        Returns:
            Observations and infos, as `step` returns them. Environments outside the mask keep their observation.
        """
        self._batch.check_alarm()
        mask, overrides = self._begin(seed, options)
        outputs = self._batch.reset(mask, overrides)
        self._last = None
        self.renderer.look()
        if self.render_mode == "human":
            self.render()
        infos = {} if self._masks is None else self._action_masks(outputs.observations, mask)
        return self._present(outputs.observations), infos

    def _reset_mask(self, mask: Any) -> Tensor:
        if not isinstance(mask, Tensor) or mask.device != self.device:
            return torch.from_numpy(self._check_mask(mask, "options['reset_mask']").copy()).to(self.device)
        if mask.shape != (self.num_envs,):
            raise ValueError(f"options['reset_mask'] must have shape ({self.num_envs},), got {tuple(mask.shape)}")
        if mask.dtype != torch.bool:
            raise TypeError(f"options['reset_mask'] must have dtype bool, got {mask.dtype}")
        return mask.reshape(self._batch.num_envs, self._batch.agents).any(dim=1)

    def _check_mask(self, mask: Any, name: str = "mask") -> np.ndarray:
        return super()._check_mask(mask.cpu().numpy() if isinstance(mask, Tensor) else mask, name)

    def step(self, actions: Any) -> tuple[Any, Tensor, Tensor, Tensor, dict[str, Any]]:
        """Steps every environment.

        Args:
            actions: `[R]` int32 or int64 if discrete (`[R, A]` if MultiDiscrete), else `[R, A]` float32 or float64. A
                tensor on the device, or another library's array there (through DLPack or `__cuda_array_interface__`);
                read in place if contiguous. Finite actions beyond the bounds are clipped.

        Returns:
            Observations `[R, *D]` of the space's dtype (if Tuple, a tuple of `[R]`), rewards `[R]` float32, terminated
            and truncated `[R]` bool, infos. Under "SameStep" infos hold `final_obs`, of the observations' shape. Where
            `_final_obs` is False it is 0, or its earlier contents with copy=False.

        Raises:
            TypeError, ValueError: actions of a wrong kind, device, shape or dtype. Nothing moved.
            ValueError: an action of an earlier call was out of range, or not finite; see the class.
            ResetNeeded: before the first reset; or, in mode "Disabled", an earlier call stepped a finished environment,
                which did not move.
        """
        if self.render_mode is not None:
            actions = self._batch.check_actions(actions)
        outputs = self._last = self._batch.step(actions)
        observations, rewards, terminated, truncated, _ = outputs
        infos: dict[str, Any] = {}
        if self._masks is not None:
            infos = self._action_masks(observations)
        if self._same_step or self.episode_statistics:
            self._add_ends(infos, outputs)
        if self.render_mode is not None:
            self.renderer.follow(actions.cpu().numpy())
            if self.render_mode == "human":
                self.render()
        return self._present(observations), rewards, terminated, truncated, infos

    def _action_masks(self, observations: Tensor, mask: Tensor | None = None) -> dict[str, Any]:
        """Gymnasium's info "action_mask", `[R, actions]` int8, for the environments of `mask` (None: all)."""
        assert self._masks is not None
        masks = self._masks.index_select(0, observations)
        if mask is None:
            return {"action_mask": masks, "_action_mask": torch.ones_like(observations, dtype=torch.bool)}
        return {"action_mask": masks.masked_fill(~mask[:, None], 0), "_action_mask": mask}

    def _add_ends(self, infos: dict[str, Any], outputs: Outputs) -> None:
        """Adds the infos about episodes that ended."""
        ended, batch = outputs.terminated | outputs.truncated, self._batch
        if outputs.final_observations is not None:
            final = outputs.final_observations
            final_info = {} if self._masks is None else self._action_masks(final, ended)
            infos.update(final_obs=self._present(final), _final_obs=ended, final_info=final_info, _final_info=ended)
        if self.episode_statistics:
            returns, lengths = (each.masked_fill(~ended, 0) for each in (batch.final_returns, self._final_lengths()))
            infos.update(episode={"r": returns, "l": lengths}, _episode=ended)

    def _final_lengths(self) -> Tensor:
        """The length of each row's last finished episode: `[R]` int32."""
        return self._batch.final_lengths[:, None].expand(-1, self._batch.agents).reshape(-1)

    def rollout(self, policy: Callable[[Tensor], Any], steps: int) -> DeviceBuffer:
        """Runs policy and environments for T = `steps` steps: on a GPU as one CUDA graph, from the third call on.

        Call it again with the same policy and T for the next steps. Needs mode "SameStep" and a first `reset`.

        Args:
            policy: maps observations `[R, *D]` to actions, to actions and log-probabilities, or to actions,
                log-probabilities and values. It is called without gradient. On a GPU it is captured in a graph: it must
                depend only on its argument and on tensors that are updated in place, such as a module's parameters, and
                must not wait for the device. It may draw from PyTorch's default generator of the device.
            steps: T.

        Returns:
            The rollout, overwritten by the next call; see `DeviceBuffer.compute_advantages`.
        """
        self._batch.check_alarm()
        if self._rollout is None or self._rollout[0] is not policy or self._rollout[1].steps != steps:
            buffer = DeviceBuffer(self._batch, steps)
            self._rollout = (
                policy,
                buffer,
                Graph(lambda: buffer.fill(policy), self.device, (), lambda: self._batch.version, self._batch.check),
            )
        _, buffer, graph = self._rollout
        self._last = None
        with torch.no_grad():
            graph()
        return buffer

    def _observe(self) -> Tensor:
        return self._batch.observe()

    def _present(self, observations: Tensor) -> Any:
        return observations.unbind(-1) if self._is_tuple else observations

    def check(self) -> None:
        """Waits for the device, and raises the errors that it detected in the steps since the last check.

        Raises:
            ValueError: an action was out of range or not finite; the text has the action and its first environment.
            ResetNeeded: in mode "Disabled", an environment was stepped after its episode's end.
        """
        self._batch.check()

    @property
    def episode_returns(self) -> Tensor:
        """The sum of rewards of each current episode: `[R]`. A finished episode's return stays until reset."""
        return self._batch.episode_returns

    @property
    def episode_lengths(self) -> Tensor:
        """The number of steps of each current episode: `[R]` int32."""
        return self._batch.episode_lengths

    def finished_episodes(self) -> tuple[Tensor, Tensor, Tensor]:
        """The episodes that ended in the last step: rows int64, returns float32 and lengths int64, each `[K]`.

        Waits for the device, because K depends on its results.
        """
        self.check()
        if self._last is None:
            rows = torch.empty(0, dtype=torch.int64, device=self.device)
        else:
            rows = (self._last.terminated | self._last.truncated).nonzero()[:, 0]
        return rows, self._batch.final_returns[rows], self._final_lengths()[rows].to(torch.int64)

    def close_extras(self, **kwargs: Any) -> None:
        super().close_extras(**kwargs)
        self._last = self._rollout = None

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_last": None, "_rollout": None}
