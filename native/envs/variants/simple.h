/* simple.h: one agent goes to one landmark; see mpe/simple.h. */
#include "envs/mpe/simple.h"
