/* rollout.c: the calls of rollout.h: each finds the target, splits the work over threads, and runs the kernels. */
#include "core/dispatch.h"
#include "rollout/table.h"

enum {
    COLUMNS = 64,         /* a worker's columns begin on multiples of this */
    STRETCH = 128,        /* numbers, of several rows, that are added side by side */
    CHUNK_STRETCHES = 64, /* stretches whose moments are computed together, then merged */
    MAX_WORKERS = 1024
};
#define MAX_NUMBERS ((int64_t)1 << 48) /* of an array: sizes in bytes then fit into 64 bits */

/** Runs a job on `workers` workers; returns false if the system cannot start more threads. */
static bool run(int32_t workers, void (*job)(void *, int32_t), void *argument) {
    if (workers == 1) {
        job(argument, 0);
        return true;
    }
    operant_pool *pool = operant_pool_open(workers);
    if (!pool) return false;
    operant_pool_run(pool, workers, job, argument);
    operant_pool_close(pool);
    return true;
}

typedef struct rollout_job {
    const operant_target *target;
    const operant_rollout *rollout;
    const float *log_ratios;
    float rho_bar, c_bar;
    float *first_output, *second_output;
    int32_t workers;
    void (*compute)(const struct rollout_job *, const operant_rollout_kernels *, int64_t first, int64_t last);
} rollout_job;

/** Computes one worker's columns: whole vectors on the target, the rest on the scalar one, which has the same bits. */
static void compute_columns(void *argument, int32_t worker) {
    const rollout_job *job = argument;
    const int64_t n = job->rollout->num_envs, blocks = (n + COLUMNS - 1) / COLUMNS;
    const int64_t first = blocks * worker / job->workers * COLUMNS;
    const int64_t limit = blocks * (worker + 1) / job->workers * COLUMNS;
    const int64_t last = limit < n ? limit : n, whole = last - (last - first) % job->target->lanes;
    job->compute(job, job->target->rollout, first, whole);
    job->compute(job, operant_scalar.rollout, whole, last);
}

static operant_status compute(rollout_job *job, const char *isa, int32_t workers) {
    const operant_rollout *r = job->rollout;
    if (r->steps < 1 || r->num_envs < 1 || r->steps > MAX_NUMBERS / r->num_envs) return OPERANT_BAD_ARGUMENT;
    if (workers < 1 || workers > MAX_WORKERS) return OPERANT_BAD_ARGUMENT;
    job->target = operant_find_target(NULL, isa, 0, r->num_envs);
    if (!job->target) return OPERANT_BAD_ARGUMENT;
    const int64_t blocks = (r->num_envs + COLUMNS - 1) / COLUMNS;
    job->workers = workers < blocks ? workers : (int32_t)blocks;
    return run(job->workers, compute_columns, job) ? OPERANT_OK : OPERANT_NO_MEMORY;
}

static void compute_gae(const rollout_job *job, const operant_rollout_kernels *kernels, int64_t first, int64_t last) {
    kernels->gae(job->rollout, first, last, job->first_output, job->second_output);
}

operant_status operant_gae(const operant_rollout *rollout, const char *isa, int32_t workers, float *advantages,
                           float *returns) {
    rollout_job job = {
        .rollout = rollout, .first_output = advantages, .second_output = returns, .compute = compute_gae};
    return compute(&job, isa, workers);
}

static void compute_vtrace(const rollout_job *job, const operant_rollout_kernels *kernels, int64_t first,
                           int64_t last) {
    kernels->vtrace(job->rollout, job->log_ratios, job->rho_bar, job->c_bar, first, last, job->first_output,
                    job->second_output);
}

operant_status operant_vtrace(const operant_rollout *rollout, const float *log_ratios, float rho_bar, float c_bar,
                              const char *isa, int32_t workers, float *targets, float *advantages) {
    rollout_job job = {.rollout = rollout,
                       .log_ratios = log_ratios,
                       .rho_bar = rho_bar,
                       .c_bar = c_bar,
                       .first_output = targets,
                       .second_output = advantages,
                       .compute = compute_vtrace};
    return compute(&job, isa, workers);
}

static void compute_returns(const rollout_job *job, const operant_rollout_kernels *kernels, int64_t first,
                            int64_t last) {
    kernels->discounted_returns(job->rollout, first, last, job->first_output);
}

operant_status operant_discounted_returns(const operant_rollout *rollout, const char *isa, int32_t workers,
                                          float *returns) {
    rollout_job job = {.rollout = rollout, .first_output = returns, .compute = compute_returns};
    return compute(&job, isa, workers);
}

