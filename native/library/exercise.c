/* exercise.c: a program for the sanitizers that calls the whole C interface, on every environment and runnable target.
 *
 * `make sanitize` compiles it with all environments, `operant check --sanitize` with one header's. Usage: exercise
 * [workers]. With more than one worker it uses only sizes that are really split. It ends with the number of batches and
 * trainers that were exercised, or prints the error. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollout/rollout.h"
#include "train/train.h"

static int batches, trainers;

static void expect(operant_status status, operant_status wanted, const char *what, const operant_options *o) {
    if (status == wanted) return;
    fprintf(stderr, "%s: %s with %s, N=%lld: status %d, not %d\n", what, o->env, o->isa, (long long)o->num_envs,
            (int)status,
            (int)wanted);
    exit(1);
}

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes);
    if (!memory) exit(2);
    return memory;
}

/** Valid actions of type `dtype`, in exactly as many bytes as the core may read. */
static void *make_actions(const operant_env_info *info, int64_t n, int32_t dtype, unsigned turn) {
    size_t count = (size_t)(n * info->agents * info->action_size);
    size_t size = dtype == OPERANT_INT32 || dtype == OPERANT_FLOAT32 ? 4 : 8;
    char *actions = allocate(count * size);
    for (size_t i = 0; i < count; i++) {
        int32_t own = info->action_counts[i % (size_t)info->action_size], choices = own ? own : info->actions;
        int value = (int)((turn + i) % (size_t)(choices ? choices : 5));
        int32_t narrow = value;
        int64_t wide = value;
        float single = (float)value - 2;
        double twice = single;
        const void *from = dtype == OPERANT_INT32     ? (void *)&narrow
                           : dtype == OPERANT_INT64   ? (void *)&wide
                           : dtype == OPERANT_FLOAT32 ? (void *)&single
                                                      : (void *)&twice;
        memcpy(actions + i * size, from, size);
    }
    return actions;
}

/** Makes action `index` invalid. */
static void spoil(void *actions, int64_t index, int32_t dtype) {
    switch (dtype) {
    case OPERANT_INT32: ((int32_t *)actions)[index] = -1; break;
    case OPERANT_INT64: ((int64_t *)actions)[index] = (int64_t)1 << 40; break;
    case OPERANT_FLOAT32: ((float *)actions)[index] = NAN; break;
    default: ((double *)actions)[index] = INFINITY;
    }
}

