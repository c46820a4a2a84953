/* scalar.c: the fast build on one lane, which judges the other targets and runs on any CPU. */
#include "core/layout.h"
#define TARGET operant_scalar
#define ISA "scalar"
#define LANES 1
#define EXACT 0
#define RUNS_HERE true
#include "core/target.h"
