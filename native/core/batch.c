/* batch.c: the C interface. It opens batches, lays out their memory, and runs the kernels of their target. */
#include <stdio.h>

#include "core/dispatch.h"
#include "platform/platform.h"

enum {
    CHUNK = 64,        /* environments: a chunk of any array starts on a cache line */
    STAGGER = 5 * 64,  /* bytes between columns, so that they do not share cache sets */
    MAX_ENVS = 1 << 30 /* indices are 32-bit */
};

/** Sets `pointer` to the next `bytes` of the arena at `base`; only counts them if base is NULL. */
#define PLACE(pointer, bytes)                                  \
    do {                                                       \
        if (base) (pointer) = (void *)(base + used);           \
        used += ((size_t)(bytes) + 63) / 64 * 64 + STAGGER;    \
    } while (0)

/** True if each environment has a generator of NumPy's; else its numbers follow from its seed. */
static bool draws_pcg64(const operant_batch *b) { return b->target->exact || b->loop; }

/** Lays out a batch's memory at `base` and returns its size. */
static size_t lay_out(operant_batch *b, char *base) {
    const operant_env_info *info = &b->kernel->info;
    size_t real = (size_t)b->target->real_size, n = (size_t)b->view.stride, rows = n * (size_t)info->agents, used = 0;
    const bool pcg64 = draws_pcg64(b);
    PLACE(b->view.state, (size_t)info->state_size * n * (b->loop ? sizeof(double) : real));
    PLACE(b->view.episode_return, rows * real);
    PLACE(b->view.deadline, n * 4);
    PLACE(b->actions, info->action_size * rows * real);
    PLACE(b->view.episode, n * 4);
    PLACE(b->view.seed, pcg64 ? 0 : 2 * n * 4);
    PLACE(b->view.generator, pcg64 ? n * sizeof(operant_pcg64) : 0);
    PLACE(b->view.params, MAX_PARAMS * real);
    PLACE(b->pending, n * 4);
    PLACE(b->finished, n * 4);
    PLACE(b->final_length, n * 4);
    PLACE(b->final_return, rows * real);
    PLACE(b->final_observations, b->autoreset == OPERANT_SAME_STEP ? n * operant_row_bytes(info) : 0);
    return used;
}

static operant_batch *fail(operant_batch *b, char *message, int32_t size, const char *format, const char *value) {
    if (message && size > 0) snprintf(message, (size_t)size, format, value);
    operant_close(b);
    return NULL;
}

static void set_real(const operant_batch *b, void *array, int64_t i, double value) {
    if (b->target->exact) ((double *)array)[i] = value;
    else ((float *)array)[i] = (float)value;
}

/** Gives environment `i` a seed and no episode. */
static void seed_one(operant_batch *b, int64_t i, const uint32_t *words, int32_t num_words) {
    b->view.episode[i] = 0;
    if (draws_pcg64(b)) {
        operant_pcg64_seed((operant_pcg64 *)b->view.generator + i, words, num_words);
        return;
    }
    uint32_t key[2] = {words[0], num_words > 1 ? words[1] : 0};
    uint32_t beyond = 0;
    for (int32_t w = 2; w < num_words; w++) beyond |= words[w];
    if (beyond) operant_seed_sequence(words, num_words, key, 2);
    b->view.seed[i] = key[0];
    b->view.seed[b->view.stride + i] = key[1];
}

static double get_real(const operant_batch *b, const void *array, int64_t i) {
    return b->target->exact ? ((const double *)array)[i] : ((const float *)array)[i];
}

