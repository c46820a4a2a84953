/* acrobot.h: swing the free end of a two-link chain above a line by torque on the middle joint.
 * Sutton (1996), with the "book" equations of Sutton & Barto (2018). Fourth-order Runge-Kutta and the order of
 * operations are those of Gymnasium's Acrobot-v1, which holds the fresh state in float32. */
typedef struct { vf theta1, theta2, theta1_dot, theta2_dot; } acrobot_state; /* rad, rad/s; 0 hangs straight down */
#define PARAMETERS(P)                                                                      \
    P(gravity, 9.8, "m/s2", 0, 1000)                                                       \
    P(mass1, 1.0, "kg", 0.001, 1e6)                                                        \
    P(mass2, 1.0, "kg", 0.001, 1e6)                                                        \
    P(length1, 1.0, "m", 0.001, 1000)                                                      \
    P(com1, 0.5, "m", 0, 1000) /* to the centres of mass */                                \
    P(com2, 0.5, "m", 0, 1000)                                                             \
    P(inertia, 1.0, "kg m2", 1e-6, 1e6)                                                    \
    P(max_theta1_dot, 4 * M_PI, "rad/s", 0, INFINITY)                                      \
    P(max_theta2_dot, 9 * M_PI, "rad/s", 0, INFINITY)                                      \
    P(torque, 1.0, "N m", -1e6, 1e6)                                                       \
    P(dt, 0.2, "s", 1e-6, 1)                                                               \
    P(low, -0.1, "rad, rad/s", -1e9, 1e9) /* bounds of every component of a fresh state */ \
    P(high, 0.1, "rad, rad/s", -1e9, 1e9)                                                  \
    P(nips, 0, "bool", 0, 1) /* 1: the equations of Sutton (1996); 0: of the book */
typedef struct { PARAMETERS(MEMBER) } acrobot_params;
typedef vi acrobot_action; /* torque of -1, 0 or +1 */
enum { acrobot_observation_size = 6, acrobot_action_size = 1, acrobot_actions = 3, acrobot_agents = 1 };

LANE_FN void acrobot_reset(acrobot_state *s, rng *r, const acrobot_params *p) {
    s->theta1 = narrow(uniform(r, p->low, p->high));
    s->theta2 = narrow(uniform(r, p->low, p->high));
    s->theta1_dot = narrow(uniform(r, p->low, p->high));
    s->theta2_dot = narrow(uniform(r, p->low, p->high));
}

/** The derivative of a state under a torque. */
LANE_FN acrobot_state acrobot_derivative(const acrobot_state *s, vf torque, const acrobot_params *p) {
    vf m1 = p->mass1, m2 = p->mass2, l1 = p->length1, lc1 = p->com1, lc2 = p->com2, inertia = p->inertia;
    vf sine2, cosine2;
    vsincos(s->theta2, &sine2, &cosine2);
    vf d1 = m1 * vsquare(lc1) + m2 * (vsquare(l1) + vsquare(lc2) + R(2) * l1 * lc2 * cosine2) + inertia + inertia;
    vf d2 = m2 * (vsquare(lc2) + l1 * lc2 * cosine2) + inertia;
    vf phi2 = m2 * lc2 * p->gravity * vcos_less_quarter(s->theta1 + s->theta2);
    vf phi1 = -m2 * l1 * lc2 * vsquare(s->theta2_dot) * sine2 -
              R(2) * m2 * l1 * lc2 * s->theta2_dot * s->theta1_dot * sine2 +
              (m1 * lc1 + m2 * l1) * p->gravity * vcos_less_quarter(s->theta1) + phi2;
    vf swung = torque + vdiv(d2, d1) * phi1;
    vf of_book = swung - m2 * l1 * lc2 * vsquare(s->theta1_dot) * sine2;
    vf theta2_acc = (vsel(p->nips != 0, swung, of_book) - phi2) /
                    (m2 * vsquare(lc2) + inertia - vdiv(vsquare(d2), d1));
    vf theta1_acc = vdiv(-(d2 * theta2_acc + phi1), d1);
    return VALUE(acrobot_state, s->theta1_dot, s->theta2_dot, theta1_acc, theta2_acc);
}

/** s + dt * k, component by component. */
LANE_FN acrobot_state acrobot_advance(const acrobot_state *s, vf dt, const acrobot_state *k) {
    return VALUE(acrobot_state, s->theta1 + dt * k->theta1, s->theta2 + dt * k->theta2,
                 s->theta1_dot + dt * k->theta1_dot, s->theta2_dot + dt * k->theta2_dot);
}

LANE_FN vm acrobot_step(acrobot_state *s, const acrobot_action *a, rng *r, const acrobot_params *p, vf *reward) {
    (void)r;
    vf torque = vfloat(a[0] - 1) * p->torque, half = p->dt / R(2);
    acrobot_state k1 = acrobot_derivative(s, torque, p);
    acrobot_state y = acrobot_advance(s, half, &k1), k2 = acrobot_derivative(&y, torque, p);
    y = acrobot_advance(s, half, &k2);
    acrobot_state k3 = acrobot_derivative(&y, torque, p);
    y = acrobot_advance(s, p->dt, &k3);
    acrobot_state k4 = acrobot_derivative(&y, torque, p);
#define SUM(member) (k1.member + R(2) * k2.member + R(2) * k3.member + k4.member)
    acrobot_state sum = {SUM(theta1), SUM(theta2), SUM(theta1_dot), SUM(theta2_dot)};
#undef SUM
    y = acrobot_advance(s, p->dt / R(6), &sum);

    s->theta1 = vangle_wrap(y.theta1);
    s->theta2 = vangle_wrap(y.theta2);
    s->theta1_dot = vclip(y.theta1_dot, -p->max_theta1_dot, p->max_theta1_dot);
    s->theta2_dot = vclip(y.theta2_dot, -p->max_theta2_dot, p->max_theta2_dot);
    vm above = -vcos(s->theta1) - vcos(s->theta2 + s->theta1) > R(1);
    *reward = vsel(above, vreal(0), vreal(-1));
    return above;
}

LANE_FN void acrobot_observe(const acrobot_state *s, rng *r, const acrobot_params *p, vf *observation) {
    (void)p;
    vsincos_narrow_if(is_fresh(r), s->theta1, &observation[1], &observation[0]);
    vsincos_narrow_if(is_fresh(r), s->theta2, &observation[3], &observation[2]);
    observation[4] = s->theta1_dot;
    observation[5] = s->theta2_dot;
}
