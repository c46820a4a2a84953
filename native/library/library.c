/* library.c: with every file of targets/, one environment as a shared library that operant_load() loads.
 *
 * build/environments.h then lists that environment alone, and OPERANT_LIBRARY leaves the training kernels out. What the
 * environment calls of the core it reaches through the table: the core's own symbols are hidden from it. */
#include "core/dispatch.h"

static operant_core_functions core;

float operant_numpy_sinf(float x) { return core.numpy_sinf(x); }
float operant_numpy_cosf(float x) { return core.numpy_cosf(x); }

static const operant_target *const targets[] = {OPERANT_TARGETS};

extern const operant_library operant_library_table;
__attribute__((visibility("default"))) const operant_library operant_library_table = {
    OPERANT_ABI, sizeof(operant_batch), sizeof(operant_target), sizeof(operant_kernel), targets, &core,
};
