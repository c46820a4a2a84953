/* simple.h: one agent goes to one landmark. Lowe et al. (2017); mpe2's simple_v3. */
#include "envs/mpe/particles.h"

typedef struct { plane position, velocity, landmark; } X(state); /* m, m/s, m */
#define PARAMETERS(P)        \
    PARTICLE_PARAMETERS(P)   \
    P(force, 5, "N", 0, 1e6) \
    P(extent, 1, "m", 0, 1e6) /* positions start in [-extent, extent] */
typedef struct { PARAMETERS(MEMBER) } X(params);
typedef PUSH_ACTION X(action); /* none, left, right, down, up */
enum { X(agents) = 1, X(observation_size) = 4 };

LANE_FN void X(reset)(X(state) *s, rng *r, const X(params) *p) {
    s->position = plane_uniform(r, p->extent);
    s->velocity = VALUE(plane, vreal(0), vreal(0));
    s->landmark = plane_uniform(r, p->extent);
}

LANE_FN vm X(step)(X(state) *s, const X(action) *a, rng *r, const X(params) *p, vf *reward) {
    (void)r;
    const particle_physics physics = {PARTICLE_PARAMETERS(OF_P)};
    particle_move(&s->position, &s->velocity, PUSH(a, 0, p->force), &physics);
    *reward = -plane_square(plane_minus(s->position, s->landmark));
    return vreal(0) != 0;
}

LANE_FN void X(observe)(const X(state) *s, rng *r, const X(params) *p, vf *observation) {
    (void)r, (void)p;
    observation = plane_observe(observation, s->velocity);
    plane_observe(observation, plane_minus(s->landmark, s->position));
}
