"""Opens the workplace of a training run: on the CPU, or on the GPU of the environments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch

from operant.models.collection.collector import Collector, CollectorBase
from operant.models.collection.device_collector import DeviceCollector
from operant.models.collection.sources import DeviceEnvironments, Environments, Source, make_environments
from operant.models.machine.devices import open_device
from operant.models.machine.kernels import CpuKernels, DeviceKernels, KernelsBase
from operant.models.networks.actor_critic import ActorCritic


class MakeCollector(Protocol):
    """Makes the collector of a policy's rollouts from a workplace's environments."""

    def __call__(
        self,
        policy: ActorCritic,
        steps: int,
        *,
        gamma: float,
        normalize_observations: bool,
        normalize_rewards: bool,
        seed: int,
    ) -> CollectorBase: ...


@dataclass(frozen=True)
class Workplace:
    """The environments, the device of the policy, and the kernels and the collector for both."""

    environments: Environments
    device: torch.device
    kernels: KernelsBase
    make_collector: MakeCollector


def open_workplace(
    env: Source,
    num_envs: int,
    options: Mapping[str, Any],
    device: str,
    *,
    explores: bool = False,
    workers: int = 0,
    threads: int = 0,
) -> Workplace:
    """Makes the environments, as `make_environments` does, with the kernels and the collector for their device.

    Exploration computes its rewards on the CPU, so with `explores` the environments are there too.

    Raises:
        ValueError: `explores` with a CudaVectorEnv, or environments and policy on different devices.
        CudaError: the GPU does not exist.
    """
    place = open_device(device)
    environments = make_environments(env, num_envs, options, "cpu" if explores else device, workers, threads)
    if not isinstance(environments, DeviceEnvironments):
        return Workplace(environments, place, CpuKernels(place), partial(Collector, environments, device=place))
    engine = environments.batch.engine
    if explores:
        raise ValueError("exploration needs environments on the CPU: give their id instead of a CudaVectorEnv")
    if engine.device != place:
        raise ValueError(
            f"the environments are on {engine.device}, but device={device!r} is the policy's: both must be the same"
        )
    return Workplace(environments, place, DeviceKernels(engine), partial(DeviceCollector, environments, device=place))
