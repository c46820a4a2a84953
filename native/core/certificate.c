/* certificate.c: the hash of a trajectory, equal if two machines, targets or versions compute the same bits. */
#include "core/dispatch.h"
#include "core/fnv1a.h"

enum { ENVS = 67, STEPS = 400, EPISODE = 60 }; /* a last block that is not full; resets of every kind */

uint64_t operant_certificate(const operant_library *library, const char *env, const char *isa, int32_t exact,
                             int32_t workers) {
    operant_options options = {env, isa, ENVS, EPISODE, exact, workers, OPERANT_NEXT_STEP, library};
    operant_batch *b = operant_open(&options, NULL, 0);
    if (!b) return 0;
    const operant_env_info *info = &b->kernel->info;
    const size_t rows = ENVS * (size_t)info->agents, actions = rows * (size_t)info->action_size;
    const size_t observations_size = ENVS * operant_row_bytes(info);
    const size_t rewards_size = rows * (size_t)b->target->real_size;
    char *memory = malloc(observations_size + rows * (sizeof(double) + 2) + actions * sizeof(int64_t));
    uint64_t hash = 0;
    if (memory) {
        double *rewards = (double *)memory;
        int64_t *integers = (int64_t *)(rewards + rows);
        float *floats = (float *)integers;
        uint8_t *observations = (uint8_t *)(integers + actions), *flags = observations + observations_size;
        operant_output output = {observations, rewards, flags, flags + rows};
        uint32_t seeds[ENVS];
        for (uint32_t i = 0; i < ENVS; i++) seeds[i] = i;
        uint64_t state = 1;
        hash = FNV1A_START;
        operant_seed(b, seeds, 1, NULL);
        operant_reset(b, NULL, NULL, observations);
        hash = fnv1a(hash, observations, observations_size);
        for (int step = 0; step < STEPS; step++) {
            for (size_t i = 0; i < actions; i++) {
                uint64_t drawn = operant_splitmix64(&state) >> 32;
                const int32_t choices = operant_choices(info, (int64_t)i);
                if (choices) integers[i] = (int64_t)(drawn % (uint64_t)choices);
                else floats[i] = (float)(drawn % 4097) / 1024 - 2; /* exactly representable, beyond most bounds */
            }
            operant_step(b, integers, info->actions ? OPERANT_INT64 : OPERANT_FLOAT32, &output);
            hash = fnv1a(hash, observations, observations_size);
            hash = fnv1a(hash, rewards, rewards_size);
            hash = fnv1a(hash, flags, 2 * rows);
        }
        free(memory);
    }
    operant_close(b);
    return hash;
}
