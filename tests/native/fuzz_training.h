/* fuzz_training.h: trainers with any options, observations and states, for fuzz.c.
 *
 * Two trainers stand beside each other: one on the target that the input names, and one on the scalar target with
 * another number of workers. After each call they must agree in status, outputs and state. */

enum { PARTS = 3, NUMBERS = 4, LAYERS = 3, MOST_STEPS = 6, STATE_ARRAYS = 8 };

typedef struct {
    operant_trainer *trainer[2];
    operant_train_options o;
    operant_part parts[PARTS];
    int32_t choices[NUMBERS], hidden[LAYERS], value_hidden[LAYERS];
    float low[NUMBERS], high[NUMBERS];
    uint8_t *mask_table;
    size_t outputs, samples, rows, row_bytes, numbers; /* numbers: of an action */
    slot *slot;                                        /* whose environments the options suit, or NULL */
} training;

/* Numbers of any dtype. */

static const uint8_t dtype_sizes[] = {4, 8, 4, 8, 1, 1, 2};

static int is_float(int32_t dtype) { return dtype == OPERANT_FLOAT32 || dtype == OPERANT_FLOAT64; }

static double read_number(int32_t dtype, const uint8_t *from) {
    union { int32_t i32; int64_t i64; float f32; double f64; uint8_t u8; int8_t i8; int16_t i16; } x = {0};
    memcpy(&x, from, dtype_sizes[dtype]);
    switch (dtype) {
    case OPERANT_INT32: return x.i32;
    case OPERANT_INT64: return (double)x.i64;
    case OPERANT_FLOAT32: return x.f32;
    case OPERANT_FLOAT64: return x.f64;
    case OPERANT_UINT8: return x.u8;
    case OPERANT_INT8: return x.i8;
    default: return x.i16;
    }
}

static void write_number(int32_t dtype, double value, uint8_t *to) {
    const int64_t whole = fabs(value) < 1e18 ? (int64_t)value : 0; /* its first bytes are those of narrower integers */
    const float single = (float)value;
    if (dtype == OPERANT_FLOAT32) memcpy(to, &single, 4);
    else memcpy(to, dtype == OPERANT_FLOAT64 ? (const void *)&value : &whole, dtype_sizes[dtype]);
}

/** Equal but for the signs of NaNs, which x86 and Arm choose otherwise. */
static int same_floats(const float *a, const float *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (memcmp(&a[i], &b[i], 4) && !(isnan(a[i]) && isnan(b[i]))) return 0;
    return 1;
}

static int same_doubles(const double *a, const double *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (memcmp(&a[i], &b[i], 8) && !(isnan(a[i]) && isnan(b[i]))) return 0;
    return 1;
}

static int all_finite(const float *numbers, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(numbers[i])) return 0;
    return 1;
}

/* Options. */

/** Appends a part to a row of `row_bytes` bytes. */
static operant_part make_part(operant_train_options *o, int32_t dtype, size_t count) {
    const int32_t size = dtype_sizes[dtype];
    const operant_part p = {.dtype = dtype, .offset = (o->row_bytes + size - 1) / size * size, .count = (int32_t)count};
    o->row_bytes = p.offset + (int32_t)count * size;
    return p;
}

static void make_spaces(training *t) {
    operant_train_options *o = &t->o;
    o->rows = 1 + byte() % 20, o->part_count = 1 + byte() % PARTS, o->action_size = 1 + byte() % NUMBERS;
    for (int32_t k = 0; k < o->part_count; k++) {
        const int32_t dtype = byte() % 7;
        operant_part *p = &t->parts[k];
        *p = make_part(o, dtype, 1 + byte() % 3);
        if (!is_float(dtype)) p->choices = byte() % 5, p->start = (int8_t)byte() % 16;
    }
    const uint8_t kind = byte();
    for (int k = 0; k < NUMBERS; k++) {
        if (kind & 1) t->choices[k] = 1 + byte() % 5;
        else t->low[k] = kind < 200 ? -1 : (float)number(), t->high[k] = kind < 200 ? 2 : (float)number();
    }
    if (kind & 1) o->choices = t->choices;
}

