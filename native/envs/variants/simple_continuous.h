/* simple_continuous.h: one agent goes to one landmark, pushed as hard as it likes; see mpe/simple.h. */
#define CONTINUOUS
#include "envs/mpe/simple.h"
#undef CONTINUOUS
