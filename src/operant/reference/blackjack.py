"""Gymnasium's Blackjack with a `state`, so that it can draw ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.envs.toy_text.blackjack import BlackjackEnv

SUITS, FACES = "CDHS", "JQK"


class Blackjack(BlackjackEnv):
    """Gymnasium's class with a `state`, `[7]` float64.

    Its numbers are the player's sum (aces 1), 1 if they have an ace, and their number of cards; the dealer's card and
    hidden card; and the suit and face of the dealer's card.
    """

    @property
    def state(self) -> np.ndarray:
        shown = self.dealer_top_card_value_str
        face = FACES.index(shown) if shown in FACES else 0
        hand = [sum(self.player), 1 in self.player, len(self.player), *self.dealer[:2]]
        return np.array([*hand, SUITS.index(self.dealer_top_card_suit), face], np.float64)

    @state.setter
    def state(self, values: Any) -> None:
        total, has_ace, _, shown, hidden, suit, face = (int(value) for value in values)
        # Gymnasium draws only the sum of the player's cards, so any hand with that sum will do.
        self.player = [1, total - 1] if has_ace else [total]
        self.dealer = [shown, hidden]
        self.dealer_top_card_suit = SUITS[suit]
        self.dealer_top_card_value_str = {1: "A", 10: FACES[face]}.get(shown, str(shown))