/** The number of rows in a stretch, for D features. */
static int64_t strands_of(int64_t features) { return features < STRETCH ? STRETCH / features : 1; }

typedef struct {
    const operant_target *target;
    const float *batch;
    int64_t rows, features, strands, chunks;
    double *means, *squares; /* [chunks, D] */
    double *scratch;         /* [workers, 2, strands * D] */
    int32_t workers;
} moments_job;

static int64_t rows_of_chunk(const moments_job *job, int64_t chunk) {
    const int64_t most = job->strands * CHUNK_STRETCHES, left = job->rows - chunk * most;
    return left < most ? left : most;
}

static void compute_moments(void *argument, int32_t worker) {
    const moments_job *job = argument;
    const int64_t d = job->features, size = job->strands * CHUNK_STRETCHES * d;
    double *scratch = job->scratch + worker * 2 * job->strands * d;
    for (int64_t c = job->chunks * worker / job->workers; c < job->chunks * (worker + 1) / job->workers; c++)
        job->target->rollout->moments(job->batch + c * size, rows_of_chunk(job, c), d, job->strands, scratch,
                                      job->means + c * d, job->squares + c * d);
}

/** Merges the moments of further rows into `m`: Chan, Golub & LeVeque (1983). */
static void merge(operant_moments *m, double count, const double *mean, const double *squares) {
    const double total = m->count + count;
    for (int64_t d = 0; d < m->features; d++) {
        const double difference = mean[d] - m->mean[d];
        m->mean[d] += difference * (count / total);
        m->squares[d] += squares[d] + difference * difference * (m->count * count / total);
    }
    m->count = total;
}

operant_status operant_update_moments(operant_moments *m, const float *batch, int64_t rows, const char *isa,
                                      int32_t workers) {
    if (m->features < 1 || rows < 0 || rows > MAX_NUMBERS / m->features || workers < 1 || workers > MAX_WORKERS)
        return OPERANT_BAD_ARGUMENT;
    moments_job job = {.batch = batch, .rows = rows, .features = m->features, .strands = strands_of(m->features)};
    job.target = operant_find_target(NULL, isa, 0, INT64_MAX);
    if (!job.target) return OPERANT_BAD_ARGUMENT;
    if (rows == 0) return OPERANT_OK;
    const int64_t per_chunk = job.strands * CHUNK_STRETCHES, d = m->features;
    job.chunks = (rows + per_chunk - 1) / per_chunk;
    job.workers = workers < job.chunks ? workers : (int32_t)job.chunks;
    double *memory = malloc((size_t)(2 * d * (job.chunks + job.workers * job.strands)) * sizeof *memory);
    if (!memory) return OPERANT_NO_MEMORY;
    job.means = memory;
    job.squares = job.means + job.chunks * d;
    job.scratch = job.squares + job.chunks * d;
    const bool done = run(job.workers, compute_moments, &job);
    for (int64_t c = 0; done && c < job.chunks; c++)
        merge(m, (double)rows_of_chunk(&job, c), job.means + c * d, job.squares + c * d);
    free(memory);
    return done ? OPERANT_OK : OPERANT_NO_MEMORY;
}

operant_status operant_standardize(const operant_moments *m, const float *batch, int64_t rows, double epsilon,
                                   double clip, int32_t centred, const char *isa, float *out) {
    const operant_target *target = operant_find_target(NULL, isa, 0, INT64_MAX);
    if (!target || m->features < 1 || rows < 0 || rows > MAX_NUMBERS / m->features || !(clip > 0) || !(epsilon >= 0))
        return OPERANT_BAD_ARGUMENT;
    const int64_t strands = strands_of(m->features), length = strands * m->features;
    double *centre = malloc((size_t)(2 * length) * sizeof *centre), *scale = centre + length;
    if (!centre) return OPERANT_NO_MEMORY;
    for (int64_t d = 0; d < m->features; d++) {
        centre[d] = centred ? m->mean[d] : 0;
        scale[d] = 1 / sqrt((m->count > 0 ? m->squares[d] / m->count : 1) + epsilon);
    }
    for (int64_t s = 1; s < strands; s++) {
        memcpy(centre + s * m->features, centre, (size_t)m->features * sizeof *centre);
        memcpy(scale + s * m->features, scale, (size_t)m->features * sizeof *scale);
    }
    target->rollout->standardize(batch, rows * m->features, length, centre, scale, clip, out);
    free(centre);
    return OPERANT_OK;
}