static void exercise(const operant_options *o, const operant_env_info *info) {
    char message[16]; /* too short for most messages */
    operant_batch *b = operant_open(o, message, sizeof message);
    if (!b) {
        fprintf(stderr, "operant_open: %s\n", message);
        exit(1);
    }
    batches++;
    /* Every array has exactly the size given in operant.h, so that a write beyond it is found. */
    size_t n = (size_t)o->num_envs, real = o->exact ? 8 : 4, agents = (size_t)info->agents, rows = n * agents;
    size_t number = info->observation_dtype == OPERANT_INT64 ? 8 : info->observation_dtype == OPERANT_UINT8 ? 1 : 4;
    void *observations = allocate(rows * (size_t)info->observation_size * number);
    operant_output output = {observations, allocate(rows * real), allocate(rows), allocate(rows)};
    uint8_t *mask = allocate(n);
    for (size_t i = 0; i < n; i++) mask[i] = i % 3 != 1;
    int32_t first_dtype = info->actions ? OPERANT_INT32 : OPERANT_FLOAT32;

    void *actions = make_actions(info, o->num_envs, first_dtype, 0);
    expect(operant_step(b, actions, first_dtype, &output), OPERANT_NOT_RESET, "step before reset", o);
    expect(operant_step_one(b, 0, &output), rows == 1 && info->actions ? OPERANT_NOT_RESET : OPERANT_BAD_ARGUMENT,
           "step_one", o);
    free(actions);

    for (int32_t words = 1; words <= 9; words += 4) {
        uint32_t *seeds = allocate(n * (size_t)words * 4);
        for (size_t i = 0; i < n * (size_t)words; i++) seeds[i] = (uint32_t)i * 2654435761u;
        expect(operant_seed(b, seeds, words, NULL), OPERANT_OK, "seed", o);
        expect(operant_seed(b, seeds, words, mask), OPERANT_OK, "masked seed", o);
        free(seeds);
    }
    double *overrides = allocate((size_t)info->param_count * 8);
    for (int32_t k = 0; k < info->param_count; k++) overrides[k] = k % 2 ? NAN : info->parameters[k].value;
    expect(operant_reset(b, NULL, overrides, observations), OPERANT_OK, "reset", o);

    uint8_t *pending = allocate(n);
    double *values = allocate(n * 8);
    operant_stopwatch watch = {allocate(n * 8), allocate(n * 4), 0};
    for (size_t i = 0; i < n; i++) watch.starts[i] = 0;
    operant_statistics statistics = {allocate(rows * 8), allocate(rows * 8), allocate(rows * 8), allocate(rows)};
    for (unsigned step = 0; step < 40; step++) {
        int32_t dtype = first_dtype + (int32_t)(step & 1);
        actions = make_actions(info, o->num_envs, dtype, step);
        operant_status status = operant_step(b, actions, dtype, &output);
        if (status == OPERANT_FINISHED && o->autoreset == OPERANT_DISABLED) {
            expect(operant_get_pending(b, pending), OPERANT_OK, "get_pending", o);
            expect(operant_reset(b, pending, NULL, observations), OPERANT_OK, "reset of finished ones", o);
            status = operant_step(b, actions, dtype, &output);
        }
        expect(status, OPERANT_OK, "step", o);
        const operant_finished *finished = operant_last_finished(b);
        for (int64_t k = 0; k < finished->count; k++) {
            int32_t i = finished->index[k];
            if (i < 0 || i >= o->num_envs || finished->length[k] < 1 ||
                !(output.terminated[(size_t)i * agents] | output.truncated[(size_t)i * agents]))
                expect(OPERANT_BAD_ARGUMENT, OPERANT_OK, "last_finished", o);
        }
        expect(operant_time_episodes(b, &watch, step, &statistics), OPERANT_OK, "time_episodes", o);
        for (size_t row = 0; row < rows && finished->count; row++)
            if (statistics.ended[row] != (statistics.lengths[row] > 0))
                expect(OPERANT_BAD_ARGUMENT, OPERANT_OK, "statistics", o);
        if (step == 10) expect(operant_reset(b, mask, NULL, observations), OPERANT_OK, "masked reset", o);
        if (step == 15) {
            expect(operant_get_pending(b, pending), OPERANT_OK, "get_pending", o);
            expect(operant_set_pending(b, pending), OPERANT_OK, "set_pending", o);
        }
        if (step == 20 && info->param_count)
            expect(operant_set_param(b, 0, &info->parameters[0].value, 1), OPERANT_OK, "set_param", o);
        if (step == 25 && info->param_count) {
            const operant_parameter *first = info->parameters;
            for (size_t i = 0; i < n; i++)
                values[i] = fmax(first->low, fmin(first->value * (1 + (double)(i % 5) / 100), first->high));
            expect(operant_set_param(b, 0, values, o->num_envs), OPERANT_OK, "set_param for each", o);
        }
        if (step == 30 && info->param_count) {
            int32_t last = info->param_count > 1;
            double low = info->parameters[last].value, high = fmin(low + fabs(low) * 0.1, info->parameters[last].high);
            expect(operant_randomize(b, last, low, high), OPERANT_OK, "randomize", o);
            expect(operant_reset(b, NULL, NULL, observations), OPERANT_OK, "randomised reset", o);
        }
        free(actions);
    }
    expect(operant_observe(b, observations), OPERANT_OK, "observe", o);

    /* Calls that must be refused. In DISABLED mode finished environments are refused first, so all are reset before. */
    expect(operant_reset(b, NULL, NULL, observations), OPERANT_OK, "reset", o);
    uint32_t clock = operant_clock(b);
    for (int32_t dtype = first_dtype; dtype <= first_dtype + 1; dtype++) {
        actions = make_actions(info, o->num_envs, dtype, 1);
        spoil(actions, ((int64_t)rows - 1) * info->action_size, dtype);
        expect(operant_step(b, actions, dtype, &output), OPERANT_BAD_ACTION, "bad action", o);
        if (operant_culprit(b) != (int64_t)rows - 1) expect(OPERANT_BAD_ARGUMENT, OPERANT_OK, "culprit", o);
        free(actions);
    }
    if (operant_clock(b) != clock) expect(OPERANT_BAD_ARGUMENT, OPERANT_OK, "clock after a refused step", o);
    expect(operant_step(b, NULL, first_dtype ^ 2, &output), OPERANT_BAD_ARGUMENT, "wrong kind of action", o);
    expect(operant_set_param(b, info->param_count, values, 1), OPERANT_BAD_ARGUMENT, "unknown parameter", o);
    expect(operant_set_param(b, 0, (double[]){NAN}, 1), OPERANT_BAD_ARGUMENT, "a parameter that is no number", o);
    expect(operant_randomize(b, 0, 1, 0), OPERANT_BAD_ARGUMENT, "empty range", o);
    expect(operant_seed(b, NULL, 0, NULL), OPERANT_BAD_ARGUMENT, "no words", o);

    /* Rows copied to and from another batch; parameters differ between environments in one of the two. */
    operant_options smaller = *o;
    smaller.num_envs = (o->num_envs + 1) / 2;
    smaller.workers = 1;
    operant_batch *other = operant_open(&smaller, NULL, 0);
    if (!other) exit(1);
    int64_t *copied = allocate((size_t)smaller.num_envs * 8);
    for (int64_t i = 0; i < smaller.num_envs; i++) copied[i] = o->num_envs - 1 - i;
    expect(operant_copy_environments(other, NULL, b, copied, smaller.num_envs), OPERANT_OK, "copy_environments", o);
    operant_mark_ready(other);
    expect(operant_copy_environments(b, copied, other, NULL, smaller.num_envs), OPERANT_OK, "copy back", o);
    copied[0] = o->num_envs;
    expect(operant_copy_environments(b, copied, other, NULL, 1), OPERANT_BAD_ARGUMENT, "index out of range", o);
    operant_close(other);

    operant_close(b);
    free(watch.starts), free(watch.restarting), free(statistics.returns), free(statistics.lengths);
    free(statistics.seconds), free(statistics.ended);
    free(copied), free(values), free(pending), free(overrides), free(mask), free(observations);
    free(output.rewards), free(output.terminated), free(output.truncated);
}

