/* puck.h: push a puck over ice to the middle of a rink, against an unobserved wind. */
typedef struct { vf x, y, x_dot, y_dot, wind_x, wind_y; } puck_state; /* m, m/s, m/s2; the middle is (0, 0) */
#define PARAMETERS(P)              \
    P(force, 4.0, "m/s2", 0, 100)  \
    P(friction, 0.3, "1/s", 0, 10) \
    P(wind, 1.0, "m/s2", 0, 100)   \
    P(dt, 0.05, "s", 1e-6, 1)      \
    P(rink, 2.0, "m", 1e-3, 1000)
typedef struct { PARAMETERS(MEMBER) } puck_params;
typedef vf puck_action; /* acceleration in x and y, in units of `force` */
enum { puck_observation_size = 4, puck_action_size = 2, puck_actions = 0, puck_agents = 1 };

LANE_FN void puck_reset(puck_state *s, rng *r, const puck_params *p) {
    s->x = uniform(r, -p->rink, p->rink);
    s->y = uniform(r, -p->rink, p->rink);
    s->x_dot = vreal(0);
    s->y_dot = vreal(0);
    s->wind_x = uniform(r, -p->wind, p->wind);
    s->wind_y = uniform(r, -p->wind, p->wind);
}

/** One axis: velocity first, then position. */
LANE_FN void puck_move(vf *at, vf *speed, vf push, vf wind, const puck_params *p) {
    vf acceleration = p->force * vclip(push, vreal(-1), vreal(1)) + wind - p->friction * *speed;
    *speed = *speed + p->dt * acceleration;
    *at = *at + p->dt * *speed;
}

LANE_FN vm puck_step(puck_state *s, const puck_action *a, rng *r, const puck_params *p, vf *reward) {
    puck_move(&s->x, &s->x_dot, a[0], s->wind_x, p);
    puck_move(&s->y, &s->y_dot, a[1], s->wind_y, p);
    vf distance = vsqrt(s->x * s->x + s->y * s->y);
    vm lost = distance > R(2) * p->rink;
    *reward = vsel(lost, vreal(-100), R(1) - distance);
    return lost;
}

LANE_FN void puck_observe(const puck_state *s, rng *r, const puck_params *p, vf *observation) {
    observation[0] = s->x;
    observation[1] = s->y;
    observation[2] = s->x_dot;
    observation[3] = s->y_dot;
}
