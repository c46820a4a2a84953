/* engine.h: what an engine gives the loop. The loop knows no engine, and an engine knows no batch.
 *
 * A simulation is one model with slots, in each of which one environment is simulated; a thread has `group` of them. An
 * environment is a row of numbers: `bind` loads it into a slot, `save` writes it back. Between them the functions work
 * on the slot's memory alone. */
#ifndef OPERANT_ENGINE_H
#define OPERANT_ENGINE_H
#include "core/layout.h"
#include "engines/engines.h"

typedef struct operant_simulation operant_simulation;

/** A step's action in the type in which it was given: Gymnasium's costs are float if the actions are. */
typedef struct {
    const void *values;
    bool wide; /* doubles, not floats */
} operant_action;

typedef struct {
    double reward;
    bool terminated;
} operant_outcome;

typedef struct {
    const char *task;    /* its name, valid as long as the program */
    int32_t row;         /* numbers of an environment's row */
    int32_t observation; /* D */
    int32_t action;      /* A */
    int32_t terms;       /* T */
    int32_t now, before, state, varied; /* see operant_engine_row */
} operant_simulation_sizes;

enum { MOST_SLOTS = 64 }; /* of a thread */

typedef struct {
    const char *name;
    int32_t group; /* how many slots a thread has, which `advance` steps at once: 1 to MOST_SLOTS */
    /** Makes a simulation with workers * group slots; returns NULL with the reason in `message`. */
    operant_simulation *(*open)(const operant_engine_options *, operant_simulation_sizes *, char *message,
                                int32_t size);
    void (*close)(operant_simulation *);
    /** Runs work(argument, worker); returns false, with the text in `message`, after a fatal error of the engine. */
    bool (*guard)(void (*work)(void *, int32_t), void *argument, int32_t worker, char *message, size_t size);
    /** Fills the row of environment `i` as it is before its first reset. */
    void (*prepare)(operant_simulation *, int64_t i, double *row);
    /** Loads a row into a slot. */
    void (*bind)(operant_simulation *, int32_t slot, const double *row);
    /** Begins an episode in the slot of the environment with this row, and reports the terms that a reset has. */
    void (*reset)(operant_simulation *, int32_t slot, operant_pcg64 *, double *row, double *terms);
    /** Steps `count` slots of one thread, from `slot` on, each with its action. */
    void (*advance)(operant_simulation *, int32_t slot, int32_t count, const operant_action *);
    /** Judges the step from `row`, the environment before it. */
    void (*after)(operant_simulation *, int32_t slot, const operant_action *, const double *row, operant_outcome *,
                  double *terms);
    void (*observe)(operant_simulation *, int32_t slot, double *to);
    /** Writes the slot's state into a row; `stepped` is false after a reset. */
    void (*save)(operant_simulation *, int32_t slot, double *row, bool stepped);
} operant_engine;

extern const operant_engine operant_mujoco_engine;

/** operant_open_engine() with an engine that need not be one of its list. */
operant_batch *operant_open_loop(const operant_engine *engine, const operant_engine_options *options, char *message,
                                 int32_t message_size);

#endif
