"""FrozenLake-v1 and FrozenLake8x8-v1."""

import dataclasses
from typing import Any

import numpy as np

from operant.catalog.gymnasiums import Transitions
from operant.spec import EnvSpec, Member, Observation, Quantity, Values

MAPS = {
    "4x4": ("SFFF", "FHFH", "FFFH", "HFFG"),
    "8x8": ("SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG"),
}
SIDE = 8
"""The largest number of rows and columns of a map."""

_TILES = {"F": 0, "H": 1, "G": 2, "S": 0}


def map_parameters(desc: Any = None, map_name: str | None = "") -> dict[str, float]:
    """The parameters of a map: `desc`, rows of the letters S, F, H and G, or a name in MAPS.

    Without either, the id's own map is used, which needs no parameters.
    """
    if desc is None and map_name == "":
        return {}
    if desc is None and map_name is None:
        raise ValueError(
            "map_name=None without a desc: Gymnasium would draw a random map for each environment; give "
            "desc=gymnasium.envs.toy_text.frozen_lake.generate_random_map(size=8)"
        )
    if desc is None and map_name not in MAPS:
        raise ValueError(f"map_name={map_name!r} must be {' or '.join(map(repr, MAPS))}; or give desc=['SFF', 'FFG']")
    rows = [_row(row) for row in (MAPS[str(map_name)] if desc is None else desc)]
    _check(rows)
    (start,) = [(k, row.index("S")) for k, row in enumerate(rows) if "S" in row]
    padded = rows + [""] * (SIDE - len(rows))
    return {
        "columns": len(rows[0]),
        "last_tile": len(rows) * len(rows[0]) - 1,
        "start_row": start[0],
        "start_column": start[1],
        **{
            f"tiles_{k}": sum(_TILES[tile] << 2 * column for column, tile in enumerate(row))
            for k, row in enumerate(padded)
        },
    }


def _row(row: Any) -> str:
    """A row as a string, from a string, bytes, or a sequence of letters such as a row of Gymnasium's `desc`."""
    if isinstance(row, bytes):
        return row.decode("latin-1")
    return row if isinstance(row, str) else "".join(map(_row, row))


def _check(rows: list[str]) -> None:
    shape = f"{len(rows)} x {max(map(len, rows), default=0)}"
    if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError(f"desc={rows!r} must be rows of equal length")
    if len(rows) > SIDE or len(rows[0]) > SIDE:
        raise ValueError(
            f"desc has {shape} tiles, but at most {SIDE} x {SIDE} are supported: use Gymnasium's own FrozenLake-v1"
        )
    if unknown := sorted(set("".join(rows)) - set(_TILES)):
        raise ValueError(f"desc has the tile {unknown[0]!r}: use S (start), F (frozen), H (hole) and G (goal)")
    if (starts := "".join(rows).count("S")) != 1:
        raise ValueError(f"desc has {starts} tiles S: give it exactly one start")


def reward_parameters(reward_schedule: Any) -> dict[str, float]:
    """The parameters for the rewards of the goal, a hole and ice."""
    names = ("goal_reward", "hole_reward", "frozen_reward")
    try:
        for reward in reward_schedule:
            float(reward)
        return dict(zip(names, reward_schedule, strict=True))
    except (OverflowError, TypeError, ValueError):
        raise ValueError(f"reward_schedule={reward_schedule!r} must be three numbers: (goal, hole, frozen)") from None


def is_on_map(snapshot: np.ndarray) -> np.ndarray:
    """True where the tile of a snapshot is one of its map: `[K]` bool for `[K]` records."""
    columns, last = snapshot["param:columns"].astype(int), snapshot["param:last_tile"]
    on_map: np.ndarray = (snapshot["column"] < columns) & (snapshot["row"] * columns + snapshot["column"] <= last)
    return on_map


