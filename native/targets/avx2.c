/* avx2.c: the fast build for avx2, 8 lanes. */
#include "core/layout.h"
#if defined(__x86_64__)
static bool runs_here(void) { return __builtin_cpu_supports("avx2"); }
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#define TARGET operant_avx2
#define ISA "avx2"
#define LANES 8
#define EXACT 0
#define RUNS_HERE runs_here
#include "core/target.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
