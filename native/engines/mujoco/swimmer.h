/* swimmer.h: a chain of three links swims forward. Gymnasium's Swimmer-v5, and v4. */
#define SWIMMER(OPTION) OPTION(forward_reward_weight) OPTION(ctrl_cost_weight) OPTION(reset_noise_scale)
DEFINE_OPTIONS(swimmer, SWIMMER)
enum { swimmer_reads_cfrc_ext = 0 };

static const operant_term swimmer_terms[] = {
    AT_RESET("x_position"), AT_RESET("y_position"), AT_RESET("distance_from_origin"), REAL("x_velocity"),
    REAL("y_velocity"), REAL("reward_forward"), COST("reward_ctrl")};

static void swimmer_reset(const mujoco_data *d, const mujoco_constants *c, const swimmer_params *p,
                          operant_pcg64 *g) {
    noise_uniform(d->qpos, c->init_qpos, c->nq, p->reset_noise_scale, g);
    noise_uniform(d->qvel, c->init_qvel, c->nv, p->reset_noise_scale, g);
}

static double *swimmer_place(const mujoco_data *d, const mujoco_constants *c, const swimmer_params *p, double *terms) {
    (void)p;
    return PUT(terms, d->qpos[0], d->qpos[1], numpy_norm(d->qpos, 2, c->fused));
}

static void swimmer_before(const mujoco_data *d, const mujoco_constants *c, const swimmer_params *p, double *was) {
    (void)c, (void)p;
    put(was, d->qpos, 2);
}

static void swimmer_after(const mujoco_data *d, const mujoco_constants *c, const swimmer_params *p, const double *was,
                          const operant_action *a, operant_outcome *o, double *terms) {
    const double seconds = step_seconds(d, c);
    const double x_velocity = (d->qpos[0] - was[0]) / seconds, y_velocity = (d->qpos[1] - was[1]) / seconds;
    const double forward = p->forward_reward_weight * x_velocity, cost = action_cost(p->ctrl_cost_weight, a, c);
    o->reward = forward - cost;
    PUT(terms, x_velocity, y_velocity, forward, -cost);
}

static int32_t swimmer_observed(const mujoco_constants *c, const swimmer_params *p) {
    (void)p;
    return c->nq - c->skipped + c->nv;
}

static void swimmer_observe(const mujoco_data *d, const mujoco_constants *c, const swimmer_params *p, double *to) {
    (void)p;
    to = put(to, d->qpos + c->skipped, c->nq - c->skipped);
    put(to, d->qvel, c->nv);
}
