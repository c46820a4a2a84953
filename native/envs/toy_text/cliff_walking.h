/* cliff_walking.h: walk from one end of a cliff to the other, the longer way round or along its edge.
 * Sutton & Barto (2018), example 6.6; Gymnasium's CliffWalking-v1.
 * A header that includes this file defines X(slippery), 0 or 1: the default of is_slippery. */
#include "envs/toy_text/outcome.h"

typedef struct { vi row, column; } X(state); /* 0 to 3, 0 to 11; the cliff is row 3 between its ends, start and goal */
#define PARAMETERS(P) P(is_slippery, X(slippery), "bool", 0, 1) /* 1: a step may go to either side */
typedef struct { PARAMETERS(MEMBER) } X(params);
typedef vi X(action); /* 0 up, 1 right, 2 down, 3 left */
enum { X(observation_size) = 1, X(action_size) = 1, X(actions) = 4, X(agents) = 1 };

LANE_FN void X(reset)(X(state) *s, rng *r, const X(params) *p) {
    (void)p, (void)uniform(r, vreal(0), vreal(1)); /* Gymnasium draws, although there is only one start */
    s->row = vint(3);
    s->column = vint(0);
}

LANE_FN vm X(step)(X(state) *s, const X(action) *a, rng *r, const X(params) *p, vf *reward) {
    const vf third = vreal(R(1) / R(3));
    vi turn = vsel_int(p->is_slippery != 0, outcome_of_three(r, third, third, third) - 1, vint(0));
    vi direction = (a[0] + turn) & 3;
    vi row = s->row + count_one((direction == 2) & (s->row < 3)) - count_one((direction == 0) & (s->row > 0));
    vi column = s->column + count_one((direction == 1) & (s->column < 11)) -
                count_one((direction == 3) & (s->column > 0));

    vm fallen = (row == 3) & (column > 0) & (column < 11);
    s->row = row;
    s->column = vsel_int(fallen, vint(0), column);
    *reward = vsel(fallen, vreal(-100), vreal(-1));
    return (row == 3) & (column == 11);
}

LANE_FN void X(observe)(const X(state) *s, rng *r, const X(params) *p, vi *observation) {
    (void)r, (void)p;
    observation[0] = s->row * 12 + s->column;
}
