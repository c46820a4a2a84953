/* step.c: 1024 CartPoles in C, without Python.
 *
 *     make native
 *     cc -Inative examples/step.c build/native/liboperant.a -lm -lpthread -ldl -o step && ./step
 */
#include <stdio.h>
#include <stdlib.h>

#include "operant.h"

enum { N = 1024, STEPS = 500, OBSERVATION = 4 };

/* The results of a step: one row per environment. */
static float observations[N][OBSERVATION]; /* cart position, its speed, pole angle, its speed */
static float rewards[N];
static uint8_t terminated[N], truncated[N];

/** Ends the program with a message unless `status` is OPERANT_OK. */
static void check(operant_status status, const char *call) {
    if (status == OPERANT_OK) return;
    fprintf(stderr, "%s failed with status %d\n", call, (int)status);
    exit(1);
}

int main(void) {
    /* The options of the batch. NULL chooses the best instruction set of this CPU. */
    char message[256];
    operant_options options = {
        .env = "cartpole",
        .isa = NULL,
        .num_envs = N,
        .max_episode_steps = 500,
        .exact = 0, /* 1 computes Gymnasium's bits in float64 */
        .workers = 1,
        .autoreset = OPERANT_NEXT_STEP, /* the step after the end of an episode begins the next one */
    };
    operant_batch *batch = operant_open(&options, message, sizeof message);
    if (!batch) {
        fprintf(stderr, "operant_open: %s\n", message);
        return 1;
    }
    printf("%d CartPoles on %s, %d at a time\n", N, operant_view(batch).isa, operant_view(batch).lanes);

    /* Every environment has its own seed, here one 32-bit word, so results do not depend on other environments. */
    uint32_t seeds[N];
    for (uint32_t i = 0; i < N; i++) seeds[i] = i;
    check(operant_seed(batch, seeds, 1, NULL), "operant_seed");
    check(operant_reset(batch, NULL, NULL, &observations[0][0]), "operant_reset");
    printf("environment 0 begins at x = %.4f, theta = %.4f\n", observations[0][0], observations[0][2]);

    operant_output output = {&observations[0][0], rewards, terminated, truncated};
    int32_t actions[N];
    int64_t episodes = 0, steps = 0;
    for (int step = 0; step < STEPS; step++) {
        /* Push towards the side to which the pole leans and falls. */
        for (int i = 0; i < N; i++) actions[i] = observations[i][2] + observations[i][3] > 0;
        check(operant_step(batch, actions, OPERANT_INT32, &output), "operant_step");
        /* The episodes that ended in this step, with their lengths. */
        const operant_finished *finished = operant_last_finished(batch);
        episodes += finished->count;
        for (int64_t k = 0; k < finished->count; k++) steps += finished->length[k];
    }
    if (episodes > 0)
        printf("%lld episodes ended, after %.1f steps on average\n", (long long)episodes,
               (double)steps / (double)episodes);

    /* An invalid action is refused by name, and the batch does not change. */
    actions[3] = 7;
    if (operant_step(batch, actions, OPERANT_INT32, &output) == OPERANT_BAD_ACTION)
        printf("action 7 of environment %lld was refused\n", (long long)operant_culprit(batch));

    operant_close(batch);
    return 0;
}
