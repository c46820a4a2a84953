/* simple_spread_continuous.h: three agents cover three landmarks, pushed as hard as they like; see mpe/spread.h. */
#define AGENTS 3
#define CONTINUOUS
#include "envs/mpe/spread.h"
#undef AGENTS
#undef CONTINUOUS
