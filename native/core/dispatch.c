/* dispatch.c: the targets, best first. A batch takes the first that this CPU runs, unless a target is given by name. */
#include "core/dispatch.h"

static const operant_target *const operant_targets[] = {OPERANT_TARGETS};

static int32_t target_count(void) {
    int32_t count = 0;
    while (operant_targets[count]) count++;
    return count;
}

const char *operant_isa(int32_t index) {
    return index >= 0 && index < target_count() ? operant_targets[index]->isa : NULL;
}

int32_t operant_isa_runs_here(int32_t index) {
    return index >= 0 && index < target_count() && operant_targets[index]->runs_here();
}

/** Returns the target of that name, or NULL. */
static const operant_target *named(const operant_target *const *targets, const char *isa) {
    while (*targets && strcmp((*targets)->isa, isa)) targets++;
    return *targets;
}

/* The core's list decides for a library, too, because a batch takes its passes from the core. */
const operant_target *operant_find_target(const operant_library *library, const char *isa, int32_t exact,
                                          int64_t num_envs) {
    for (int i = 0; operant_targets[i]; i++) {
        const operant_target *target = operant_targets[i];
        if (target->exact != (exact != 0) || !target->runs_here()) continue;
        if (isa ? strcmp(isa, target->isa) : target->lanes / 2 > num_envs) continue;
        if (library) target = named(library->targets, target->isa);
        if (target) return target;
    }
    return NULL;
}

const operant_kernel *operant_find_kernel(const operant_target *target, const char *env) {
    for (int32_t i = 0; target->kernels[i]; i++)
        if (env && !strcmp(env, target->kernels[i]->info.name)) return target->kernels[i];
    return NULL;
}

/** The environments: those of the last target, which has one lane. */
static const operant_kernel *const *all_kernels(void) { return operant_targets[target_count() - 1]->kernels; }

int32_t operant_env_count(void) {
    int32_t count = 0;
    while (all_kernels()[count]) count++;
    return count;
}

operant_env_info operant_env(int32_t index) {
    if (index < 0 || index >= operant_env_count()) return (operant_env_info){0};
    return all_kernels()[index]->info;
}
