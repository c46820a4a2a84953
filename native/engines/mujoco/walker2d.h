/* walker2d.h: a planar body walks forward on two legs. Gymnasium's Walker2d-v5, and v4. */
#define WALKER2D(OPTION)                                                                                         \
    OPTION(forward_reward_weight) OPTION(ctrl_cost_weight) OPTION(healthy_reward) OPTION(terminate_when_unhealthy) \
    OPTION(healthy_z_range_low) OPTION(healthy_z_range_high) OPTION(healthy_angle_range_low)                     \
    OPTION(healthy_angle_range_high) OPTION(reset_noise_scale) OPTION(v4)
DEFINE_OPTIONS(walker2d, WALKER2D)
enum { walker2d_reads_cfrc_ext = 0 };

static const operant_term walker2d_terms[] = {
    AT_RESET("x_position"), AT_RESET("z_distance_from_origin"), REAL("x_velocity"), REAL("reward_forward"),
    COST("reward_ctrl"), REAL("reward_survive")};

static void walker2d_reset(const mujoco_data *d, const mujoco_constants *c, const walker2d_params *p,
                           operant_pcg64 *g) {
    noise_uniform(d->qpos, c->init_qpos, c->nq, p->reset_noise_scale, g);
    noise_uniform(d->qvel, c->init_qvel, c->nv, p->reset_noise_scale, g);
}

static double *walker2d_place(const mujoco_data *d, const mujoco_constants *c, const walker2d_params *p,
                              double *terms) {
    (void)p;
    return PUT(terms, d->qpos[0], d->qpos[1] - c->init_qpos[1]);
}

static void walker2d_before(const mujoco_data *d, const mujoco_constants *c, const walker2d_params *p, double *was) {
    (void)c, (void)p;
    was[0] = d->qpos[0];
}

static void walker2d_after(const mujoco_data *d, const mujoco_constants *c, const walker2d_params *p,
                           const double *was, const operant_action *a, operant_outcome *o, double *terms) {
    const double velocity = (d->qpos[0] - was[0]) / step_seconds(d, c);
    const bool healthy = within(d->qpos[1], p->healthy_z_range_low, p->healthy_z_range_high) &&
                         within(d->qpos[2], p->healthy_angle_range_low, p->healthy_angle_range_high);
    const double forward = p->forward_reward_weight * velocity;
    const double survive = rewarded(healthy, p->terminate_when_unhealthy, p->v4) * p->healthy_reward;
    const double cost = action_cost(p->ctrl_cost_weight, a, c);
    o->reward = (forward + survive) - cost;
    o->terminated = !healthy && p->terminate_when_unhealthy != 0;
    PUT(terms, velocity, forward, -cost, survive);
}

static int32_t walker2d_observed(const mujoco_constants *c, const walker2d_params *p) {
    (void)p;
    return c->nq - c->skipped + c->nv;
}

static void walker2d_observe(const mujoco_data *d, const mujoco_constants *c, const walker2d_params *p, double *to) {
    (void)p;
    to = put(to, d->qpos + c->skipped, c->nq - c->skipped);
    put_clipped(to, d->qvel, c->nv, -10, 10);
}
