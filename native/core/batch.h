/* batch.h: the loops over a batch, compiled once for each environment and target. OPERANT_ENV names the environment, whose
 * header stands just before. Nothing here knows physics; nothing in the header knows of memory. */

#if X(one_lane) && LANES > 1
static const operant_kernel X(kernel) = {.info = {.name = TEXT(OPERANT_ENV)}};
#else

enum {
    X(state_size) = sizeof(X(state)) / sizeof(vf),
    X(param_count) = sizeof(X(params)) / sizeof(vf),
    X(action_count) = X(agents) * X(action_size), /* components of all agents' actions */
    X(row_size) = X(agents) * X(observation_size), /* numbers that an environment's agents observe */
    X(observes_integers) = __builtin_types_compatible_p(
        __typeof__(&X(observe)), void (*)(const X(state) *, rng *, const X(params) *, vi *))
};

/* Zeros unless the header defined them: this only declares them again if it did. */
static const int32_t X(action_counts)[X(action_size)];

/** One lane of an observation, and the number that leaves. */
typedef __typeof__(__builtin_choose_expr(X(observes_integers), vint(0), vreal(0))) X(observed);
#if X(observes_bytes) || X(observes_bits)
typedef uint8_t X(number);
_Static_assert(X(observes_integers), "what observes bytes or bits writes vi: see " TEXT(X(observe)));
#else
typedef __typeof__(__builtin_choose_expr(X(observes_integers), (int64_t)0, 0.0f)) X(number);
#endif

enum {
    X(row_bytes) = X(row_size) * sizeof(X(number)),
    X(number_dtype) = sizeof(X(number)) == 1 ? OPERANT_UINT8 : X(observes_integers) ? OPERANT_INT64 : OPERANT_FLOAT32
};

/* How many planes of bits X(observe) writes, and how many vectors in all. */
#if X(observes_bits)
enum { X(planes) = X(observes_bits), X(observed_size) = X(planes) * ((X(row_size) + 31) / 32) };
#else
enum { X(planes) = 0, X(observed_size) = X(row_size) };
#endif

/** Stores what LANES environments observe as LANES rows. */
LANE_FN void X(store_observation)(void *rows, const X(observed) *observation) {
    if (!X(observes_integers)) store_rows(rows, (const vf *)observation, X(row_size));
    else if (X(planes)) store_bit_rows(rows, (const vi *)observation, X(row_size), X(planes));
    else if (sizeof(X(number)) == 1) store_byte_rows(rows, (const vi *)observation, X(row_size));
    else store_integer_rows(rows, (const vi *)observation, X(row_size));
}

/** Parameters of the environments from `i` on: one set for all, or each its own. */
LANE_FN X(params) X(load_params)(const operant_batch *b, int64_t i, bool vary) {
    X(params) p;
    const real *from = b->view.params;
    if (vary) load_columns((vf *)&p, from + i, b->view.stride, X(param_count));
    else UNROLLED for (int k = 0; k < X(param_count); k++) ((vf *)&p)[k] = vreal(from[k]);
    return p;
}

LANE_FN X(state) X(load_state)(const operant_batch *b, int64_t i) {
    X(state) s;
    load_columns((vf *)&s, (const real *)b->view.state + i, b->view.stride, X(state_size));
    return s;
}

LANE_FN void X(store_state)(operant_batch *b, int64_t i, const X(state) *s) {
    store_columns((real *)b->view.state + i, (const vf *)s, b->view.stride, X(state_size));
}

/** The generator that the step to b->clock of the environments from `i` on draws from. */
LANE_FN rng X(step_rng)(operant_batch *b, int64_t i) {
#if EXACT
    vi elapsed = (int32_t)(b->clock - 1 + b->limit - (uint32_t)b->view.deadline[i]); /* -1 where observe finds a fresh state */
    return (rng){(operant_pcg64 *)b->view.generator + i, elapsed};
#else
    vu key0 = LOAD(vu, b->view.seed + i), key1 = LOAD(vu, b->view.seed + b->view.stride + i);
    vu episode = LOAD(vu, b->view.episode + i), elapsed = (b->clock - 1 + b->limit) - LOAD(vu, b->view.deadline + i);
    return (rng){key0, key1 ^ FOR_STEP, episode, elapsed * BLOCKS_PER_STEP, episode, 0, (vi)elapsed};
#endif
}

