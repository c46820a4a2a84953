"""Chooses what computes PPO: the core, or torch."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from operant.models.algorithms.algorithm import Algorithm
from operant.models.algorithms.configs import OnPolicyConfig, PPOConfig
from operant.models.collection.sources import Environments, Source, is_on_device, make_environments
from operant.models.machine.data_parallel import processes
from operant.models.machine.torch_import import has_torch, import_with_torch
from operant.models.native.limits import is_fast, why_not_options, why_not_spaces

CLASSES = {"native": "NativePPO", "torch": "TorchPPO"}


def make(
    env: Source,
    config: OnPolicyConfig | None,
    earlier: str | None,
    **arguments: Any,
) -> Algorithm:
    """Makes PPO with the backend that `config` names, or with "auto" the best one that can do what is asked.

    That is the core, unless it cannot, or has no fused multiply-add here. A run continues with the backend `earlier`
    of its first part, if that can.

    Raises:
        ValueError: `config` asks for the core, which does not train this.
        ImportError: torch is needed, and not installed.
    """
    options = PPOConfig() if config is None else config
    if not isinstance(options, PPOConfig):
        raise TypeError(f"config is a {type(options).__name__}, but ppo takes a PPOConfig")
    reason, given = _why_not_arguments(env, options, arguments), env
    if reason is None and options.backend != "torch":
        env = make_environments(
            env,
            options.num_envs,
            options.for_training(env, arguments.get("env_options")),
            workers=options.workers,
            threads=options.threads,
        )
    try:
        if isinstance(env, Environments):
            reason = reason or why_not_spaces(env.observation_space, env.action_space)
        return _class(_chosen(options.backend, reason, earlier), reason)(env, options, **arguments)
    except BaseException:
        if isinstance(given, str) and isinstance(env, Environments):
            env.close()
        raise


def _why_not_arguments(env: Any, config: PPOConfig, arguments: dict[str, Any]) -> str | None:
    if reason := why_not_options(config):
        return reason
    for name in ("policy", "exploration"):
        if arguments.get(name) is not None:
            return f"{name}="
    if processes() > 1:
        return f"torchrun's {processes()} processes"
    return "a CudaVectorEnv" if not isinstance(env, str | Environments) and is_on_device(env) else None


def _chosen(backend: str, reason: str | None, earlier: str | None) -> str:
    if backend == "native" and reason is not None:
        raise ValueError(f"backend='native' does not train {reason}: choose backend='torch', or leave that out")
    if reason is not None or backend == "torch":
        return "torch"
    if backend == "auto" and has_torch() and earlier != "native" and (earlier == "torch" or not is_fast()):
        return "torch"
    return "native"


def _class(backend: str, reason: str | None) -> Callable[..., Algorithm]:
    if backend == "torch":
        module: Any = import_with_torch("operant.models.algorithms.torch_ppo", reason or "backend='torch'")
    else:
        module = import_module("operant.models.native.ppo")
    found: Callable[..., Algorithm] = getattr(module, CLASSES[backend])
    return found
