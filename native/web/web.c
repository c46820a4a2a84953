/* web.c: the core as a WebAssembly module for pages: what JavaScript calls, with numbers and addresses only.
 *
 * Addresses are offsets in the module's memory. Structs that pages read or write have members of four bytes, or of
 * eight at multiples of eight; src/operant/web/core.js knows their order. A batch has SAME_STEP and one thread, and
 * holds the arrays of its steps. */
#include <math.h>

#include "core/fnv1a.h"
#include "core/layout.h"
#include "train/train.h"

#define EXPORT(name) __attribute__((export_name(#name)))

_Static_assert(sizeof(operant_env_info) == 10 * 4, "core.js reads ten members of four bytes");
_Static_assert(sizeof(operant_parameter) == 4 * 8, "core.js reads two addresses and three doubles");

typedef struct {
    operant_batch *batch;
    operant_env_info info;
    int64_t rows;
    operant_output output;
    void *actions;     /* [rows, action_size] int32_t or float */
    uint64_t random;   /* of random actions */
    double episodes[3]; /* so many have ended; sums of their returns and lengths */
} web_batch;

/* Environments. */

EXPORT(allocate) void *web_allocate(int32_t bytes) { return calloc(1, (size_t)bytes); }
EXPORT(release) void web_release(void *memory) { free(memory); }

EXPORT(isa) const char *web_isa(void) { return operant_isa(0); }

EXPORT(environment_count) int32_t web_environment_count(void) { return operant_env_count(); }

/** The facts of an environment; they are overwritten by the next call. */
EXPORT(environment) const operant_env_info *web_environment(int32_t index) {
    static operant_env_info info;
    info = operant_env(index);
    return &info;
}

/** The hash that docs/exactness.md lists under float32. */
EXPORT(certificate) uint64_t web_certificate(int32_t index) {
    return operant_certificate(NULL, operant_env(index).name, NULL, 0, 1);
}

/* Batches. */

EXPORT(batch_close) void web_batch_close(web_batch *w) {
    if (!w) return;
    operant_close(w->batch);
    free(w->output.observations), free(w->output.rewards), free(w->output.terminated), free(w->actions);
    free(w);
}

/** Returns a batch whose environments have the seeds `seed`, `seed` + 1, ... and have not been reset; NULL if no memory
 *  is left or a number is out of range. */
EXPORT(batch_open) web_batch *web_batch_open(int32_t index, int32_t num_envs, int32_t max_episode_steps,
                                             uint32_t seed) {
    web_batch *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->info = operant_env(index), w->random = seed;
    const operant_options options = {.env = w->info.name, .num_envs = num_envs, .workers = 1,
                                     .max_episode_steps = max_episode_steps, .autoreset = OPERANT_SAME_STEP};
    w->batch = operant_open(&options, NULL, 0);
    uint32_t *seeds = w->batch ? malloc((size_t)num_envs * sizeof *seeds) : NULL;
    if (!seeds) return web_batch_close(w), NULL;
    for (int32_t i = 0; i < num_envs; i++) seeds[i] = seed + (uint32_t)i;
    operant_seed(w->batch, seeds, 1, NULL);
    free(seeds);
    w->rows = (int64_t)num_envs * w->info.agents;
    const size_t rows = (size_t)w->rows;
    w->output.observations = calloc((size_t)num_envs, operant_row_bytes(&w->info));
    w->output.rewards = calloc(rows, sizeof(float));
    w->output.terminated = calloc(2, rows);
    w->actions = calloc(rows, (size_t)w->info.action_size * sizeof(float));
    if (!w->output.observations || !w->output.rewards || !w->output.terminated || !w->actions)
        return web_batch_close(w), NULL;
    w->output.truncated = w->output.terminated + rows;
    return w;
}

EXPORT(batch_reset) operant_status web_batch_reset(web_batch *w) {
    memset(w->episodes, 0, sizeof w->episodes);
    return operant_reset(w->batch, NULL, NULL, w->output.observations);
}

/** Writes the observations of the present states, after JavaScript has written to them. */
EXPORT(batch_observe) operant_status web_batch_observe(web_batch *w) {
    return operant_observe(w->batch, w->output.observations);
}

EXPORT(batch_set_parameter) operant_status web_batch_set_parameter(web_batch *w, int32_t index, double value) {
    return operant_set_param(w->batch, index, &value, 1);
}