/** The spaces of a slot's environment. */
static void suit(training *t, slot *s) {
    operant_train_options *o = &t->o;
    const operant_env_info *info = &s->info;
    t->slot = s, o->rows = (int64_t)s->rows, o->part_count = 1, o->action_size = info->action_size;
    t->parts[0] = make_part(o, info->observation_dtype, (size_t)info->observation_size);
    if (info->observation_dtype == OPERANT_INT64) t->parts[0].choices = info->observation_size == 1 ? 500 : 32;
    for (int32_t k = 0; k < info->action_size; k++) {
        t->choices[k] = info->action_counts[k] ? info->action_counts[k] : info->actions;
        t->low[k] = -1, t->high[k] = 1;
    }
    if (info->actions) o->choices = t->choices;
}

/** Replaces one option by any number. */
static void make_strange(training *t) {
    operant_train_options *o = &t->o;
    operant_part *p = &t->parts[byte() % PARTS];
    int32_t *const integers[] = {&p->dtype,        &p->offset,          &p->count,    &p->choices,
                                 &o->squash,       &o->activation,      &o->share,    &o->workers,
                                 &o->epochs,       &o->minibatches,     &t->hidden[0], &t->value_hidden[0],
                                 &t->choices[0],   &o->normalize_observations};
    const uint8_t which = byte() % 21;
    int32_t any = (int32_t)word();
    if (which & 1) any = (int8_t)any;
    if (which < 14) *integers[which] = any;
    else if (which == 14) o->row_bytes = any <= 1 << 24 ? any % 4096 : any;
    else if (which == 15) o->part_count = any < 1 || any > 4096 ? any : 0;
    else if (which == 16) o->action_size = any < 1 || any > 256 ? any : 0;
    else if (which == 17) o->hidden_layers = any < 0 || any > 8 ? any : 9;
    else if (which == 18) o->rows = any < 20 ? any : INT64_MAX - any;
    else if (which == 19) o->steps = any < MOST_STEPS ? any : INT64_MAX - any;
    else o->isa = any & 1 ? "mmx" : NULL;
    if (o->workers > 4) o->workers = 4;
    if (o->epochs > 4) o->epochs = 4;
    /* Orthogonal weights take the third power of a width. */
    if (t->hidden[0] > 64 && t->hidden[0] <= 4096) t->hidden[0] = 64;
    if (t->value_hidden[0] > 64 && t->value_hidden[0] <= 4096) t->value_hidden[0] = 64;
}

/** Whether choice `a`, counted over all numbers of an action, is its number's first one. */
static int is_first(const training *t, size_t a) {
    size_t first = 0;
    for (int32_t k = 0; k < t->o.action_size && first < a; k++) first += (size_t)t->choices[k];
    return first == a;
}

static void make_masks(training *t) {
    operant_train_options *o = &t->o;
    const uint8_t kind = byte();
    for (int32_t k = 0; k < o->action_size && k < NUMBERS; k++)
        t->outputs += !o->choices ? 1 : o->choices[k] > 0 ? (size_t)o->choices[k] : 0;
    if (!o->choices || t->outputs > 1024) return;
    const size_t places = o->parts[0].choices > 0 && o->parts[0].choices <= 4096 ? (size_t)o->parts[0].choices : 0;
    if (kind < 80 && !t->slot) {
        o->mask = make_part(o, byte() % 7, t->outputs);
        if (kind > 70) o->mask.offset = (int8_t)byte(), o->mask.count = (int8_t)byte(), o->mask.dtype = (int8_t)byte();
    } else if (kind < 160 && places) {
        const uint8_t pattern = byte();
        o->mask_table = t->mask_table = allocate(places * t->outputs);
        for (size_t i = 0; i < places * t->outputs; i++) /* above 150 it may forbid all choices of a number */
            t->mask_table[i] = (uint8_t)((pattern >> i % 7) & 1) | (kind <= 150 && is_first(t, i % t->outputs));
    }
}

