/* bandit.h: find the best of ten slot machines while playing them.
 * The ten-armed testbed of Sutton & Barto (2018), section 2.3: every episode draws the arms' means, and every pull
 * draws a reward around its arm's mean. The last arm and its reward are observed, as in Wang et al. (2016). */
enum { bandit_arms = 10 };
typedef struct {
    vf means[bandit_arms];
    vf reward;                             /* of the last pull; 0 before the first pull */
    vi arm;                                /* pulled last; -1 before the first pull */
} bandit_state;
#define PARAMETERS(P)                                   \
    P(mean, 0, "1", -1e6, 1e6) /* of the arms' means */ \
    P(mean_deviation, 1, "1", 0, 1e6)                   \
    P(reward_deviation, 1, "1", 0, 1e6) /* of a reward around its arm's mean */
typedef struct { PARAMETERS(MEMBER) } bandit_params;
typedef vi bandit_action; /* the arm to pull */
enum {
    bandit_observation_size = 1 + bandit_arms, bandit_action_size = 1,
    bandit_actions = bandit_arms, bandit_agents = 1
};

LANE_FN void bandit_reset(bandit_state *s, rng *r, const bandit_params *p) {
    UNROLLED for (int k = 0; k < bandit_arms; k++) s->means[k] = normal(r, p->mean, p->mean_deviation);
    s->reward = vreal(0);
    s->arm = vint(-1);
}

LANE_FN vm bandit_step(bandit_state *s, const bandit_action *a, rng *r, const bandit_params *p, vf *reward) {
    vf mean = s->means[0];
    UNROLLED for (int k = 1; k < bandit_arms; k++) mean = vsel(a[0] == k, s->means[k], mean);
    s->reward = *reward = normal(r, mean, p->reward_deviation);
    s->arm = a[0];
    return vreal(0) != 0;
}

LANE_FN void bandit_observe(const bandit_state *s, rng *r, const bandit_params *p, vf *observation) {
    (void)r, (void)p;
    observation[0] = s->reward;
    UNROLLED for (int k = 0; k < bandit_arms; k++) observation[1 + k] = vsel(s->arm == k, vreal(1), vreal(0));
}
