/* humanoid.h: a body on two legs walks forward without falling. Gymnasium's Humanoid-v5, and v4. */
#define HUMANOID(OPTION)                                                                                      \
    OPTION(forward_reward_weight) OPTION(ctrl_cost_weight) OPTION(contact_cost_weight)                        \
    OPTION(contact_cost_range_low) OPTION(contact_cost_range_high) OPTION(healthy_reward)                     \
    OPTION(terminate_when_unhealthy) OPTION(healthy_z_range_low) OPTION(healthy_z_range_high)                 \
    OPTION(reset_noise_scale) OPTION(include_cinert_in_observation) OPTION(include_cvel_in_observation)       \
    OPTION(include_qfrc_actuator_in_observation) OPTION(include_cfrc_ext_in_observation) OPTION(v4)
DEFINE_OPTIONS(humanoid, HUMANOID)
enum { humanoid_reads_cfrc_ext = 1 };

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

/** The centre of mass as np.einsum adds it up: in the order of the bodies. */
static void centre_of_mass(const mujoco_data *d, const mujoco_constants *c, double *to) {
    double x = 0, y = 0;
    const double mass = numpy_sum(d->body_mass, c->nbody);
    for (int32_t b = 0; b < c->nbody; b++) {
        x += d->body_mass[b] * d->xipos[3 * b];
        y += d->body_mass[b] * d->xipos[3 * b + 1];
    }
    to[0] = x / mass, to[1] = y / mass;
}

static double *humanoid_place(const mujoco_data *d, const mujoco_constants *c, const humanoid_params *p,
                              double *terms) {
    double at[2] = {d->qpos[0], d->qpos[1]};
    if (p->v4 != 0) centre_of_mass(d, c, at);
    terms = put_tendons(put(terms, at, 2), d, c);
    return PUT(terms, numpy_norm(at, 2, c->fused));
}

static void humanoid_before(const mujoco_data *d, const mujoco_constants *c, const humanoid_params *p, double *was) {
    (void)p;
    centre_of_mass(d, c, was);
}

static void humanoid_after(const mujoco_data *d, const mujoco_constants *c, const humanoid_params *p,
                           const double *was, const operant_action *a, operant_outcome *o, double *terms) {
    (void)a; /* the cost is that of the float64 controls */
    double now[2];
    centre_of_mass(d, c, now);
    const double seconds = step_seconds(d, c);
    const double x_velocity = (now[0] - was[0]) / seconds, y_velocity = (now[1] - was[1]) / seconds;
    const bool healthy = within(d->qpos[2], p->healthy_z_range_low, p->healthy_z_range_high);
    const double forward = p->forward_reward_weight * x_velocity;
    const double survive = rewarded(healthy, p->terminate_when_unhealthy, p->v4) * p->healthy_reward;
    const double control = p->ctrl_cost_weight * numpy_square_sum(d->ctrl, c->nu);
    const double forces = p->contact_cost_weight * numpy_square_sum(d->cfrc_ext, 6 * c->nbody);
    const double contact = p->v4 != 0 ? 0 : numpy_clip(forces, p->contact_cost_range_low, p->contact_cost_range_high);
    o->reward = (forward + survive) - (control + contact);
    o->terminated = !healthy && p->terminate_when_unhealthy != 0;
    PUT(terms, x_velocity, y_velocity, survive, forward, -control, -contact);
}

/** The parts of an observation that have numbers for each body. v4 also has the world's, and all actuators' forces. */
typedef struct { bool cinert, cvel, qfrc_actuator, cfrc_ext, v4; } body_parts;

static int32_t count_bodies(const mujoco_constants *c, body_parts parts) {
    const int32_t bodies = parts.v4 ? c->nbody : c->nbody - 1, forces = parts.v4 ? c->nv : c->nv - 6;
    return (10 * parts.cinert + 6 * parts.cvel + 6 * parts.cfrc_ext) * bodies + parts.qfrc_actuator * forces;
}

static double *put_bodies(double *to, const mujoco_data *d, const mujoco_constants *c, body_parts parts) {
    const int32_t first = parts.v4 ? 0 : 1, root = parts.v4 ? 0 : 6;
    if (parts.cinert) to = put(to, d->cinert + 10 * first, 10 * (c->nbody - first));
    if (parts.cvel) to = put(to, d->cvel + 6 * first, 6 * (c->nbody - first));
    if (parts.qfrc_actuator) to = put(to, d->qfrc_actuator + root, c->nv - root);
    if (parts.cfrc_ext) to = put(to, d->cfrc_ext + 6 * first, 6 * (c->nbody - first));
    return to;
}

#define BODY_PARTS(p)                                                                                               \
    (body_parts){p->include_cinert_in_observation != 0, p->include_cvel_in_observation != 0,                        \
                 p->include_qfrc_actuator_in_observation != 0, p->include_cfrc_ext_in_observation != 0, p->v4 != 0}

static int32_t humanoid_observed(const mujoco_constants *c, const humanoid_params *p) {
    return c->nq - c->skipped + c->nv + count_bodies(c, BODY_PARTS(p));
}

static void humanoid_observe(const mujoco_data *d, const mujoco_constants *c, const humanoid_params *p, double *to) {
    to = put(to, d->qpos + c->skipped, c->nq - c->skipped);
    to = put(to, d->qvel, c->nv);
    put_bodies(to, d, c, BODY_PARTS(p));
}
