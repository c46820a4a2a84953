/* advantages.h: GAE, V-trace and discounted returns of LANES environments at a time, for every target and for GPUs.
 *
 * Time runs backwards, one row after another over a block of columns. So rows are read and written in order, and the
 * values carried from row to row stay in the first-level cache. */

#if defined(OPERANT_CUDA)
#define ROLLOUT_FN LANE_FN void
enum { BLOCK = 1 }; /* columns: each thread has one */
#else
#define ROLLOUT_FN static void
enum { BLOCK = 1024 }; /* columns: 4 KiB of a row, a page */
#endif

/** Loads LANES bytes as a mask: true where a byte is not 0. (GCC would widen them one by one.) */
LANE_FN vm load_flags(const uint8_t *from) {
#if LANES == 1
    return *from != 0;
#elif defined(__x86_64__) && LANES == 16
    const __m128i bytes = _mm_loadu_si128((const __m128i *)from);
    return (vm)_mm512_movm_epi32(_mm_test_epi8_mask(bytes, bytes));
#elif defined(__x86_64__) && LANES == 8
    return (vm)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from)) != 0;
#elif defined(__x86_64__)
    const __m128i zero = _mm_setzero_si128(), pairs = _mm_unpacklo_epi8(_mm_loadu_si32(from), zero);
    return (vm)_mm_unpacklo_epi16(pairs, zero) != 0;
#elif defined(__wasm_simd128__)
    const v128_t pairs = wasm_u16x8_extend_low_u8x16(wasm_v128_load32_zero(from));
    return (vm)wasm_u32x4_extend_low_u16x8(pairs) != 0;
#else
    const uint8x8_t bytes = vreinterpret_u8_u32(vld1_dup_u32((const uint32_t *)from));
    return (vm)vmovl_u16(vget_low_u16(vmovl_u8(bytes))) != 0;
#endif
}

/** Loads from[lane] where the mask is true, else takes `otherwise`; reads nothing if the mask is false everywhere. */
LANE_FN vf load_where(vm mask, const float *from, vf otherwise) {
#if defined(__x86_64__) && LANES == 16
    return (vf)_mm512_mask_loadu_ps((__m512)otherwise, _mm512_movepi32_mask((__m512i)mask), from);
#elif defined(__x86_64__) && LANES == 8
    return vsel(mask, (vf)_mm256_maskload_ps(from, (__m256i)mask), otherwise);
#else
    return vany(mask) ? vsel(mask, LOAD(vf, from), otherwise) : otherwise;
#endif
}

/** The value after step `at` of the rollout: 0 after a termination, the final value after a truncation, else `next`. */
LANE_FN vf bootstrap(const operant_rollout *r, int64_t at, vm terminated, vm truncated, vf next) {
    return vsel(terminated, vreal(0), load_where(truncated, r->final_values + at, next));
}

/** Runs a body for each block [begin, end) of the columns [first, last), and in each block for row t from the last to
 *  the first. The number of columns is a multiple of LANES. `carried` [end - begin] starts at zero in each block. */
#define BACKWARDS(steps, first, last, ...)                                       \
    for (int64_t begin = (first); begin < (last); begin += BLOCK) {              \
        const int64_t end = begin + BLOCK < (last) ? begin + BLOCK : (last);     \
        float carried[BLOCK] = {0};                                              \
        for (int64_t t = (steps); t-- > 0;) __VA_ARGS__                          \
    }

/** The row of [T, N] after row t; after the last one, `last`. */
LANE_FN const float *row_after(const operant_rollout *r, int64_t t, const float *rows, const float *last) {
    return t == r->steps - 1 ? last : rows + (t + 1) * r->num_envs;
}

