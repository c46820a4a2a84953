/* threads.c: a persistent pool of workers that spin briefly for the next job, then sleep. */
#include "core/layout.h"
#include "platform/cpu.h"
#include "platform/platform.h"

enum { SPINS = 4000 }; /* about 20 us: longer than Python needs between two steps of a large batch */

typedef struct {
    operant_pool *pool;
    int32_t worker;
    platform_thread thread;
} member;

struct operant_pool {
    int32_t threads; /* besides the caller's */
    member *members;
    platform_mutex lock;
    platform_condition work, done;
    void (*job)(void *, int32_t);
    void *argument;
    atomic_uint generation; /* a new number is a new job */
    atomic_int running;
    bool closing;
    int32_t process; /* the operant_process() in which the threads run */
};

static atomic_int forks;
static atomic_bool counting;

static void count_fork(void) { atomic_fetch_add(&forks, 1); }

int32_t operant_process(void) {
    if (!atomic_load_explicit(&counting, memory_order_relaxed) && !atomic_exchange(&counting, true))
        platform_on_fork(count_fork);
    return 1 + atomic_load_explicit(&forks, memory_order_relaxed);
}

static platform_result work(void *argument) {
    member *self = argument;
    operant_pool *pool = self->pool;
    for (unsigned seen = 0;;) {
        for (int spin = 0; spin < SPINS && atomic_load(&pool->generation) == seen; spin++) cpu_relax();
        if (atomic_load(&pool->generation) == seen) {
            platform_lock(&pool->lock);
            while (atomic_load(&pool->generation) == seen) platform_wait(&pool->work, &pool->lock);
            platform_unlock(&pool->lock);
        }
        seen = atomic_load(&pool->generation);
        if (pool->closing) return 0;
        pool->job(pool->argument, self->worker);
        if (atomic_fetch_sub(&pool->running, 1) == 1) {
            platform_lock(&pool->lock);
            platform_wake_one(&pool->done);
            platform_unlock(&pool->lock);
        }
    }
}

/** Publishes a job (or the end) to every thread. */
static void announce(operant_pool *pool) {
    platform_lock(&pool->lock);
    atomic_store(&pool->running, pool->threads);
    atomic_fetch_add(&pool->generation, 1);
    platform_wake_all(&pool->work);
    platform_unlock(&pool->lock);
}

static void join(operant_pool *pool) {
    pool->closing = true;
    announce(pool);
    for (int32_t i = 0; i < pool->threads; i++) platform_join(pool->members[i].thread);
}

/** Starts the threads; returns false, with none left running, if the system refuses. */
static bool start(operant_pool *pool, int32_t threads) {
    pool->closing = false;
    atomic_store(&pool->generation, 0);
    pool->lock = (platform_mutex)PLATFORM_MUTEX;
    pool->work = (platform_condition)PLATFORM_CONDITION;
    pool->done = (platform_condition)PLATFORM_CONDITION;
    for (pool->threads = 0; pool->threads < threads; pool->threads++) {
        member *next = &pool->members[pool->threads];
        *next = (member){pool, pool->threads + 1, 0};
        if (!platform_start(&next->thread, work, next)) {
            join(pool);
            pool->threads = 0;
            pool->process = 0; /* no process has this number: every run tries again */
            return false;
        }
    }
    pool->process = operant_process();
    return true;
}

operant_pool *operant_pool_open(int32_t workers) {
    operant_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->members = calloc((size_t)workers, sizeof *pool->members);
    if (pool->members && (start(pool, workers - 1) || !PLATFORM_HAS_THREADS)) return pool;
    free(pool->members);
    free(pool);
    return NULL;
}

void operant_pool_close(operant_pool *pool) {
    if (!pool) return;
    if (pool->process == operant_process()) join(pool); /* in a forked child the threads do not exist */
    free(pool->members);
    free(pool);
}

void operant_pool_run(operant_pool *pool, int32_t workers, void (*job)(void *, int32_t), void *argument) {
    bool threaded = pool && (pool->process == operant_process() || start(pool, workers - 1));
    if (!threaded) {
        for (int32_t worker = 0; worker < workers; worker++) job(argument, worker);
        return;
    }
    pool->job = job;
    pool->argument = argument;
    announce(pool);
    job(argument, 0);
    for (int spin = 0; spin < SPINS && atomic_load(&pool->running); spin++) cpu_relax();
    if (atomic_load(&pool->running)) {
        platform_lock(&pool->lock);
        while (atomic_load(&pool->running)) platform_wait(&pool->done, &pool->lock);
        platform_unlock(&pool->lock);
    }
}
