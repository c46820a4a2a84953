/* cartpole.h: balance a pole hinged to a cart by pushing the cart left or right.
 * Barto, Sutton & Anderson (1983), as corrected by Florian (2007); order of operations of Gymnasium's CartPole-v1. */
typedef struct { vf x, x_dot, theta, theta_dot; } cartpole_state; /* m, m/s, rad, rad/s; theta 0 is upright */
#define PARAMETERS(P)                                                                               \
    P(gravity, 9.8, "m/s2", 0, 1000)                                                                \
    P(cart_mass, 1.0, "kg", 0.001, 1e6)                                                             \
    P(pole_mass, 0.1, "kg", 0, 1e6)                                                                 \
    P(half_length, 0.5, "m", 0.001, 1000)                                                           \
    P(force, 10.0, "N", 0, 1e6)                                                                     \
    P(dt, 0.02, "s", 1e-6, 1)                                                                       \
    P(x_limit, 2.4, "m", 0, INFINITY) /* |x| above it terminates the episode */                     \
    P(theta_limit, 12 * 2 * M_PI / 360, "rad", 0, INFINITY) /* and so does |theta| above this */    \
    P(sutton_barto_reward, 0, "bool", 0, 1) /* 1: reward -1 on failure and 0 before; 0: always 1 */ \
    P(low, -0.05, "m, m/s, rad, rad/s", -1e9, 1e9) /* bounds of every component of a fresh state */ \
    P(high, 0.05, "m, m/s, rad, rad/s", -1e9, 1e9)                                                  \
    P(total_mass, -1, "kg", -1, 2e6)   /* -1: cart_mass + pole_mass */                              \
    P(pole_moment, -1, "kg m", -1, 1e9) /* -1: pole_mass * half_length */
typedef struct { PARAMETERS(MEMBER) } cartpole_params;
typedef vi cartpole_action; /* 0 pushes left, 1 pushes right */
enum { cartpole_observation_size = 4, cartpole_action_size = 1, cartpole_actions = 2, cartpole_agents = 1 };

LANE_FN void cartpole_reset(cartpole_state *s, rng *r, const cartpole_params *p) {
    s->x = uniform(r, p->low, p->high);
    s->x_dot = uniform(r, p->low, p->high);
    s->theta = uniform(r, p->low, p->high);
    s->theta_dot = uniform(r, p->low, p->high);
}

LANE_FN vm cartpole_step(cartpole_state *s, const cartpole_action *a, rng *r, const cartpole_params *p, vf *reward) {
    (void)r;
    vf total_mass = vsel(p->total_mass < 0, p->pole_mass + p->cart_mass, p->total_mass);
    vf pole_moment = vsel(p->pole_moment < 0, p->pole_mass * p->half_length, p->pole_moment);
    vf force = vsel(a[0] == 1, p->force, -p->force);
    vf sine, cosine;
    vsincos_near_zero(s->theta, &sine, &cosine);

    vf temp = vdiv(force + pole_moment * (s->theta_dot * s->theta_dot) * sine, total_mass);
    vf theta_acc = (p->gravity * sine - cosine * temp) /
                   (p->half_length * (R(4.0 / 3.0) - vdiv(p->pole_mass * (cosine * cosine), total_mass)));
    vf x_acc = temp - vdiv(pole_moment * theta_acc * cosine, total_mass);

    s->x = s->x + p->dt * s->x_dot;
    s->x_dot = s->x_dot + p->dt * x_acc;
    s->theta = s->theta + p->dt * s->theta_dot;
    s->theta_dot = s->theta_dot + p->dt * theta_acc;

    vm fallen = (vabs(s->x) > p->x_limit) | (vabs(s->theta) > p->theta_limit);
    vf sutton_barto = vsel(fallen, vreal(-1), vreal(0));
    *reward = vsel(p->sutton_barto_reward != 0, sutton_barto, vreal(1));
    return fallen;
}

LANE_FN void cartpole_observe(const cartpole_state *s, rng *r, const cartpole_params *p, vf *observation) {
    (void)r, (void)p;
    observation[0] = s->x;
    observation[1] = s->x_dot;
    observation[2] = s->theta;
    observation[3] = s->theta_dot;
}
