/* ppo.c: learning by PPO (Schulman et al. 2017) with generalised advantage estimation.
 *
 * A minibatch's gradient is the sum of those of its strands, in their order: their number is part of the algorithm, not
 * of the machine, so the sum is the same for any number of workers. */
#include "train/trainer.h"

enum {
    STRAND = 128,   /* samples that a strand has at least, if there are two */
    SHUFFLED = 4096, /* samples that a ticket shuffles */
    ADDED = 2048    /* numbers of a gradient that a ticket adds */
};
static const double EPSILON = 1e-8; /* of standardised rewards and advantages */

typedef struct {
    operant_trainer *trainer;
    const uint8_t *observations;
    int64_t rows;
    float *values;
} values_stage;

static void value_block(void *argument, train_scratch *c, int64_t block) {
    const values_stage *s = argument;
    operant_trainer *t = s->trainer;
    const int64_t first = block * TRAIN_BLOCK, rows = train_least(s->rows - first, TRAIN_BLOCK);
    train_take_rows(t, c, (train_rows){s->observations + first * t->row_bytes, NULL}, rows);
    train_forward(&t->model, t->kernels, TRUNK, &c->a, rows);
    train_forward(&t->model, t->kernels, VALUE, &c->a, rows);
    for (int64_t i = 0; i < rows; i++) {
        s->values[first + i] = c->values[i];
        if (!isfinite(c->values[i])) train_report(t, TRAIN_INFINITE);
    }
}

void train_evaluate_values(operant_trainer *t, const void *observations, int64_t rows, float *values) {
    values_stage s = {t, observations, rows, values};
    train_run(t, train_blocks(rows), value_block, &s);
}

/** A minibatch: samples `first` to `last` of an order, and where they are gathered from. */
typedef struct {
    operant_trainer *trainer;
    const uint8_t *observations;
    const float *actions, *log_probs, *values, *advantages, *returns; /* actions: [K] of 4 bytes for each sample */
    const int32_t *order;
    int64_t first, last, strands;
} minibatch;

static int64_t strand_count(int64_t batch) {
    return batch < 2 * STRAND ? 1 : train_least(batch / STRAND, MOST_STRANDS);
}

/** The first sample of a strand, or with `strand + 1` the end of it. */
static int64_t strand_begin(const minibatch *m, int64_t strand) {
    return m->first + (m->last - m->first) * strand / m->strands;
}

static void shuffle_part(void *argument, train_scratch *c, int64_t part) {
    (void)c;
    operant_trainer *t = argument;
    const int64_t first = part * SHUFFLED, last = train_least(first + SHUFFLED, t->samples);
    const uint32_t seed = (uint32_t)t->o.seed ^ (uint32_t)(t->o.seed >> 32);
    t->kernels->permute(first, last, t->samples, seed * 0x85ebca6bu + t->state.shuffle * 0x9e3779b9u, t->order);
}

/** The advantages' sums, for their mean and deviation over the minibatch. */
static void sum_strand(void *argument, train_scratch *c, int64_t strand) {
    (void)c;
    const minibatch *m = argument;
    train_sums *sums = &m->trainer->strands[strand];
    memset(sums, 0, sizeof *sums);
    for (int64_t p = strand_begin(m, strand); p < strand_begin(m, strand + 1); p++) {
        const double advantage = m->advantages[m->order[p]];
        sums->sum += advantage, sums->squares += advantage * advantage;
    }
}

/** Copies the samples from place p on to a worker's memory. Those that fill the last vector weigh 0. */
static void gather(const minibatch *m, int64_t p, int64_t rows, float centre, float scale, float weight,
                   train_scratch *c) {
    operant_trainer *t = m->trainer;
    train_take_rows(t, c, (train_rows){m->observations, m->order + p}, rows);
    for (int64_t i = 0; i < train_padded(rows); i++) {
        const int64_t q = m->order[p + (i < rows ? i : 0)];
        for (int64_t k = 0; k < t->action_size; k++)
            memcpy(c->taken[k] + i, m->actions + q * t->action_size + k, sizeof(float));
        c->old_log_probs[i] = m->log_probs[q], c->old_values[i] = m->values[q], c->returns[i] = m->returns[q];
        c->advantages[i] = (m->advantages[q] - centre) * scale;
        c->weights[i] = i < rows ? weight : 0;
    }
}

