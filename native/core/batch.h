/* batch.h: the loops over a batch, compiled once for each environment and target.
 *
 * OPERANT_ENV names the environment, whose header is included just before. This file knows no physics; headers know no
 * memory layout. */

#if X(one_lane) && LANES > 1
/* An environment that asks for one lane gets an empty kernel here. */
const operant_kernel KERNEL(OPERANT_ENV) = {.info = {.name = TEXT(OPERANT_ENV)}};
#else
#ifndef PARAMETERS
#error "the header lists no parameters: see core/lanes.h, MEMBER"
#endif

enum {
    X(state_size) = sizeof(X(state)) / sizeof(vf),
    X(param_count) = sizeof(X(params)) / sizeof(vf),
    X(action_count) = X(agents) * X(action_size), /* components of all agents' actions */
    X(row_size) = X(agents) * X(observation_size), /* numbers that an environment's agents observe */
    X(observes_integers) = __builtin_types_compatible_p(
        __typeof__(&X(observe)), void (*)(const X(state) *, rng *, const X(params) *, vi *))
};

/* A tentative definition: all zeros, unless the header initialised the array. */
static const int32_t X(action_counts)[X(action_size)];

/** X(observed): a vector that X(observe) writes. X(number): the type of an observed number in the caller's array. */
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

/* The number of bit planes that X(observe) writes, and of all its vectors. */
#if X(observes_bits)
enum { X(planes) = X(observes_bits), X(observed_size) = X(planes) * ((X(row_size) + 31) / 32) };
#else
enum { X(planes) = 0, X(observed_size) = X(row_size) };
#endif

/** Stores the observations of LANES environments, X(agents) rows each. */
LANE_FN void X(store_observation)(void *rows, const X(observed) *observation) {
    if (!X(observes_integers)) store_rows(rows, (const vf *)observation, X(row_size));
    else if (X(planes)) store_bit_rows(rows, (const vi *)observation, X(row_size), X(planes));
    else if (sizeof(X(number)) == 1) store_byte_rows(rows, (const vi *)observation, X(row_size));
    else store_integer_rows(rows, (const vi *)observation, X(row_size));
}

LANE_FN X(state) X(load_state)(const operant_batch *b, int64_t i) {
    X(state) s;
    load_columns((vf *)&s, (const real *)b->view.state + i, b->view.stride, X(state_size));
    return s;
}

LANE_FN void X(store_state)(operant_batch *b, int64_t i, const X(state) *s) {
    store_columns((real *)b->view.state + i, (const vf *)s, b->view.stride, X(state_size));
}

typedef X(action) X(action_anywhere) __attribute__((aligned(sizeof(real)), may_alias));

/** Copies each environment's flag to all its agents. */
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

/** Steps the LANES environments from `i` on and writes their rows at `to`; returns those whose episode ended. */
LANE_FN vm X(step_lanes)(operant_batch *b, int64_t i, const X(params) *p, vm limited, const operant_output *to) {
    X(state) s = X(load_state)(b, i);
    X(action) action[X(action_count)];
    UNROLLED for (int k = 0; k < X(action_count); k++)
        action[k] = *(const X(action_anywhere) *)((const real *)b->actions + k * b->view.stride + i);
    rng r = step_rng(b, i);

    vf reward[X(agents)];
    vm terminated = X(step)(&s, action, &r, p, reward);
    X(store_state)(b, i, &s);
    X(observed) observation[X(observed_size)];
    r.elapsed += 1;
    X(observe)(&s, &r, p, observation);
    X(store_observation)(to->observations, observation);
    store_reals(to->rewards, reward, X(agents));
    UNROLLED for (int k = 0; k < X(agents); k++) {
        real *returns = (real *)b->view.episode_return + k * b->view.stride + i;
        STORE(vf, returns, LOAD(vf, returns) + reward[k]);
    }

    vm truncated = (vm)(LOAD(vw, b->view.deadline + i) == b->clock) & limited;
    X(store_flags)(to->terminated, terminated);
    X(store_flags)(to->truncated, truncated);
    return terminated | truncated;
}

