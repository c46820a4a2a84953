/* train.c: PPO solves CartPole in C, without Python.
 *
 *     make native
 *     cc -Inative examples/train.c build/native/liboperant.a -lm -lpthread -ldl -o train && ./train
 *
 * Usage: train [seed [steps [workers [isa]]]]. It ends with the hash of the weights, which is the same on every CPU and
 * for any number of workers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "train/train.h"

enum { ENVIRONMENTS = 32, STEPS = 32, JUDGED = 100, SOLVED = 500 };

/** Ends the program with a message unless `status` is OPERANT_OK. */
static void check(operant_status status, const char *call) {
    if (status == OPERANT_OK) return;
    fprintf(stderr, "%s failed with status %d\n", call, (int)status);
    exit(1);
}

static operant_batch *open_cartpoles(int64_t num_envs, uint32_t first_seed, const char *isa) {
    char message[256];
    const operant_options options = {.env = "cartpole", .isa = isa, .num_envs = num_envs, .max_episode_steps = 500,
                                     .workers = 1, .autoreset = OPERANT_SAME_STEP};
    operant_batch *batch = operant_open(&options, message, sizeof message);
    if (!batch) {
        fprintf(stderr, "operant_open: %s\n", message);
        exit(1);
    }
    uint32_t seeds[JUDGED > ENVIRONMENTS ? JUDGED : ENVIRONMENTS];
    for (int64_t i = 0; i < num_envs; i++) seeds[i] = first_seed + (uint32_t)i;
    check(operant_seed(batch, seeds, 1, NULL), "operant_seed");
    return batch;
}

/** The mean return of the last episodes. */
static double recent_return(const operant_train_state *state) {
    const int64_t count = state->episodes < OPERANT_EPISODES ? state->episodes : OPERANT_EPISODES;
    double sum = 0;
    for (int64_t k = 0; k < count; k++) sum += state->returns[k];
    return count ? sum / (double)count : 0;
}

int main(int count, char **arguments) {
    const uint32_t seed = count > 1 ? (uint32_t)atoi(arguments[1]) : 1;
    const int64_t total_steps = count > 2 ? atoll(arguments[2]) : 400000;
    const char *isa = count > 4 ? arguments[4] : NULL;
    const int32_t hidden[] = {32}, choices[] = {2};
    const operant_part numbers[] = {{.dtype = OPERANT_FLOAT32, .count = 4}};
    const float learning_rate = 5e-3f, clip = 0.2f;
    const operant_train_options options = {
        .isa = isa, .rows = ENVIRONMENTS, .steps = STEPS, .row_bytes = sizeof(float[4]), .part_count = 1,
        .parts = numbers, .action_size = 1, .choices = choices, .hidden_layers = 1, .hidden = hidden,
        .value_hidden_layers = 1, .value_hidden = hidden, .workers = count > 3 ? atoi(arguments[3]) : 1,
        .epochs = 4, .minibatches = 16, .seed = seed, .normalize_advantages = 1, .learning_rate = learning_rate,
        .gamma = 0.99f, .lam = 0.9f, .clip = clip, .value_coefficient = 0.5f, .max_grad_norm = 0.5f,
    };
    char message[256];
    operant_trainer *trainer = operant_train_open(&options, message, sizeof message);
    if (!trainer) {
        fprintf(stderr, "operant_train_open: %s\n", message);
        return 1;
    }
    operant_batch *batch = open_cartpoles(ENVIRONMENTS, seed * 1000000u, isa);
    operant_batch *judge = open_cartpoles(JUDGED, 7, isa);
    static float observations[ENVIRONMENTS][4];
    check(operant_reset(batch, NULL, NULL, observations), "operant_reset");

    const operant_train_state *state = operant_train_view(trainer);
    operant_experience experience;
    operant_train_metrics metrics;
    int64_t steps = 0;
    double score = 0;
    for (int update = 1; steps < total_steps && score < SOLVED; update++) {
        const double left = 1 - (double)steps / (double)total_steps;
        check(operant_train_adjust(trainer, learning_rate * left, clip), "operant_train_adjust");
        check(operant_train_collect(trainer, batch, &experience), "operant_train_collect");
        check(operant_train_learn(trainer, &experience, &metrics), "operant_train_learn");
        steps += ENVIRONMENTS * STEPS;
        const int promising = recent_return(state) >= 0.8 * SOLVED, last = steps >= total_steps;
        if (promising || update % 32 == 0 || last)
            check(operant_train_evaluate(trainer, judge, &score), "operant_train_evaluate");
    }

    const uint8_t *bytes = (const uint8_t *)state->parameters;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (int64_t i = 0; i < state->parameter_count * 4; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
    printf("%lld steps, mean return of %d greedy episodes %.1f, weights %016" PRIx64 "\n",
           (long long)steps, JUDGED, score, hash);
    operant_close(batch), operant_close(judge), operant_train_close(trainer);
    return 0;
}