operant_batch *operant_open(const operant_options *o, char *message, int32_t size) {
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)o->num_envs);
    if (o->num_envs < 1) return fail(NULL, message, size, "num_envs must be at least 1, not %s", number);
    const operant_target *target = operant_find_target(o->library, o->isa, o->exact, o->num_envs);
    if (!target)
        return fail(NULL, message, size, "isa \"%s\" is unknown or does not run here", o->isa ? o->isa : "(null)");
    const operant_kernel *kernel = operant_find_kernel(target, o->env);
    if (kernel && !kernel->step_block) {
        target = operant_find_target(o->library, "scalar", o->exact, o->num_envs);
        kernel = operant_find_kernel(target, o->env);
    }
    if (!kernel) return fail(NULL, message, size, "there is no environment \"%s\"", o->env ? o->env : "(null)");
    const operant_batch like = {
        .library = o->library, .target = target, .kernel = kernel, .num_envs = o->num_envs, .workers = o->workers,
        .passes = operant_find_target(NULL, target->isa, o->exact, o->num_envs)->passes, .autoreset = o->autoreset};
    return operant_make_batch(&like, o->max_episode_steps, message, size);
}

operant_batch *operant_make_batch(const operant_batch *like, int64_t max_episode_steps, char *message, int32_t size) {
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)like->num_envs);
    const char *wrong = NULL;
    if (like->num_envs < 1) wrong = "num_envs must be at least 1, not %s";
    if (like->num_envs > MAX_ENVS) wrong = "num_envs=%s is more than 2^30";
    if (like->workers < 1 || like->workers > 1024) wrong = "workers must be from 1 to 1024";
    if (max_episode_steps < 0 || max_episode_steps > INT32_MAX) wrong = "max_episode_steps must be from 0 to 2^31 - 1";
    if (like->autoreset < OPERANT_NEXT_STEP || like->autoreset > OPERANT_DISABLED)
        wrong = "autoreset must be an operant_autoreset";
    operant_batch *b = wrong ? NULL : calloc(1, sizeof *b);
    if (!b) {
        if (like->passes->close) like->passes->close((operant_batch *)like);
        return fail(NULL, message, size, wrong ? wrong : "out of memory", number);
    }
    memcpy(b, like, offsetof(operant_batch, busy));
    b->limit = (uint32_t)max_episode_steps;
    b->view.lanes = like->target->lanes;
    b->view.isa = like->target->isa;
    int64_t blocks = (like->num_envs + CHUNK - 1) / CHUNK;
    b->workers = like->workers < blocks ? like->workers : (int32_t)blocks;
    b->view.stride = blocks * CHUNK + STAGGER / 4;
    size_t bytes = lay_out(b, NULL);
    char *base = platform_map(bytes);
    if (!base) return fail(b, message, size, "num_envs=%s needs more memory than is available", number);
    b->view.bytes = (int64_t)bytes;
    lay_out(b, base);

    b->chunks = calloc((size_t)b->workers, sizeof *b->chunks);
    if (!b->chunks) return fail(b, message, size, "out of memory%s", "");
    for (int32_t w = 0; w < b->workers; w++) {
        int64_t first = blocks * w / b->workers * CHUNK, last = blocks * (w + 1) / b->workers * CHUNK;
        b->chunks[w] = (operant_chunk){.first = first, .last = last < b->num_envs ? last : b->num_envs};
    }
    if (b->workers > 1 && !(b->pool = operant_pool_open(b->workers)))
        return fail(b, message, size, "the system cannot start more threads%s", "");
    const operant_env_info *info = &b->kernel->info;
    for (int32_t k = 0; k < info->param_count; k++) set_real(b, b->view.params, k, info->parameters[k].value);
    for (int64_t i = 0; i < b->num_envs; i++) seed_one(b, i, (const uint32_t[]){(uint32_t)i}, 1);
    b->last = (operant_finished){0, b->finished, b->final_return, b->final_length, b->final_observations};
    return b;
}

/** True if parameter k may have this value. A value equal to a bound may cross it when it is rounded to a float. */
static bool within_bounds(const operant_batch *b, int32_t k, double value) {
    const operant_parameter *parameter = &b->kernel->info.parameters[k];
    if (value >= parameter->low && value <= parameter->high) return true;
    return !b->target->exact && value >= (float)parameter->low && value <= (float)parameter->high;
}

static size_t varied_bytes(const operant_batch *b) {
    return (size_t)b->kernel->info.param_count * (size_t)b->view.stride * (size_t)b->target->real_size;
}