/** Steps the whole blocks of a chunk whose parameters are all the same: the common, fast case. */
static void X(step_blocks)(operant_batch *shared, operant_chunk *chunk, const operant_output *output) {
    operant_batch local, *b = &local; /* a copy, whose pointers stay in registers because no store aliases them */
    memcpy(b, shared, offsetof(operant_batch, busy)); /* everything before `busy` */
    const vm limited = vlimited(b);
    X(params) p;
    UNROLLED for (int k = 0; k < X(param_count); k++) ((vf *)&p)[k] = vreal(((const real *)b->view.params)[k]);
    int32_t *finished = b->finished + chunk->first;
    int64_t count = 0, i = chunk->first;
    const int64_t row = i * X(agents);
    operant_output to = {(char *)output->observations + (size_t)i * X(row_bytes), (real *)output->rewards + row,
                         output->terminated + row, output->truncated + row};
#if EXACT
    /* Skip environments that wait for a reset, because stepping them would advance their generator. The fast build has
     * no generator state: it steps them, and the reset overwrites the results. */
    const int32_t *due = b->pending + chunk->first;
    const int32_t *last_due = due + (b->autoreset == OPERANT_NEXT_STEP ? chunk->pending : 0);
#endif
    for (int64_t last = chunk->last - (LANES - 1); i < last; i += LANES) {
#if EXACT
        if (due < last_due && *due == i) due++;
        else
#endif
            count += append_lanes(finished + count, X(step_lanes)(b, i, &p, limited, &to), (int32_t)i);
        to.observations = (char *)to.observations + LANES * X(row_bytes);
        to.rewards = (real *)to.rewards + LANES * X(agents);
        to.terminated += LANES * X(agents), to.truncated += LANES * X(agents);
    }
    chunk->finished = count;
}

/** Steps the LANES environments from `i` on with any parameters. */
static unsigned X(step_block)(operant_batch *b, int64_t i, const void *params, int64_t stride,
                              const operant_output *to) {
    X(params) p;
    load_columns((vf *)&p, params, stride, X(param_count));
    return mask_bits(X(step_lanes)(b, i, &p, vlimited(b), to));
}

/** Begins an episode in every lane. */
static void X(begin)(void *state, const void *random, const void *params, const operant_fresh *to) {
    rng r = copy_fresh_rng(random);
    X(state) s; /* a variable, in which compilers and `operant check` find a member that the header never sets */
    X(reset)(&s, &r, params);
    memcpy(state, &s, sizeof s);
    X(observed) observation[X(observed_size)];
    X(observe)(&s, &r, params, observation);
    X(number) rows[LANES * X(row_size)];
    X(store_observation)(rows, observation);
    const size_t row_bytes = X(row_bytes);
    const int32_t *index = to->index; /* padded to LANES by repeating the last entry */
    char *observations = to->observations;
    if (to->ended)
        for (size_t lane = 0; lane < (size_t)to->count; lane++)
            memcpy(to->ended + lane * row_bytes, observations + (size_t)index[lane] * row_bytes, row_bytes);
    for (int lane = 0; lane < LANES; lane++)
        memcpy(observations + (size_t)index[lane] * row_bytes, (char *)rows + (size_t)lane * row_bytes, row_bytes);
}

/** Writes the observation of every lane as a row. */
static void X(observe_block)(const void *state, const void *random, const void *params, void *rows) {
    rng r = copy_rng(random);
    X(observed) observation[X(observed_size)];
    X(observe)(state, &r, params, observation);
    X(store_observation)(rows, observation);
}

#define ENTRY(name, value, unit, low, high) {#name, unit, (double)(value), (double)(low), (double)(high)},
static const operant_parameter X(parameters)[] = {PARAMETERS(ENTRY)};
#undef ENTRY
_Static_assert(sizeof X(parameters) == X(param_count) * sizeof(operant_parameter),
               TEXT(X(params)) " must have the members that PARAMETERS lists, and no others");
_Static_assert((int)X(param_count) <= (int)MAX_PARAMS, "too many parameters in " TEXT(OPERANT_ENV));

const operant_kernel KERNEL(OPERANT_ENV) = {
    {TEXT(OPERANT_ENV), X(state_size), X(param_count), X(observation_size), X(action_size), X(actions), X(agents),
     X(number_dtype), X(parameters), X(action_counts)},
    X(step_blocks), X(step_block), X(begin), X(observe_block),
};
#endif
#undef PARAMETERS
