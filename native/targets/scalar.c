/* scalar.c: the fast build on one lane: what judges the others, and what any other CPU runs. */
#include "core/layout.h"
static bool runs_here(void) { return true; }
#define TARGET operant_scalar
#define ISA "scalar"
#define LANES 1
#define EXACT 0
#define RUNS_HERE runs_here
#include "core/target.h"
