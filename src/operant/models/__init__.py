"""What one trains: algorithms, networks and the values passed into them (`pip install 'operant[train]'`)."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from operant.models.a2c import A2C as A2C
    from operant.models.exploration import ICM as ICM
    from operant.models.exploration import RND as RND
    from operant.models.networks import ActorCritic as ActorCritic
    from operant.models.networks import ContinuousActorCritic as ContinuousActorCritic
    from operant.models.networks import DiscreteActorCritic as DiscreteActorCritic
    from operant.models.popart import PopArtValueHead as PopArtValueHead
    from operant.models.ppo import PPO as PPO
    from operant.models.reinforce import REINFORCE as REINFORCE
    from operant.models.trpo import TRPO as TRPO
    from operant.models.vmpo import VMPO as VMPO

if find_spec("torch") is None:
    raise ImportError("operant.models needs torch: pip install 'operant[train]'")

_MODULES = {
    "PPO": "ppo",
    "A2C": "a2c",
    "REINFORCE": "reinforce",
    "TRPO": "trpo",
    "VMPO": "vmpo",
    "ActorCritic": "networks",
    "DiscreteActorCritic": "networks",
    "ContinuousActorCritic": "networks",
    "RND": "exploration",
    "ICM": "exploration",
    "PopArtValueHead": "popart",
}

__all__ = [
    "A2C",
    "ICM",
    "PPO",
    "REINFORCE",
    "RND",
    "TRPO",
    "VMPO",
    "ActorCritic",
    "ContinuousActorCritic",
    "DiscreteActorCritic",
    "PopArtValueHead",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'operant.models' has no attribute {name!r}")
    return getattr(import_module(f"operant.models.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
