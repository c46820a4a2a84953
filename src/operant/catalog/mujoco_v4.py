"""MuJoCo's locomotion tasks, v4: how they differ from v5, whose headers they share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from operant.catalog import mujoco
from operant.spec import EnvSpec, Observation

_PLANE = {name: name for name in ("x_position", "y_position", "distance_from_origin", "x_velocity", "y_velocity")}
_LINE = {name: name for name in ("x_position", "x_velocity")}


def _older(
    newer: EnvSpec,
    observation_size: int,
    infos: Mapping[str, str],
    *,
    arguments: Iterable[str] | None = None,
    more: Mapping[str, Any] | None = None,
    takes: tuple[str, ...] = (),
    fixed: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    **changes: Any,
) -> EnvSpec:
    """The v4 form of a v5 task.

    Args:
        infos: as in `MujocoTask`.
        arguments: the constructor arguments that v4 has, too; None: all. The others have v5's defaults for ever.
        more: constructor arguments that v5 does not have, with their defaults.
        takes, fixed: as in `MujocoTask`.
        facts: other members of `MujocoTask` that differ.
        **changes: what differs in the descriptor.
    """
    task: mujoco.MujocoTask = newer.task
    kept = task.options if arguments is None else {name: task.options[name] for name in arguments}
    options = {**kept, **(more or {})}
    closed = {name: value for name, value in {**task.options, **task.fixed}.items() if name not in options}
    older = dataclasses.replace(
        task,
        reference=task.reference.replace("_v5:", "_v4:"),
        options=options,
        fixed={**closed, "v4": True, **(fixed or {})},
        takes=takes,
        infos=infos,
        **(facts or {}),
    )
    observation = (Observation("observation", -math.inf, math.inf, (observation_size,)),)
    env_id = newer.id.replace("-v5", "-v4")
    return dataclasses.replace(newer, id=env_id, observation=observation, task=older, **changes)


HALF_CHEETAH = _older(mujoco.HALF_CHEETAH, 17, _LINE | {"reward_run": "reward_forward", "reward_ctrl": "reward_ctrl"})
ANT = _older(
    mujoco.ANT,
    27,
    _PLANE
    | {name: name for name in ("reward_forward", "reward_ctrl", "reward_survive")}
    | {"forward_reward": "reward_forward"},
    arguments=(
        "ctrl_cost_weight",
        "contact_cost_weight",
        "healthy_reward",
        "terminate_when_unhealthy",
        "healthy_z_range",
        "contact_force_range",
        "reset_noise_scale",
        "exclude_current_positions_from_observation",
    ),
    more={"use_contact_forces": False},
    takes=("xml_file",),
    facts={
        "bodies": ("torso",),
        "infos_with": {"use_contact_forces": {"reward_ctrl": "reward_contact"}},
        "render_fps": 20,
    },
)
HUMANOID = _older(
    mujoco.HUMANOID,
    376,
    _PLANE
    | {
        "reward_linvel": "reward_forward",
        "reward_quadctrl": "reward_ctrl",
        "reward_alive": "reward_survive",
        "forward_reward": "reward_forward",
    },
    arguments=(
        "forward_reward_weight",
        "ctrl_cost_weight",
        "healthy_reward",
        "terminate_when_unhealthy",
        "healthy_z_range",
        "reset_noise_scale",
        "exclude_current_positions_from_observation",
    ),
)
HUMANOID_STANDUP = _older(
    mujoco.HUMANOID_STANDUP,
    376,
    {name: name for name in ("reward_linup", "reward_quadctrl", "reward_impact")},
    arguments=(),
)
HOPPER = _older(mujoco.HOPPER, 11, _LINE)
WALKER2D = _older(mujoco.WALKER2D, 17, _LINE, facts={"xml_file": "walker2d.xml"})
SWIMMER = _older(
    mujoco.SWIMMER,
    8,
    _PLANE | {"reward_fwd": "reward_forward", "forward_reward": "reward_forward", "reward_ctrl": "reward_ctrl"},
    takes=("default_camera_config",),
)
REACHER = _older(
    mujoco.REACHER,
    11,
    {"reward_dist": "reward_dist", "reward_ctrl": "reward_ctrl"},
    arguments=(),
    facts={"observation_size": 11},
)
PUSHER = _older(
    mujoco.PUSHER,
    23,
    {"reward_dist": "reward_dist", "reward_ctrl": "reward_ctrl"},
    arguments=(),
    facts={
        "xml_file": "pusher.xml",
        "below": (3, 0, 0),
        "refusal": "`Pusher-v4` is only supported on `mujoco<3`, for more information "
        "https://github.com/Farama-Foundation/Gymnasium/issues/950",
    },
)
INVERTED_PENDULUM = _older(mujoco.INVERTED_PENDULUM, 4, {}, arguments=(), numpy_rewards=False, rewards=())
INVERTED_DOUBLE_PENDULUM = _older(mujoco.INVERTED_DOUBLE_PENDULUM, 11, {}, arguments=(), facts={"observation_size": 11})

SPECS = (
    HALF_CHEETAH,
    ANT,
    HUMANOID,
    HUMANOID_STANDUP,
    HOPPER,
    WALKER2D,
    SWIMMER,
    REACHER,
    PUSHER,
    INVERTED_PENDULUM,
    INVERTED_DOUBLE_PENDULUM,
)
