/* target.h: every environment compiled for one instruction set. A file in targets/ defines TARGET (the name to export),
 * ISA, LANES, EXACT and RUNS_HERE, switches the instructions on, and includes this. */
#include "core/lanes.h"
#include "core/trig.h"
#include "core/random.h"
#include "core/interleave.h"

/** Reads integer actions; remembers the first environment whose action is not in [0, actions). */
#define TAKE_INTEGERS(name, type)                                                                                      \
    static void name(const type *restrict from, lane_int *restrict to, int64_t count, int64_t actions, int64_t *bad) { \
        uint64_t high = 0;                                                                                             \
        uint32_t largest = 0;                                                                                          \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            uint32_t low = (uint32_t)from[i];                                                                          \
            high |= (uint64_t)from[i] >> 32;                                                                           \
            largest = low > largest ? low : largest;                                                                   \
            to[i] = (lane_int)low;                                                                                     \
        }                                                                                                              \
        if (!high && largest < (uint64_t)actions) return;                                                              \
        for (int64_t i = count; i-- > 0;)                                                                              \
            if (from[i] < 0 || from[i] >= actions) *bad = i;                                                           \
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
    int64_t first = chunk->first, count = chunk->last - first, bad = -1;
    for (int32_t k = info->action_size; k-- > 0;) {
        int64_t found = -1, source = first * info->action_size + k, row = k * b->view.stride + first;
        switch (dtype) {
        case OPERANT_INT32: take_int32((const int32_t *)actions + source, (lane_int *)b->actions + row, count, info->actions, &found); break;
        case OPERANT_INT64: take_int64((const int64_t *)actions + source, (lane_int *)b->actions + row, count, info->actions, &found); break;
        case OPERANT_FLOAT32: take_float32((const float *)actions + source, (real *)b->actions + row, count, info->action_size, &found); break;
        default: take_float64((const double *)actions + source, (real *)b->actions + row, count, info->action_size, &found);
        }
        if (found >= 0 && (bad < 0 || found < bad)) bad = found;
    }
    chunk->bad_action = bad < 0 ? -1 : first + bad;
}

#include "build/environments.h"

static const operant_kernel *const kernels[] = {OPERANT_ENVIRONMENTS};

const operant_target TARGET = {ISA, LANES, EXACT, sizeof(real), RUNS_HERE, take_actions, kernels};
