/* ppo.c: PPO (Schulman et al. 2017) with generalised advantage estimation.
 *
 * A call is a sequence of stages. In each, the workers take tickets until none is left; what a ticket computes does not
 * depend on the worker. A minibatch's gradient is the sum of those of its strands, in their order: their number is part
 * of the algorithm, so the sum is the same for any number of workers. */
#include <stdio.h>

#include "core/dispatch.h"
#include "platform/platform.h"
#include "rollout/rollout.h"
#include "train/network.h"
#include "train/train.h"

enum {
    MOST_ACTIONS = 64,
    MOST_WIDTH = 4096,
    MOST_WORKERS = 1024,
    MOST_STRANDS = 16,
    STRAND = 128,        /* samples that a strand has at least, if there are two */
    SHUFFLED = 4096,     /* samples that a ticket shuffles */
    REMEMBERED = 100     /* episodes whose mean return is told */
};
static const int64_t MOST_SAMPLES = (int64_t)1 << 30;

/** One worker's memory; columns have TRAIN_BLOCK numbers. */
typedef struct {
    train_activations a;
    float *columns[MOST_ACTIONS], *d_columns[MOST_ACTIONS], *terms[TRAIN_TERMS];
    float *values, *d_values, *log_probs, *advantages, *returns, *weights, *uniform;
    int32_t *actions;
} scratch;

/** A strand's part of a minibatch's sums. */
typedef struct { double sum, squares, terms[TRAIN_TERMS]; } strand_sums;

/** The samples from which a minibatch is gathered. */
typedef struct {
    const float *observations, *log_probs, *advantages, *returns;
    const int32_t *actions, *order;
} sample_columns;

struct operant_trainer {
    operant_train_options o;
    const operant_train_kernels *kernels;
    train_model model;
    int32_t hidden[TRAIN_LAYERS];
    int64_t samples;
    float *parameters, *mean, *square, *gradient; /* [parameter_count], padded */
    float *strand_gradients;                      /* [MOST_STRANDS, gradient_size] */
    double power1, power2;                        /* of Adam's decay rates: 0.9 and 0.999 to the number of steps */
    strand_sums strands[MOST_STRANDS];

    /* A rollout, in the memory of the trainer. */
    float *observations, *log_probs, *rewards, *values, *final_values, *advantages, *returns;
    int32_t *actions, *order;
    uint8_t *terminated, *truncated;

    uint32_t acted, shuffled; /* number of calls so far: the time of random numbers */
    int64_t steps;
    double recent[REMEMBERED];
    int64_t episodes;

    operant_pool *pool;
    scratch *scratches; /* [workers] */
    atomic_llong ticket;
    void *memory;
    size_t bytes;
    atomic_int busy; /* 1 during a call, for ever in a child that was forked in it */
};

/* Stages. */

typedef struct stage {
    operant_trainer *trainer;
    int64_t tickets;
    void (*compute)(struct stage *, scratch *, int64_t ticket);
    /* the arguments of one kind of stage or another */
    const float *observations;
    int64_t rows, batch, minibatch, strands;
    int32_t *actions;
    float *out;
    bool greedy;
    const sample_columns *from;
} stage;

static void take_tickets(void *argument, int32_t worker) {
    stage *s = argument;
    for (int64_t k; (k = atomic_fetch_add(&s->trainer->ticket, 1)) < s->tickets;)
        s->compute(s, &s->trainer->scratches[worker], k);
}

static void run(stage *s) {
    atomic_store(&s->trainer->ticket, 0);
    const int32_t workers = s->trainer->o.workers;
    if (workers > 1 && s->tickets > 1) operant_pool_run(s->trainer->pool, workers, take_tickets, s);
    else take_tickets(s, 0);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t blocks(int64_t rows) { return (rows + TRAIN_BLOCK - 1) / TRAIN_BLOCK; }

/** Copies observations to the input of a network. */
static void take_rows(const operant_trainer *t, int network, scratch *c, const float *observations, int64_t rows) {
    const int64_t d = t->o.observation_size, pad = train_padded(d);
    for (int64_t i = 0; i < rows; i++) memcpy(c->a.x[network][0] + i * pad, observations + i * d, (size_t)d * 4);
}

static void take_columns(const float *rows, int64_t row, int64_t count, int64_t columns, float *const *to) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < columns; k++) to[k][i] = rows[i * row + k];
}

