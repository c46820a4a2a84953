/* scalar.c: the fast build on one lane: what judges the others, and what any other CPU runs. */
#include "core/layout.h"
#define TARGET operant_scalar
#define ISA "scalar"
#define LANES 1
#define EXACT 0
#define RUNS_HERE true
#include "core/target.h"
