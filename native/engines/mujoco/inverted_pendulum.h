/* inverted_pendulum.h: a cart balances a pole. Gymnasium's InvertedPendulum-v5, and v4. */
#define INVERTED_PENDULUM(OPTION) OPTION(reset_noise_scale) OPTION(v4)
DEFINE_OPTIONS(inverted_pendulum, INVERTED_PENDULUM)
enum { inverted_pendulum_reads_cfrc_ext = 0 };

static const operant_term inverted_pendulum_terms[] = {{"reward_survive", 0, OPERANT_TERM_COUNT, 1}};

static void inverted_pendulum_reset(const mujoco_data *d, const mujoco_constants *c, const inverted_pendulum_params *p,
                                    operant_pcg64 *g) {
    noise_uniform(d->qpos, c->init_qpos, c->nq, p->reset_noise_scale, g);
    noise_uniform(d->qvel, c->init_qvel, c->nv, p->reset_noise_scale, g);
}

static double *inverted_pendulum_place(const mujoco_data *d, const mujoco_constants *c,
                                       const inverted_pendulum_params *p, double *terms) {
    (void)d, (void)c, (void)p;
    return terms;
}

static void inverted_pendulum_before(const mujoco_data *d, const mujoco_constants *c,
                                     const inverted_pendulum_params *p, double *was) {
    (void)d, (void)c, (void)p, (void)was;
}

static void inverted_pendulum_after(const mujoco_data *d, const mujoco_constants *c, const inverted_pendulum_params *p,
                                    const double *was, const operant_action *a, operant_outcome *o, double *terms) {
    (void)was, (void)a;
    o->terminated = !all_finite(d->qpos, c->nq) || !all_finite(d->qvel, c->nv) || fabs(d->qpos[1]) > 0.2;
    o->reward = terms[0] = p->v4 != 0 || !o->terminated;
}

static int32_t inverted_pendulum_observed(const mujoco_constants *c, const inverted_pendulum_params *p) {
    (void)p;
    return c->nq + c->nv;
}

static void inverted_pendulum_observe(const mujoco_data *d, const mujoco_constants *c,
                                      const inverted_pendulum_params *p, double *to) {
    (void)p;
    put(put(to, d->qpos, c->nq), d->qvel, c->nv);
}
