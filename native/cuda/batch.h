/* batch.h: the kernels over a batch of OPERANT_ENV, whose header is included just before; core/batch.h for a GPU.
 *
 * A thread has one environment. When its episode ends, the thread begins the next one itself. So nothing is listed, and
 * no thread waits for another. The second pass of core/batch.h becomes a branch that few threads of a warp take. */
#include "cuda/layout.h"

enum { INT32 = 0, INT64 = 1, FLOAT32 = 2 }; /* operant_dtype */
enum { NEXT_STEP = 0, SAME_STEP = 1 };      /* operant_autoreset */
static const uint32_t EPISODE_OVER = 0x80000000u;

/* The type that X(observe) writes: vf, or vi for integers. */
template <class State, class Params, class Lane>
Lane observed_by(void (*)(const State *, rng *, const Params *, Lane *));
typedef decltype(observed_by(&X(observe))) observed;
template <class Lane> struct number_of { typedef int64_t type; };
template <> struct number_of<real> { typedef float type; };

enum {
    STATE_SIZE = sizeof(X(state)) / sizeof(vf),
    PARAM_COUNT = sizeof(X(params)) / sizeof(vf),
    AGENTS = X(agents),
    ACTION_COUNT = X(agents) * X(action_size),
    ROW_SIZE = X(agents) * X(observation_size)
};

#if X(observes_bits)
enum { PLANES = X(observes_bits), OBSERVED_SIZE = PLANES * ((ROW_SIZE + 31) / 32) };
#else
enum { PLANES = 0, OBSERVED_SIZE = ROW_SIZE };
#endif
#if X(observes_bytes) || X(observes_bits)
typedef uint8_t number;
#else
typedef number_of<observed>::type number;
#endif

/* The host relies on these sizes. It has the number of parameters from the same list. */
#define ONE_MORE(name, value, unit, low, high) +1
static_assert(PARAM_COUNT == 0 PARAMETERS(ONE_MORE),
              "X(params) must have the members that PARAMETERS lists, and no others");
static_assert(STATE_SIZE == OPERANT_STATE_SIZE, "the descriptor and the header differ");
static_assert(ROW_SIZE * sizeof(number) == OPERANT_ROW_BYTES, "the descriptor and the header differ");
static_assert(sizeof(operant_step_arguments) == OPERANT_STEP_BYTES, "arguments.py and layout.h differ");
static_assert(sizeof(operant_reset_arguments) == OPERANT_RESET_BYTES, "arguments.py and layout.h differ");

/* The bytes of one store. */
template <int BYTES> struct alignas(BYTES) word { uint8_t bytes[BYTES]; };

/** Stores an environment's numbers as one row, in the widest words to which all rows are aligned. */
template <class Number> LANE_FN void store_row(Number *row, const Number *numbers) {
    const int bytes = ROW_SIZE * sizeof(Number);
    const int width = bytes % 16 == 0 ? 16 : bytes % 8 == 0 ? 8 : bytes % 4 == 0 ? 4 : 1;
    UNROLLED for (int k = 0; k < bytes / width; k++) {
        word<width> part;
        memcpy(&part, (const char *)numbers + k * width, width);
        ((word<width> *)row)[k] = part;
    }
}

LANE_FN void store_observation(void *rows, int64_t i, const vf *observation) {
    store_row((float *)rows + i * ROW_SIZE, observation);
}

/** Stores planes of bits as a row of bytes, eight at a time. */
LANE_FN void store_bits(uint8_t *row, const vi *words) {
    for (int first = 0; first < ROW_SIZE; first += 8) {
        uint64_t bytes = 0;
        for (int plane = 0; plane < PLANES; plane++)
            bytes |= bytes_of_bits((uint32_t)words[plane * ((ROW_SIZE + 31) / 32) + first / 32] >> first % 32 & 255)
                     << plane;
        if (ROW_SIZE % 8 == 0) *(uint64_t *)(row + first) = bytes;
        else
            for (int k = 0; k < 8 && first + k < ROW_SIZE; k++) row[first + k] = (uint8_t)(bytes >> 8 * k);
    }
}

LANE_FN void store_observation(void *rows, int64_t i, const vi *observation) {
    number *row = (number *)rows + i * ROW_SIZE;
#if X(observes_bits)
    store_bits(row, observation);
#else
    number numbers[ROW_SIZE];
    for (int d = 0; d < ROW_SIZE; d++) numbers[d] = (number)observation[d];
    store_row(row, numbers);
#endif
}