/** Calls the training kernels on one target, over arrays of exactly as many bytes as they may touch. */
static void exercise_rollout(const char *isa, int64_t steps, int64_t n, int32_t workers) {
    const operant_options o = {"a rollout", isa, n, 0, 0, workers, 0, NULL};
    const size_t size = (size_t)(steps * n);
    float *rewards = allocate(size * 4), *values = allocate(size * 4), *last_values = allocate((size_t)n * 4);
    float *first = allocate(size * 4), *second = allocate(size * 4);
    uint8_t *terminated = allocate(size), *truncated = allocate(size);
    for (size_t i = 0; i < size; i++) {
        rewards[i] = (float)(i % 7), values[i] = (float)(i % 5);
        terminated[i] = i % 11 == 0, truncated[i] = i % 13 == 0;
    }
    for (int64_t i = 0; i < n; i++) last_values[i] = (float)i;
    const operant_rollout r = {steps, n, rewards, values, terminated, truncated, values, last_values, 0.99f, 0.95f};
    expect(operant_gae(&r, isa, workers, first, second), OPERANT_OK, "gae", &o);
    expect(operant_vtrace(&r, values, 1, 1, isa, workers, first, second), OPERANT_OK, "vtrace", &o);
    expect(operant_discounted_returns(&r, isa, workers, first), OPERANT_OK, "discounted_returns", &o);
    expect(operant_gae(&r, isa, 0, first, second), OPERANT_BAD_ARGUMENT, "no workers", &o);
    expect(operant_gae(&r, "mmx", 1, first, second), OPERANT_BAD_ARGUMENT, "unknown target", &o);

    double *mean = calloc((size_t)n, 8), *squares = calloc((size_t)n, 8);
    if (!mean || !squares) exit(2);
    operant_moments m = {n, 0, mean, squares};
    expect(operant_update_moments(&m, rewards, steps, isa, workers), OPERANT_OK, "update_moments", &o);
    expect(operant_standardize(&m, rewards, steps, 1e-8, 10, 1, isa, rewards), OPERANT_OK, "standardize", &o);
    operant_moments scalar = {1, 0, mean, squares};
    expect(operant_update_moments(&scalar, values, steps * n, isa, workers), OPERANT_OK, "update_moments", &o);
    expect(operant_standardize(&scalar, values, steps * n, 1e-8, 0, 0, isa, first), OPERANT_BAD_ARGUMENT, "no clip",
           &o);
    free(rewards), free(values), free(last_values), free(first), free(second), free(terminated), free(truncated);
    free(mean), free(squares);
}

