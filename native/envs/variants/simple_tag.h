/* simple_tag.h: three adversaries chase one agent; see mpe/tag.h. */
#include "envs/mpe/tag.h"
