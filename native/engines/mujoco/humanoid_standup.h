/* humanoid_standup.h: a body rises from the ground. Gymnasium's HumanoidStandup-v5, and v4. After humanoid.h. */
#define HUMANOID_STANDUP(OPTION)                                                                              \
    OPTION(uph_cost_weight) OPTION(ctrl_cost_weight) OPTION(impact_cost_weight) OPTION(impact_cost_range_low) \
    OPTION(impact_cost_range_high) OPTION(reset_noise_scale) OPTION(include_cinert_in_observation)            \
    OPTION(include_cvel_in_observation) OPTION(include_qfrc_actuator_in_observation)                          \
    OPTION(include_cfrc_ext_in_observation) OPTION(v4)
DEFINE_OPTIONS(humanoid_standup, HUMANOID_STANDUP)
enum { humanoid_standup_reads_cfrc_ext = 1 };

static const operant_term humanoid_standup_terms[] = {
    AT_RESET("x_position"), AT_RESET("y_position"), AT_RESET("z_distance_from_origin"),
    {"tendon_length", 1, OPERANT_TERM_REAL, -1}, {"tendon_velocity", 1, OPERANT_TERM_REAL, -1}, REAL("reward_linup"),
    REAL("reward_quadctrl"), REAL("reward_impact")};

static void humanoid_standup_reset(const mujoco_data *d, const mujoco_constants *c, const humanoid_standup_params *p,
                                   operant_pcg64 *g) {
    noise_uniform(d->qpos, c->init_qpos, c->nq, p->reset_noise_scale, g);
    noise_uniform(d->qvel, c->init_qvel, c->nv, p->reset_noise_scale, g);
}

static double *humanoid_standup_place(const mujoco_data *d, const mujoco_constants *c, const humanoid_standup_params *p,
                                      double *terms) {
    (void)p;
    return put_tendons(PUT(terms, d->qpos[0], d->qpos[1], d->qpos[2] - c->init_qpos[2]), d, c);
}

static void humanoid_standup_before(const mujoco_data *d, const mujoco_constants *c, const humanoid_standup_params *p,
                                    double *was) {
    (void)d, (void)c, (void)p, (void)was;
}

static void humanoid_standup_after(const mujoco_data *d, const mujoco_constants *c, const humanoid_standup_params *p,
                                   const double *was, const operant_action *a, operant_outcome *o, double *terms) {
    (void)a, (void)was; /* Gymnasium reads uph_cost_weight, and does not use it */
    const double up = d->qpos[2] / *d->timestep, control = p->ctrl_cost_weight * numpy_square_sum(d->ctrl, c->nu);
    const double forces = p->impact_cost_weight * numpy_square_sum(d->cfrc_ext, 6 * c->nbody);
    const double impact = numpy_clip(forces, p->impact_cost_range_low, p->impact_cost_range_high);
    o->reward = up - control - impact + 1;
    PUT(terms, up, -control, -impact);
}

static int32_t humanoid_standup_observed(const mujoco_constants *c, const humanoid_standup_params *p) {
    return c->nq - c->skipped + c->nv + count_bodies(c, BODY_PARTS(p));
}

static void humanoid_standup_observe(const mujoco_data *d, const mujoco_constants *c, const humanoid_standup_params *p,
                                     double *to) {
    to = put(to, d->qpos + c->skipped, c->nq - c->skipped);
    to = put(to, d->qvel, c->nv);
    put_bodies(to, d, c, BODY_PARTS(p));
}