static void make_options(training *t) {
    operant_train_options *o = &t->o;
    int32_t targets = 0;
    while (operant_isa(targets)) targets++;
    o->isa = operant_isa(byte() % targets), o->steps = 1 + byte() % (MOST_STEPS - 1), o->parts = t->parts;
    o->low = t->low, o->high = t->high, o->hidden = t->hidden, o->value_hidden = t->value_hidden;
    slot *s = &slots[byte() % SLOTS];
    if (s->batch[0] && s->info.action_size <= NUMBERS) suit(t, s);
    else make_spaces(t);
    const uint8_t flags = byte(), more = byte();
    o->squash = flags & 1, o->share = flags >> 1 & 1, o->normalize_observations = flags >> 2 & 1;
    o->normalize_rewards = flags >> 3 & 1, o->normalize_advantages = flags >> 4 & 1;
    if (o->normalize_observations && !t->slot) {
        o->row_bytes = 0, o->part_count = 1;
        t->parts[0] = make_part(o, OPERANT_FLOAT32, 2);
    }
    o->activation = more % 3, o->workers = 1 + (more >> 2 & 1), o->epochs = 1 + (more >> 3 & 1);
    o->minibatches = 1 + (more >> 4 & 3), o->hidden_layers = flags >> 6, o->seed = word();
    if (!o->share) o->value_hidden_layers = more >> 6;
    for (int l = 0; l < LAYERS; l++) t->hidden[l] = 1 + byte() % 20, t->value_hidden[l] = 1 + byte() % 20;
    o->learning_rate = 0.01f, o->gamma = 0.9f, o->lam = 0.9f, o->max_grad_norm = 0.5f, o->clip = 0.2f;
    float *const numbers[] = {&o->learning_rate,       &o->gamma,     &o->lam,       &o->clip,
                              &o->value_coefficient,   &o->entropy_coefficient,      &o->max_grad_norm,
                              &o->log_std,             &o->value_clip, &o->dual_clip, &o->target_kl};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        const uint8_t kind = byte();
        if (kind > 128) *numbers[k] = kind < 248 ? (float)(kind - 128) / 128 : (float)number();
    }
    if (byte() > 230) make_strange(t);
    make_masks(t);
}

/** Opens both trainers, or none. */
static int open_trainers(training *t) {
    char message[2][100] = {"", ""};
    make_options(t);
    const int32_t size = byte() % 8 ? 100 : 9;
    t->trainer[0] = operant_train_open(&t->o, message[0], size);
    operant_train_options twin = t->o;
    const int known = !t->o.isa || (strcmp(t->o.isa, "mmx") && strcmp(t->o.isa, "exact"));
    if (known) twin.isa = "scalar";
    if (t->o.workers > 0) twin.workers = 1 + t->o.workers % 3;
    t->trainer[1] = operant_train_open(&twin, message[1], size);
    if (t->o.isa && !t->trainer[0] && known) /* the CPU may not run it */
        for (int32_t k = 0; operant_isa(k); k++)
            if (!strcmp(operant_isa(k), t->o.isa) && !operant_isa_runs_here(k)) {
                operant_train_close(t->trainer[1]);
                return 0;
            }
    CHECK(!t->trainer[0] == !t->trainer[1] && !strcmp(message[0], message[1]), "targets differ in opening trainers");
    if (!t->trainer[0]) {
        CHECK(size < 2 || message[0][0], "options are refused without a message");
        return 0;
    }
    t->rows = (size_t)t->o.rows, t->samples = t->rows * (size_t)t->o.steps, t->row_bytes = (size_t)t->o.row_bytes;
    t->numbers = (size_t)t->o.action_size;
    return 1;
}

