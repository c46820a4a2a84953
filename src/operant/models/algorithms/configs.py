"""The options of the algorithms, with their defaults. This module does not need torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import gymnasium

from operant.messages import mapping
from operant.models.algorithms.options import check_options, option

ACTIVATIONS = ("tanh", "relu", "elu", "gelu", "silu")
"""The names of the activations; `models.networks.actor_critic` has the layers."""
BACKENDS = ("auto", "native", "torch")

Self = TypeVar("Self", bound="OnPolicyConfig")


@dataclass(frozen=True)
class OnPolicyConfig:
    """Options of every on-policy algorithm."""

    num_envs: int = option(256, "environments in the batch; a vector env that is given has its own number", at_least=1)
    rollout_steps: int = option(32, "steps of each environment between updates", at_least=1)
    learning_rate: float = option(1e-3, "learning rate of Adam", above=0)
    anneal: bool = option(True, "lower the learning rate linearly to 0 over the run")
    gamma: float = option(0.99, "discount factor", at_least=0, at_most=1)
    max_grad_norm: float = option(
        0.5, "largest gradient norm; larger gradients are scaled down", above=0, infinite=True
    )
    entropy_coefficient: float = option(0.0, "weight of the entropy bonus", at_least=0)
    normalize_observations: bool = option(False, "normalise observations by their running mean and variance")
    normalize_rewards: bool = option(False, "divide rewards by the running deviation of discounted returns")
    hidden: tuple[int, ...] = option((64, 64), "sizes of the hidden layers")
    value_hidden: tuple[int, ...] = option((), "sizes of the value network's hidden layers; none: those of the policy")
    activation: str = option("tanh", "activation after each hidden layer", choices=ACTIVATIONS)
    share: bool = option(False, "use one network for policy and value, instead of two")
    lstm: int = option(0, "LSTM units before the hidden layers; 0 for no LSTM", at_least=0)
    squash: bool = option(False, "keep continuous actions within bounds by tanh, instead of clipping them")
    mask_actions: bool = option(True, "forbid actions that have no effect, if the environment declares them")
    log_std: float = option(0.0, "initial log standard deviation of a continuous policy")
    device: str = option(
        "cpu", 'device of the policy; "cuda" moves operant\'s environments too; "emulated" is for tests'
    )
    tf32: bool = option(False, "compute matrix products on a GPU in TF32: faster and less exact")
    deterministic: bool = option(False, "give the same bits in every run on a GPU too, at some cost in speed")
    threads: int = option(
        0,
        "threads, at most 16 in the core; 0: there and for steps on MuJoCo all cores, in PyTorch one for a small "
        "network, else measured",
        at_least=0,
    )

    workers: int = option(0, "processes that step environments written in Python; 0 for this one alone", at_least=0)
    episode_steps: int = option(
        0, "steps after which training cuts an episode, without ending it; 0: the environment's own limit", at_least=0
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.share and self.value_hidden:
            raise ValueError(
                f"value_hidden={self.value_hidden} is for a network of its own: leave it out, or set share=False"
            )

    def for_training(self, env: object, env_options: Mapping[str, Any] | None) -> dict[str, Any]:
        """Returns the constructor arguments of the environments to train on: with `episode_steps` as time limit.

        A `max_episode_steps` of `env_options` belongs to the task, and comes first.

        Raises:
            ValueError: `episode_steps` is given for a vector env, which has its time limit already.
        """
        if self.episode_steps and isinstance(env, gymnasium.vector.VectorEnv):
            raise ValueError(
                f"episode_steps={self.episode_steps} is only for an id: make the vector env with "
                f"max_episode_steps={self.episode_steps}"
            )
        limit = {"max_episode_steps": self.episode_steps} if self.episode_steps else {}
        return limit | mapping("env_options", env_options)

    def for_one(self: Self) -> Self:
        """Returns the options of the same policy on one environment, on the CPU: to check it, or to play with it."""
        return replace(self, num_envs=1, rollout_steps=1, threads=1, workers=0, episode_steps=0, device="cpu")


@dataclass(frozen=True)
class PPOConfig(OnPolicyConfig):
    """Options of PPO."""

    epochs: int = option(4, "passes over each rollout", at_least=1)
    minibatches: int = option(4, "minibatches in each pass", at_least=1)
    clip: float = option(0.2, "clip the probability ratio to 1 - X .. 1 + X", above=0, infinite=True)
    value_clip: float = option(0.0, "clip the change of the values to this; 0 for no limit", at_least=0, infinite=True)
    dual_clip: float = option(
        0.0, "lower bound of the objective at negative advantages A, as X A; 0 for none", at_least=0, infinite=True
    )
    target_kl: float = option(
        0.0, "end an update at 1.5 times this KL divergence; 0 for never", at_least=0, infinite=True
    )
    value_coefficient: float = option(0.5, "weight of the value loss", at_least=0)
    gae_lambda: float = option(0.95, "lambda of generalised advantage estimation", at_least=0, at_most=1)
    normalize_advantages: bool = option(True, "scale advantages to mean 0 and deviation 1 in each minibatch")
    vtrace: bool = option(False, "correct advantages by V-trace before each pass but the first")
    amp: bool = option(False, "compute the networks in bfloat16")
    backend: str = option(
        "auto", 'what trains: "native", the core; "torch"; "auto" takes the core where it can', choices=BACKENDS
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.dual_clip <= 1:
            raise ValueError(f"dual_clip={self.dual_clip} must be above 1, or 0 for no bound")


@dataclass(frozen=True)
class A2CConfig(OnPolicyConfig):
    """Options of A2C."""

    rollout_steps: int = option(8, "steps of each environment between updates", at_least=1)
    value_coefficient: float = option(0.5, "weight of the value loss", at_least=0)
    gae_lambda: float = option(
        1.0, "lambda of generalised advantage estimation; 1 for n-step returns", at_least=0, at_most=1
    )
    normalize_advantages: bool = option(False, "scale advantages to mean 0 and deviation 1 in each rollout")


@dataclass(frozen=True)
class REINFORCEConfig(OnPolicyConfig):
    """Options of REINFORCE."""

    rollout_steps: int = option(128, "steps of each environment between updates", at_least=1)
    baseline: bool = option(True, "subtract a learnt value from the returns")
    value_coefficient: float = option(0.5, "weight of the baseline's loss", at_least=0)
    normalize_advantages: bool = option(True, "scale returns minus baseline to mean 0 and deviation 1 in each rollout")


@dataclass(frozen=True)
class TRPOConfig(OnPolicyConfig):
    """Options of TRPO; `learning_rate`, `anneal` and `max_grad_norm` apply to the value function."""

    max_kl: float = option(0.01, "largest mean KL divergence between the policies before and after an update", above=0)
    cg_iterations: int = option(10, "iterations of the conjugate gradient", at_least=1)
    damping: float = option(0.1, "added to the diagonal of the Fisher matrix", at_least=0)
    fisher_parts: int = option(4, "estimate the Fisher matrix on 1 / N of the rollout, chosen at random", at_least=1)
    line_search_steps: int = option(10, "step lengths to try before an update is skipped", at_least=1)
    backtrack: float = option(0.8, "ratio of each step length to the previous one", above=0, at_most=1)
    value_epochs: int = option(5, "passes of the value function over each rollout", at_least=1)
    minibatches: int = option(4, "minibatches in each of these passes", at_least=1)
    gae_lambda: float = option(0.97, "lambda of generalised advantage estimation", at_least=0, at_most=1)


@dataclass(frozen=True)
class VMPOConfig(OnPolicyConfig):
    """Options of V-MPO; `kl_epsilon` applies to a discrete policy, and to the mean of a continuous one."""

    epochs: int = option(2, "passes over each rollout", at_least=1)
    minibatches: int = option(4, "minibatches in each pass", at_least=1)
    temperature: float = option(1.0, "initial temperature of the weights", above=0)
    temperature_epsilon: float = option(0.02, "bound on the weights' KL divergence from uniform", above=0)
    alpha: float = option(1.0, "initial penalty for the policy's KL divergence", above=0)
    kl_epsilon: float = option(0.01, "bound on the policy's KL divergence", above=0)
    std_epsilon: float = option(1e-4, "the same bound for a continuous policy's standard deviation", above=0)
    dual_learning_rate: float = option(1e-2, "learning rate of temperature and penalties", above=0)
    value_coefficient: float = option(1.0, "weight of the value loss", at_least=0)
    gae_lambda: float = option(0.95, "lambda of generalised advantage estimation", at_least=0, at_most=1)
    normalize_advantages: bool = option(True, "scale advantages to mean 0 and deviation 1 in each minibatch")
