"""Blackjack: the fast build's cards and rewards against probabilities that are computed card by card."""

import functools
import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest
from support import put, vector
from transitions import distance, reached

from operant.catalog.blackjack import totals_of

DECK = [(card, 4 / 13 if card == 10 else 1 / 13) for card in range(1, 11)]
NATURAL = (1, 10)


def value(hand):
    """A hand's value, and 1 if an ace counts as 11 in it, else 0."""
    usable = 1 in hand and sum(hand) + 10 <= 21
    return sum(hand) + 10 * usable, int(usable)


def dealt_out(player, dealer):
    """The state in which both hold these cards."""
    return [sum(player), sum(dealer), totals_of(player), totals_of(dealer), dealer[0], 0, 0]


def hands():
    """All hands of two cards, each with its probability."""
    for (first, p), (second, q) in itertools.product(DECK, DECK):
        yield (first, second), p * q


@functools.cache
def dealt(hand):
    """The distribution of the dealer's final score from a hand: pairs of score (0 beyond 21) and probability."""
    score = value(hand)[0]
    if score >= 17:
        return ((score if score <= 21 else 0, 1.0),)
    ends = defaultdict(float)
    for card, p in DECK:
        for end, q in dealt(tuple(sorted((*hand, card)))):
            ends[end] += p * q
    return tuple(ends.items())


def reward(player, dealer, score, sab, natural):
    """Gymnasium's reward for sticking with `player` against a dealer who began with `dealer` and ended on `score`."""
    ours = value(player)[0]
    won = float(ours > score) - float(ours < score)
    is_natural = tuple(sorted(player)) == NATURAL
    if sab and is_natural and tuple(sorted(dealer)) != NATURAL:
        return 1.0
    return 1.5 if natural and not sab and is_natural and won == 1 else won


def test_hands_are_dealt_as_likely_as_from_an_infinite_deck():
    likely = defaultdict(float)
    for (player, p), (shown, q) in itertools.product(hands(), DECK):
        total, usable = value(player)
        likely[total, shown, usable] += p * q
    env = vector("Blackjack-v1", 300_000)
    observations, _ = env.reset(seed=4)
    counted = Counter(zip(*(part.tolist() for part in observations), strict=True))
    assert distance(counted, likely) < 1


@pytest.mark.parametrize("sab, natural", [(True, False), (False, True), (False, False)])
def test_sticking_at_once_wins_as_often_as_it_should(sab, natural):
    likely = defaultdict(float)
    for (player, p), (dealer, q) in itertools.product(hands(), hands()):
        for score, chance in dealt(tuple(sorted(dealer))):
            likely[reward(player, dealer, score, sab, natural)] += p * q * chance
    count = 300_000
    env = vector("Blackjack-v1", count, autoreset_mode="Disabled", sab=sab, natural=natural)
    env.reset(seed=6)
    _, rewards, terminated, truncated, _ = env.step(np.zeros(count, np.int64))
    assert terminated.all() and not truncated.any()
    assert distance(Counter(rewards.tolist()), likely) < 1


def test_a_dealer_who_needs_many_cards_takes_them():
    """From two aces up to ten more cards: such long hands are rare, so the test above would hardly notice them."""
    count = 300_000
    env = vector("Blackjack-v1", count, autoreset_mode="Disabled")
    env.reset(seed=8)
    put(env, np.tile(dealt_out([10, 7, 3], [1, 1]), (count, 1)))
    _, rewards, *_ = env.step(np.zeros(count, np.int64))
    likely = defaultdict(float)
    for score, chance in dealt((1, 1)):
        likely[float(score < 20) - float(score > 20)] += chance
    assert distance(Counter(rewards.tolist()), likely) < 1


def test_hitting_adds_one_card_and_ends_the_episode_beyond_21():
    held = [(2, total - 2) for total in range(4, 13)] + [(2, 10, total - 12) for total in range(14, 22)]
    held += [(1, total) for total in range(1, 11)] + [(1, 10, total - 10) for total in range(11, 21)]
    states = [dealt_out(hand, [5, 7]) for hand in held]
    found = reached("Blackjack-v1", np.array(states), copies=400)  # 400 draws miss a card of 1/13 once in 10^13
    for k, hand in enumerate(held):
        expected = defaultdict(float)
        for card, p in DECK:
            total, usable = value((*hand, card))
            over = total > 21
            expected[(total, 5, usable), -1.0 if over else 0.0, over] += p
        assert set(found[k, 1]) == set(expected), hand
        assert {outcome[0] for outcome in found[k, 0]} == {(value(hand)[0], 5, value(hand)[1])}


def test_a_card_is_as_likely_as_in_the_deck():
    count = 100_000
    env = vector("Blackjack-v1", count, autoreset_mode="Disabled")
    env.reset(seed=2)
    put(env, np.tile(dealt_out([2, 3], [5, 7]), (count, 1)))
    (totals, _, usable), *_ = env.step(np.ones(count, np.int64))
    cards = Counter((totals - 10 * usable - 5).tolist())
    assert distance(cards, dict(DECK)) < 1


def test_a_natural_is_two_cards():
    """21 from three cards, or from an ace and a ten drawn by hitting, is no natural: it draws with the dealer's 21."""
    env = vector("Blackjack-v1", 3, autoreset_mode="Disabled")
    env.reset(seed=0)
    # The dealer stands with 10 and 10, or has a natural.
    held = [([1, 10], [1, 10]), ([5, 5, 1], [10, 1]), ([10, 1], [10, 10])]
    put(env, np.array([dealt_out(*hands) for hands in held]))
    _, rewards, *_ = env.step(np.zeros(3, np.int64))
    assert rewards.tolist() == [0, 0, 1]
