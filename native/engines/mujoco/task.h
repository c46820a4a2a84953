/* task.h: the table of functions of a task, which its header defines: see simulation.h. */
#ifndef OPERANT_MUJOCO_TASK_H
#define OPERANT_MUJOCO_TASK_H
#include "engines/mujoco/simulation.h"

typedef struct {
    operant_mujoco_task names;
    bool post; /* it reads cfrc_ext, which mj_rnePostConstraint computes */
    void (*reset)(const mujoco_data *, const mujoco_constants *, const void *params, operant_pcg64 *);
    double *(*place)(const mujoco_data *, const mujoco_constants *, const void *params, double *terms);
    void (*before)(const mujoco_data *, const mujoco_constants *, const void *params, double *was);
    void (*after)(const mujoco_data *, const mujoco_constants *, const void *params, const double *was,
                  const operant_action *, operant_outcome *, double *terms);
    int32_t (*observed)(const mujoco_constants *, const void *params);
    void (*observe)(const mujoco_data *, const mujoco_constants *, const void *params, double *to);
} mujoco_task;

/** The table that a library of one task exports as operant_task_table. The first numbers tell for which core it was
 *  compiled. */
typedef struct {
    int32_t abi, task_size, data_size, constants_size;
    const mujoco_task *task;
} mujoco_task_library;

enum { MUJOCO_ABI = 1 }; /* raise it when a struct that a task sees changes its meaning but not its size */

#define COUNT(array) ((int32_t)(sizeof(array) / sizeof *(array)))

/** Defines the functions of a task with the types of mujoco_task: its params are a struct of its own. */
#define DEFINE_TASK(task)                                                                                              \
    static void task##_reset_any(const mujoco_data *d, const mujoco_constants *c, const void *p, operant_pcg64 *g) {   \
        task##_reset(d, c, p, g);                                                                                      \
    }                                                                                                                  \
    static double *task##_place_any(const mujoco_data *d, const mujoco_constants *c, const void *p, double *terms) {   \
        return task##_place(d, c, p, terms);                                                                           \
    }                                                                                                                  \
    static void task##_before_any(const mujoco_data *d, const mujoco_constants *c, const void *p, double *was) {       \
        task##_before(d, c, p, was);                                                                                   \
    }                                                                                                                  \
    static void task##_after_any(const mujoco_data *d, const mujoco_constants *c, const void *p, const double *was,    \
                                 const operant_action *a, operant_outcome *o, double *terms) {                         \
        task##_after(d, c, p, was, a, o, terms);                                                                       \
    }                                                                                                                  \
    static int32_t task##_observed_any(const mujoco_constants *c, const void *p) { return task##_observed(c, p); }     \
    static void task##_observe_any(const mujoco_data *d, const mujoco_constants *c, const void *p, double *to) {       \
        task##_observe(d, c, p, to);                                                                                   \
    }                                                                                                                  \
    static const mujoco_task task##_task = {                                                                           \
        {#task, task##_options, task##_terms, COUNT(task##_options), COUNT(task##_terms)},                             \
        task##_reads_cfrc_ext, task##_reset_any, task##_place_any, task##_before_any, task##_after_any,                \
        task##_observed_any, task##_observe_any};

#endif
