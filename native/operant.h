/* operant.h: the whole C interface of operant; Python reads this same file through cffi.
 *
 * A batch is N copies of one environment stepped together. Handles are opaque. A call that returns an operant_status
 * other than OPERANT_OK and OPERANT_ENGINE_FAILED has left the batch as it was. Such calls on one batch must not
 * overlap: a call made during another returns OPERANT_BUSY. The other calls (operant_close, operant_view, ...) are for
 * the batch's owner only. See examples/step.c. */
#ifndef OPERANT_H
#define OPERANT_H
#include <stdint.h>

typedef struct operant_batch operant_batch;

typedef enum {
    OPERANT_OK,
    OPERANT_BAD_ACTION,  /* an invalid action; operant_culprit() returns its row */
    OPERANT_NOT_RESET,   /* step before the first reset */
    OPERANT_FINISHED,    /* autoreset is disabled, and the episode of row operant_culprit() is over */
    OPERANT_BUSY,        /* another thread is inside a call on this batch */
    OPERANT_NO_MEMORY,
    OPERANT_BAD_ARGUMENT, /* an unknown name or a number out of range; the message of operant_open() names it */
    OPERANT_NOT_FINITE,   /* training met an infinite number or NaN: see train/train.h */
    OPERANT_ENGINE_FAILED /* a fatal error of the engine: see engines/engines.h. Only operant_close() is left to do */
} operant_status;

typedef enum { OPERANT_NEXT_STEP, OPERANT_SAME_STEP, OPERANT_DISABLED } operant_autoreset;
typedef enum {
    OPERANT_INT32,
    OPERANT_INT64,
    OPERANT_FLOAT32,
    OPERANT_FLOAT64,
    OPERANT_UINT8,
    OPERANT_INT8, /* this one and the next in observations for training only */
    OPERANT_INT16
} operant_dtype;

/** A parameter of an environment's physics, as its header lists it. */
typedef struct {
    const char *name, *unit;
    double value;     /* the default */
    double low, high; /* the lowest and highest value that make sense */
} operant_parameter;

/** An environment's sizes, read from its header. The sizes of observations and actions are those of one agent.
 *  `actions` is the number of discrete actions, 0 if they are continuous. Arrays over agents have a row for each agent:
 *  row i * agents + k belongs to agent k of environment i. With one agent, a row is an environment. */
typedef struct {
    const char *name;
    int32_t state_size, param_count, observation_size, action_size, actions, agents;
    int32_t observation_dtype;    /* of every array of observations: OPERANT_FLOAT32, OPERANT_INT64 or OPERANT_UINT8;
                                   * OPERANT_FLOAT64 with an engine */
    const operant_parameter *parameters; /* [param_count] */
    const int32_t *action_counts; /* [action_size] number of choices of each component; 0 stands for `actions` */
} operant_env_info;

int32_t operant_env_count(void);
operant_env_info operant_env(int32_t index);

/** An environment outside the core: a user's header, compiled with library/library.c and every file of targets/ into a
 *  shared library. It holds every target, and is opened and stepped like the built-in environments. */
typedef struct operant_library operant_library;

/** Loads a library, or returns NULL with the reason in `message`. It stays loaded until the process ends, since batches
 *  run its code. Loading a path again returns the same library. Any thread may call this. */
const operant_library *operant_load(const char *path, char *message, int32_t message_size);
operant_env_info operant_library_env(const operant_library *library);

/** The name of a compiled target, best first, the exact build last; NULL past the end. */
const char *operant_isa(int32_t index);
int32_t operant_isa_runs_here(int32_t index);

typedef struct {
    const char *env;           /* "cartpole": the name of a header in envs/, or of the library's header */
    const char *isa;           /* a name from operant_isa(), or NULL for the best that runs here */
    int64_t num_envs;          /* N */
    int64_t max_episode_steps; /* steps after which an episode is truncated; 0 for no limit */
    int32_t exact;             /* 1: Gymnasium's bits in float64 on one lane */
    int32_t workers;           /* number of threads, including the caller's */
    int32_t autoreset;         /* operant_autoreset */
    const operant_library *library; /* the library that holds `env`; NULL for the built-in environments */
} operant_options;

/** Returns a new batch, or NULL with the reason in `message`. Environment i has the seed i. */
operant_batch *operant_open(const operant_options *options, char *message, int32_t message_size);
void operant_close(operant_batch *batch);

/** The arrays that a step writes, row by row: R = N * agents. */
typedef struct {
    void *observations;   /* [R, observation_size] */
    void *rewards;        /* [R] float, or double in the exact build */
    uint8_t *terminated;  /* [R] 0 or 1 */
    uint8_t *truncated;   /* [R] 0 or 1 */
} operant_output;

/** Seeds the environments where `mask` is not 0 (NULL: all). `words` [N, num_words] holds each seed as `num_words`
 *  32-bit words, least significant first. */
operant_status operant_seed(operant_batch *batch, const uint32_t *words, int32_t num_words, const uint8_t *mask);

/** Begins an episode in the environments where `mask` is not 0 (NULL: all) and writes their observations. Other rows
 *  are not written. `overrides` (NULL, or one number per parameter: within its bounds, or NaN to keep it) applies to
 *  this reset only. */