def _desc(values: Values) -> np.ndarray:
    columns = int(values["columns"])
    packed = [int(values[f"tiles_{row}"]) for row in range((int(values["last_tile"]) + 1) // columns)]
    desc = np.array([["FHGF"[row >> 2 * column & 3] for column in range(columns)] for row in packed], "S1")
    desc[int(values["start_row"]), int(values["start_column"])] = b"S"
    return desc


def _rows(values: Values) -> int:
    return (int(values["last_tile"]) + 1) // int(values["columns"])


def _columns(values: Values) -> int:
    return int(values["columns"])


def _tile(values: Values) -> int | np.int64:
    tile = values["row"] * _columns(values) + values["column"]
    return np.int64(tile) if values["fresh"] else tile


def _set_tile(values: Values, given: Any) -> dict[str, Any]:
    row, column = divmod(int(given), _columns(values))
    return {"row": row, "column": column}


def _transitions(values: Values) -> dict[int, dict[int, Transitions]]:
    desc, chances = _desc(values), _chances(values)
    turns = list(zip(chances, (-1, 0, 1), strict=True)) if chances else [(1.0, 0)]

    def outcomes(row: int, column: int, action: int) -> Transitions:
        if desc[row, column] in (b"G", b"H"):
            return [(1.0, row * desc.shape[1] + column, 0, True)]
        return [(chance, *_lead(values, desc, row, column, (action + turn) % 4)) for chance, turn in turns]

    places = [(row, column) for row in range(desc.shape[0]) for column in range(desc.shape[1])]
    return {tile: {action: outcomes(*place, action) for action in range(4)} for tile, place in enumerate(places)}


def _lead(values: Values, desc: np.ndarray, row: int, column: int, direction: int) -> tuple[int, Any, bool]:
    """The tile that lies in a direction, or this one at the edge; its reward; and if it ends the episode."""
    down, right = ((0, -1), (1, 0), (0, 1), (-1, 0))[direction]
    row, column = min(max(row + down, 0), desc.shape[0] - 1), min(max(column + right, 0), desc.shape[1] - 1)
    tile = desc[row, column]
    name = {b"G": "goal_reward", b"H": "hole_reward"}.get(tile, "frozen_reward")
    return row * desc.shape[1] + column, values[name], tile in (b"G", b"H")


def _chances(values: Values) -> tuple[float, ...]:
    rate = values["success_rate"]
    return ((1.0 - rate) / 2.0, rate, (1.0 - rate) / 2.0) if values["is_slippery"] else ()


def _start(values: Values) -> np.ndarray:
    start: np.ndarray = (_desc(values) == b"S").astype(np.float64).ravel()
    return start


def _reward_range(values: Values) -> tuple[Any, Any]:
    rewards = [values[name] for name in ("goal_reward", "hole_reward", "frozen_reward")]
    return min(rewards), max(rewards)


SPEC = EnvSpec(
    id="FrozenLake-v1",
    header="frozen_lake",
    summary="Cross a frozen, slippery lake without falling into a hole.",
    state=(
        Quantity("row", "1", integer=True, low=0, high=SIDE - 1),
        Quantity("column", "1", integer=True, low=0, high=SIDE - 1),
        Quantity("outcome", "1", integer=True, low=0, high=3),
    ),
    is_possible=is_on_map,
    members={
        "s": Member(_tile, _set_tile),
        "P": Member(_transitions, table=True, instead="use desc, is_slippery, success_rate and reward_schedule"),
        "initial_state_distrib": Member(_start, table=True, instead="use desc, whose S is the start"),
        "desc": Member(_desc, table=True, instead="make the environment with desc or map_name"),
        "nrow": Member(_rows, instead="make the environment with desc or map_name"),
        "ncol": Member(_columns, instead="make the environment with desc or map_name"),
        "reward_range": Member(_reward_range, instead="make the environment with reward_schedule"),
    },
    whole=("goal_reward", "hole_reward", "frozen_reward"),
    rewards=(0, "goal_reward", "hole_reward", "frozen_reward"),
    chances=_chances,
    options={"is_slippery": "is_slippery", "success_rate": "success_rate"},
    observation=(Observation("tile", 0, ("last_tile", 1)),),
    observation_kind="Discrete",
    actions=4,
    max_episode_steps=100,
    reward_threshold=0.70,
    reference="operant.reference.frozen_lake:FrozenLake",
    reference_arguments={"map_name": "4x4"},
    render_fps=4,
    joint_options={("desc", "map_name"): map_parameters, ("reward_schedule",): reward_parameters},
)

SPEC_8X8 = dataclasses.replace(
    SPEC,
    id="FrozenLake8x8-v1",
    header="frozen_lake_8x8",
    max_episode_steps=200,
    reward_threshold=0.85,
    reference_arguments={"map_name": "8x8"},
)
