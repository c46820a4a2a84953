/* trainer.c: opens and closes trainers, acts, and plays in batches of the core. */
#include <stdarg.h>
#include <stdio.h>

#include "platform/platform.h"
#include "train/trainer.h"

static const int64_t MOST_SAMPLES = (int64_t)1 << 30;
static const int64_t MOST_EVENTS = (int64_t)1 << 62; /* steps of Adam, or episodes, in a state that is restored */

int32_t operant_train_version(void) { return 1; }

/* Stages. */

typedef struct {
    operant_trainer *trainer;
    int64_t tickets;
    train_compute *compute;
    void *argument;
} stage;

static void take_tickets(void *argument, int32_t worker) {
    const stage *s = argument;
    for (int64_t k; (k = atomic_fetch_add(&s->trainer->ticket, 1)) < s->tickets;)
        s->compute(s->argument, &s->trainer->scratches[worker], k);
}

void train_run(operant_trainer *t, int64_t tickets, train_compute *compute, void *argument) {
    stage s = {t, tickets, compute, argument};
    atomic_store(&t->ticket, 0);
    const int32_t workers = (int32_t)train_least(t->o.workers, tickets);
    if (workers > 1) operant_pool_run(t->pool, workers, take_tickets, &s);
    else take_tickets(&s, 0);
}

/* Acting. */

typedef struct {
    operant_trainer *trainer;
    const uint8_t *observations;
    int64_t rows;
    bool greedy;
    uint32_t draw;
    float *actions, *bounded; /* int32_t if they are discrete */
    float *log_probs;
} act_stage;

static void act_block(void *argument, train_scratch *c, int64_t block) {
    const act_stage *s = argument;
    operant_trainer *t = s->trainer;
    const int64_t first = block * TRAIN_BLOCK, rows = train_least(s->rows - first, TRAIN_BLOCK);
    const train_rows from = {s->observations + first * t->row_bytes, NULL};
    train_take_rows(t, c, from, rows);
    train_forward(&t->model, t->kernels, TRUNK, &c->a, rows);
    train_forward(&t->model, t->kernels, POLICY, &c->a, rows);
    train_check_outputs(t, c, rows);
    if (!train_mask_rows(t, c, from, rows)) train_report(t, TRAIN_MISFIT);
    const int64_t at = first * t->action_size;
    if (s->greedy) train_choose_actions(t, c, rows);
    else {
        train_draw_actions(t, c, s->draw, first, rows);
        for (int64_t i = 0; i < rows; i++) {
            s->log_probs[first + i] = c->log_probs[i];
            if (!isfinite(c->log_probs[i])) train_report(t, TRAIN_INFINITE);
        }
    }
    train_give_actions(t, c, rows, s->actions ? s->actions + at : NULL, s->bounded ? s->bounded + at : NULL);
}

static operant_status act(act_stage s) {
    train_run(s.trainer, train_blocks(s.rows), act_block, &s);
    return train_verdict(s.trainer);
}

operant_status operant_train_act(operant_trainer *t, uint32_t draw, const void *observations, int64_t rows,
                                 void *actions, void *bounded, float *log_probs) {
    if (!observations || !actions || !log_probs || rows < 0 || rows > MOST_SAMPLES) return OPERANT_BAD_ARGUMENT;
    if (!train_enter(t)) return OPERANT_BUSY;
    const bool once = bounded == actions;
    return train_leave(t, act((act_stage){t, observations, rows, false, draw, once ? NULL : actions, bounded,
                                          log_probs}));
}

operant_status operant_train_greedy(operant_trainer *t, const void *observations, int64_t rows, void *actions) {
    if (!observations || !actions || rows < 0 || rows > MOST_SAMPLES) return OPERANT_BAD_ARGUMENT;
    if (!train_enter(t)) return OPERANT_BUSY;
    return train_leave(t, act((act_stage){t, observations, rows, true, 0, NULL, actions, NULL}));
}

