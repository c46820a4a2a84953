/* pendulum.h: swing a pendulum up and hold it there with a torque too weak to lift it directly.
 * Order of operations of Gymnasium's Pendulum-v1, which computes with the action in float32, as narrow() marks. */
typedef struct { vf theta, theta_dot; } pendulum_state;    /* rad, rad/s; theta 0 is upright */
#define PARAMETERS(P)                                            \
    P(gravity, 10.0, "m/s2", -1000, 1000)                        \
    P(mass, 1.0, "kg", 0.001, 1e6)                               \
    P(length, 1.0, "m", 0.001, 1000)                             \
    P(dt, 0.05, "s", 1e-6, 1)                                    \
    P(max_speed, 8.0, "rad/s", 0, INFINITY)                      \
    P(max_torque, 2.0, "N m", 0, INFINITY)                       \
    P(x_init, M_PI, "rad", 0, 1e9) /* bounds of a fresh angle */ \
    P(y_init, 1.0, "rad/s", 0, 1e9) /* and of its speed, either sign */
typedef struct { PARAMETERS(MEMBER) } pendulum_params;
typedef vf pendulum_action; /* torque, clipped to +-max_torque */
enum { pendulum_observation_size = 3, pendulum_action_size = 1, pendulum_actions = 0, pendulum_agents = 1 };

LANE_FN void pendulum_reset(pendulum_state *s, rng *r, const pendulum_params *p) {
    s->theta = uniform(r, -p->x_init, p->x_init);
    s->theta_dot = uniform(r, -p->y_init, p->y_init);
}

LANE_FN vm pendulum_step(pendulum_state *s, const pendulum_action *a, rng *r, const pendulum_params *p, vf *reward) {
    (void)r;
    vf torque = narrow(vclip(a[0], -p->max_torque, p->max_torque));
    vf cost = vsquare(vangle_mod(s->theta)) + R(0.1) * vsquare(s->theta_dot) +
              narrow(narrow(vreal(R(0.001))) * vsquare_narrow(torque));

    vf fall = vdiv(R(3) * p->gravity, R(2) * p->length) * vsin(s->theta);
    vf push = narrow(narrow(R(3) / (p->mass * vsquare(p->length))) * torque);
    vf theta_dot = vclip(s->theta_dot + (fall + push) * p->dt, -p->max_speed, p->max_speed);

    s->theta = s->theta + theta_dot * p->dt;
    s->theta_dot = theta_dot;
    *reward = -cost;
    return vreal(0) != 0;
}

LANE_FN void pendulum_observe(const pendulum_state *s, rng *r, const pendulum_params *p, vf *observation) {
    (void)r, (void)p;
    vsincos(s->theta, &observation[1], &observation[0]);
    observation[2] = s->theta_dot;
}
