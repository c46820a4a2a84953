"""OperantParallelEnv: a batch of one environment of several agents as a `pettingzoo.ParallelEnv`."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import logger, spaces
from gymnasium.error import ClosedEnvironmentError, ResetNeeded

from operant.batch.batch import Batch
from operant.batch.seeds import check_seed
from operant.environments.attributes import Attributes, HasAttributes
from operant.environments.opening import open_batch
from operant.environments.particle_world import ParticleWorld
from operant.environments.rendering import Renderer, check_render_mode, render_modes
from operant.environments.spaces import action_space, observation_bounds
from operant.spec import EnvSpec

try:
    from pettingzoo import AECEnv, ParallelEnv
    from pettingzoo.utils import parallel_to_aec, wrappers
except ModuleNotFoundError as missing:
    if missing.name != "pettingzoo":
        raise
    raise ImportError(
        "operant's environments of several agents need pettingzoo: pip install 'operant[pettingzoo]'", name="pettingzoo"
    ) from missing


class OperantParallelEnv(HasAttributes, ParallelEnv[str, np.ndarray, Any]):  # type: ignore[misc]  # pettingzoo has no types
    """One environment of several agents that act at the same time.

    It has the attributes of mpe2's class, except those for drawing and of the AEC form. What is changed in its `world`
    is changed in the environment.

    Args:
        env_id: "simple_spread_v3", "simple_spread-v3" or "operant/simple_spread-v3".
        max_cycles: steps until all agents are truncated.
        render_mode: "rgb_array", "human" or None.
        precision: "float32": the fast build. "float64": mpe2's trajectories, bit for bit from the same seeds.
        params, randomize, isa: as for `OperantVectorEnv`.
        **options: mpe2's constructor arguments: `N`, `local_ratio`, `continuous_actions`.
    """

    def __init__(
        self,
        env_id: str,
        *,
        max_cycles: int | None = None,
        render_mode: str | None = None,
        precision: str = "float32",
        isa: str | None = None,
        params: Mapping[str, Any] | None = None,
        randomize: Mapping[str, tuple[float, float]] | None = None,
        **options: Any,
    ):

        def make(spec: EnvSpec, **how: Any) -> Batch:
            if not spec.agents:
                raise ValueError(f"{spec.id} has one agent: use gymnasium.make({spec.full_id!r})")
            self.render_mode = check_render_mode(spec, render_mode)
            return Batch(spec, 1, precision=precision, autoreset="Disabled", isa=isa, **how)

        opened = open_batch(
            env_id,
            type(self),
            make,
            options,
            params=params,
            randomize=randomize,
            max_episode_steps=-1,  # `max_cycles` is counted here
        )
        spec, self._batch = opened.spec, opened.batch
        self.max_cycles = spec.max_episode_steps if max_cycles is None else _positive(max_cycles)
        self.metadata = {
            "render_modes": render_modes(spec),
            "render_fps": spec.render_fps,
            "name": re.sub(r"-v(\d+)$", r"_v\1", spec.id),
            "is_parallelizable": True,
        }
        self.possible_agents = list(spec.agents)
        self.agents: list[str] = []
        low, high = observation_bounds(spec, opened.lows, opened.highs)
        self._sizes = spec.observation_sizes or (spec.observation_size,) * len(spec.agents)
        self.observation_spaces: dict[str, spaces.Space[Any]] = {
            agent: spaces.Box(low[:size].astype(np.float32), high[:size].astype(np.float32), dtype=np.float32)
            for agent, size in zip(spec.agents, self._sizes, strict=True)
        }
        self.action_spaces = {agent: action_space(spec, {}) for agent in spec.agents}
        self.state_space = spaces.Box(-np.inf, np.inf, (sum(self._sizes),), np.float32)
        self.renderer = Renderer(self._batch, self.render_mode, 1)
        self.steps = 0
        self._seeded = False
        self._world: ParticleWorld | None = None
        self._loans = {}
        self._attributes = Attributes(self._batch, opened.given)

    @property
    def world(self) -> Any:
        """mpe2's world: bodies with positions, velocities and sizes, and the constants of the physics.

        It is one object for the environment's life; after a change that was refused, another.
        """
        self._settle_world()
        if self._world is None:
            self._world = ParticleWorld(self._attributes)
        self._refresh_world()
        return self._world.world

    def _settle_world(self) -> None:
        """Makes the changes that were made in the world that was read."""
        world, self._world = self._world, None
        if world is not None and (changes := world.changes()):
            self._attributes.apply("world", [changes], np.zeros(1, np.int64))
        self._world = world

    def _refresh_world(self) -> None:
        if self._world is not None:
            self._world.refresh()

    def _assign(self, name: str, value: Any) -> None:
        self._settle_world()
        super()._assign(name, value)
        self._refresh_world()

    @property
    def batch(self) -> Batch:
        """The batch of one that steps this environment."""
        return self._batch

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """An agent's observation space: Box `[D]` float32. D may differ between agents."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """An agent's action space: Discrete(n), or Box `[A]` float32."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """Begins an episode of all agents; returns, by agent, an observation `[D]` float32 and an empty info.

        Args:
            seed: restarts the random numbers; None continues them.
            options: ignored. PettingZoo passes them to every environment, but these environments have none.
        """
        self._settle_world()
        if seed is not None:
            self._batch.seed(check_seed(seed))
        elif not self._seeded:
            self._batch.seed_from_entropy()
        self._seeded = True
        rows = self._batch.reset().observations
        self.steps = 0
        self.agents = self.possible_agents[:]
        self._refresh_world()
        self.renderer.look()
        if self.render_mode == "human":
            self.render()
        return self._by_agent(rows), {agent: {} for agent in self.agents}

    def step(self, actions: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Steps all agents.

        Args:
            actions: for each agent an integer, or numbers `[A]` if actions are continuous; these are clipped.

        Returns:
            By agent: observations `[D]` float32, rewards, terminations, truncations and infos. At the episode's end
            `agents` becomes empty.

        Raises:
            ValueError: an agent without an action, or an action out of range. Nothing moved.
            ResetNeeded: before the first reset and after an episode's end.
        """
        if self._batch.closed:
            raise ClosedEnvironmentError("the environment is closed: make a new one")
        if not self.agents:
            if not actions and self._seeded:
                return {}, {}, {}, {}, {}
            raise ResetNeeded("no agents are alive: reset the environment before its first step and after its last")
        if set(actions) != set(self.agents):
            different = sorted(set(actions) ^ set(self.agents), key=str)
            raise ValueError(f"actions must name every agent and no others: compare {different} with {self.agents}")
        for agent, action in actions.items():
            space = self.action_spaces[agent]
            if self._batch.spec.actions:
                valid = space.contains(action)
            else:  # numbers beyond the bounds are clipped
                valid = np.shape(action) == space.shape and bool(np.isfinite(action).all())
            if not valid:
                raise ValueError(f"action {action!r} of {agent} is not in {space}")
        self._settle_world()
        rows = np.array([actions[agent] for agent in self.agents])
        observations, rewards, terminated, _, _ = self._batch.step(rows)
        self._refresh_world()
        self.steps += 1
        agents, ended = self.agents, self.max_cycles is not None and self.steps >= self.max_cycles
        results: tuple[dict[str, Any], ...] = (
            self._by_agent(observations),
            dict(zip(agents, rewards.tolist(), strict=True)),
            dict(zip(agents, terminated.tolist(), strict=True)),
            dict.fromkeys(agents, ended),
            {agent: {} for agent in agents},
        )
        if ended or terminated[0]:
            self.agents = []
        if self.render_mode == "human":
            self.render()
        return results

    def _by_agent(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {agent: row[:size] for agent, row, size in zip(self.possible_agents, rows, self._sizes, strict=True)}

    def state(self) -> np.ndarray:
        """The observations of all agents, one after another: `[S]` float32."""
        if not self._seeded:
            raise ResetNeeded("reset the environment before calling state()")
        return np.concatenate([*self._by_agent(self._batch.observe().observations).values()])

    def render(self) -> np.ndarray | None:
        """Draws a frame `[H, W, 3]` uint8 with mpe2; with "human" it shows a window and returns None."""
        if self.render_mode is None:
            logger.warn('render() without a render_mode: give one, as in parallel_env(render_mode="rgb_array")')
            return None
        frames = self.renderer.frames()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Frees the core's memory and the window."""
        self.renderer.close()
        self._batch.close()
        self.agents = []


def aec_env(env_id: str, **options: Any) -> AECEnv[str, Any, Any]:
    """`OperantParallelEnv` as an AECEnv, whose agents act one after another; takes the same arguments."""
    env: Any = parallel_to_aec(OperantParallelEnv(env_id, **options))
    discrete = isinstance(env.action_space(env.possible_agents[0]), spaces.Discrete)
    bounded = wrappers.AssertOutOfBoundsWrapper(env) if discrete else wrappers.ClipOutOfBoundsWrapper(env)
    return wrappers.OrderEnforcingWrapper(bounded)


def _positive(max_cycles: Any) -> int:
    try:
        value = operator.index(max_cycles)
    except TypeError:
        value = 0
    if isinstance(max_cycles, bool) or value < 1:
        raise ValueError(f"max_cycles={max_cycles!r} must be an integer of at least 1")
    return value
