/* posix.h: the platform on Linux and macOS. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

static inline void *platform_map(size_t bytes) {
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static inline void platform_unmap(void *pages, size_t bytes) { munmap(pages, bytes); }

static inline void *platform_load(const char *path, char *message, size_t size) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) snprintf(message, size, "%s", dlerror());
    return library;
}

static inline void *platform_symbol(void *library, const char *name) { return dlsym(library, name); }

#define PLATFORM_EXPORTED __attribute__((visibility("default")))

enum { PLATFORM_HAS_THREADS = 1 };

static inline void platform_on_fork(void (*in_child)(void)) { pthread_atfork(NULL, NULL, in_child); }

typedef void *platform_result;
typedef pthread_t platform_thread;

static inline bool platform_start(platform_thread *thread, platform_result (*run)(void *), void *argument) {
    return !pthread_create(thread, NULL, run, argument);
}

static inline void platform_join(platform_thread thread) { pthread_join(thread, NULL); }

typedef pthread_mutex_t platform_mutex;
typedef pthread_cond_t platform_condition;
#define PLATFORM_MUTEX PTHREAD_MUTEX_INITIALIZER
#define PLATFORM_CONDITION PTHREAD_COND_INITIALIZER

static inline void platform_lock(platform_mutex *mutex) { pthread_mutex_lock(mutex); }
static inline void platform_unlock(platform_mutex *mutex) { pthread_mutex_unlock(mutex); }
static inline void platform_wait(platform_condition *condition, platform_mutex *mutex) {
    pthread_cond_wait(condition, mutex);
}
static inline void platform_wake_one(platform_condition *condition) { pthread_cond_signal(condition); }
static inline void platform_wake_all(platform_condition *condition) { pthread_cond_broadcast(condition); }
