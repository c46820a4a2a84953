/* simple_tag_continuous.h: three adversaries chase one agent, pushed as hard as they like; see mpe/tag.h. */
#define CONTINUOUS
#include "envs/mpe/tag.h"
#undef CONTINUOUS
