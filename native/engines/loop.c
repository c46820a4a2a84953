/* loop.c: the one loop of environments that stand on an engine: threads, seeds, autoreset, limits, results.
 *
 * A step takes tens to hundreds of microseconds, so threads take environments from an atomic counter, as many at a time
 * as they have slots. Row i of operant_memory.state is the memory of environment i. */
#include <stdio.h>

#include "core/dispatch.h"
#include "engines/engine.h"

static const operant_engine *const engines[] = {&operant_mujoco_engine};

enum { MESSAGE = 512 };

struct operant_loop {
    const operant_engine *engine;
    operant_simulation *simulation;
    operant_simulation_sizes sizes;
    operant_kernel kernel;
    operant_target target;
    operant_pool *pool;
    int32_t workers;
    uint8_t *due;          /* [N] 1: the next step begins an episode */
    uint8_t *begun;        /* [N] */
    double *terms, *final_terms; /* [T, N] */
    double *scratch;       /* [workers, T] */
    atomic_flag claimed;   /* the first failure writes the message */
    char message[MESSAGE];
    /* One call. */
    operant_batch *batch;
    const void *actions;
    bool wide;
    const operant_output *output;
    const int32_t *index; /* [count] the environments of a pass; NULL: all */
    int64_t count;
    void *observations; /* of the environments that a pass begins */
    void *ended;        /* NULL, or [count] rows that receive the observations before they are replaced */
    void (*pass)(operant_loop *, int32_t worker, int64_t j);
    atomic_llong next;
};

static double *row_of(const operant_loop *l, int64_t i) {
    return (double *)l->batch->view.state + i * (l->sizes.row + l->sizes.observation);
}

static double *observation_of(const operant_loop *l, int64_t i) { return row_of(l, i) + l->sizes.row; }

/** Writes the last observation of environment i as row `to` of an array of results. */
static void put_observation(const operant_loop *l, int64_t i, void *rows, int64_t to) {
    const int64_t d = l->sizes.observation;
    const double *from = observation_of(l, i);
    if (l->batch->target->exact) {
        memcpy((double *)rows + to * d, from, (size_t)d * sizeof *from);
        return;
    }
    float *narrow = (float *)rows + to * d;
    for (int64_t k = 0; k < d; k++) narrow[k] = (float)from[k];
}

static void set_result(const operant_loop *l, void *array, int64_t i, double value) {
    if (l->batch->target->exact) ((double *)array)[i] = value;
    else ((float *)array)[i] = (float)value;
}

static void add_reward(const operant_loop *l, int64_t i, double reward) {
    void *returns = l->batch->view.episode_return;
    if (l->batch->target->exact) ((double *)returns)[i] += reward;
    else ((float *)returns)[i] += (float)reward;
}

static double *scratch_of(const operant_loop *l, int32_t worker) { return l->scratch + worker * l->sizes.terms; }

static void put_terms(const operant_loop *l, int32_t worker, double *terms, int64_t i) {
    const double *from = scratch_of(l, worker);
    for (int32_t k = 0; k < l->sizes.terms; k++) terms[k * l->batch->num_envs + i] = from[k];
}

static void begin(operant_loop *l, int32_t worker, int64_t i) {
    operant_batch *b = l->batch;
    const int32_t slot = worker * l->engine->group;
    double *row = row_of(l, i), *terms = scratch_of(l, worker);
    memset(terms, 0, (size_t)l->sizes.terms * sizeof *terms);
    l->engine->reset(l->simulation, slot, (operant_pcg64 *)b->view.generator + i, row, terms);
    l->engine->observe(l->simulation, slot, observation_of(l, i));
    l->engine->save(l->simulation, slot, row, false);
    put_terms(l, worker, l->terms, i);
    b->view.episode[i] += 1;
    b->view.deadline[i] = (int32_t)(b->clock + b->limit);
    set_result(l, b->view.episode_return, i, 0);
    l->begun[i] = 1;
}

/** Writes the results of environment i, whose observation is in its row. */
static void put_results(const operant_loop *l, int64_t i, operant_outcome outcome, bool truncated) {
    const operant_output *to = l->output;
    put_observation(l, i, to->observations, i);
    set_result(l, to->rewards, i, outcome.reward);
    to->terminated[i] = outcome.terminated, to->truncated[i] = truncated;
}

/** Ends the step that environment i has made in a slot. */
static void finish(operant_loop *l, int32_t worker, int32_t slot, int64_t i, const operant_action *action) {
    const operant_batch *b = l->batch;
    operant_outcome outcome = {0, false};
    double *row = row_of(l, i);
    l->engine->after(l->simulation, slot, action, row, &outcome, scratch_of(l, worker));
    l->engine->observe(l->simulation, slot, observation_of(l, i));
    l->engine->save(l->simulation, slot, row, true);
    put_terms(l, worker, l->terms, i);
    add_reward(l, i, outcome.reward);
    put_results(l, i, outcome, b->limit && (uint32_t)b->view.deadline[i] == b->clock);
}

