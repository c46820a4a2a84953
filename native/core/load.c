/* load.c: the loader of environments that are compiled as shared libraries. */
#include <stdio.h>

#include "core/layout.h"
#include "platform/platform.h"

static platform_mutex loading = PLATFORM_MUTEX;

static const operant_library *refuse(char *message, size_t size, const char *format, const char *path) {
    snprintf(message, size, format, path);
    return NULL;
}

const operant_library *operant_load(const char *path, char *message, int32_t size) {
    const size_t room = message && size > 0 ? (size_t)size : 0;
    void *file = platform_load(path, message, room);
    if (!file) return NULL;
    const operant_library *library = platform_symbol(file, "operant_library_table");
    if (!library) return refuse(message, room, "%s is not a library of an operant environment", path);
    if (library->abi != OPERANT_ABI || library->batch_size != sizeof(operant_batch) ||
        library->target_size != sizeof(operant_target) || library->kernel_size != sizeof(operant_kernel))
        return refuse(message, room, "%s was compiled for a different version of operant's core", path);
    platform_lock(&loading);
    *library->core = (operant_core_functions){operant_numpy_sinf, operant_numpy_cosf};
    platform_unlock(&loading);
    return library;
}

operant_env_info operant_library_env(const operant_library *library) {
    const operant_target *const *last = library->targets; /* the exact build, which has every environment */
    while (last[1]) last++;
    return (*last)->kernels[0]->info;
}