operant_status operant_train_values(operant_trainer *t, const void *observations, int64_t rows, float *values) {
    if (!observations || !values || rows < 0 || rows > MOST_SAMPLES) return OPERANT_BAD_ARGUMENT;
    if (!train_enter(t)) return OPERANT_BUSY;
    train_evaluate_values(t, observations, rows, values);
    return train_leave(t, train_verdict(t));
}

/* Environments of the core. */

static bool fits(const operant_trainer *t, const operant_batch *b) {
    const operant_env_info *info = &b->kernel->info;
    bool fit = !b->target->exact && b->autoreset == OPERANT_SAME_STEP && info->action_size == t->action_size &&
               (int64_t)operant_row_bytes(info) == t->row_bytes * info->agents &&
               (info->actions != 0) == (t->o.choices != NULL);
    for (int64_t k = 0; fit && t->o.choices && k < t->action_size; k++)
        fit = operant_choices(info, k) == t->o.choices[k];
    for (int32_t k = 0; fit && k < t->o.part_count; k++) fit = t->o.parts[k].dtype == info->observation_dtype;
    return fit && (!t->o.mask.count || t->o.mask.dtype == info->observation_dtype);
}

static int32_t action_dtype(const operant_trainer *t) { return t->o.choices ? OPERANT_INT32 : OPERANT_FLOAT32; }

/** Counts the episodes that ended in a step, and values the last observations of those that were truncated. */
static void take_episodes(operant_trainer *t, const operant_batch *b, int64_t at) {
    const operant_finished *f = operant_last_finished(b);
    const int64_t agents = b->kernel->info.agents;
    int64_t count = 0;
    for (int64_t k = 0; k < f->count * agents; k++) {
        const int64_t row = f->index[k / agents] * agents + k % agents;
        const int64_t place = t->state.episodes++ % OPERANT_EPISODES;
        t->state.returns[place] = ((const float *)f->episode_return)[k];
        t->state.lengths[place] = f->length[k / agents];
        if (!t->truncated[at + row] || t->terminated[at + row]) continue;
        memcpy(t->final_observations + count * t->row_bytes, (const uint8_t *)f->observations + k * t->row_bytes,
               (size_t)t->row_bytes);
        t->truncations[count++] = (int32_t)row;
    }
    float *values = t->returns; /* not in use before the advantages */
    train_evaluate_values(t, t->final_observations, count, values);
    for (int64_t k = 0; k < count; k++) t->final_values[at + t->truncations[k]] = values[k];
}

static operant_status collect(operant_trainer *t, operant_batch *b) {
    const int64_t n = t->o.rows, k = t->action_size;
    operant_status status = operant_observe(b, t->observations);
    memset(t->final_values, 0, (size_t)t->samples * sizeof *t->final_values);
    for (int64_t step = 0; step < t->o.steps && status == OPERANT_OK; step++) {
        const int64_t at = step * n;
        status = act((act_stage){t, t->observations + at * t->row_bytes, n, false, t->state.draw++,
                                 (float *)t->actions + at * k, t->bounded, t->log_probs + at});
        if (status != OPERANT_OK) break;
        const operant_output out = {t->observations + (at + n) * t->row_bytes, t->rewards + at, t->terminated + at,
                                    t->truncated + at};
        status = operant_step(b, t->bounded, action_dtype(t), &out);
        if (status != OPERANT_OK) break;
        take_episodes(t, b, at);
        status = train_verdict(t);
    }
    return status;
}

operant_status operant_train_collect(operant_trainer *t, operant_batch *b, operant_experience *e) {
    if (!b || !e || !fits(t, b) || b->num_envs * b->kernel->info.agents != t->o.rows) return OPERANT_BAD_ARGUMENT;
    if (!b->ready) return OPERANT_NOT_RESET;
    if (!train_enter(t)) return OPERANT_BUSY;
    const operant_status status = collect(t, b);
    *e = (operant_experience){t->observations, t->actions, t->log_probs, t->rewards, t->terminated, t->truncated,
                              t->final_values};
    return train_leave(t, status);
}