/** Steps group j of the environments: those that are due begin their episodes, the others advance together. */
static void step_pass(operant_loop *l, int32_t worker, int64_t j) {
    const int64_t first = j * l->engine->group, end = first + l->engine->group, n = l->batch->num_envs;
    const int32_t slot = worker * l->engine->group;
    const size_t size = (size_t)l->sizes.action * (l->wide ? sizeof(double) : sizeof(float));
    operant_action actions[MOST_SLOTS];
    int64_t stepped[MOST_SLOTS];
    int32_t count = 0;
    for (int64_t i = first; i < end && i < n; i++) {
        if (l->due[i]) {
            begin(l, worker, i);
            put_results(l, i, (operant_outcome){0, false}, false);
            continue;
        }
        actions[count] = (operant_action){(const char *)l->actions + (size_t)i * size, l->wide};
        stepped[count++] = i;
    }
    if (!count) return;
    for (int32_t k = 0; k < count; k++) l->engine->bind(l->simulation, slot + k, row_of(l, stepped[k]));
    l->engine->advance(l->simulation, slot, count, actions);
    for (int32_t k = 0; k < count; k++) finish(l, worker, slot + k, stepped[k], &actions[k]);
}

static void begin_pass(operant_loop *l, int32_t worker, int64_t j) {
    const int64_t i = l->index[j];
    if (l->ended) put_observation(l, i, l->ended, j);
    begin(l, worker, i);
    put_observation(l, i, l->observations, i);
}

static void take_environments(void *argument, int32_t worker) {
    operant_loop *l = argument;
    for (int64_t j; (j = atomic_fetch_add(&l->next, 1)) < l->count;) l->pass(l, worker, j);
}

static void work(void *argument, int32_t worker) {
    operant_loop *l = argument;
    char message[MESSAGE];
    if (l->engine->guard(take_environments, l, worker, message, sizeof message)) return;
    atomic_store(&l->next, l->count);
    if (atomic_flag_test_and_set(&l->claimed)) return;
    memcpy(l->message, message, sizeof message);
    l->batch->failed = true;
}

/** Runs a pass over `count` environments on all threads; returns false after a fatal error of the engine. */
static bool run(operant_loop *l, void (*pass)(operant_loop *, int32_t, int64_t), int64_t count) {
    l->pass = pass, l->count = count;
    atomic_store(&l->next, 0);
    if (count) operant_pool_run(l->pool, l->workers, work, l);
    return !l->batch->failed;
}

/** Begins episodes in the listed environments, and writes their observations into `observations`. */
static bool begin_listed(operant_loop *l, const int32_t *index, int64_t count, void *observations, void *ended) {
    l->index = index, l->observations = observations, l->ended = ended;
    return run(l, begin_pass, count);
}

/* The passes of core/batch.c. There is one chunk: the whole batch. */

static void take_actions(operant_batch *b, operant_chunk *chunk, const void *actions, int32_t dtype) {
    operant_loop *l = b->loop;
    const int64_t count = b->num_envs * l->sizes.action;
    l->actions = actions, l->wide = dtype == OPERANT_FLOAT64;
    chunk->bad_action = -1;
    for (int64_t k = 0; k < count; k++) {
        const double value = l->wide ? ((const double *)actions)[k] : ((const float *)actions)[k];
        if (isfinite(value)) continue;
        chunk->bad_action = k / l->sizes.action;
        return;
    }
}

static void step_chunk(operant_batch *b, operant_chunk *chunk, const operant_output *output) {
    operant_loop *l = b->loop;
    const int64_t n = b->num_envs;
    memset(l->due, 0, (size_t)n);
    memset(l->begun, 0, (size_t)n);
    for (int64_t j = 0; b->autoreset == OPERANT_NEXT_STEP && j < chunk->pending; j++) l->due[b->pending[j]] = 1;
    l->output = output;
    if (!run(l, step_pass, (n + l->engine->group - 1) / l->engine->group)) return;
    chunk->finished = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(output->terminated[i] | output->truncated[i])) continue;
        const int64_t j = chunk->finished++;
        const size_t real = (size_t)b->target->real_size;
        b->finished[j] = (int32_t)i;
        b->final_length[j] = (int32_t)(b->clock + b->limit - (uint32_t)b->view.deadline[i]);
        memcpy((char *)b->final_return + (size_t)j * real, (char *)b->view.episode_return + (size_t)i * real, real);
    }
    if (b->autoreset == OPERANT_SAME_STEP) {
        if (!chunk->finished) return;
        memcpy(l->final_terms, l->terms, (size_t)(l->sizes.terms * n) * sizeof *l->terms);
        begin_listed(l, b->finished, chunk->finished, output->observations, b->final_observations);
    } else {
        memcpy(b->pending, b->finished, (size_t)chunk->finished * sizeof *b->pending);
        chunk->pending = chunk->finished;
    }
}

