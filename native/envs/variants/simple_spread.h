/* simple_spread.h: three agents cover three landmarks; see mpe/spread.h. */
#define AGENTS 3
#include "envs/mpe/spread.h"
#undef AGENTS