static operant_trainer *open_trainer(const operant_train_options *options) {
    char message[16];
    operant_trainer *t = operant_train_open(options, message, sizeof message);
    if (!t) {
        fprintf(stderr, "operant_train_open: %s\n", message);
        exit(1);
    }
    trainers++;
    return t;
}

/** An observation of each dtype of numbers and choices, and a mask for 6 choices. */
typedef struct {
    double position;
    int64_t floor;
    float speed[3];
    int32_t colour;
    int16_t card;
    int8_t sign;
    uint8_t lamps[2];
    uint8_t mask[6];
} sight;

static const operant_part sights[] = {
    {OPERANT_FLOAT64, offsetof(sight, position), 1, 0, 0}, {OPERANT_INT64, offsetof(sight, floor), 1, 5, 1000},
    {OPERANT_FLOAT32, offsetof(sight, speed), 3, 0, 0},    {OPERANT_INT32, offsetof(sight, colour), 1, 0, 0},
    {OPERANT_INT16, offsetof(sight, card), 1, 4, -2},      {OPERANT_INT8, offsetof(sight, sign), 1, 3, -1},
    {OPERANT_UINT8, offsetof(sight, lamps), 2, 2, 0},
};
static const operant_part sights_by_floor[] = {{OPERANT_INT64, offsetof(sight, floor), 1, 5, 1000},
                                               {OPERANT_INT8, offsetof(sight, sign), 1, 0, 0}};
static const operant_part floats[] = {{OPERANT_FLOAT32, 0, sizeof(sight) / 4, 0, 0}};

/** The kinds of trainers; their networks' sizes fill no vector. The first half has choices, the rest are continuous. */
enum { KINDS = 6 };

static operant_train_options make_kind(int kind) {
    static const int32_t wide[] = {17, 3}, narrow[] = {5}, three[] = {3}, two_and_four[] = {2, 4}, six[] = {6};
    static const float low[] = {-1, -2}, high[] = {1, 0.5f}, unbounded[] = {INFINITY, INFINITY};
    static const uint8_t table[5 * 6] = {1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1};
    operant_train_options o = {
        .row_bytes = sizeof(sight), .part_count = sizeof sights / sizeof *sights, .parts = sights, .action_size = 1,
        .hidden_layers = 2, .hidden = wide, .value_hidden_layers = 1, .value_hidden = narrow, .epochs = 2,
        .minibatches = 3, .seed = 1, .learning_rate = 1e-3f, .gamma = 0.99f, .lam = 0.95f, .max_grad_norm = 0.5f,
        .value_coefficient = 0.5f, .entropy_coefficient = 0.01f, .clip = 0.2f, .normalize_advantages = 1};
    if (kind == 0) o.choices = three;
    if (kind == 1) { /* two numbers with masks, shared layers, and every kind of clipping */
        o.action_size = 2, o.choices = two_and_four, o.activation = OPERANT_RELU, o.share = 1;
        o.mask = (operant_part){OPERANT_UINT8, offsetof(sight, mask), 6, 0, 0}, o.value_hidden_layers = 0;
        o.value_clip = 0.2f, o.dual_clip = 3, o.target_kl = 0.02f;
    }
    if (kind == 2) { /* a table of masks, and no hidden layers of the value */
        o.part_count = 2, o.parts = sights_by_floor, o.choices = six, o.mask_table = table;
        o.activation = OPERANT_SILU, o.value_hidden_layers = 0;
    }
    if (kind >= 3) o.action_size = 2, o.low = low, o.high = high;
    if (kind == 3) o.activation = OPERANT_SILU, o.share = 1, o.value_hidden_layers = 0, o.high = unbounded;
    if (kind == 4) o.squash = 1, o.log_std = -1, o.normalize_rewards = 1;
    if (kind == 5) { /* no hidden layers at all */
        o.hidden_layers = o.value_hidden_layers = 0, o.normalize_observations = o.normalize_rewards = 1;
        o.part_count = 1, o.parts = floats;
    }
    return o;
}