static operant_status play(operant_trainer *t, operant_batch *b, double *mean_return) {
    const int64_t n = b->num_envs * b->kernel->info.agents;
    const uint64_t rows = ((uint64_t)(n * t->row_bytes) + 7) / 8 * 8, actions = (uint64_t)(n * t->action_size) * 4;
    const uint64_t bytes = rows + actions + (uint64_t)n * 7;
    uint8_t *observations = bytes <= PTRDIFF_MAX ? malloc((size_t)bytes) : NULL;
    if (!observations) return OPERANT_NO_MEMORY;
    float *rewards = (float *)(observations + rows + actions);
    void *bounded = observations + rows;
    uint8_t *flags = (uint8_t *)(rewards + n), *over = flags + 2 * n;
    memset(over, 0, (size_t)n);
    operant_status status = operant_reset(b, NULL, NULL, observations);
    double total = 0;
    for (int64_t playing = n; playing && status == OPERANT_OK;) {
        status = act((act_stage){t, observations, n, true, 0, NULL, bounded, NULL});
        const operant_output out = {observations, rewards, flags, flags + n};
        if (status == OPERANT_OK) status = operant_step(b, bounded, action_dtype(t), &out);
        for (int64_t i = 0; i < n && status == OPERANT_OK; i++) {
            if (over[i]) continue;
            total += rewards[i];
            over[i] = flags[i] | flags[n + i];
            playing -= over[i];
        }
    }
    free(observations);
    if (status == OPERANT_OK) *mean_return = total / (double)n;
    return status;
}

operant_status operant_train_evaluate(operant_trainer *t, operant_batch *b, double *mean_return) {
    if (!b || !mean_return || !fits(t, b) || !b->limit) return OPERANT_BAD_ARGUMENT;
    if (!train_enter(t)) return OPERANT_BUSY;
    return train_leave(t, play(t, b, mean_return));
}

/* State. */

operant_status operant_train_adjust(operant_trainer *t, double learning_rate, double clip) {
    if (!(learning_rate >= 0 && learning_rate <= 1 && clip > 0 && isfinite(clip))) return OPERANT_BAD_ARGUMENT;
    if (!train_enter(t)) return OPERANT_BUSY;
    t->learning_rate = learning_rate, t->o.clip = (float)clip;
    return train_leave(t, OPERANT_OK);
}

operant_train_state *operant_train_view(operant_trainer *t) { return &t->state; }

static bool finite_moments(const operant_moments *m) {
    bool finite = isfinite(m->count) && m->count >= 0;
    for (int64_t d = 0; d < m->features; d++)
        finite &= isfinite(m->mean[d]) && isfinite(m->squares[d]) && m->squares[d] >= 0;
    return finite;
}

/** The product of `count` factors, multiplied as `descend` does, until rounding leaves it as it is. */
static double power(double factor, int64_t count) {
    double product = 1, last = 0;
    for (; count > 0 && product != last; count--) last = product, product *= factor;
    return product;
}

operant_status operant_train_restored(operant_trainer *t) {
    if (!train_enter(t)) return OPERANT_BUSY;
    const operant_train_state *s = &t->state;
    bool finite = finite_moments(&s->observations) && finite_moments(&s->rewards);
    for (int64_t k = 0; k < t->model.parameter_count; k++)
        finite &= isfinite(s->parameters[k]) && isfinite(s->mean[k]) && isfinite(s->square[k]) && s->square[k] >= 0;
    for (int64_t i = 0; i < t->o.rows; i++) finite &= isfinite(s->reward_sums[i]) != 0;
    if (!finite) return train_leave(t, OPERANT_NOT_FINITE);
    if (s->descents < 0 || s->descents > MOST_EVENTS || s->episodes < 0 || s->episodes > MOST_EVENTS)
        return train_leave(t, OPERANT_BAD_ARGUMENT);
    t->power1 = power(0.9, s->descents), t->power2 = power(0.999, s->descents);
    train_pack(&t->model, t->kernels, s->parameters);
    train_freeze_normalizer(t);
    return train_leave(t, OPERANT_OK);
}

