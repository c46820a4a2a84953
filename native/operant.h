/* operant.h: the whole C interface of operant, and the very file that Python reads through cffi.
 *
 * A batch is N copies of one environment stepped together. Handles are opaque. A call that returns an operant_status
 * other than OPERANT_OK has left the batch as it was. Such calls on one batch must not overlap: one that finds another
 * under way returns OPERANT_BUSY. The others (operant_close, operant_view, ...) are for the batch's owner alone.
 * See examples/step.c. */
#ifndef OPERANT_H
#define OPERANT_H
#include <stdint.h>

typedef struct operant_batch operant_batch;

typedef enum {
    OPERANT_OK,
    OPERANT_BAD_ACTION,  /* operant_culprit() names the row */
    OPERANT_NOT_RESET,   /* step before the first reset */
    OPERANT_FINISHED,    /* autoreset is disabled and operant_culprit() is a row whose episode is over */
    OPERANT_BUSY,        /* another thread is inside a call on this batch */
    OPERANT_NO_MEMORY,
    OPERANT_BAD_ARGUMENT /* an unknown name or a number out of range; operant_open() says which in its message */
} operant_status;

typedef enum { OPERANT_NEXT_STEP, OPERANT_SAME_STEP, OPERANT_DISABLED } operant_autoreset;
typedef enum { OPERANT_INT32, OPERANT_INT64, OPERANT_FLOAT32, OPERANT_FLOAT64, OPERANT_UINT8 } operant_dtype;

/** An environment's sizes, read from its header: observations and actions are those of one of its `agents`, and `actions`
 *  is the number of discrete actions, 0 if they are continuous. What agents have goes in rows: that of agent k of
 *  environment i is i * agents + k. With one agent, a row is an environment. */
typedef struct {
    const char *name;
    int32_t state_size, param_count, observation_size, action_size, actions, agents;
    int32_t observation_dtype;    /* OPERANT_FLOAT32, OPERANT_INT64 or OPERANT_UINT8: that of every array of observations */
    const double *defaults;       /* [param_count] */
    const int32_t *action_counts; /* [action_size] how many choices each component has; 0 has `actions` of them */
} operant_env_info;

int32_t operant_env_count(void);
operant_env_info operant_env(int32_t index);

/** An environment that is no part of the core: a header of one's own, compiled with library/library.c and every file of
 *  targets/ into a shared library. It holds every target, and is opened and stepped as the built-in ones are. */
typedef struct operant_library operant_library;

/** Loads a library, or returns NULL with the reason in `message`. It stays loaded until the process ends, since batches
 *  run its code; a path that was loaded before returns the same library. Any thread may call it. */
const operant_library *operant_load(const char *path, char *message, int32_t message_size);
operant_env_info operant_library_env(const operant_library *library);

/** The targets compiled in, best first, the exact build last; name NULL past the end. */
const char *operant_isa(int32_t index);
int32_t operant_isa_runs_here(int32_t index);

typedef struct {
    const char *env;           /* "cartpole": the name of a header in envs/, or of the library's */
    const char *isa;           /* NULL for the best that runs here, or a name from operant_isa() */
    int64_t num_envs;          /* N */
    int64_t max_episode_steps; /* truncates after so many steps; 0 never does */
    int32_t exact;             /* 1: Gymnasium's bits in float64 on one lane */
    int32_t workers;           /* threads, the caller's included */
    int32_t autoreset;         /* operant_autoreset */
    const operant_library *library; /* which holds `env`; NULL for the built-in environments */
} operant_options;

/** A new batch, or NULL with the reason in `message`. */
operant_batch *operant_open(const operant_options *options, char *message, int32_t message_size);
void operant_close(operant_batch *batch);

/** Where the results of a step go, row by row: R = N * agents. */
typedef struct {
    void *observations;   /* [R, observation_size] */
    void *rewards;        /* [R] float, or double in the exact build */
    uint8_t *terminated;  /* [R] 0 or 1 */
    uint8_t *truncated;   /* [R] 0 or 1 */
} operant_output;

/** Seeds the environments that `mask` names (NULL: all). `words` holds each one's seed as `num_words` 32-bit words,
 *  least significant first: [N, num_words]. */
operant_status operant_seed(operant_batch *batch, const uint32_t *words, int32_t num_words, const uint8_t *mask);

