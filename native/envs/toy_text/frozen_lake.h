/* frozen_lake.h: cross a frozen lake from the start to the goal without falling into a hole; the ice is slippery.
 * Gymnasium's FrozenLake-v1. A header that includes this file names the map: LAKE_COLUMNS, LAKE_LAST_TILE, LAKE_TILES. */
#include "envs/toy_text/outcome.h"

typedef struct { vi row, column; } X(state);
typedef struct {
    vf columns, last_tile;                             /* the size of the map, at most 8 x 8; tiles count from 0 row by row */
    vf start_row, start_column;
    vf tiles[8];                                       /* a row each, 2 bits a tile from the left, lowest first: lake_tile */
    vf is_slippery, success_rate;                      /* how likely a step goes where it is meant to */
    vf goal_reward, hole_reward, frozen_reward;
} X(params);
static const double X(defaults)[] = {LAKE_COLUMNS, LAKE_LAST_TILE, 0, 0, LAKE_TILES, 1, 1.0 / 3.0, 1, 0, 0};
typedef vi X(action);                                  /* 0 left, 1 down, 2 right, 3 up */
enum { X(observation_size) = 1, X(action_size) = 1, X(actions) = 4, X(agents) = 1 };

/** What is at a place: 0 ice, 1 a hole, 2 the goal. */
LANE_FN vi X(tile)(const X(params) *p, vi row, vi column) {
    vf tiles = p->tiles[0];
    UNROLLED for (int k = 1; k < 8; k++) tiles = vsel(row == k, p->tiles[k], tiles);
    return vtrunc(tiles) >> (2 * column) & 3;
}

LANE_FN void X(reset)(X(state) *s, rng *r, const X(params) *p) {
    (void)uniform(r, vreal(0), vreal(1)); /* Gymnasium draws among one start */
    s->row = vtrunc(p->start_row);
    s->column = vtrunc(p->start_column);
}

LANE_FN vm X(step)(X(state) *s, const X(action) *a, rng *r, const X(params) *p, vf *reward) {
    vf aside = (R(1) - p->success_rate) / R(2);
    vi turn = vsel_int(p->is_slippery != 0, outcome_of_three(r, aside, p->success_rate, aside) - 1, vint(0));
    vi direction = (a[0] + turn) & 3;

    vi columns = vtrunc(p->columns), last = vtrunc(p->last_tile);
    vi tile = X(tile)(p, s->row, s->column);
    vm over = (tile == 1) | (tile == 2), moves = vnot(over);
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

#undef LAKE_COLUMNS
#undef LAKE_LAST_TILE
#undef LAKE_TILES
