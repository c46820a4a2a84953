/* soak.c: all targets step every environment side by side for a long time. They must agree in every bit, and memory
 * must not grow.
 *
 * Usage: soak STEPS. STEPS, 1e9 for example, is shared among the environments; each target takes them all. Parameters
 * are drawn anew for every episode, and every 4096 steps a part of the environments is seeded and reset. */
#define _DEFAULT_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operant.h"

enum { N = 4096, TAPES = 64, TARGETS = 8 };

static uint64_t random_state = 88172645463325252u;

static uint32_t draw(void) { /* xorshift64 */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes);
    if (!memory) exit(2);
    return memory;
}

static void check(int truth, const char *env, const char *isa, long long step, const char *what) {
    if (truth) return;
    printf("%s on %s, step %lld: %s\n", env, isa, step, what);
    exit(1);
}

/** The process's resident memory in KiB (Linux). */
static long resident(void) {
    long total = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &total, &pages) != 2) exit(2);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/** Valid actions of every environment. */
static void *make_tape(const operant_env_info *info) {
    size_t count = (size_t)N * (size_t)info->agents * (size_t)info->action_size;
    int32_t *tape = allocate(count * 4);
    for (size_t i = 0; i < count; i++) {
        int32_t own = info->action_counts[i % (size_t)info->action_size], choices = own ? own : info->actions;
        float force = (float)(int32_t)draw() * 0x1p-30f;
        if (choices) tape[i] = (int32_t)(draw() % (uint32_t)choices);
        else memcpy(&tape[i], &force, 4);
    }
    return tape;
}

static void soak(const operant_env_info *info, long long steps) {
    static const char *const differs[] = {"other observations", "other rewards", "other terminations",
                                          "other truncations"};
    const size_t rows = (size_t)N * (size_t)info->agents;
    const int32_t kind = info->observation_dtype;
    const size_t number = kind == OPERANT_INT64 ? 8 : kind == OPERANT_UINT8 ? 1 : 4;
    const size_t bytes[4] = {rows * (size_t)info->observation_size * number, rows * 4, rows, rows};
    operant_batch *batch[TARGETS];
    const char *isa[TARGETS];
    void *written[TARGETS][4];
    int targets = 0;
    for (int32_t t = 0; operant_isa(t); t++) {
        if (!operant_isa_runs_here(t) || !strcmp(operant_isa(t), "exact")) continue;
        operant_options options = {info->name, operant_isa(t), N, 200, 0, 1, OPERANT_SAME_STEP, NULL};
        char message[128];
        isa[targets] = operant_isa(t);
        batch[targets] = operant_open(&options, message, sizeof message);
        check(batch[targets] != NULL, info->name, isa[targets], 0, "does not open");
        for (int k = 0; k < 4; k++) written[targets][k] = allocate(bytes[k]);
        for (int32_t p = 0; p < info->param_count; p++) {
            const operant_parameter *parameter = &info->parameters[p];
            double value = parameter->value, width = fabs(value) / 32;
            double low = fmax(value - width, parameter->low), high = fmin(value + width, parameter->high);
            if (low < high) operant_randomize(batch[targets], p, low, high); /* whole numbers are refused, alike */
        }
        targets++;
    }
    void *tape[TAPES];
    for (int k = 0; k < TAPES; k++) tape[k] = make_tape(info);
    uint8_t *mask = allocate(N);
    uint32_t *seeds = allocate((size_t)N * 8);
    const int32_t dtype = info->actions ? OPERANT_INT32 : OPERANT_FLOAT32;
    uint64_t hash = 14695981039346656037u;
    long long step = 0, episodes = 0;
    long before = 0;
    for (; step * N < steps; step++) {
        const int turn = (int)(draw() % TAPES), renewed = step % 4096 == 0;
        for (int i = 0; i < N && renewed; i++) {
            mask[i] = step == 0 || draw() % 8 == 0;
            seeds[2 * i] = draw(), seeds[2 * i + 1] = draw();
        }
        for (int t = 0; t < targets; t++) {
            const operant_output output = {written[t][0], written[t][1], written[t][2], written[t][3]};
            if (renewed) {
                operant_status seeded = operant_seed(batch[t], seeds, 2, mask);
                operant_status reset = operant_reset(batch[t], step ? mask : NULL, NULL, output.observations);
                check(seeded == OPERANT_OK && reset == OPERANT_OK, info->name, isa[t], step, "refuses a reset");
            }
            check(operant_step(batch[t], tape[turn], dtype, &output) == OPERANT_OK, info->name, isa[t], step,
                  "refuses a step");
            for (int k = 0; k < 4 && t; k++)
                check(!memcmp(written[t][k], written[0][k], bytes[k]), info->name, isa[t], step, differs[k]);
        }
        /* By now nearly as many episodes have ended in one step as ever will: pages are first touched by them. */
        if (step == steps / N / 2) before = resident();
        episodes += operant_last_finished(batch[0])->count;
        for (int k = 0; k < 2 && step % 256 == 0; k++)
            for (size_t i = 0; i < bytes[k]; i++) hash = (hash ^ ((uint8_t *)written[0][k])[i]) * 1099511628211u;
    }
    printf("%-26s %11lld steps %9lld episodes  %016llx  %ld KiB\n", info->name, step * N, episodes,
           (unsigned long long)hash, resident());
    fflush(stdout);
    check(resident() <= before + 256, info->name, "all targets", step, "memory grew");
    for (int t = 0; t < targets; t++) {
        operant_close(batch[t]);
        for (int k = 0; k < 4; k++) free(written[t][k]);
    }
    for (int k = 0; k < TAPES; k++) free(tape[k]);
    free(mask), free(seeds);
}

int main(int count, char **arguments) {
    if (count != 2) return fprintf(stderr, "usage: soak STEPS\n"), 2;
    const long long each = (long long)(atof(arguments[1]) / operant_env_count());
    printf("targets:");
    for (int32_t t = 0; operant_isa(t); t++)
        if (operant_isa_runs_here(t) && strcmp(operant_isa(t), "exact")) printf(" %s", operant_isa(t));
    printf("\n");
    for (int32_t e = 0; e < operant_env_count(); e++) {
        const operant_env_info info = operant_env(e);
        soak(&info, each);
    }
    printf("every target agreed in every bit\n");
    return 0;
}