/** Begins an episode in the environments that `mask` names (NULL: all) and writes their observations, leaving the
 *  other rows alone. `overrides` (NULL, or one number per parameter, NaN for none) holds for this reset only. */
operant_status operant_reset(operant_batch *batch, const uint8_t *mask, const double *overrides, void *observations);

/** One step of every environment. `actions` is [R, action_size] integers or floats, of type `dtype`. */
operant_status operant_step(operant_batch *batch, const void *actions, int32_t dtype, const operant_output *output);

/** operant_step for a batch of one agent with one discrete action, given as a number. */
operant_status operant_step_one(operant_batch *batch, int64_t action, const operant_output *output);

/** Writes the observation of every environment's present state. */
operant_status operant_observe(operant_batch *batch, void *observations);

/** Sets parameter `index` to values[0] (count 1) or to one value per environment (count N). */
operant_status operant_set_param(operant_batch *batch, int32_t index, const double *values, int64_t count);
/** From the next reset on, draws parameter `index` uniformly from [low, high) for every episode. */
operant_status operant_randomize(operant_batch *batch, int32_t index, double low, double high);

/** Which environments ended their episode in the last step and have not been reset since: [N] 0 or 1. */
operant_status operant_get_pending(operant_batch *batch, uint8_t *pending);
operant_status operant_set_pending(operant_batch *batch, const uint8_t *pending);

/** Copies `count` environments between two batches of the same environment and precision: row dst[i] of `to` becomes row
 *  src[i] of `from`, with its seed, elapsed steps, return and parameters, but not whether it is pending. NULL means
 *  0, 1, 2, ... Both must have the same max_episode_steps, and not be in use. */
operant_status operant_copy_rows(operant_batch *to, const int64_t *dst, const operant_batch *from, const int64_t *src,
                                 int64_t count);

/** The row that the last OPERANT_BAD_ACTION or OPERANT_FINISHED is about. */
int64_t operant_culprit(const operant_batch *batch);

/** Views of a batch's memory, valid until it is closed; `stride` is in elements from one row to the next. A real is a
 *  float, in the exact build a double; an integer of state is as wide as a real. */
typedef struct {
    void *state;            /* [state_size, stride] reals or integers, as the environment's header declares */
    void *params;           /* [param_count] reals; [param_count, stride] once they differ between environments */
    void *episode_return;   /* [agents, stride] reals: sum of rewards so far */
    int32_t *deadline;      /* [N] clock + max_episode_steps at the episode's start */
    uint32_t *episode;      /* [N] how many episodes have begun since the seed was set */
    uint32_t *seed;         /* [2, stride] fast build: low and high word */
    uint64_t *generator;    /* [N, 5] exact build: PCG64 state and increment, high word first, and what is kept of the last
                             * number that 32 bits were drawn from: the other 32, and above them whether they are due */
    int64_t stride, bytes;  /* bytes: all memory this batch holds */
    int32_t lanes, params_vary;
    const char *isa;
} operant_memory;
operant_memory operant_view(const operant_batch *batch);

/** The clock that deadlines are read against. It counts steps, modulo 2^32. */
uint32_t operant_clock(const operant_batch *batch);
/** Whether steps are allowed: after the first reset, or once state was written through operant_view() and marked. */
int32_t operant_is_ready(const operant_batch *batch);
void operant_mark_ready(operant_batch *batch);

/** The episodes that ended in the last step, in ascending order of environment. */
typedef struct {
    int64_t count;
    const int32_t *index;        /* [count] environments */
    const void *episode_return;  /* [count, agents] reals */
    const int32_t *length;       /* [count] */
    const void *observations;    /* [count, agents, observation_size], only with OPERANT_SAME_STEP: what the episodes ended on */
} operant_finished;
const operant_finished *operant_last_finished(const operant_batch *batch);

/** A hash of one fixed trajectory, the same on every machine and target: FNV-1a over observations, rewards and flags.
 *  0 if the environment is unknown or the target does not run here. `library` is as in operant_options. */
uint64_t operant_certificate(const operant_library *library, const char *env, const char *isa, int32_t exact,
                             int32_t workers);

/** Tells the exact build whether this process's NumPy evaluates float32 sin and cos with its own SIMD polynomials. */
void operant_numpy_simd_trig(int32_t enabled);

#endif