/** Rows of observations that suit every kind. */
static void *make_sights(int kind, int64_t rows) {
    const size_t bytes = (size_t)rows * sizeof(sight);
    sight *all = allocate(bytes);
    memset(all, 0, bytes);
    for (int64_t i = 0; i < rows; i++) {
        const float x = (float)(i % 13) / 8 - 1;
        all[i] = (sight){x, 1000 + i % 5, {x, -x, 2}, (int32_t)(i % 3), (int16_t)(i % 4 - 2), (int8_t)(i % 3 - 1),
                         {i & 1, 1}, {1, i & 1, 0, 1, 1, i & 1}};
        for (size_t k = 0; kind == 5 && k < sizeof(sight) / 4; k++)
            memcpy((char *)&all[i] + 4 * k, &(float){x * (float)k}, sizeof(float));
    }
    return all;
}

/** Copies the state of a trainer to another one that was opened alike, which then gives the same values. */
static void exercise_state(operant_trainer *t, const operant_train_options *options, const void *observations,
                           const operant_options *o) {
    operant_trainer *other = open_trainer(options);
    const operant_train_state *from = operant_train_view(t);
    operant_train_state *to = operant_train_view(other);
    const size_t count = (size_t)from->parameter_count, rows = (size_t)options->rows;
    memcpy(to->parameters, from->parameters, count * 4), memcpy(to->mean, from->mean, count * 4);
    memcpy(to->square, from->square, count * 4), to->descents = from->descents;
    memcpy(to->reward_sums, from->reward_sums, rows * 4);
    to->observations.count = from->observations.count, to->rewards.count = from->rewards.count;
    const operant_moments *moments[][2] = {{&to->observations, &from->observations}, {&to->rewards, &from->rewards}};
    for (int k = 0; k < 2; k++) {
        memcpy(moments[k][0]->mean, moments[k][1]->mean, (size_t)moments[k][1]->features * 8);
        memcpy(moments[k][0]->squares, moments[k][1]->squares, (size_t)moments[k][1]->features * 8);
    }
    expect(operant_train_restored(other), OPERANT_OK, "restored", o);
    float *values = allocate(rows * 4), *same = allocate(rows * 4);
    expect(operant_train_values(t, observations, options->rows, values), OPERANT_OK, "values", o);
    expect(operant_train_values(other, observations, options->rows, same), OPERANT_OK, "restored values", o);
    if (memcmp(values, same, rows * 4)) expect(OPERANT_BAD_ARGUMENT, OPERANT_OK, "values of a restored trainer", o);
    to->parameters[count - 1] = NAN;
    expect(operant_train_restored(other), OPERANT_NOT_FINITE, "restored NaN", o);
    operant_train_close(other);
    free(values), free(same);
}

