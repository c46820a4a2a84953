/* wasm.h: the platform on WebAssembly: memory, but no shared libraries and no threads. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *platform_map(size_t bytes) {
    bytes = (bytes + 63) / 64 * 64;
    void *pages = aligned_alloc(64, bytes);
    return pages ? memset(pages, 0, bytes) : NULL;
}

static inline void platform_unmap(void *pages, size_t bytes) { (void)bytes, free(pages); }

static inline void *platform_load(const char *path, char *message, size_t size) {
    snprintf(message, size, "%s: WebAssembly cannot load libraries", path);
    return NULL;
}

static inline void *platform_symbol(void *library, const char *name) { return (void)library, (void)name, NULL; }

#define PLATFORM_EXPORTED __attribute__((visibility("default")))

enum { PLATFORM_HAS_THREADS = 0 };

static inline void platform_on_fork(void (*in_child)(void)) { (void)in_child; }

typedef int platform_result, platform_thread;

static inline bool platform_start(platform_thread *thread, platform_result (*run)(void *), void *argument) {
    return (void)thread, (void)run, (void)argument, false;
}

static inline void platform_join(platform_thread thread) { (void)thread; }

typedef int platform_mutex, platform_condition;
#define PLATFORM_MUTEX 0
#define PLATFORM_CONDITION 0

static inline void platform_lock(platform_mutex *mutex) { (void)mutex; }
static inline void platform_unlock(platform_mutex *mutex) { (void)mutex; }
static inline void platform_wait(platform_condition *condition, platform_mutex *mutex) { (void)condition, (void)mutex; }
static inline void platform_wake_one(platform_condition *condition) { (void)condition; }
static inline void platform_wake_all(platform_condition *condition) { (void)condition; }
