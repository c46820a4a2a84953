"""The algorithms of Stable-Baselines3 and sb3-contrib as contenders of a study, where they are installed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import gymnasium as gym
import numpy as np

from operant.cli.run_config import RunConfig
from operant.cli.sb3_options import arguments, check_names, normalized
from operant.cli.training import Asked, evaluation
from operant.environments.lookup import authored_spec
from operant.environments.register import register_env
from operant.models.evaluation import Policy

SB3 = {
    **{f"sb3-{name.lower()}": ("stable_baselines3", name) for name in ("A2C", "DDPG", "DQN", "PPO", "SAC", "TD3")},
    **{f"sb3-{name.lower()}": ("sb3_contrib", name) for name in ("CrossQ", "QRDQN", "TQC", "TRPO")},
}
"""Each algorithm's package and class by its name in a study."""

EVERY = 1000  # steps between the looks at an off-policy algorithm's return; on-policy ones are looked at every update


@dataclass(frozen=True)
class SB3Config:
    """A run of an algorithm of Stable-Baselines3; `options` are its class's, and `cli.sb3_options.ADDED`."""

    environment: str
    algorithm: str
    timesteps: int
    seed: int
    stop_at: float | None
    options: Mapping[str, Any]
    environment_options: dict[str, Any]

    @classmethod
    def of(cls, run: RunConfig, algorithm: str, options: Mapping[str, Any]) -> SB3Config:
        """Makes the run in the same environment, with the same goal and as many timesteps."""
        fields = (run.environment, algorithm, run.timesteps, run.seed, run.stop_at)
        return cls(*fields, options, run.environment_options)

    def as_toml(self) -> dict[str, Any]:
        """Returns the run as a mapping of TOML's types."""
        return {**vars(self), "options": dict(self.options)}

    def make(self, vec_env_cls: type | None = None) -> Any:
        """Makes the model and its environments, as SB3's make_vec_env does: by default one steps after another.

        Raises:
            ImportError: SB3 is not installed.
            ValueError, TypeError, AssertionError: an option is wrong, or the algorithm does not fit the environment.
        """
        package, name = SB3[self.algorithm]
        try:
            kind = getattr(import_module(package), name)
            from stable_baselines3.common.env_util import make_vec_env
        except ImportError:
            extra = "'operant[sb3]'" if package == "stable_baselines3" else package.replace("_", "-")
            raise ImportError(f"{self.algorithm} needs {package}: pip install {extra}", name=package) from None
        check_names(self.options, self.algorithm, kind)
        envs = make_vec_env(self._make_env, self.options.get("n_envs", 1), seed=self.seed, vec_env_cls=vec_env_cls)
        envs = normalized(envs, self.options)
        given = {
            "policy": _policy(envs.observation_space),
            "device": "cpu",
            **arguments(self.options, envs.action_space),
        }
        return kind(env=envs, seed=self.seed, **given)

    def _make_env(self) -> gym.Env[Any, Any]:
        authored = authored_spec(self.environment)
        env_id = self.environment if authored is None else register_env(authored.source)
        return gym.make(env_id, **self.environment_options)


def _policy(space: gym.Space[Any]) -> str:
    if isinstance(space, gym.spaces.Dict):
        return "MultiInputPolicy"
    from stable_baselines3.common.preprocessing import is_image_space

    return "CnnPolicy" if is_image_space(space) else "MlpPolicy"


def policy_of(model: Any) -> Policy:
    """Returns the model, or one that reads raw observations if its environments normalise theirs.

    The statistics are those of the moment; playing does not change them.
    """
    statistics = model.get_vec_normalize_env()
    return model if statistics is None else _Normalizing(model, statistics)


@dataclass(frozen=True)
class _Normalizing:
    """A model behind the observation statistics of a VecNormalize."""

    model: Any
    statistics: Any

    def predict(self, observations: Any, state: Any = None, /, *, deterministic: bool = False) -> tuple[Any, Any]:
        observations = self.statistics.normalize_obs(observations)
        actions, state = self.model.predict(observations, state, deterministic=deterministic)
        return actions, state


def learn(
    config: SB3Config, model: Any, ends: Callable[[dict[str, float]], bool], asked: Asked
) -> tuple[int, float, float | None]:
    """Trains the model until its timesteps are done, it has reached its goal, or it was asked to stop.

    `ends` is called with the metrics from time to time, as `Training` does. Returns the steps, the mean training
    return, and the mean return that has reached the goal, or None.
    """
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

    least = 1 if isinstance(model, OnPolicyAlgorithm) else EVERY

    class Looks(BaseCallback):
        """Looks at the mean return after each update, or every so many steps."""

        solved: float | None = None
        mean_return, over = math.nan, False
        looked, looks = 0, 0

        def _on_rollout_start(self) -> None:
            if self.num_timesteps - self.looked >= least:
                self.look()

        def look(self) -> None:
            """Evaluates the policy, if it is near the goal, and decides if the training is over."""
            self.looked, self.looks = self.num_timesteps, self.looks + 1
            returns = [episode["r"] for episode in self.model.ep_info_buffer or ()]
            self.mean_return = float(np.mean(returns)) if returns else math.nan
            metrics = {"steps": self.num_timesteps, "episode_return": self.mean_return, "updates": self.looks}
            self.solved = evaluation(config, policy_of(self.model), metrics)
            self.over = self.solved is not None or asked.by_signal or ends(metrics)

        def _on_step(self) -> bool:
            return not self.over

    looks = Looks()
    model.learn(config.timesteps, callback=looks)
    if not looks.over:
        looks.look()
    return looks.looked, looks.mean_return, looks.solved


def weights_hash(model: Any) -> str:
    """Returns the SHA-256 hash of the bytes of the policy's weights, without statistics of observations."""
    whole = hashlib.sha256()
    for weight in model.policy.state_dict().values():
        whole.update(weight.numpy().tobytes())
    return whole.hexdigest()
