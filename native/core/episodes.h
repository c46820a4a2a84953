/* episodes.h: the passes over a batch that know no physics: a step of a chunk, resets, observations.
 *
 * A target compiles them once. They call an environment's kernel for LANES environments at a time. */

/** Begins episodes in the listed environments, LANES at a time; a short last group repeats its last environment.
 *  `ended`, unless NULL, receives the [count] rows of observations that are overwritten. */
static void begin_listed(operant_batch *b, const int32_t *index, int64_t count, const double *overrides,
                         void *observations, char *ended) {
    const operant_env_info *info = &b->kernel->info;
    const int64_t stride = b->view.stride;
    real *states = b->view.state, *params = b->view.params, *returns = b->view.episode_return;
    const vu start = (vu)vint((lane_int)(b->clock + b->limit));
    const size_t row_bytes = operant_row_bytes(info);
    vf state[info->state_size], p[MAX_PARAMS];
    for (int32_t k = 0; k < info->param_count && !b->view.params_vary; k++) p[k] = vreal(params[k]);
    for (int64_t first = 0; first < count; first += LANES) {
        int32_t group[LANES];
        const int32_t *at = index + first;
        if (LANES > 1 && first + LANES > count) {
            for (int lane = 0; lane < LANES; lane++)
                group[lane] = index[first + lane < count ? first + lane : count - 1];
            at = group;
        }
        if (b->view.params_vary)
            for (int32_t k = 0; k < info->param_count; k++) p[k] = vgather(params + k * stride, at);
#if EXACT
        const rng r = {(operant_pcg64 *)b->view.generator + *at, 0, 1};
        rng for_params = r;
        b->view.episode[*at] += 1;
        b->view.deadline[*at] = (int32_t)start;
#else
        const vu key0 = vgather_bits(b->view.seed, at), key1 = vgather_bits(b->view.seed + stride, at);
        const vu episode = vgather_bits(b->view.episode, at) + 1, none = key0 ^ key0;
        vscatter_bits(b->view.episode, at, episode);
        vscatter_bits((uint32_t *)b->view.deadline, at, start);
        const rng r = {key0, key1 ^ FOR_RESET, episode, none, none, 0, (vi)none, 1};
        rng for_params = {key0, key1 ^ FOR_PARAMS, episode, none, none, 0, (vi)none, 1};
#endif
        for (int32_t k = 0; k < info->param_count && b->ranges; k++) {
            if (!b->ranges[k].randomized) continue;
            p[k] = uniform(&for_params, vreal((real)b->ranges[k].low), vreal((real)b->ranges[k].high));
            vscatter(params + k * stride, at, p[k]);
        }
        for (int32_t k = 0; k < info->param_count && overrides; k++)
            if (!isnan(overrides[k])) p[k] = vreal((real)overrides[k]);
        const operant_fresh to = {at, count - first < LANES ? (int32_t)(count - first) : LANES, observations,
                                  ended ? ended + (size_t)first * row_bytes : NULL};
        b->kernel->begin(state, &r, p, &to);
        for (int32_t k = 0; k < info->state_size; k++) vscatter(states + k * stride, at, state[k]);
        vscatter(returns, at, vreal(0));
        for (int32_t k = 1; k < info->agents; k++) vscatter(returns + k * stride, at, vreal(0));
    }
}

static void reset_listed(operant_batch *b, const int32_t *index, int64_t count, const double *overrides,
                         void *observations) {
    begin_listed(b, index, count, overrides, observations, NULL);
}

/** Lists the episodes that ended in a step of a chunk, and begins new ones according to the autoreset mode. */
LANE_FN void end_episodes(operant_batch *b, operant_chunk *chunk, const operant_output *output, int64_t agents) {
    int32_t *pending = b->pending + chunk->first, *finished = b->finished + chunk->first;

    if (b->autoreset == OPERANT_NEXT_STEP && chunk->pending) {
        /* Environments that ended in the last step were stepped with the others; the reset overwrites the results. */
        for (int64_t j = 0; j < chunk->pending; j++)
            for (int64_t row = pending[j] * agents, last = row + agents; row < last; row++) {
                ((real *)output->rewards)[row] = 0;
                output->terminated[row] = output->truncated[row] = 0;
            }
        int64_t kept = 0;
        for (int64_t j = 0; j < chunk->finished; j++) {
            const int64_t row = finished[j] * agents;
            finished[kept] = finished[j];
            kept += output->terminated[row] | output->truncated[row];
        }
        chunk->finished = kept;
        begin_listed(b, pending, chunk->pending, NULL, output->observations, NULL);
    }

    real *final_return = (real *)b->final_return + chunk->first * agents;
    for (int64_t j = 0; j < chunk->finished; j++) {
        const int32_t i = finished[j];
        for (int64_t k = 0; k < agents; k++)
            *final_return++ = ((const real *)b->view.episode_return)[k * b->view.stride + i];
        b->final_length[chunk->first + j] = (int32_t)(b->clock + b->limit - (uint32_t)b->view.deadline[i]);
    }

    if (b->autoreset == OPERANT_SAME_STEP) {
        char *ended = (char *)b->final_observations + (size_t)chunk->first * operant_row_bytes(&b->kernel->info);
        begin_listed(b, finished, chunk->finished, NULL, output->observations, ended);
    } else {
        memcpy(pending, finished, (size_t)chunk->finished * sizeof *pending);
        chunk->pending = chunk->finished;
    }
}

