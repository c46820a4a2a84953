/* fuzz.c: libFuzzer's bytes as calls of the C interface, in any order and with any arguments that C allows.
 *
 * `make fuzz` compiles it with Clang's AddressSanitizer and UBSan. Two batches stand behind each of three slots: one on
 * the target that the input names, and its twin on the scalar target (for the exact build: with another number of
 * workers). After each call the two must agree in status, outputs and memory. A call that was refused must have left
 * the batch as it was. See fuzz_training.h for trainers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollout/rollout.h"
#include "train/train.h"

#define CHECK(truth, what) \
    do { \
        if (!(truth)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what); \
            abort(); \
        } \
    } while (0)

/* The input, read once from front to back; zeros follow its end. */
static const uint8_t *input;
static size_t left;

static uint8_t byte(void) {
    if (!left) return 0;
    left--;
    return *input++;
}

static uint32_t word(void) {
    uint32_t w = byte();
    w |= (uint32_t)byte() << 8, w |= (uint32_t)byte() << 16;
    return w | (uint32_t)byte() << 24;
}

/** Mostly ordinary numbers, sometimes any 64 bits. */
static double number(void) {
    uint8_t kind = byte();
    if (kind < 128) return ((double)byte() - 128) / (1 + kind % 16);
    if (kind < 160) return NAN;
    if (kind < 176) return kind & 1 ? INFINITY : -INFINITY;
    uint64_t bits = (uint64_t)word() << 32 | word();
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

static void *allocate(size_t bytes) { /* exactly as many bytes as the core may touch */
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) exit(0);
    memset(memory, 0xA5, bytes);
    return memory;
}

enum { SLOTS = 3, LARGEST = 40 };

typedef struct {
    operant_batch *batch[2];
    operant_env_info info;
    size_t n, rows, real, observation;
    int exact, same_step;
} slot;

static slot slots[SLOTS];

static void close_slot(slot *s) {
    operant_close(s->batch[0]), operant_close(s->batch[1]);
    memset(s, 0, sizeof *s);
}

static void open_slot(slot *s) {
    close_slot(s);
    int32_t targets = 0;
    while (operant_isa(targets)) targets++;
    uint8_t strange = byte(); /* 255: options that must be refused are likely */
    s->info = operant_env(byte() % operant_env_count());
    operant_options o = {.env = s->info.name, .workers = 1};
    o.isa = operant_isa(byte() % targets), o.num_envs = 1 + byte() % LARGEST;
    o.max_episode_steps = byte() % 12, o.autoreset = byte() % 3;
    o.exact = !strcmp(o.isa, "exact");
    if (strange == 255) {
        o.exact = byte() % 3, o.workers = (int8_t)byte(), o.autoreset = (int8_t)byte();
        o.num_envs = (int8_t)byte(), o.max_episode_steps = (int8_t)byte();
        if (byte() & 1) o.isa = byte() & 1 ? "mmx" : NULL;
        if (byte() & 1) o.env = byte() & 1 ? "no such" : NULL;
        if (o.workers > 4) o.workers = 4;
    }
    char message[64] = "";
    s->batch[0] = operant_open(&o, message, byte() % (int32_t)sizeof message);
    if (!s->batch[0]) return;
    operant_options twin = o;
    twin.isa = o.exact ? "exact" : "scalar", twin.workers = o.exact ? 2 : 1;
    s->batch[1] = operant_open(&twin, message, sizeof message);
    CHECK(s->batch[1], "the twin does not open");
    s->n = (size_t)o.num_envs, s->exact = o.exact, s->same_step = o.autoreset == OPERANT_SAME_STEP;
    s->real = o.exact ? 8 : 4;
    s->rows = s->n * (size_t)s->info.agents;
    int32_t dtype = s->info.observation_dtype;
    s->observation = (size_t)s->info.observation_size * (dtype == OPERANT_INT64 ? 8 : dtype == OPERANT_UINT8 ? 1 : 4);
}

