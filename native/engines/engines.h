/* engines.h: batches of environments that stand on an engine, such as MuJoCo, and not on a header of envs/.
 *
 * Such a batch is an operant_batch: once opened it is seeded, reset, stepped and closed by the functions of operant.h.
 * Its physics is the engine's, so its bits are those of the engine that is installed, on the CPU at hand. */
#ifndef OPERANT_ENGINES_H
#define OPERANT_ENGINES_H
#include "operant.h"

typedef struct {
    const char *engine;        /* "mujoco" */
    int64_t num_envs;          /* N */
    int64_t max_episode_steps; /* steps after which an episode is truncated; 0 for no limit */
    int32_t workers;           /* number of threads, including the caller's */
    int32_t autoreset;         /* operant_autoreset */
    int32_t narrow;            /* 1: observations, rewards and returns are float, not double; the physics is the same */
    const void *description;   /* what the engine needs: an operant_mujoco */
} operant_engine_options;

/** Returns a new batch, or NULL with the reason in `message`. Environment i has the seed i. */
operant_batch *operant_open_engine(const operant_engine_options *options, char *message, int32_t message_size);

/** A quantity that an environment reports beside its reward: Gymnasium's info of that name. */
typedef struct {
    const char *name;
    int32_t at_reset; /* 1: a reset reports it too */
    int32_t kind;     /* operant_term_kind */
    int32_t size;     /* how many numbers; -1: as many as the model has tendons */
} operant_term;

typedef enum {
    OPERANT_TERM_REAL,   /* a double */
    OPERANT_TERM_COST,   /* in the type of the actions, float or double, unless costs are wide */
    OPERANT_TERM_COUNT   /* an integer */
} operant_term_kind;

/** The report of a step or a reset, valid until the batch is closed. An environment that was reset reports the terms
 *  with `at_reset`; the others are 0 there. */
typedef struct {
    int32_t size;              /* T */
    const double *terms;       /* [T, N] */
    const uint8_t *begun;      /* [N] 1 where the last call began an episode */
    const double *final_terms; /* [T, N] of the last step before it began episodes, only with OPERANT_SAME_STEP */
} operant_terms;
operant_terms operant_last_terms(const operant_batch *batch);

/** For a batch of one, whose engine's memory others may have changed in place: takes the state from there. */
operant_status operant_engine_adopt(operant_batch *batch);

/** The engine's text of its fatal error, after OPERANT_ENGINE_FAILED. */
const char *operant_engine_message(const operant_batch *batch);

/** Where a batch's row has which part, in numbers: all of it is in operant_memory.state. */
typedef struct {
    int32_t now, before, size; /* the engine's own state now and before the last step, `size` numbers each */
    int32_t observation;       /* the last observation */
    int32_t varied;            /* the fields of the model that differ between environments */
} operant_engine_row;
operant_engine_row operant_engine_row_of(const operant_batch *batch);

/* MuJoCo. The core neither includes its headers nor links to it: Python hands over the addresses. */

/** A task of MuJoCo: what one header defines. The core has more of it than stands here. */
typedef struct {
    const char *name;
    const char *const *options; /* [option_count] their order in operant_mujoco.options */
    const operant_term *terms;  /* [term_count] */
    int32_t option_count, term_count;
} operant_mujoco_task;
/** The built-in task of this name, or NULL. */
const operant_mujoco_task *operant_mujoco_find_task(const char *name);
/** The task in a shared library that a user's header was compiled into, or NULL with the reason in `message`. */
const operant_mujoco_task *operant_mujoco_load_task(const char *path, char *message, int32_t message_size);

/** One thread's mjModel and mjData, and where their arrays stand. */
typedef struct {
    void *model, *data;
    double *qpos, *qvel, *ctrl, *xpos, *xipos, *site_xpos, *cinert, *cvel, *cfrc_ext, *qfrc_actuator, *qfrc_constraint;
    double *ten_length, *ten_velocity, *body_mass, *timestep;
} operant_mujoco_thread;

typedef enum { OPERANT_FIELD_DOUBLE, OPERANT_FIELD_FLOAT, OPERANT_FIELD_INT, OPERANT_FIELD_BYTE } operant_field_kind;

/** A field of the model that differs between environments. */
typedef struct {
    void *const *where;       /* [workers] its place in each thread's model */
    int32_t size, kind;       /* how many numbers, and their operant_field_kind */
    const double *rows;       /* [N, size] the first values */
    int32_t randomized;       /* 1: drawn for every episode, number k from [low[k], high[k]) */
    const double *low, *high; /* [size] */
} operant_mujoco_field;

/** A task with its model, its threads and the functions of libmujoco, by address. */
typedef struct {
    const operant_mujoco_task *task;
    void *step, *forward, *reset, *post, *get_state, *set_state, *set_const; /* mj_step, ..., mj_setConst */
    void *set_log_handler; /* mju_setLogHandler; NULL before MuJoCo 3.10 */
    void *user_error;      /* the address of the variable mju_user_error */
    void *time;            /* that of mjcb_time; NULL if there is none */
    int32_t nq, nv, nu, nbody, ntendon;
    int32_t state_size, state_spec; /* of mjSTATE_INTEGRATION */
    int32_t frame_skip;
    int32_t skipped;          /* how many positions the observation leaves out */
    int32_t body[4];          /* the bodies that the task names */
    int32_t fused;            /* 1: NumPy's dot product of doubles fuses multiply and add */
    int32_t wide_costs;       /* 1: the weight of the actions' cost is a double of NumPy's, which makes it one */
    const double *init_qpos, *init_qvel; /* read by every reset: they live as long as the batch */
    const double *options;    /* [option_count] */
    const operant_mujoco_thread *threads; /* [workers] */
    const operant_mujoco_field *fields;   /* [field_count] */
    int32_t field_count;
    int32_t keep_constants;   /* 1: mj_setConst follows each draw, and the fields that it computes are among `fields` */
} operant_mujoco;

/** The number of numbers that a task observes of a model: task, nq to ntendon, skipped and options must be set. */
int32_t operant_mujoco_observed(const operant_mujoco *description);

/** x.dot(x) of n numbers, with a fused multiply-add or without: for finding out which of them NumPy has. */
double operant_dot(const double *x, int32_t n, int32_t fused);
/** Fills `to` with Generator.standard_normal's numbers from a seed: for comparing them with NumPy's. */
void operant_standard_normals(const uint32_t *words, int32_t num_words, double *to, int64_t count);

#endif
