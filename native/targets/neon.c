/* neon.c: the fast build for 64-bit Arm, 4 lanes. */
#include "core/layout.h"
#if defined(__aarch64__)
#define TARGET operant_neon
#define ISA "neon"
#define LANES 4
#define EXACT 0
#define RUNS_HERE true
#include "core/target.h"
#endif