/** FNV-1a over everything that a refused call must not change, the same for every target. */
static uint64_t state_of(const slot *s, int which) {
    operant_batch *b = s->batch[which];
    operant_memory m = operant_view(b);
    uint64_t hash = 14695981039346656037u;
#define ADD(pointer, bytes) \
    for (size_t k_ = 0; k_ < (size_t)(bytes); k_++) hash = (hash ^ ((const uint8_t *)(pointer))[k_]) * 1099511628211u
    size_t row = (size_t)m.stride * s->real, used = s->n * s->real;
    for (int32_t k = 0; k < s->info.state_size; k++) ADD((char *)m.state + (size_t)k * row, used);
    for (int32_t k = 0; k < s->info.param_count; k++)
        ADD((char *)m.params + (size_t)k * (m.params_vary ? row : s->real), m.params_vary ? used : s->real);
    for (int32_t k = 0; k < s->info.agents; k++) ADD((char *)m.episode_return + (size_t)k * row, used);
    ADD(m.deadline, s->n * 4);
    ADD(m.episode, s->n * 4);
    if (s->exact) {
        ADD(m.generator, s->n * 40);
    } else {
        for (int k = 0; k < 2; k++) ADD(m.seed + (size_t)k * (size_t)m.stride, s->n * 4);
    }
    uint8_t *pending = allocate(s->n);
    CHECK(operant_get_pending(b, pending) == OPERANT_OK, "get_pending");
    ADD(pending, s->n);
    free(pending);
    uint32_t clock = operant_clock(b);
    int32_t ready = operant_is_ready(b);
    ADD(&clock, 4);
    ADD(&ready, 4);
#undef ADD
    return hash;
}

static uint8_t *make_mask(size_t n) {
    uint8_t pattern = byte();
    if (pattern < 100) return NULL;
    uint8_t *mask = allocate(n);
    for (size_t i = 0; i < n; i++) mask[i] = (uint8_t)((pattern >> i % 8) & 1) * pattern;
    return mask;
}

/** Actions of any type; most are valid. */
static void *make_actions(const slot *s, int32_t dtype) {
    size_t size = dtype == OPERANT_INT64 || dtype == OPERANT_FLOAT64 ? 8 : dtype == OPERANT_UINT8 ? 1 : 4;
    size_t count = s->rows * (size_t)s->info.action_size;
    uint8_t kind = byte(), first = byte();
    if (dtype < 0 || dtype > OPERANT_UINT8) return NULL;
    char *actions = allocate(count * size);
    for (size_t i = 0; i < count; i++) {
        int32_t choices = s->info.action_counts[i % (size_t)s->info.action_size];
        if (!choices) choices = s->info.actions ? s->info.actions : 5;
        double value = (double)((first + i) % (size_t)choices) - (s->info.actions ? 0 : 2);
        if (kind > 240) value = number();
        int64_t whole = kind > 240 ? (int64_t)word() << 16 ^ (int32_t)word() : (int64_t)value;
        int32_t narrow = (int32_t)whole;
        float single = (float)value;
        const void *from = dtype == OPERANT_INT32     ? (void *)&narrow
                           : dtype == OPERANT_INT64   ? (void *)&whole
                           : dtype == OPERANT_FLOAT32 ? (void *)&single
                           : dtype == OPERANT_FLOAT64 ? (void *)&value
                                                      : (void *)&narrow;
        memcpy(actions + i * size, from, size);
    }
    return actions;
}

typedef struct {
    operant_output output;
    size_t bytes[4];
} outputs;

static outputs make_outputs(const slot *s) {
    outputs o = {.bytes = {s->rows * s->observation, s->rows * s->real, s->rows, s->rows}};
    o.output = (operant_output){allocate(o.bytes[0]), allocate(o.bytes[1]), allocate(o.bytes[2]), allocate(o.bytes[3])};
    return o;
}

static void compare_outputs(outputs *a, outputs *b, int written) {
    const void *first[] = {a->output.observations, a->output.rewards, a->output.terminated, a->output.truncated};
    const void *second[] = {b->output.observations, b->output.rewards, b->output.terminated, b->output.truncated};
    for (int k = 0; k < 4 && written; k++) CHECK(!memcmp(first[k], second[k], a->bytes[k]), "targets differ");
    for (int k = 0; k < 4; k++) free((void *)(uintptr_t)first[k]), free((void *)(uintptr_t)second[k]);
}