/** Steps the blocks that step_blocks does not: all if parameters differ, else a last block of fewer than LANES
 *  environments. Such a block's rows are copied, because the caller's arrays hold exactly N environments. */
static void step_remaining(operant_batch *b, operant_chunk *chunk, const operant_output *output) {
    const operant_env_info *info = &b->kernel->info;
    const int64_t agents = info->agents;
    const size_t row_bytes = operant_row_bytes(info);
    int32_t *finished = b->finished + chunk->first;
    int64_t i = chunk->first, count = 0;
#if EXACT
    const int32_t *due = b->pending + chunk->first;
    const int32_t *last_due = due + (b->autoreset == OPERANT_NEXT_STEP ? chunk->pending : 0);
#endif
    vf alike[MAX_PARAMS];
    if (!b->view.params_vary) {
        i += (chunk->last - chunk->first) / LANES * LANES, count = chunk->finished;
        for (int32_t k = 0; k < info->param_count; k++) alike[k] = vreal(((const real *)b->view.params)[k]);
    }
    for (; i < chunk->last; i += LANES) {
#if EXACT
        if (due < last_due && *due == i) {
            due++;
            continue;
        }
#endif
        const real *params = b->view.params_vary ? (const real *)b->view.params + i : (const real *)alike;
        const int64_t stride = b->view.params_vary ? b->view.stride : LANES, row = i * agents;
        const operant_output to = {(char *)output->observations + (size_t)i * row_bytes, (real *)output->rewards + row,
                                   output->terminated + row, output->truncated + row};
        unsigned ended;
        if (i + LANES <= chunk->last) {
            ended = b->kernel->step_block(b, i, params, stride, &to);
        } else {
            const size_t rest = (size_t)(chunk->last - i), flags = rest * (size_t)agents;
            uint64_t rows[LANES * row_bytes / 8 + 1];
            real rewards[LANES * agents];
            uint8_t terminated[LANES * agents], truncated[LANES * agents];
            const operant_output scratch = {rows, rewards, terminated, truncated};
            ended = b->kernel->step_block(b, i, params, stride, &scratch);
            ended &= (1u << rest) - 1;
            memcpy(to.observations, rows, rest * row_bytes);
            memcpy(to.rewards, rewards, flags * sizeof(real));
            memcpy(to.terminated, terminated, flags);
            memcpy(to.truncated, truncated, flags);
        }
        for (; ended; ended &= ended - 1) finished[count++] = (int32_t)i + __builtin_ctz(ended);
    }
    chunk->finished = count;
}

/** Steps a chunk to b->clock. */
static void step_chunk(operant_batch *b, operant_chunk *chunk, const operant_output *output) {
    const int64_t agents = b->kernel->info.agents;
    if (!b->view.params_vary) b->kernel->step_blocks(b, chunk, output);
    if (b->view.params_vary || chunk->last % LANES) step_remaining(b, chunk, output);
    if (agents == 1) end_episodes(b, chunk, output, 1); /* compiled without loops over agents */
    else end_episodes(b, chunk, output, agents);
}

/** Writes the observations of the present states. */
static void observe_all(operant_batch *b, void *observations) {
    const operant_env_info *info = &b->kernel->info;
    const int64_t stride = b->view.stride;
    const real *states = b->view.state, *params = b->view.params;
    const size_t row_bytes = operant_row_bytes(info);
    vf state[info->state_size], p[MAX_PARAMS];
    uint64_t rows[LANES * row_bytes / 8 + 1];
    for (int64_t i = 0; i < b->num_envs; i += LANES) {
        for (int32_t k = 0; k < info->state_size; k++) state[k] = LOAD(vf, states + k * stride + i);
        for (int32_t k = 0; k < info->param_count; k++)
            p[k] = b->view.params_vary ? LOAD(vf, params + k * stride + i) : vreal(params[k]);
        rng r = step_rng(b, i);
        r.elapsed += 1;
        b->kernel->observe_block(state, &r, p, rows);
        const int64_t count = b->num_envs - i < LANES ? b->num_envs - i : LANES;
        memcpy((char *)observations + (size_t)i * row_bytes, rows, (size_t)count * row_bytes);
    }
}
