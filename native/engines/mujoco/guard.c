/* guard.c: what a process has once of MuJoCo: the handlers of its fatal errors, and its clock. */
#include <setjmp.h>
#include <stdio.h>

#include "core/layout.h"
#include "engines/mujoco/guard.h"
#include "platform/platform.h"

/* MuJoCo's fatal errors. mju_error calls a handler and, if that returns, ends the process. Ours does not return while a
 * thread is inside `guard`; elsewhere it calls the handler that was there before. */

/** A call of `guard`: where an error returns to, and the place of its text. */
typedef struct guard_call {
    jmp_buf end;
    char *message;
    size_t size;
    struct guard_call *outer; /* if a user's callback steps another batch; else NULL */
    bool done;
} guard_call;
static __thread guard_call *guarded;

enum { LOG_ERROR = 3 };
typedef struct { int level, topic; char subject[1024]; } log_message; /* the beginning of mjLogMessage */
typedef void (*log_handler)(const log_message *);
static log_handler previous_log_handler;
static void (*previous_user_error)(const char *);
static atomic_bool installed;

static void leave_guard(const char *text) {
    snprintf(guarded->message, guarded->size, "%s", text);
    longjmp(guarded->end, 1);
}

static void on_log(const log_message *message) {
    if (guarded && message->level == LOG_ERROR) leave_guard(message->subject);
    if (previous_log_handler) previous_log_handler(message);
}

static void on_user_error(const char *text) {
    if (guarded) leave_guard(text);
    if (previous_user_error) previous_user_error(text);
    fprintf(stderr, "ERROR: %s\n", text); /* as MuJoCo does without a handler */
    exit(EXIT_FAILURE);
}

/* MuJoCo's timers. Each part of mj_step asks the callback mjcb_time twice; the Python package sets it to a clock, which
 * takes up to a third of a step. While threads are inside `guard`, it is a function that asks the clock for other
 * threads only: the timers of a user's own mj_step stay right, also between MuJoCo's check for NULL and its call. The
 * last thread that leaves puts the clock back. */

typedef double (*clock_function)(void);
static platform_mutex clock_lock = PLATFORM_MUTEX;
static clock_function *clock_place; /* &mjcb_time; NULL if this MuJoCo has none */
static int32_t clock_inside;        /* threads inside `guard` */
static _Atomic clock_function clock_before;

static double other_threads_clock(void) {
    if (guarded) return 0;
    const clock_function before = atomic_load(&clock_before);
    return before ? before() : 0;
}

/** Replaces mjcb_time, unless a user has set another one meanwhile. */
static void replace_clock(clock_function from, clock_function to) {
    __atomic_compare_exchange_n(clock_place, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void put_clock_back(void) {
    if (clock_place && !clock_inside) replace_clock(other_threads_clock, atomic_load(&clock_before));
}

static void stop_timers(void) {
    platform_lock(&clock_lock);
    clock_inside++;
    const clock_function now = clock_place ? __atomic_load_n(clock_place, __ATOMIC_SEQ_CST) : NULL;
    if (now && now != other_threads_clock) {
        atomic_store(&clock_before, now);
        replace_clock(now, other_threads_clock);
    }
    platform_unlock(&clock_lock);
}

static void restart_timers(void) {
    platform_lock(&clock_lock);
    clock_inside--;
    put_clock_back();
    platform_unlock(&clock_lock);
}

/** In a forked child the other threads do not exist; one of them may have held the lock. */
static void forget_other_threads(void) {
    clock_lock = (platform_mutex)PLATFORM_MUTEX;
    clock_inside = guarded != NULL;
    put_clock_back();
}

void operant_mujoco_install(const operant_mujoco *m) {
    if (atomic_exchange(&installed, true)) return;
    platform_on_fork(forget_other_threads);
    platform_lock(&clock_lock);
    clock_place = m->time;
    platform_unlock(&clock_lock);
    if (m->set_log_handler) {
        previous_log_handler = ((log_handler(*)(log_handler))m->set_log_handler)(on_log);
    } else if (m->user_error) {
        void (**place)(const char *) = m->user_error;
        previous_user_error = *place;
        *place = on_user_error;
    }
}

bool operant_mujoco_guard(void (*work)(void *, int32_t), void *argument, int32_t worker, char *message, size_t size) {
    guard_call here = {.message = message, .size = size, .outer = guarded};
    if (!here.outer) stop_timers();
    if (!setjmp(here.end)) {
        guarded = &here;
        work(argument, worker);
        here.done = true;
    }
    guarded = here.outer;
    if (!here.outer) restart_timers();
    return here.done;
}
