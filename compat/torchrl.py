"""TorchRL: a native batch as a `GymWrapper`, to roll out and to collect from.

    from operant.compat.torchrl import make_env
    env = make_env("operant/CartPole-v1", num_envs=1024)
    data = env.rollout(100, break_when_any_done=False)  # [1024, 100]

Ended episodes are read as whole arrays: TorchRL's own reader visits every environment in every step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box

from operant.compat import framework
from operant.environments.vector import OperantVectorEnv
from operant.messages import unknown

framework("torchrl", "torchrl", at_least="0.10")
import torch  # noqa: E402
from gymnasium.vector import AutoresetMode  # noqa: E402
from tensordict import TensorDictBase  # noqa: E402
from torchrl.data import Unbounded  # noqa: E402
from torchrl.envs import EnvBase, GymWrapper, TransformedEnv, VecGymEnvTransform  # noqa: E402

MODES = ("SameStep", "Disabled")
STATISTICS = ("episode_return", "episode_length")


def make_env(
    env_id: str,
    num_envs: int,
    *,
    device: torch.device | str | None = None,
    autoreset_mode: AutoresetMode | str = "SameStep",
    categorical_action_encoding: bool = False,
    episode_statistics: bool = False,
    **options: Any,
) -> EnvBase:
    """`num_envs` environments as one TorchRL environment of batch size `[N]`.

    Args:
        env_id: "operant/CartPole-v1"; "CartPole-v1" and "operant:operant/CartPole-v1" are the same.
        device: the tensors' device; None keeps them on the CPU, in the memory that the core wrote.
        autoreset_mode: "SameStep": the batch resets the environments that ended, and TorchRL may reset those or all.
            "Disabled": TorchRL may reset any environments. It needs this to cut episodes itself
            (`StepCounter(max_steps)`, `max_frames_per_traj`). In both, `("next", "observation")` of an ended episode is
            its final observation.
        categorical_action_encoding: discrete actions as integers `[N]` instead of one-hot `[N, A]`.
        episode_statistics: adds the running episodes' `episode_return` (the reward's dtype) and `episode_length`
            (int64), `[N, 1]` each.
        **options: options of `gym.make_vec`: `precision`, `workers`, `params`, `randomize`, `max_episode_steps`, ...

    Raises:
        ValueError: an option is not supported under TorchRL.
        TypeError: an option is unknown.
    """
    mode = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
    if mode == "NextStep":
        raise ValueError(f"autoreset_mode='NextStep': TorchRL would count its resets as steps: use one of {MODES}")
    if mode not in MODES:
        raise ValueError(unknown("autoreset_mode", mode, MODES))
    if not options.pop("copy", True):
        raise ValueError("copy=False would overwrite the tensors that a rollout holds: omit it")
    envs = BareVectorEnv(env_id, num_envs, autoreset_mode=mode, **options)
    env: EnvBase = OperantGymWrapper(
        envs, episode_statistics, device=device, categorical_action_encoding=categorical_action_encoding
    )
    if isinstance(env, TransformedEnv):  # the wrapper's class adds a transform unless the mode is DISABLED
        env.transform = AutoresetTransform()
    return env


class BareVectorEnv(OperantVectorEnv):
    """`OperantVectorEnv` without infos, which would hold an object for each environment that ended."""

    def __init__(self, env_id: str, num_envs: int, **options: Any):
        super().__init__(env_id, num_envs, **options)
        if not isinstance(self.single_observation_space, Box):
            raise ValueError(
                f"{env_id} observes integers, which make_env does not support: wrap gymnasium.make_vec({env_id!r}, "
                f"num_envs={num_envs}, autoreset_mode='Disabled') in TorchRL's GymWrapper"
            )
        self.all_ended = False
        if self.batch.exact:  # TorchRL assumes float32 rewards without a reward_space
            self.reward_space = Box(-np.inf, np.inf, (self.num_envs, 1), np.float64)

    def _add_infos(self, infos: dict[str, Any], terminated: np.ndarray, truncated: np.ndarray) -> None:
        self.all_ended = self._same_step and self.batch.last_finished.count == self.num_envs
        if self.render_mode == "human":
            self.render()

    def set_state(self, snapshot: np.ndarray | np.void, mask: np.ndarray | None = None) -> Any:
        self.all_ended = False  # the restored episodes run: the next reset must reset them
        return super().set_state(snapshot, mask)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        already_reset, self.all_ended = self.all_ended, False
        if already_reset and seed is None and not options:
            return self._present(self.batch.observe().observations), {}  # the last step has already reset them all
        return super().reset(seed=seed, options=options)


class OperantGymWrapper(GymWrapper):  # type: ignore[misc]  # TorchRL is not typed
    """A `GymWrapper` that reads ended episodes from the batch's arrays."""

    def __init__(self, env: BareVectorEnv, episode_statistics: bool, **options: Any):
        self.batch = env.batch
        self._statistics = episode_statistics
        super().__init__(env, **options)

    def auto_register_info_dict(self, *args: Any, **options: Any) -> EnvBase:
        """Omits the reader that TorchRL would install: `_step` does its work."""
        return self

    def _make_specs(self, env: BareVectorEnv, batch_size: torch.Size | None = None) -> None:
        super()._make_specs(env, batch_size)
        if self._statistics:
            for key, dtype in zip(STATISTICS, (self.reward_spec.dtype, torch.int64), strict=True):
                self.observation_spec[key] = Unbounded((env.num_envs, 1), dtype=dtype, device=self.device)

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        following = self._add_statistics(super()._step(tensordict))
        if self.batch.autoreset == "SameStep" and self.batch.last_finished.count:
            index, *statistics = self.batch.finished()
            ended: list[tuple[str, np.ndarray]] = [("observation", self.batch.final_observations())]
            if self._statistics:
                ended += [(key, values[:, None]) for key, values in zip(STATISTICS, statistics, strict=True)]
            final = following.select(*(key for key, _ in ended)).clone()
            rows = torch.from_numpy(index).to(final.device)
            for key, values in ended:
                final[key][rows] = torch.from_numpy(values).to(final[key])
            following["final"] = final  # VecGymEnvTransform, around this environment, distributes it
        return following

    def _reset(self, tensordict: TensorDictBase | None = None, **options: Any) -> TensorDictBase:
        return self._add_statistics(super()._reset(tensordict, **options))

    def _add_statistics(self, tensordict: TensorDictBase) -> TensorDictBase:
        if self._statistics:
            running = (self.batch.episode_returns, self.batch.episode_lengths.astype(np.int64))
            for key, values in zip(STATISTICS, running, strict=True):
                tensordict[key] = torch.from_numpy(values)[:, None].to(tensordict.device)
        return tensordict


class AutoresetTransform(VecGymEnvTransform):  # type: ignore[misc]
    """TorchRL's transform, with a fix: a reset of all returns its own observations, not those of the last step."""

    def _reset(self, tensordict: TensorDictBase, tensordict_reset: TensorDictBase) -> TensorDictBase:
        if tensordict.get("_reset", None) is None:
            self._memo.clear()
        return super()._reset(tensordict, tensordict_reset)
