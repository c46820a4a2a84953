"""Trainers that take turns: operant's, Stable-Baselines3's and RLtools'."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import subprocess
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from operant.bench.peers import quiet
from operant.bench.timing import Contender, timed

if TYPE_CHECKING:
    from operant.models.algorithms.configs import PPOConfig

CARTPOLE = "operant/CartPole-v1"
MINIBATCH = 4096  # rows
BATCHED: dict[str, Any] = {
    "num_envs": 256,
    "rollout_steps": 32,
    "learning_rate": 3e-3,
    "gamma": 0.98,
    "gae_lambda": 0.9,
    "epochs": 4,
    "minibatches": 4,
    "hidden": (64, 64),
}
"""Large minibatches and two layers of 64, which keep a core and a second one busy; they solve CartPole, too."""
ENDLESS = 1 << 60  # steps
RLTOOLS_STEPS = 75 * 4 * 1024  # of its program
RLTOOLS_TIME = re.compile(r"^Time: ([\d.]+)s$", re.MULTILINE)


def tuned_options(env_id: str = CARTPOLE) -> dict[str, Any]:
    from operant.models.algorithms.tuned import tuned

    options = tuned(env_id, "ppo")
    return {key: value for key, value in options.items() if key != "timesteps"}


def make_ppo(stack: contextlib.ExitStack, env: Any = CARTPOLE, seed: int = 0, **options: Any) -> Any:
    from operant.models.algorithms.configs import PPOConfig
    from operant.models.algorithms.ppo import PPO

    algorithm = PPO(env, PPOConfig(**options), seed=seed)
    stack.callback(algorithm.close)
    return algorithm


class Trained:
    """A trainer that takes turns with others.

    Args:
        stack: closes the trainer.
        name: the contender's name.
        env_id: the environment.
        options: options of PPO; None takes those of `operant train cartpole`.
        given: further options.

    Attributes:
        contender: makes updates.
        processor: processor seconds of a call, one number for each measurement.
    """

    def __init__(
        self,
        stack: contextlib.ExitStack,
        name: str,
        env_id: str = CARTPOLE,
        options: dict[str, Any] | None = None,
        **given: Any,
    ):
        algorithm = make_ppo(stack, env_id, **(tuned_options() if options is None else options), **given)
        updates = algorithm.iterate(ENDLESS)
        self._measure = timed(lambda: next(updates))
        self._torch_threads = algorithm.threads if algorithm.backend == "torch" else None
        self.name, self.processor = name, list[float]()
        self.contender = Contender(name, self._timed, algorithm.config.num_envs * algorithm.config.rollout_steps)

    def _timed(self, calls: int) -> float:
        if self._torch_threads:
            import torch

            torch.set_num_threads(self._torch_threads)
        begun = time.process_time()
        seconds = self._measure(calls)
        self.processor.append((time.process_time() - begun) / calls)
        return seconds


class RLtools:
    """RLtools' program that trains on Pendulum with PPO, on one thread.

    Attributes:
        contender: runs the program; its seconds are those that the program says training took.
        processor: processor seconds of a run, with the evaluation at its end, one number for each measurement.
    """

    def __init__(self, program: str):
        self.program = program
        self.name, self.processor = "RLtools", list[float]()
        self.contender = Contender(self.name, self._timed, RLTOOLS_STEPS)

    def _timed(self, calls: int) -> float:
        environment, begun = os.environ | {"OPENBLAS_NUM_THREADS": "1"}, _children()
        seconds = 0.0
        for _ in range(calls):
            done = subprocess.run([self.program], check=True, capture_output=True, text=True, env=environment)
            match = RLTOOLS_TIME.search(done.stdout)
            if match is None:
                raise ValueError(f"RLTOOLS={self.program} printed no line 'Time: 1.5s': compile it with -DBENCHMARK")
            seconds += float(match[1])
        self.processor.append((_children() - begun) / calls)
        return seconds


def _children() -> float:
    """The processor seconds of the processes that this one has waited for."""
    import resource  # which Windows has not

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def by_processor(ours: Trained, theirs: Trained | RLtools, rounds: int) -> list[float]:
    """Divides the processor time of `theirs` by that of `ours` for equal work, one number per round."""
    pairs = zip((ours, theirs), (ours.contender.work, theirs.contender.work), strict=True)
    mine, other = ([seconds / work for seconds in each.processor[-rounds:]] for each, work in pairs)
    return [slow / fast for fast, slow in zip(mine, other, strict=True)]


class Stopwatch(gym.vector.VectorWrapper):
    """Times the steps of a vector environment.

    Attributes:
        seconds: processor seconds of all steps so far.
    """

    seconds = 0.0

    def step(self, actions: Any) -> Any:
        begun = time.process_time()
        result = self.env.step(actions)
        self.seconds += time.process_time() - begun
        return result


def sb3_environments(stack: contextlib.ExitStack, num_envs: int) -> Any:
    """SB3's own vector of Gymnasium's CartPoles."""
    from stable_baselines3.common.env_util import make_vec_env

    envs = make_vec_env("CartPole-v1", num_envs)
    stack.callback(envs.close)
    return envs


def sb3_adapter(stack: contextlib.ExitStack, num_envs: int) -> Any:
    from operant.compat.sb3 import OperantVecEnv

    envs = OperantVecEnv(CARTPOLE, num_envs)
    stack.callback(envs.close)
    return envs


def sb3(name: str, envs: Any = "CartPole-v1", **given: Any) -> Contender:
    """SB3's PPO; with `n_steps`, in batches of `MINIBATCH`."""
    from stable_baselines3 import PPO

    if given:
        given["batch_size"] = MINIBATCH
    return learning(name, PPO("MlpPolicy", envs, device="cpu", seed=0, **given))


