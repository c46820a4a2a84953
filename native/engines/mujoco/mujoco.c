/* mujoco.c: the engine MuJoCo, driven by the addresses of its functions and of its arrays.
 *
 * Each thread has one mjModel and one mjData; each environment has a row:
 *
 *   state now [size] | state before the last step [size] | measured [MEASURED] | varied fields of the model
 *
 * The states are mjSTATE_INTEGRATION: the warm start of the solver decides bits. The state before the last step and the
 * controls of the present one let Python replay that step, which computes what no state holds, such as positions of
 * bodies. `measured` is what the task compares the next step with. */
#include <stdio.h>

#include "engines/mujoco/guard.h"
#include "engines/mujoco/task.h"
#include "platform/platform.h"

#include "engines/mujoco/half_cheetah.h"
#include "engines/mujoco/ant.h"
#include "engines/mujoco/hopper.h"
#include "engines/mujoco/humanoid.h"
#include "engines/mujoco/humanoid_standup.h"
#include "engines/mujoco/inverted_double_pendulum.h"
#include "engines/mujoco/inverted_pendulum.h"
#include "engines/mujoco/reacher.h"
#include "engines/mujoco/pusher.h"
#include "engines/mujoco/swimmer.h"
#include "engines/mujoco/walker2d.h"

/* Every task. */
#define TASKS(TASK)                                                                                                  \
    TASK(ant) TASK(half_cheetah) TASK(hopper) TASK(humanoid) TASK(humanoid_standup) TASK(inverted_double_pendulum)   \
    TASK(inverted_pendulum) TASK(pusher) TASK(reacher) TASK(swimmer) TASK(walker2d)

#define LISTED(task) &task##_task,
TASKS(DEFINE_TASK)
static const mujoco_task *const tasks[] = {TASKS(LISTED)};

const operant_mujoco_task *operant_mujoco_find_task(const char *name) {
    for (int32_t k = 0; k < COUNT(tasks); k++)
        if (!strcmp(tasks[k]->names.name, name)) return &tasks[k]->names;
    return NULL;
}

static const operant_mujoco_task *refuse(char *message, size_t size, const char *format, const char *path) {
    snprintf(message, size, format, path);
    return NULL;
}

const operant_mujoco_task *operant_mujoco_load_task(const char *path, char *message, int32_t size) {
    const size_t room = message && size > 0 ? (size_t)size : 0;
    void *file = platform_load(path, message, room);
    if (!file) return NULL;
    const mujoco_task_library *library = platform_symbol(file, "operant_task_table");
    if (!library) return refuse(message, room, "%s is not a library of a task on MuJoCo", path);
    if (library->abi != MUJOCO_ABI || library->task_size != sizeof(mujoco_task) ||
        library->data_size != sizeof(mujoco_data) || library->constants_size != sizeof(mujoco_constants))
        return refuse(message, room, "%s was compiled for a different version of operant's core", path);
    return &library->task->names;
}

/** A field of the model that differs between environments. */
typedef struct {
    void **where; /* [workers] */
    int32_t size, kind;
    double *rows; /* [N, size] */
    bool randomized;
    double *low, *high; /* [size] */
} varied_field;

struct operant_simulation {
    const mujoco_task *task;
    mujoco_constants constants;
    void (*step)(const void *model, void *data), (*forward)(const void *, void *), (*reset)(const void *, void *);
    void (*post)(const void *, void *);
    void (*get_state)(const void *, const void *, double *, int32_t);
    void (*set_state)(const void *, void *, const double *, int32_t);
    void (*set_const)(void *, void *);
    int32_t state_size, state_spec, field_count;
    bool keep_constants, randomized, post_due; /* post_due: after each step */
    double *params; /* a copy of the options */
    mujoco_data *threads;
    varied_field *fields;
};

/* Rows. */

static double *now_of(const operant_simulation *s, double *row) { (void)s; return row; }
static double *before_of(const operant_simulation *s, double *row) { return row + s->state_size; }
static double *measured_of(const operant_simulation *s, double *row) { return row + 2 * s->state_size; }
static double *varied_of(const operant_simulation *s, double *row) { return row + 2 * s->state_size + MEASURED; }

static void write_field(const varied_field *f, int32_t worker, const double *from) {
    void *to = f->where[worker];
    switch (f->kind) {
    case OPERANT_FIELD_DOUBLE: memcpy(to, from, (size_t)f->size * sizeof *from); break;
    case OPERANT_FIELD_FLOAT: for (int32_t k = 0; k < f->size; k++) ((float *)to)[k] = (float)from[k]; break;
    case OPERANT_FIELD_INT: for (int32_t k = 0; k < f->size; k++) ((int32_t *)to)[k] = (int32_t)from[k]; break;
    default: for (int32_t k = 0; k < f->size; k++) ((uint8_t *)to)[k] = (uint8_t)from[k];
    }
}

