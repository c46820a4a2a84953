"""Blackjack-v1."""

from operant.spec import EnvSpec, Observation, Quantity

SPEC = EnvSpec(
    id="Blackjack-v1",
    header="blackjack",
    summary="Take cards to come closer to 21 than the dealer without going beyond.",
    state=tuple(
        Quantity(name, "1", integer=True, low=low, high=high)
        for name, low, high in (
            ("player_sum", 2, 31),
            ("player_has_ace", 0, 1),
            ("player_cards", 2, 22),
            ("dealer_card", 1, 10),
            ("dealer_hidden", 1, 10),
            ("suit", 0, 3),
            ("face", 0, 2),
        )
    ),
    options={"natural": "natural", "sab": "sab"},
    observation=(
        Observation("player_value", 0, 31),
        Observation("dealer_card", 0, 10),
        Observation("usable_ace", 0, 1),
    ),
    observation_kind="Tuple",
    actions=2,
    max_episode_steps=None,
    reference="operant.reference.blackjack:Blackjack",
    reference_arguments={"sab": True, "natural": False},
    render_fps=4,
)
