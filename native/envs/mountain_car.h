/* mountain_car.h: drive an underpowered car up a hill by swinging back and forth, with three throttle positions.
 * Moore (1990), section 4.3; order of operations of Gymnasium's MountainCar-v0. */
typedef struct { vf position, velocity; } mountain_car_state;
#define PARAMETERS(P)                                                \
    P(force, 0.001, "m/step2", 0, 1) /* change of velocity per step */ \
    P(gravity, 0.0025, "m/step2", 0, 1)                              \
    P(min_position, -1.2, "m", -INFINITY, INFINITY)                  \
    P(max_position, 0.6, "m", -INFINITY, INFINITY)                   \
    P(max_speed, 0.07, "m/step", 0, INFINITY)                        \
    P(goal_position, 0.5, "m", -INFINITY, INFINITY)                  \
    P(goal_velocity, 0, "m/step", -INFINITY, INFINITY)               \
    P(low, -0.6, "m", -1e9, 1e9) /* bounds of a fresh position */    \
    P(high, -0.4, "m", -1e9, 1e9)
typedef struct { PARAMETERS(MEMBER) } mountain_car_params;
typedef vi mountain_car_action; /* 0 accelerates left, 1 coasts, 2 accelerates right */
enum {
    mountain_car_observation_size = 2, mountain_car_action_size = 1,
    mountain_car_actions = 3, mountain_car_agents = 1
};

LANE_FN void mountain_car_reset(mountain_car_state *s, rng *r, const mountain_car_params *p) {
    s->position = uniform(r, p->low, p->high);
    s->velocity = vreal(0);
}

LANE_FN vm mountain_car_step(mountain_car_state *s, const mountain_car_action *a, rng *r, const mountain_car_params *p,
                             vf *reward) {
    (void)r;
    vf velocity = s->velocity + (vfloat(a[0] - 1) * p->force + vcos(R(3) * s->position) * -p->gravity);
    velocity = vclip(velocity, -p->max_speed, p->max_speed);
    vf position = vclip(s->position + velocity, p->min_position, p->max_position);
    velocity = vsel((position == p->min_position) & (velocity < 0), vreal(0), velocity);

    s->position = position;
    s->velocity = velocity;
    *reward = vreal(-1);
    return (position >= p->goal_position) & (velocity >= p->goal_velocity);
}

LANE_FN void mountain_car_observe(const mountain_car_state *s, rng *r, const mountain_car_params *p, vf *observation) {
    (void)r, (void)p;
    observation[0] = s->position;
    observation[1] = s->velocity;
}
