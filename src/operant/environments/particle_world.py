"""ParticleWorld: mpe2's `world` of one environment, whose changes in place are changes of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from operant.environments.attributes import Attributes
from operant.environments.rendering import place_particles, reference_env

UNSEEN = {"agents", "landmarks", "state", "action", "action_callback", "_color"}  # not physics, or looked at one by one


class ParticleWorld:
    """A world of mpe2's class in the state of environment 0 of a batch; `refresh` follows the environment.

    Attributes:
        world: the world: `world.agents[0].state.p_pos`, `world.damping`, `world.landmarks[0].size`.
    """

    def __init__(self, attributes: Attributes):
        self._attributes = attributes
        self._spec = attributes.batch.spec
        self.world: Any = reference_env(self._spec).world
        self._parameters: Mapping[str, Any] = attributes.batch.defaults
        self.refresh()

    def refresh(self) -> None:
        """Writes the environment's present state and parameters into the world."""
        attributes, batch = self._attributes, self._attributes.batch
        before, values = self._parameters, {part.name: attributes.numbers(part.name)[0] for part in batch.parameters}
        changed = {name for name, value in values.items() if value != before[name]}
        named = {attribute: values[name] for name, attribute in self._spec.attributes.items() if name in changed}
        record = batch.get_state()[0]
        numbers = np.array([record[part.name] for part in self._spec.state], np.float64)
        place_particles(self, numbers, named)
        self._parameters = values
        agents = len(self.world.agents)
        points = numbers.reshape(-1, 2)
        for k, agent in enumerate(self.world.agents):
            agent.state.p_vel = points[agents + k].copy()
            agent.state.p_pos = points[k].copy()
        for k, landmark in enumerate(self.world.landmarks):
            landmark.state.p_pos, landmark.state.p_vel = points[2 * agents + k].copy(), np.zeros(2)
        self._before = self._facts()

    def changes(self) -> dict[str, Any]:
        """The parameters and numbers of the state that were changed in place.

        Raises:
            AttributeError: something else was changed, or a parameter of only some of the bodies that share it.
        """
        facts = self._facts()
        changed = {fact: value for fact, value in facts.items() if not _equal(value, self._before.get(fact))}
        found = {name: changed.pop(name) for name in [part.name for part in self._spec.state] if name in changed}
        for parameter, attribute in self._spec.attributes.items():
            body, _, name = attribute.partition(".")
            sharing = [fact for fact in facts if fact.startswith(body) and fact.endswith(f".{name}")]
            values = [facts[fact] for fact in sharing]
            if any(fact in changed for fact in sharing) and all(value == values[0] for value in values):
                found[parameter] = values[0]
                for fact in sharing:
                    changed.pop(fact, None)
        for fact in changed:
            raise AttributeError(
                f"world: {fact} cannot be changed to {changed[fact]!r} here: bodies of one kind share "
                f"{', '.join(self._spec.attributes.values())}, and nothing else is a parameter"
            )
        return found

    def _facts(self) -> Mapping[str, Any]:
        """Everything that the physics depends on, by name; the state's numbers by our names of them."""
        world = self.world
        bodies = [*world.agents, *world.landmarks]
        facts = {f"world.{name}": value for name, value in vars(world).items() if name not in UNSEEN}
        for body in bodies:
            facts |= {f"{body.name}.{name}": value for name, value in vars(body).items() if name not in UNSEEN}
        velocities = {body.name: np.array(body.state.p_vel, np.float64) for body in bodies}
        numbers = np.concatenate(
            [
                *(np.asarray(agent.state.p_pos, np.float64) for agent in world.agents),
                *(velocities.pop(agent.name) for agent in world.agents),
                *(np.asarray(landmark.state.p_pos, np.float64) for landmark in world.landmarks),
            ]
        )
        facts |= {f"{name}.state.p_vel": tuple(velocity) for name, velocity in velocities.items()}
        return facts | {part.name: number for part, number in zip(self._spec.state, numbers.tolist(), strict=True)}


def _equal(value: Any, before: Any) -> bool:
    return bool(np.array_equal(value, before))
