/* advantages.h: GAE, V-trace and discounted returns, LANES environments at a time, compiled for every target.
 *
 * Time runs backwards, one row after another over a block of columns: rows are read and written in order, and what is
 * carried from row to row stays in the first-level cache. */

enum { BLOCK = 1024 }; /* columns: 4 KiB of a row, a page */

typedef vb vb_anywhere __attribute__((aligned(1), may_alias));

/** Where bytes are not 0. */
LANE_FN vm load_flags(const uint8_t *from) {
#if LANES == 1
    return *from != 0;
#else
    return __builtin_convertvector(LOAD(vb, from), vi) != 0;
#endif
}

/** What follows step `at` of the rollout: 0 after a termination, the final value after a truncation, else `next`. */
LANE_FN vf bootstrap(const operant_rollout *r, int64_t at, vm terminated, vm truncated, vf next) {
    if (vany(truncated)) next = vsel(truncated, LOAD(vf, r->final_values + at), next);
    return vsel(terminated, vreal(0), next);
}

/** Walks columns [first, last), whose number is a multiple of LANES, from the last row to the first. The body computes
 *  LANES columns at index `at` of the arrays, at `i` of last_values and at `k` of what it carries. */
#define BACKWARDS(r, first, last, ...)                                                              \
    for (int64_t begin = (first); begin < (last); begin += BLOCK) {                                 \
        const int64_t end = begin + BLOCK < (last) ? begin + BLOCK : (last);                        \
        float carried[BLOCK] = {0};                                                                 \
        for (int64_t t = (r)->steps; t-- > 0;)                                                      \
            for (int64_t i = begin; i < end; i += LANES) {                                          \
                const int64_t at = t * (r)->num_envs + i, k = i - begin;                            \
                const bool is_last = t == (r)->steps - 1;                                           \
                __VA_ARGS__                                                                         \
            }                                                                                       \
    }

/** delta = r + gamma V' - V;  A = delta + gamma lambda A', cut where the episode ends;  return = A + V. */
static void gae(const operant_rollout *r, int64_t first, int64_t last, float *advantages, float *returns) {
    const vf gamma = vreal(r->gamma), decay = vreal(r->gamma * r->lam);
    BACKWARDS(r, first, last, {
        const vm terminated = load_flags(r->terminated + at), truncated = load_flags(r->truncated + at);
        const vf value = LOAD(vf, r->values + at);
        const vf next = LOAD(vf, is_last ? r->last_values + i : r->values + at + r->num_envs);
        const vf delta = LOAD(vf, r->rewards + at) + gamma * bootstrap(r, at, terminated, truncated, next) - value;
        const vf rest = vsel(terminated | truncated, vreal(0), LOAD(vf, carried + k));
        const vf advantage = delta + decay * rest;
        STORE(vf, carried + k, advantage);
        STORE(vf, advantages + at, advantage);
        STORE(vf, returns + at, advantage + value);
    })
}

/** rho = min(rho_bar, ratio), c = lambda min(c_bar, ratio);  delta = rho (r + gamma V' - V);
 *  v - V = delta + gamma c (v' - V'), cut where the episode ends;  advantage = rho (r + gamma v' - V). */
static void vtrace(const operant_rollout *r, const float *log_ratios, float rho_bar, float c_bar, int64_t first,
                   int64_t last, float *targets, float *advantages) {
    const vf gamma = vreal(r->gamma), lambda = vreal(r->lam);
    BACKWARDS(r, first, last, {
        const vm terminated = load_flags(r->terminated + at), truncated = load_flags(r->truncated + at);
        const vf value = LOAD(vf, r->values + at), reward = LOAD(vf, r->rewards + at);
        const vf ratio = vexp(LOAD(vf, log_ratios + at));
        const vf rho = vmin(ratio, vreal(rho_bar)), c = lambda * vmin(ratio, vreal(c_bar));
        const vf next = LOAD(vf, is_last ? r->last_values + i : r->values + at + r->num_envs);
        const vf next_target = LOAD(vf, is_last ? r->last_values + i : targets + at + r->num_envs);
        const vf rest = vsel(terminated | truncated, vreal(0), LOAD(vf, carried + k));
        const vf delta = rho * (reward + gamma * bootstrap(r, at, terminated, truncated, next) - value);
        const vf correction = delta + gamma * c * rest;
        STORE(vf, carried + k, correction);
        STORE(vf, targets + at, value + correction);
        STORE(vf, advantages + at,
              rho * (reward + gamma * bootstrap(r, at, terminated, truncated, next_target) - value));
    })
}

/** G = r + gamma G', where G' is 0 after a termination and the final value after a truncation. */
static void discounted_returns(const operant_rollout *r, int64_t first, int64_t last, float *returns) {
    const vf gamma = vreal(r->gamma);
    BACKWARDS(r, first, last, {
        const vm terminated = load_flags(r->terminated + at), truncated = load_flags(r->truncated + at);
        const vf next = LOAD(vf, is_last ? r->last_values + i : carried + k);
        const vf sum = LOAD(vf, r->rewards + at) + gamma * bootstrap(r, at, terminated, truncated, next);
        STORE(vf, carried + k, sum);
        STORE(vf, returns + at, sum);
    })
}
