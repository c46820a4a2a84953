"""CliffWalking-v1 and CliffWalkingSlippery-v1."""

import dataclasses
from typing import Any

import numpy as np

from operant.catalog.gymnasiums import Transitions, constant, parameter_kept
from operant.spec import EnvSpec, Member, Observation, Quantity, Values

ROWS, COLUMNS, START = 4, 12, 36
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))  # up, right, down, left


def _cell(values: Values) -> np.int64:
    return np.int64(values["row"] * COLUMNS + values["column"])


def _set_cell(values: Values, given: Any) -> dict[str, Any]:
    row, column = divmod(int(given), COLUMNS)
    return {"row": row, "column": column}


def _transitions(values: Values) -> dict[int, dict[int, Transitions]]:
    turns = (-1, 0, 1) if values["is_slippery"] else (0,)
    return {
        cell: {action: [_outcome(cell, (action + turn) % 4, 1 / len(turns)) for turn in turns] for action in range(4)}
        for cell in range(ROWS * COLUMNS)
    }


def _outcome(cell: int, direction: int, chance: float) -> tuple[float, np.int64, int, bool]:
    row = min(max(cell // COLUMNS + MOVES[direction][0], 0), ROWS - 1)
    column = min(max(cell % COLUMNS + MOVES[direction][1], 0), COLUMNS - 1)
    if row == ROWS - 1 and 0 < column < COLUMNS - 1:
        return chance, np.int64(START), -100, False
    return chance, np.int64(row * COLUMNS + column), -1, (row, column) == (ROWS - 1, COLUMNS - 1)


def _chances(values: Values) -> tuple[float, ...]:
    return (1 / 3,) * 3 if values["is_slippery"] else ()


def _start(values: Values) -> np.ndarray:
    start = np.zeros(ROWS * COLUMNS)
    start[START] = 1
    return start


SPEC = EnvSpec(
    id="CliffWalking-v1",
    header="cliff_walking",
    summary="Walk from one end of a cliff to the other without falling off.",
    state=(
        Quantity("row", "1", integer=True, low=0, high=3),
        Quantity("column", "1", integer=True, low=0, high=11),
    ),
    members={
        "s": Member(_cell, _set_cell),
        "P": Member(_transitions, table=True, instead="make the environment with is_slippery=True or False"),
        "initial_state_distrib": Member(_start, instead="set `s` after a reset"),
        "is_slippery": parameter_kept("is_slippery"),
        "nS": constant(np.int64(ROWS * COLUMNS)),
        "nA": constant(4),
        "shape": constant((ROWS, COLUMNS)),
        "start_state_index": constant(np.int64(START)),
    },
    rewards=(-1, -100),
    chances=_chances,
    options={"is_slippery": "is_slippery"},
    observation=(Observation("cell", 0, 47),),
    observation_kind="Discrete",
    actions=4,
    max_episode_steps=None,
    reference="operant.reference.cliff_walking:CliffWalking",
    render_fps=4,
)

SPEC_SLIPPERY = dataclasses.replace(
    SPEC,
    id="CliffWalkingSlippery-v1",
    header="cliff_walking_slippery",
    summary="Walk from one end of a slippery cliff to the other without falling off.",
    reference_arguments={"is_slippery": True},
)
