/* spread.h: AGENTS agents cover as many landmarks without bumping into each other.
 * Lowe et al. (2017); mpe2's simple_spread_v3. A header for each number of agents includes this file. */
#include "envs/mpe/particles.h"

typedef struct { plane position[AGENTS], velocity[AGENTS], landmark[AGENTS]; } X(state); /* m, m/s, m */
#define PARAMETERS(P)                                                      \
    PARTICLE_PARAMETERS(P)                                                 \
    P(radius, 0.15, "m", 0, 1e6) /* of every agent */                      \
    P(force, 5, "N", 0, 1e6) /* of every agent */                          \
    P(local_ratio, 0.5, "1", 0, 1) /* share of collisions in the reward */ \
    P(extent, 1, "m", 0, 1e6) /* positions start in [-extent, extent] */
typedef struct { PARAMETERS(MEMBER) } X(params);
typedef PUSH_ACTION X(action); /* none, left, right, down, up */
enum { X(agents) = AGENTS, X(observation_size) = 6 * AGENTS };

LANE_FN void X(reset)(X(state) *s, rng *r, const X(params) *p) {
    for (int i = 0; i < AGENTS; i++) {
        s->position[i] = plane_uniform(r, p->extent);
        s->velocity[i] = VALUE(plane, vreal(0), vreal(0));
    }
    for (int i = 0; i < AGENTS; i++) s->landmark[i] = plane_uniform(r, p->extent);
}

LANE_FN vm X(step)(X(state) *s, const X(action) *a, rng *r, const X(params) *p, vf *reward) {
    (void)r;
    const particle_physics physics = {PARTICLE_PARAMETERS(OF_P)};
    plane force[AGENTS];
    for (int i = 0; i < AGENTS; i++) force[i] = PUSH(a, i, p->force);
    vf reach = p->radius + p->radius;
    for (int i = 0; i < AGENTS; i++)
        for (int j = i + 1; j < AGENTS; j++)
            particle_contact(s->position[i], s->position[j], reach, &physics, &force[i], &force[j]);
    for (int i = 0; i < AGENTS; i++) particle_move(&s->position[i], &s->velocity[i], force[i], &physics);

    vf covered = vreal(0), bumps[AGENTS];
    for (int k = 0; k < AGENTS; k++) {
        vf nearest = plane_distance(s->position[0], s->landmark[k]);
        for (int i = 1; i < AGENTS; i++) nearest = vmin(nearest, plane_distance(s->position[i], s->landmark[k]));
        covered = covered - nearest;
    }
    for (int i = 0; i < AGENTS; i++) bumps[i] = vreal(0);
    for (int i = 0; i < AGENTS; i++)
        for (int j = i + 1; j < AGENTS; j++) {
            vf bump = vsel(plane_distance(s->position[i], s->position[j]) < reach, vreal(1), vreal(0));
            bumps[i] = bumps[i] - bump;
            bumps[j] = bumps[j] - bump;
        }
    for (int i = 0; i < AGENTS; i++) reward[i] = covered * (R(1) - p->local_ratio) + bumps[i] * p->local_ratio;
    return vreal(0) != 0;
}

LANE_FN void X(observe)(const X(state) *s, rng *r, const X(params) *p, vf *observation) {
    (void)r, (void)p;
    for (int i = 0; i < AGENTS; i++) {
        observation = plane_observe(observation, s->velocity[i]);
        observation = plane_observe(observation, s->position[i]);
        for (int k = 0; k < AGENTS; k++)
            observation = plane_observe(observation, plane_minus(s->landmark[k], s->position[i]));
        for (int j = 0; j < AGENTS; j++)
            if (j != i) observation = plane_observe(observation, plane_minus(s->position[j], s->position[i]));
        for (int j = 1; j < AGENTS; j++) /* the other agents' messages: they are silent */
            observation = plane_observe(observation, VALUE(plane, vreal(0), vreal(0)));
    }
}