static void act_block(stage *s, scratch *c, int64_t block) {
    operant_trainer *t = s->trainer;
    const int64_t first = block * TRAIN_BLOCK, rows = least(s->rows - first, TRAIN_BLOCK), all = train_padded(rows);
    const int32_t actions = t->o.actions;
    take_rows(t, POLICY, c, s->observations + first * t->o.observation_size, rows);
    const float *logits = train_forward(&t->model, t->kernels, POLICY, &c->a, rows);
    take_columns(logits, train_padded(actions), rows, actions, c->columns);
    if (s->greedy) {
        for (int64_t i = 0; i < rows; i++) {
            int32_t best = 0;
            for (int32_t a = 1; a < actions; a++)
                if (c->columns[a][i] > c->columns[best][i]) best = a;
            s->actions[first + i] = best;
        }
        return;
    }
    const uint32_t key[2] = {(uint32_t)t->o.seed, (uint32_t)(t->o.seed >> 32) ^ 0x53414d50u};
    t->kernels->uniforms(all, key, t->acted, (uint32_t)first, c->uniform);
    t->kernels->categorical_sample(all, actions, (const float *const *)c->columns, c->uniform, c->actions,
                                   c->log_probs);
    memcpy(s->actions + first, c->actions, (size_t)rows * 4);
    memcpy(s->out + first, c->log_probs, (size_t)rows * 4);
}

static void value_block(stage *s, scratch *c, int64_t block) {
    operant_trainer *t = s->trainer;
    const int64_t first = block * TRAIN_BLOCK, rows = least(s->rows - first, TRAIN_BLOCK);
    take_rows(t, VALUE, c, s->observations + first * t->o.observation_size, rows);
    const float *values = train_forward(&t->model, t->kernels, VALUE, &c->a, rows);
    for (int64_t i = 0; i < rows; i++) s->out[first + i] = values[i * TRAIN_PAD];
}

static void act(operant_trainer *t, const float *observations, int64_t rows, int32_t *actions, float *log_probs) {
    stage s = {.trainer = t, .tickets = blocks(rows), .compute = act_block, .observations = observations,
               .rows = rows, .actions = actions, .out = log_probs, .greedy = !log_probs};
    run(&s);
    t->acted += log_probs != NULL;
}

static void evaluate_values(operant_trainer *t, const float *observations, int64_t rows, float *values) {
    stage s = {.trainer = t, .tickets = blocks(rows), .compute = value_block, .observations = observations,
               .rows = rows, .out = values};
    run(&s);
}

/* Learning. */

static int64_t strand_count(int64_t batch) {
    return batch < 2 * STRAND ? 1 : least(batch / STRAND, MOST_STRANDS);
}

/** The first sample of a strand, or with `strand + 1` the end of it, among all of the rollout. */
static int64_t strand_begin(const stage *s, int64_t strand) {
    return s->minibatch * s->batch + s->batch * strand / s->strands;
}

static void shuffle_part(stage *s, scratch *c, int64_t part) {
    (void)c;
    operant_trainer *t = s->trainer;
    const int64_t first = part * SHUFFLED, last = least(first + SHUFFLED, t->samples);
    const uint32_t key = ((uint32_t)t->o.seed ^ (uint32_t)(t->o.seed >> 32)) * 0x85ebca6bu + t->shuffled * 0x9e3779b9u;
    t->kernels->permute(first, last, t->samples, key, t->order);
}

/** The advantages' sums, for their mean and deviation over the minibatch. */
static void sum_strand(stage *s, scratch *c, int64_t strand) {
    (void)c;
    strand_sums *sums = &s->trainer->strands[strand];
    memset(sums, 0, sizeof *sums);
    for (int64_t p = strand_begin(s, strand); p < strand_begin(s, strand + 1); p++) {
        const double advantage = s->from->advantages[s->from->order[p]];
        sums->sum += advantage, sums->squares += advantage * advantage;
    }
}

