/* layout.h: a batch in a GPU's memory, as src/operant/cuda/arguments.py describes it to ctypes. R = N * agents. */

/** What stays the same from one step to the next. A pointer to [k, stride] has a row for each k. */
typedef struct {
    float *state;           /* [state_size, stride] */
    float *params;          /* [param_count], or [param_count, stride] where params_vary */
    float *episode_return;  /* [agents, stride] */
    uint32_t *elapsed;      /* [N] steps since the episode began; the highest bit says that it is over */
    uint32_t *episode;      /* [N] */
    uint32_t *seed;         /* [2, stride] low and high word */
    const float *ranges;    /* [param_count, 2] between which a parameter is drawn for every episode, NaN: it is not; NULL */
    const int32_t *choices; /* [agents * action_size] how many a discrete action has */
    float *final_return;    /* [R] of the episode that ended last, beside `terminated` and `truncated` */
    int32_t *final_length;  /* [N] */
    int32_t *count;         /* [N] episodes that ended; this and the two that follow are the caller's to clear */
    float *return_sum;      /* [R] of their returns */
    int32_t *length_sum;    /* [N] of their lengths */
    uint64_t *unusable;     /* the first row with an action that is none, above the action's 32 bits; else all ones */
    uint64_t *over;         /* the first environment that was stepped after its end; else all ones */
    int32_t *alarm;         /* memory of the host's: 1 once either is not all ones */
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
    void *final_observations; /* [R, observation_size]: what episodes ended on, in rows where one did; NULL */
    int32_t dtype;            /* operant_dtype of the actions */
    int32_t final_truncated;  /* 1: final_observations are of episodes that were truncated and not terminated, no others */
} operant_step_arguments;

typedef struct {
    operant_device_batch batch;
    const uint8_t *mask;      /* [N] which begin an episode; NULL: all */
    const float *overrides;   /* [param_count] for this reset alone, NaN for none; NULL */
    void *observations;       /* [R, observation_size]; other rows get that of the present state */
} operant_reset_arguments;
