"""PPO in the core under the arguments of `stable_baselines3.PPO`. It imports neither SB3 nor torch."""

from __future__ import annotations

import inspect
import secrets
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from operant.compat.sb3_arguments import (
    ELSEWHERE,
    Network,
    Schedule,
    check_fixed,
    check_policy,
    clip_at,
    learning_rate_at,
    make_config,
    read_network,
)
from operant.compat.sb3_environments import NoEnvironments, open_environments, vec_env_of
from operant.compat.sb3_log import Log, run_folder
from operant.compat.sb3_spaces import describe_space, read_space
from operant.messages import FixedAttributes, integer
from operant.models.algorithms.progress import ProgressBar
from operant.models.collection.sources import CpuEnvironments
from operant.models.native.ppo import NativePPO
from operant.models.native.rollouts import make_rollouts
from operant.runs.checkpoint import MISFITS, CheckpointError, load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    import stable_baselines3

SUFFIX = ".safetensors"
SCHEDULES = {"learning_rate": "learning_rate", "clip_range": "clip"}
"""Arguments that may be functions, and the core's options with their values at the beginning."""
ASSIGNABLE = ("learning_rate", "clip_range", "verbose", "tensorboard_log")
"""Attributes that `learn` reads anew."""
MADE_OF = ("action_space", "algorithm", "arguments", "device", "n_envs", "network", "observation_space")
"""Attributes that only the constructor sets, besides the other arguments."""


