/* heads.c: distributions over actions, from the policy's outputs in columns. */
#include "train/trainer.h"

static bool discrete(const operant_trainer *t) { return t->o.choices != NULL; }

static train_categorical categorical(const operant_trainer *t, const train_scratch *c, int64_t count, int64_t k,
                                     int64_t first) {
    return (train_categorical){count, t->o.choices[k], (const float *const *)c->outputs + first};
}

static train_normal normal(const operant_trainer *t, const float *mean, int64_t count, int64_t k) {
    const float log_std = t->state.parameters[t->model.log_std + k];
    return (train_normal){count, mean, log_std, t->o.squash, t->o.low[k], t->o.high[k]};
}

/* A larger output is an error. So differences are finite, and no logit is as low as that of a forbidden choice. */
static const float MOST_OUTPUT = 1e37f;

void train_check_outputs(operant_trainer *t, const train_scratch *c, int64_t rows) {
    bool finite = true;
    for (int64_t k = 0; k < t->outputs; k++)
        for (int64_t i = 0; i < rows; i++) finite &= fabsf(c->outputs[k][i]) <= MOST_OUTPUT;
    if (!finite) train_report(t, TRAIN_INFINITE);
}

void train_evaluate_actions(const operant_trainer *t, train_scratch *c, int64_t rows) {
    const int64_t count = train_padded(rows);
    memset(c->log_probs, 0, (size_t)count * sizeof(float));
    memset(c->entropies, 0, (size_t)count * sizeof(float));
    for (int64_t k = 0, first = 0; k < t->action_size; k++) {
        if (discrete(t)) {
            const train_categorical d = categorical(t, c, count, k, first);
            t->kernels->categorical(&d, (const int32_t *)c->taken[k], c->log_probs, c->entropies);
            first += d.choices;
        } else {
            const train_normal d = normal(t, c->outputs[k], count, k);
            t->kernels->normal(&d, c->taken[k], c->log_probs, c->entropies);
        }
    }
}

void train_differentiate_actions(const operant_trainer *t, train_scratch *c, int64_t rows, float *gradient) {
    const int64_t count = train_padded(rows);
    const train_derivatives follow = {c->d_log_probs, c->weights, t->o.entropy_coefficient};
    for (int64_t k = 0, first = 0; k < t->action_size; k++) {
        if (discrete(t)) {
            const train_categorical d = categorical(t, c, count, k, first);
            t->kernels->categorical_gradient(&d, &follow, (const int32_t *)c->taken[k], c->d_outputs + first);
            first += d.choices;
        } else {
            const train_normal d = normal(t, c->outputs[k], count, k);
            t->kernels->normal_gradient(&d, &follow, c->taken[k], c->d_outputs[k], c->d_log_std);
            double sum = 0;
            for (int64_t i = 0; i < rows; i++) sum += c->d_log_std[i];
            gradient[t->model.d_log_std + k] += (float)sum;
        }
    }
}

void train_draw_actions(const operant_trainer *t, train_scratch *c, uint32_t draw, int64_t first, int64_t rows) {
    const int64_t count = train_padded(rows);
    memset(c->log_probs, 0, (size_t)count * sizeof(float));
    for (int64_t k = 0, at = 0; k < t->action_size; k++) {
        const uint32_t key[2] = {(uint32_t)t->o.seed,
                                 ((uint32_t)(t->o.seed >> 32) ^ 0x53414d50u) + (uint32_t)k * 0x9e3779b9u};
        t->kernels->uniforms(count, key, draw, (uint32_t)first, c->uniform, c->other);
        if (discrete(t)) {
            const train_categorical d = categorical(t, c, count, k, at);
            t->kernels->categorical_sample(&d, c->uniform, (int32_t *)c->taken[k], c->log_probs);
            at += d.choices;
        } else {
            const train_normal d = normal(t, c->outputs[k], count, k);
            t->kernels->normal_sample(&d, c->uniform, c->other, c->taken[k], c->log_probs);
        }
    }
}

void train_choose_actions(const operant_trainer *t, train_scratch *c, int64_t rows) {
    for (int64_t k = 0, first = 0; k < t->action_size; k++) {
        if (!discrete(t)) {
            memcpy(c->taken[k], c->outputs[k], (size_t)rows * sizeof(float));
            continue;
        }
        int32_t *best = (int32_t *)c->taken[k];
        for (int64_t i = 0; i < rows; i++) {
            best[i] = 0;
            for (int32_t a = 1; a < t->o.choices[k]; a++)
                if (c->outputs[first + a][i] > c->outputs[first + best[i]][i]) best[i] = a;
        }
        first += t->o.choices[k];
    }
}

void train_give_actions(const operant_trainer *t, train_scratch *c, int64_t rows, float *actions, float *bounded) {
    for (int64_t k = 0; k < t->action_size; k++) {
        const float *within = c->taken[k];
        if (bounded && !discrete(t)) {
            const train_normal d = normal(t, NULL, train_padded(rows), k);
            t->kernels->bound(&d, c->taken[k], c->bounded);
            within = c->bounded;
        }
        for (int64_t i = 0; i < rows; i++) {
            if (actions) memcpy(actions + i * t->action_size + k, c->taken[k] + i, sizeof *actions);
            if (bounded) memcpy(bounded + i * t->action_size + k, within + i, sizeof *bounded);
        }
    }
}