operant_status operant_reset(operant_batch *batch, const uint8_t *mask, const double *overrides, void *observations);

/** Steps every environment. `actions` is [R, action_size] integers or floats, of type `dtype`. */
operant_status operant_step(operant_batch *batch, const void *actions, int32_t dtype, const operant_output *output);

/** Steps a batch with a single row that takes one discrete action. */
operant_status operant_step_one(operant_batch *batch, int64_t action, const operant_output *output);

/** Writes the observations of the present states. */
operant_status operant_observe(operant_batch *batch, void *observations);

/** Sets parameter `index` to values[0] (count 1) or to one value per environment (count N), within its bounds. */
operant_status operant_set_param(operant_batch *batch, int32_t index, const double *values, int64_t count);
/** From the next reset on, draws parameter `index` uniformly from [low, high) for every episode; both are finite. */
operant_status operant_randomize(operant_batch *batch, int32_t index, double low, double high);

/** Writes 1 for each environment whose episode ended in the last step and that was not reset since, else 0: [N]. */
operant_status operant_get_pending(operant_batch *batch, uint8_t *pending);
operant_status operant_set_pending(operant_batch *batch, const uint8_t *pending);

/** Copies `count` environments between two batches of the same environment and precision: environment dst[i] of `to`
 *  becomes src[i] of `from`, with its seed, elapsed steps, return and parameters, but without its pending flag. NULL
 *  means 0, 1, 2, ... Both batches must have the same max_episode_steps, and must not be in use. */
operant_status operant_copy_environments(operant_batch *to, const int64_t *dst, const operant_batch *from,
                                         const int64_t *src, int64_t count);

/** The row that caused the last OPERANT_BAD_ACTION or OPERANT_FINISHED. */
int64_t operant_culprit(const operant_batch *batch);

/** Views of a batch's memory, valid until it is closed. `stride` is the number of elements from one row to the next. A
 *  real is a float, or a double in the exact build. An integer in a state is as wide as a real. */
typedef struct {
    void *state;            /* [state_size, stride] reals or integers, as the environment's header declares; with an
                             * engine [N, state_size] doubles */
    void *params;           /* [param_count] reals; [param_count, stride] once they differ between environments */
    void *episode_return;   /* [agents, stride] reals: sum of rewards so far */
    int32_t *deadline;      /* [N] clock + max_episode_steps at the episode's start */
    uint32_t *episode;      /* [N] number of episodes begun since the seed was set */
    uint32_t *seed;         /* [2, stride] fast build: low and high word */
    uint64_t *generator;    /* [N, 5] exact build and engines: PCG64 state and increment, high word first; then the
                             * unused half of a number whose other 32 bits were drawn, with bit 32 set if that half is
                             * drawn next */
    int64_t stride, bytes;  /* bytes: all memory of this batch */
    int32_t lanes, params_vary;
    const char *isa;
} operant_memory;
operant_memory operant_view(const operant_batch *batch);

/** The clock that deadlines are compared with. It counts steps, modulo 2^32. */
uint32_t operant_clock(const operant_batch *batch);
/** Returns 1 if steps are allowed: after the first reset, or after operant_mark_ready(). */
int32_t operant_is_ready(const operant_batch *batch);
/** Allows steps once states have been written through operant_view(). */
void operant_mark_ready(operant_batch *batch);

/** The episodes that ended in the last step, in ascending order of environment. */
typedef struct {
    int64_t count;
    const int32_t *index;        /* [count] environments */
    const void *episode_return;  /* [count, agents] reals */
    const int32_t *length;       /* [count] */
    const void *observations;    /* [count, agents, observation_size] final observations, only with OPERANT_SAME_STEP */
} operant_finished;
const operant_finished *operant_last_finished(const operant_batch *batch);

/** When the episodes began, in seconds of any clock. */
typedef struct {
    double *starts;      /* [N] */
    int32_t *restarting; /* [N] the environments whose episode begins with the next step, */
    int64_t count;       /* so many */
} operant_stopwatch;

/** Statistics of the episodes that ended in one step, 0 in other rows. */
typedef struct {
    double *returns;  /* [R] */
    int64_t *lengths; /* [R] */
    double *seconds;  /* [R] rounded to a microsecond */
    uint8_t *ended;   /* [R] 1 where an episode ended */
} operant_statistics;

/** Writes the statistics of the last step, made at `now`. Call it after every step; if no episode ended in it, `to` may
 *  be NULL. */
operant_status operant_time_episodes(operant_batch *batch, operant_stopwatch *watch, double now,
                                     const operant_statistics *to);

/** The hash of one fixed trajectory, the same on every machine and target: FNV-1a over observations, rewards and flags.
 *  Returns 0 if the environment is unknown or the target does not run here. `library` is as in operant_options. */
uint64_t operant_certificate(const operant_library *library, const char *env, const char *isa, int32_t exact,
                             int32_t workers);

/** Tells the exact build if this process's NumPy evaluates float32 sin and cos with its own SIMD polynomials. */
void operant_numpy_simd_trig(int32_t enabled);

#endif
