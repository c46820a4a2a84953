/* humanoid.h: a body on two legs walks forward without falling. Gymnasium's Humanoid-v5. */
#define HUMANOID(OPTION)                                                                                      \
    OPTION(forward_reward_weight) OPTION(ctrl_cost_weight) OPTION(contact_cost_weight)                        \
    OPTION(contact_cost_range_low) OPTION(contact_cost_range_high) OPTION(healthy_reward)                     \
    OPTION(terminate_when_unhealthy) OPTION(healthy_z_range_low) OPTION(healthy_z_range_high)                 \
    OPTION(reset_noise_scale) OPTION(include_cinert_in_observation) OPTION(include_cvel_in_observation)       \
    OPTION(include_qfrc_actuator_in_observation) OPTION(include_cfrc_ext_in_observation)
DEFINE_OPTIONS(humanoid, HUMANOID)

static const operant_term humanoid_terms[] = {
    AT_RESET("x_position"), AT_RESET("y_position"), {"tendon_length", 1, OPERANT_TERM_REAL, -1},
    {"tendon_velocity", 1, OPERANT_TERM_REAL, -1}, AT_RESET("distance_from_origin"), REAL("x_velocity"),
    REAL("y_velocity"), REAL("reward_survive"), REAL("reward_forward"), REAL("reward_ctrl"), REAL("reward_contact")};

static void humanoid_reset(const mujoco_data *d, const mujoco_constants *c, const humanoid_params *p,
                           operant_pcg64 *g) {
    noise_uniform(d->qpos, c->init_qpos, c->nq, p->reset_noise_scale, g);
    noise_uniform(d->qvel, c->init_qvel, c->nv, p->reset_noise_scale, g);
}

static double *put_tendons(double *to, const mujoco_data *d, const mujoco_constants *c) {
    to = put(to, d->ten_length, c->ntendon);
    return put(to, d->ten_velocity, c->ntendon);
}

static double *humanoid_place(const mujoco_data *d, const mujoco_constants *c, double *terms) {
    terms = put_tendons(put(terms, d->qpos, 2), d, c);
    return PUT(terms, numpy_norm(d->qpos, 2, c->fused));
}

/** The centre of mass as np.einsum adds it up: in the order of the bodies. */
static void humanoid_before(const mujoco_data *d, const mujoco_constants *c, double *was) {
    double x = 0, y = 0;
    const double mass = numpy_sum(d->body_mass, c->nbody);
    for (int32_t b = 0; b < c->nbody; b++) {
        x += d->body_mass[b] * d->xipos[3 * b];
        y += d->body_mass[b] * d->xipos[3 * b + 1];
    }
    was[0] = x / mass, was[1] = y / mass;
}

static void humanoid_after(const mujoco_data *d, const mujoco_constants *c, const humanoid_params *p,
                           const double *was, const operant_action *a, operant_outcome *o, double *terms) {
    (void)a; /* the cost is that of the float64 controls */
    double now[2];
    humanoid_before(d, c, now);
    const double seconds = step_seconds(d, c);
    const double x_velocity = (now[0] - was[0]) / seconds, y_velocity = (now[1] - was[1]) / seconds;
    const bool healthy = within(d->qpos[2], p->healthy_z_range_low, p->healthy_z_range_high);
    const double forward = p->forward_reward_weight * x_velocity, survive = healthy * p->healthy_reward;
    const double control = p->ctrl_cost_weight * numpy_square_sum(d->ctrl, c->nu);
    const double forces = p->contact_cost_weight * numpy_square_sum(d->cfrc_ext, 6 * c->nbody);
    const double contact = numpy_clip(forces, p->contact_cost_range_low, p->contact_cost_range_high);
    o->reward = (forward + survive) - (control + contact);
    o->terminated = !healthy && p->terminate_when_unhealthy != 0;
    PUT(terms, x_velocity, y_velocity, survive, forward, -control, -contact);
}

static double *put_bodies(double *to, const mujoco_data *d, const mujoco_constants *c, bool cinert, bool cvel,
                          bool qfrc_actuator, bool cfrc_ext) {
    if (cinert) to = put(to, d->cinert + 10, 10 * (c->nbody - 1));
    if (cvel) to = put(to, d->cvel + 6, 6 * (c->nbody - 1));
    if (qfrc_actuator) to = put(to, d->qfrc_actuator + 6, c->nv - 6);
    if (cfrc_ext) to = put(to, d->cfrc_ext + 6, 6 * (c->nbody - 1));
    return to;
}

static void humanoid_observe(const mujoco_data *d, const mujoco_constants *c, const humanoid_params *p, double *to) {
    to = put(to, d->qpos + c->skipped, c->nq - c->skipped);
    to = put(to, d->qvel, c->nv);
    put_bodies(to, d, c, p->include_cinert_in_observation != 0, p->include_cvel_in_observation != 0,
               p->include_qfrc_actuator_in_observation != 0, p->include_cfrc_ext_in_observation != 0);
}