/** Acts and learns with a kind of trainer on one target, over arrays of exactly as many bytes as it may touch. */
static void exercise_training(int kind, const char *isa, int64_t n, int32_t workers) {
    const operant_options o = {"training", isa, n, 0, 0, workers, 0, NULL};
    operant_train_options options = make_kind(kind);
    options.isa = isa, options.rows = n, options.steps = 6, options.workers = workers;
    operant_trainer *t = open_trainer(&options);
    const int64_t samples = options.steps * n, k = options.action_size;
    const size_t size = (size_t)samples, action = (size_t)k * 4;
    char *observations = make_sights(kind, samples + n), *actions = allocate(size * action);
    float *log_probs = allocate(size * 4), *rewards = allocate(size * 4), *final_values = allocate(size * 4);
    float *values = allocate(size * 4), *gradient = allocate((size_t)operant_train_view(t)->parameter_count * 4);
    void *bounded = allocate((size_t)n * action);
    uint8_t *terminated = allocate(size), *truncated = allocate(size);
    for (size_t i = 0; i < size; i++) {
        rewards[i] = (float)(i % 7), final_values[i] = 1;
        terminated[i] = i % 11 == 0, truncated[i] = i % 13 == 0;
    }
    for (int64_t step = 0; step < options.steps; step++) {
        char *taken = actions + step * n * k * 4;
        expect(operant_train_act(t, (uint32_t)step, observations + step * n * (int64_t)sizeof(sight), n, taken,
                                 step == 0 ? NULL : step == 1 ? taken : bounded, log_probs + step * n),
               OPERANT_OK, "act", &o);
    }
    expect(operant_train_values(t, observations, samples, values), OPERANT_OK, "values", &o);
    expect(operant_train_gradient(t, samples, observations, actions, log_probs, values, rewards, rewards, gradient),
           OPERANT_OK, "gradient", &o);
    const operant_experience e = {observations, actions, log_probs, rewards, terminated, truncated, final_values};
    operant_train_metrics metrics;
    for (int update = 0; update < 2; update++)
        expect(operant_train_learn(t, &e, &metrics), OPERANT_OK, "learn", &o);
    expect(operant_train_adjust(t, 1e-4, 0.1), OPERANT_OK, "adjust", &o);
    exercise_state(t, &options, observations, &o);
    expect(operant_train_greedy(t, observations, n, bounded), OPERANT_OK, "greedy", &o);

    /* Calls that must be refused. */
    expect(operant_train_adjust(t, NAN, 0.1), OPERANT_BAD_ARGUMENT, "a rate that is no number", &o);
    expect(operant_train_act(t, 0, NULL, n, actions, NULL, log_probs), OPERANT_BAD_ARGUMENT, "no observations", &o);
    expect(operant_train_gradient(t, samples + 1, observations, actions, log_probs, values, rewards, rewards, gradient),
           OPERANT_BAD_ARGUMENT, "a gradient of too many samples", &o);
    rewards[size - 1] = INFINITY;
    expect(operant_train_learn(t, &e, &metrics), OPERANT_NOT_FINITE, "an infinite reward", &o);
    spoil(actions, samples * k - 1, options.choices ? OPERANT_INT32 : OPERANT_FLOAT32);
    expect(operant_train_learn(t, &e, &metrics), OPERANT_BAD_ACTION, "a bad action", &o);
    if (kind < 3) {
        ((sight *)(void *)observations)[n - 1].floor = 999;
        expect(operant_train_act(t, 0, observations, n, actions, NULL, log_probs), OPERANT_BAD_ARGUMENT,
               "a number that is none of its choices", &o);
        expect(operant_train_greedy(t, observations, n, actions), OPERANT_BAD_ARGUMENT, "greedy with it", &o);
        expect(operant_train_values(t, observations, n, values), OPERANT_BAD_ARGUMENT, "its value", &o);
    }
    operant_train_close(t);
    free(observations), free(actions), free(log_probs), free(rewards), free(final_values), free(values);
    free(gradient), free(bounded), free(terminated), free(truncated);
}

/** Trains in a batch, and judges in another one. What no trainer takes is omitted. */
static void exercise_collecting(const operant_env_info *info, const char *isa, int64_t n, int32_t workers) {
    const operant_options o = {info->name, isa, n, 9, 0, workers, OPERANT_SAME_STEP, NULL};
    operant_options judges = o;
    judges.num_envs = 3;
    const int32_t k = info->action_size, hidden[] = {9}, dtype = info->observation_dtype;
    const int32_t size = dtype == OPERANT_INT64 ? 8 : dtype == OPERANT_UINT8 ? 1 : 4;
    const int32_t inputs = info->observation_size < 4096 ? info->observation_size : 4096;
    const operant_part numbers = {dtype, 0, inputs, 0, 0};
    int32_t *choices = allocate((size_t)k * 4);
    float *low = allocate((size_t)k * 4), *high = allocate((size_t)k * 4);
    int64_t outputs = 0;
    for (int32_t j = 0; j < k; j++) {
        choices[j] = info->action_counts[j] ? info->action_counts[j] : info->actions, low[j] = -1, high[j] = 1;
        outputs += info->actions ? choices[j] : 1;
    }
    if (k > 256 || outputs > 1024) {
        free(choices), free(low), free(high);
        return;
    }
    const operant_train_options options = {
        .isa = isa, .rows = n * info->agents, .steps = 12, .row_bytes = info->observation_size * size, .part_count = 1,
        .parts = &numbers, .action_size = k, .choices = info->actions ? choices : NULL, .low = low, .high = high,
        .hidden_layers = 1, .hidden = hidden, .share = 1, .workers = workers, .epochs = 1, .minibatches = 2,
        .learning_rate = 1e-3f, .gamma = 0.99f, .lam = 0.95f, .max_grad_norm = 0.5f, .clip = 0.2f};
    operant_trainer *t = open_trainer(&options);
    operant_batch *b = operant_open(&o, NULL, 0), *judge = operant_open(&judges, NULL, 0);
    if (!b || !judge) exit(1);
    void *observations = allocate((size_t)options.rows * (size_t)options.row_bytes);
    operant_experience e;
    operant_train_metrics metrics;
    double mean;
    expect(operant_train_collect(t, b, &e), OPERANT_NOT_RESET, "collect before reset", &o);
    expect(operant_reset(b, NULL, NULL, observations), OPERANT_OK, "reset", &o);
    for (int update = 0; update < 2; update++) {
        expect(operant_train_collect(t, b, &e), OPERANT_OK, "collect", &o);
        expect(operant_train_learn(t, &e, &metrics), OPERANT_OK, "learn from a batch", &o);
    }
    if (operant_train_view(t)->episodes < options.rows)
        expect(OPERANT_BAD_ARGUMENT, OPERANT_OK, "episodes of a batch", &o);
    expect(operant_train_evaluate(t, judge, &mean), OPERANT_OK, "evaluate", &o);
    if (n != 3) expect(operant_train_collect(t, judge, &e), OPERANT_BAD_ARGUMENT, "collect in other sizes", &o);
    operant_close(b), operant_close(judge), operant_train_close(t);
    free(observations), free(choices), free(low), free(high);
}

