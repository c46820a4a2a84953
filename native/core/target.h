/* target.h: every environment compiled for one instruction set. A file in targets/ defines TARGET (the name to export),
 * ISA, LANES, EXACT and RUNS_HERE, switches the instructions on, and includes this. */
#include "core/lanes.h"
#include "core/trig.h"
#include "core/exponential.h"
#include "core/random.h"
#include "core/normal.h"
#include "core/interleave.h"

#if defined(OPERANT_LIBRARY)
#define take_actions NULL /* the core lends its own */
#else
/** Reads one component of integer actions; remembers the first environment where it is not in [0, actions). */
#define TAKE_INTEGERS(name, type)                                                                                   \
    LANE_FN int name##_strided(const type *restrict from, lane_int *restrict to, int64_t count, int64_t components, \
                               int64_t actions) {                                                                   \
        uint64_t high = 0;                                                                                          \
        uint32_t largest = 0;                                                                                       \
        for (int64_t i = 0; i < count; i++) {                                                                       \
            uint32_t low = (uint32_t)from[i * components];                                                          \
            high |= (uint64_t)from[i * components] >> 32;                                                           \
            largest = low > largest ? low : largest;                                                                \
            to[i] = (lane_int)low;                                                                                  \
        }                                                                                                           \
        return high || largest >= (uint64_t)actions;                                                                \
    }                                                                                                               \
    static void name(const type *from, lane_int *to, int64_t count, int64_t components, int64_t actions,            \
                     int64_t *bad) {                                                                                \
        if (!(components == 1 ? name##_strided(from, to, count, 1, actions)                                         \
                              : name##_strided(from, to, count, components, actions)))                              \
            return;                                                                                                 \
        for (int64_t i = count; i-- > 0;)                                                                           \
            if (from[i * components] < 0 || from[i * components] >= actions) *bad = i;                              \
    }

/** Reads one component of float actions; remembers the first environment where it is NaN or infinite. What is finite but
 *  beyond float32 becomes its largest number, for the environment to clip. */
#define TAKE_FLOATS(name, type, word, exponent)                                                                     \
    LANE_FN int name##_strided(const type *restrict from, real *restrict to, int64_t count, int64_t components) {   \
        word bad = 0;                                                                                               \
        for (int64_t i = 0; i < count; i++) {                                                                       \
            type given = from[i * components];                                                                      \
            word bits;                                                                                              \
            memcpy(&bits, &given, sizeof bits);                                                                     \
            bad |= (bits & (exponent)) == (exponent);                                                               \
            given = given > (type)FLT_MAX ? (type)FLT_MAX : given;                                                  \
            to[i] = (float)(given < -(type)FLT_MAX ? -(type)FLT_MAX : given);                                       \
        }                                                                                                           \
        return bad != 0;                                                                                            \
    }                                                                                                               \
    static void name(const type *from, real *to, int64_t count, int64_t components, int64_t *bad) {                 \
        if (!(components == 1 ? name##_strided(from, to, count, 1) : name##_strided(from, to, count, components)))  \
            return;                                                                                                 \
        for (int64_t i = count; i-- > 0;)                                                                           \
            if (!isfinite(from[i * components])) *bad = i;                                                          \
    }

TAKE_INTEGERS(take_int32, int32_t)
TAKE_INTEGERS(take_int64, int64_t)
TAKE_FLOATS(take_float32, float, uint32_t, 0x7f800000u)
TAKE_FLOATS(take_float64, double, uint64_t, 0x7ff0000000000000u)

static void take_actions(operant_batch *b, operant_chunk *chunk, const void *actions, int32_t dtype) {
    const operant_env_info *info = &b->kernel->info;
    const int64_t first = chunk->first, count = chunk->last - first, components = (int64_t)info->agents * info->action_size;
    chunk->bad_action = -1;
    for (int64_t k = components; k-- > 0;) {
        int64_t bad = -1, source = first * components + k, column = k * b->view.stride + first;
        const int32_t choices = operant_choices(info, k);
        lane_int *integers = (lane_int *)b->actions + column;
        real *reals = (real *)b->actions + column;
        switch (dtype) {
        case OPERANT_INT32: take_int32((const int32_t *)actions + source, integers, count, components, choices, &bad); break;
        case OPERANT_INT64: take_int64((const int64_t *)actions + source, integers, count, components, choices, &bad); break;
        case OPERANT_FLOAT32: take_float32((const float *)actions + source, reals, count, components, &bad); break;
        default: take_float64((const double *)actions + source, reals, count, components, &bad);
        }
        const int64_t row = (first + bad) * info->agents + k / info->action_size;
        if (bad >= 0 && (chunk->bad_action < 0 || row < chunk->bad_action)) chunk->bad_action = row;
    }
}
#endif

/* X(step) is cartpole_step while OPERANT_ENV is cartpole. */
#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)
#define X(name) PASTE(OPERANT_ENV, name)
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#include "build/environments.h"

static const operant_kernel *const kernels[] = {OPERANT_ENVIRONMENTS};

#if EXACT || defined(OPERANT_LIBRARY)
#define ROLLOUT_KERNELS NULL
#else
#include "rollout/kernels.h"
#define ROLLOUT_KERNELS &rollout_kernels
#endif

const operant_target TARGET = {ISA, LANES, EXACT, sizeof(real), RUNS_HERE, take_actions, kernels, ROLLOUT_KERNELS};
