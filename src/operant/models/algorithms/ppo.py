"""PPO: proximal policy optimisation with a clipped surrogate objective.

Schulman et al. (2017), https://arxiv.org/abs/1707.06347. Off by default: `value_clip` (OpenAI's baselines), `dual_clip`
(Ye et al. 2020), `target_kl`, which ends an update early (Spinning Up), and `vtrace`, which corrects advantages for the
policy's change within an update (Espeholt et al. 2018).

The core computes it, or torch: this module chooses, and needs neither.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from operant.models.algorithms.algorithm import Algorithm
from operant.models.algorithms.configs import OnPolicyConfig
from operant.models.algorithms.configs import PPOConfig as PPOConfig
from operant.models.collection.sources import Source

if TYPE_CHECKING:
    from operant.models.collection.exploration import Exploration
    from operant.models.networks.actor_critic import ActorCritic


class _Chosen(ABCMeta):
    """Makes `PPO(...)` an object of the subclass that computes it."""

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        if cls is PPO:
            if not arguments and "env" not in named:
                raise TypeError("PPO needs env, an id such as 'operant/CartPole-v1' or a vector env: PPO(env)")
            return cls.make(*arguments, **named)
        if not hasattr(cls, "backend"):
            raise TypeError(f"{cls.__name__} must derive from torch_ppo.TorchPPO, or from native.ppo.NativePPO")
        return super().__call__(*arguments, **named)


class PPO(Algorithm, metaclass=_Chosen):
    """Proximal policy optimisation.

    Example: `PPO("operant/CartPole-v1").learn(500_000)`.

    Args:
        env: an id ("operant/CartPole-v1", or any of Gymnasium's), or a vector env in SAME_STEP mode.
        config: the options; None uses the defaults. Its `backend` chooses what computes them.
        policy: your own `ActorCritic`; None makes one with the config's sizes.
        exploration: an `RND` or `ICM`, which adds intrinsic rewards.
        seed: the seed of the weights, the actions and the environments.
        env_options: the environment's constructor arguments.

    Raises:
        TypeError: `config` has the wrong class.
        ValueError: an argument is invalid, or not for this backend.
        ImportError: an argument needs torch, which is not installed.
    """

    Config = PPOConfig
    config: PPOConfig
    name = "ppo"

    if TYPE_CHECKING:

        def __init__(
            self,
            env: Source,
            config: PPOConfig | None = None,
            *,
            policy: ActorCritic | None = None,
            exploration: Exploration | None = None,
            seed: int = 0,
            env_options: Mapping[str, Any] | None = None,
        ) -> None: ...

    @classmethod
    def make(
        cls,
        env: Source,
        config: OnPolicyConfig | None = None,
        *,
        backend: str | None = None,
        **arguments: Any,
    ) -> Any:
        if cls is not PPO:
            return super().make(env, config, **arguments)
        choice = import_module("operant.models.native.choice")  # which imports this module
        return choice.make(env, config, backend, **arguments)