static void reset_listed(operant_batch *b, const int32_t *index, int64_t count, const double *overrides,
                         void *observations) {
    (void)overrides; /* these environments have no parameters of the core */
    memset(b->loop->begun, 0, (size_t)b->num_envs);
    begin_listed(b->loop, index, count, observations, NULL);
}

static void observe_all(operant_batch *b, void *observations) {
    for (int64_t i = 0; i < b->num_envs; i++) put_observation(b->loop, i, observations, i);
}

static void close_loop(operant_batch *b) {
    operant_loop *l = b->loop;
    operant_pool_close(l->pool);
    if (l->simulation) l->engine->close(l->simulation);
    free(l->due), free(l->begun), free(l->terms), free(l->final_terms), free(l->scratch);
    free(l);
}

static const operant_passes passes = {take_actions, step_chunk, reset_listed, observe_all, close_loop};

static operant_batch *fail(operant_loop *l, char *message, int32_t size, const char *text) {
    if (message && size > 0) snprintf(message, (size_t)size, "%s", text);
    if (l && l->simulation) l->engine->close(l->simulation);
    free(l);
    return NULL;
}

operant_batch *operant_open_engine(const operant_engine_options *o, char *message, int32_t size) {
    for (size_t k = 0; k < sizeof engines / sizeof *engines; k++)
        if (o->engine && !strcmp(engines[k]->name, o->engine)) return operant_open_loop(engines[k], o, message, size);
    return fail(NULL, message, size, "there is no such engine");
}

operant_batch *operant_open_loop(const operant_engine *engine, const operant_engine_options *o, char *message,
                                 int32_t size) {
    if (engine->group < 1 || engine->group > MOST_SLOTS) return fail(NULL, message, size, "a group is 1 to 64 slots");
    if (o->workers < 1 || o->workers > 1024) return fail(NULL, message, size, "workers must be from 1 to 1024");
    operant_loop *l = calloc(1, sizeof *l);
    if (!l) return fail(NULL, message, size, "out of memory");
    l->engine = engine;
    atomic_flag_clear(&l->claimed);
    l->simulation = engine->open(o, &l->sizes, message, size);
    if (!l->simulation) {
        free(l);
        return NULL;
    }
    const int32_t numbers = l->sizes.row + l->sizes.observation;
    l->kernel.info = (operant_env_info){
        .name = l->sizes.task, .state_size = numbers, .observation_size = l->sizes.observation,
        .action_size = l->sizes.action, .agents = 1,
        .observation_dtype = o->narrow ? OPERANT_FLOAT32 : OPERANT_FLOAT64};
    l->target = (operant_target){.isa = engine->name, .lanes = 1, .exact = !o->narrow,
                                 .real_size = o->narrow ? sizeof(float) : sizeof(double), .passes = &passes};
    const operant_batch like = {.target = &l->target, .kernel = &l->kernel, .passes = &passes, .loop = l,
                                .num_envs = o->num_envs, .workers = 1, .autoreset = o->autoreset};
    operant_batch *b = operant_make_batch(&like, o->max_episode_steps, message, size);
    if (!b) return NULL; /* the loop was closed, too */
    l->batch = b;
    l->workers = o->workers < o->num_envs ? o->workers : (int32_t)o->num_envs;
    const size_t n = (size_t)o->num_envs, terms = (size_t)l->sizes.terms;
    l->due = calloc(n, 1), l->begun = calloc(n, 1), l->terms = calloc(n * terms + 1, sizeof *l->terms);
    l->scratch = calloc((size_t)l->workers * terms + 1, sizeof *l->scratch);
    if (o->autoreset == OPERANT_SAME_STEP) l->final_terms = calloc(n * terms + 1, sizeof *l->final_terms);
    const bool enough =
        l->due && l->begun && l->terms && l->scratch && (l->final_terms || o->autoreset != OPERANT_SAME_STEP);
    if (l->workers > 1) l->pool = operant_pool_open(l->workers);
    if (!enough || (l->workers > 1 && !l->pool)) {
        operant_close(b);
        return fail(NULL, message, size, enough ? "the system cannot start more threads" : "out of memory");
    }
    for (int64_t i = 0; i < o->num_envs; i++) engine->prepare(l->simulation, i, row_of(l, i));
    return b;
}

operant_terms operant_last_terms(const operant_batch *b) {
    const operant_loop *l = b->loop;
    return (operant_terms){l->sizes.terms, l->terms, l->begun, l->final_terms};
}

operant_status operant_engine_adopt(operant_batch *b) {
    if (!b->loop || b->num_envs != 1) return OPERANT_BAD_ARGUMENT;
    operant_loop *l = b->loop;
    l->engine->save(l->simulation, 0, row_of(l, 0), false);
    l->engine->observe(l->simulation, 0, observation_of(l, 0));
    return OPERANT_OK;
}

const char *operant_engine_message(const operant_batch *b) { return b->loop ? b->loop->message : ""; }

operant_engine_row operant_engine_row_of(const operant_batch *b) {
    const operant_simulation_sizes *s = &b->loop->sizes;
    return (operant_engine_row){s->now, s->before, s->state, s->row, s->varied};
}