static void read_field(const varied_field *f, int32_t worker, double *to) {
    const void *from = f->where[worker];
    switch (f->kind) {
    case OPERANT_FIELD_DOUBLE: memcpy(to, from, (size_t)f->size * sizeof *to); break;
    case OPERANT_FIELD_FLOAT: for (int32_t k = 0; k < f->size; k++) to[k] = ((const float *)from)[k]; break;
    case OPERANT_FIELD_INT: for (int32_t k = 0; k < f->size; k++) to[k] = ((const int32_t *)from)[k]; break;
    default: for (int32_t k = 0; k < f->size; k++) to[k] = ((const uint8_t *)from)[k];
    }
}

static void write_fields(const operant_simulation *s, int32_t worker, const double *from) {
    for (int32_t k = 0; k < s->field_count; from += s->fields[k++].size) write_field(&s->fields[k], worker, from);
}

static void prepare(operant_simulation *s, int64_t i, double *row) {
    double *to = varied_of(s, row);
    for (int32_t k = 0; k < s->field_count; k++)
        to = put(to, s->fields[k].rows + i * s->fields[k].size, s->fields[k].size);
}

/* The engine's table: see engine.h. A thread has one slot. */

static void bind(operant_simulation *s, int32_t slot, const double *row) {
    const mujoco_data *d = &s->threads[slot];
    write_fields(s, slot, varied_of(s, (double *)row));
    s->set_state(d->model, d->data, row, s->state_spec);
}

/** Draws the randomised fields of the model, then lets the derived ones follow. */
static void draw_fields(operant_simulation *s, int32_t slot, operant_pcg64 *g, double *row) {
    const mujoco_data *d = &s->threads[slot];
    double *to = varied_of(s, row);
    for (int32_t k = 0; k < s->field_count; to += s->fields[k++].size)
        for (int32_t j = 0; s->fields[k].randomized && j < s->fields[k].size; j++)
            to[j] = draw_uniform(g, s->fields[k].low[j], s->fields[k].high[j]);
    if (!s->keep_constants) return;
    write_fields(s, slot, varied_of(s, row));
    s->set_const(d->model, d->data);
    to = varied_of(s, row);
    for (int32_t k = 0; k < s->field_count; to += s->fields[k++].size) read_field(&s->fields[k], slot, to);
}

static void reset(operant_simulation *s, int32_t slot, operant_pcg64 *g, double *row, double *terms) {
    const mujoco_data *d = &s->threads[slot];
    if (s->randomized) draw_fields(s, slot, g, row);
    write_fields(s, slot, varied_of(s, row));
    s->reset(d->model, d->data);
    s->task->reset(d, &s->constants, s->params, g);
    s->forward(d->model, d->data);
    s->task->place(d, &s->constants, s->params, terms);
}

static void advance(operant_simulation *s, int32_t slot, int32_t count, const operant_action *a) {
    (void)count; /* 1 */
    const mujoco_data *d = &s->threads[slot];
    const int32_t nu = s->constants.nu;
    if (a->wide) memcpy(d->ctrl, a->values, (size_t)nu * sizeof *d->ctrl);
    else
        for (int32_t k = 0; k < nu; k++) d->ctrl[k] = ((const float *)a->values)[k];
    for (int32_t k = 0; k < s->constants.frame_skip; k++) s->step(d->model, d->data);
    if (s->post_due) s->post(d->model, d->data);
}

static void after(operant_simulation *s, int32_t slot, const operant_action *a, const double *row, operant_outcome *o,
                  double *terms) {
    const mujoco_data *d = &s->threads[slot];
    terms = s->task->place(d, &s->constants, s->params, terms);
    s->task->after(d, &s->constants, s->params, measured_of(s, (double *)row), a, o, terms);
}

static void observe(operant_simulation *s, int32_t slot, double *to) {
    s->task->observe(&s->threads[slot], &s->constants, s->params, to);
}

static void save(operant_simulation *s, int32_t slot, double *row, bool stepped) {
    const mujoco_data *d = &s->threads[slot];
    if (stepped) memcpy(before_of(s, row), now_of(s, row), (size_t)s->state_size * sizeof *row);
    s->get_state(d->model, d->data, now_of(s, row), s->state_spec);
    s->task->before(d, &s->constants, s->params, measured_of(s, row));
}

static void close_simulation(operant_simulation *s) {
    for (int32_t k = 0; s->fields && k < s->field_count; k++)
        free(s->fields[k].where), free(s->fields[k].rows), free(s->fields[k].low), free(s->fields[k].high);
    free(s->params), free(s->threads), free(s->fields);
    free(s);
}

