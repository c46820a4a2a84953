/* task.c: the table of a shared library of one task on MuJoCo, which operant_mujoco_load_task() loads. Its build/task.h
 * includes a user's header and names it OPERANT_TASK. It links to nothing of MuJoCo. */
#include "engines/mujoco/task.h"
#include "platform/platform.h"

#include "build/task.h"

#define DEFINE(task) DEFINE_TASK(task)
DEFINE(OPERANT_TASK)

#define TASK_OF(task) &task##_task
#define TABLE(task) TASK_OF(task)
PLATFORM_EXPORTED extern const mujoco_task_library operant_task_table;
const mujoco_task_library operant_task_table = {
    MUJOCO_ABI, sizeof(mujoco_task), sizeof(mujoco_data), sizeof(mujoco_constants), TABLE(OPERANT_TASK),
};
