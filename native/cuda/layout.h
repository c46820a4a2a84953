/* layout.h: a batch in a GPU's memory; src/operant/cuda/arguments.py describes the same to ctypes. R = N * agents. */

/** The arguments that stay the same from one step to the next. A pointer to [k, stride] has a row for each k. */
typedef struct {
    float *state;           /* [state_size, stride] */
    float *params;          /* [param_count], or [param_count, stride] where params_vary */
    float *episode_return;  /* [agents, stride] */
    uint32_t *elapsed;      /* [N] steps since the episode began; the highest bit is set once it is over */
    uint32_t *episode;      /* [N] */
    uint32_t *seed;         /* [2, stride] low and high word */
    const float *ranges;    /* [param_count, 2] bounds of a parameter drawn for every episode, else NaN; or NULL */
    const int32_t *choices; /* [agents * action_size] number of choices of each discrete action */
    float *final_return;    /* [R] of the episode that ended last */
    int32_t *final_length;  /* [N] of the episode that ended last */
    int32_t *count;         /* [N] number of episodes that ended; the caller clears this and the next two */
    float *return_sum;      /* [R] sum of their returns */
    int32_t *length_sum;    /* [N] sum of their lengths */
    uint64_t *unusable;     /* the first row with an invalid action, above the action's 32 bits; else all ones */
    uint64_t *over;         /* the first environment that was stepped after its episode's end; else all ones */
    int32_t *alarm;         /* in the host's memory: 1 once one of the two is set */
    int64_t num_envs, stride;
    uint32_t limit;         /* max_episode_steps; 0 for none */
    int32_t autoreset;      /* operant_autoreset */
    int32_t params_vary;
} operant_device_batch;

typedef struct {
    operant_device_batch batch;
    const void *actions;      /* [R, action_size] */
    void *observations;       /* [R, observation_size] */
    float *rewards;           /* [R] */
    uint8_t *terminated;      /* [R] 0 or 1 */
    uint8_t *truncated;       /* [R] */
    void *final_observations; /* [R, observation_size], written in the rows whose episodes ended; or NULL */
    int32_t dtype;            /* operant_dtype of the actions */
    int32_t final_truncated;  /* 1: writes final_observations only of episodes that were truncated and not terminated */
} operant_step_arguments;

typedef struct {
    operant_device_batch batch;
    const uint8_t *mask;      /* [N] 1 to begin an episode; NULL: all */
    const float *overrides;   /* [param_count] parameters for this reset only, NaN to keep one; or NULL */
    void *observations;       /* [R, observation_size]; rows outside the mask get the present state's */
} operant_reset_arguments;
