/* guard.h: runs work in MuJoCo so that a fatal error does not end the process, and its timers cost nothing. */
#ifndef OPERANT_MUJOCO_GUARD_H
#define OPERANT_MUJOCO_GUARD_H
#include <stdbool.h>

#include "engines/engines.h"

/** Installs the handlers of the process, once. */
void operant_mujoco_install(const operant_mujoco *description);

/** operant_engine.guard. */
bool operant_mujoco_guard(void (*work)(void *, int32_t), void *argument, int32_t worker, char *message, size_t size);

#endif