LANE_FN X(params) load_params(const operant_device_batch &b, int64_t i) {
    X(params) p;
    const int64_t stride = b.params_vary ? b.stride : 1, column = b.params_vary ? i : 0;
    UNROLLED for (int k = 0; k < PARAM_COUNT; k++) ((vf *)&p)[k] = b.params[k * stride + column];
    return p;
}

LANE_FN X(state) load_state(const operant_device_batch &b, int64_t i) {
    X(state) s;
    UNROLLED for (int k = 0; k < STATE_SIZE; k++) ((vf *)&s)[k] = b.state[k * b.stride + i];
    return s;
}

LANE_FN void store_state(const operant_device_batch &b, int64_t i, const X(state) *s) {
    UNROLLED for (int k = 0; k < STATE_SIZE; k++) b.state[k * b.stride + i] = ((const vf *)s)[k];
}

LANE_FN rng make_rng(uint32_t key0, uint32_t key1, uint32_t episode, uint32_t block, uint32_t elapsed) {
    rng r;
    r.key0 = key0, r.key1 = key1, r.episode = episode, r.block = block, r.elapsed = (vi)elapsed;
    r.spare = 0, r.has_spare = 0, r.called = 0;
    return r;
}

/** The generator for the step of environment i that follows `elapsed` earlier ones of its episode. */
LANE_FN rng step_rng(const operant_device_batch &b, int64_t i, uint32_t elapsed) {
    return make_rng(b.seed[i], b.seed[b.stride + i] ^ FOR_STEP, b.episode[i], elapsed * BLOCKS_PER_STEP, elapsed);
}

/** Begins the next episode of environment i and writes its observation. */
LANE_FN void begin_episode(const operant_device_batch &b, int64_t i, const float *overrides, void *observations) {
    const uint32_t key0 = b.seed[i], key1 = b.seed[b.stride + i], episode = b.episode[i] + 1;
    b.episode[i] = episode;
    b.elapsed[i] = 0;
    rng r = make_rng(key0, key1 ^ FOR_PARAMS, episode, 0, 0);
    if (b.ranges)
        for (int k = 0; k < PARAM_COUNT; k++) {
            const float low = b.ranges[2 * k], high = b.ranges[2 * k + 1];
            if (low == low) b.params[k * b.stride + i] = uniform(&r, low, high);
        }
    X(params) p = load_params(b, i);
    if (overrides)
        UNROLLED for (int k = 0; k < PARAM_COUNT; k++) {
            vf *member = (vf *)&p + k;
            *member = overrides[k] == overrides[k] ? overrides[k] : *member;
        }
    r = make_rng(key0, key1 ^ FOR_RESET, episode, 0, 0);
    X(state) s;
    X(reset)(&s, &r, &p);
    observed observation[OBSERVED_SIZE];
    X(observe)(&s, &r, &p, observation);
    store_state(b, i, &s);
    for (int k = 0; k < AGENTS; k++) b.episode_return[k * b.stride + i] = 0;
    store_observation(observations, i, observation);
}

/** Writes the observation of the present state of environment i. */
LANE_FN void observe_present(const operant_device_batch &b, int64_t i, void *observations) {
    const X(params) p = load_params(b, i);
    const X(state) s = load_state(b, i);
    rng r = step_rng(b, i, (b.elapsed[i] & ~EPISODE_OVER) - 1);
    r.elapsed += 1;
    observed observation[OBSERVED_SIZE];
    X(observe)(&s, &r, &p, observation);
    store_observation(observations, i, observation);
}

/** Records a thread's error: *least keeps the lowest of all threads', and the alarm is set. */
LANE_FN void raise_alarm(const operant_device_batch &b, uint64_t *least, uint64_t what) {
    lower(least, what);
    *(volatile int32_t *)b.alarm = 1;
}

/** Reads component k of the actions of environment i; returns false if it is invalid. A finite number beyond float32's
 *  range becomes its largest number, for the environment to clip. */
LANE_FN bool take_action(const operant_step_arguments &a, int64_t i, int k, vi *action) {
    const int64_t at = i * ACTION_COUNT + k;
    const int64_t given = a.dtype == INT64 ? ((const int64_t *)a.actions)[at] : ((const int32_t *)a.actions)[at];
    *action = (vi)given;
    if (given >= 0 && given < a.batch.choices[k]) return true;
    const int64_t shown = given > 0x7fffffff ? 0x7fffffff : given < -0x7fffffff ? -0x7fffffff : given;
    raise_alarm(a.batch, a.batch.unusable, (uint64_t)(i * AGENTS + k / X(action_size)) << 32 | (uint32_t)shown);
    return false;
}

