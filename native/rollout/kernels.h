/* kernels.h: the training kernels of one target; core/target.h includes it in the fast builds. */
#include "rollout/table.h"

/* Marks the next loop's iterations as independent, although it may read and write the same array. */
#if defined(__clang__)
#define UNALIASED _Pragma("clang loop vectorize(assume_safety)")
#else
#define UNALIASED _Pragma("GCC ivdep")
#endif

#include "rollout/advantages.h"
#include "rollout/moments.h"

static const operant_rollout_kernels rollout_kernels = {gae, vtrace, discounted_returns, moments, standardize};
