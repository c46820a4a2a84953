/* certificate.c: the hash of the weights after a short training, equal if two machines, targets or versions compute the
 * same bits.
 *
 * A kind learns in an environment of the core, or from experience made of integers. */
#include "core/fnv1a.h"
#include "train/trainer.h"

/* A minibatch of all samples has 16 strands; the last block of rows and the last vector are not full. */
enum { ROWS = 132, STEPS = 17, UPDATES = 2, EPISODE = 11 };

typedef struct {
    const char *name;
    const char *env; /* NULL: made-up experience */
    operant_train_options options; /* what differs from `complete` */
} train_kind;

#define LIST(type, ...) (const type[]){__VA_ARGS__}
#define HIDDEN(n, ...) .hidden_layers = n, .hidden = LIST(int32_t, __VA_ARGS__)
#define VALUE_HIDDEN(n, ...) .value_hidden_layers = n, .value_hidden = LIST(int32_t, __VA_ARGS__)
#define LAYERS(n, ...) HIDDEN(n, __VA_ARGS__), VALUE_HIDDEN(n, __VA_ARGS__)
#define FLOATS(n) .row_bytes = 4 * (n), .part_count = 1, .parts = LIST(operant_part, {OPERANT_FLOAT32, 0, n, 0, 0})
#define CHOICES(n, ...) .action_size = n, .choices = LIST(int32_t, __VA_ARGS__)

static const train_kind kinds[] = {
    {"categorical", "cartpole", {FLOATS(4), CHOICES(1, 2), LAYERS(2, 68, 9), .minibatches = 1}},
    {"several_choices", NULL, {FLOATS(5), CHOICES(3, 3, 2, 5), LAYERS(1, 15)}},
    {"masked", NULL, {
        .row_bytes = 40, .part_count = 2,
        .parts = LIST(operant_part, {OPERANT_FLOAT32, 0, 5, 0, 0}, {OPERANT_INT16, 20, 3, 0, 0}),
        .mask = {OPERANT_UINT8, 26, 10, 0, 0}, CHOICES(3, 3, 2, 5), LAYERS(1, 15)}},
    {"masked_by_table", NULL, {
        .row_bytes = 8, .part_count = 1, .parts = LIST(operant_part, {OPERANT_INT64, 0, 1, 3, -1}),
        .mask_table = LIST(uint8_t, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1), CHOICES(1, 4), LAYERS(1, 15)}},
    {"normal", NULL, {
        FLOATS(3), .action_size = 3, .low = LIST(float, -1, -2, -INFINITY), .high = LIST(float, 1, 0.5f, INFINITY),
        .log_std = -0.5f, LAYERS(2, 15, 9)}},
    {"squashed", NULL, {
        FLOATS(3), .action_size = 2, .low = LIST(float, -1, -2), .high = LIST(float, 1, 0.5f), .squash = 1,
        LAYERS(2, 15, 9)}},
    {"no_hidden_layer", NULL, {FLOATS(4), CHOICES(1, 3)}},
    {"relu", NULL, {FLOATS(4), CHOICES(1, 3), LAYERS(2, 15, 9), .activation = OPERANT_RELU}},
    {"silu", NULL, {FLOATS(4), CHOICES(1, 3), LAYERS(2, 15, 9), .activation = OPERANT_SILU}},
    {"two_shapes", NULL, {FLOATS(4), CHOICES(1, 3), HIDDEN(1, 30), VALUE_HIDDEN(2, 9, 40)}},
    {"shared", NULL, {FLOATS(4), CHOICES(1, 3), HIDDEN(2, 9, 33), .share = 1}},
    {"shared_silu", NULL, {
        FLOATS(4), .action_size = 1, .low = LIST(float, -1), .high = LIST(float, 1), HIDDEN(3, 15, 9, 5), .share = 1,
        .activation = OPERANT_SILU}},
    {"every_number", NULL, {
        .row_bytes = 72, .part_count = 7, .parts = LIST(operant_part,
            {OPERANT_INT8, 0, 2, 3, -1}, {OPERANT_UINT8, 2, 9, 0, 0}, {OPERANT_INT16, 12, 1, 4, 100},
            {OPERANT_FLOAT64, 16, 2, 0, 0}, {OPERANT_INT32, 32, 2, 5, 0}, {OPERANT_INT64, 40, 2, 0, 0},
            {OPERANT_INT32, 56, 3, 0, 0}),
        CHOICES(1, 3), LAYERS(1, 15)}},
    {"one_hot", NULL, {
        .row_bytes = 8, .part_count = 2,
        .parts = LIST(operant_part, {OPERANT_UINT8, 0, 2, 3, 0}, {OPERANT_INT32, 4, 1, 5, -2}), CHOICES(1, 3),
        HIDDEN(2, 9, 33), .share = 1}},
    {"normalised", "pendulum", {
        FLOATS(3), .action_size = 1, .low = LIST(float, -2), .high = LIST(float, 2), LAYERS(2, 15, 9),
        .normalize_observations = 1, .normalize_rewards = 1}},
    {"several_agents", "simple_spread", {FLOATS(18), CHOICES(1, 5), LAYERS(1, 15)}},
    {"every_loss", NULL, {
        FLOATS(4), CHOICES(1, 3), LAYERS(1, 15), .value_clip = 0.3f, .dual_clip = 1.5f, .target_kl = 0.05f}},
    {.name = NULL},
};

