/* library.c: the table of a shared library of one environment, which is compiled with every file of targets/.
 *
 * operant_load() loads the library. Its build/environments.h lists only that environment, and OPERANT_LIBRARY omits the
 * training kernels. The environment calls functions of the core through the table, because the core's own symbols are
 * hidden from it. */
#include "core/dispatch.h"
#include "platform/platform.h"

static operant_core_functions core;

float operant_numpy_sinf(float x) { return core.numpy_sinf(x); }
float operant_numpy_cosf(float x) { return core.numpy_cosf(x); }

static const operant_target *const targets[] = {OPERANT_TARGETS};

PLATFORM_EXPORTED extern const operant_library operant_library_table;
const operant_library operant_library_table = {
    OPERANT_ABI, sizeof(operant_batch), sizeof(operant_target), sizeof(operant_kernel), targets, &core,
};
