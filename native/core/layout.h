/* layout.h: the structs of a batch, a kernel and a target, for every file of the core. */
#ifndef OPERANT_LAYOUT_H
#define OPERANT_LAYOUT_H
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "operant.h"

/** NumPy's PCG64: 128 bits of state and of increment, high word first. `half` is the upper half of the last number of
 *  which 32 bits were drawn; bit 32 is set if that half is drawn next. */
typedef struct { uint64_t state_high, state_low, increment_high, increment_low, half; } operant_pcg64;

#define OPERANT_PCG64_MULTIPLIER ((unsigned __int128)2549297995355413924ULL << 64 | 4865540595714422341ULL)

static inline uint64_t operant_pcg64_next(operant_pcg64 *g) {
    unsigned __int128 state = (unsigned __int128)g->state_high << 64 | g->state_low;
    state = state * OPERANT_PCG64_MULTIPLIER + ((unsigned __int128)g->increment_high << 64 | g->increment_low);
    g->state_high = (uint64_t)(state >> 64), g->state_low = (uint64_t)state;
    uint64_t folded = g->state_high ^ g->state_low;
    unsigned rotation = (unsigned)(g->state_high >> 58);
    return folded >> rotation | folded << (-rotation & 63);
}

static inline uint32_t operant_pcg64_next32(operant_pcg64 *g) {
    uint32_t kept = (uint32_t)g->half;
    bool due = g->half >> 32;
    g->half = kept;
    if (due) return kept;
    uint64_t next = operant_pcg64_next(g);
    g->half = (uint64_t)1 << 32 | next >> 32;
    return (uint32_t)next;
}