void operant_close(operant_batch *b) {
    if (!b) return;
    operant_pool_close(b->pool);
    if (b->varied_params) platform_unmap(b->varied_params, varied_bytes(b));
    if (b->view.state) platform_unmap(b->view.state, lay_out(b, NULL));
    free(b->ranges);
    free(b->chunks);
    if (b->passes->close) b->passes->close(b); /* last, because the target and the kernel may lie there */
    free(b);
}

/** Takes the batch for one call; returns false if another call is under way. A call that was under way when this
 *  process was forked has no thread here to end it, and may have stepped a part of the batch, which must be reset. */
static bool enter(operant_batch *b) {
    const int process = operant_process();
    int inside = 0;
    if (atomic_compare_exchange_strong_explicit(&b->busy, &inside, process, memory_order_acquire, memory_order_relaxed))
        return true;
    if (inside == process || !atomic_compare_exchange_strong(&b->busy, &inside, process)) return false;
    b->ready = false;
    return true;
}

/** The status of a call that did its work, unless the engine failed. */
static operant_status outcome(const operant_batch *b) { return b->failed ? OPERANT_ENGINE_FAILED : OPERANT_OK; }

static operant_status leave(operant_batch *b, operant_status status) {
    atomic_store_explicit(&b->busy, 0, memory_order_release);
    return status;
}

operant_status operant_seed(operant_batch *b, const uint32_t *words, int32_t num_words, const uint8_t *mask) {
    if (num_words < 1) return OPERANT_BAD_ARGUMENT;
    if (!enter(b)) return OPERANT_BUSY;
    for (int64_t i = 0; i < b->num_envs; i++)
        if (!mask || mask[i]) seed_one(b, i, words + i * num_words, num_words);
    return leave(b, OPERANT_OK);
}

/** Removes the masked environments (NULL: all) from the pending lists. */
static void forget_pending(operant_batch *b, const uint8_t *mask) {
    for (int32_t w = 0; w < b->workers; w++) {
        operant_chunk *chunk = &b->chunks[w];
        int32_t *pending = b->pending + chunk->first;
        int64_t kept = 0;
        for (int64_t j = 0; mask && j < chunk->pending; j++) {
            pending[kept] = pending[j];
            kept += !mask[pending[j]];
        }
        chunk->pending = kept;
    }
}

typedef struct {
    operant_batch *batch;
    const uint8_t *mask;
    const double *overrides;
    void *observations;
} reset_job;

static void reset_chunk(void *argument, int32_t worker) {
    reset_job *job = argument;
    operant_batch *b = job->batch;
    const operant_chunk *chunk = &b->chunks[worker];
    int32_t *index = b->finished + chunk->first; /* free here: a reset clears the finished episodes */
    int64_t count = 0;
    for (int64_t i = chunk->first; i < chunk->last; i++) {
        index[count] = (int32_t)i;
        count += !job->mask || job->mask[i];
    }
    b->passes->reset(b, index, count, job->overrides, job->observations);
}

operant_status operant_reset(operant_batch *b, const uint8_t *mask, const double *overrides, void *observations) {
    for (int32_t k = 0; overrides && k < b->kernel->info.param_count; k++)
        if (!isnan(overrides[k]) && !within_bounds(b, k, overrides[k])) return OPERANT_BAD_ARGUMENT;
    if (!enter(b)) return OPERANT_BUSY;
    if (b->failed) return leave(b, OPERANT_ENGINE_FAILED);
    if (mask && !b->ready) return leave(b, OPERANT_NOT_RESET);
    forget_pending(b, mask);
    b->last.count = 0;
    reset_job job = {b, mask, overrides, observations};
    operant_pool_run(b->pool, b->workers, reset_chunk, &job);
    b->ready = true;
    return leave(b, outcome(b));
}

typedef struct {
    operant_batch *batch;
    const void *actions;
    int32_t dtype;
    const operant_output *output;
} step_job;

static void take_chunk(void *argument, int32_t worker) {
    step_job *job = argument;
    job->batch->passes->take_actions(job->batch, &job->batch->chunks[worker], job->actions, job->dtype);
}