static const int32_t kind_count = sizeof kinds / sizeof *kinds - 1;

const char *operant_train_kind(int32_t index) { return index >= 0 && index < kind_count ? kinds[index].name : NULL; }

static const train_kind *find_kind(const char *name) {
    const train_kind *k = kinds;
    while (k->name && !(name && !strcmp(name, k->name))) k++;
    return k->name ? k : NULL;
}

static operant_train_options complete(const train_kind *k, const char *isa, int32_t workers) {
    operant_train_options o = k->options;
    o.isa = isa, o.workers = workers, o.rows = ROWS, o.steps = STEPS, o.seed = 1, o.epochs = 2;
    if (!o.minibatches) o.minibatches = 3;
    o.normalize_advantages = 1, o.learning_rate = 0.01f, o.gamma = 0.98f, o.lam = 0.9f, o.max_grad_norm = 0.5f;
    o.value_coefficient = 0.5f, o.entropy_coefficient = 0.01f, o.clip = 0.2f;
    return o;
}

static operant_status learn_in(operant_trainer *t, operant_batch *batch) {
    operant_experience e;
    operant_train_metrics metrics;
    operant_status status = OPERANT_OK;
    for (int update = 0; update < UPDATES && status == OPERANT_OK; update++) {
        status = operant_train_collect(t, batch, &e);
        if (status == OPERANT_OK) status = operant_train_learn(t, &e, &metrics);
    }
    return status;
}

/** Learns in an environment of the core. */
static operant_status learn_from_env(operant_trainer *t, const char *env) {
    operant_options options = {env, t->o.isa, ROWS, EPISODE, 0, 1, OPERANT_SAME_STEP, NULL};
    for (int32_t e = 0; e < operant_env_count(); e++)
        if (!strcmp(operant_env(e).name, env)) options.num_envs = ROWS / operant_env(e).agents;
    operant_batch *batch = operant_open(&options, NULL, 0);
    uint8_t *observations = malloc((size_t)(ROWS * t->row_bytes));
    operant_status status = batch && observations ? OPERANT_OK : OPERANT_NO_MEMORY;
    if (status == OPERANT_OK) {
        uint32_t seeds[ROWS];
        for (uint32_t i = 0; i < ROWS; i++) seeds[i] = i;
        operant_seed(batch, seeds, 1, NULL);
        status = operant_reset(batch, NULL, NULL, observations);
    }
    if (status == OPERANT_OK) status = learn_in(t, batch);
    free(observations);
    operant_close(batch);
    return status;
}

static uint64_t draw(uint64_t *state) { return operant_splitmix64(state) >> 32; }

/** A number from -2 to 2 that float32 represents. */
static double draw_real(uint64_t *state) { return (double)(draw(state) % 4097) / 1024 - 2; }

