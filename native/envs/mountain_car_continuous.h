/* mountain_car_continuous.h: the mountain car with a continuous throttle that costs reward.
 * Moore (1990), section 4.3; order of operations of Gymnasium's MountainCarContinuous-v0, which holds the state in
 * float64 until the first step and in float32 from then on. narrow() and narrow_unless() mark its roundings. */
typedef struct { vf position, velocity; } mountain_car_continuous_state;
#define PARAMETERS(P)                                                 \
    P(power, 0.0015, "m/step2", 0, 1) /* change of velocity per step */ \
    P(gravity, 0.0025, "m/step2", 0, 1)                               \
    P(min_position, -1.2, "m", -INFINITY, INFINITY)                   \
    P(max_position, 0.6, "m", -INFINITY, INFINITY)                    \
    P(max_speed, 0.07, "m/step", 0, INFINITY)                         \
    P(goal_position, 0.45, "m", -INFINITY, INFINITY)                  \
    P(goal_velocity, 0, "m/step", -INFINITY, INFINITY)                \
    P(low, -0.6, "m", -1e9, 1e9) /* bounds of a fresh position */     \
    P(high, -0.4, "m", -1e9, 1e9)                                     \
    P(min_action, -1, "1", -INFINITY, INFINITY)                       \
    P(max_action, 1, "1", -INFINITY, INFINITY)
typedef struct { PARAMETERS(MEMBER) } mountain_car_continuous_params;
typedef vf mountain_car_continuous_action; /* throttle, clipped to [min_action, max_action] */
enum {
    mountain_car_continuous_observation_size = 2,
    mountain_car_continuous_action_size = 1,
    mountain_car_continuous_actions = 0,
    mountain_car_continuous_agents = 1
};

LANE_FN void mountain_car_continuous_reset(mountain_car_continuous_state *s, rng *r,
                                           const mountain_car_continuous_params *p) {
    s->position = uniform(r, p->low, p->high);
    s->velocity = vreal(0);
}

LANE_FN vm mountain_car_continuous_step(mountain_car_continuous_state *s, const mountain_car_continuous_action *a,
                                        rng *r, const mountain_car_continuous_params *p, vf *reward) {
    vm fresh = is_fresh(r);
    /* A bound is compared with NumPy's action as a float32, and with another bound as it is. */
    vm raised = narrow(p->min_action) > a[0];
    vf force = vsel(raised, p->min_action, a[0]);
    vm lowered = vsel(raised, p->max_action, narrow(p->max_action)) < force;
    force = vsel(lowered, p->max_action, force);
    vf slope = p->gravity * vcos(narrow_unless(fresh, R(3) * s->position));
    vf within = narrow(narrow(force * narrow(p->power)) - narrow(slope));
    vf beyond = narrow_unless(fresh, force * p->power - slope); /* a clipped force is a Python float, not NumPy's */
    vf velocity = narrow_unless(fresh, s->velocity + vsel(raised | lowered, beyond, within));
    /* A clip sets a Python float again: neither it nor the number that it is compared with is rounded. */
    vm limited = velocity > narrow_unless(fresh, p->max_speed);
    velocity = vsel(limited, p->max_speed, velocity);
    vm reversed = velocity < narrow_unless(fresh, -p->max_speed);
    velocity = vsel(reversed, -p->max_speed, velocity);
    vf position = narrow_unless(fresh, s->position + narrow_unless(fresh, velocity));
    vm right = position > narrow_unless(fresh, p->max_position);
    position = vsel(right, p->max_position, position);
    vm left = position < narrow_unless(fresh, p->min_position);
    position = vsel(left, p->min_position, position);
    vm stopped = (left | (position == narrow_unless(fresh, p->min_position))) & (velocity < 0);
    velocity = vsel(stopped, vreal(0), velocity);

    s->position = narrow(position);
    s->velocity = narrow(velocity);
    vf goal_position = vsel(right | left, p->goal_position, narrow_unless(fresh, p->goal_position));
    vf goal_velocity = vsel(limited | reversed | stopped, p->goal_velocity, narrow_unless(fresh, p->goal_velocity));
    vm arrived = (position >= goal_position) & (velocity >= goal_velocity);
    *reward = vsel(arrived, vreal(100), vreal(0)) - a[0] * a[0] * R(0.1);
    return arrived;
}

LANE_FN void mountain_car_continuous_observe(const mountain_car_continuous_state *s, rng *r,
                                             const mountain_car_continuous_params *p, vf *observation) {
    (void)r, (void)p;
    observation[0] = s->position;
    observation[1] = s->velocity;
}