/** Copies `rows` samples to a worker's columns, with normalised advantages. Those that fill the last vector weigh 0. */
static void gather(const operant_trainer *t, const sample_columns *from, const int32_t *order, int64_t rows,
                   float centre, float scale, float weight, scratch *c) {
    const int64_t d = t->o.observation_size, pad = train_padded(d);
    for (int64_t i = 0; i < train_padded(rows); i++) {
        const int64_t q = order[i < rows ? i : 0];
        memcpy(c->a.x[POLICY][0] + i * pad, from->observations + q * d, (size_t)d * 4);
        c->actions[i] = from->actions[q], c->log_probs[i] = from->log_probs[q], c->returns[i] = from->returns[q];
        c->advantages[i] = (from->advantages[q] - centre) * scale;
        c->weights[i] = i < rows ? weight : 0;
    }
}

static void descend_strand(stage *s, scratch *c, int64_t strand) {
    operant_trainer *t = s->trainer;
    strand_sums *own = &t->strands[strand];
    float *gradient = t->strand_gradients + strand * t->model.gradient_size;
    memset(gradient, 0, (size_t)t->model.gradient_size * sizeof *gradient);
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < s->strands; k++) sum += t->strands[k].sum, squares += t->strands[k].squares;
    const double n = (double)s->batch, mean = sum / n, variance = n > 1 ? (squares - n * mean * mean) / (n - 1) : 0;
    const float centre = (float)mean, scale = (float)(1 / (sqrt(variance > 0 ? variance : 0) + 1e-8));
    const int64_t actions = t->o.actions, head = train_padded(actions);
    const int64_t end = strand_begin(s, strand + 1);
    for (int64_t p = strand_begin(s, strand); p < end; p += TRAIN_BLOCK) {
        const int64_t rows = least(end - p, TRAIN_BLOCK);
        gather(t, s->from, s->from->order + p, rows, centre, scale, (float)(1 / n), c);
        const float *logits = train_forward(&t->model, t->kernels, POLICY, &c->a, rows);
        take_columns(logits, head, rows, actions, c->columns);
        const float *values = train_forward(&t->model, t->kernels, VALUE, &c->a, rows);
        take_columns(values, TRAIN_PAD, rows, 1, &c->values);
        const train_loss loss = {
            .count = train_padded(rows), .actions = t->o.actions, .logits = (const float *const *)c->columns,
            .values = c->values, .old_log_probs = c->log_probs, .advantages = c->advantages, .returns = c->returns,
            .weights = c->weights, .taken = c->actions, .clip = t->o.clip,
            .value_coefficient = t->o.value_coefficient, .entropy_coefficient = t->o.entropy_coefficient,
            .d_logits = c->d_columns, .d_values = c->d_values, .terms = c->terms};
        t->kernels->categorical_loss(&loss);
        for (int64_t i = 0; i < rows; i++)
            for (int k = 0; k < TRAIN_TERMS; k++) own->terms[k] += c->terms[k][i];
        float *d = c->a.d[0];
        memset(d, 0, (size_t)(rows * head) * sizeof *d);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t k = 0; k < actions; k++) d[i * head + k] = c->d_columns[k][i];
        train_backward(&t->model, t->kernels, POLICY, &c->a, rows, gradient);
        memset(d, 0, (size_t)(rows * TRAIN_PAD) * sizeof *d);
        for (int64_t i = 0; i < rows; i++) d[i * TRAIN_PAD] = c->d_values[i];
        train_backward(&t->model, t->kernels, VALUE, &c->a, rows, gradient);
    }
}

/** Leaves the gradient of a minibatch in t->gradient, and its sums in t->strands. */
static void compute_gradient(operant_trainer *t, const sample_columns *from, int64_t batch, int64_t minibatch) {
    const int64_t strands = strand_count(batch);
    stage s = {.trainer = t, .tickets = strands, .compute = sum_strand, .from = from, .batch = batch,
               .minibatch = minibatch, .strands = strands};
    run(&s);
    s.compute = descend_strand;
    run(&s);
    t->kernels->add_strands(t->strand_gradients, strands, t->model.gradient_size, t->strand_gradients);
    train_unpack_gradient(&t->model, t->strand_gradients, t->gradient);
}

/** Takes one step of Adam with the clipped gradient; returns the gradient's norm, and changes nothing if it is not
 *  finite. */
