/* dispatch.h: the targets by name. */
#include "core/layout.h"

extern const operant_target operant_avx512, operant_avx2, operant_sse2, operant_neon, operant_wasm, operant_scalar,
    operant_exact;

/** All targets, best first, then NULL. The last has all environments. Builds for checking compile fewer. */
#if defined(OPERANT_NO_EXACT) && defined(__wasm_simd128__)
#define OPERANT_TARGETS &operant_wasm, &operant_scalar, NULL
#elif defined(OPERANT_NO_EXACT)
#define OPERANT_TARGETS &operant_scalar, NULL
#elif defined(OPERANT_ONE_LANE)
#define OPERANT_TARGETS &operant_scalar, &operant_exact, NULL
#elif defined(__x86_64__) && defined(OPERANT_NO_AVX512)
#define OPERANT_TARGETS &operant_avx2, &operant_sse2, &operant_scalar, &operant_exact, NULL
#elif defined(__x86_64__) && defined(OPERANT_NARROW)
#define OPERANT_TARGETS &operant_sse2, &operant_scalar, &operant_exact, NULL
#elif defined(__x86_64__)
#define OPERANT_TARGETS &operant_avx512, &operant_avx2, &operant_sse2, &operant_scalar, &operant_exact, NULL
#elif defined(__aarch64__)
#define OPERANT_TARGETS &operant_neon, &operant_scalar, &operant_exact, NULL
#elif defined(__wasm_simd128__)
#define OPERANT_TARGETS &operant_wasm, &operant_scalar, &operant_exact, NULL
#else
#define OPERANT_TARGETS &operant_scalar, &operant_exact, NULL
#endif

/** Finds the target named `isa` in a library (NULL: in the core), or with isa NULL the best one for num_envs: wide
 *  vectors with few used lanes are slower than narrow ones. Returns NULL if no such target runs here. */
const operant_target *operant_find_target(const operant_library *library, const char *isa, int32_t exact,
                                          int64_t num_envs);
const operant_kernel *operant_find_kernel(const operant_target *target, const char *env);