/* State. */

typedef struct {
    void *start;
    size_t count;
    int wide; /* doubles instead of floats */
} state_array;

static void list_arrays(const training *t, int which, state_array arrays[STATE_ARRAYS]) {
    operant_train_state *s = operant_train_view(t->trainer[which]);
    const size_t count = (size_t)s->parameter_count;
    const size_t observed = (size_t)s->observations.features, rewarded = (size_t)s->rewards.features;
    const state_array all[STATE_ARRAYS] = {
        {s->parameters, count, 0},            {s->mean, count, 0},
        {s->square, count, 0},                {s->reward_sums, t->rows, 0},
        {s->observations.mean, observed, 1},  {s->observations.squares, observed, 1},
        {s->rewards.mean, rewarded, 1},       {s->rewards.squares, rewarded, 1}};
    memcpy(arrays, all, sizeof all);
}

/** A copy of a state, and its arrays one after another. */
typedef struct {
    operant_train_state numbers;
    char *arrays;
} saved_state;

static saved_state save(const training *t) {
    state_array arrays[STATE_ARRAYS];
    list_arrays(t, 0, arrays);
    size_t bytes = 0;
    for (int k = 0; k < STATE_ARRAYS; k++) bytes += arrays[k].count << (2 + arrays[k].wide);
    saved_state saved = {*operant_train_view(t->trainer[0]), allocate(bytes)};
    char *to = saved.arrays;
    for (int k = 0; k < STATE_ARRAYS; k++) {
        const size_t size = arrays[k].count << (2 + arrays[k].wide);
        memcpy(to, arrays[k].start, size), to += size;
    }
    return saved;
}

/** Whether both trainers have the parameters, the moments and the steps of Adam that were saved. */
static int is_unchanged(const training *t, const saved_state *saved) {
    state_array arrays[STATE_ARRAYS];
    list_arrays(t, 0, arrays);
    const char *from = saved->arrays;
    int same = saved->numbers.descents == operant_train_view(t->trainer[0])->descents;
    const size_t size = arrays[0].count * 4;
    for (int k = 0; k < 3; k++, from += size) same &= !memcmp(from, arrays[k].start, size);
    return same;
}

static void load(const training *t, const saved_state *saved) {
    for (int w = 0; w < 2; w++) {
        state_array arrays[STATE_ARRAYS];
        list_arrays(t, w, arrays);
        operant_train_state *s = operant_train_view(t->trainer[w]);
        s->descents = saved->numbers.descents, s->episodes = saved->numbers.episodes, s->draw = saved->numbers.draw;
        s->shuffle = saved->numbers.shuffle, s->observations.count = saved->numbers.observations.count;
        s->rewards.count = saved->numbers.rewards.count;
        const char *from = saved->arrays;
        for (int k = 0; k < STATE_ARRAYS; k++) {
            const size_t size = arrays[k].count << (2 + arrays[k].wide);
            memcpy(arrays[k].start, from, size), from += size;
        }
    }
}

static void compare_states(const training *t) {
    state_array a[STATE_ARRAYS], b[STATE_ARRAYS];
    list_arrays(t, 0, a), list_arrays(t, 1, b);
    for (int k = 0; k < STATE_ARRAYS; k++)
        CHECK((a[k].wide ? same_doubles(a[k].start, b[k].start, a[k].count)
                         : same_floats(a[k].start, b[k].start, a[k].count)),
              "targets differ in a trainer's state");
    const operant_train_state *s = operant_train_view(t->trainer[0]), *other = operant_train_view(t->trainer[1]);
    CHECK(s->descents == other->descents && s->draw == other->draw && s->shuffle == other->shuffle &&
              s->episodes == other->episodes && !memcmp(s->returns, other->returns, sizeof s->returns) &&
              !memcmp(s->lengths, other->lengths, sizeof s->lengths),
          "targets differ in a trainer's counts");
}

