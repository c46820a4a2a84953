/* walker.h: walk forward on two legs. A task on MuJoCo, whose model is walker.xml.
 *
 * MuJoCo simulates; a task says how an episode begins, what is observed, what a step is worth and when it ends. It is
 * plain C on doubles. `d` has the arrays of MuJoCo's mjData: d->qpos, qvel, ctrl, xpos, xipos, site_xpos, cinert, cvel,
 * cfrc_ext, qfrc_actuator, qfrc_constraint, ten_length, ten_velocity; and d->body_mass and *d->timestep of the model.
 * `c` has the model's sizes, c->nq, nv, nu, nbody, ntendon; c->init_qpos and init_qvel; and c->body[k], the bodies that
 * walker.toml names. Do not write into d, except qpos and qvel in walker_reset. The core handles time limits, autoreset,
 * seeds and threads. */

/* The constructor arguments, whose defaults are in walker.toml: p->forward_reward_weight. A pair has two numbers,
 * p->healthy_z_range_low and _high. A truth is 0 or 1. */
#define OPTIONS(OPTION)                                                                             \
    OPTION(forward_reward_weight) OPTION(ctrl_cost_weight) OPTION(healthy_reward) OPTION(healthy_z_range_low) \
    OPTION(healthy_z_range_high) OPTION(reset_noise_scale)
DEFINE_OPTIONS(walker, OPTIONS)

enum { walker_reads_cfrc_ext = 0 }; /* 1 if d->cfrc_ext is read: MuJoCo then computes it after every step */

/* What a step reports as info: those that a reset reports too, then the others. COST is for what is computed from the
 * action, whose type it has. */
static const operant_term walker_terms[] = {AT_RESET("x_position"), REAL("x_velocity"), REAL("reward_forward"),
                                            COST("reward_ctrl"), REAL("reward_survive")};

/** Begins an episode: sets qpos and qvel. Draw with draw_uniform(g, low, high) and draw_normal(g). */
static void walker_reset(const mujoco_data *d, const mujoco_constants *c, const walker_params *p, operant_pcg64 *g) {
    noise_uniform(d->qpos, c->init_qpos, c->nq, p->reset_noise_scale, g);
    noise_normal(d->qvel, c->init_qvel, c->nv, p->reset_noise_scale, g);
}

/** Writes the terms of a reset, and returns the place of the next one. */
static double *walker_place(const mujoco_data *d, const mujoco_constants *c, const walker_params *p, double *terms) {
    return PUT(terms, d->xpos[3 * c->body[0]]);
}

/** Measures what the next step is compared with: at most MEASURED numbers. */
static void walker_before(const mujoco_data *d, const mujoco_constants *c, const walker_params *p, double *was) {
    was[0] = d->xpos[3 * c->body[0]];
}

/** Judges a step with the action `a`, and writes the remaining terms. */
static void walker_after(const mujoco_data *d, const mujoco_constants *c, const walker_params *p, const double *was,
                         const operant_action *a, operant_outcome *o, double *terms) {
    const double *torso = d->xpos + 3 * c->body[0];
    const double velocity = (torso[0] - was[0]) / step_seconds(d, c);
    const bool healthy = within(torso[2], p->healthy_z_range_low, p->healthy_z_range_high);
    const double forward = p->forward_reward_weight * velocity, survive = healthy ? p->healthy_reward : 0;
    const double cost = action_cost(p->ctrl_cost_weight, a, c);
    o->reward = forward + survive - cost;
    o->terminated = !healthy;
    PUT(terms, velocity, forward, -cost, survive);
}

/** The number of numbers that are observed. */
static int32_t walker_observed(const mujoco_constants *c, const walker_params *p) { return c->nq - 1 + c->nv; }

/** Writes the observation: all positions but the first, how far it has come, and the velocities. */
static void walker_observe(const mujoco_data *d, const mujoco_constants *c, const walker_params *p, double *to) {
    to = put(to, d->qpos + 1, c->nq - 1);
    put_clipped(to, d->qvel, c->nv, -10, 10);
}
