/* load.c: environments that are compiled by themselves, as shared libraries. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "core/layout.h"

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static const operant_library *refuse(char *message, int32_t size, const char *format, const char *value) {
    if (message && size > 0) snprintf(message, (size_t)size, format, value);
    return NULL;
}

const operant_library *operant_load(const char *path, char *message, int32_t size) {
    void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!file) return refuse(message, size, "%s", dlerror());
    const operant_library *library = dlsym(file, "operant_library_table");
    if (!library) return refuse(message, size, "%s is no library of an operant environment", path);
    if (library->abi != OPERANT_ABI || library->batch_size != sizeof(operant_batch) ||
        library->target_size != sizeof(operant_target) || library->kernel_size != sizeof(operant_kernel))
        return refuse(message, size, "%s was compiled for another version of operant's core", path);
    pthread_mutex_lock(&loading);
    *library->core = (operant_core_functions){operant_numpy_sinf, operant_numpy_cosf};
    pthread_mutex_unlock(&loading);
    return library;
}

operant_env_info operant_library_env(const operant_library *library) {
    const operant_target *const *last = library->targets; /* the exact build: one lane, which every environment has */
    while (last[1]) last++;
    return (*last)->kernels[0]->info;
}