static int state_is_finite(const training *t) {
    state_array arrays[STATE_ARRAYS];
    list_arrays(t, 0, arrays);
    int finite = 1;
    for (int k = 0; k < STATE_ARRAYS; k++)
        for (size_t i = 0; i < arrays[k].count; i++)
            finite &= isfinite(arrays[k].wide ? ((double *)arrays[k].start)[i] : ((float *)arrays[k].start)[i]) != 0;
    return finite;
}

/** Writes any numbers to a few places of the state. A refused state is replaced by the one before. */
static void call_restored(training *t) {
    saved_state before = save(t);
    for (int places = byte() % 8; places > 0; places--) {
        state_array arrays[2][STATE_ARRAYS];
        list_arrays(t, 0, arrays[0]), list_arrays(t, 1, arrays[1]);
        const int k = byte() % STATE_ARRAYS;
        const double value = number();
        if (!arrays[0][k].count) continue;
        const size_t at = word() % arrays[0][k].count;
        for (int w = 0; w < 2; w++)
            if (arrays[w][k].wide) ((double *)arrays[w][k].start)[at] = value;
            else ((float *)arrays[w][k].start)[at] = (float)value;
    }
    const uint8_t which = byte();
    const uint32_t any = word();
    const int64_t wide = byte() & 1 ? (int64_t)((uint64_t)any << 32) : (int32_t)any;
    for (int w = 0; w < 2; w++) {
        operant_train_state *s = operant_train_view(t->trainer[w]);
        if (which & 1) s->draw = any, s->shuffle = any;
        if (which & 2) s->descents = wide;
        if (which & 4) s->episodes = wide;
        if (which & 8) s->observations.count = wide;
        if (which & 16) s->rewards.count = wide;
    }
    const operant_status status = operant_train_restored(t->trainer[0]);
    CHECK(status == operant_train_restored(t->trainer[1]), "targets differ in restoring a state");
    CHECK(status == OPERANT_OK || status == OPERANT_BAD_ARGUMENT || status == OPERANT_NOT_FINITE, "restored");
    CHECK(status != OPERANT_OK || state_is_finite(t), "a state that is not finite is accepted");
    if (status != OPERANT_OK) {
        load(t, &before);
        for (int w = 0; w < 2; w++) CHECK(operant_train_restored(t->trainer[w]) == OPERANT_OK, "restored again");
    }
    free(before.arrays);
}

/* Experience. */

typedef struct {
    uint8_t *observations;                    /* [T + 1, N] rows */
    float *actions, *columns;                 /* [T, N, K], and five of [T, N] */
    uint8_t *flags;                           /* two of [T, N] */
    operant_experience e;
} experience;

static void make_observations(const training *t, uint8_t *to, size_t rows) {
    const uint8_t kind = byte(), pattern = byte();
    for (size_t i = 0; i < rows; i++, to += t->row_bytes) {
        for (int32_t k = 0; k < t->o.part_count; k++) {
            const operant_part *p = &t->parts[k];
            for (int32_t j = 0; j < p->count; j++) {
                const double value = p->choices  ? (double)p->start + (double)((i + (size_t)j) % (size_t)p->choices)
                                     : kind > 220 ? number()
                                                  : (double)((i * 7 + (size_t)j) % 11) - 5;
                write_number(p->dtype, value, to + p->offset + j * dtype_sizes[p->dtype]);
            }
        }
        const operant_part *m = &t->o.mask;
        for (int32_t a = 0; a < m->count; a++)
            write_number(m->dtype, ((pattern >> (i + (size_t)a) % 8) & 1) || (kind < 180 && is_first(t, (size_t)a)),
                         to + m->offset + a * dtype_sizes[m->dtype]);
    }
    to -= rows * t->row_bytes;
    for (int places = kind % 8 == 7 ? byte() % 32 : 0; places > 0; places--)
        to[word() % (rows * t->row_bytes)] = byte();
}