/* Opening and closing. */

/** Where the next array lies: `used` bytes from `memory` on, which is NULL while they are only measured. */
typedef struct { char *memory; uint64_t used; } layout;

static void *grab(layout *at, int64_t count, size_t size) {
    void *place = at->memory ? at->memory + at->used : NULL;
    at->used += ((uint64_t)count * size + 127) / 64 * 64; /* at least 64 bytes more: the last vector may reach beyond */
    return place;
}

static void lay_out_scratch(operant_trainer *t, train_scratch *c, layout *at) {
#define FLOATS(n) grab(at, n, sizeof(float))
#define COLUMN() FLOATS(TRAIN_BLOCK)
    int64_t widest = TRAIN_PAD;
    const bool slopes = t->o.activation == OPERANT_SILU;
    for (int n = 0; n < NETWORKS; n++) {
        const train_network *network = &t->model.networks[n];
        if (n != TRUNK) c->a.x[n][0] = c->a.x[TRUNK][t->model.networks[TRUNK].count];
        else c->a.x[n][0] = t->model.chosen ? NULL : FLOATS(TRAIN_BLOCK * train_padded(network->in));
        if (train_padded(network->in) > widest) widest = train_padded(network->in);
        for (int32_t l = 0; l < network->count; l++) {
            const train_layer *y = &network->layers[l];
            if (y->head) {
                c->a.x[n][l + 1] = FLOATS(TRAIN_BLOCK * y->out), c->a.d_head[n] = FLOATS(TRAIN_BLOCK * y->out);
                continue;
            }
            c->a.x[n][l + 1] = FLOATS(TRAIN_BLOCK * y->out_pad);
            c->a.slopes[n][l + 1] = slopes ? FLOATS(TRAIN_BLOCK * y->out_pad) : NULL;
            if (y->out_pad > widest) widest = y->out_pad;
        }
    }
    c->a.chosen = grab(at, TRAIN_BLOCK * t->model.chosen, sizeof(int32_t));
    for (int k = 0; k < 2; k++) c->a.d[k] = FLOATS(TRAIN_BLOCK * widest);
    c->a.d_trunk = t->model.networks[TRUNK].count ? FLOATS(TRAIN_BLOCK * widest) : NULL;
    c->outputs = grab(at, t->outputs, sizeof *c->outputs), c->d_outputs = grab(at, t->outputs, sizeof *c->d_outputs);
    c->taken = grab(at, t->action_size, sizeof *c->taken);
    if (at->memory) { /* else only measured */
        for (int64_t k = 0; k < t->outputs; k++) {
            c->outputs[k] = c->a.x[POLICY][t->model.networks[POLICY].count] + k * TRAIN_BLOCK;
            c->d_outputs[k] = c->a.d_head[POLICY] + k * TRAIN_BLOCK;
        }
        for (int64_t k = 0; k < t->action_size; k++) c->taken[k] = COLUMN();
    } else
        for (int64_t k = 0; k < t->action_size; k++) COLUMN();
    c->values = c->a.x[VALUE][t->model.networks[VALUE].count], c->d_values = c->a.d_head[VALUE];
    for (int k = 0; k < TRAIN_TERMS; k++) c->terms[k] = COLUMN();
    c->bounded = COLUMN(), c->log_probs = COLUMN(), c->entropies = COLUMN();
    c->old_log_probs = COLUMN(), c->old_values = COLUMN(), c->advantages = COLUMN(), c->returns = COLUMN();
    c->weights = COLUMN(), c->d_log_probs = COLUMN(), c->d_log_std = COLUMN();
    c->uniform = COLUMN(), c->other = COLUMN();
#undef COLUMN
#undef FLOATS
}

/** Copies what an option points to. */
static const void *keep(layout *at, const void *from, int64_t count, size_t size) {
    if (!from) return NULL;
    void *to = grab(at, count, size);
    return to && count ? memcpy(to, from, (size_t)count * size) : to;
}

