"""Gymnasium's Blackjack with a `state`, so that it can draw ours."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
from gymnasium.envs.toy_text.blackjack import BlackjackEnv

SUITS, FACES = "CDHS", "JQK"


class Blackjack(BlackjackEnv):
    """Gymnasium's class with a `state`, `[7]` float64.

    Its numbers are the player's and the dealer's sum (aces 1), their hands, and the dealer's shown card
    with its suit and face. A hand is an integer: bit k - 1 is set if the sum was k after one of its cards.
    """

    @property
    def state(self) -> np.ndarray:
        shown = self.dealer_top_card_value_str
        face = FACES.index(shown) if shown in FACES else 0
        hands = (self.player, self.dealer)
        totals = [sum(1 << (total - 1) for total in accumulate(hand)) for hand in hands]
        suit = SUITS.index(self.dealer_top_card_suit)
        return np.array([*map(sum, hands), *totals, self.dealer[0], suit, face], np.float64)

    @state.setter
    def state(self, values: Any) -> None:
        _, _, *hands, shown, suit, face = (int(value) for value in values)
        sums = [[0, *(k for k in range(1, 32) if totals >> (k - 1) & 1)] for totals in hands]
        self.player, self.dealer = (np.diff(each).tolist() for each in sums)
        self.dealer_top_card_suit = SUITS[suit]
        self.dealer_top_card_value_str = {1: "A", 10: FACES[face]}.get(shown, str(shown))