/** Whether the mask of an observation allows choice `a`, counted over all numbers of an action. */
static int is_allowed(const training *t, const uint8_t *row, size_t a) {
    const operant_part *m = &t->o.mask, *p = &t->parts[0];
    if (m->count) return read_number(m->dtype, row + m->offset + a * dtype_sizes[m->dtype]) != 0;
    if (!t->mask_table) return 1;
    const double place = read_number(p->dtype, row + p->offset) - (double)p->start;
    CHECK(place >= 0 && place < p->choices, "a number that is none of its choices is taken");
    return t->mask_table[(size_t)place * t->outputs + a];
}

static void check_actions(const training *t, const uint8_t *observations, size_t rows, const void *actions) {
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0, first = 0; k < t->numbers; k++) {
            if (t->o.choices) {
                const int32_t choice = ((const int32_t *)actions)[i * t->numbers + k];
                CHECK(choice >= 0 && choice < t->choices[k], "an action is drawn out of range");
                const uint8_t *row = observations + i * t->row_bytes;
                CHECK(is_allowed(t, row, first + (size_t)choice), "a forbidden action is drawn");
                first += (size_t)t->choices[k];
            } else {
                const float number = ((const float *)actions)[i * t->numbers + k];
                CHECK(number >= t->low[k] && number <= t->high[k], "a bounded action is out of its bounds");
            }
        }
}

static void check_status(operant_status a, operant_status b, int allowed, const char *what) {
    CHECK(a == b, what);
    CHECK(allowed >> a & 1, what);
}

#define MAY(status) (1 << OPERANT_##status)

/** Draws actions, or chooses the best, and compares what both trainers give. */
static operant_status call_act(training *t, const uint8_t *observations, size_t rows, int greedy, float *actions,
                               float *log_probs) {
    const size_t count = rows * t->numbers;
    const int64_t n = (int64_t)rows;
    const uint32_t draw = word();
    float *drawn[2], *bounded[2], *own[2];
    operant_status status[2];
    for (int w = 0; w < 2; w++) {
        drawn[w] = allocate(count * 4), bounded[w] = allocate(count * 4), own[w] = allocate(rows * 4);
        status[w] = greedy ? operant_train_greedy(t->trainer[w], observations, n, bounded[w])
                           : operant_train_act(t->trainer[w], draw, observations, n, drawn[w], bounded[w], own[w]);
    }
    check_status(status[0], status[1], MAY(OK) | MAY(BAD_ARGUMENT) | MAY(NOT_FINITE), greedy ? "greedy" : "act");
    if (status[0] == OPERANT_OK) {
        CHECK(same_floats(bounded[0], bounded[1], count), "targets differ in actions for the environment");
        CHECK(same_floats(own[0], own[1], rows), "targets differ in log probabilities");
        CHECK(same_floats(drawn[0], drawn[1], count), "targets differ in actions");
        check_actions(t, observations, rows, bounded[0]);
        if (!greedy) {
            CHECK(all_finite(own[0], rows), "a log probability is not finite");
            CHECK(t->o.choices || all_finite(drawn[0], count), "an action is not finite");
            CHECK(!t->o.choices || !memcmp(drawn[0], bounded[0], count * 4), "discrete actions are not as drawn");
            memcpy(actions, drawn[0], count * 4), memcpy(log_probs, own[0], rows * 4);
        }
    }
    for (int w = 0; w < 2; w++) free(drawn[w]), free(bounded[w]), free(own[w]);
    return status[0];
}