def sb3_in_the_core(stack: contextlib.ExitStack, name: str, num_envs: int) -> Contender:
    """PPO in the core with SB3's arguments, all of them its defaults."""
    from operant.compat.sb3 import PPO

    envs = gym.make_vec(CARTPOLE, num_envs, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP)
    stack.callback(envs.close)
    return learning(name, PPO("MlpPolicy", envs, seed=0))


def sb3_ppo(stack: contextlib.ExitStack, kind: str, env_id: str, config: PPOConfig) -> Contender:
    """SB3's PPO on a task of Gymnasium in one of its vector environments, with options of ours."""
    from stable_baselines3.common import vec_env

    from operant.cli.study_sb3 import SB3Config

    options = {
        "n_envs": config.num_envs,
        "normalize": config.normalize_observations,
        "n_steps": config.rollout_steps,
        "batch_size": config.rollout_steps * config.num_envs // config.minibatches,
        "n_epochs": config.epochs,
        "learning_rate": config.learning_rate,
        "gamma": config.gamma,
        "gae_lambda": config.gae_lambda,
        "clip_range": config.clip,
        "max_grad_norm": config.max_grad_norm,
        "vf_coef": config.value_coefficient,
        "policy_kwargs": {
            "activation_fn": config.activation,
            "log_std_init": config.log_std,
            "net_arch": list(config.hidden),
        },
    }
    run = SB3Config(env_id, "sb3-ppo", timesteps=0, seed=0, stop_at=None, options=options, environment_options={})
    with quiet():
        model = run.make(getattr(vec_env, kind))
    stack.callback(model.env.close)
    return learning(f"SB3 on {kind}", model)


def learning(name: str, model: Any) -> Contender:
    """Learns by updates of a model that has SB3's methods."""
    work = model.n_steps * model.n_envs
    return Contender(name, timed(lambda: model.learn(work, reset_num_timesteps=False)), work)


@contextlib.contextmanager
def torch_threads_kept() -> Iterator[None]:
    """Gives torch one thread, and its own number back afterwards."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
