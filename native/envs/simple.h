/* simple.h: one agent goes to one landmark. Lowe et al. (2017); mpe2's simple_v3. */
#include "envs/mpe/particles.h"

typedef struct { plane position, velocity, landmark; } simple_state; /* m, m/s, m */
typedef struct {
    particle_physics physics;
    vf force;                                                        /* N */
    vf extent;                                                       /* m: positions start in [-extent, extent] */
} simple_params;
static const double simple_defaults[] = {PARTICLE_DEFAULTS, 5, 1};
typedef vi simple_action;                                            /* none, left, right, down, up */
enum { simple_agents = 1, simple_observation_size = 4, simple_action_size = 1, simple_actions = 5 };

LANE_FN void simple_reset(simple_state *s, rng *r, const simple_params *p) {
    s->position = plane_uniform(r, p->extent);
    s->velocity = (plane){vreal(0), vreal(0)};
    s->landmark = plane_uniform(r, p->extent);
}

LANE_FN vm simple_step(simple_state *s, const simple_action *a, rng *r, const simple_params *p, vf *reward) {
    (void)r;
    particle_move(&s->position, &s->velocity, push_of_choice(a[0], p->force), &p->physics);
    *reward = -plane_square(plane_minus(s->position, s->landmark));
    return vreal(0) != 0;
}

LANE_FN void simple_observe(const simple_state *s, rng *r, const simple_params *p, vf *observation) {
    (void)r, (void)p;
    observation = plane_observe(observation, s->velocity);
    plane_observe(observation, plane_minus(s->landmark, s->position));
}
