/* reacher.h: a two-link arm brings its tip to a target. Gymnasium's Reacher-v5, and v4.
 *
 * Bodies: 0 the fingertip, 1 the target. v4 rewards the distance before the step. */
#define REACHER(OPTION) OPTION(reward_dist_weight) OPTION(reward_control_weight) OPTION(v4)
DEFINE_OPTIONS(reacher, REACHER)
enum { reacher_reads_cfrc_ext = 0 };

static const operant_term reacher_terms[] = {REAL("reward_dist"), COST("reward_ctrl")};

static void reacher_reset(const mujoco_data *d, const mujoco_constants *c, const reacher_params *p,
                          operant_pcg64 *g) {
    (void)p;
    double goal[2];
    noise_uniform(d->qpos, c->init_qpos, c->nq, 0.1, g);
    do goal[0] = draw_uniform(g, -0.2, 0.2), goal[1] = draw_uniform(g, -0.2, 0.2);
    while (!(numpy_norm(goal, 2, c->fused) < 0.2));
    put(d->qpos + c->nq - 2, goal, 2);
    noise_uniform(d->qvel, c->init_qvel, c->nv, 0.005, g);
    d->qvel[c->nv - 2] = d->qvel[c->nv - 1] = 0;
}

static double *reacher_place(const mujoco_data *d, const mujoco_constants *c, const reacher_params *p, double *terms) {
    (void)d, (void)c, (void)p;
    return terms;
}

/** The vector to body `one` from body `other`. */
static void difference(double *to, const double *xpos, int32_t one, int32_t other) {
    for (int k = 0; k < 3; k++) to[k] = xpos[3 * one + k] - xpos[3 * other + k];
}

/** The distance between two bodies. */
static double distance_between(const mujoco_data *d, const mujoco_constants *c, int32_t one, int32_t other) {
    double gap[3];
    difference(gap, d->xpos, one, other);
    return numpy_norm(gap, 3, c->fused);
}

static void reacher_before(const mujoco_data *d, const mujoco_constants *c, const reacher_params *p, double *was) {
    if (p->v4 != 0) was[0] = distance_between(d, c, c->body[0], c->body[1]);
}

static void reacher_after(const mujoco_data *d, const mujoco_constants *c, const reacher_params *p, const double *was,
                          const operant_action *a, operant_outcome *o, double *terms) {
    const double gap = p->v4 != 0 ? was[0] : distance_between(d, c, c->body[0], c->body[1]);
    const double distance = -gap * p->reward_dist_weight, control = -action_cost(p->reward_control_weight, a, c);
    o->reward = distance + control;
    PUT(terms, distance, control);
}

/** How many numbers of the vector to the target are observed. */
static int32_t reacher_gap(const reacher_params *p) { return p->v4 != 0 ? 3 : 2; }

static int32_t reacher_observed(const mujoco_constants *c, const reacher_params *p) {
    return 4 + c->nq - 2 + 2 + reacher_gap(p);
}

static void reacher_observe(const mujoco_data *d, const mujoco_constants *c, const reacher_params *p, double *to) {
    double gap[3];
    difference(gap, d->xpos, c->body[0], c->body[1]);
    for (int k = 0; k < 2; k++) to[k] = cos(d->qpos[k]), to[2 + k] = sin(d->qpos[k]);
    to = put(to + 4, d->qpos + 2, c->nq - 2);
    to = put(to, d->qvel, 2);
    put(to, gap, reacher_gap(p));
}
