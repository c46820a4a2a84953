"""`operant list`: the environments of the catalog."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from importlib.util import find_spec as find_module
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Space, Tuple

from operant.batch.core import defaults, parameters
from operant.catalog import CATALOG, ENGINES, MULTIAGENT
from operant.cli.names import full_id
from operant.cli.parser import Parser
from operant.engines.batch import opened_spec
from operant.engines.mujoco_library import INSTALL
from operant.environments.lookup import find_spec
from operant.environments.spaces import action_space, observation_bounds, observation_space
from operant.spec import EnvSpec, spans

DESCRIPTION = """\
Lists the environments. With ENV_ID, shows that environment and the components of its observation. STEPS is the time
limit. THRESHOLD is the mean return that counts as solved. Set parameters with gymnasium.make_vec(id, params={...}), or
draw them for each episode with randomize={...}. For an environment with several agents the spaces shown are those of
one agent. Such an environment follows PettingZoo's interface; gymnasium.make_vec gives each agent a row. The parameters
of a task on MuJoCo are all fields of its model: see docs/mujoco.md.
"""


def command(argv: list[str]) -> int:
    """Prints the list."""
    parser = Parser("operant list", description=DESCRIPTION)
    parser.add_argument(
        "env_id", metavar="ENV_ID", nargs="?", help="such as cartpole, CartPole-v1 or operant/CartPole-v1"
    )
    parser.add_argument("--params", action="store_true", help="add the physical parameters")
    parser.add_argument("--json", action="store_true", help="print a JSON list; an infinite bound is null")
    options = parser.parse(argv)
    specs = [*CATALOG.values(), *MULTIAGENT.values(), *ENGINES.values()]
    if options.env_id is not None:
        try:
            spec = find_spec(full_id(options.env_id))
            specs = [opened_spec(spec) if spec.engine and spec.source else spec]
            defaults(spec)  # compiles a user's header
        except ValueError as problem:
            parser.error(str(problem))
    if options.json:
        print(json.dumps([_record(spec, options.params) for spec in specs], indent=2, allow_nan=False))
        return 0
    _print_environments(specs)
    _print_missing(specs)
    for spec in specs:
        if options.env_id is not None or options.params:
            print(f"\n{textwrap.fill(f'{spec.full_id}: {spec.summary}', 100)}")
        if options.env_id is not None:
            _print_agents(spec)
            _print_observation(spec)
        if options.params:
            _print_parameters(spec)
    return 0


def _print_environments(specs: Iterable[EnvSpec]) -> None:
    rows = []
    for spec in specs:
        observation, action = _spaces(spec)
        threshold = "none" if spec.reward_threshold is None else f"{spec.reward_threshold:g}"
        limit = str(spec.max_episode_steps or "none")
        rows.append([spec.full_id, _brief(observation), _brief(action), limit, threshold])
    _print_table(["ENVIRONMENT", "OBSERVATION", "ACTION", "STEPS", "THRESHOLD"], rows, right=(3, 4))


def _print_missing(specs: Iterable[EnvSpec]) -> None:
    """Says it if the engine of an environment is not installed."""
    on_mujoco = [spec.full_id for spec in specs if spec.engine]
    if on_mujoco and find_module("mujoco") is None:
        which = f"{on_mujoco[0]} to {on_mujoco[-1]} need" if len(on_mujoco) > 1 else f"{on_mujoco[0]} needs"
        print(f"\n{which} MuJoCo, which is not installed: {INSTALL}")


def _print_agents(spec: EnvSpec) -> None:
    if spec.agents:
        print(f"Agents, each with the spaces below: {', '.join(spec.agents)}.")
    for agent, size in zip(spec.agents, spec.observation_sizes, strict=False):
        if size < spec.observation_size:
            print(f"{agent} observes only the first {size} components.")
    for name in spec.variant_options:
        place = list(spec.variant_options).index(name)
        values = dict.fromkeys(str(key[place]) for key in spec.variants)
        print(f"Constructor argument {name}: {', '.join(values)}.")
    for names in spec.joint_options:
        print(f"Constructor argument{'s' * (len(names) > 1)} {', '.join(names)}: set several parameters.")


def _print_observation(spec: EnvSpec) -> None:
    values, rows = defaults(spec), []
    low, high = observation_bounds(spec, values, values)
    for part, span in spans(spec.observation):
        shape = f" {list(part.shape)}" if part.shape else ""
        rows.append([f"{part.name}{shape}", *(f"{np.float32(bound[span][0]):g}" for bound in (low, high))])
    print()
    _print_table(["OBSERVATION", "LOW", "HIGH"], rows, right=(1, 2))


def _print_parameters(spec: EnvSpec) -> None:
    if spec.engine:
        print(f"\nParameters: all fields of {spec.engine}'s model, such as body_mass and opt.gravity.")
        return
    options = {name: option for option, name in spec.options.items()}
    rows = [
        [part.name, f"{part.default:.12g}", f"{part.low:g} to {part.high:g}", part.unit, options.get(part.name, "")]
        for part in parameters(spec)
    ]
    print()
    _print_table(["PARAMETER", "DEFAULT", "ALLOWED", "UNIT", "GYMNASIUM OPTION"], rows, right=(1,))


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> None:
    """Prints columns two spaces apart; the columns with the indices `right` are flush right."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        cells = [
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _spaces(spec: EnvSpec) -> tuple[Space[Any], Space[Any]]:
    values = defaults(spec)
    return observation_space(spec, values, values), action_space(spec, values)