static double descend(operant_trainer *t, double rate) {
    const int64_t count = train_padded(t->model.parameter_count);
    const double norm = sqrt(t->kernels->squares(count, t->gradient));
    if (!isfinite(norm)) return norm;
    const double scale = t->o.max_grad_norm / (norm + 1e-6);
    t->power1 *= 0.9, t->power2 *= 0.999;
    t->kernels->adam(count, t->parameters, t->mean, t->square, t->gradient, scale < 1 ? (float)scale : 1,
                     (float)(rate / (1 - t->power1)), (float)sqrt(1 - t->power2));
    train_pack(&t->model, t->parameters);
    return norm;
}

static operant_status learn(operant_trainer *t, const operant_experience *e, operant_train_metrics *metrics) {
    const int64_t n = t->o.num_envs, batch = t->samples / t->o.minibatches;
    evaluate_values(t, e->observations, t->samples + n, t->values);
    const operant_rollout r = {t->o.steps, n, e->rewards, t->values, e->terminated, e->truncated, e->final_values,
                               t->values + t->samples, t->o.gamma, t->o.lam};
    operant_status status = operant_gae(&r, t->o.isa, 1, t->advantages, t->returns);
    if (status != OPERANT_OK) return status;
    const double done = t->o.total_steps ? (double)t->steps / (double)t->o.total_steps : 0;
    const double rate = t->o.learning_rate * (done < 1 ? 1 - done : 0);
    const sample_columns from = {e->observations, e->log_probs, t->advantages, t->returns, e->actions, t->order};
    double sums[TRAIN_TERMS] = {0}, norms = 0;
    for (int32_t epoch = 0; epoch < t->o.epochs; epoch++, t->shuffled++) {
        stage shuffle = {.trainer = t, .tickets = (t->samples + SHUFFLED - 1) / SHUFFLED, .compute = shuffle_part};
        run(&shuffle);
        for (int64_t minibatch = 0; minibatch < t->o.minibatches; minibatch++) {
            compute_gradient(t, &from, batch, minibatch);
            const double norm = descend(t, rate);
            if (!isfinite(norm)) return OPERANT_NOT_FINITE;
            norms += norm;
            for (int64_t strand = 0; strand < strand_count(batch); strand++)
                for (int k = 0; k < TRAIN_TERMS; k++) sums[k] += t->strands[strand].terms[k];
        }
    }
    t->steps += t->samples;
    const double updates = (double)t->o.epochs * (double)t->o.minibatches, samples = updates * (double)batch;
    double returns = 0;
    const int64_t remembered = least(t->episodes, REMEMBERED);
    for (int64_t k = 0; k < remembered; k++) returns += t->recent[k];
    *metrics = (operant_train_metrics){
        .policy_loss = -sums[0] / samples, .value_loss = sums[1] / samples, .entropy = sums[2] / samples,
        .approx_kl = sums[3] / samples, .clip_fraction = sums[4] / samples, .gradient_norm = norms / updates,
        .learning_rate = rate, .episode_return = remembered ? returns / (double)remembered : NAN,
        .total_steps = t->steps};
    return OPERANT_OK;
}

/* Environments of the core. */

static bool fits(const operant_trainer *t, const operant_batch *b) {
    const operant_env_info *info = &b->kernel->info;
    return !b->target->exact && b->autoreset == OPERANT_SAME_STEP && info->agents == 1 && info->action_size == 1 &&
           info->observation_dtype == OPERANT_FLOAT32 && info->observation_size == t->o.observation_size &&
           operant_choices(info, 0) == t->o.actions;
}

static operant_status collect(operant_trainer *t, operant_batch *b) {
    const int64_t n = t->o.num_envs, d = t->o.observation_size;
    operant_status status = operant_observe(b, t->observations);
    memset(t->final_values, 0, (size_t)t->samples * sizeof *t->final_values);
    for (int64_t step = 0; step < t->o.steps && status == OPERANT_OK; step++) {
        const int64_t at = step * n;
        act(t, t->observations + at * d, n, t->actions + at, t->log_probs + at);
        const operant_output out = {t->observations + (at + n) * d, t->rewards + at, t->terminated + at,
                                    t->truncated + at};
        status = operant_step(b, t->actions + at, OPERANT_INT32, &out);
        if (status != OPERANT_OK) break;
        const operant_finished *f = operant_last_finished(b);
        for (int64_t k = 0; k < f->count; k++) {
            const int64_t place = at + f->index[k];
            t->recent[t->episodes++ % REMEMBERED] = ((const float *)f->episode_return)[k];
            if (t->truncated[place] && !t->terminated[place])
                evaluate_values(t, (const float *)f->observations + k * d, 1, t->final_values + place);
        }
    }
    return status;
}

