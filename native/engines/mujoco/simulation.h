/* simulation.h: one MuJoCo simulation as a task's header sees it.
 *
 * A task TASK defines, in the order of Gymnasium's operations, whose float64 results it returns to the bit:
 *
 *   TASK_options                       the list of its constructor options, and with it the struct TASK_params
 *   TASK_reads_cfrc_ext                1 if it reads cfrc_ext, for which mj_rnePostConstraint then follows every step
 *   TASK_terms                         what it reports: Gymnasium's infos, those of a reset first
 *   TASK_reset(d, c, p, g)             draws qpos and qvel
 *   TASK_place(d, c, p, terms)         writes the terms of a reset; returns the place of the next one
 *   TASK_before(d, c, p, was)          measures what the next step is compared with: at most MEASURED numbers
 *   TASK_after(d, c, p, was, a, o, terms)   the reward, the termination and the remaining terms
 *   TASK_observed(c, p)                how many numbers the observation has
 *   TASK_observe(d, c, p, to)          the observation
 *
 * and TASKS in mujoco.c lists it, unless it is a user's. The option `v4` chooses Gymnasium's older version. */
#ifndef OPERANT_MUJOCO_SIMULATION_H
#define OPERANT_MUJOCO_SIMULATION_H
#include "engines/engine.h"
#include "engines/numpy.h"

enum { MEASURED = 4 };

/** The arrays of one mjData, and of its model. */
typedef operant_mujoco_thread mujoco_data;

/** The numbers that all environments of a batch share. */
typedef struct {
    int32_t nq, nv, nu, nbody, ntendon;
    int32_t skipped; /* positions that the observation leaves out */
    int32_t body[4]; /* the bodies that the task names */
    int32_t frame_skip;
    bool fused, wide_costs; /* see operant_mujoco */
    const double *init_qpos, *init_qvel;
} mujoco_constants;

/** Seconds of a step. */
static inline double step_seconds(const mujoco_data *d, const mujoco_constants *c) {
    return *d->timestep * (double)c->frame_skip;
}

/** weight * np.sum(np.square(action)), in the action's type; the product in that of the weight if costs are wide. */
static inline double action_cost(double weight, const operant_action *a, const mujoco_constants *c) {
    if (a->wide) return weight * numpy_square_sum(a->values, c->nu);
    const float sum = numpy_square_sum_float(a->values, c->nu);
    return c->wide_costs ? weight * (double)sum : (double)((float)weight * sum);
}

static inline bool within(double x, double low, double high) { return low < x && x < high; }

/** True if a step earns the reward of the healthy: in v4 also the one that ends an episode. */
static inline bool rewarded(bool healthy, double terminate_when_unhealthy, double v4) {
    return healthy || (v4 != 0 && terminate_when_unhealthy != 0);
}

static inline bool all_finite(const double *x, int32_t n) {
    bool finite = true;
    for (int32_t i = 0; i < n; i++) finite &= isfinite(x[i]) != 0;
    return finite;
}

static inline void noise_uniform(double *to, const double *around, int32_t n, double scale, operant_pcg64 *g) {
    for (int32_t i = 0; i < n; i++) to[i] = around[i] + draw_uniform(g, -scale, scale);
}

static inline void noise_normal(double *to, const double *around, int32_t n, double scale, operant_pcg64 *g) {
    for (int32_t i = 0; i < n; i++) to[i] = around[i] + scale * draw_normal(g);
}

static inline double *put(double *to, const double *from, int64_t n) {
    memcpy(to, from, (size_t)n * sizeof *to);
    return to + n;
}

static inline double *put_clipped(double *to, const double *from, int64_t n, double low, double high) {
    for (int64_t i = 0; i < n; i++) to[i] = numpy_clip(from[i], low, high);
    return to + n;
}

/** Writes the numbers that follow. */
#define PUT(to, ...) put(to, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/** Defines TASK_params from TASK_OPTIONS, a list of OPTION(name), and the names for Python. */
#define OPTION_MEMBER(name) double name;
#define OPTION_NAME(name) #name,
#define DEFINE_OPTIONS(task, LIST)                        \
    typedef struct { LIST(OPTION_MEMBER) } task##_params; \
    static const char *const task##_options[] = {LIST(OPTION_NAME)};

#define AT_RESET(name) {name, 1, OPERANT_TERM_REAL, 1}
#define REAL(name) {name, 0, OPERANT_TERM_REAL, 1}
#define COST(name) {name, 0, OPERANT_TERM_COST, 1}

#endif
