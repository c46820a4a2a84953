/* ant.h: a four-legged torso runs forward without falling over. Gymnasium's Ant-v5, and v4. */
#define ANT(OPTION)                                                                                       \
    OPTION(forward_reward_weight) OPTION(ctrl_cost_weight) OPTION(contact_cost_weight) OPTION(healthy_reward) \
    OPTION(terminate_when_unhealthy) OPTION(healthy_z_range_low) OPTION(healthy_z_range_high)             \
    OPTION(contact_force_range_low) OPTION(contact_force_range_high) OPTION(reset_noise_scale)            \
    OPTION(include_cfrc_ext_in_observation) OPTION(use_contact_forces) OPTION(v4)
DEFINE_OPTIONS(ant, ANT)
enum { ant_reads_cfrc_ext = 1 };

static const operant_term ant_terms[] = {
    AT_RESET("x_position"), AT_RESET("y_position"), AT_RESET("distance_from_origin"), REAL("x_velocity"),
    REAL("y_velocity"), REAL("reward_forward"), COST("reward_ctrl"), REAL("reward_contact"), REAL("reward_survive")};

static void ant_reset(const mujoco_data *d, const mujoco_constants *c, const ant_params *p, operant_pcg64 *g) {
    noise_uniform(d->qpos, c->init_qpos, c->nq, p->reset_noise_scale, g);
    noise_normal(d->qvel, c->init_qvel, c->nv, p->reset_noise_scale, g);
}

static double *ant_place(const mujoco_data *d, const mujoco_constants *c, const ant_params *p, double *terms) {
    const double *at = p->v4 != 0 ? d->xpos + 3 * c->body[0] : d->qpos;
    return PUT(terms, at[0], at[1], numpy_norm(at, 2, c->fused));
}

static void ant_before(const mujoco_data *d, const mujoco_constants *c, const ant_params *p, double *was) {
    (void)p;
    put(was, d->xpos + 3 * c->body[0], 2);
}

static void ant_after(const mujoco_data *d, const mujoco_constants *c, const ant_params *p, const double *was,
                      const operant_action *a, operant_outcome *o, double *terms) {
    const double *now = d->xpos + 3 * c->body[0], seconds = step_seconds(d, c);
    const double x_velocity = (now[0] - was[0]) / seconds, y_velocity = (now[1] - was[1]) / seconds;
    const bool healthy = all_finite(d->qpos, c->nq) && all_finite(d->qvel, c->nv) &&
                         p->healthy_z_range_low <= d->qpos[2] && d->qpos[2] <= p->healthy_z_range_high;
    const double forward = x_velocity * p->forward_reward_weight;
    const double survive = rewarded(healthy, p->terminate_when_unhealthy, p->v4) * p->healthy_reward;
    const double control = action_cost(p->ctrl_cost_weight, a, c);
    double contact = 0;
    if (p->use_contact_forces != 0)
        contact = p->contact_cost_weight *
                  numpy_clipped_square_sum(d->cfrc_ext, 6 * c->nbody, p->contact_force_range_low,
                                           p->contact_force_range_high);
    o->reward = (forward + survive) - (control + contact);
    o->terminated = !healthy && p->terminate_when_unhealthy != 0;
    PUT(terms, x_velocity, y_velocity, forward, -control, -contact, survive);
}

/** The first body whose contact forces are observed: v4 has the world's, too. */
static int32_t ant_first_body(const ant_params *p) { return p->v4 != 0 ? 0 : 1; }

static bool ant_observes_forces(const ant_params *p) {
    return p->include_cfrc_ext_in_observation != 0 && p->use_contact_forces != 0;
}

static int32_t ant_observed(const mujoco_constants *c, const ant_params *p) {
    const int32_t forces = ant_observes_forces(p) ? 6 * (c->nbody - ant_first_body(p)) : 0;
    return c->nq - c->skipped + c->nv + forces;
}

static void ant_observe(const mujoco_data *d, const mujoco_constants *c, const ant_params *p, double *to) {
    const int32_t first = ant_first_body(p);
    to = put(to, d->qpos + c->skipped, c->nq - c->skipped);
    to = put(to, d->qvel, c->nv);
    if (ant_observes_forces(p))
        put_clipped(to, d->cfrc_ext + 6 * first, 6 * (c->nbody - first), p->contact_force_range_low,
                    p->contact_force_range_high);
}
