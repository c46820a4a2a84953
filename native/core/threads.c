/* threads.c: a persistent pool of workers that spin briefly for the next job, then sleep. */
#include <pthread.h>
#include <unistd.h>

#include "core/layout.h"

enum { SPINS = 4000 }; /* some 20 us: longer than the Python between two steps of a large batch */

typedef struct {
    operant_pool *pool;
    int32_t worker;
    pthread_t thread;
} member;

struct operant_pool {
    int32_t threads; /* besides the caller's */
    member *members;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    void (*job)(void *, int32_t);
    void *argument;
    atomic_uint generation; /* odd or even, a new number is a new job */
    atomic_int running;
    bool closing;
    pid_t process;
};

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void *work(void *argument) {
    member *self = argument;
    operant_pool *pool = self->pool;
    for (unsigned seen = 0;;) {
        for (int spin = 0; spin < SPINS && atomic_load(&pool->generation) == seen; spin++) relax();
        if (atomic_load(&pool->generation) == seen) {
            pthread_mutex_lock(&pool->lock);
            while (atomic_load(&pool->generation) == seen) pthread_cond_wait(&pool->work, &pool->lock);
            pthread_mutex_unlock(&pool->lock);
        }
        seen = atomic_load(&pool->generation);
        if (pool->closing) return NULL;
        pool->job(pool->argument, self->worker);
        if (atomic_fetch_sub(&pool->running, 1) == 1) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->lock);
        }
    }
}

/** Publishes a job (or the end) to every thread. */
static void announce(operant_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->running, pool->threads);
    atomic_fetch_add(&pool->generation, 1);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

static void join(operant_pool *pool) {
    pool->closing = true;
    announce(pool);
    for (int32_t i = 0; i < pool->threads; i++) pthread_join(pool->members[i].thread, NULL);
}

/** Starts the threads; false if the system refuses, with none left running. */
static bool start(operant_pool *pool, int32_t threads) {
    pool->closing = false;
    atomic_store(&pool->generation, 0);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (pool->threads = 0; pool->threads < threads; pool->threads++) {
        member *next = &pool->members[pool->threads];
        *next = (member){pool, pool->threads + 1, 0};
        if (pthread_create(&next->thread, NULL, work, next)) {
            join(pool);
            pool->threads = 0;
            pool->process = 0; /* no process's: every run tries again */
            return false;
        }
    }
    pool->process = getpid();
    return true;
}

operant_pool *operant_pool_open(int32_t workers) {
    operant_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->members = calloc((size_t)workers, sizeof *pool->members);
    if (pool->members && start(pool, workers - 1)) return pool;
    free(pool->members);
    free(pool);
    return NULL;
}

void operant_pool_close(operant_pool *pool) {
    if (!pool) return;
    if (pool->process == getpid()) join(pool); /* in a forked child the threads do not exist */
    free(pool->members);
    free(pool);
}

void operant_pool_run(operant_pool *pool, int32_t workers, void (*job)(void *, int32_t), void *argument) {
    bool threaded = pool && (pool->process == getpid() || start(pool, workers - 1));
    if (!threaded) {
        for (int32_t worker = 0; worker < workers; worker++) job(argument, worker);
        return;
    }
    pool->job = job;
    pool->argument = argument;
    announce(pool);
    job(argument, 0);
    for (int spin = 0; spin < SPINS && atomic_load(&pool->running); spin++) relax();
    if (atomic_load(&pool->running)) {
        pthread_mutex_lock(&pool->lock);
        while (atomic_load(&pool->running)) pthread_cond_wait(&pool->done, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
    }
}
