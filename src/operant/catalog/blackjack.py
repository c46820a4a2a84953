"""Blackjack-v1."""

from itertools import accumulate
from typing import Any

import numpy as np

from operant.spec import EnvSpec, Member, Observation, Quantity, Values

SUITS, FACES = "CDHS", "JQK"


def hand_of(totals: int) -> list[int]:
    """The cards of a hand, in order: bit k - 1 of `totals` is set if their sum, aces as 1, was k after one of them."""
    sums = [k for k in range(1, 32) if totals >> (k - 1) & 1]
    return [after - before for before, after in zip([0, *sums], sums, strict=False)]


def totals_of(hand: list[int]) -> int:
    """The inverse of `hand_of`; raises a ValueError for what is no hand."""
    if not hand or not all(1 <= card <= 10 for card in hand) or sum(hand) > 31:
        raise ValueError(f"{hand!r} must be a list of cards from 1, an ace, to 10, of at most 31 together")
    return sum(1 << (total - 1) for total in accumulate(hand))


def are_hands(snapshot: np.ndarray) -> np.ndarray:
    """True where the sums of a snapshot are those of its hands: `[K]` bool for `[K]` records."""
    sums = {who: snapshot[f"{who}_sum"].astype(np.int64) for who in ("player", "dealer")}
    last = {who: snapshot[f"{who}_totals"].astype(np.int64) >> np.maximum(sums[who] - 1, 0) for who in sums}
    fit: np.ndarray = (last["player"] == 1) & (last["dealer"] == 1)
    return fit


def _player(values: Values) -> list[int]:
    return hand_of(values["player_totals"])


def _set_player(values: Values, given: Any) -> dict[str, Any]:
    return {"player_totals": totals_of(given), "player_sum": sum(given)}


def _dealer(values: Values) -> list[int]:
    return hand_of(values["dealer_totals"])


def _set_dealer(values: Values, given: Any) -> dict[str, Any]:
    return {"dealer_totals": totals_of(given), "dealer_sum": sum(given), "dealer_card": given[0]}


def _suit(values: Values) -> np.str_:
    return np.str_(SUITS[values["suit"]])


def _set_suit(values: Values, given: Any) -> dict[str, Any]:
    return {"suit": SUITS.index(given)}


def _shown(values: Values) -> str:
    card = values["dealer_card"]
    return "A" if card == 1 else np.str_(FACES[values["face"]]) if card == 10 else str(card)


SPEC = EnvSpec(
    id="Blackjack-v1",
    header="blackjack",
    summary="Take cards to come closer to 21 than the dealer without going beyond.",
    state=tuple(
        Quantity(name, "1", integer=True, low=low, high=high)
        for name, low, high in (
            ("player_sum", 1, 31),
            ("dealer_sum", 1, 31),
            ("player_totals", 1, (1 << 31) - 2),
            ("dealer_totals", 1, (1 << 31) - 2),
            ("dealer_card", 1, 10),
            ("suit", 0, 3),
            ("face", 0, 2),
        )
    ),
    is_possible=are_hands,
    members={
        "player": Member(_player, _set_player),
        "dealer": Member(_dealer, _set_dealer),
        "dealer_top_card_suit": Member(_suit, _set_suit),
        "dealer_top_card_value_str": Member(_shown, instead="set `dealer`, whose first card it shows"),
    },
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