typedef X(action) X(action_anywhere) __attribute__((aligned(sizeof(real)), may_alias));

/** Where one block's results go: LANES rows for each agent. */
typedef struct { char *rows; real *rewards; uint8_t *terminated, *truncated; } X(block);

/** Every agent's flag is its environment's. */
LANE_FN void X(store_flags)(uint8_t *to, vm flags) {
    vb bytes = vbytes(flags);
    uint8_t each[LANES];
    if (X(agents) == 1) {
        memcpy(to, &bytes, LANES);
        return;
    }
    memcpy(each, &bytes, LANES);
    UNROLLED for (int lane = 0; lane < LANES; lane++) memset(to + lane * X(agents), each[lane], X(agents));
}

/** Steps the LANES environments from `i` on; returns which ended their episode. */
LANE_FN vm X(step_block)(operant_batch *b, int64_t i, const X(params) *p, vm limited, X(block) to) {
    X(state) s = X(load_state)(b, i);
    X(action) action[X(action_count)];
    UNROLLED for (int k = 0; k < X(action_count); k++)
        action[k] = *(const X(action_anywhere) *)((const real *)b->actions + k * b->view.stride + i);
    rng r = X(step_rng)(b, i);

    vf reward[X(agents)];
    vm terminated = X(step)(&s, action, &r, p, reward);
    X(store_state)(b, i, &s);
    X(observed) observation[X(observed_size)];
    r.elapsed += 1;
    X(observe)(&s, &r, p, observation);
    X(store_observation)(to.rows, observation);
    store_reals(to.rewards, reward, X(agents));
    UNROLLED for (int k = 0; k < X(agents); k++) {
        real *returns = (real *)b->view.episode_return + k * b->view.stride + i;
        STORE(vf, returns, LOAD(vf, returns) + reward[k]);
    }

    vm truncated = (vm)(LOAD(vw, b->view.deadline + i) == b->clock) & limited;
    X(store_flags)(to.terminated, terminated);
    X(store_flags)(to.truncated, truncated);
    return terminated | truncated;
}

/** The last block of a batch that is no multiple of LANES: the caller's arrays hold exactly N. */
static __attribute__((noinline)) int X(step_rest)(operant_batch *b, int64_t i, const X(params) *p, vm limited, X(block) to,
                                                  int32_t *finished) {
    size_t rest = (size_t)(b->num_envs - i);
    X(number) rows[LANES * X(row_size)];
    real rewards[LANES * X(agents)];
    uint8_t terminated[LANES * X(agents)], truncated[LANES * X(agents)];
    X(step_block)(b, i, p, limited, (X(block)){(char *)rows, rewards, terminated, truncated});
    memcpy(to.rows, rows, rest * X(row_bytes));
    memcpy(to.rewards, rewards, rest * X(agents) * sizeof(real));
    memcpy(to.terminated, terminated, rest * X(agents));
    memcpy(to.truncated, truncated, rest * X(agents));
    int count = 0;
    for (size_t lane = 0; lane < rest; lane++)
        if (terminated[lane * X(agents)] | truncated[lane * X(agents)]) finished[count++] = (int32_t)(i + (int64_t)lane);
    return count;
}