static experience make_experience(training *t) {
    const size_t size = t->samples;
    experience x = {allocate((size + t->rows) * t->row_bytes), allocate(size * t->numbers * 4), allocate(size * 20),
                    allocate(size * 2), {0}};
    memset(x.actions, 0, size * t->numbers * 4);
    const uint8_t kind = byte(), pattern = byte();
    for (size_t i = 0; i < size * 5; i++) x.columns[i] = kind > 200 ? (float)number() : -(float)(i % 5);
    for (size_t i = 0; i < size * 2; i++) x.flags[i] = (pattern >> i % 7) & 1;
    x.e = (operant_experience){x.observations, x.actions, x.columns, x.columns + size, x.flags, x.flags + size,
                               x.columns + 2 * size};
    make_observations(t, x.observations, size + t->rows);
    for (size_t k = 0; k < (size_t)t->o.steps; k++)
        call_act(t, x.observations + k * t->rows * t->row_bytes, t->rows, 0, x.actions + k * t->rows * t->numbers,
                 x.columns + k * t->rows);
    if (kind % 16 == 3) {
        const uint32_t any = word();
        memcpy(x.actions + word() % (size * t->numbers), &any, 4);
    }
    return x;
}

static void call_learn(training *t, const operant_experience *first, const operant_experience *second) {
    saved_state before = save(t);
    operant_train_metrics metrics[2];
    operant_status status[2];
    memset(metrics, 0, sizeof metrics);
    status[0] = operant_train_learn(t->trainer[0], first, &metrics[0]);
    status[1] = operant_train_learn(t->trainer[1], second, &metrics[1]);
    check_status(status[0], status[1], MAY(OK) | MAY(BAD_ACTION) | MAY(BAD_ARGUMENT) | MAY(NOT_FINITE), "learn");
    if (status[0] == OPERANT_OK) {
        CHECK(same_doubles(&metrics[0].policy_loss, &metrics[1].policy_loss, 7) &&
                  metrics[0].minibatches == metrics[1].minibatches,
              "targets differ in metrics");
        CHECK(state_is_finite(t), "a state is not finite");
    } else if (status[0] != OPERANT_NOT_FINITE)
        CHECK(is_unchanged(t, &before), "refused experience changed parameters");
    const operant_train_state *s = operant_train_view(t->trainer[0]);
    CHECK(all_finite(s->parameters, (size_t)s->parameter_count), "a parameter is not finite");
    free(before.arrays);
}

static void call_collect(training *t, slot *s) {
    operant_experience e[2];
    operant_status status[2];
    if (!s->batch[0]) return;
    const uint64_t before = state_of(s, 0);
    for (int w = 0; w < 2; w++) status[w] = operant_train_collect(t->trainer[w], s->batch[w], &e[w]);
    check_status(status[0], status[1], MAY(OK) | MAY(BAD_ARGUMENT) | MAY(NOT_RESET) | MAY(NOT_FINITE), "collect");
    CHECK(state_of(s, 0) == state_of(s, 1), "trainers differ in what they do to a batch");
    if (status[0] == OPERANT_NOT_RESET) CHECK(state_of(s, 0) == before, "a refused rollout changed the batch");
    if (status[0] != OPERANT_OK) return;
    const size_t size = t->samples;
    CHECK(!memcmp(e[0].observations, e[1].observations, (size + t->rows) * t->row_bytes) &&
              !memcmp(e[0].terminated, e[1].terminated, size) && !memcmp(e[0].truncated, e[1].truncated, size),
          "targets differ in a rollout");
    CHECK(same_floats(e[0].actions, e[1].actions, size * t->numbers) &&
              same_floats(e[0].log_probs, e[1].log_probs, size) && same_floats(e[0].rewards, e[1].rewards, size) &&
              same_floats(e[0].final_values, e[1].final_values, size),
          "targets differ in a rollout's numbers");
    if (t->o.choices) check_actions(t, e[0].observations, size, e[0].actions);
    call_learn(t, &e[0], &e[1]);
}