static operant_status play(operant_trainer *t, operant_batch *b, double *mean_return) {
    const int64_t n = b->num_envs, d = t->o.observation_size;
    const size_t bytes = (size_t)n * ((size_t)(d + 2) * 4 + 3);
    float *observations = malloc(bytes);
    if (!observations) return OPERANT_NO_MEMORY;
    float *rewards = observations + n * d;
    int32_t *actions = (int32_t *)(rewards + n);
    uint8_t *flags = (uint8_t *)(actions + n), *over = flags + 2 * n;
    memset(over, 0, (size_t)n);
    operant_status status = operant_reset(b, NULL, NULL, observations);
    double total = 0;
    for (int64_t playing = n; playing && status == OPERANT_OK;) {
        act(t, observations, n, actions, NULL);
        const operant_output out = {observations, rewards, flags, flags + n};
        status = operant_step(b, actions, OPERANT_INT32, &out);
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

/* The public calls: one at a time. */

static bool enter(operant_trainer *t) {
    int free_now = 0;
    return atomic_compare_exchange_strong(&t->busy, &free_now, 1);
}

static operant_status leave(operant_trainer *t, operant_status status) {
    atomic_store(&t->busy, 0);
    return status;
}

operant_status operant_train_act(operant_trainer *t, const float *observations, int32_t *actions, float *log_probs) {
    if (!observations || !actions || !log_probs) return OPERANT_BAD_ARGUMENT;
    if (!enter(t)) return OPERANT_BUSY;
    act(t, observations, t->o.num_envs, actions, log_probs);
    return leave(t, OPERANT_OK);
}

operant_status operant_train_greedy(operant_trainer *t, const float *observations, int64_t rows, int32_t *actions) {
    if (!observations || !actions || rows < 0) return OPERANT_BAD_ARGUMENT;
    if (!enter(t)) return OPERANT_BUSY;
    act(t, observations, rows, actions, NULL);
    return leave(t, OPERANT_OK);
}

operant_status operant_train_values(operant_trainer *t, const float *observations, int64_t rows, float *values) {
    if (!observations || !values || rows < 0) return OPERANT_BAD_ARGUMENT;
    if (!enter(t)) return OPERANT_BUSY;
    evaluate_values(t, observations, rows, values);
    return leave(t, OPERANT_OK);
}

operant_status operant_train_learn(operant_trainer *t, const operant_experience *e, operant_train_metrics *metrics) {
    if (!e || !metrics || !e->observations || !e->actions || !e->log_probs || !e->rewards || !e->terminated ||
        !e->truncated || !e->final_values)
        return OPERANT_BAD_ARGUMENT;
    for (int64_t k = 0; k < t->samples; k++)
        if (e->actions[k] < 0 || e->actions[k] >= t->o.actions) return OPERANT_BAD_ACTION;
    if (!enter(t)) return OPERANT_BUSY;
    return leave(t, learn(t, e, metrics));
}

operant_status operant_train_update(operant_trainer *t, operant_batch *b, operant_train_metrics *metrics) {
    if (!b || !metrics || !fits(t, b) || b->num_envs != t->o.num_envs) return OPERANT_BAD_ARGUMENT;
    if (!b->ready) return OPERANT_NOT_RESET;
    if (!enter(t)) return OPERANT_BUSY;
    operant_status status = collect(t, b);
    const operant_experience e = {t->observations, t->actions, t->log_probs, t->rewards, t->terminated, t->truncated,
                                  t->final_values};
    return leave(t, status == OPERANT_OK ? learn(t, &e, metrics) : status);
}

operant_status operant_train_evaluate(operant_trainer *t, operant_batch *b, double *mean_return) {
    if (!b || !mean_return || !fits(t, b) || !b->limit) return OPERANT_BAD_ARGUMENT;
    if (!enter(t)) return OPERANT_BUSY;
    return leave(t, play(t, b, mean_return));
}

const float *operant_train_parameters(const operant_trainer *t, int64_t *count) {
    *count = t->model.parameter_count;
    return t->parameters;
}

void operant_train_set_parameters(operant_trainer *t, const float *parameters) {
    memcpy(t->parameters, parameters, (size_t)t->model.parameter_count * sizeof *parameters);
    train_pack(&t->model, t->parameters);
}

operant_status operant_train_gradient(operant_trainer *t, int64_t count, const float *observations,
                                      const int32_t *actions, const float *log_probs, const float *advantages,
                                      const float *returns, float *gradient) {
    if (count < 1 || count > t->samples || !observations || !actions || !log_probs || !advantages || !returns ||
        !gradient)
        return OPERANT_BAD_ARGUMENT;
    for (int64_t k = 0; k < count; k++)
        if (actions[k] < 0 || actions[k] >= t->o.actions) return OPERANT_BAD_ACTION;
    if (!enter(t)) return OPERANT_BUSY;
    for (int64_t k = 0; k < count; k++) t->order[k] = (int32_t)k;
    const sample_columns from = {observations, log_probs, advantages, returns, actions, t->order};
    compute_gradient(t, &from, count, 0);
    memcpy(gradient, t->gradient, (size_t)t->model.parameter_count * sizeof *gradient);
    return leave(t, OPERANT_OK);
}

/* Opening and closing. */

static void *grab(char **at, int64_t count, size_t size) {
    void *place = *at;
    *at += ((size_t)count * size + 127) / 64 * 64; /* at least 64 bytes more: the last vector may reach beyond */
    return place;
}

/** Lays the trainer's arrays out from `at` on, or from NULL only to measure them; returns the end. */
static char *lay_out(operant_trainer *t, char *at) {
#define FLOATS(n) grab(&at, n, sizeof(float))
    const int64_t s = t->samples, n = t->o.num_envs, d = t->o.observation_size;
    const int64_t count = train_padded(t->model.parameter_count);
    t->parameters = FLOATS(count), t->mean = FLOATS(count), t->square = FLOATS(count), t->gradient = FLOATS(count);
    t->model.packed = FLOATS(t->model.packed_size);
    t->strand_gradients = FLOATS(t->model.gradient_size * MOST_STRANDS);
    t->observations = FLOATS((s + n) * d), t->values = FLOATS(s + n), t->final_values = FLOATS(s);
    t->log_probs = FLOATS(s), t->rewards = FLOATS(s), t->advantages = FLOATS(s), t->returns = FLOATS(s);
    t->actions = grab(&at, s, sizeof(int32_t)), t->order = grab(&at, s, sizeof(int32_t));
    t->terminated = grab(&at, s, 1), t->truncated = grab(&at, s, 1);
    for (int32_t w = 0; w < t->o.workers; w++) {
        scratch *c = &t->scratches[w];
        int64_t widest = TRAIN_PAD;
        for (int k = 0; k < NETWORKS; k++)
            for (int32_t l = 0; l <= t->model.networks[k].count; l++) {
                const train_layer *y = t->model.networks[k].layers;
                const int64_t pad = l ? y[l - 1].out_pad : y[0].in_pad;
                c->a.x[k][l] = k && !l ? c->a.x[POLICY][0] : FLOATS(TRAIN_BLOCK * pad); /* one input for both */
                if (pad > widest) widest = pad;
            }
        for (int k = 0; k < 2; k++) c->a.d[k] = FLOATS(TRAIN_BLOCK * widest);
        for (int32_t k = 0; k < t->o.actions; k++)
            c->columns[k] = FLOATS(TRAIN_BLOCK), c->d_columns[k] = FLOATS(TRAIN_BLOCK);
        for (int k = 0; k < TRAIN_TERMS; k++) c->terms[k] = FLOATS(TRAIN_BLOCK);
        c->values = FLOATS(TRAIN_BLOCK), c->d_values = FLOATS(TRAIN_BLOCK), c->log_probs = FLOATS(TRAIN_BLOCK);
        c->advantages = FLOATS(TRAIN_BLOCK), c->returns = FLOATS(TRAIN_BLOCK), c->weights = FLOATS(TRAIN_BLOCK);
        c->uniform = FLOATS(TRAIN_BLOCK), c->actions = grab(&at, TRAIN_BLOCK, sizeof(int32_t));
    }
    return at;
#undef FLOATS
}

/** The reason why options are refused, or NULL. */
static const char *fault(const operant_train_options *o) {
    if (o->num_envs < 1 || o->steps < 1 || o->num_envs > MOST_SAMPLES / o->steps)
        return "num_envs and steps must be at least 1, and their product at most 2^30";
    if (o->observation_size < 1 || o->observation_size > MOST_WIDTH) return "observation_size must be from 1 to 4096";
    if (o->actions < 2 || o->actions > MOST_ACTIONS) return "actions must be from 2 to 64";
    if (o->hidden_layers < 1 || o->hidden_layers > TRAIN_LAYERS || !o->hidden)
        return "hidden_layers must be from 1 to 8";
    for (int32_t l = 0; l < o->hidden_layers; l++)
        if (o->hidden[l] < 1 || o->hidden[l] > MOST_WIDTH) return "each width of hidden must be from 1 to 4096";
    if (o->workers < 1 || o->workers > MOST_WORKERS) return "workers must be from 1 to 1024";
    if (o->epochs < 1) return "epochs must be at least 1";
    if (o->minibatches < 1 || o->num_envs * o->steps % o->minibatches)
        return "minibatches must divide num_envs * steps";
    if (o->total_steps < 0) return "total_steps must be at least 0";
    if (!(o->learning_rate > 0 && o->learning_rate <= 1)) return "learning_rate must be above 0 and at most 1";
    if (!(o->gamma >= 0 && o->gamma <= 1 && o->lam >= 0 && o->lam <= 1)) return "gamma and lam must be from 0 to 1";
    if (!(o->clip > 0 && o->clip < 1)) return "clip must be between 0 and 1";
    if (!(o->max_grad_norm > 0)) return "max_grad_norm must be positive";
    if (!(o->value_coefficient >= 0 && isfinite(o->value_coefficient) && isfinite(o->entropy_coefficient)))
        return "value_coefficient must be at least 0, and entropy_coefficient finite";
    return NULL;
}

static operant_trainer *refuse(operant_trainer *t, const char *reason, char *message, int32_t size) {
    if (message && size > 0) snprintf(message, (size_t)size, "%s", reason);
    operant_train_close(t);
    return NULL;
}

operant_trainer *operant_train_open(const operant_train_options *o, char *message, int32_t size) {
    const char *reason = fault(o);
    if (reason) return refuse(NULL, reason, message, size);
    const operant_target *target = operant_find_target(NULL, o->isa, 0, INT64_MAX);
    if (!target) return refuse(NULL, "isa is unknown or does not run here", message, size);
    if (!target->train) target = operant_find_target(NULL, "scalar", 0, INT64_MAX);
    operant_trainer *t = calloc(1, sizeof *t);
    if (!t) return refuse(NULL, "out of memory", message, size);
    t->o = *o;
    t->o.isa = target->isa;
    memcpy(t->hidden, o->hidden, (size_t)o->hidden_layers * sizeof *t->hidden);
    t->o.hidden = t->hidden;
    t->kernels = target->train;
    t->samples = o->num_envs * o->steps;
    t->power1 = t->power2 = 1;
    train_shape(&t->model, o->observation_size, o->actions, o->hidden_layers, t->hidden);
    t->scratches = calloc((size_t)o->workers, sizeof *t->scratches);
    if (!t->scratches) return refuse(t, "out of memory", message, size);
    t->bytes = (size_t)((uintptr_t)lay_out(t, NULL));
    t->memory = platform_map(t->bytes);
    if (!t->memory) return refuse(t, "out of memory", message, size);
    lay_out(t, t->memory);
    if (o->workers > 1 && !(t->pool = operant_pool_open(o->workers)))
        return refuse(t, "the system cannot start more threads", message, size);
    int64_t largest = 0;
    for (int k = 0; k < NETWORKS; k++)
        for (int32_t l = 0; l < t->model.networks[k].count; l++) {
            const train_layer *y = &t->model.networks[k].layers[l];
            if (y->in * y->out > largest) largest = y->in * y->out;
        }
    double *work = malloc((size_t)largest * sizeof *work);
    if (!work) return refuse(t, "out of memory", message, size);
    train_initialize(&t->model, o->seed, t->parameters, work);
    free(work);
    train_pack(&t->model, t->parameters);
    return t;
}

void operant_train_close(operant_trainer *t) {
    if (!t) return;
    operant_pool_close(t->pool);
    if (t->memory) platform_unmap(t->memory, t->bytes);
    free(t->scratches);
    free(t);
}
