"""Taxi-v4."""

from operant.spec import EnvSpec, Observation, Quantity

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
    ),
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
