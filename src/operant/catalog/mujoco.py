"""MuJoCo's locomotion tasks, v5: Gymnasium's constructor arguments, their defaults, and facts about the models."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from operant.spec import EnvSpec, Observation

DRAWING: dict[str, Any] = {"width": 480, "height": 480, "camera_id": None, "camera_name": None, "max_geom": 1000}
"""Gymnasium's constructor arguments about drawing that have a default here; its classes have a camera of their own."""


@dataclasses.dataclass(frozen=True)
class MujocoTask:
    """The facts that make a model of MuJoCo a task, and its constructor options.

    Attributes:
        reference: Gymnasium's module and class, for its camera and its attributes; "" without one.
        options: the constructor arguments that the task reads, with their values: numbers, bools or pairs of numbers.
        fixed: what the header reads too, although there is no constructor argument for it.
        takes: the other constructor arguments that Gymnasium's class has.
        xml_file, frame_skip: the model, in Gymnasium's forms of a path; simulated steps for each step.
        infos: Gymnasium's infos, and which of the header's terms they are; None for all terms with their own names. A
            reset then has the terms that the header marks, else none.
        infos_with: replaces some of `infos`, by the name of the option that is set.
        below: the version of MuJoCo from which on Gymnasium's class refuses to work, and `refusal`, its text.
        excluded: the positions that `exclude_current_positions_from_observation` leaves out; 0 if there is no such
            option.
        bodies: the bodies whose positions the task reads; an int is an index.
        needs: the least sizes of the model, by MuJoCo's names: {"nq": 3}.
        observation_size: the size that Gymnasium declares whatever the model; 0 if it follows from the model.
        render_fps: the steps a second that Gymnasium's class asserts of a model; 0 if they follow from it.
        drawing: Gymnasium's constructor arguments about drawing, with their values.
        params: fields of the model by name, such as "body_mass" or "opt.gravity": values, as they were given.
        randomize: fields of the model by name, and the pair between which they are drawn for every episode.
        set_const: True if the constants that MuJoCo derives shall follow `params` and `randomize`.
    """

    reference: str
    options: Mapping[str, Any]
    xml_file: str
    frame_skip: int
    excluded: int = 0
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=lambda: {"v4": False})
    takes: tuple[str, ...] = ("xml_file", "frame_skip", "default_camera_config")
    infos: Mapping[str, str] | None = None
    infos_with: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    below: tuple[int, ...] = ()
    refusal: str = ""
    bodies: tuple[int | str, ...] = ()
    needs: Mapping[str, int] = dataclasses.field(default_factory=dict)
    observation_size: int = 0
    render_fps: int = 0
    drawing: Mapping[str, Any] = dataclasses.field(default_factory=DRAWING.copy)
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    randomize: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    set_const: bool = False

    @property
    def values(self) -> dict[str, Any]:
        """The values that the header reads, by name, and the choice of a body."""
        return {**self.fixed, **self.options}

    @property
    def reported(self) -> Mapping[str, str] | None:
        """`infos` with these options."""
        if self.infos is None:
            return None
        infos = dict(self.infos)
        for option, others in self.infos_with.items():
            infos.update(others if self.options[option] else {})
        return infos


_POSITIONS = {"exclude_current_positions_from_observation": True}
_BODIES = {
    "include_cinert_in_observation": True,
    "include_cvel_in_observation": True,
    "include_qfrc_actuator_in_observation": True,
    "include_cfrc_ext_in_observation": True,
}


def _spec(
    env_id: str,
    header: str,
    summary: str,
    sizes: tuple[int, int],
    limit: int,
    threshold: float | None,
    task: MujocoTask,
    reach: float = 1.0,
    **more: Any,
) -> EnvSpec:
    """A descriptor: `sizes` are those of observations and actions, which reach from -`reach` to `reach`."""
    observation_size, action_size = sizes
    return EnvSpec(
        id=env_id,
        header=header,
        summary=summary,
        state=(),
        observation=(Observation("observation", -math.inf, math.inf, (observation_size,)),),
        observation_dtype="float64",
        action_bounds=((-reach, reach),) * action_size,
        max_episode_steps=limit,
        reward_threshold=threshold,
        numpy_rewards=True,
        engine="mujoco",
        task=task,
        **more,
    )