/** Evaluates both networks on the samples that were gathered, and the loss. */
static void evaluate_block(const minibatch *m, int64_t p, int64_t rows, train_scratch *c) {
    operant_trainer *t = m->trainer;
    train_forward(&t->model, t->kernels, TRUNK, &c->a, rows);
    train_forward(&t->model, t->kernels, POLICY, &c->a, rows);
    train_check_outputs(t, c, rows);
    train_mask_rows(t, c, (train_rows){m->observations, m->order + p}, rows);
    train_forward(&t->model, t->kernels, VALUE, &c->a, rows);
    train_evaluate_actions(t, c, rows);
    const train_loss loss = {
        .count = train_padded(rows), .log_probs = c->log_probs, .entropies = c->entropies, .values = c->values,
        .old_log_probs = c->old_log_probs, .old_values = c->old_values, .advantages = c->advantages,
        .returns = c->returns, .weights = c->weights, .clip = t->o.clip, .value_clip = t->o.value_clip,
        .dual_clip = t->o.dual_clip, .value_coefficient = t->o.value_coefficient, .d_log_probs = c->d_log_probs,
        .d_values = c->d_values, .terms = c->terms};
    t->kernels->loss(&loss);
}

static void descend_strand(void *argument, train_scratch *c, int64_t strand) {
    const minibatch *m = argument;
    operant_trainer *t = m->trainer;
    train_sums *own = &t->strands[strand];
    float *gradient = t->strand_gradients + strand * t->model.gradient_size;
    memset(gradient + t->model.d_log_std, 0, (size_t)train_padded(t->model.deviations) * sizeof *gradient);
    const double n = (double)(m->last - m->first);
    float centre = 0, scale = 1;
    if (t->o.normalize_advantages) {
        double sum = 0, squares = 0;
        for (int64_t k = 0; k < m->strands; k++) sum += t->strands[k].sum, squares += t->strands[k].squares;
        const double mean = sum / n, variance = n > 1 ? (squares - n * mean * mean) / (n - 1) : 0;
        centre = (float)mean, scale = (float)(1 / (sqrt(variance > 0 ? variance : 0) + EPSILON));
    }
    const int64_t begin = strand_begin(m, strand), end = strand_begin(m, strand + 1);
    for (int64_t p = begin; p < end; p += TRAIN_BLOCK) {
        const int64_t rows = train_least(end - p, TRAIN_BLOCK);
        const bool fresh = p == begin;
        gather(m, p, rows, centre, scale, (float)(1 / n), c);
        evaluate_block(m, p, rows, c);
        for (int64_t i = 0; i < rows; i++)
            for (int k = 0; k < TRAIN_TERMS; k++) own->terms[k] += c->terms[k][i];
        train_differentiate_actions(t, c, rows, gradient);
        train_backward(&t->model, t->kernels, POLICY, &c->a, rows, fresh, gradient);
        train_backward(&t->model, t->kernels, VALUE, &c->a, rows, fresh, gradient);
        train_backward(&t->model, t->kernels, TRUNK, &c->a, rows, fresh, gradient);
    }
}

/** Adds the strands' gradients, to that of the first. */
static void add_part(void *argument, train_scratch *c, int64_t part) {
    (void)c;
    const minibatch *m = argument;
    operant_trainer *t = m->trainer;
    const int64_t size = t->model.gradient_size, first = part * ADDED;
    t->kernels->add_strands(m->strands, size, train_least(size - first, ADDED), t->strand_gradients + first);
}

/** Leaves the gradient of a minibatch in t->gradient, and its sums in t->strands. */
static void compute_gradient(minibatch *m) {
    operant_trainer *t = m->trainer;
    m->strands = strand_count(m->last - m->first);
    train_run(t, m->strands, sum_strand, m);
    train_run(t, m->strands, descend_strand, m);
    if (m->strands > 1) train_run(t, (t->model.gradient_size + ADDED - 1) / ADDED, add_part, m);
    train_unpack_gradient(&t->model, t->kernels, t->strand_gradients, t->gradient);
}

/** Takes one step of Adam with the clipped gradient; returns the gradient's norm, and changes nothing if it is not
 *  finite. */
