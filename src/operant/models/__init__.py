"""operant.models: public names, evaluation, confidence intervals (`pip install 'operant[train]'`)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from operant.models.algorithms.a2c import A2C as A2C
    from operant.models.algorithms.ppo import PPO as PPO
    from operant.models.algorithms.reinforce import REINFORCE as REINFORCE
    from operant.models.algorithms.trpo import TRPO as TRPO
    from operant.models.algorithms.vmpo import VMPO as VMPO
    from operant.models.collection.exploration import ICM as ICM
    from operant.models.collection.exploration import RND as RND
    from operant.models.networks.actor_critic import ActorCritic as ActorCritic
    from operant.models.networks.actor_critic import ContinuousActorCritic as ContinuousActorCritic
    from operant.models.networks.actor_critic import DiscreteActorCritic as DiscreteActorCritic
    from operant.models.networks.popart import PopArtValueHead as PopArtValueHead

NEEDS_NO_TORCH = (
    *("algorithms", "algorithms.algorithm", "algorithms.configs", "algorithms.options", "algorithms.ppo"),
    *("algorithms.progress", "algorithms.tuned", "collection", "collection.sources", "confidence", "evaluation"),
    *("export", "export.c_functions", "export.c_header", "export.html_page", "export.network"),
    *("machine", "machine.data_parallel", "machine.torch_import"),
    *("native", "native.actions", "native.choice", "native.limits", "native.parts", "native.ppo", "native.rollouts"),
    *("native.trainer", "native.weights", "networks", "networks.spaces"),
)
"""Modules that can be imported without torch: PPO in the core, options, environments, evaluation and statistics."""

_MODULES = {
    "PPO": "algorithms.ppo",
    "A2C": "algorithms.a2c",
    "REINFORCE": "algorithms.reinforce",
    "TRPO": "algorithms.trpo",
    "VMPO": "algorithms.vmpo",
    "ActorCritic": "networks.actor_critic",
    "DiscreteActorCritic": "networks.actor_critic",
    "ContinuousActorCritic": "networks.actor_critic",
    "RND": "collection.exploration",
    "ICM": "collection.exploration",
    "PopArtValueHead": "networks.popart",
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


class _SaysWhatToInstall(MetaPathFinder):
    """Raises ImportError, with the remedy, for modules that need torch if it is missing."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        package = f"{__name__}."
        if name.startswith(package) and name.removeprefix(package) not in NEEDS_NO_TORCH:
            raise ImportError(f"{name} needs torch: pip install 'operant[torch]'", name="torch")


if find_spec("torch") is None:
    sys.meta_path.insert(0, _SaysWhatToInstall())