static void *copy_of(const void *from, size_t bytes) {
    void *to = malloc(bytes + 1); /* never nothing */
    if (to && bytes) memcpy(to, from, bytes);
    return to;
}

static bool copy_fields(operant_simulation *s, const operant_mujoco *m, size_t workers, size_t n) {
    s->fields = calloc((size_t)m->field_count + 1, sizeof *s->fields);
    if (!s->fields) return false;
    for (s->field_count = 0; s->field_count < m->field_count; s->field_count++) {
        const operant_mujoco_field *from = &m->fields[s->field_count];
        varied_field *to = &s->fields[s->field_count];
        const size_t size = (size_t)from->size * sizeof(double);
        *to = (varied_field){.size = from->size, .kind = from->kind, .randomized = from->randomized};
        to->where = copy_of(from->where, workers * sizeof *to->where);
        to->rows = copy_of(from->rows, n * size);
        to->low = copy_of(from->low, from->randomized ? size : 0);
        to->high = copy_of(from->high, from->randomized ? size : 0);
        s->randomized |= to->randomized;
        if (!to->where || !to->rows || !to->low || !to->high) return false;
    }
    return true;
}

/** The whole of a task, of which `names` is the first member. */
static const mujoco_task *task_of(const operant_mujoco *m) { return (const mujoco_task *)m->task; }

/** The numbers of a model. */
static mujoco_constants constants_of(const operant_mujoco *m) {
    mujoco_constants c = {
        .nq = m->nq, .nv = m->nv, .nu = m->nu, .nbody = m->nbody, .ntendon = m->ntendon, .skipped = m->skipped,
        .frame_skip = m->frame_skip, .fused = m->fused, .wide_costs = m->wide_costs, .init_qpos = m->init_qpos,
        .init_qvel = m->init_qvel};
    memcpy(c.body, m->body, sizeof m->body);
    return c;
}

int32_t operant_mujoco_observed(const operant_mujoco *m) {
    const mujoco_constants c = constants_of(m);
    return task_of(m)->observed(&c, m->options);
}

static operant_simulation *open_simulation(const operant_engine_options *o, operant_simulation_sizes *sizes,
                                           char *message, int32_t size) {
    const operant_mujoco *m = o->description;
    const mujoco_task *task = task_of(m);
    operant_simulation *s = task ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        if (message) snprintf(message, (size_t)size, "%s", task ? "out of memory" : "the description has no task");
        return NULL;
    }
    s->task = task;
    s->post_due = task->post || o->num_envs == 1; /* whose mjData others may read */
    *(void **)&s->step = m->step, *(void **)&s->forward = m->forward, *(void **)&s->reset = m->reset;
    *(void **)&s->post = m->post, *(void **)&s->get_state = m->get_state, *(void **)&s->set_state = m->set_state;
    *(void **)&s->set_const = m->set_const;
    s->state_size = m->state_size, s->state_spec = m->state_spec, s->keep_constants = m->keep_constants;
    s->constants = constants_of(m);
    s->params = copy_of(m->options, (size_t)task->names.option_count * sizeof(double));
    s->threads = copy_of(m->threads, (size_t)o->workers * sizeof *s->threads);
    if (!s->params || !s->threads || !copy_fields(s, m, (size_t)o->workers, (size_t)o->num_envs)) {
        close_simulation(s);
        if (message) snprintf(message, (size_t)size, "out of memory");
        return NULL;
    }
    int32_t varied = 0, terms = 0;
    for (int32_t k = 0; k < s->field_count; k++) varied += s->fields[k].size;
    for (int32_t k = 0; k < task->names.term_count; k++)
        terms += task->names.terms[k].size < 0 ? m->ntendon : task->names.terms[k].size;
    *sizes = (operant_simulation_sizes){
        .task = task->names.name, .row = 2 * s->state_size + MEASURED + varied,
        .observation = task->observed(&s->constants, s->params), .action = m->nu, .terms = terms, .now = 0,
        .before = s->state_size, .state = s->state_size, .varied = 2 * s->state_size + MEASURED};
    operant_mujoco_install(m);
    return s;
}

const operant_engine operant_mujoco_engine = {
    "mujoco", 1, open_simulation, close_simulation, operant_mujoco_guard, prepare, bind, reset, advance, after, observe,
    save};

double operant_dot(const double *x, int32_t n, int32_t fused) { return numpy_dot(x, n, fused); }

void operant_standard_normals(const uint32_t *words, int32_t num_words, double *to, int64_t count) {
    operant_pcg64 g;
    operant_pcg64_seed(&g, words, num_words);
    for (int64_t i = 0; i < count; i++) to[i] = draw_normal(&g);
}