int main(int count, char **arguments) {
    int32_t workers = count > 1 ? atoi(arguments[1]) : 1;
    const int64_t single[] = {1, 2, 15, 16, 17, 67, 128}, split[] = {129, 200, 1000};
    const int64_t *sizes = workers > 1 ? split : single;
    int size_count = workers > 1 ? 3 : 7;
    for (int32_t e = 0; e < operant_env_count(); e++)
        for (int32_t t = 0; operant_isa(t); t++) {
            operant_env_info info = operant_env(e);
            int32_t exact = !strcmp(operant_isa(t), "exact");
            if (!operant_isa_runs_here(t)) continue;
            for (int s = 0; s < size_count; s++)
                for (int32_t mode = OPERANT_NEXT_STEP; mode <= OPERANT_DISABLED; mode++) {
                    const int64_t limit = s % 2 ? 9 : 0;
                    operant_options o = {info.name, operant_isa(t), sizes[s], limit, exact, workers, mode, NULL};
                    exercise(&o, &info);
                }
            if (!exact) exercise_collecting(&info, operant_isa(t), workers > 1 ? 150 : 17, workers);
            if (!operant_certificate(NULL, info.name, operant_isa(t), exact, workers)) {
                fprintf(stderr, "certificate of %s on %s is missing\n", info.name, operant_isa(t));
                return 1;
            }
        }
    for (int32_t t = 0; operant_isa(t); t++) {
        if (!strcmp(operant_isa(t), "exact") || !operant_isa_runs_here(t)) continue;
        for (int s = 0; s < size_count; s++) exercise_rollout(operant_isa(t), 1 + s, sizes[s], workers);
        exercise_rollout(operant_isa(t), 9, 1100, workers);
        for (int s = 0; s < size_count; s++)
            for (int kind = 0; kind < KINDS; kind++) exercise_training(kind, operant_isa(t), sizes[s], workers);
    }

    /* Options that must be refused, each with a message. */
    const char *known = operant_env(0).name;
    const operant_options refused[] = {
        {known, NULL, 0, 0, 0, 1, 0, NULL},     {known, NULL, -1, 0, 0, 1, 0, NULL},
        {known, NULL, 1, -1, 0, 1, 0, NULL},    {known, NULL, 1, 0, 0, 0, 0, NULL},
        {known, NULL, 1, 0, 0, 2000, 0, NULL},  {known, NULL, 1, 0, 0, 1, 7, NULL},
        {"no such", NULL, 1, 0, 0, 1, 0, NULL}, {NULL, NULL, 1, 0, 0, 1, 0, NULL},
        {known, "mmx", 1, 0, 0, 1, 0, NULL},
        {known, NULL, INT64_MAX, 0, 0, 1, 0, NULL},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char message[128] = "";
        if (operant_open(&refused[i], message, sizeof message) || !message[0]) {
            fprintf(stderr, "options %zu were not refused with a message\n", i);
            return 1;
        }
    }
    char missing[128] = "";
    if (operant_load("no such library", missing, sizeof missing) || !missing[0]) {
        fprintf(stderr, "a library that does not exist was not refused with a message\n");
        return 1;
    }
    operant_close(NULL);
    printf("exercised %d batches and %d trainers\n", batches, trainers);
    return 0;
}
