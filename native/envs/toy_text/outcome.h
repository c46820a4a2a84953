/* outcome.h: the draw of an action's outcome in Gymnasium's toy text. */
#ifndef TOY_TEXT_OUTCOME_H
#define TOY_TEXT_OUTCOME_H

enum { CERTAIN = 3 }; /* the outcome where Gymnasium's table has only one, and of a reset */

/** Draws 0, 1 or 2 with the probabilities `first`, `second` and `third`: the first whose cumulative sum is above a
 *  uniform number, as in Gymnasium's categorical_sample. If no sum is, because of rounding, the result is 0. */
LANE_FN vi outcome_of_three(rng *r, vf first, vf second, vf third) {
    vf draw = uniform(r, vreal(0), vreal(1));
    vf both = first + second, all = both + third;
    return vsel_int(first > draw, vint(0), vsel_int(both > draw, vint(1), vsel_int(all > draw, vint(2), vint(0))));
}

/** 1 where true. */
LANE_FN vi count_one(vm m) { return vsel_int(m, vint(1), vint(0)); }

#endif