/** Steele, Lea & Flood's SplitMix64 (2014), for numbers that are independent of any environment's generator. */
static inline uint64_t operant_splitmix64(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void operant_seed_sequence(const uint32_t *words, int32_t num_words, uint32_t *state, int32_t count);
void operant_pcg64_seed(operant_pcg64 *g, const uint32_t *words, int32_t num_words);
float operant_numpy_sinf(float x);
float operant_numpy_cosf(float x);

enum { MAX_PARAMS = 128 };

/** One worker's share: environments [first, last). Its lists begin at index `first` of the batch's lists. */
typedef struct {
    int64_t first, last;
    int64_t pending;   /* number of its environments that ended in the last step and wait for their reset */
    int64_t finished;  /* number that ended in the last step */
    int64_t bad_action; /* its first row with an invalid action, or -1 */
} operant_chunk;

/** The bounds between which a parameter is drawn for every episode. */
typedef struct { bool randomized; double low, high; } operant_range;

typedef struct operant_pool operant_pool;
typedef struct operant_target operant_target;
typedef struct operant_loop operant_loop;

/** The places of the observations of fresh episodes: lane k of `count` is environment index[k]. */
typedef struct {
    const int32_t *index;
    int32_t count;
    char *observations; /* a row for every environment */
    char *ended;        /* [count] rows that receive the overwritten observations; or NULL */
} operant_fresh;

/** An environment compiled for a target. A block is LANES environments side by side. States, parameters and generators
 *  are vectors of the target's lanes. The functions are NULL if the target has several lanes and the environment is
 *  for one lane only. */
typedef struct {
    operant_env_info info;
    /** Steps the whole blocks of a chunk if all parameters are the same, and lists the episodes that ended. */
    void (*step_blocks)(operant_batch *, operant_chunk *, const operant_output *);
    /** Steps the block from environment `i` on and writes its rows at `to`; returns a bit for each lane whose episode
     *  ended. `params` has the lanes of each parameter, `stride` reals from those of the next. */
    unsigned (*step_block)(operant_batch *, int64_t i, const void *params, int64_t stride, const operant_output *to);
    /** Begins an episode in every lane. */
    void (*begin)(void *state, const void *random, const void *params, const operant_fresh *to);
    /** Writes the observation of every lane as a row. */
    void (*observe_block)(const void *state, const void *random, const void *params, void *rows);
} operant_kernel;

/** The passes over a batch that know no physics: core/actions.h and core/episodes.h. */
typedef struct {
    void (*take_actions)(operant_batch *, operant_chunk *, const void *actions, int32_t dtype);
    void (*step)(operant_batch *, operant_chunk *, const operant_output *);
    void (*reset)(operant_batch *, const int32_t *index, int64_t count, const double *overrides, void *observations);
    void (*observe)(operant_batch *, void *observations);
    void (*close)(operant_batch *); /* frees what the passes keep beside the batch; NULL if there is nothing */
} operant_passes;

struct operant_target {
    const char *isa;
    int32_t lanes, exact, real_size;
    bool (*runs_here)(void);
    const operant_passes *passes; /* NULL in a library, which uses those of the core's target with the same name */
    const operant_kernel *const *kernels; /* in the order of envs/, then NULL */
    const struct operant_rollout_kernels *rollout; /* NULL in the exact build */
    const struct operant_train_kernels *train;     /* NULL in the exact build and without a fused multiply-add */
};

/** The functions of the core that a library may call. */
typedef struct { float (*numpy_sinf)(float), (*numpy_cosf)(float); } operant_core_functions;

enum { OPERANT_ABI = 4 }; /* raise it when a struct of this file changes its meaning but not its size */

/** The table that a library exports as operant_library_table. The first numbers tell for which core it was compiled. */
struct operant_library {
    int32_t abi, batch_size, target_size, kernel_size;
    const operant_target *const *targets; /* best first, then NULL */
    operant_core_functions *core;         /* filled when it is loaded */
};

struct operant_batch {
    const operant_library *library; /* NULL: the environment is built in */
    const operant_target *target;
    const operant_kernel *kernel;
    const operant_passes *passes;
    operant_memory view;
    operant_finished last;
    operant_pool *pool;
    operant_chunk *chunks;
    int64_t num_envs;
    int64_t culprit;
    uint32_t clock, limit;
    int32_t workers, autoreset;
    bool ready; /* every environment has been reset once */
    bool failed; /* the engine met a fatal error */
    operant_loop *loop; /* of an engine: engines/loop.c; else NULL */
    void *actions;          /* [agents * action_size, stride] integers or reals */
    int32_t *pending;       /* [N] indices, chunk by chunk */
    int32_t *finished;      /* [N] indices, chunk by chunk */
    int32_t *final_length;  /* [N] beside `finished` */
    void *final_return;     /* [N, agents] beside `finished` */
    void *final_observations; /* [N, agents, D] beside `finished`, only with OPERANT_SAME_STEP */
    operant_range *ranges; /* [param_count], NULL until a parameter is randomised */
    void *varied_params; /* the second allocation, once parameters differ */
    atomic_int busy;     /* operant_process() during a call, else 0; last, because workers copy everything before it */
};

/** The number of choices of component `k` of an agent's discrete action; 0 if actions are continuous. */
static inline int32_t operant_choices(const operant_env_info *info, int64_t k) {
    const int32_t own = info->action_counts[k % info->action_size];
    return own ? own : info->actions;
}

/** The bytes of the observations of one environment's agents. */
static inline size_t operant_row_bytes(const operant_env_info *info) {
    const int32_t dtype = info->observation_dtype;
    size_t number = dtype == OPERANT_INT64 || dtype == OPERANT_FLOAT64 ? 8 : dtype == OPERANT_UINT8 ? 1 : 4;
    return (size_t)info->agents * (size_t)info->observation_size * number;
}

/** Makes a batch of `num_envs` environments with the target, kernel, passes, loop, library, workers and autoreset of
 *  `like`; see operant_open. */
operant_batch *operant_make_batch(const operant_batch *like, int64_t max_episode_steps, char *message, int32_t size);

/** A number of this process: never 0, and different in a forked child. */
int32_t operant_process(void);

operant_pool *operant_pool_open(int32_t workers);
void operant_pool_close(operant_pool *pool);
/** Runs job(argument, worker) for every worker at once, worker 0 on the calling thread; returns when all are done. */
void operant_pool_run(operant_pool *pool, int32_t workers, void (*job)(void *, int32_t), void *argument);

#endif