static void lay_out_moments(operant_moments *m, int64_t features, layout *at) {
    m->features = features;
    m->mean = grab(at, features, sizeof(double)), m->squares = grab(at, features, sizeof(double));
}

/** Lays the trainer's arrays out from t->memory on, or only measures them if it is NULL; returns the bytes. */
static uint64_t lay_out(operant_trainer *t, const operant_train_options *o) {
#define FLOATS(n) grab(&at, n, sizeof(float))
    layout at = {t->memory, 0};
    const int64_t s = t->samples, n = o->rows, k = t->action_size;
    const int64_t count = train_padded(t->model.parameter_count);
    t->o.parts = keep(&at, o->parts, o->part_count, sizeof *o->parts);
    t->o.mask_table = keep(&at, o->mask_table, o->mask_table ? (int64_t)o->parts[0].choices * t->outputs : 0, 1);
    t->o.choices = keep(&at, o->choices, k, sizeof *o->choices);
    t->o.low = keep(&at, o->low, k, sizeof *o->low), t->o.high = keep(&at, o->high, k, sizeof *o->high);
    t->state.parameters = FLOATS(count), t->state.mean = FLOATS(count), t->state.square = FLOATS(count);
    t->gradient = FLOATS(count), t->model.packed = FLOATS(t->model.packed_size);
    t->strand_gradients = FLOATS(t->model.gradient_size * MOST_STRANDS);
    t->state.reward_sums = FLOATS(n);
    lay_out_moments(&t->state.observations, o->normalize_observations ? t->inputs : 0, &at);
    lay_out_moments(&t->state.rewards, o->normalize_rewards ? 1 : 0, &at);
    t->centre = grab(&at, t->inputs, sizeof(double)), t->scale = grab(&at, t->inputs, sizeof(double));
    t->observations = grab(&at, (s + n) * t->row_bytes, 1), t->final_observations = grab(&at, n * t->row_bytes, 1);
    t->actions = FLOATS(s * k), t->bounded = FLOATS(n * k), t->log_probs = FLOATS(s), t->rewards = FLOATS(s);
    t->scaled = FLOATS(o->normalize_rewards ? s : 0), t->values = FLOATS(s + n), t->final_values = FLOATS(s);
    t->advantages = FLOATS(s), t->returns = FLOATS(s);
    t->order = grab(&at, s, sizeof(int32_t)), t->truncations = grab(&at, n, sizeof(int32_t));
    t->terminated = grab(&at, s, 1), t->truncated = grab(&at, s, 1);
    for (int32_t w = 0; w < o->workers; w++) lay_out_scratch(t, &t->scratches[w], &at);
    return at.used;
#undef FLOATS
}

bool train_refuse(train_reason *why, const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(why->text, sizeof why->text, format, values);
    va_end(values);
    return true;
}

static bool layers_fault(const char *name, int32_t count, const int32_t *widths, train_reason *why) {
    if (count < 0 || count > TRAIN_LAYERS)
        return train_refuse(why, "%s_layers=%d must be from 0 to %d", name, count, TRAIN_LAYERS);
    if (count && !widths) return train_refuse(why, "%s must have %s_layers=%d widths, not be NULL", name, name, count);
    for (int32_t l = 0; l < count; l++)
        if (widths[l] < 1 || widths[l] > MOST_WIDTH)
            return train_refuse(why, "%s[%d]=%d must be from 1 to %d", name, l, widths[l], MOST_WIDTH);
    return false;
}

static int64_t count_outputs(const operant_train_options *o) {
    int64_t outputs = 0;
    for (int32_t k = 0; k < o->action_size; k++) outputs += o->choices ? o->choices[k] : 1;
    return outputs;
}