static void compare_finished(const slot *s) {
    const operant_finished *a = operant_last_finished(s->batch[0]), *b = operant_last_finished(s->batch[1]);
    CHECK(a->count == b->count, "targets differ in the number of finished episodes");
    size_t count = (size_t)a->count, agents = (size_t)s->info.agents;
    CHECK(count <= s->n, "more episodes ended than there are environments");
    if (!count) return;
    CHECK(!memcmp(a->index, b->index, count * 4), "targets differ in the finished episodes");
    CHECK(!memcmp(a->length, b->length, count * 4), "targets differ in lengths of episodes");
    CHECK(!memcmp(a->episode_return, b->episode_return, count * agents * s->real), "targets differ in returns");
    if (s->same_step)
        CHECK(!memcmp(a->observations, b->observations, count * agents * s->observation), "final observations differ");
}

static void call(slot *s, uint8_t what) {
    uint64_t before = state_of(s, 0);
    operant_status status[2] = {OPERANT_OK, OPERANT_OK};
    outputs written[2] = {make_outputs(s), make_outputs(s)};
    int compared = 0;
    uint8_t *mask = NULL;
    void *extra = NULL;
#define BOTH(expression) \
    for (int w = 0; w < 2; w++) { \
        operant_batch *b = s->batch[w]; \
        operant_output *out = &written[w].output; \
        (void)out, status[w] = (expression); \
    }
    switch (what) {
    case 0: {
        int32_t words = (int32_t)(byte() % 10);
        uint32_t *seeds = allocate(s->n * (size_t)words * 4), first = word();
        for (size_t i = 0; i < s->n * (size_t)words; i++) seeds[i] = first + (uint32_t)i * 2654435761u;
        extra = seeds, mask = make_mask(s->n);
        BOTH(operant_seed(b, seeds, words, mask))
        break;
    }
    case 1: {
        double *overrides = NULL;
        mask = make_mask(s->n);
        if (byte() > 160) {
            extra = overrides = allocate((size_t)s->info.param_count * 8);
            for (int32_t k = 0; k < s->info.param_count; k++)
                overrides[k] = byte() < 200 ? s->info.parameters[k].value : number();
        }
        BOTH(operant_reset(b, mask, overrides, out->observations))
        break;
    }
    case 2: case 3: case 4: case 5: case 6: {
        int32_t dtype = what == 6 ? (int8_t)byte() : (s->info.actions ? OPERANT_INT32 : OPERANT_FLOAT32) + (byte() & 1);
        extra = make_actions(s, dtype);
        BOTH(operant_step(b, extra, dtype, out))
        compared = status[0] == OPERANT_OK;
        break;
    }
    case 7: {
        int64_t action = (int8_t)byte();
        BOTH(operant_step_one(b, action, out))
        compared = status[0] == OPERANT_OK;
        break;
    }
    case 8: BOTH(operant_observe(b, out->observations)) break;
    case 9: {
        int32_t index = (int8_t)byte();
        int64_t count = byte() & 1 ? 1 : byte() & 1 ? (int64_t)s->n : (int64_t)(int8_t)byte();
        double *values = extra = allocate((count > 0 ? (size_t)count : 1) * 8);
        double scale = byte() < 220 && index >= 0 && index < s->info.param_count ? s->info.parameters[index].value : 0;
        for (int64_t i = 0; i < count; i++) values[i] = scale != 0 ? scale * (1 + (double)(i % 5) / 64) : number();
        BOTH(operant_set_param(b, index, values, count))
        break;
    }
    case 10: {
        int32_t index = (int8_t)byte();
        int sensible = byte() < 200 && index >= 0 && index < s->info.param_count;
        double low = sensible ? s->info.parameters[index].value : number();
        double high = sensible ? low + fabs(low) / 8 : number();
        BOTH(operant_randomize(b, index, low, high))
        break;
    }
    case 11: {
        uint8_t *pending = extra = allocate(s->n), pattern = byte();
        for (size_t i = 0; i < s->n; i++) pending[i] = (pattern >> i % 8) & 1;
        BOTH(operant_set_pending(b, pending))
        break;
    }
    case 12: BOTH((operant_mark_ready(b), OPERANT_OK)) break;
    case 13: {
        const slot *from = &slots[byte() % SLOTS];
        if (!from->batch[0]) break;
        int64_t count = (int8_t)byte() % (LARGEST + 2);
        int64_t *dst = extra = allocate(LARGEST * 16), *src = dst + LARGEST;
        for (int k = 0; k < LARGEST; k++) dst[k] = (int8_t)byte() % LARGEST, src[k] = (int8_t)byte() % LARGEST;
        int given = byte();
        if (count > LARGEST && given & 3) count = LARGEST;
        for (int w = 0; w < 2; w++)
            status[w] = operant_copy_environments(s->batch[w], given & 1 ? dst : NULL, from->batch[w],
                                                  given & 2 ? src : NULL, count);
        break;
    }
    }
#undef BOTH
    CHECK(status[0] == status[1], "targets differ in the status of a call");
    if (status[0] != OPERANT_OK) CHECK(state_of(s, 0) == before, "a refused call changed the batch");
    if (status[0] == OPERANT_BAD_ACTION || status[0] == OPERANT_FINISHED) {
        int64_t culprit = operant_culprit(s->batch[0]);
        CHECK(culprit == operant_culprit(s->batch[1]), "targets differ in the culprit");
        CHECK(culprit >= 0 && culprit < (int64_t)s->rows, "the culprit is no row");
    }
    CHECK(state_of(s, 0) == state_of(s, 1), "targets differ in the state");
    if (compared) compare_finished(s);
    compare_outputs(&written[0], &written[1], compared || what == 1 || what == 8);
    free(mask), free(extra);
}