static void step_chunk(void *argument, int32_t worker) {
    step_job *job = argument;
    job->batch->passes->step(job->batch, &job->batch->chunks[worker], job->output);
}

/** Joins the chunks' lists of finished episodes. */
static void gather_finished(operant_batch *b) {
    const size_t agents = (size_t)b->kernel->info.agents, reals = agents * (size_t)b->target->real_size;
    const size_t row = operant_row_bytes(&b->kernel->info);
    int64_t total = b->chunks[0].finished;
    for (int32_t w = 1; w < b->workers; w++) {
        size_t from = (size_t)b->chunks[w].first, count = (size_t)b->chunks[w].finished, to = (size_t)total;
        memmove(b->finished + to, b->finished + from, count * 4);
        memmove(b->final_length + to, b->final_length + from, count * 4);
        memmove((char *)b->final_return + to * reals, (char *)b->final_return + from * reals, count * reals);
        if (b->autoreset == OPERANT_SAME_STEP)
            memmove((char *)b->final_observations + to * row, (char *)b->final_observations + from * row, count * row);
        total += b->chunks[w].finished;
    }
    b->last.count = total;
}

operant_status operant_step(operant_batch *b, const void *actions, int32_t dtype, const operant_output *output) {
    bool discrete = b->kernel->info.actions > 0;
    if (dtype < OPERANT_INT32 || dtype > OPERANT_FLOAT64 || discrete != (dtype <= OPERANT_INT64))
        return OPERANT_BAD_ARGUMENT;
    if (!enter(b)) return OPERANT_BUSY;
    if (b->failed) return leave(b, OPERANT_ENGINE_FAILED);
    if (!b->ready) return leave(b, OPERANT_NOT_RESET);
    if (b->autoreset == OPERANT_DISABLED)
        for (int32_t w = 0; w < b->workers; w++)
            if (b->chunks[w].pending) {
                b->culprit = (int64_t)b->pending[b->chunks[w].first] * b->kernel->info.agents;
                return leave(b, OPERANT_FINISHED);
            }

    step_job job = {b, actions, dtype, output};
    operant_pool_run(b->pool, b->workers, take_chunk, &job);
    for (int32_t w = 0; w < b->workers; w++)
        if (b->chunks[w].bad_action >= 0) {
            b->culprit = b->chunks[w].bad_action;
            return leave(b, OPERANT_BAD_ACTION);
        }
    b->clock += 1;
    operant_pool_run(b->pool, b->workers, step_chunk, &job);
    gather_finished(b);
    return leave(b, outcome(b));
}

operant_status operant_step_one(operant_batch *b, int64_t action, const operant_output *output) {
    if (b->num_envs != 1 || b->kernel->info.action_size != 1 || b->kernel->info.agents != 1)
        return OPERANT_BAD_ARGUMENT;
    return operant_step(b, &action, OPERANT_INT64, output);
}

operant_status operant_observe(operant_batch *b, void *observations) {
    if (!enter(b)) return OPERANT_BUSY;
    b->passes->observe(b, observations);
    return leave(b, OPERANT_OK);
}

/** Gives every environment its own copy of every parameter. */
static bool vary_params(operant_batch *b) {
    if (b->view.params_vary) return true;
    size_t bytes = varied_bytes(b), real = (size_t)b->target->real_size;
    char *varied = platform_map(bytes);
    if (!varied) return false;
    for (int32_t k = 0; k < b->kernel->info.param_count; k++)
        for (int64_t i = 0; i < b->view.stride; i++)
            memcpy(varied + (size_t)(k * b->view.stride + i) * real, (char *)b->view.params + (size_t)k * real, real);
    b->view.params = b->varied_params = varied;
    b->view.params_vary = 1;
    b->view.bytes += (int64_t)bytes;
    return true;
}