def _brief(space: Space[Any]) -> str:
    """Writes a space as Gymnasium does, but shorter.

    A Tuple of Discrete shows only the number of values of each. The dtype float32 is omitted, and so are a Box's bounds
    if they are infinite, bytes, or differ between components.
    """
    if isinstance(space, Tuple):
        return f"Tuple({', '.join(str(part.n) for part in space.spaces)})"  # type: ignore[attr-defined]
    if isinstance(space, Box):
        alike = all(len(np.unique(bounds)) == 1 for bounds in (space.low, space.high))
        if not (alike and space.is_bounded()) or space.dtype == np.uint8:
            return f"Box({space.shape}{'' if space.dtype == np.float32 else f', {space.dtype}'})"
    return str(space).replace(", float32", "")


def _record(spec: EnvSpec, with_parameters: bool) -> dict[str, Any]:
    observation, action = _spaces(spec)
    record: dict[str, Any] = {
        "id": spec.full_id,
        "summary": spec.summary,
        "observation_space": _space_record(observation),
        "observation_names": spec.observation_names,
        "action_space": _space_record(action),
        "max_episode_steps": spec.max_episode_steps,
        "reward_threshold": spec.reward_threshold,
        "agents": list(spec.agents),
        "engine": spec.engine or None,
    }
    if with_parameters:
        options = {name: option for option, name in spec.options.items()}
        record["parameters"] = [
            {
                "name": part.name,
                "default": part.default,
                "unit": part.unit,
                "low": _finite(part.low),
                "high": _finite(part.high),
                "gymnasium_option": options.get(part.name),
            }
            for part in parameters(spec)
        ]
    return record


def _space_record(space: Space[Any]) -> dict[str, Any]:
    if isinstance(space, Discrete):
        return {"type": "Discrete", "n": int(space.n)}
    if isinstance(space, MultiDiscrete):
        return {"type": "MultiDiscrete", "nvec": space.nvec.tolist()}
    if isinstance(space, Tuple):
        return {"type": "Tuple", "spaces": [_space_record(part) for part in space.spaces]}
    assert isinstance(space, Box)
    return {
        "type": "Box",
        "shape": list(space.shape),
        "dtype": str(space.dtype),
        "low": _finite_bounds(space.low.tolist()),
        "high": _finite_bounds(space.high.tolist()),
    }


def _finite_bounds(bounds: Any) -> Any:
    """Returns nested lists of bounds, of a Box of any shape, with null for the infinite ones."""
    return [_finite_bounds(part) for part in bounds] if isinstance(bounds, list) else _finite(bounds)


def _finite(bound: float) -> float | None:
    return float(bound) if math.isfinite(bound) else None