/** Steps a chunk and lists the environments that ended their episode. */
LANE_FN void X(step_all)(operant_batch *shared, operant_chunk *chunk, const operant_output *output, bool vary) {
    operant_batch local, *b = &local; /* its pointers stay in registers: nothing that is stored aliases them */
    memcpy(b, shared, offsetof(operant_batch, busy));
    const vm limited = b->limit ? vint(0) == 0 : vint(0) != 0;
    X(params) p = X(load_params)(b, 0, false);
    int32_t *finished = b->finished + chunk->first;
    int64_t count = 0, i = chunk->first;
    const int64_t row = i * X(agents);
    X(block) to = {(char *)output->observations + (size_t)i * X(row_bytes), (real *)output->rewards + row,
                   output->terminated + row, output->truncated + row};
#if EXACT
    /* A step may draw from the generator, but none is taken where a reset is due. */
    const int32_t *due = b->pending + chunk->first;
    const int32_t *last_due = due + (b->autoreset == OPERANT_NEXT_STEP ? chunk->pending : 0);
#endif
    const int rows = LANES * X(agents);
    for (int64_t last = chunk->last; i < last;
         i += LANES, to = (X(block)){to.rows + LANES * X(row_bytes), to.rewards + rows, to.terminated + rows, to.truncated + rows}) {
#if EXACT
        if (due < last_due && *due == i) {
            due++;
            continue;
        }
#endif
        if (vary) p = X(load_params)(b, i, true);
        if (LANES > 1 && __builtin_expect(i + LANES > last, 0)) {
            count += X(step_rest)(b, i, &p, limited, to, finished + count);
            break;
        }
        count += append_lanes(finished + count, X(step_block)(b, i, &p, limited, to), (int32_t)i);
    }
    chunk->finished = count;
}

static __attribute__((noinline)) void X(step_alike)(operant_batch *b, operant_chunk *chunk, const operant_output *output) {
    X(step_all)(b, chunk, output, false);
}
static __attribute__((noinline)) void X(step_varied)(operant_batch *b, operant_chunk *chunk, const operant_output *output) {
    X(step_all)(b, chunk, output, true);
}

/** Resets LANES listed environments at a time at full width; a short last group repeats its last one. */
static void X(reset_listed)(operant_batch *shared, const int32_t *index, int64_t count, const double *overrides, void *observations) {
    operant_batch local, *b = &local;
    memcpy(b, shared, offsetof(operant_batch, busy));
    const int64_t stride = b->view.stride;
    real *state = b->view.state, *params = b->view.params;
    const X(params) alike = X(load_params)(b, 0, false);
    const vu start = (vu)vint((lane_int)(b->clock + b->limit));
    for (int64_t first = 0; first < count; first += LANES) {
        int32_t group[LANES];
        const int32_t *at = index + first;
        if (LANES > 1 && first + LANES > count) {
            for (int lane = 0; lane < LANES; lane++) group[lane] = index[first + lane < count ? first + lane : count - 1];
            at = group;
        }
        union { X(params) lanes; vf each[X(param_count)]; } p = {alike};
        if (b->view.params_vary)
            UNROLLED for (int k = 0; k < X(param_count); k++) p.each[k] = vgather(params + k * stride, at);
#if EXACT
        rng r = {(operant_pcg64 *)b->view.generator + *at, 0};
        b->view.episode[*at] += 1;
        b->view.deadline[*at] = (int32_t)start;
#else
        const vu key0 = vgather_bits(b->view.seed, at), key1 = vgather_bits(b->view.seed + stride, at);
        const vu episode = vgather_bits(b->view.episode, at) + 1, none = key0 ^ key0;
        vscatter_bits(b->view.episode, at, episode);
        vscatter_bits((uint32_t *)b->view.deadline, at, start);
        rng r = {key0, key1 ^ FOR_PARAMS, episode, none, none, 0, (vi)none};
#endif
        if (b->ranges)
            for (int k = 0; k < X(param_count); k++) {
                if (!b->ranges[k].randomized) continue;
                p.each[k] = uniform(&r, vreal((real)b->ranges[k].low), vreal((real)b->ranges[k].high));
                vscatter(params + k * stride, at, p.each[k]);
            }
        if (overrides)
            for (int k = 0; k < X(param_count); k++)
                if (!isnan(overrides[k])) p.each[k] = vreal((real)overrides[k]);
#if !EXACT
        r = (rng){key0, key1 ^ FOR_RESET, episode, none, none, 0, (vi)none};
#endif
        union { X(state) lanes; vf each[X(state_size)]; } s;
        X(reset)(&s.lanes, &r, &p.lanes);
        X(observed) observation[X(observed_size)];
        X(observe)(&s.lanes, &r, &p.lanes, observation);
        X(number) rows[LANES * X(row_size)];
        X(store_observation)(rows, observation);
        for (int k = 0; k < X(state_size); k++) vscatter(state + k * stride, at, s.each[k]);
        UNROLLED for (int k = 0; k < X(agents); k++) vscatter((real *)b->view.episode_return + k * stride, at, vreal(0));
        for (int lane = 0; lane < LANES; lane++)
            memcpy((char *)observations + (size_t)at[lane] * X(row_bytes), (char *)rows + (size_t)lane * X(row_bytes),
                   X(row_bytes));
    }
}