EXPORT(batch_randomize) operant_status web_batch_randomize(web_batch *w, int32_t index, double low, double high) {
    return operant_randomize(w->batch, index, low, high);
}

/** Draws an action for every row: a choice, or a number from low[k] to high[k]. */
EXPORT(batch_draw_actions) void web_batch_draw_actions(web_batch *w, const float *low, const float *high) {
    const int64_t components = w->info.action_size;
    int32_t *integers = w->actions;
    float *floats = w->actions;
    for (int64_t i = 0, k = 0; i < w->rows * components; i++, k = k + 1 < components ? k + 1 : 0) {
        const uint64_t drawn = operant_splitmix64(&w->random) >> 32;
        if (w->info.actions) integers[i] = (int32_t)(drawn * (uint64_t)operant_choices(&w->info, k) >> 32);
        else floats[i] = low[k] + (high[k] - low[k]) * (float)drawn * 0x1p-32f;
    }
}

/** Steps `count` times with the actions in the array. */
EXPORT(batch_step) operant_status web_batch_step(web_batch *w, int32_t count) {
    const int32_t dtype = w->info.actions ? OPERANT_INT32 : OPERANT_FLOAT32;
    for (int32_t step = 0; step < count; step++) {
        const operant_status status = operant_step(w->batch, w->actions, dtype, &w->output);
        if (status != OPERANT_OK) return status;
        const operant_finished *f = operant_last_finished(w->batch);
        w->episodes[0] += (double)f->count;
        for (int64_t k = 0; k < f->count; k++) {
            for (int64_t a = 0; a < w->info.agents; a++)
                w->episodes[1] += ((const float *)f->episode_return)[k * w->info.agents + a] / (float)w->info.agents;
            w->episodes[2] += f->length[k];
        }
    }
    return OPERANT_OK;
}

EXPORT(batch_observations) void *web_batch_observations(web_batch *w) { return w->output.observations; }
EXPORT(batch_rewards) float *web_batch_rewards(web_batch *w) { return w->output.rewards; }
EXPORT(batch_terminated) uint8_t *web_batch_terminated(web_batch *w) { return w->output.terminated; }
EXPORT(batch_actions) void *web_batch_actions(web_batch *w) { return w->actions; }
EXPORT(batch_episodes) double *web_batch_episodes(web_batch *w) { return w->episodes; }
/** [state_size, stride] floats or int32_t: number k of environment i is at k * stride + i. */
EXPORT(batch_state) void *web_batch_state(web_batch *w) { return operant_view(w->batch).state; }
EXPORT(batch_stride) int32_t web_batch_stride(web_batch *w) { return (int32_t)operant_view(w->batch).stride; }
/** [agents, stride] sums of the rewards since the episode began. */
EXPORT(batch_returns) float *web_batch_returns(web_batch *w) { return operant_view(w->batch).episode_return; }

/* Trainers. */

enum { WEB_LAYERS = 8 };

typedef struct {
    int32_t steps, epochs, minibatches, seed, activation, squash;
    int32_t normalize_observations, normalize_rewards;
    int32_t hidden_layers, hidden[WEB_LAYERS], value_hidden_layers, value_hidden[WEB_LAYERS];
    float learning_rate, gamma, lam, clip, value_coefficient, entropy_coefficient, max_grad_norm, log_std;
    int32_t part_count;
    const int32_t *parts;      /* [part_count, 5] the members of operant_part but `mask`, which pages do not read */
    const uint8_t *mask_table; /* as in operant_train_options, or NULL */
    const float *low, *high;   /* [action_size] of a continuous action */
} web_settings;

_Static_assert(sizeof(web_settings) == (8 + 2 * (1 + WEB_LAYERS) + 8 + 5) * 4, "core.js writes members of four bytes");