static double descend(operant_trainer *t) {
    const int64_t count = train_padded(t->model.parameter_count);
    const double norm = sqrt(t->kernels->squares(count, t->gradient));
    if (!isfinite(norm)) return norm;
    const double scale = t->o.max_grad_norm / (norm + 1e-6);
    t->state.descents++;
    t->power1 *= 0.9, t->power2 *= 0.999;
    t->kernels->adam(count, t->state.parameters, t->state.mean, t->state.square, t->gradient,
                     scale < 1 ? (float)scale : 1, (float)(t->learning_rate / (1 - t->power1)),
                     (float)sqrt(1 - t->power2));
    train_pack(&t->model, t->kernels, t->state.parameters);
    return norm;
}

/** Divides rewards by the deviation of their discounted sums, whose statistics each step updates first. */
static operant_status scale_rewards(operant_trainer *t, const operant_experience *e) {
    operant_train_state *s = &t->state;
    const int64_t n = t->o.rows;
    for (int64_t step = 0; step < t->o.steps; step++) {
        const int64_t at = step * n;
        for (int64_t i = 0; i < n; i++) s->reward_sums[i] = s->reward_sums[i] * t->o.gamma + e->rewards[at + i];
        operant_status status = operant_update_moments(&s->rewards, s->reward_sums, n, t->o.isa, 1);
        if (status == OPERANT_OK)
            status = operant_standardize(&s->rewards, e->rewards + at, n, EPSILON, 10, 0, t->o.isa, t->scaled + at);
        if (status != OPERANT_OK) return status;
        for (int64_t i = 0; i < n; i++)
            if (e->terminated[at + i] | e->truncated[at + i]) s->reward_sums[i] = 0;
    }
    return OPERANT_OK;
}

/** 1 - var(returns - values) / var(returns). */
static double explained_variance(const operant_trainer *t) {
    double sum = 0, squares = 0, error = 0, error_squares = 0;
    for (int64_t k = 0; k < t->samples; k++) sum += t->returns[k], error += (double)t->returns[k] - t->values[k];
    sum /= (double)t->samples, error /= (double)t->samples;
    for (int64_t k = 0; k < t->samples; k++) {
        const double a = t->returns[k] - sum, b = (double)t->returns[k] - t->values[k] - error;
        squares += a * a, error_squares += b * b;
    }
    return squares > 0 ? 1 - error_squares / squares : NAN;
}

/** Sums of the minibatches' means. */
typedef struct { double terms[TRAIN_TERMS], norms; int64_t count; } update_sums;

/** Makes the passes over the rollout; returns OPERANT_NOT_FINITE if a gradient is not finite. */
static operant_status make_passes(operant_trainer *t, minibatch *m, update_sums *sums) {
    const int64_t count = train_least(t->o.minibatches, t->samples);
    for (int32_t epoch = 0; epoch < t->o.epochs; epoch++, t->state.shuffle++) {
        train_run(t, (t->samples + SHUFFLED - 1) / SHUFFLED, shuffle_part, t);
        for (int64_t k = 0; k < count; k++) {
            m->first = t->samples * k / count, m->last = t->samples * (k + 1) / count;
            compute_gradient(m);
            if (train_verdict(t) != OPERANT_OK) return train_verdict(t);
            double terms[TRAIN_TERMS] = {0};
            for (int64_t strand = 0; strand < m->strands; strand++)
                for (int j = 0; j < TRAIN_TERMS; j++) terms[j] += t->strands[strand].terms[j];
            for (int j = 0; j < TRAIN_TERMS; j++) terms[j] /= (double)(m->last - m->first);
            if (t->o.target_kl > 0 && terms[3] > 1.5 * t->o.target_kl) { /* Spinning Up's factor */
                t->state.shuffle++;
                return OPERANT_OK;
            }
            const double norm = descend(t);
            if (!isfinite(norm)) return OPERANT_NOT_FINITE;
            for (int j = 0; j < TRAIN_TERMS; j++) sums->terms[j] += terms[j];
            sums->norms += norm, sums->count++;
        }
    }
    return OPERANT_OK;
}

static bool all_finite(const float *numbers, int64_t count) {
    bool finite = true;
    for (int64_t k = 0; k < count; k++) finite &= isfinite(numbers[k]) != 0;
    return finite;
}