static bool bounds_fault(const operant_train_options *o, train_reason *why) {
    if (!(o->low && o->high)) return train_refuse(why, "a continuous action needs low and high");
    for (int32_t k = 0; k < o->action_size; k++) {
        const double low = o->low[k], high = o->high[k];
        if (!(low <= high && low < INFINITY && high > -INFINITY))
            return train_refuse(why, "low[%d]=%g must be at most high[%d]=%g, with a finite number between them", k,
                                low, k, high);
        if (o->squash && !(isfinite(o->high[k] - o->low[k]) && low < high))
            return train_refuse(why, "squash needs finite bounds, low below high, not low[%d]=%g and high[%d]=%g", k,
                                low, k, high);
    }
    if (!(o->log_std >= -20 && o->log_std <= 20))
        return train_refuse(why, "log_std=%g must be from -20 to 20", o->log_std);
    return false;
}

static bool action_fault(const operant_train_options *o, train_reason *why) {
    if (o->action_size < 1 || o->action_size > MOST_NUMBERS)
        return train_refuse(why, "action_size=%d must be from 1 to %d", o->action_size, MOST_NUMBERS);
    for (int32_t k = 0; o->choices && k < o->action_size; k++)
        if (o->choices[k] < 1 || o->choices[k] > MOST_OUTPUTS)
            return train_refuse(why, "choices[%d]=%d must be from 1 to %d", k, o->choices[k], MOST_OUTPUTS);
    const long long outputs = count_outputs(o);
    if (outputs > MOST_OUTPUTS)
        return train_refuse(why, "an action must have at most %d choices in all, not %lld", MOST_OUTPUTS, outputs);
    if ((o->mask.count || o->mask_table) && !o->choices) return train_refuse(why, "a mask needs choices");
    if (o->mask.count && o->mask.count != outputs)
        return train_refuse(why, "the mask must have a number for each of %lld choices, not %d", outputs,
                            o->mask.count);
    return !o->choices && bounds_fault(o, why);
}

static bool number_fault(const operant_train_options *o, train_reason *why) {
    const struct { const char *name; double value; bool fits; const char *range; } numbers[] = {
        {"learning_rate", o->learning_rate, o->learning_rate > 0 && o->learning_rate <= 1, "above 0 and at most 1"},
        {"gamma", o->gamma, o->gamma >= 0 && o->gamma <= 1, "from 0 to 1"},
        {"lam", o->lam, o->lam >= 0 && o->lam <= 1, "from 0 to 1"},
        {"clip", o->clip, o->clip > 0 && isfinite(o->clip), "positive and finite"},
        {"value_clip", o->value_clip, o->value_clip >= 0, "at least 0"},
        {"dual_clip", o->dual_clip, o->dual_clip >= 0, "at least 0"},
        {"target_kl", o->target_kl, o->target_kl >= 0, "at least 0"},
        {"max_grad_norm", o->max_grad_norm, o->max_grad_norm > 0, "positive"},
        {"value_coefficient", o->value_coefficient, o->value_coefficient >= 0 && isfinite(o->value_coefficient),
         "at least 0 and finite"},
        {"entropy_coefficient", o->entropy_coefficient, isfinite(o->entropy_coefficient), "finite"},
    };
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        if (!numbers[k].fits)
            return train_refuse(why, "%s=%g must be %s", numbers[k].name, numbers[k].value, numbers[k].range);
    return false;
}

/** Returns true, with the reason, if options are refused. */
static bool fault(const operant_train_options *o, train_reason *why) {
    if (o->rows < 1 || o->steps < 1 || o->rows > MOST_SAMPLES / o->steps)
        return train_refuse(why, "rows=%lld and steps=%lld must be at least 1, and their product at most 2^30",
                            (long long)o->rows, (long long)o->steps);
    if (action_fault(o, why) || train_inputs_fault(o, why) ||
        layers_fault("hidden", o->hidden_layers, o->hidden, why) ||
        layers_fault("value_hidden", o->value_hidden_layers, o->value_hidden, why))
        return true;
    if (o->share && o->value_hidden_layers)
        return train_refuse(why, "share excludes value_hidden_layers=%d", o->value_hidden_layers);
    if (o->activation < OPERANT_TANH || o->activation > OPERANT_SILU)
        return train_refuse(why, "activation=%d is unknown: it must be from %d to %d", o->activation, OPERANT_TANH,
                            OPERANT_SILU);
    if (o->workers < 1 || o->workers > MOST_WORKERS)
        return train_refuse(why, "workers=%d must be from 1 to %d", o->workers, MOST_WORKERS);
    if (o->epochs < 1) return train_refuse(why, "epochs=%d must be at least 1", o->epochs);
    if (o->minibatches < 1) return train_refuse(why, "minibatches=%d must be at least 1", o->minibatches);
    return number_fault(o, why);
}

