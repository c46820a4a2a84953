/* blackjack.h: take cards to come closer to 21 than the dealer without going beyond.
 * Sutton & Barto (2018), example 5.1; Gymnasium's Blackjack-v1. The deck is infinite. */
typedef struct {
    vi player_sum, dealer_sum;       /* aces count 1 */
    vi player_totals, dealer_totals; /* bits, the cards in order: bit k - 1 is set if the sum was k after some card */
    vi dealer_card;                  /* the one shown: 1 an ace, to 10 */
    vi suit, face;                   /* of that card, for frames: clubs, diamonds, hearts, spades; J, Q, K */
} blackjack_state;
#define PARAMETERS(P)                                                              \
    P(natural, 0, "bool", 0, 1) /* 1: a natural wins 1.5; without effect if sab */ \
    P(sab, 1, "bool", 0, 1) /* 1: Sutton and Barto's rules, in which a natural wins unless the dealer has one */
typedef struct { PARAMETERS(MEMBER) } blackjack_params;
typedef vi blackjack_action; /* 0 sticks, 1 hits */
enum { blackjack_observation_size = 3, blackjack_action_size = 1, blackjack_actions = 2, blackjack_agents = 1 };

enum { blackjack_dealer_draws = 10 }; /* at most: 1 1 1 1 6 1 1 1 1 1 after 1 1 */

/** Draws a card: its value, 1 to 10. Where none is needed it is 0, and the exact build does not draw. */
LANE_FN vi blackjack_card(rng *r, vm needed) {
#if EXACT
    if (!needed) return 0;
#endif
    vi card = uniform_int(r, 1, 14);
    return vsel_int(needed, vsel_int(card > 10, vint(10), card), vint(0));
}

/** The bit of a sum. Episodes that are over are stepped too, to sums beyond 31, whose bit does not matter. */
LANE_FN vi blackjack_total(vi sum) { return (vi)((vu)vint(1) << (vu)((sum - 1) & 31)); }

/** True where a hand has an ace: a card that added 1. */
LANE_FN vm blackjack_has_ace(vi totals) { return ((vu)totals & ((vu)totals << 1 | 1)) != 0; }

/** True where a hand is an ace and a ten, in either order. */
LANE_FN vm blackjack_is_natural(vi totals) { return (totals == 0x401) | (totals == 0x600); }

/** The value of a hand, in which an ace counts 11 unless that would exceed 21. */
LANE_FN vi blackjack_value(vi sum, vm has_ace) { return vsel_int(has_ace & (sum <= 11), sum + 10, sum); }

LANE_FN void blackjack_reset(blackjack_state *s, rng *r, const blackjack_params *p) {
    (void)p;
    const vm always = vint(0) == 0;
    s->dealer_card = blackjack_card(r, always);
    s->dealer_sum = s->dealer_card + blackjack_card(r, always);
    s->dealer_totals = blackjack_total(s->dealer_card) | blackjack_total(s->dealer_sum);
    vi first = blackjack_card(r, always);
    s->player_sum = first + blackjack_card(r, always);
    s->player_totals = blackjack_total(first) | blackjack_total(s->player_sum);
    s->suit = uniform_int(r, 0, 4);
    s->face = vint(0);
    vm ten = s->dealer_card == 10;
#if EXACT
    if (ten)
#endif
        s->face = vsel_int(ten, uniform_int(r, 0, 3), vint(0));
}

LANE_FN vm blackjack_step(blackjack_state *s, const blackjack_action *a, rng *r, const blackjack_params *p,
                          vf *reward) {
    vm hits = a[0] == 1, sticks = vnot(hits);
    vi dealer = s->dealer_sum, dealer_totals = s->dealer_totals;
    vm dealer_ace = blackjack_has_ace(dealer_totals), dealer_natural = blackjack_is_natural(dealer_totals);
    vm natural = blackjack_is_natural(s->player_totals);

    const vm never = vint(0) != 0;
    /* The player's card and the dealer's first are never both drawn. */
    for (int k = 0; k < blackjack_dealer_draws; k++) {
        vm draws = sticks & (blackjack_value(dealer, dealer_ace) < 17), takes = k == 0 ? hits : never;
        vi card = blackjack_card(r, draws | takes);
        vi dealt = vsel_int(draws, card, vint(0)), taken = vsel_int(takes, card, vint(0));
        dealer += dealt;
        dealer_totals |= blackjack_total(dealer);
        dealer_ace |= dealt == 1;
        s->player_sum += taken;
    }
    s->dealer_sum = dealer;
    s->dealer_totals = dealer_totals;
    s->player_totals |= blackjack_total(s->player_sum);
    vm player_ace = blackjack_has_ace(s->player_totals);

    vm bust = s->player_sum > 21;
    vi player_value = blackjack_value(s->player_sum, player_ace), dealer_value = blackjack_value(dealer, dealer_ace);
    dealer_value = vsel_int(dealer_value > 21, vint(0), dealer_value);
    vm sab = p->sab != 0;
    vf better = vsel(vnot(sab) & (p->natural != 0) & natural, vreal(R(1.5)), vreal(1));
    vf drawn = vsel(sab & natural & vnot(dealer_natural), vreal(1), vreal(0));
    vf scored = vsel(player_value > dealer_value, better, vsel(player_value < dealer_value, vreal(-1), drawn));
    *reward = vsel(sticks, scored, vsel(bust, vreal(-1), vreal(0)));
    return sticks | bust;
}

LANE_FN void blackjack_observe(const blackjack_state *s, rng *r, const blackjack_params *p, vi *observation) {
    (void)r, (void)p;
    vm has_ace = blackjack_has_ace(s->player_totals);
    observation[0] = blackjack_value(s->player_sum, has_ace);
    observation[1] = s->dealer_card;
    observation[2] = vsel_int(has_ace & (s->player_sum <= 11), vint(1), vint(0));
}
