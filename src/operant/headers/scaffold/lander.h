/* lander.h: land a rocket softly. Its engine is on or off; gravity does the rest.
 *
 * Physics is written for one environment, over vf (a real), vi (an integer) and vm (a boolean). Each holds values
 * of several environments at once, so never branch on one: select with vsel(mask, a, b), join masks with & | vnot().
 * Write constants as R(0.5), and vreal(R(0.5)) for a vf. Always draw a random number, even if it may not be used.
 * Use vsin, vcos, vsqrt, vexp, vabs, vmin, vmax, vclip, vfloor; C's own sin and the like do not work on lanes.
 * The core handles time limits, autoreset, seeds, threads and instruction sets. */

typedef struct { vf height, speed; } lander_state;      /* m, m/s upwards. Members are all vf or vi, or arrays of them */

/* Each parameter's name, default, unit, and the lowest and highest value that may be set. */
#define PARAMETERS(P)                                                 \
    P(gravity, 1.62, "m/s2", 0, 100)                                  \
    P(thrust, 4.0, "m/s2", 0, 100)                                    \
    P(dt, 0.1, "s", 1e-6, 1)                                          \
    P(max_speed, 10.0, "m/s", 0, 1000)                                \
    P(ceiling, 20.0, "m", 0, 1000) /* higher up the rocket is lost */ \
    P(low, 8.0, "m", 0, 1000) /* between these the episode begins */  \
    P(high, 12.0, "m", 0, 1000)
typedef struct { PARAMETERS(MEMBER) } lander_params;    /* a vf for each: p->gravity */

typedef vi lander_action;                               /* 0 off, 1 on. A vf if actions are continuous */
enum { lander_observation_size = 2, lander_action_size = 1, lander_actions = 2, lander_agents = 1 };

/** Begins an episode: every member of the state must be set. */
LANE_FN void lander_reset(lander_state *s, rng *r, const lander_params *p) {
    s->height = uniform(r, p->low, p->high);
    s->speed = uniform(r, vreal(-1), vreal(1));
}

/** One step; returns where the episode terminated. */
LANE_FN vm lander_step(lander_state *s, const lander_action *a, rng *r, const lander_params *p, vf *reward) {
    vf push = vsel(a[0] == 1, p->thrust, vreal(0));
    s->speed = vclip(s->speed + p->dt * (push - p->gravity), -p->max_speed, p->max_speed);
    s->height = vmax(s->height + p->dt * s->speed, vreal(0));

    vm landed = s->height <= R(0), lost = s->height > p->ceiling;
    vf result = vsel(landed, R(1) - R(0.5) * vabs(s->speed), vreal(0)); /* the softer the better */
    *reward = vsel(lost, vreal(-5), result) - R(0.005);                  /* and the sooner */
    return landed | lost;
}

/** Writes the observation: every component must be set. */
LANE_FN void lander_observe(const lander_state *s, rng *r, const lander_params *p, vf *observation) {
    observation[0] = s->height;
    observation[1] = s->speed;
}