static void call_evaluate(training *t, slot *s) {
    double mean[2] = {0, 0};
    operant_status status[2];
    if (!s->batch[0]) return;
    for (int w = 0; w < 2; w++) status[w] = operant_train_evaluate(t->trainer[w], s->batch[w], &mean[w]);
    check_status(status[0], status[1], MAY(OK) | MAY(BAD_ARGUMENT) | MAY(NOT_FINITE), "evaluate");
    CHECK(same_doubles(&mean[0], &mean[1], 1), "targets differ in a mean return");
    CHECK(state_of(s, 0) == state_of(s, 1), "trainers differ in what they do to a batch");
}

static void call_gradient(training *t, const experience *x) {
    const int64_t count = (int8_t)byte();
    const size_t size = t->samples, parameters = (size_t)operant_train_view(t->trainer[0])->parameter_count;
    float *gradient[2] = {allocate(parameters * 4), allocate(parameters * 4)};
    const float *values = x->columns + 2 * size, *advantages = values + size, *returns = advantages + size;
    operant_status status[2];
    for (int w = 0; w < 2; w++)
        status[w] = operant_train_gradient(t->trainer[w], count, x->observations, x->actions, x->columns, values,
                                           advantages, returns, gradient[w]);
    check_status(status[0], status[1], MAY(OK) | MAY(BAD_ACTION) | MAY(BAD_ARGUMENT) | MAY(NOT_FINITE), "gradient");
    if (status[0] == OPERANT_OK) {
        CHECK(count > 0 && count <= (int64_t)size, "a gradient of too many samples");
        CHECK(same_floats(gradient[0], gradient[1], parameters), "targets differ in a gradient");
    }
    free(gradient[0]), free(gradient[1]);
}

static void call_values(training *t, const uint8_t *observations, size_t rows) {
    float *values[2] = {allocate(rows * 4), allocate(rows * 4)};
    operant_status status[2];
    for (int w = 0; w < 2; w++) status[w] = operant_train_values(t->trainer[w], observations, (int64_t)rows, values[w]);
    check_status(status[0], status[1], MAY(OK) | MAY(BAD_ARGUMENT) | MAY(NOT_FINITE), "values");
    if (status[0] == OPERANT_OK) {
        CHECK(same_floats(values[0], values[1], rows), "targets differ in values");
        CHECK(all_finite(values[0], rows), "a value is not finite");
    }
    free(values[0]), free(values[1]);
}

static void call_adjust(training *t) {
    const double rate = number(), clip = number();
    operant_status status[2];
    for (int w = 0; w < 2; w++) status[w] = operant_train_adjust(t->trainer[w], rate, clip);
    check_status(status[0], status[1], MAY(OK) | MAY(BAD_ARGUMENT), "adjust");
}

static void call_training(void) {
    training t = {0};
    if (open_trainers(&t)) {
        experience x = make_experience(&t);
        for (int turn = 0; turn < 12 && left; turn++) {
            const uint8_t what = byte() % 10, any = byte();
            slot *s = t.slot && any & 1 ? t.slot : &slots[any % SLOTS];
            const size_t rows = any % (t.samples + t.rows + 1);
            switch (what) {
            case 0: make_observations(&t, x.observations, t.samples + t.rows); break;
            case 1: call_act(&t, x.observations, rows < t.samples ? rows : t.samples, 0, x.actions, x.columns); break;
            case 2: call_act(&t, x.observations, rows, 1, NULL, NULL); break;
            case 3: call_values(&t, x.observations, rows); break;
            case 4: call_collect(&t, s); break;
            case 5: call_evaluate(&t, s); break;
            case 6: call_gradient(&t, &x); break;
            case 7: call_restored(&t); break;
            case 8: call_adjust(&t); break;
            default: call_learn(&t, &x.e, &x.e);
            }
            compare_states(&t);
        }
        free(x.observations), free(x.actions), free(x.columns), free(x.flags);
    }
    operant_train_close(t.trainer[0]), operant_train_close(t.trainer[1]);
    free(t.mask_table);
}