LANE_FN bool take_action(const operant_step_arguments &a, int64_t i, int k, vf *action) {
    const int64_t at = i * ACTION_COUNT + k;
    const double given = a.dtype == FLOAT32 ? (double)((const float *)a.actions)[at] : ((const double *)a.actions)[at];
    const double most = FLT_MAX;
    *action = (float)(given > most ? most : given < -most ? -most : given);
    if (given - given == 0) return true; /* neither infinite nor NaN */
    raise_alarm(a.batch, a.batch.unusable, (uint64_t)(i * AGENTS + k / X(action_size)) << 32 | bits_of((float)given));
    return false;
}

LANE_FN void store_flags(uint8_t *flags, int64_t i, bool flag) {
    UNROLLED for (int k = 0; k < AGENTS; k++) flags[i * AGENTS + k] = flag;
}

/** Writes `reward`, and flags that are 0, for environment i, which is not stepped. */
LANE_FN void store_nothing(const operant_step_arguments &a, int64_t i, float reward) {
    UNROLLED for (int k = 0; k < AGENTS; k++) a.rewards[i * AGENTS + k] = reward;
    store_flags(a.terminated, i, false);
    store_flags(a.truncated, i, false);
}

/** Steps environment i after `elapsed` earlier steps of its episode; true if its next episode begins at once. */
LANE_FN bool step_one(const operant_step_arguments &a, int64_t i, const X(action) *action, uint32_t elapsed) {
    const operant_device_batch &b = a.batch;
    const X(params) p = load_params(b, i);
    X(state) s = load_state(b, i);
    rng r = step_rng(b, i, elapsed);
    vf reward[AGENTS];
    const bool terminated = X(step)(&s, action, &r, &p, reward);
    const bool truncated = elapsed + 1 == b.limit, ended = terminated || truncated;
    r.elapsed += 1;
    observed observation[OBSERVED_SIZE];
    X(observe)(&s, &r, &p, observation);
    UNROLLED for (int k = 0; k < AGENTS; k++) {
        float *sum = b.episode_return + k * b.stride + i;
        const float total = *sum + reward[k];
        a.rewards[i * AGENTS + k] = reward[k];
        *sum = total;
        if (ended) {
            b.final_return[i * AGENTS + k] = total;
            b.return_sum[i * AGENTS + k] += total;
        }
    }
    store_flags(a.terminated, i, terminated);
    store_flags(a.truncated, i, truncated);
    if (ended) {
        b.final_length[i] = (int32_t)(elapsed + 1);
        b.count[i] += 1;
        b.length_sum[i] += (int32_t)(elapsed + 1);
        if (a.final_observations && !(a.final_truncated && terminated))
            store_observation(a.final_observations, i, observation);
        if (b.autoreset == SAME_STEP) return true;
    }
    b.elapsed[i] = (elapsed + 1) | (ended ? EPISODE_OVER : 0);
    store_state(b, i, &s);
    store_observation(a.observations, i, observation);
    return false;
}

/** Steps every environment, with the resets of the autoreset mode. An environment with an invalid action is not stepped
 *  and its reward is NaN. So is one whose episode is over in mode OPERANT_DISABLED. */
KERNEL(operant_step, operant_step_arguments) {
    const operant_device_batch &b = a.batch;
    const int64_t i = THREAD;
    if (i >= b.num_envs) return;
    X(action) action[ACTION_COUNT];
    bool usable = true;
    UNROLLED for (int k = 0; k < ACTION_COUNT; k++) usable &= take_action(a, i, k, &action[k]);
    const uint32_t stored = b.elapsed[i], elapsed = stored & ~EPISODE_OVER;
    const bool over = stored != elapsed && b.autoreset != SAME_STEP; /* a snapshot may have set the bit */
    const bool due = over && b.autoreset == NEXT_STEP;
    if (!usable || (over && !due)) {
        if (over && !due) raise_alarm(b, b.over, (uint64_t)i);
        store_nothing(a, i, from_bits(0x7fc00000u));
        observe_present(b, i, a.observations);
        return;
    }
    if (due) store_nothing(a, i, 0);
    if (due || step_one(a, i, action, elapsed)) begin_episode(b, i, NULL, a.observations);
}

/** Begins an episode where the mask is not 0, and writes every observation. */
KERNEL(operant_reset, operant_reset_arguments) {
    const operant_device_batch &b = a.batch;
    const int64_t i = THREAD;
    if (i >= b.num_envs) return;
    if (a.mask && !a.mask[i]) {
        observe_present(b, i, a.observations);
        return;
    }
    begin_episode(b, i, a.overrides, a.observations);
}

/** Writes the observations of the present states. */
KERNEL(operant_observe, operant_reset_arguments) {
    if (THREAD < a.batch.num_envs) observe_present(a.batch, THREAD, a.observations);
}