operant_status operant_set_param(operant_batch *b, int32_t index, const double *values, int64_t count) {
    if (index < 0 || index >= b->kernel->info.param_count || (count != 1 && count != b->num_envs))
        return OPERANT_BAD_ARGUMENT;
    for (int64_t i = 0; i < count; i++)
        if (!within_bounds(b, index, values[i])) return OPERANT_BAD_ARGUMENT;
    if (!enter(b)) return OPERANT_BUSY;
    if (count > 1 && !vary_params(b)) return leave(b, OPERANT_NO_MEMORY);
    if (!b->view.params_vary) set_real(b, b->view.params, index, values[0]);
    else
        for (int64_t i = 0; i < b->view.stride; i++)
            set_real(b, b->view.params, index * b->view.stride + i, values[count == 1 || i >= count ? 0 : i]);
    return leave(b, OPERANT_OK);
}

operant_status operant_randomize(operant_batch *b, int32_t index, double low, double high) {
    if (index < 0 || index >= b->kernel->info.param_count || !(low <= high)) return OPERANT_BAD_ARGUMENT;
    if (!isfinite(low) || !isfinite(high) || !within_bounds(b, index, low) || !within_bounds(b, index, high))
        return OPERANT_BAD_ARGUMENT;
    if (!enter(b)) return OPERANT_BUSY;
    if (!b->ranges) b->ranges = calloc((size_t)b->kernel->info.param_count, sizeof *b->ranges);
    if (!b->ranges || !vary_params(b)) return leave(b, OPERANT_NO_MEMORY);
    b->ranges[index] = (operant_range){true, low, high};
    return leave(b, OPERANT_OK);
}

/** The nearest microsecond, ties to even, of seconds below 70 years. */
static double round_to_microseconds(double seconds) { return (seconds * 1e6 + 0x1.8p52 - 0x1.8p52) / 1e6; }

operant_status operant_time_episodes(operant_batch *b, operant_stopwatch *watch, double now,
                                     const operant_statistics *to) {
    if (watch->count < 0 || watch->count > b->num_envs) return OPERANT_BAD_ARGUMENT;
    for (int64_t j = 0; j < watch->count; j++)
        if (watch->restarting[j] < 0 || watch->restarting[j] >= b->num_envs) return OPERANT_BAD_ARGUMENT;
    if (!enter(b)) return OPERANT_BUSY;
    if (b->last.count && !to) return leave(b, OPERANT_BAD_ARGUMENT);
    const int64_t agents = b->kernel->info.agents, rows = b->num_envs * agents;
    for (int64_t j = 0; j < watch->count; j++) watch->starts[watch->restarting[j]] = now;
    watch->count = 0;
    if (b->last.count) {
        memset(to->returns, 0, (size_t)rows * sizeof *to->returns);
        memset(to->lengths, 0, (size_t)rows * sizeof *to->lengths);
        memset(to->seconds, 0, (size_t)rows * sizeof *to->seconds);
        memset(to->ended, 0, (size_t)rows);
    }
    for (int64_t j = 0; j < b->last.count; j++) {
        const int32_t i = b->finished[j];
        const double elapsed = round_to_microseconds(now - watch->starts[i]);
        for (int64_t row = i * agents, k = 0; k < agents; k++, row++) {
            to->returns[row] = get_real(b, b->final_return, j * agents + k);
            to->lengths[row] = b->final_length[j];
            to->seconds[row] = elapsed;
            to->ended[row] = 1;
        }
        if (b->autoreset == OPERANT_SAME_STEP) watch->starts[i] = now;
        else watch->restarting[watch->count++] = i;
    }
    return leave(b, OPERANT_OK);
}

operant_status operant_get_pending(operant_batch *b, uint8_t *pending) {
    if (!enter(b)) return OPERANT_BUSY;
    memset(pending, 0, (size_t)b->num_envs);
    for (int32_t w = 0; w < b->workers; w++)
        for (int64_t j = 0; j < b->chunks[w].pending; j++) pending[b->pending[b->chunks[w].first + j]] = 1;
    return leave(b, OPERANT_OK);
}

