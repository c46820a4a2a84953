"""The options of the algorithms, with their defaults; torch is not needed to read them or a run's record of them."""

from __future__ import annotations

from dataclasses import dataclass

from operant.models.algorithms.options import check_options, option

ACTIVATIONS = ("tanh", "relu", "elu", "gelu", "silu")
"""By name; `models.networks.actor_critic` has their layers."""


@dataclass(frozen=True)
class OnPolicyConfig:
    """Options of every on-policy algorithm."""

    num_envs: int = option(256, "environments that are stepped together", at_least=1)
    rollout_steps: int = option(32, "steps of every environment between two updates", at_least=1)
    learning_rate: float = option(1e-3, "of Adam", above=0)
    anneal: bool = option(True, "lower the learning rate linearly to 0 over the run")
    gamma: float = option(0.99, "discount", at_least=0, at_most=1)
    max_grad_norm: float = option(0.5, "longest gradient; longer ones are scaled down", above=0)
    entropy_coefficient: float = option(0.0, "weight of the entropy bonus", at_least=0)
    normalize_observations: bool = option(False, "by running mean and variance")
    normalize_rewards: bool = option(False, "by the running deviation of discounted returns")
    hidden: tuple[int, ...] = option((64, 64), "sizes of the hidden layers")
    activation: str = option("tanh", "between layers", choices=ACTIVATIONS)
    share: bool = option(False, "one network for policy and value, instead of two")
    lstm: int = option(0, "LSTM units before the hidden layers; 0 for none", at_least=0)
    squash: bool = option(False, "keep continuous actions within bounds by tanh, instead of clipping them")
    mask_actions: bool = option(True, "forbid actions that the environment says have no effect, where it says so")
    log_std: float = option(0.0, "initial log of a continuous policy's standard deviation")
    device: str = option("cpu", 'of the policy, and if "cuda" of operant\'s environments too; "emulated" for tests')
    tf32: bool = option(False, "compute matrix products on a GPU in TF32: faster and less exact")
    deterministic: bool = option(False, "the same bits in every run on a GPU too, if at some cost in speed")
    threads: int = option(0, "of PyTorch; 0 takes one for a small network, and measures for others", at_least=0)

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class PPOConfig(OnPolicyConfig):
    """Options of PPO."""

    epochs: int = option(4, "passes over each rollout", at_least=1)
    minibatches: int = option(4, "that a rollout is split into, in each pass", at_least=1)
    clip: float = option(0.2, "furthest that the probability ratio counts from 1", above=0)
    value_clip: float = option(0.0, "furthest that values count from the old ones; 0 for no limit", at_least=0)
    dual_clip: float = option(0.0, "least objective of a bad action, in advantages; 0 for none", at_least=0)
    target_kl: float = option(0.0, "an update ends when the policy has changed so much; 0 for never", at_least=0)
    value_coefficient: float = option(0.5, "weight of the value loss", at_least=0)
    gae_lambda: float = option(0.95, "of generalised advantage estimation", at_least=0, at_most=1)
    normalize_advantages: bool = option(True, "to mean 0 and deviation 1, in each minibatch")
    vtrace: bool = option(False, "correct advantages by V-trace at the beginning of each pass")
    amp: bool = option(False, "compute the networks in bfloat16")

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.dual_clip <= 1:
            raise ValueError(f"dual_clip={self.dual_clip} must be above 1, or 0 for none")


@dataclass(frozen=True)
class A2CConfig(OnPolicyConfig):
    """Options of A2C."""

    rollout_steps: int = option(8, "steps of every environment between two updates", at_least=1)
    value_coefficient: float = option(0.5, "weight of the value loss", at_least=0)
    gae_lambda: float = option(1.0, "of generalised advantage estimation; 1 for n-step returns", at_least=0, at_most=1)
    normalize_advantages: bool = option(False, "to mean 0 and deviation 1, in each rollout")


@dataclass(frozen=True)
class REINFORCEConfig(OnPolicyConfig):
    """Options of REINFORCE."""

    rollout_steps: int = option(128, "steps of every environment between two updates", at_least=1)
    baseline: bool = option(True, "subtract a learnt value from the returns")
    value_coefficient: float = option(0.5, "weight of the baseline's loss", at_least=0)
    normalize_advantages: bool = option(True, "returns, less the baseline, to mean 0 and deviation 1 in each rollout")


@dataclass(frozen=True)
class TRPOConfig(OnPolicyConfig):
    """Options of TRPO; the learning rate, its annealing and the longest gradient are the value function's."""

    max_kl: float = option(0.01, "furthest that an update moves the policy, as a mean KL divergence", above=0)
    cg_iterations: int = option(10, "of the conjugate gradient", at_least=1)
    damping: float = option(0.1, "added to the diagonal of the Fisher matrix", at_least=0)
    fisher_parts: int = option(4, "the Fisher matrix is that of a random one of so many parts of a rollout", at_least=1)
    line_search_steps: int = option(10, "steps tried, each shorter, before an update is given up", at_least=1)
    backtrack: float = option(0.8, "length of each of them over the one before", above=0, at_most=1)
    value_epochs: int = option(5, "passes of the value function over each rollout", at_least=1)
    minibatches: int = option(4, "that a rollout is split into, in each of these passes", at_least=1)
    gae_lambda: float = option(0.97, "of generalised advantage estimation", at_least=0, at_most=1)


@dataclass(frozen=True)
class VMPOConfig(OnPolicyConfig):
    """Options of V-MPO; `kl_epsilon` bounds a discrete policy, and the mean of a continuous one."""

    epochs: int = option(2, "passes over each rollout", at_least=1)
    minibatches: int = option(4, "that a rollout is split into, in each pass", at_least=1)
    temperature: float = option(1.0, "initial temperature of the weights", above=0)
    temperature_epsilon: float = option(0.02, "bound of the weights' KL divergence from uniform", above=0)
    alpha: float = option(1.0, "initial penalty of the policy's KL divergence", above=0)
    kl_epsilon: float = option(0.01, "bound of the policy's KL divergence", above=0)
    std_epsilon: float = option(1e-4, "the same of a continuous policy's standard deviation", above=0)
    dual_learning_rate: float = option(1e-2, "of temperature and penalties", above=0)
    value_coefficient: float = option(1.0, "weight of the value loss", at_least=0)
    gae_lambda: float = option(0.95, "of generalised advantage estimation", at_least=0, at_most=1)
    normalize_advantages: bool = option(True, "to mean 0 and deviation 1, in each minibatch")