class PPO(FixedAttributes):
    """PPO in the core, which takes the arguments of `stable_baselines3.PPO` and has its methods.

        model = PPO("MlpPolicy", "operant/CartPole-v1", n_steps=1024).learn(100_000, progress_bar=True)
        action, _ = model.predict(observation, deterministic=True)
        model.save("cartpole")

    The same arguments and seed give the same weights, bit for bit, on every CPU and with any number of threads, if the
    environments are operant's. Whatever this class does not do is a ValueError that names SB3's: gSDE, `clip_range_vf`,
    callbacks, CNNs, other devices, policies, optimisers and extractors. An attribute that only SB3's model has, such as
    `policy`, is one of the model that `to_sb3` returns.

    Args:
        policy: "MlpPolicy", or "MultiInputPolicy" for Dict observations.
        env: an id, which makes one environment; an environment of Gymnasium, or a vector environment in SAME_STEP mode;
            or a `VecEnv` of SB3, its wrappers included. The core steps an id of operant's, an `OperantVectorEnv` and an
            `OperantVecEnv` by itself; all others step in Python.
        learning_rate, clip_range: numbers, or functions of the part of the training that remains. At the end that is 0,
            also where the last rollout goes beyond `total_timesteps`.
        batch_size: B. A rollout of T N samples makes ceil(T N / B) minibatches, whose sizes differ by at most one.
        policy_kwargs: `net_arch` (a list of sizes, or a dict with "pi" and "vf"), `activation_fn` ("tanh", "relu",
            "silu", or torch's class), `log_std_init`.
        verbose: 1 prints SB3's table.
        seed: of weights, actions and environments; None draws one.

    Attributes:
        num_timesteps: the number of steps so far.
        n_envs: N, the number of environments, or of their agents.
        learning_rate, clip_range, verbose, tensorboard_log: as given; may be assigned, and hold for the next `learn`.
            To change another argument, save the model and load it with the new one.

    Raises:
        TypeError: `env` is nothing that can be trained on.
        ValueError: an argument is out of its range, or the core does not do it.
    """

    instead = "save it with save(path), and load(path) as often as you like"

    learning_rate: Schedule
    clip_range: Schedule
    verbose: int
    tensorboard_log: str | Path | None

    def __init__(
        self,
        policy: str,
        env: Any,
        learning_rate: Schedule = 3e-4,
        n_steps: int = 2048,
        batch_size: int = 64,
        n_epochs: int = 10,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        clip_range: Schedule = 0.2,
        clip_range_vf: None = None,
        normalize_advantage: bool = True,
        ent_coef: float = 0.0,
        vf_coef: float = 0.5,
        max_grad_norm: float = 0.5,
        use_sde: bool = False,
        sde_sample_freq: int = -1,
        rollout_buffer_class: None = None,
        rollout_buffer_kwargs: None = None,
        target_kl: float | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | Path | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: Any = "auto",
    ):
        arguments = {name: value for name, value in locals().items() if name not in ("self", "env", "policy")}
        environments = env if isinstance(env, CpuEnvironments) else open_environments(env)
        check_fixed(arguments)
        self.policy_class = policy
        self.observation_space, self.action_space = environments.observation_space, environments.action_space
        check_policy(policy, self.observation_space)
        self.network: Network = read_network(policy_kwargs)
        self.n_envs = environments.num_envs
        config = make_config(arguments, self.network, self.n_envs, self.observation_space, self.action_space)
        self.arguments = arguments
        self.learning_rate, self.clip_range = learning_rate, clip_range
        self.verbose, self.tensorboard_log = verbose, tensorboard_log
        self.seed = seed
        nowhere = NoEnvironments(self.n_envs, self.observation_space, self.action_space)
        self.algorithm = NativePPO(nowhere, config, seed=secrets.randbits(31) if seed is None else seed)
        self._environments: CpuEnvironments = environments
        self._vec_env: Any = None
        self._begun, self._seed_of_reset = False, seed

    @property
    def num_timesteps(self) -> int:
        """The number of steps of all environments so far, as SB3 counts them."""
        return self.algorithm.steps

    def __getattr__(self, name: str) -> Any:
        arguments = self.__dict__.get("arguments", {})
        if name in arguments:
            return arguments[name]
        raise AttributeError(
            f"operant.compat.sb3.PPO has no {name!r}: to_sb3() returns a stable_baselines3.PPO with these weights"
        )

    def learn(
        self,
        total_timesteps: float,
        callback: None = None,
        log_interval: int | None = 1,
        tb_log_name: str = "PPO",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> PPO:
        """Trains for `total_timesteps` more steps, rounded up to whole rollouts; returns the model.

        Args:
            callback: None. Nothing is called while the core steps: to look at the model in between, call `learn` again
                with reset_num_timesteps=False.
            log_interval: the number of updates between rows of the log; None for no log.
            tb_log_name: the name of the run's folder in `tensorboard_log`, before its number.
            reset_num_timesteps: begins all episodes anew, and counts steps from 0.
            progress_bar: shows a bar, with tqdm.

        Raises:
            NotFiniteError: a gradient, a reward or an observation was infinite or NaN.
            ValueError: there is a callback, or a schedule's value is out of its range.
        """
        if log_interval is not None:
            log_interval = integer("log_interval", log_interval, 1)
        if callback is not None and callback != []:
            raise ValueError(
                f"callback={callback!r}: operant.compat.sb3.PPO calls nothing while it learns: {ELSEWHERE}, or call "
                "learn(part, reset_num_timesteps=False) again and again"
            )
        algorithm, start = self.algorithm, 0 if reset_num_timesteps else self.num_timesteps
        whole = isinstance(total_timesteps, float) and total_timesteps.is_integer()  # 1e6, which SB3 takes too
        total = start + integer("total_timesteps", int(total_timesteps) if whole else total_timesteps, 0)
        if reset_num_timesteps or not self._begun:
            self._begin()
        algorithm.steps = start
        folder = None
        if self.tensorboard_log is not None:
            folder = run_folder(self.tensorboard_log, tb_log_name, reset_num_timesteps)
        log, begun, updates = Log(self.verbose, folder), time.perf_counter(), 0
        try:
            with ProgressBar(total, start) if progress_bar else nullcontext() as bar:
                while algorithm.steps < total:
                    self._adjust(max(0.0, 1 - (algorithm.steps + self.n_steps * self.n_envs) / total))
                    metrics = next(algorithm.iterate(total))
                    updates += 1
                    if bar is not None:
                        bar.update(metrics)
                    if log_interval is not None and updates % log_interval == 0:
                        log.write(self._row(metrics, updates, start, time.perf_counter() - begun), algorithm.steps)
        finally:
            log.close()
        return self

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """Returns the action for an observation `[*D]`, or actions `[N, *A]` for `[N, *D]`, and `state` as it is.

        Continuous actions are clipped to their bounds. `episode_start` is for SB3's recurrent policies, and not read.

        Raises:
            ValueError: the observation has another shape than the space.
        """
        if isinstance(observation, tuple):
            raise ValueError(
                "the observation is a tuple: reset() of Gymnasium's environments returns (observation, info), and "
                "step() five values; give predict() the first"
            )
        actions, _ = self.algorithm.predict(observation, deterministic=deterministic)
        if actions.ndim > 1 + len(self.action_space.shape or ()):
            raise ValueError(
                f"observations for actions of shape {actions.shape} have too many dimensions: give one observation of "
                f"{self.observation_space}, or one array of them"
            )
        return actions, state

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seeds the actions that `predict` samples, and the environments' next reset; None changes nothing."""
        if seed is None:
            return
        self.algorithm.seed_actions(integer("seed", seed, 0))
        self._seed_of_reset = seed

    # Environments.

    def get_env(self) -> Any:
        """Returns the environments as a `VecEnv` of SB3, which is imported, or None if there are none."""
        if self._vec_env is None:
            self._vec_env = vec_env_of(self._environments)
        return self._vec_env

    def set_env(self, env: Any) -> None:
        """Replaces the environments by as many others with the same spaces; the next `learn` begins their episodes.

        Raises:
            ValueError: their number or spaces differ.
        """
        environments = open_environments(env)
        if environments.num_envs != self.n_envs:
            raise ValueError(
                f"set_env() got {environments.num_envs} environments, and the model has {self.n_envs}: "
                "save(path), and load(path, env)"
            )
        self._check_spaces(environments)
        self._environments, self._vec_env, self._begun = environments, None, False

    def _check_spaces(self, environments: CpuEnvironments) -> None:
        for name in ("observation_space", "action_space"):
            own, other = getattr(self, name), getattr(environments, name)
            if own != other:
                raise ValueError(f"the environment's {name} is {other}, and the model's {own}: make a new model")

    def _begin(self) -> None:
        """Begins all episodes anew."""
        if type(self._environments) is NoEnvironments:
            raise ValueError("the model has no environment: call set_env(env), or load(path, env)")
        algorithm, environments = self.algorithm, self._environments
        algorithm.environments = environments
        algorithm.trainer.state.episodes = 0
        algorithm.rollouts = make_rollouts(algorithm.trainer, environments, self._seed_of_reset)
        self._begun, self._seed_of_reset = True, None

    def _adjust(self, remaining: float) -> None:
        """Sets the learning rate and the clip range of the next update."""
        self._clip_range = clip_at(self.clip_range, remaining)
        self.algorithm.adjust(learning_rate_at(self.learning_rate, remaining), self._clip_range)

    def _row(self, metrics: dict[str, float], updates: int, start: int, seconds: float) -> dict[str, float]:
        """The numbers of an update under SB3's names; losses are means over the minibatches."""
        policy, value, entropy = metrics["policy_loss"], 2 * metrics["value_loss"], -metrics["entropy"]
        row = {
            "rollout/ep_rew_mean": metrics["episode_return"],
            "rollout/ep_len_mean": metrics["episode_length"],
            "time/fps": int((self.num_timesteps - start) / max(seconds, 1e-9)),
            "time/iterations": updates,
            "time/time_elapsed": int(seconds),
            "time/total_timesteps": self.num_timesteps,
            "train/approx_kl": metrics["approximate_kl"],
            "train/clip_fraction": metrics["clip_fraction"],
            "train/clip_range": self._clip_range,
            "train/entropy_loss": entropy,
            "train/explained_variance": metrics["explained_variance"],
            "train/learning_rate": metrics["learning_rate"],
            "train/loss": policy + self.ent_coef * entropy + self.vf_coef * value,
            "train/n_updates": self.algorithm.updates * self.n_epochs,
            "train/policy_gradient_loss": policy,
            "train/value_loss": value,
        }
        weights = self.algorithm.trainer.state.weights
        if "head.log_std" in weights:
            row["train/std"] = float(np.exp(weights["head.log_std"]).mean())
        return row

    # Files, and SB3.

    def save(self, path: str | Path) -> None:
        """Writes a checkpoint, a safetensors file, which `operant.models.PPO.load` reads too.

        A path without a suffix gets ".safetensors". Functions are not saved: give `load` those of schedules.

        Raises:
            ValueError: the path has the suffix of SB3's own files.
            OSError: the file cannot be written.
        """
        arguments = {**self._arguments(), "device": "cpu"}
        for name in SCHEDULES:
            if callable(arguments[name]):
                arguments[name] = None
        if arguments["tensorboard_log"] is not None:
            arguments["tensorboard_log"] = str(arguments["tensorboard_log"])
        described = {
            "policy": self.policy_class,
            "arguments": arguments,
            "n_envs": self.n_envs,
            "observation_space": describe_space(self.observation_space),
            "action_space": describe_space(self.action_space),
        }
        save_checkpoint(_file(path, "to_sb3().save(path)"), {**self.algorithm.state_dict(), "sb3": described})

    @classmethod
    def load(
        cls,
        path: str | Path,
        env: Any = None,
        device: Any = "auto",
        custom_objects: None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        **arguments: Any,
    ) -> PPO:
        """Loads a model of `save`, with its optimiser and counters.

        Args:
            env: the environments, of any number; None makes a model that only predicts, until `set_env`.
            device: "auto" or "cpu".
            custom_objects: None, because files hold no objects.
            print_system_info: prints the version of operant.
            force_reset: True: the next `learn` begins the episodes. False: operant's environments go on where they were
                saved, so that learn(..., reset_num_timesteps=False) ends with the bits of a training without a break.
            **arguments: arguments of the constructor to change.

        Raises:
            CheckpointError: the file is missing, corrupt, or not of this class.
            ValueError: the environments' spaces differ.
        """
        if custom_objects:
            raise ValueError(f"custom_objects={custom_objects!r}: files hold no objects, so there are none to replace")
        if print_system_info:
            import operant

            print(f"operant {operant.__version__}, numpy {np.__version__}")
        file = _file(path, "stable_baselines3.PPO.load(path)")
        state = load_checkpoint(file)
        if not isinstance(described := state.get("sb3"), dict):
            raise CheckpointError(f"{file} was not saved by operant.compat.sb3.PPO: load it with operant.models.PPO")
        opened = None if env is None else open_environments(env)
        try:
            saved = dict(described["arguments"])
            for name in SCHEDULES:
                if saved[name] is None:
                    saved[name] = _Missing(name, state["config"][SCHEDULES[name]])
            observation_space, action_space = (
                read_space(described[f"{each}_space"]) for each in ("observation", "action")
            )
            environments = NoEnvironments(described["n_envs"], observation_space, action_space)
            given: Any = {**saved, "device": device, **arguments}
            model = cls(described["policy"], opened or environments, **given)
            model._check_spaces(environments)
            model._restore(state, force_reset)
        except MISFITS as problem:
            reason = (str(problem).splitlines() or [""])[0]
            raise CheckpointError(f"{file} does not fit operant.compat.sb3.PPO ({reason})") from None
        return model

    def _restore(self, state: dict[str, Any], force_reset: bool) -> None:
        if not force_reset:
            self._begin()
        else:
            state = {**state, "collector": self.algorithm.state_dict()["collector"]}
        self.algorithm.load_state_dict(state)

    def to_sb3(self) -> stable_baselines3.PPO:
        """Makes a model of SB3 with these weights, this optimiser and these environments; imports SB3 and torch."""
        from operant.compat.sb3_convert import to_sb3

        arguments = {"policy": self.policy_class, **self._arguments()}
        env = self.get_env()
        theirs: stable_baselines3.PPO = to_sb3(
            self.algorithm, arguments, env, self.observation_space, self.action_space
        )
        return theirs

    def _arguments(self) -> dict[str, Any]:
        """The arguments of the constructor, except policy and environments, as they are now."""
        now = {name: getattr(self, name) for name in ASSIGNABLE}
        return {**self.arguments, **now, "policy_kwargs": self.network.policy_kwargs()}


PPO.fixed = {
    name: f"save(path), and load(path, env, {name}=...)"
    for name in inspect.signature(PPO).parameters
    if name not in ("policy", "env", *ASSIGNABLE)
} | dict.fromkeys((*MADE_OF, "policy_class", "policy_kwargs"), "make a new model")


class _Missing:
    """A schedule of which a file holds the first value; a training needs the others, and predictions do not."""

    def __init__(self, name: str, first: float):
        self._name, self._first = name, first

    def __call__(self, remaining: float) -> float:
        if remaining == 1:
            return self._first
        raise ValueError(f"{self._name} was a function, and files hold no code: give load(path, {self._name}=...)")


def _file(path: str | Path, instead: str) -> Path:
    """Returns the file of a path, which gets our suffix if it has none; raises a ValueError for SB3's."""
    if Path(path).suffix == ".zip":
        raise ValueError(f"{path} is a file of SB3's: leave out .zip for one of safetensors, or call {instead}")
    return Path(path) if Path(path).suffix else Path(path).with_suffix(SUFFIX)