operant_status operant_set_pending(operant_batch *b, const uint8_t *pending) {
    if (!enter(b)) return OPERANT_BUSY;
    for (int32_t w = 0; w < b->workers; w++) {
        operant_chunk *chunk = &b->chunks[w];
        chunk->pending = 0;
        for (int64_t i = chunk->first; i < chunk->last; i++)
            if (pending[i]) b->pending[chunk->first + chunk->pending++] = (int32_t)i;
    }
    return leave(b, OPERANT_OK);
}

/** Copies element src[i] of each of `columns` columns to dst[i]; a NULL list is 0, 1, 2, ... */
static void copy_columns(void *to, int64_t to_stride, const int64_t *dst, const void *from, int64_t from_stride,
                         const int64_t *src, int64_t count, int32_t columns, size_t size) {
    for (int32_t k = 0; k < columns; k++)
        for (int64_t i = 0; i < count; i++)
            memcpy((char *)to + (size_t)(k * to_stride + (dst ? dst[i] : i)) * size,
                   (const char *)from + (size_t)(k * from_stride + (src ? src[i] : i)) * size, size);
}

operant_status operant_copy_environments(operant_batch *to, const int64_t *dst, const operant_batch *from,
                                         const int64_t *src, int64_t count) {
    if (to->library != from->library || strcmp(to->kernel->info.name, from->kernel->info.name) ||
        to->target->exact != from->target->exact || to->limit != from->limit || count < 0 ||
        to->kernel->info.state_size != from->kernel->info.state_size)
        return OPERANT_BAD_ARGUMENT;
    for (int64_t i = 0; i < count; i++) {
        int64_t t = dst ? dst[i] : i, f = src ? src[i] : i;
        if (t < 0 || t >= to->num_envs || f < 0 || f >= from->num_envs) return OPERANT_BAD_ARGUMENT;
    }
    size_t params_size = (size_t)to->kernel->info.param_count * (size_t)to->target->real_size;
    bool vary = from->view.params_vary || to->view.params_vary;
    bool alike = !vary && !memcmp(from->view.params, to->view.params, params_size);
    if (!alike && !vary_params(to)) return OPERANT_NO_MEMORY;
    const operant_memory *a = &to->view, *b = &from->view;
    size_t real = (size_t)to->target->real_size;
    const int32_t numbers = to->kernel->info.state_size;
    if (to->loop) copy_columns(a->state, 0, dst, b->state, 0, src, count, 1, (size_t)numbers * sizeof(double));
    else copy_columns(a->state, a->stride, dst, b->state, b->stride, src, count, numbers, real);
    copy_columns(a->episode_return, a->stride, dst, b->episode_return, b->stride, src, count, to->kernel->info.agents,
                 real);
    copy_columns(a->episode, 0, dst, b->episode, 0, src, count, 1, 4);
    if (draws_pcg64(to)) copy_columns(a->generator, 0, dst, b->generator, 0, src, count, 1, sizeof(operant_pcg64));
    else copy_columns(a->seed, a->stride, dst, b->seed, b->stride, src, count, 2, 4);
    for (int32_t k = 0; !alike && k < to->kernel->info.param_count; k++)
        for (int64_t i = 0; i < count; i++)
            memcpy((char *)a->params + (size_t)(k * a->stride + (dst ? dst[i] : i)) * real,
                   (const char *)b->params + (size_t)(b->params_vary ? k * b->stride + (src ? src[i] : i) : k) * real,
                   real);
    for (int64_t i = 0; i < count; i++)
        a->deadline[dst ? dst[i] : i] = (int32_t)(to->clock + ((uint32_t)b->deadline[src ? src[i] : i] - from->clock));
    return OPERANT_OK;
}

int64_t operant_culprit(const operant_batch *b) { return b->culprit; }
operant_memory operant_view(const operant_batch *b) { return b->view; }
uint32_t operant_clock(const operant_batch *b) { return b->clock; }
int32_t operant_is_ready(const operant_batch *b) { return b->ready; }
void operant_mark_ready(operant_batch *b) { b->ready = true; }
const operant_finished *operant_last_finished(const operant_batch *b) { return &b->last; }