static void draw_number(const operant_part *p, int64_t j, uint64_t *state, uint8_t *row) {
    const double real = draw_real(state);
    const int64_t integer = p->start + (int64_t)(draw(state) % (p->choices ? (uint64_t)p->choices : 10));
#define PUT(type, number)                                              \
    do {                                                               \
        const type x = (type)(number);                                 \
        memcpy(row + p->offset + j * (int64_t)sizeof x, &x, sizeof x); \
    } while (0)
    switch (p->dtype) {
    case OPERANT_FLOAT32: PUT(float, real); break;
    case OPERANT_FLOAT64: PUT(double, real); break;
    case OPERANT_INT64: PUT(int64_t, integer); break;
    case OPERANT_INT32: PUT(int32_t, integer); break;
    case OPERANT_INT16: PUT(int16_t, integer); break;
    default: PUT(uint8_t, integer); /* and int8_t, of the same bits */
    }
#undef PUT
}

/** An observation. Its mask, of bytes, allows a choice of each number at least. */
static void draw_row(const operant_train_options *o, uint64_t *state, uint8_t *row) {
    memset(row, 0, (size_t)o->row_bytes);
    for (int32_t k = 0; k < o->part_count; k++)
        for (int64_t j = 0; j < o->parts[k].count; j++) draw_number(&o->parts[k], j, state, row);
    uint8_t *mask = row + o->mask.offset;
    for (int32_t k = 0; o->mask.count && k < o->action_size; mask += o->choices[k++]) {
        for (int32_t a = 0; a < o->choices[k]; a++) mask[a] = draw(state) & 1;
        mask[draw(state) % (uint64_t)o->choices[k]] = 1;
    }
}

/** Learns from made-up observations, rewards and ends of episodes. */
static operant_status learn_from_numbers(operant_trainer *t, const operant_train_options *o) {
    enum { SAMPLES = STEPS * ROWS };
    const int64_t row = o->row_bytes, actions_size = SAMPLES * (int64_t)o->action_size;
    float *floats = malloc((size_t)(3 * SAMPLES + actions_size) * sizeof *floats);
    uint8_t *bytes = malloc((size_t)(2 * SAMPLES + (SAMPLES + ROWS) * row));
    operant_status status = floats && bytes ? OPERANT_OK : OPERANT_NO_MEMORY;
    uint64_t state = 1;
    for (int update = 0; update < UPDATES && status == OPERANT_OK; update++) {
        float *log_probs = floats, *rewards = log_probs + SAMPLES, *final_values = rewards + SAMPLES;
        float *actions = final_values + SAMPLES;
        uint8_t *terminated = bytes, *truncated = bytes + SAMPLES, *observations = truncated + SAMPLES;
        for (int64_t i = 0; i < SAMPLES + ROWS; i++) draw_row(o, &state, observations + i * row);
        for (int64_t i = 0; i < SAMPLES; i++) {
            rewards[i] = (float)draw_real(&state), final_values[i] = (float)draw_real(&state);
            terminated[i] = draw(&state) % 16 == 0, truncated[i] = draw(&state) % 16 == 0;
        }
        for (int step = 0; step < STEPS && status == OPERANT_OK; step++) {
            const int64_t at = (int64_t)step * ROWS;
            status = operant_train_act(t, (uint32_t)(update * STEPS + step), observations + at * row, ROWS,
                                       actions + at * o->action_size, NULL, log_probs + at);
        }
        const operant_experience e = {observations, actions, log_probs, rewards, terminated, truncated, final_values};
        operant_train_metrics metrics;
        if (status == OPERANT_OK) status = operant_train_learn(t, &e, &metrics);
    }
    free(floats), free(bytes);
    return status;
}

uint64_t operant_train_certificate(const char *kind, const char *isa, int32_t workers) {
    const train_kind *k = find_kind(kind);
    const operant_target *target = isa ? operant_find_target(NULL, isa, 0, INT64_MAX) : NULL;
    if (!k || !target || !target->train) return 0;
    const operant_train_options o = complete(k, isa, workers);
    operant_trainer *t = operant_train_open(&o, NULL, 0);
    if (!t) return 0;
    const operant_status status = k->env ? learn_from_env(t, k->env) : learn_from_numbers(t, &o);
    const size_t size = (size_t)t->state.parameter_count * sizeof(float);
    const uint64_t hash = status == OPERANT_OK ? fnv1a(FNV1A_START, t->state.parameters, size) : 0;
    operant_train_close(t);
    return hash;
}
