/* memory.h: recall after a delay which of two cues was shown.
 * A delayed-response task as in Bakker (2002), "Reinforcement learning with long short-term memory", with no maze. */
typedef struct {
    vf cue;                                /* -1 or 1 */
    vf time;                               /* steps since the cue was shown */
} memory_state;
#define PARAMETERS(P) \
    P(delay, 8, "steps", 0, 998) /* between the cue and the question, in which nothing is shown */
typedef struct { PARAMETERS(MEMBER) } memory_params;
typedef vi memory_action; /* the answer: 0 for cue -1, 1 for cue 1; ignored before the question */
enum { memory_observation_size = 2, memory_action_size = 1, memory_actions = 2, memory_agents = 1 };

LANE_FN void memory_reset(memory_state *s, rng *r, const memory_params *p) {
    (void)p;
    s->cue = vsel(uniform(r, vreal(0), vreal(1)) < R(0.5), vreal(-1), vreal(1));
    s->time = vreal(0);
}

LANE_FN vm memory_step(memory_state *s, const memory_action *a, rng *r, const memory_params *p, vf *reward) {
    (void)r;
    vm asked = s->time > p->delay;
    vm right = vsel(a[0] == 1, vreal(1), vreal(-1)) == s->cue;
    *reward = vsel(asked & right, vreal(1), vreal(0));
    s->time = s->time + R(1);
    return asked;
}

LANE_FN void memory_observe(const memory_state *s, rng *r, const memory_params *p, vf *observation) {
    (void)r;
    observation[0] = vsel(s->time == 0, s->cue, vreal(0));
    observation[1] = vsel(s->time > p->delay, vreal(1), vreal(0)); /* the question */
}