/** delta = r + gamma V' - V;  A = delta + gamma lambda A', cut where the episode ends;  return = A + V. */
ROLLOUT_FN gae(const operant_rollout *rollout, int64_t first, int64_t last, float *advantages, float *returns) {
    const operant_rollout r = *rollout; /* a copy, which no store can change */
    const vf gamma = vreal(r.gamma), decay = vreal(r.gamma * r.lam);
    BACKWARDS(r.steps, first, last, {
        const float *next_values = row_after(&r, t, r.values, r.last_values);
        for (int64_t i = begin; i < end; i += LANES) {
            const int64_t at = t * r.num_envs + i;
            const vm terminated = load_flags(r.terminated + at), truncated = load_flags(r.truncated + at);
            const vf value = LOAD(vf, r.values + at);
            const vf next = bootstrap(&r, at, terminated, truncated, LOAD(vf, next_values + i));
            const vf rest = vsel(terminated | truncated, vreal(0), LOAD(vf, carried + (i - begin)));
            const vf advantage = LOAD(vf, r.rewards + at) + gamma * next - value + decay * rest;
            STORE(vf, carried + (i - begin), advantage);
            STORE(vf, advantages + at, advantage);
            STORE(vf, returns + at, advantage + value);
        }
    })
}

/** rho = min(rho_bar, ratio), c = lambda min(c_bar, ratio);  delta = rho (r + gamma V' - V);
 *  v - V = delta + gamma c (v' - V'), cut where the episode ends;  advantage = rho (r + gamma v' - V). */
ROLLOUT_FN vtrace(const operant_rollout *rollout, const float *log_ratios, float rho_bar, float c_bar, int64_t first,
                   int64_t last, float *targets, float *advantages) {
    const operant_rollout r = *rollout;
    const vf gamma = vreal(r.gamma), lambda = vreal(r.lam);
    BACKWARDS(r.steps, first, last, {
        const float *next_values = row_after(&r, t, r.values, r.last_values);
        const float *next_targets = row_after(&r, t, targets, r.last_values);
        for (int64_t i = begin; i < end; i += LANES) {
            const int64_t at = t * r.num_envs + i;
            const vm terminated = load_flags(r.terminated + at), truncated = load_flags(r.truncated + at);
            const vf value = LOAD(vf, r.values + at), reward = LOAD(vf, r.rewards + at);
            const vf ratio = vexp(LOAD(vf, log_ratios + at));
            const vf rho = vmin(ratio, vreal(rho_bar)), c = lambda * vmin(ratio, vreal(c_bar));
            const vf next = bootstrap(&r, at, terminated, truncated, LOAD(vf, next_values + i));
            const vf next_target = bootstrap(&r, at, terminated, truncated, LOAD(vf, next_targets + i));
            const vf rest = vsel(terminated | truncated, vreal(0), LOAD(vf, carried + (i - begin)));
            const vf correction = rho * (reward + gamma * next - value) + gamma * c * rest;
            STORE(vf, carried + (i - begin), correction);
            STORE(vf, targets + at, value + correction);
            STORE(vf, advantages + at, rho * (reward + gamma * next_target - value));
        }
    })
}

/** G = r + gamma G', where G' is 0 after a termination and the final value after a truncation. */
ROLLOUT_FN discounted_returns(const operant_rollout *rollout, int64_t first, int64_t last, float *returns) {
    const operant_rollout r = *rollout;
    const vf gamma = vreal(r.gamma);
    BACKWARDS(r.steps, first, last, {
        const float *next_sums = t == r.steps - 1 ? r.last_values + begin : carried;
        for (int64_t i = begin; i < end; i += LANES) {
            const int64_t at = t * r.num_envs + i;
            const vm terminated = load_flags(r.terminated + at), truncated = load_flags(r.truncated + at);
            const vf next = bootstrap(&r, at, terminated, truncated, LOAD(vf, next_sums + (i - begin)));
            const vf sum = LOAD(vf, r.rewards + at) + gamma * next;
            STORE(vf, carried + (i - begin), sum);
            STORE(vf, returns + at, sum);
        }
    })
}
