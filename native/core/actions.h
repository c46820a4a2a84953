/* actions.h: the pass that copies and checks a chunk's actions.
 *
 * The physics reads the copies in batch->actions, [agents * action_size, stride] integers or reals. A second pass looks
 * for an invalid action, only if there is one. */

/** Copies one component of integer actions; returns true if any is outside [0, choices). */
LANE_FN bool copy_integers(const void *restrict from, bool wide, lane_int *restrict to, int64_t count,
                           int64_t components, int64_t choices) {
    uint64_t high = 0;
    uint32_t largest = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t given = wide ? ((const int64_t *)from)[i * components] : ((const int32_t *)from)[i * components];
        uint32_t low = (uint32_t)given;
        high |= (uint64_t)given >> 32;
        largest = low > largest ? low : largest;
        to[i] = (lane_int)low;
    }
    return high || largest >= (uint64_t)choices;
}

/** Copies one component of float actions; returns true if any is NaN or infinite. */
LANE_FN bool copy_floats(const float *restrict from, real *restrict to, int64_t count, int64_t components) {
    const uint32_t exponent = 0x7f800000u;
    uint32_t bad = 0;
    for (int64_t i = 0; i < count; i++) {
        float given = from[i * components];
        uint32_t bits;
        memcpy(&bits, &given, sizeof bits);
        bad |= (bits & exponent) == exponent;
        to[i] = given;
    }
    return bad != 0;
}

/** Does the same with doubles. A finite one beyond float32's range becomes its largest, for the environment to clip. */
LANE_FN bool copy_doubles(const double *restrict from, real *restrict to, int64_t count, int64_t components) {
    const uint64_t exponent = 0x7ff0000000000000u;
    uint64_t bad = 0;
    for (int64_t i = 0; i < count; i++) {
        double given = from[i * components];
        uint64_t bits;
        memcpy(&bits, &given, sizeof bits);
        bad |= (bits & exponent) == exponent;
        given = given > (double)FLT_MAX ? (double)FLT_MAX : given;
        to[i] = (float)(given < -(double)FLT_MAX ? -(double)FLT_MAX : given);
    }
    return bad != 0;
}

/* The case of one component is separate: with the constant 1, compilers read the actions as vectors. */
static bool copy_int32(const int32_t *from, lane_int *to, int64_t count, int64_t components, int64_t choices) {
    return components == 1 ? copy_integers(from, false, to, count, 1, choices)
                           : copy_integers(from, false, to, count, components, choices);
}
static bool copy_int64(const int64_t *from, lane_int *to, int64_t count, int64_t components, int64_t choices) {
    return components == 1 ? copy_integers(from, true, to, count, 1, choices)
                           : copy_integers(from, true, to, count, components, choices);
}
static bool copy_float32(const float *from, real *to, int64_t count, int64_t components) {
    return components == 1 ? copy_floats(from, to, count, 1) : copy_floats(from, to, count, components);
}
static bool copy_float64(const double *from, real *to, int64_t count, int64_t components) {
    return components == 1 ? copy_doubles(from, to, count, 1) : copy_doubles(from, to, count, components);
}

/** Copies component `k` of a chunk's actions; returns true if any is invalid. */
static bool copy_actions(operant_batch *b, const operant_chunk *chunk, const void *actions, int32_t dtype, int64_t k) {
    const operant_env_info *info = &b->kernel->info;
    const int64_t components = (int64_t)info->agents * info->action_size, choices = operant_choices(info, k);
    const int64_t from = chunk->first * components + k, to = k * b->view.stride + chunk->first;
    const int64_t count = chunk->last - chunk->first;
    lane_int *integers = (lane_int *)b->actions + to;
    real *reals = (real *)b->actions + to;
    switch (dtype) {
    case OPERANT_INT32: return copy_int32((const int32_t *)actions + from, integers, count, components, choices);
    case OPERANT_INT64: return copy_int64((const int64_t *)actions + from, integers, count, components, choices);
    case OPERANT_FLOAT32: return copy_float32((const float *)actions + from, reals, count, components);
    default: return copy_float64((const double *)actions + from, reals, count, components);
    }
}

/** Returns true if number `index` of the actions is invalid: outside [0, choices), or not finite. */
static bool is_bad_action(const void *actions, int32_t dtype, int64_t index, int64_t choices) {
    switch (dtype) {
    case OPERANT_INT32: return ((const int32_t *)actions)[index] < 0 || ((const int32_t *)actions)[index] >= choices;
    case OPERANT_INT64: return ((const int64_t *)actions)[index] < 0 || ((const int64_t *)actions)[index] >= choices;
    case OPERANT_FLOAT32: return !isfinite(((const float *)actions)[index]);
    default: return !isfinite(((const double *)actions)[index]);
    }
}

/** Copies a chunk's actions. chunk->bad_action becomes the first row with an invalid one, -1 if there is none. */
static void take_actions(operant_batch *b, operant_chunk *chunk, const void *actions, int32_t dtype) {
    const operant_env_info *info = &b->kernel->info;
    const int64_t components = (int64_t)info->agents * info->action_size;
    bool bad = false;
    chunk->bad_action = -1;
    for (int64_t k = components; k-- > 0;) bad |= copy_actions(b, chunk, actions, dtype, k);
    for (int64_t i = chunk->first * components; bad && i < chunk->last * components; i++)
        if (is_bad_action(actions, dtype, i, operant_choices(info, i % components))) {
            chunk->bad_action = i / info->action_size;
            return;
        }
}
