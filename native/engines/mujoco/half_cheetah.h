/* half_cheetah.h: a planar two-legged body runs forward. Gymnasium's HalfCheetah-v5, and v4. */
#define HALF_CHEETAH(OPTION) OPTION(forward_reward_weight) OPTION(ctrl_cost_weight) OPTION(reset_noise_scale)
DEFINE_OPTIONS(half_cheetah, HALF_CHEETAH)
enum { half_cheetah_reads_cfrc_ext = 0 };

static const operant_term half_cheetah_terms[] = {
    AT_RESET("x_position"), REAL("x_velocity"), REAL("reward_forward"), COST("reward_ctrl")};

static void half_cheetah_reset(const mujoco_data *d, const mujoco_constants *c, const half_cheetah_params *p,
                               operant_pcg64 *g) {
    noise_uniform(d->qpos, c->init_qpos, c->nq, p->reset_noise_scale, g);
    noise_normal(d->qvel, c->init_qvel, c->nv, p->reset_noise_scale, g);
}

static double *half_cheetah_place(const mujoco_data *d, const mujoco_constants *c, const half_cheetah_params *p,
                                  double *terms) {
    (void)c, (void)p;
    return PUT(terms, d->qpos[0]);
}

static void half_cheetah_before(const mujoco_data *d, const mujoco_constants *c, const half_cheetah_params *p,
                                double *was) {
    (void)c, (void)p;
    was[0] = d->qpos[0];
}

static void half_cheetah_after(const mujoco_data *d, const mujoco_constants *c, const half_cheetah_params *p,
                               const double *was, const operant_action *a, operant_outcome *o, double *terms) {
    const double velocity = (d->qpos[0] - was[0]) / step_seconds(d, c);
    const double forward = p->forward_reward_weight * velocity, cost = action_cost(p->ctrl_cost_weight, a, c);
    o->reward = forward - cost;
    PUT(terms, velocity, forward, -cost);
}

static int32_t half_cheetah_observed(const mujoco_constants *c, const half_cheetah_params *p) {
    (void)p;
    return c->nq - c->skipped + c->nv;
}

static void half_cheetah_observe(const mujoco_data *d, const mujoco_constants *c, const half_cheetah_params *p,
                                 double *to) {
    (void)p;
    to = put(to, d->qpos + c->skipped, c->nq - c->skipped);
    put(to, d->qvel, c->nv);
}
