/* tag.h: three slow adversaries chase one fast agent between obstacles.
 * Lowe et al. (2017); mpe2's simple_tag_v3. The adversaries come first. The agent observes two numbers fewer than they
 * do, so its last two are 0. */
#include "envs/mpe/particles.h"

#define ADVERSARIES 3
#define RUNNER ADVERSARIES
#define PLAYERS (ADVERSARIES + 1)
#define OBSTACLES 2

typedef struct { plane position[PLAYERS], velocity[PLAYERS], obstacle[OBSTACLES]; } X(state); /* m, m/s, m */
#define PARAMETERS(P)                                      \
    PARTICLE_PARAMETERS(P)                                 \
    P(adversary_radius, 0.075, "m", 0, 1e6)                \
    P(agent_radius, 0.05, "m", 0, 1e6)                     \
    P(obstacle_radius, 0.2, "m", 0, 1e6)                   \
    P(adversary_force, 3, "N", 0, 1e6)                     \
    P(agent_force, 4, "N", 0, 1e6)                         \
    P(adversary_max_speed, 1, "m/s", 0, 1e6)               \
    P(agent_max_speed, 1.3, "m/s", 0, 1e6)                 \
    P(extent, 1, "m", 0, 1e6) /* positions start within */ \
    P(obstacle_extent, 0.9, "m", 0, 1e6)
typedef struct { PARAMETERS(MEMBER) } X(params);
typedef PUSH_ACTION X(action); /* none, left, right, down, up */
enum { X(agents) = PLAYERS, X(observation_size) = 16 };

LANE_FN void X(reset)(X(state) *s, rng *r, const X(params) *p) {
    for (int i = 0; i < PLAYERS; i++) {
        s->position[i] = plane_uniform(r, p->extent);
        s->velocity[i] = VALUE(plane, vreal(0), vreal(0));
    }
    for (int k = 0; k < OBSTACLES; k++) s->obstacle[k] = plane_uniform(r, p->obstacle_extent);
}

/** The agent's penalty for a coordinate near or beyond the border, which keeps it where it can be caught. */
LANE_FN vf X(penalty)(vf coordinate) {
    vf x = vabs(coordinate), beyond = vmin(vexp(R(2) * x - R(2)), vreal(10));
    return vsel(x < R(0.9), vreal(0), vsel(x < 1, (x - R(0.9)) * R(10), beyond));
}

LANE_FN vm X(step)(X(state) *s, const X(action) *a, rng *r, const X(params) *p, vf *reward) {
    (void)r;
    const particle_physics physics = {PARTICLE_PARAMETERS(OF_P)};
    plane force[PLAYERS];
    vf radius[PLAYERS];
    for (int i = 0; i < PLAYERS; i++) {
        force[i] = PUSH(a, i, i == RUNNER ? p->agent_force : p->adversary_force);
        radius[i] = i == RUNNER ? p->agent_radius : p->adversary_radius;
    }
    for (int i = 0; i < PLAYERS; i++) {
        for (int j = i + 1; j < PLAYERS; j++)
            particle_contact(s->position[i], s->position[j], radius[i] + radius[j], &physics, &force[i], &force[j]);
        for (int k = 0; k < OBSTACLES; k++)
            particle_contact(s->position[i], s->obstacle[k], radius[i] + p->obstacle_radius, &physics, &force[i], NULL);
    }
    for (int i = 0; i < PLAYERS; i++) {
        particle_move(&s->position[i], &s->velocity[i], force[i], &physics);
        particle_limit(&s->velocity[i], i == RUNNER ? p->agent_max_speed : p->adversary_max_speed);
    }

    vf caught = vreal(0), reach = p->agent_radius + p->adversary_radius;
    for (int i = 0; i < ADVERSARIES; i++)
        caught = caught + vsel(plane_distance(s->position[RUNNER], s->position[i]) < reach, vreal(10), vreal(0));
    for (int i = 0; i < ADVERSARIES; i++) reward[i] = caught;
    reward[RUNNER] = vreal(0) - caught - X(penalty)(s->position[RUNNER].x) - X(penalty)(s->position[RUNNER].y);
    return vreal(0) != 0;
}

LANE_FN void X(observe)(const X(state) *s, rng *r, const X(params) *p, vf *observation) {
    (void)r, (void)p;
    for (int i = 0; i < PLAYERS; i++) {
        observation = plane_observe(observation, s->velocity[i]);
        observation = plane_observe(observation, s->position[i]);
        for (int k = 0; k < OBSTACLES; k++)
            observation = plane_observe(observation, plane_minus(s->obstacle[k], s->position[i]));
        for (int j = 0; j < PLAYERS; j++)
            if (j != i) observation = plane_observe(observation, plane_minus(s->position[j], s->position[i]));
        observation = plane_observe(observation, i == RUNNER ? VALUE(plane, vreal(0), vreal(0)) : s->velocity[RUNNER]);
    }
}

#undef ADVERSARIES
#undef RUNNER
#undef PLAYERS
#undef OBSTACLES