/** The training kernels on one target beside the scalar one. */
static void call_rollout(void) {
    int32_t targets = 0;
    while (operant_isa(targets)) targets++;
    const char *isa[] = {operant_isa(byte() % targets), "scalar"};
    size_t steps = byte() % 7, n = byte() % LARGEST, size = steps * n;
    float *in = allocate((size * 3 + n) * 4);
    for (size_t i = 0; i < size * 3 + n; i++) in[i] = (float)number();
    uint8_t *flags = allocate(size * 2), pattern = byte();
    for (size_t i = 0; i < size * 2; i++) flags[i] = (pattern >> i % 7) & 1;
    const operant_rollout r = {(int64_t)steps, (int64_t)n, in, in + size, flags, flags + size, in + size * 2,
                               in + size * 3, (float)number(), (float)number()};
    float rho = (float)number(), c = (float)number();
    int32_t workers = (int8_t)byte() % 4;
    float *out[2] = {allocate(size * 8), allocate(size * 8)};
    double *moments[2] = {allocate(n * 16), allocate(n * 16)};
    memset(moments[0], 0, n * 16), memset(moments[1], 0, n * 16);
    uint8_t what = byte() % 5;
    double epsilon = number(), clip = number();
    operant_status status[2];
    for (int w = 0; w < 2; w++) {
        operant_moments m = {(int64_t)n, 0, moments[w], moments[w] + n};
        status[w] = what == 0   ? operant_gae(&r, isa[w], workers, out[w], out[w] + size)
                    : what == 1 ? operant_vtrace(&r, in + size, rho, c, isa[w], workers, out[w], out[w] + size)
                    : what == 2 ? operant_discounted_returns(&r, isa[w], workers, out[w])
                    : what == 3 ? operant_update_moments(&m, in, (int64_t)steps, isa[w], workers)
                                : operant_standardize(&m, in, (int64_t)steps, epsilon, clip, pattern & 1, isa[w],
                                                      out[w]);
    }
    if (strcmp(isa[0], "exact")) {
        CHECK(status[0] == status[1], "targets differ in the status of a training kernel");
        /* A NaN's sign is not promised: x86 and Arm differ in it. */
        for (size_t i = 0; i < size * 2; i++)
            CHECK((isnan(out[0][i]) && isnan(out[1][i])) || !memcmp(&out[0][i], &out[1][i], 4),
                  "targets differ in a training kernel");
    }
    free(in), free(flags), free(out[0]), free(out[1]), free(moments[0]), free(moments[1]);
}

#include "fuzz_training.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input = data, left = size;
    for (int turn = 0; left && turn < 64; turn++) {
        uint8_t what = byte() % 19;
        slot *s = &slots[byte() % SLOTS];
        if (what == 16) call_rollout();
        else if (what == 18) call_training();
        else if (what == 17) close_slot(s);
        else if (what >= 14 || !s->batch[0]) open_slot(s);
        else call(s, what);
    }
    for (int k = 0; k < SLOTS; k++) close_slot(&slots[k]);
    return 0;
}
