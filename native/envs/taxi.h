/* taxi.h: drive to a passenger on a grid with walls, pick them up, and drop them off at their destination.
 * Dietterich (2000); Gymnasium's Taxi-v4. */
#include "envs/toy_text/outcome.h"

typedef struct {
    vi row, column;              /* of the taxi, 0 to 4 */
    vi passenger, destination;   /* 0 red, 1 green, 2 yellow, 3 blue; a passenger is 4 in the taxi */
    vi fickle;                   /* 1: the passenger will change the destination when the taxi first moves */
    vi outcome;                  /* of the last step: 0 ahead, 1 left, 2 right; or CERTAIN */
} taxi_state;
#define PARAMETERS(P)                                                                                           \
    P(is_rainy, 0, "bool", 0, 1)                                                                                \
    P(fickle_passenger, 0, "bool", 0, 1)                                                                        \
    P(rainy_probability, 0.8, "1", 0, 1) /* that a rainy move goes where it is meant to; else to either side */ \
    P(fickle_probability, 0.3, "1", 0, 1) /* that a fickle passenger changes their mind */
typedef struct { PARAMETERS(MEMBER) } taxi_params;
typedef vi taxi_action; /* 0 south, 1 north, 2 east, 3 west, 4 picks up, 5 drops off */
enum { taxi_observation_size = 1, taxi_action_size = 1, taxi_actions = 6, taxi_agents = 1 };

/** The index of a cell among the four places, or -1. */
LANE_FN vi taxi_place(vi row, vi column) {
    vi cell = row * 5 + column;
    vi lower = vsel_int(cell == 20, vint(2), vsel_int(cell == 23, vint(3), vint(-1)));
    return vsel_int(cell == 0, vint(0), vsel_int(cell == 4, vint(1), lower));
}

/** True where neither a wall nor the border is in a direction. */
LANE_FN vm taxi_is_open(vi row, vi column, vi direction) {
    enum { EAST = 0xA53DAD }; /* a bit per cell: 1 if its eastern neighbour can be reached */
    vi east = vint(EAST) >> (row * 5 + column), west = (vint(EAST) << 1) >> (row * 5 + column);
    vi open = vsel_int(direction == 2, east & 1, west & 1);
    return ((direction == 0) & (row < 4)) | ((direction == 1) & (row > 0)) | ((direction > 1) & (open == 1));
}

LANE_FN void taxi_reset(taxi_state *s, rng *r, const taxi_params *p) {
    s->outcome = vint(CERTAIN);
#if EXACT
    /* One of the 300 starts as in categorical_sample: a draw above the rounded sum of the probabilities is state 0. */
    const real draw = uniform(r, 0, 1);
    lane_int start = -1;
    real sum = 0;
    for (lane_int k = 0; k < 300 && start < 0; k++)
        if ((sum += 1.0 / 300) > draw) start = k;
    const lane_int cell = start < 0 ? 0 : start / 12, pair = start < 0 ? 0 : start % 12;
    s->row = cell / 5, s->column = cell % 5, s->passenger = pair / 3;
    s->destination = start < 0 ? 0 : pair % 3 + (pair % 3 >= s->passenger);
    s->fickle = p->fickle_passenger != 0 && uniform(r, 0, 1) < p->fickle_probability;
#else
    s->row = uniform_int(r, 0, 5);
    s->column = uniform_int(r, 0, 5);
    s->passenger = uniform_int(r, 0, 4);
    vi other = uniform_int(r, 0, 3);
    s->destination = other + count_one(other >= s->passenger);
    s->fickle = count_one((p->fickle_passenger != 0) & (uniform(r, vreal(0), vreal(1)) < p->fickle_probability));
#endif
}

LANE_FN vm taxi_step(taxi_state *s, const taxi_action *a, rng *r, const taxi_params *p, vf *reward) {
    vf aside = (R(1) - p->rainy_probability) / R(2);
    vi outcome = outcome_of_three(r, p->rainy_probability, aside, aside);
    s->outcome = vsel_int((p->is_rainy != 0) & (a[0] < 4), outcome, vint(CERTAIN));
    vi left = vsel_int(a[0] < 2, a[0] + 2, 3 - a[0]);
    vi drifted = vsel_int(outcome == 0, a[0], vsel_int(outcome == 1, left, left ^ 1));
    vi heading = vsel_int(p->is_rainy != 0, drifted, a[0]);
    /* Rain carries a taxi aside only if it could have gone ahead. */
    vm moves = (a[0] < 4) & taxi_is_open(s->row, s->column, a[0]) & taxi_is_open(s->row, s->column, heading);

    vi place = taxi_place(s->row, s->column), inside = vint(4);
    vm riding = s->passenger == inside;
    vm picked_up = (a[0] == 4) & vnot(riding) & (s->passenger == place);
    vm put_down = (a[0] == 5) & riding & (place >= 0);
    vm delivered = put_down & (place == s->destination);
    vm refused = (a[0] > 3) & vnot(picked_up | put_down);

    s->row = s->row + count_one(moves & (heading == 0)) - count_one(moves & (heading == 1));
    s->column = s->column + count_one(moves & (heading == 2)) - count_one(moves & (heading == 3));
    s->passenger = vsel_int(picked_up, inside, vsel_int(put_down, place, s->passenger));
    vm changes = (s->fickle == 1) & riding & moves;
#if EXACT
    if (changes)
#endif
    {
        vi other = uniform_int(r, 0, 3);
        s->destination = vsel_int(changes, other + count_one(other >= s->destination), s->destination);
    }
    s->fickle = vsel_int(changes, vint(0), s->fickle);
    *reward = vsel(delivered, vreal(20), vsel(refused, vreal(-10), vreal(-1)));
    return delivered;
}

LANE_FN void taxi_observe(const taxi_state *s, rng *r, const taxi_params *p, vi *observation) {
    (void)r, (void)p;
    observation[0] = ((s->row * 5 + s->column) * 5 + s->passenger) * 4 + s->destination;
}
