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

enum { ENVIRONMENTS = 256, STEPS = 32, JUDGED = 100, SOLVED = 500 };

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
    static uint32_t seeds[ENVIRONMENTS];
    for (int64_t i = 0; i < num_envs; i++) seeds[i] = first_seed + (uint32_t)i;
    check(operant_seed(batch, seeds, 1, NULL), "operant_seed");
    return batch;
}

int main(int count, char **arguments) {
    const uint32_t seed = count > 1 ? (uint32_t)atoi(arguments[1]) : 1;
    const int64_t total_steps = count > 2 ? atoll(arguments[2]) : 400000;
    const char *isa = count > 4 ? arguments[4] : NULL;
    const int32_t hidden[] = {64, 64};
    const operant_train_options options = {
        .isa = isa, .num_envs = ENVIRONMENTS, .steps = STEPS, .observation_size = 4, .actions = 2,
        .hidden_layers = 2, .hidden = hidden, .workers = count > 3 ? atoi(arguments[3]) : 1,
        .epochs = 4, .minibatches = 4, .seed = seed, .total_steps = total_steps,
        .learning_rate = 3e-3f, .gamma = 0.98f, .lam = 0.9f, .clip = 0.2f,
        .value_coefficient = 0.5f, .entropy_coefficient = 0, .max_grad_norm = 0.5f,
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

    operant_train_metrics metrics = {0};
    double score = 0;
    for (int update = 1; metrics.total_steps < total_steps && score < SOLVED; update++) {
        check(operant_train_update(trainer, batch, &metrics), "operant_train_update");
        const int promising = metrics.episode_return >= 0.8 * SOLVED, last = metrics.total_steps >= total_steps;
        if (promising || update % 32 == 0 || last)
            check(operant_train_evaluate(trainer, judge, &score), "operant_train_evaluate");
    }

    int64_t parameters;
    const uint8_t *bytes = (const uint8_t *)operant_train_parameters(trainer, &parameters);
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (int64_t i = 0; i < parameters * 4; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
    printf("%lld steps, mean return of %d greedy episodes %.1f, weights %016" PRIx64 "\n",
           (long long)metrics.total_steps, JUDGED, score, hash);
    operant_close(batch), operant_close(judge), operant_train_close(trainer);
    return 0;
}
