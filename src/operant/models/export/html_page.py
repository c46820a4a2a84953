"""Writes a page in which a trained policy plays its built-in environment; see `operant.web`."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from operant.environments.layout import Layout
from operant.models.algorithms.algorithm import Algorithm
from operant.models.collection.sources import BatchEnvironments
from operant.models.export.network import Network, network_of
from operant.models.native.actions import ActionForm
from operant.models.native.limits import ACTIVATIONS, MOST_LAYERS, why_not_spaces
from operant.models.native.parts import Part, input_parts
from operant.models.native.trainer import DTYPES
from operant.rollout.normalizer import RunningNormalizer
from operant.web.modules import load_modules
from operant.web.page import environment_facts, page

OTHER = "use --format onnx or c"
INTRODUCTION = "<p>A policy that operant has trained plays in this page, in float32.</p>"


def html_page(algorithm: Algorithm, summary: str) -> str:
    """Returns the text of a page that plays the policy of an algorithm.

    Args:
        algorithm: one that `policy_facts` accepts.
        summary: one sentence on the policy, plain text.

    Raises:
        ValueError: the environment or the policy cannot be played in a page; the message names what.
        ModuleNotFoundError: the core has to be compiled for pages, and zig is not installed.
    """
    facts = policy_facts(algorithm, summary)
    return page("play", f"A policy for {facts['title']}", INTRODUCTION, {"policies": [facts]}, load_modules())


def policy_facts(algorithm: Algorithm, summary: str) -> dict[str, Any]:
    """The data of play.js for one policy.

    Raises:
        ValueError: its environment is not built into the core, or its network is not one that the core evaluates.
    """
    environments, config = algorithm.environments, algorithm.config
    if not isinstance(environments, BatchEnvironments) or environments.batch.spec.engine:
        kind = "MuJoCo's" if isinstance(environments, BatchEnvironments) else "not one of them"
        raise ValueError(
            f"--format html plays operant's built-in environments, and {environments.env_id} is {kind}: {OTHER}"
        )
    batch = environments.batch
    if batch.spec.source:
        raise ValueError(
            f"--format html plays operant's built-in environments, and not the header {batch.spec.source}: {OTHER}"
        )
    network, normalizer = network_of(algorithm), algorithm.observation_statistics()
    _check(network, normalizer)
    low, high = ActionForm(network.action_space).bounds() if not batch.spec.actions else (np.zeros(0), np.zeros(0))
    masks = environments.action_masks if config.mask_actions else None
    environment = environment_facts(batch.spec)
    return {
        "title": environment["title"],
        "summary": summary,
        "environment": environment,
        "limit": batch.max_episode_steps or 0,
        "parameters": {name: float(batch.parameter(name)[0]) for name in batch.defaults if name not in batch.ranges},
        "ranges": {name: list(bounds) for name, bounds in batch.ranges.items()},
        "parts": [_numbers(part) for part in input_parts(Layout(network.observation_space))],
        "network": {
            "hidden": [len(biases) for _, biases in network.hidden()],
            "activation": network.activation,
            "squash": network.squash,
            "masks": None if masks is None else masks.astype(int).tolist(),
            "low": low.tolist(),
            "high": high.tolist(),
        },
        "weights": base64.b64encode(_parameters(network).astype("<f4").tobytes()).decode(),
        "moments": None if normalizer is None else normalizer.state_dict(),
    }


def _check(network: Network, normalizer: RunningNormalizer | None) -> None:
    """Raises ValueError with the name of the first part that the core does not evaluate."""
    reason = None
    if network.lstm_units:
        reason = f"an LSTM of {network.lstm_units} units"
    elif network.activation not in ACTIVATIONS:
        reason = f"the activation {network.activation}"
    elif len(network.hidden()) > MOST_LAYERS:
        reason = f"{len(network.hidden())} hidden layers"
    else:
        reason = why_not_spaces(network.observation_space, network.action_space)
    if reason is not None:
        raise ValueError(f"--format html cannot play {reason}: {OTHER}")


def _parameters(network: Network) -> np.ndarray:
    """The policy's weights in the order of native/train/train.h, whose value function comes last."""
    deviations = [network.weights[name].ravel() for name in network.weights if name.endswith("log_std")]
    layers = [*network.hidden(), network.linear("head.linear")]
    hidden = [array.ravel() for layer in layers[:-1] for array in layer]
    return np.concatenate([*hidden, *deviations, *(array.ravel() for array in layers[-1])])


def _numbers(part: Part) -> list[int]:
    return [DTYPES[part.dtype.name], part.offset, part.count, part.choices, part.start]
