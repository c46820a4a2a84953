/* inverted_double_pendulum.h: a cart balances two poles, one on the other. Gymnasium's InvertedDoublePendulum-v5,
 * and v4. */
#define INVERTED_DOUBLE_PENDULUM(OPTION) OPTION(healthy_reward) OPTION(reset_noise_scale) OPTION(v4)
DEFINE_OPTIONS(inverted_double_pendulum, INVERTED_DOUBLE_PENDULUM)
enum { inverted_double_pendulum_reads_cfrc_ext = 0 };

static const operant_term inverted_double_pendulum_terms[] = {
    REAL("reward_survive"), REAL("distance_penalty"), REAL("velocity_penalty")};

static void inverted_double_pendulum_reset(const mujoco_data *d, const mujoco_constants *c,
                                           const inverted_double_pendulum_params *p, operant_pcg64 *g) {
    noise_uniform(d->qpos, c->init_qpos, c->nq, p->reset_noise_scale, g);
    noise_normal(d->qvel, c->init_qvel, c->nv, p->reset_noise_scale, g);
}

static double *inverted_double_pendulum_place(const mujoco_data *d, const mujoco_constants *c,
                                              const inverted_double_pendulum_params *p, double *terms) {
    (void)d, (void)c, (void)p;
    return terms;
}

static void inverted_double_pendulum_before(const mujoco_data *d, const mujoco_constants *c,
                                            const inverted_double_pendulum_params *p, double *was) {
    (void)d, (void)c, (void)p, (void)was;
}

static void inverted_double_pendulum_after(const mujoco_data *d, const mujoco_constants *c,
                                           const inverted_double_pendulum_params *p, const double *was,
                                           const operant_action *a, operant_outcome *o, double *terms) {
    (void)was, (void)a, (void)c;
    const double x = d->site_xpos[0], y = d->site_xpos[2], v1 = d->qvel[1], v2 = d->qvel[2];
    o->terminated = y <= 1;
    const double distance = 0.01 * numpy_power2(x) + numpy_power2(y - 2);
    const double velocity = 1e-3 * numpy_power2(v1) + 5e-3 * numpy_power2(v2);
    const double alive = p->healthy_reward * (p->v4 != 0 || !o->terminated);
    o->reward = alive - distance - velocity;
    PUT(terms, alive, -distance, -velocity);
}

/** The number of constraint forces that are observed. */
static int32_t inverted_double_pendulum_forces(const mujoco_constants *c, const inverted_double_pendulum_params *p) {
    return p->v4 != 0 ? c->nv : 1;
}

static int32_t inverted_double_pendulum_observed(const mujoco_constants *c, const inverted_double_pendulum_params *p) {
    return 1 + 2 * (c->nq - 1) + c->nv + inverted_double_pendulum_forces(c, p);
}

static void inverted_double_pendulum_observe(const mujoco_data *d, const mujoco_constants *c,
                                             const inverted_double_pendulum_params *p, double *to) {
    const int32_t angles = c->nq - 1;
    to[0] = d->qpos[0];
    for (int32_t k = 0; k < angles; k++) to[1 + k] = sin(d->qpos[1 + k]), to[1 + angles + k] = cos(d->qpos[1 + k]);
    to = put_clipped(to + 1 + 2 * angles, d->qvel, c->nv, -10, 10);
    put_clipped(to, d->qfrc_constraint, inverted_double_pendulum_forces(c, p), -10, 10);
}
