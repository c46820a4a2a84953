/* target.h: every environment compiled for one instruction set.
 *
 * A file in targets/ defines TARGET (the name to export), ISA, LANES, EXACT and RUNS_HERE (a condition), enables the
 * instructions, and includes this file. It is compiled once or in pieces, which takes less time if several compilers
 * run or little has changed. With OPERANT_GROUPS=4, each OPERANT_GROUP from 0 to 3 has a quarter of the environments,
 * and OPERANT_GROUP=4 has the rest of the code. */
#if !defined(OPERANT_GROUPS)
#define OPERANT_HAS(environment) 1
#define OPERANT_HAS_THE_REST 1
#else
#define OPERANT_HAS(environment) ((environment) % OPERANT_GROUPS == OPERANT_GROUP)
#define OPERANT_HAS_THE_REST (OPERANT_GROUP == OPERANT_GROUPS)
#endif

#include "core/lanes.h"
#include "core/trig.h"
#include "core/exponential.h"
#include "core/random.h"
#include "core/normal.h"
#include "core/interleave.h"

/** The generator for the step to b->clock of the environments from `i` on. */
LANE_FN rng step_rng(const operant_batch *b, int64_t i) {
#if EXACT
    /* -1 if a fresh state is observed */
    vi elapsed = (int32_t)(b->clock - 1 + b->limit - (uint32_t)b->view.deadline[i]);
    return (rng){(operant_pcg64 *)b->view.generator + i, elapsed, 0};
#else
    vu key0 = LOAD(vu, b->view.seed + i), key1 = LOAD(vu, b->view.seed + b->view.stride + i);
    vu episode = LOAD(vu, b->view.episode + i), elapsed = (b->clock - 1 + b->limit) - LOAD(vu, b->view.deadline + i);
    return (rng){key0, key1 ^ FOR_STEP, episode, elapsed * BLOCKS_PER_STEP, episode, 0, (vi)elapsed, 0};
#endif
}

/** A copy of a generator whose draws call the cipher. It is built member by member, so that each has a register. */
LANE_FN rng copy_rng(const rng *r) {
#if EXACT
    return (rng){r->generator, r->elapsed, 1};
#else
    return (rng){r->key0, r->key1, r->episode, r->block, r->spare, r->has_spare, r->elapsed, 1};
#endif
}

/** A copy of a generator from which nothing was drawn yet, so that the compiler knows this. */
LANE_FN rng copy_fresh_rng(const rng *r) {
#if EXACT
    return (rng){r->generator, 0, 1};
#else
    const vu none = (vu)vint(0);
    return (rng){r->key0, r->key1, r->episode, none, none, 0, (vi)none, 1};
#endif
}

/** True in every lane if there is a time limit. */
LANE_FN vm vlimited(const operant_batch *b) { return b->limit ? vint(0) == 0 : vint(0) != 0; }

/* X(step) is cartpole_step while OPERANT_ENV is cartpole. */
#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)
#define X(name) PASTE(OPERANT_ENV, name)
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define KERNEL(name) PASTE(TARGET, name) /* operant_avx2_cartpole */
#include "build/environments.h"

#if OPERANT_HAS_THE_REST
#define DECLARE(name) extern const operant_kernel KERNEL(name);
OPERANT_ENVIRONMENTS(DECLARE)
#define ADDRESS(name) &KERNEL(name),
static const operant_kernel *const kernels[] = {OPERANT_ENVIRONMENTS(ADDRESS) NULL};

/* A library uses the core's passes, so it does not compile them again. */
#if defined(OPERANT_LIBRARY)
#define PASSES NULL
#else
#include "core/actions.h"
#include "core/episodes.h"
static const operant_passes passes = {take_actions, step_chunk, reset_listed, observe_all, NULL};
#define PASSES &passes
#endif

#if EXACT || defined(OPERANT_LIBRARY)
#define ROLLOUT_KERNELS NULL
#else
#include "rollout/kernels.h"
#define ROLLOUT_KERNELS &rollout_kernels
#endif

/* Without a fused multiply-add, training takes the scalar target, whose C library has one. */
#if EXACT || defined(OPERANT_LIBRARY) || (LANES == 4 && !defined(__aarch64__) && !defined(OPERANT_UNFUSED))
#define TRAIN_KERNELS NULL
#else
#include "train/kernels.h"
#define TRAIN_KERNELS &train_kernels
#endif

static bool runs_here(void) { return RUNS_HERE; }

const operant_target TARGET = {ISA, LANES, EXACT, sizeof(real), runs_here, PASSES, kernels, ROLLOUT_KERNELS,
                               TRAIN_KERNELS};
#endif
