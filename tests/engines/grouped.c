/* grouped.c: a program that prints a hash of the same steps for engines that step 1, 4 and 7 environments at once.
 *
 * Each is a small engine of its own kind: an environment is one number, which decays and is pushed. So it also shows
 * that the loop knows no engine: it neither simulates with MuJoCo nor shares code with its tasks. */
#include <stdio.h>

#include "core/fnv1a.h"
#include "engines/engine.h"
#include "engines/numpy.h"

enum { N = 10, STEPS = 60, LIMIT = 9, MOST_WORKERS = 3 };

struct operant_simulation { double slots[MOST_WORKERS * MOST_SLOTS]; };
static struct operant_simulation simulation;
static atomic_int most; /* slots of one advance */

static operant_simulation *open_simulation(const operant_engine_options *o, operant_simulation_sizes *sizes,
                                           char *message, int32_t size) {
    (void)o, (void)message, (void)size;
    *sizes = (operant_simulation_sizes){
        .task = "decay", .row = 1, .observation = 1, .action = 1, .terms = 1, .state = 1, .varied = 1};
    return &simulation;
}

static void close_simulation(operant_simulation *s) { (void)s; }

static bool guard(void (*work)(void *, int32_t), void *argument, int32_t worker, char *message, size_t size) {
    (void)message, (void)size;
    work(argument, worker);
    return true;
}

static void prepare(operant_simulation *s, int64_t i, double *row) { (void)s, (void)i, row[0] = 0; }
static void bind(operant_simulation *s, int32_t slot, const double *row) { s->slots[slot] = row[0]; }

static void reset(operant_simulation *s, int32_t slot, operant_pcg64 *g, double *row, double *terms) {
    (void)row;
    s->slots[slot] = draw_uniform(g, -1, 1);
    terms[0] = s->slots[slot];
}

static void advance(operant_simulation *s, int32_t slot, int32_t count, const operant_action *a) {
    double *x = s->slots + slot;
    for (int32_t k = 0; k < count; k++) x[k] = 0.9 * x[k] + ((const double *)a[k].values)[0];
    for (int now = most; count > now && !atomic_compare_exchange_weak(&most, &now, count);) {}
}

static void after(operant_simulation *s, int32_t slot, const operant_action *a, const double *row, operant_outcome *o,
                  double *terms) {
    (void)a;
    o->reward = terms[0] = s->slots[slot] - row[0];
    o->terminated = s->slots[slot] > 1.2;
}

static void observe(operant_simulation *s, int32_t slot, double *to) { to[0] = s->slots[slot]; }
static void save(operant_simulation *s, int32_t slot, double *row, bool stepped) {
    (void)stepped;
    row[0] = s->slots[slot];
}

static uint64_t hash_of_steps(int32_t group, int32_t workers, int32_t autoreset) {
    const operant_engine engine = {"decay", group,   open_simulation, close_simulation, guard,   prepare,
                                   bind,    reset,   advance,         after,            observe, save};
    char message[100];
    const operant_engine_options options = {
        .num_envs = N, .max_episode_steps = LIMIT, .workers = workers, .autoreset = autoreset};
    operant_batch *batch = operant_open_loop(&engine, &options, message, sizeof message);
    if (!batch) return 0;
    double observations[N], rewards[N], actions[N];
    uint8_t terminated[N], truncated[N], ended[N];
    uint64_t hash = FNV1A_START, random = 1;
    const operant_output output = {observations, rewards, terminated, truncated};
    operant_reset(batch, NULL, NULL, observations);
    for (int t = 0; t < STEPS; t++) {
        for (int i = 0; i < N; i++) actions[i] = (double)(operant_splitmix64(&random) >> 11) * 0x1p-53 - 0.3;
        if (operant_step(batch, actions, OPERANT_FLOAT64, &output) != OPERANT_OK) return 0;
        hash = fnv1a(hash, observations, sizeof observations);
        hash = fnv1a(hash, rewards, sizeof rewards);
        hash = fnv1a(hash, terminated, sizeof terminated);
        hash = fnv1a(hash, truncated, sizeof truncated);
        hash = fnv1a(hash, operant_last_terms(batch).terms, N * sizeof(double));
        for (int i = 0; i < N; i++) ended[i] = terminated[i] | truncated[i];
        if (autoreset == OPERANT_DISABLED && memchr(ended, 1, N)) operant_reset(batch, ended, NULL, observations);
    }
    operant_close(batch);
    return hash;
}

int main(void) {
    const int32_t groups[] = {1, 4, 7};
    for (int32_t autoreset = 0; autoreset < 3; autoreset++)
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
            for (int32_t workers = 1; workers <= MOST_WORKERS; workers += 2) {
                most = 0;
                const uint64_t hash = hash_of_steps(groups[g], workers, autoreset);
                printf("%d %d %d %d %016llx\n", autoreset, groups[g], workers, most, (unsigned long long)hash);
            }
    return 0;
}
