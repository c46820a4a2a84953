/* frozen_lake.h: cross a frozen lake from the start to the goal without falling into a hole; the ice is slippery.
 * Gymnasium's FrozenLake-v1. A header that includes this file defines the map: X(width), X(last), and X(row_0) to
 * X(row_7). A row has 2 bits for each tile, the left one lowest: see X(tile). */
#include "envs/toy_text/outcome.h"

typedef struct { vi row, column, outcome; } X(state); /* outcome: as drawn in the last step; see toy_text/outcome.h */
#define PARAMETERS(P)                                                                       \
    P(columns, X(width), "1", 1, 8)                                                         \
    P(last_tile, X(last), "1", 0, 63) /* tiles count from 0 row by row */                   \
    P(start_row, 0, "1", 0, 7)                                                              \
    P(start_column, 0, "1", 0, 7)                                                           \
    P(tiles_0, X(row_0), "1", 0, 65535)                                                     \
    P(tiles_1, X(row_1), "1", 0, 65535)                                                     \
    P(tiles_2, X(row_2), "1", 0, 65535)                                                     \
    P(tiles_3, X(row_3), "1", 0, 65535)                                                     \
    P(tiles_4, X(row_4), "1", 0, 65535)                                                     \
    P(tiles_5, X(row_5), "1", 0, 65535)                                                     \
    P(tiles_6, X(row_6), "1", 0, 65535)                                                     \
    P(tiles_7, X(row_7), "1", 0, 65535)                                                     \
    P(is_slippery, 1, "bool", 0, 1)                                                         \
    P(success_rate, 1.0 / 3.0, "1", 0, 1) /* how likely a step goes where it is meant to */ \
    P(goal_reward, 1, "1", -INFINITY, INFINITY)                                             \
    P(hole_reward, 0, "1", -INFINITY, INFINITY)                                             \
    P(frozen_reward, 0, "1", -INFINITY, INFINITY)
typedef struct { PARAMETERS(MEMBER) } X(params);
typedef vi X(action); /* 0 left, 1 down, 2 right, 3 up */
enum { X(observation_size) = 1, X(action_size) = 1, X(actions) = 4, X(agents) = 1 };

/** The tile at a place: 0 ice, 1 a hole, 2 the goal. */
LANE_FN vi X(tile)(const X(params) *p, vi row, vi column) {
    const vf rows[8] = {p->tiles_0, p->tiles_1, p->tiles_2, p->tiles_3, p->tiles_4, p->tiles_5, p->tiles_6, p->tiles_7};
    vf tiles = rows[0];
    UNROLLED for (int k = 1; k < 8; k++) tiles = vsel(row == k, rows[k], tiles);
    return vtrunc(tiles) >> (2 * column) & 3;
}

LANE_FN void X(reset)(X(state) *s, rng *r, const X(params) *p) {
    (void)uniform(r, vreal(0), vreal(1)); /* Gymnasium draws, although there is only one start */
    s->row = vtrunc(p->start_row);
    s->column = vtrunc(p->start_column);
    s->outcome = vint(CERTAIN);
}

LANE_FN vm X(step)(X(state) *s, const X(action) *a, rng *r, const X(params) *p, vf *reward) {
    vi columns = vtrunc(p->columns), last = vtrunc(p->last_tile);
    vi tile = X(tile)(p, s->row, s->column);
    vm over = (tile == 1) | (tile == 2), moves = vnot(over);
    vf aside = (R(1) - p->success_rate) / R(2);
    vi drawn = outcome_of_three(r, aside, p->success_rate, aside);
    s->outcome = vsel_int((p->is_slippery != 0) & moves, drawn, vint(CERTAIN));
    vi direction = (a[0] + vsel_int(s->outcome == CERTAIN, vint(0), s->outcome - 1)) & 3;

    vi row = s->row + count_one(moves & (direction == 1) & ((s->row + 1) * columns <= last)) -
             count_one(moves & (direction == 3) & (s->row > 0));
    vi column = s->column + count_one(moves & (direction == 2) & (s->column + 1 < columns)) -
                count_one(moves & (direction == 0) & (s->column > 0));
    s->row = row;
    s->column = column;

    tile = X(tile)(p, row, column);
    vf earned = vsel(tile == 2, p->goal_reward, vsel(tile == 1, p->hole_reward, p->frozen_reward));
    *reward = vsel(over, vreal(0), earned);
    return (tile == 1) | (tile == 2);
}

LANE_FN void X(observe)(const X(state) *s, rng *r, const X(params) *p, vi *observation) {
    (void)r;
    observation[0] = s->row * vtrunc(p->columns) + s->column;
}
