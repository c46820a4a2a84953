"""Taxi-v4."""

from functools import partial
from typing import Any

import numpy as np

from operant.catalog.gymnasiums import Transitions, constant, number, parameter_kept
from operant.spec import EnvSpec, Member, Observation, Quantity, Values

MAP = ("+---------+", "|R: | : :G|", "| : | : : |", "| : : : : |", "| | : | : |", "|Y| : |B: |", "+---------+")
PLACES = ((0, 0), (0, 4), (4, 0), (4, 3))
"""Row and column of the red, green, yellow and blue places."""

WALLS = {(0, 1), (1, 1), (3, 0), (3, 2), (4, 0), (4, 2)}
"""Row and column of the cells that have a wall to the east."""


def _mask(state: int) -> tuple[bool, ...]:
    row, column, passenger = state // 100, state // 20 % 5, state // 4 % 5
    return (
        row < 4,
        row > 0,
        column < 4 and (row, column) not in WALLS,
        column > 0 and (row, column - 1) not in WALLS,
        passenger < 4 and (row, column) == PLACES[passenger],
        passenger == 4 and (row, column) in PLACES,
    )


ACTION_MASKS = tuple(_mask(state) for state in range(500))
"""For each observation, whether each action changes the state: Gymnasium's info "action_mask"."""


def encode(taxi_row: Any, taxi_col: Any, pass_loc: Any, dest_idx: Any) -> Any:
    """The observation of a state; its arguments may be arrays."""
    return ((taxi_row * 5 + taxi_col) * 5 + pass_loc) * 4 + dest_idx


def decode(i: Any) -> tuple[Any, Any, Any, Any]:
    """The row, column, passenger and destination of an observation."""
    row, column, passenger, destination = i // 100, i // 20 % 5, i // 4 % 5, i % 4
    assert 0 <= row < 5
    return row, column, passenger, destination


def action_mask(state: int) -> np.ndarray:
    """The actions that change this state: `[6]` int8."""
    return np.array(ACTION_MASKS[state], np.int8)


_METHODS = {"encode": encode, "decode": decode, "action_mask": action_mask}


def _method(name: str, values: Values) -> Any:
    return _METHODS[name]


def _observation(values: Values) -> Any:
    place = encode(values["row"], values["column"], values["passenger"], values["destination"])
    return np.int64(place) if values["fresh"] else place


def _set_observation(values: Values, given: Any) -> dict[str, Any]:
    return dict(zip(("row", "column", "passenger", "destination"), decode(int(given)), strict=True))


def _chances(values: Values) -> tuple[float, ...]:
    rate = values["rainy_probability"]
    return (rate, (1.0 - rate) / 2.0, (1.0 - rate) / 2.0) if values["is_rainy"] else ()


def _transitions(values: Values) -> dict[int, dict[int, Transitions]]:
    chances = _chances(values)
    return {state: {action: _outcomes(state, action, chances) for action in range(6)} for state in range(500)}


def _outcomes(state: int, action: int, chances: tuple[float, ...]) -> Transitions:
    if action > 3:
        return [_handled(state, action)]
    if not chances:
        return [(1.0, _moved(state, action), -1, False)]
    sides = (action, *((2, 3), (3, 2), (1, 0), (0, 1))[action])
    if not ACTION_MASKS[state][action]:
        sides = (action,) * 3  # rain carries a taxi aside only if it could have gone ahead
    return [(chance, _moved(state, side), -1, False) for chance, side in zip(chances, sides, strict=True)]


def _moved(state: int, direction: int) -> int:
    """The state after a move south, north, east or west, if nothing is in the way."""
    return state + (100, -100, 20, -20)[direction] if ACTION_MASKS[state][direction] else state


def _handled(state: int, action: int) -> tuple[float, int, int, bool]:
    """The outcome of a passenger's getting in (4) or out (5)."""
    row, column, _, destination = decode(state)
    if not ACTION_MASKS[state][action]:
        return 1.0, state, -10, False
    place = 4 if action == 4 else PLACES.index((row, column))
    delivered = action == 5 and place == destination
    return 1.0, int(encode(row, column, place, destination)), 20 if delivered else -1, delivered


def _start(values: Values) -> np.ndarray:
    passenger, destination = np.arange(500) // 4 % 5, np.arange(500) % 4
    starts = ((passenger < 4) & (passenger != destination)).astype(np.float64)
    return np.asarray(starts / starts.sum())


SPEC = EnvSpec(
    id="Taxi-v4",
    header="taxi",
    summary="Fetch a passenger on a grid with walls and put them down where they want to go.",
    state=(
        Quantity("row", "1", integer=True, low=0, high=4),
        Quantity("column", "1", integer=True, low=0, high=4),
        Quantity("passenger", "1", integer=True, low=0, high=4),  # 4 in the taxi
        Quantity("destination", "1", integer=True, low=0, high=3),
        Quantity("fickle", "bool", integer=True, low=0, high=1),
        Quantity("outcome", "1", integer=True, low=0, high=3),
    ),
    members={
        "s": Member(_observation, _set_observation),
        "P": Member(_transitions, table=True, instead="make the environment with is_rainy and rainy_probability"),
        "initial_state_distrib": Member(_start, table=True, instead="set `s` after a reset"),
        "desc": constant(np.asarray(MAP, "c")),
        "locs": constant(list(PLACES)),
        "locs_colors": constant([(255, 0, 0), (0, 255, 0), (255, 255, 0), (0, 0, 255)]),
        "max_row": constant(4),
        "max_col": constant(4),
        "fickle_step": number("fickle", bool),
        "rainy_probability": parameter_kept("rainy_probability"),
        **{name: Member(partial(_method, name)) for name in _METHODS},
    },
    rewards=(-1, -10, 20),
    chances=_chances,
    reset_chance=1.0,
    options={
        "is_rainy": "is_rainy",
        "fickle_passenger": "fickle_passenger",
        "rainy_probability": "rainy_probability",
        "fickle_probability": "fickle_probability",
    },
    observation=(Observation("state", 0, 499),),
    observation_kind="Discrete",
    actions=6,
    action_masks=ACTION_MASKS,
    max_episode_steps=200,
    reward_threshold=8.0,
    reference="operant.reference.taxi:Taxi",
    render_fps=4,
    picture_keeps="taxi_orientation",
)
