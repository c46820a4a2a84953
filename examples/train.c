/* train.c: PPO solves CartPole in C, without Python, and writes the policy as a header for other C programs.
 *
 *     make native
 *     cc -Inative examples/train.c build/native/liboperant.a -lm -lpthread -ldl -o train && ./train -o policy.h
 *
 * Usage: train [-o FILE] [seed [steps [workers [isa]]]]. It ends with the hash of the weights, which is the same on
 * every CPU and for any number of workers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/train.h"

enum { ENVIRONMENTS = 32, STEPS = 32, JUDGED = 100, SOLVED = 500 };

/** Ends the program with a message unless `status` is OPERANT_OK. */
static void check(operant_status status, const char *call) {
    if (status == OPERANT_OK) return;
    fprintf(stderr, "%s failed with status %d\n", call, (int)status);
    exit(1);
}

/** Reads argument `index`, a whole number from `least` to `most`; returns `absent` if there is none. */
static int64_t read_number(int count, char **arguments, int index, int64_t least, int64_t most, int64_t absent) {
    if (index >= count) return absent;
    char *end;
    const long long number = strtoll(arguments[index], &end, 10);
    if (end > arguments[index] && !*end && number >= least && number <= most) return number;
    fprintf(stderr, "'%s' is not a whole number from %lld to %lld\n", arguments[index], (long long)least,
            (long long)most);
    fprintf(stderr, "usage: train [-o FILE] [seed [steps [workers [isa]]]]\n");
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

/** The functions after the weights in the header. `operant export --format c` writes functions of the same names. */
static const char *functions =
    "/* Writes the logits of the actions. */\n"
    "static inline void policy_forward(const float *observation, float *parameters) {\n"
    "    const float *weight = policy_weights, *x = observation;\n"
    "    float hidden[2][POLICY_WIDEST];\n"
    "    for (int layer = 0; layer < POLICY_LAYERS; layer++) {\n"
    "        const int inputs = policy_widths[layer], outputs = policy_widths[layer + 1];\n"
    "        const int last = layer + 1 == POLICY_LAYERS;\n"
    "        const float *bias = weight + outputs * inputs;\n"
    "        float *y = last ? parameters : hidden[layer % 2];\n"
    "        for (int k = 0; k < outputs; k++, weight += inputs) {\n"
    "            float sum = bias[k];\n"
    "            for (int i = 0; i < inputs; i++) sum += weight[i] * x[i];\n"
    "            y[k] = last ? sum : tanhf(sum);\n"
    "        }\n"
    "        weight = bias + outputs;\n"
    "        x = y;\n"
    "    }\n"
    "}\n\n"
    "/* Writes the most probable action. */\n"
    "static inline void policy_act(const float *observation, int *action) {\n"
    "    float logits[POLICY_PARAMETERS];\n"
    "    policy_forward(observation, logits);\n"
    "    *action = 0;\n"
    "    for (int k = 1; k < POLICY_PARAMETERS; k++)\n"
    "        if (logits[k] > logits[*action]) *action = k;\n"
    "}\n";

static void write_numbers(FILE *file, const float *numbers, int64_t count) {
    for (int64_t i = 0; i < count; i++) fprintf(file, "%s%af,", i % 6 ? " " : "\n    ", numbers[i]);
}

/** Writes the policy as a C99 header that needs only tanhf. */
static void write_policy(const char *path, const operant_train_options *options, const float *parameters) {
    const int32_t layers = options->hidden_layers;
    int32_t widths[10] = {options->parts[0].count}, widest = 0; /* a network has at most 8 hidden layers */
    int64_t hidden = 0;
    for (int k = 0; k < layers; k++) {
        widths[k + 1] = options->hidden[k];
        hidden += widths[k + 1] * (widths[k] + 1);
        if (widths[k + 1] > widest) widest = widths[k + 1];
    }
    widths[layers + 1] = options->choices[0];

    FILE *file = fopen(path, "w");
    if (!file) perror(path), exit(1);
    fprintf(file, "/* A policy for CartPole. */\n#ifndef POLICY_H\n#define POLICY_H\n#include <math.h>\n\n");
    fprintf(file, "enum { POLICY_OBSERVATION = %d, POLICY_PARAMETERS = %d, POLICY_ACTIONS = 1 };\n", widths[0],
            widths[layers + 1]);
    fprintf(file, "enum { POLICY_LAYERS = %d, POLICY_WIDEST = %d };\n", layers + 1, widest);
    fprintf(file, "static const int policy_widths[] = {");
    for (int k = 0; k <= layers + 1; k++) fprintf(file, "%s%d", k ? ", " : "", widths[k]);
    fprintf(file, "};\n/* Of each layer the weights [outputs, inputs], then the biases [outputs]. */\n");
    fprintf(file, "static const float policy_weights[] = {");
    write_numbers(file, parameters, hidden);
    write_numbers(file, parameters + 2 * hidden, (widths[layers] + 1) * widths[layers + 1]); /* behind the value's */
    fprintf(file, "\n};\n\n%s#endif\n", functions);
    if (fclose(file)) perror(path), exit(1);
}

int main(int count, char **arguments) {
    const char *path = NULL;
    if (count > 2 && !strcmp(arguments[1], "-o")) path = arguments[2], count -= 2, arguments += 2;
    const uint32_t seed = (uint32_t)read_number(count, arguments, 1, 0, UINT32_MAX, 1);
    const int64_t total_steps = read_number(count, arguments, 2, 1, INT64_MAX, 400000);
    const int32_t workers = (int32_t)read_number(count, arguments, 3, 1, INT32_MAX, 1);
    const char *isa = count > 4 ? arguments[4] : NULL;
    const int32_t hidden[] = {32}, choices[] = {2};
    const operant_part numbers[] = {{.dtype = OPERANT_FLOAT32, .count = 4}};
    const float learning_rate = 5e-3f, clip = 0.2f;
    const operant_train_options options = {
        .isa = isa, .rows = ENVIRONMENTS, .steps = STEPS, .row_bytes = sizeof(float[4]), .part_count = 1,
        .parts = numbers, .action_size = 1, .choices = choices, .hidden_layers = 1, .hidden = hidden,
        .value_hidden_layers = 1, .value_hidden = hidden, .workers = workers,
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

    if (path) write_policy(path, &options, state->parameters);
    const uint8_t *bytes = (const uint8_t *)state->parameters;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (int64_t i = 0; i < state->parameter_count * 4; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
    printf("%lld steps, mean return of %d greedy episodes %.1f, weights %016" PRIx64 "\n",
           (long long)steps, JUDGED, score, hash);
    operant_close(batch), operant_close(judge), operant_train_close(trainer);
    return 0;
}