static operant_trainer *refuse(operant_trainer *t, const char *reason, char *message, int32_t size) {
    if (message && size > 0) snprintf(message, (size_t)size, "%s", reason);
    operant_train_close(t);
    return NULL;
}

/** Writes the initial parameters; returns false if no memory is left. */
static bool initialize(operant_trainer *t) {
    const uint64_t bytes = (uint64_t)train_work_size(&t->model) * sizeof(double);
    double *work = bytes <= SIZE_MAX ? malloc((size_t)bytes) : NULL;
    if (!work) return false;
    train_initialize(&t->model, t->kernels, t->o.seed, t->o.log_std, t->state.parameters, work);
    free(work);
    train_pack(&t->model, t->kernels, t->state.parameters);
    return true;
}

operant_trainer *operant_train_open(const operant_train_options *o, char *message, int32_t size) {
    train_reason why;
    if (fault(o, &why)) return refuse(NULL, why.text, message, size);
    const operant_target *target = operant_find_target(NULL, o->isa, 0, INT64_MAX);
    if (!target) {
        train_refuse(&why, "isa=%s is unknown or does not run here", o->isa ? o->isa : "NULL");
        return refuse(NULL, why.text, message, size);
    }
    if (!target->train) target = operant_find_target(NULL, "scalar", 0, INT64_MAX);
    operant_trainer *t = calloc(1, sizeof *t);
    if (!t) return refuse(NULL, "out of memory", message, size);
    t->o = *o, t->target = target, t->kernels = target->train;
    t->o.isa = target->isa, t->o.hidden = t->o.value_hidden = NULL; /* they are in the model now */
    t->samples = o->rows * o->steps, t->learning_rate = o->learning_rate, t->power1 = t->power2 = 1;
    t->inputs = train_input_count(o), t->outputs = (int32_t)count_outputs(o), t->plain = train_rows_are_plain(o);
    t->row_bytes = o->row_bytes, t->action_size = o->action_size;
    const train_sizes sizes = {t->inputs, t->outputs, o->hidden_layers, o->value_hidden_layers, o->hidden,
                               o->value_hidden, o->choices ? 0 : o->action_size, o->activation,
                               train_chosen_count(o), o->share != 0};
    train_shape(&t->model, &sizes);
    t->state.parameter_count = t->model.parameter_count;
    t->scratches = calloc((size_t)o->workers, sizeof *t->scratches);
    if (!t->scratches) return refuse(t, "out of memory", message, size);
    const uint64_t bytes = lay_out(t, o);
    if (bytes > PTRDIFF_MAX || !(t->memory = platform_map((size_t)bytes)))
        return refuse(t, "out of memory", message, size);
    t->bytes = (size_t)bytes;
    lay_out(t, o);
    if (o->workers > 1 && !(t->pool = operant_pool_open(o->workers)))
        return refuse(t, "the system cannot start more threads", message, size);
    if (!initialize(t)) return refuse(t, "out of memory", message, size);
    if (o->normalize_rewards) t->state.rewards.count = 1e-4, t->state.rewards.squares[0] = 1e-4; /* variance 1 */
    train_freeze_normalizer(t);
    return t;
}

void operant_train_close(operant_trainer *t) {
    if (!t) return;
    operant_pool_close(t->pool);
    if (t->memory) platform_unmap(t->memory, t->bytes);
    free(t->scratches);
    free(t);
}
