/* dispatch.h: the targets by name. */
#include "core/layout.h"

extern const operant_target operant_avx512, operant_avx2, operant_sse2, operant_neon, operant_scalar, operant_exact;

const operant_target *operant_find_target(const char *isa, int32_t exact); /* isa NULL: the best; NULL if none runs here */
const operant_kernel *operant_find_kernel(const operant_target *target, const char *env);
