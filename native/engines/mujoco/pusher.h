/* pusher.h: an arm pushes a cylinder to a goal. Gymnasium's Pusher-v5. After reacher.h.
 *
 * Bodies: 0 the tip of the arm, 1 the object, 2 the goal. */
#define PUSHER(OPTION) OPTION(reward_near_weight) OPTION(reward_dist_weight) OPTION(reward_control_weight)
DEFINE_OPTIONS(pusher, PUSHER)

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

static double *pusher_place(const mujoco_data *d, const mujoco_constants *c, double *terms) {
    (void)d, (void)c;
    return terms;
}

static void pusher_before(const mujoco_data *d, const mujoco_constants *c, double *was) {
    (void)d, (void)c, (void)was;
}

static void pusher_after(const mujoco_data *d, const mujoco_constants *c, const pusher_params *p, const double *was,
                         const operant_action *a, operant_outcome *o, double *terms) {
    (void)was;
    double to_arm[3], to_goal[3];
    difference(to_arm, d->xpos, c->body[1], c->body[0]);
    difference(to_goal, d->xpos, c->body[1], c->body[2]);
    const double near = -numpy_norm(to_arm, 3, c->fused) * p->reward_near_weight;
    const double distance = -numpy_norm(to_goal, 3, c->fused) * p->reward_dist_weight;
    const double control = -action_cost(p->reward_control_weight, a, c);
    o->reward = distance + control + near;
    PUT(terms, distance, control, near);
}

static void pusher_observe(const mujoco_data *d, const mujoco_constants *c, const pusher_params *p, double *to) {
    (void)p;
    to = put(to, d->qpos, 7);
    to = put(to, d->qvel, 7);
    for (int k = 0; k < 3; k++) to = put(to, d->xpos + 3 * c->body[k], 3);
}