HALF_CHEETAH = _spec(
    "HalfCheetah-v5",
    "half_cheetah",
    "Run forward with a planar body on two legs.",
    (17, 6),
    1000,
    4800.0,
    MujocoTask(
        "half_cheetah_v5:HalfCheetahEnv",
        {"forward_reward_weight": 1.0, "ctrl_cost_weight": 0.1, "reset_noise_scale": 0.1, **_POSITIONS},
        "half_cheetah.xml",
        5,
        excluded=1,
        needs={"nq": 1, "nv": 1},
    ),
)
ANT = _spec(
    "Ant-v5",
    "ant",
    "Run forward with a torso on four legs, without falling over.",
    (105, 8),
    1000,
    6000.0,
    MujocoTask(
        "ant_v5:AntEnv",
        {
            "forward_reward_weight": 1,
            "ctrl_cost_weight": 0.5,
            "contact_cost_weight": 5e-4,
            "healthy_reward": 1.0,
            "main_body": 1,
            "terminate_when_unhealthy": True,
            "healthy_z_range": (0.2, 1.0),
            "contact_force_range": (-1.0, 1.0),
            "reset_noise_scale": 0.1,
            **_POSITIONS,
            "include_cfrc_ext_in_observation": True,
        },
        "ant.xml",
        5,
        excluded=2,
        fixed={"v4": False, "use_contact_forces": True},
        bodies=(1,),
        needs={"nq": 3, "nv": 1},
    ),
)
HUMANOID = _spec(
    "Humanoid-v5",
    "humanoid",
    "Walk forward on two legs, without falling.",
    (348, 17),
    1000,
    None,
    MujocoTask(
        "humanoid_v5:HumanoidEnv",
        {
            "forward_reward_weight": 1.25,
            "ctrl_cost_weight": 0.1,
            "contact_cost_weight": 5e-7,
            "contact_cost_range": (-math.inf, 10.0),
            "healthy_reward": 5.0,
            "terminate_when_unhealthy": True,
            "healthy_z_range": (1.0, 2.0),
            "reset_noise_scale": 1e-2,
            **_POSITIONS,
            **_BODIES,
        },
        "humanoid.xml",
        5,
        excluded=2,
        needs={"nq": 3, "nv": 6},
    ),
    reach=0.4,
)
HUMANOID_STANDUP = _spec(
    "HumanoidStandup-v5",
    "humanoid_standup",
    "Rise from the ground.",
    (348, 17),
    1000,
    None,
    MujocoTask(
        "humanoidstandup_v5:HumanoidStandupEnv",
        {
            "uph_cost_weight": 1,
            "ctrl_cost_weight": 0.1,
            "impact_cost_weight": 0.5e-6,
            "impact_cost_range": (-math.inf, 10.0),
            "reset_noise_scale": 1e-2,
            **_POSITIONS,
            **_BODIES,
        },
        "humanoidstandup.xml",
        5,
        excluded=2,
        needs={"nq": 3, "nv": 6},
    ),
    reach=0.4,
)
HOPPER = _spec(
    "Hopper-v5",
    "hopper",
    "Hop forward on one leg.",
    (11, 3),
    1000,
    3800.0,
    MujocoTask(
        "hopper_v5:HopperEnv",
        {
            "forward_reward_weight": 1.0,
            "ctrl_cost_weight": 1e-3,
            "healthy_reward": 1.0,
            "terminate_when_unhealthy": True,
            "healthy_state_range": (-100.0, 100.0),
            "healthy_z_range": (0.7, math.inf),
            "healthy_angle_range": (-0.2, 0.2),
            "reset_noise_scale": 5e-3,
            **_POSITIONS,
        },
        "hopper.xml",
        4,
        excluded=1,
        needs={"nq": 3, "nv": 1},
    ),
)
WALKER2D = _spec(
    "Walker2d-v5",
    "walker2d",
    "Walk forward on two legs, without falling.",
    (17, 6),
    1000,
    None,
    MujocoTask(
        "walker2d_v5:Walker2dEnv",
        {
            "forward_reward_weight": 1.0,
            "ctrl_cost_weight": 1e-3,
            "healthy_reward": 1.0,
            "terminate_when_unhealthy": True,
            "healthy_z_range": (0.8, 2.0),
            "healthy_angle_range": (-1.0, 1.0),
            "reset_noise_scale": 5e-3,
            **_POSITIONS,
        },
        "walker2d_v5.xml",
        4,
        excluded=1,
        needs={"nq": 3, "nv": 1},
    ),
)
SWIMMER = _spec(
    "Swimmer-v5",
    "swimmer",
    "Swim forward with a chain of three links.",
    (8, 2),
    1000,
    360.0,
    MujocoTask(
        "swimmer_v5:SwimmerEnv",
        {"forward_reward_weight": 1.0, "ctrl_cost_weight": 1e-4, "reset_noise_scale": 0.1, **_POSITIONS},
        "swimmer.xml",
        4,
        excluded=2,
        needs={"nq": 2, "nv": 1},
    ),
)
REACHER = _spec(
    "Reacher-v5",
    "reacher",
    "Bring the tip of a two-link arm to a target.",
    (10, 2),
    50,
    -3.75,
    MujocoTask(
        "reacher_v5:ReacherEnv",
        {"reward_dist_weight": 1, "reward_control_weight": 1},
        "reacher.xml",
        2,
        bodies=("fingertip", "target"),
        needs={"nq": 4, "nv": 4},
        observation_size=10,
    ),
)
PUSHER = _spec(
    "Pusher-v5",
    "pusher",
    "Push a cylinder to a goal with an arm.",
    (23, 7),
    100,
    0.0,
    MujocoTask(
        "pusher_v5:PusherEnv",
        {"reward_near_weight": 0.5, "reward_dist_weight": 1, "reward_control_weight": 0.1},
        "pusher_v5.xml",
        5,
        bodies=("tips_arm", "object", "goal"),
        needs={"nq": 7, "nv": 7},
        observation_size=23,
    ),
    reach=2.0,
)
INVERTED_PENDULUM = _spec(
    "InvertedPendulum-v5",
    "inverted_pendulum",
    "Balance a pole on a cart.",
    (4, 1),
    1000,
    950.0,
    MujocoTask(
        "inverted_pendulum_v5:InvertedPendulumEnv",
        {"reset_noise_scale": 0.01},
        "inverted_pendulum.xml",
        2,
        needs={"nq": 2, "nv": 1},
        observation_size=4,
    ),
    reach=3.0,
    rewards=(0, 1),
)
INVERTED_DOUBLE_PENDULUM = _spec(
    "InvertedDoublePendulum-v5",
    "inverted_double_pendulum",
    "Balance two poles, one on the other, on a cart.",
    (9, 1),
    1000,
    9100.0,
    MujocoTask(
        "inverted_double_pendulum_v5:InvertedDoublePendulumEnv",
        {"healthy_reward": 10.0, "reset_noise_scale": 0.1},
        "inverted_double_pendulum.xml",
        5,
        needs={"nq": 3, "nv": 3, "nsite": 1},
        observation_size=9,
    ),
)

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
