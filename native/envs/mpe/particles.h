/* particles.h: the physics of the Multi-Agent Particle Environments.
 * Round bodies in a plane are pushed, slowed, and repelled where they overlap. Lowe et al. (2017), Mordatch & Abbeel
 * (2018); order of operations of mpe2's World.step. */

/* Actions are discrete, or continuous if the environment's header defines CONTINUOUS. */
#undef PUSH
#undef PUSH_ACTION
#ifdef CONTINUOUS
#define PUSH_ACTION vf
#define PUSH(actions, agent, strength) push_of_degrees((actions) + 5 * (agent), strength)
enum { X(action_size) = 5, X(actions) = 0 };
#else
#define PUSH_ACTION vi
#define PUSH(actions, agent, strength) push_of_choice((actions) + (agent), strength)
enum { X(action_size) = 1, X(actions) = 5 };
#endif

#ifndef OPERANT_PARTICLES_H
#define OPERANT_PARTICLES_H

typedef struct { vf x, y; } plane; /* a point or a vector */

/* The parameters that all these environments share. Each environment's own parameters follow them. */
#define PARTICLE_PARAMETERS(P)         \
    P(dt, 0.1, "s", 1e-6, 10)          \
    P(damping, 0.25, "per step", 0, 1) \
    P(contact_force, 100, "N", 0, 1e6) \
    P(contact_margin, 1e-3, "m", 1e-6, 1e3)
typedef struct { PARTICLE_PARAMETERS(MEMBER) } particle_physics;
/* Copies them from the parameters that `p` points to: particle_physics physics = {PARTICLE_PARAMETERS(OF_P)}. */
#define OF_P(name, value, unit, low, high) p->name,

#if EXACT
#define NEAREST R(1e-300)
#else
#define NEAREST R(1.1e-19) /* the square of a smaller number is 0 in float32 */
#endif

LANE_FN plane plane_minus(plane a, plane b) { return VALUE(plane, a.x - b.x, a.y - b.y); }
LANE_FN vf plane_square(plane a) { return a.x * a.x + a.y * a.y; }
LANE_FN vf plane_distance(plane a, plane b) { return vsqrt(plane_square(plane_minus(a, b))); }
LANE_FN plane plane_uniform(rng *r, vf extent) {
    vf x = uniform(r, -extent, extent), y = uniform(r, -extent, extent);
    return VALUE(plane, x, y);
}

/** Writes a point or vector to an observation; returns the place after it. */
LANE_FN vf *plane_observe(vf *observation, plane a) {
    observation[0] = a.x;
    observation[1] = a.y;
    return observation + 2;
}

/** The force of a discrete action: 0 none, 1 left, 2 right, 3 down, 4 up. */
LANE_FN plane push_of_choice(const vi *choice, vf strength) {
    vf none = vreal(0);
    return VALUE(plane, vsel(*choice == 1, -strength, vsel(*choice == 2, strength, none)),
                 vsel(*choice == 3, -strength, vsel(*choice == 4, strength, none)));
}

/** The force of a continuous action: degrees in [0, 1] of none, left, right, down and up; mpe2 subtracts in float32. */
LANE_FN plane push_of_degrees(const vf *degrees, vf strength) {
    vf each[5];
    for (int k = 1; k < 5; k++) each[k] = vclip(degrees[k], vreal(0), vreal(1));
    return VALUE(plane, narrow(each[2] - each[1]) * strength, narrow(each[4] - each[3]) * strength);
}

/** Adds the force of a softened spring between bodies at `a` and `b`, whose radii sum to `reach`. If they coincide, the
 *  force has no direction and is 0 (mpe2 divides by zero). */
LANE_FN void particle_contact(plane a, plane b, vf reach, const particle_physics *p, plane *force_a, plane *force_b) {
    plane apart = plane_minus(a, b);
    vf distance = vmax(vsqrt(plane_square(apart)), vreal(NEAREST));
    vf penetration = vsoftplus(vdiv(-(distance - reach), p->contact_margin)) * p->contact_margin;
    vf x = vdiv(p->contact_force * apart.x, distance) * penetration;
    vf y = vdiv(p->contact_force * apart.y, distance) * penetration;
    force_a->x = x + force_a->x;
    force_a->y = y + force_a->y;
    if (!force_b) return; /* immovable */
    force_b->x = -x + force_b->x;
    force_b->y = -y + force_b->y;
}

/** Moves a body of mass 1 by one Euler step. */
LANE_FN void particle_move(plane *position, plane *velocity, plane force, const particle_physics *p) {
    position->x = position->x + velocity->x * p->dt;
    position->y = position->y + velocity->y * p->dt;
    velocity->x = velocity->x * (R(1) - p->damping) + force.x * p->dt;
    velocity->y = velocity->y * (R(1) - p->damping) + force.y * p->dt;
}

/** Limits a velocity to the speed `most`. */
LANE_FN void particle_limit(plane *velocity, vf most) {
    vf speed = vsqrt(plane_square(*velocity));
    vm over = speed > most;
    velocity->x = vsel(over, velocity->x / speed * most, velocity->x);
    velocity->y = vsel(over, velocity->y / speed * most, velocity->y);
}

#endif
