/* pusher.h: an arm pushes a cylinder to a goal. Gymnasium's Pusher-v5, and v4. After reacher.h.
 *
 * Bodies: 0 the tip of the arm, 1 the object, 2 the goal. v4 rewards the distances before the step, and reports the
 * terms without their weights. */
#define PUSHER(OPTION) OPTION(reward_near_weight) OPTION(reward_dist_weight) OPTION(reward_control_weight) OPTION(v4)
DEFINE_OPTIONS(pusher, PUSHER)
enum { pusher_reads_cfrc_ext = 0 };

static const operant_term pusher_terms[] = {REAL("reward_dist"), COST("reward_ctrl"), REAL("reward_near")};

static void pusher_reset(const mujoco_data *d, const mujoco_constants *c, const pusher_params *p, operant_pcg64 *g) {
    (void)p;
    double cylinder[2];
    put(d->qpos, c->init_qpos, c->nq);
    do cylinder[0] = draw_uniform(g, -0.3, 0), cylinder[1] = draw_uniform(g, -0.2, 0.2);
    while (!(numpy_norm(cylinder, 2, c->fused) > 0.17));
    put(d->qpos + c->nq - 4, cylinder, 2);
    d->qpos[c->nq - 2] = d->qpos[c->nq - 1] = 0;
    noise_uniform(d->qvel, c->init_qvel, c->nv, 0.005, g);
    for (int k = 1; k <= 4; k++) d->qvel[c->nv - k] = 0;
}

static double *pusher_place(const mujoco_data *d, const mujoco_constants *c, const pusher_params *p, double *terms) {
    (void)d, (void)c, (void)p;
    return terms;
}

/** The object's distances from the arm and from the goal. */
static void pusher_measure(const mujoco_data *d, const mujoco_constants *c, double *to) {
    to[0] = distance_between(d, c, c->body[1], c->body[0]);
    to[1] = distance_between(d, c, c->body[1], c->body[2]);
}

static void pusher_before(const mujoco_data *d, const mujoco_constants *c, const pusher_params *p, double *was) {
    if (p->v4 != 0) pusher_measure(d, c, was);
}

static void pusher_after(const mujoco_data *d, const mujoco_constants *c, const pusher_params *p, const double *was,
                         const operant_action *a, operant_outcome *o, double *terms) {
    double gaps[2] = {was[0], was[1]};
    if (p->v4 != 0) {
        const double control = -action_cost(1, a, c);
        const double weighted = a->wide ? p->reward_control_weight * control
                                        : (double)((float)p->reward_control_weight * (float)control);
        o->reward = -gaps[1] + weighted + p->reward_near_weight * -gaps[0];
        PUT(terms, -gaps[1], control, -gaps[0]);
        return;
    }
    pusher_measure(d, c, gaps);
    const double nearness = -gaps[0] * p->reward_near_weight, distance = -gaps[1] * p->reward_dist_weight;
    const double control = -action_cost(p->reward_control_weight, a, c);
    o->reward = distance + control + nearness;
    PUT(terms, distance, control, nearness);
}

static int32_t pusher_observed(const mujoco_constants *c, const pusher_params *p) {
    (void)c, (void)p;
    return 7 + 7 + 3 * 3;
}

static void pusher_observe(const mujoco_data *d, const mujoco_constants *c, const pusher_params *p, double *to) {
    (void)p;
    to = put(to, d->qpos, 7);
    to = put(to, d->qvel, 7);
    for (int k = 0; k < 3; k++) to = put(to, d->xpos + 3 * c->body[k], 3);
}