/** One step of a chunk, to b->clock: physics for all, then the resets that the autoreset mode asks for. */
static void X(step_chunk)(operant_batch *b, operant_chunk *chunk, const operant_output *output) {
    (b->view.params_vary ? X(step_varied) : X(step_alike))(b, chunk, output);
    enum { A = X(agents) };
    const size_t row_bytes = X(row_bytes);
    int32_t *pending = b->pending + chunk->first, *finished = b->finished + chunk->first;

    if (b->autoreset == OPERANT_NEXT_STEP && chunk->pending) {
        /* Lanes whose episode ended in the last step were stepped along; the reset overwrites whatever came of that. */
        for (int64_t j = 0; j < chunk->pending; j++) {
            const int64_t row = (int64_t)pending[j] * A;
            memset((real *)output->rewards + row, 0, A * sizeof(real));
            memset(output->terminated + row, 0, A);
            memset(output->truncated + row, 0, A);
        }
        int64_t kept = 0;
        for (int64_t j = 0; j < chunk->finished; j++) {
            const int64_t row = (int64_t)finished[j] * A;
            finished[kept] = finished[j];
            kept += output->terminated[row] | output->truncated[row];
        }
        chunk->finished = kept;
        X(reset_listed)(b, pending, chunk->pending, NULL, output->observations);
    }

    for (int64_t j = 0; j < chunk->finished; j++) {
        int32_t i = finished[j];
        for (int k = 0; k < A; k++)
            ((real *)b->final_return)[(chunk->first + j) * A + k] = ((const real *)b->view.episode_return)[k * b->view.stride + i];
        b->final_length[chunk->first + j] = (int32_t)(b->clock + b->limit - (uint32_t)b->view.deadline[i]);
    }

    if (b->autoreset == OPERANT_SAME_STEP) {
        for (int64_t j = 0; j < chunk->finished; j++)
            memcpy((char *)b->final_observations + (size_t)(chunk->first + j) * row_bytes,
                   (const char *)output->observations + (size_t)finished[j] * row_bytes, row_bytes);
        X(reset_listed)(b, finished, chunk->finished, NULL, output->observations);
    } else {
        memcpy(pending, finished, (size_t)chunk->finished * sizeof *pending);
        chunk->pending = chunk->finished;
    }
}

/** The observation of every present state. */
static void X(observe_all)(operant_batch *b, void *observations) {
    X(params) p = X(load_params)(b, 0, false);
    for (int64_t i = 0; i < b->num_envs; i += LANES) {
        if (b->view.params_vary) p = X(load_params)(b, i, true);
        X(state) s = X(load_state)(b, i);
        rng r = X(step_rng)(b, i);
        r.elapsed += 1;
        X(observed) observation[X(observed_size)];
        X(observe)(&s, &r, &p, observation);
        X(number) rows[LANES * X(row_size)];
        X(store_observation)(rows, observation);
        int64_t count = b->num_envs - i < LANES ? b->num_envs - i : LANES;
        memcpy((char *)observations + (size_t)i * X(row_bytes), rows, (size_t)count * X(row_bytes));
    }
}

_Static_assert(sizeof X(defaults) == X(param_count) * sizeof(double), "one default for each parameter of " TEXT(OPERANT_ENV));
_Static_assert((int)X(param_count) <= (int)MAX_PARAMS, "too many parameters in " TEXT(OPERANT_ENV));

static const operant_kernel X(kernel) = {
    {TEXT(OPERANT_ENV), X(state_size), X(param_count), X(observation_size), X(action_size), X(actions), X(agents),
     X(number_dtype), X(defaults), X(action_counts)},
    X(step_chunk), X(reset_listed), X(observe_all),
};
#endif