/** OPERANT_BAD_ACTION if one is out of range or not finite. */
static operant_status check_actions(const operant_trainer *t, const void *actions, int64_t count) {
    if (!t->o.choices)
        return all_finite(actions, count * t->action_size) ? OPERANT_OK : OPERANT_BAD_ACTION;
    const int32_t *taken = actions;
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < t->action_size; k++, taken++)
            if (*taken < 0 || *taken >= t->o.choices[k]) return OPERANT_BAD_ACTION;
    return OPERANT_OK;
}

static operant_status learn(operant_trainer *t, const operant_experience *e, operant_train_metrics *metrics) {
    const float *rewards = e->rewards;
    if (!all_finite(rewards, t->samples) || !all_finite(e->log_probs, t->samples)) return OPERANT_NOT_FINITE;
    if (t->o.normalize_observations && !all_finite(e->observations, t->samples * t->inputs)) return OPERANT_NOT_FINITE;
    train_evaluate_values(t, e->observations, t->samples + t->o.rows, t->values);
    if (train_verdict(t) != OPERANT_OK) return train_verdict(t);
    operant_status status = OPERANT_OK;
    if (t->o.normalize_rewards) {
        status = scale_rewards(t, e);
        rewards = t->scaled;
    }
    const operant_rollout r = {t->o.steps, t->o.rows, rewards, t->values, e->terminated, e->truncated, e->final_values,
                               t->values + t->samples, t->o.gamma, t->o.lam};
    if (status == OPERANT_OK) status = operant_gae(&r, t->o.isa, 1, t->advantages, t->returns);
    if (status != OPERANT_OK) return status;
    minibatch m = {.trainer = t, .observations = e->observations, .actions = e->actions, .log_probs = e->log_probs,
                   .values = t->values, .advantages = t->advantages, .returns = t->returns, .order = t->order};
    update_sums sums = {{0}, 0, 0};
    const double explained = explained_variance(t);
    status = make_passes(t, &m, &sums);
    if (status == OPERANT_OK && t->o.normalize_observations)
        status = operant_update_moments(&t->state.observations, e->observations, t->samples, t->o.isa, 1);
    train_freeze_normalizer(t);
    const double n = sums.count ? (double)sums.count : 1;
    *metrics = (operant_train_metrics){
        .policy_loss = -sums.terms[0] / n, .value_loss = sums.terms[1] / n, .entropy = sums.terms[2] / n,
        .approximate_kl = sums.terms[3] / n, .clip_fraction = sums.terms[4] / n, .gradient_norm = sums.norms / n,
        .explained_variance = explained, .minibatches = sums.count};
    return status;
}

operant_status operant_train_learn(operant_trainer *t, const operant_experience *e, operant_train_metrics *metrics) {
    if (!e || !metrics || !e->observations || !e->actions || !e->log_probs || !e->rewards || !e->terminated ||
        !e->truncated || !e->final_values)
        return OPERANT_BAD_ARGUMENT;
    if (!train_enter(t)) return OPERANT_BUSY;
    const operant_status status = check_actions(t, e->actions, t->samples);
    return train_leave(t, status == OPERANT_OK ? learn(t, e, metrics) : status);
}

operant_status operant_train_gradient(operant_trainer *t, int64_t count, const void *observations, const void *actions,
                                      const float *log_probs, const float *values, const float *advantages,
                                      const float *returns, float *gradient) {
    if (count < 1 || count > t->samples || !observations || !actions || !log_probs || !values || !advantages ||
        !returns || !gradient)
        return OPERANT_BAD_ARGUMENT;
    if (!train_enter(t)) return OPERANT_BUSY;
    const operant_status status = check_actions(t, actions, count);
    if (status != OPERANT_OK) return train_leave(t, status);
    for (int64_t k = 0; k < count; k++) t->order[k] = (int32_t)k;
    minibatch m = {.trainer = t, .observations = observations, .actions = actions, .log_probs = log_probs,
                   .values = values, .advantages = advantages, .returns = returns, .order = t->order, .last = count};
    compute_gradient(&m);
    memcpy(gradient, t->gradient, (size_t)t->model.parameter_count * sizeof *gradient);
    return train_leave(t, train_verdict(t));
}