/** Returns a trainer for the rows of a batch, or NULL with the reason in `message`, which has room for 256 bytes. */
EXPORT(trainer_open) operant_trainer *web_trainer_open(const web_batch *w, const web_settings *s, char *message) {
    operant_part parts[64];
    int32_t choices[256];
    if (s->part_count < 0 || s->part_count > 64 || w->info.action_size > 256) return NULL;
    for (int32_t k = 0; k < s->part_count; k++) {
        const int32_t *p = s->parts + 5 * k;
        parts[k] = (operant_part){.dtype = p[0], .offset = p[1], .count = p[2], .choices = p[3], .start = p[4]};
    }
    for (int32_t k = 0; k < w->info.action_size; k++) choices[k] = operant_choices(&w->info, k);
    const operant_train_options options = {
        .rows = w->rows, .steps = s->steps, .part_count = s->part_count, .parts = parts,
        .row_bytes = (int32_t)(operant_row_bytes(&w->info) / (size_t)w->info.agents), .mask_table = s->mask_table,
        .action_size = w->info.action_size, .choices = w->info.actions ? choices : NULL, .low = s->low,
        .high = s->high, .squash = s->squash, .log_std = s->log_std, .hidden_layers = s->hidden_layers,
        .hidden = s->hidden, .value_hidden_layers = s->value_hidden_layers, .value_hidden = s->value_hidden,
        .activation = s->activation, .workers = 1, .epochs = s->epochs, .minibatches = s->minibatches,
        .seed = (uint64_t)s->seed, .normalize_observations = s->normalize_observations,
        .normalize_rewards = s->normalize_rewards, .normalize_advantages = 1, .learning_rate = s->learning_rate,
        .gamma = s->gamma, .lam = s->lam, .max_grad_norm = s->max_grad_norm,
        .value_coefficient = s->value_coefficient, .entropy_coefficient = s->entropy_coefficient, .clip = s->clip,
    };
    return operant_train_open(&options, message, 256);
}

EXPORT(trainer_close) void web_trainer_close(operant_trainer *t) { operant_train_close(t); }

EXPORT(trainer_adjust) operant_status web_trainer_adjust(operant_trainer *t, double learning_rate, double clip) {
    return operant_train_adjust(t, learning_rate, clip);
}

/** Plays a rollout in the batch and learns from it. */
EXPORT(trainer_update) operant_status web_trainer_update(operant_trainer *t, web_batch *w,
                                                         operant_train_metrics *metrics) {
    operant_experience experience;
    const operant_status status = operant_train_collect(t, w->batch, &experience);
    return status == OPERANT_OK ? operant_train_learn(t, &experience, metrics) : status;
}

/** Plays one greedy episode in each environment of a batch; returns their mean return, or NaN. */
EXPORT(trainer_evaluate) double web_trainer_evaluate(operant_trainer *t, web_batch *w) {
    double mean = NAN;
    return operant_train_evaluate(t, w->batch, &mean) == OPERANT_OK ? mean : NAN;
}

/** Writes the most probable actions for the batch's observations to its array of actions. */
EXPORT(trainer_act) operant_status web_trainer_act(operant_trainer *t, web_batch *w) {
    return operant_train_greedy(t, w->output.observations, w->rows, w->actions);
}

/** The mean return of the last episodes of the batch that the trainer learns in, NaN before the first has ended. */
EXPORT(trainer_recent_return) double web_trainer_recent_return(operant_trainer *t) {
    const operant_train_state *s = operant_train_view(t);
    const int64_t count = s->episodes < OPERANT_EPISODES ? s->episodes : OPERANT_EPISODES;
    double sum = 0;
    for (int64_t k = 0; k < count; k++) sum += s->returns[k];
    return count ? sum / (double)count : NAN;
}

EXPORT(trainer_parameters) float *web_trainer_parameters(operant_trainer *t) {
    return operant_train_view(t)->parameters;
}
EXPORT(trainer_parameter_count) int32_t web_trainer_parameter_count(operant_trainer *t) {
    return (int32_t)operant_train_view(t)->parameter_count;
}

/** Sets the statistics of the observations, from arrays [D]. */
EXPORT(trainer_set_moments) void web_trainer_set_moments(operant_trainer *t, double count, const double *mean,
                                                        const double *squares) {
    operant_moments *m = &operant_train_view(t)->observations;
    m->count = count;
    memcpy(m->mean, mean, (size_t)m->features * sizeof *mean);
    memcpy(m->squares, squares, (size_t)m->features * sizeof *squares);
}

/** Takes over the parameters and moments that JavaScript wrote. */
EXPORT(trainer_restored) operant_status web_trainer_restored(operant_trainer *t) { return operant_train_restored(t); }

/** The hash of the parameters, FNV-1a. */
EXPORT(trainer_hash) uint64_t web_trainer_hash(operant_trainer *t) {
    const operant_train_state *s = operant_train_view(t);
    return fnv1a(FNV1A_START, s->parameters, (size_t)s->parameter_count * sizeof(float));
}
