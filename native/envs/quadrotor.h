/* quadrotor.h: fly to a point and hover there with four rotors, as a rigid body in three dimensions.
 * The model and its numbers are the Crazyflie 2.0's from Foerster (2015), as in RotorPy (Folk, Paulos & Kumar 2023):
 * thrust and drag of each rotor at its own airspeed, motors with a lag. Commands are as in Molchanov et al. (2019). The
 * state is integrated by the midpoint method. */
typedef struct {
    vf x, y, z;                                         /* m; z up, the floor at 0 */
    vf vx, vy, vz;                                      /* m/s */
    vf qw, qx, qy, qz;                                  /* unit quaternion that turns body axes into the world's */
    vf roll_rate, pitch_rate, yaw_rate;                 /* rad/s about the body's axes: x forward, y left, z up */
    vf front_left, front_right, back_right, back_left;  /* rad/s; the first and the third turn clockwise */
} quadrotor_state;
#define PARAMETERS(P)                                                              \
    P(gravity, 9.81, "m/s2", 0, 100)                                               \
    P(mass, 0.03, "kg", 0.001, 100)                                                \
    P(inertia_x, 1.43e-5, "kg m2", 1e-9, 100)                                      \
    P(inertia_y, 1.43e-5, "kg m2", 1e-9, 100)                                      \
    P(inertia_z, 2.89e-5, "kg m2", 1e-9, 100)                                      \
    P(arm, 0.043, "m", 0.001, 10) /* from the centre to a rotor */                 \
    P(thrust_coefficient, 2.3e-8, "N s2/rad2", 1e-12, 1)                           \
    P(torque_coefficient, 7.8e-10, "N m s2/rad2", 0, 1)                            \
    P(drag_coefficient, 1.02506e-6, "kg/rad", 0, 1) /* along the rotor's plane */  \
    P(inflow_coefficient, 7.553e-7, "kg/rad", 0, 1) /* and across it */            \
    P(max_rotor_speed, 2500, "rad/s", 1, 100000)                                   \
    P(motor_time, 0.072, "s", 1e-6, 10)                                            \
    P(dt, 0.01, "s", 1e-6, 0.1)                                                    \
    P(goal_x, 0, "m", -1000, 1000)                                                 \
    P(goal_y, 0, "m", -1000, 1000)                                                 \
    P(goal_z, 1.5, "m", 0, 1000)                                                   \
    P(half_width, 2, "m", 0, 1000) /* beyond these three the flight is over */     \
    P(ceiling, 3, "m", 0, 1000)                                                    \
    P(max_rate, 35, "rad/s", 0, 1000)                                              \
    P(position_spread, 1, "m", 0, 1000) /* bounds of a fresh state, either sign */ \
    P(velocity_spread, 0.5, "m/s", 0, 1000)                                        \
    P(tilt_spread, 0.2, "1", 0, 1000)                                              \
    P(rate_spread, 0.5, "rad/s", 0, 1000)                                          \
    P(position_cost, 4, "1/m2", 0, 1e6)                                            \
    P(velocity_cost, 0.2, "s2/m2", 0, 1e6)                                         \
    P(rate_cost, 0.02, "s2/rad2", 0, 1e6)
typedef struct { PARAMETERS(MEMBER) } quadrotor_params;
typedef vf quadrotor_action; /* each rotor's thrust: from -1 (none) to 1 (full) */
enum { quadrotor_observation_size = 22, quadrotor_action_size = 4, quadrotor_actions = 0, quadrotor_agents = 1 };

LANE_FN void quadrotor_reset(quadrotor_state *s, rng *r, const quadrotor_params *p) {
    s->x = p->goal_x + uniform(r, -p->position_spread, p->position_spread);
    s->y = p->goal_y + uniform(r, -p->position_spread, p->position_spread);
    s->z = p->goal_z + uniform(r, -p->position_spread, p->position_spread);
    s->vx = uniform(r, -p->velocity_spread, p->velocity_spread);
    s->vy = uniform(r, -p->velocity_spread, p->velocity_spread);
    s->vz = uniform(r, -p->velocity_spread, p->velocity_spread);
    vf x = uniform(r, -p->tilt_spread, p->tilt_spread);
    vf y = uniform(r, -p->tilt_spread, p->tilt_spread);
    vf z = uniform(r, -p->tilt_spread, p->tilt_spread);
    vf norm = vsqrt(R(1) + x * x + y * y + z * z);
    s->qw = vdiv(vreal(1), norm), s->qx = vdiv(x, norm), s->qy = vdiv(y, norm), s->qz = vdiv(z, norm);
    s->roll_rate = uniform(r, -p->rate_spread, p->rate_spread);
    s->pitch_rate = uniform(r, -p->rate_spread, p->rate_spread);
    s->yaw_rate = uniform(r, -p->rate_spread, p->rate_spread);
    vf hover = vmin(vsqrt(vdiv(p->mass * p->gravity, R(4) * p->thrust_coefficient)), p->max_rotor_speed);
    s->front_left = s->front_right = s->back_right = s->back_left = hover;
}

/** The rotation matrix of the attitude, row by row: m times a vector of the body's frame is a vector of the world's. */
LANE_FN void quadrotor_rotation(const quadrotor_state *s, vf *m) {
    vf x = s->qx + s->qx, y = s->qy + s->qy, z = s->qz + s->qz;
    vf wx = s->qw * x, wy = s->qw * y, wz = s->qw * z;
    vf xx = s->qx * x, xy = s->qx * y, xz = s->qx * z, yy = s->qy * y, yz = s->qy * z, zz = s->qz * z;
    m[0] = R(1) - (yy + zz), m[1] = xy - wz, m[2] = xz + wy;
    m[3] = xy + wz, m[4] = R(1) - (xx + zz), m[5] = yz - wx;
    m[6] = xz - wy, m[7] = yz + wx, m[8] = R(1) - (xx + yy);
}

/** The time derivatives of the first 13 members of the state, which are those of a rigid body. */
LANE_FN void quadrotor_slope(const quadrotor_state *s, const quadrotor_params *p, vf *slope) {
    static const real forward[4] = {1, 1, -1, -1}, left[4] = {1, -1, -1, 1}, turn[4] = {1, -1, 1, -1};
    const vf rotors[4] = {s->front_left, s->front_right, s->back_right, s->back_left};
    vf reach = p->arm * R(0.7071067811865476), roll = s->roll_rate, pitch = s->pitch_rate, yaw = s->yaw_rate;
    vf m[9];
    quadrotor_rotation(s, m);
    vf air_x = m[0] * s->vx + m[3] * s->vy + m[6] * s->vz;
    vf air_y = m[1] * s->vx + m[4] * s->vy + m[7] * s->vz;
    vf air_z = m[2] * s->vx + m[5] * s->vy + m[8] * s->vz;
    vf force_x = vreal(0), force_y = vreal(0), force_z = vreal(0);
    vf torque_x = vreal(0), torque_y = vreal(0), torque_z = vreal(0);
    UNROLLED for (int k = 0; k < 4; k++) {
        vf w = rotors[k], w2 = w * w, at_x = reach * forward[k], at_y = reach * left[k];
        vf along_x = -(p->drag_coefficient * w * (air_x - yaw * at_y));
        vf along_y = -(p->drag_coefficient * w * (air_y + yaw * at_x));
        vf up = p->thrust_coefficient * w2 - p->inflow_coefficient * w * (air_z + (roll * at_y - pitch * at_x));
        force_x = force_x + along_x, force_y = force_y + along_y, force_z = force_z + up;
        torque_x = torque_x + at_y * up;
        torque_y = torque_y - at_x * up;
        torque_z = torque_z + (at_x * along_y - at_y * along_x) + p->torque_coefficient * w2 * turn[k];
    }
    slope[0] = s->vx, slope[1] = s->vy, slope[2] = s->vz;
    slope[3] = vdiv(m[0] * force_x + m[1] * force_y + m[2] * force_z, p->mass);
    slope[4] = vdiv(m[3] * force_x + m[4] * force_y + m[5] * force_z, p->mass);
    slope[5] = vdiv(m[6] * force_x + m[7] * force_y + m[8] * force_z, p->mass) - p->gravity;
    slope[6] = R(-0.5) * (s->qx * roll + s->qy * pitch + s->qz * yaw);
    slope[7] = R(0.5) * (s->qw * roll + s->qy * yaw - s->qz * pitch);
    slope[8] = R(0.5) * (s->qw * pitch + s->qz * roll - s->qx * yaw);
    slope[9] = R(0.5) * (s->qw * yaw + s->qx * pitch - s->qy * roll);
    slope[10] = vdiv(torque_x + (p->inertia_y - p->inertia_z) * (pitch * yaw), p->inertia_x);
    slope[11] = vdiv(torque_y + (p->inertia_z - p->inertia_x) * (roll * yaw), p->inertia_y);
    slope[12] = vdiv(torque_z + (p->inertia_x - p->inertia_y) * (roll * pitch), p->inertia_z);
}

/** Sets the body of `to` to that of `from` moved by h * slope; moves the rotors of `to` by `share` towards `speed`. */
LANE_FN void quadrotor_move(quadrotor_state *to, const quadrotor_state *from, const vf *slope, vf h, const vf *speed,
                            vf share) {
    const vf rotors[4] = {to->front_left, to->front_right, to->back_right, to->back_left};
    vf w[4];
    UNROLLED for (int k = 0; k < 13; k++) ((vf *)to)[k] = ((const vf *)from)[k] + h * slope[k];
    UNROLLED for (int k = 0; k < 4; k++) w[k] = rotors[k] + share * (speed[k] - rotors[k]);
    to->front_left = w[0], to->front_right = w[1], to->back_right = w[2], to->back_left = w[3];
    vf norm = vsqrt(to->qw * to->qw + to->qx * to->qx + to->qy * to->qy + to->qz * to->qz);
    to->qw = vdiv(to->qw, norm), to->qx = vdiv(to->qx, norm), to->qy = vdiv(to->qy, norm), to->qz = vdiv(to->qz, norm);
}

LANE_FN vm quadrotor_step(quadrotor_state *s, const quadrotor_action *a, rng *r, const quadrotor_params *p,
                          vf *reward) {
    (void)r;
    vf speed[4], slope[13], half = R(0.5) * p->dt, share = R(1) - vexp(-vdiv(half, p->motor_time));
    UNROLLED for (int k = 0; k < 4; k++)
        speed[k] = p->max_rotor_speed * vsqrt(R(0.5) * (vclip(a[k], vreal(-1), vreal(1)) + R(1)));
    quadrotor_state begin = *s;
    quadrotor_slope(s, p, slope);
    quadrotor_move(s, &begin, slope, half, speed, share);
    quadrotor_slope(s, p, slope);
    quadrotor_move(s, &begin, slope, p->dt, speed, share);

    vf dx = s->x - p->goal_x, dy = s->y - p->goal_y, dz = s->z - p->goal_z;
    vf cost = p->position_cost * (dx * dx + dy * dy + dz * dz) +
              p->velocity_cost * (s->vx * s->vx + s->vy * s->vy + s->vz * s->vz) +
              p->rate_cost * (s->roll_rate * s->roll_rate + s->pitch_rate * s->pitch_rate + s->yaw_rate * s->yaw_rate);
    *reward = vdiv(vreal(1), R(1) + cost);
    vm out = (vabs(s->x) > p->half_width) | (vabs(s->y) > p->half_width) | (s->z > p->ceiling);
    vf rate = vmax(vmax(vabs(s->roll_rate), vabs(s->pitch_rate)), vabs(s->yaw_rate));
    return out | (s->z < 0) | (rate > p->max_rate);
}

LANE_FN void quadrotor_observe(const quadrotor_state *s, rng *r, const quadrotor_params *p, vf *observation) {
    (void)r;
    const vf moving[9] = {s->x - p->goal_x, s->y - p->goal_y, s->z - p->goal_z, s->vx, s->vy, s->vz,
                          s->roll_rate, s->pitch_rate, s->yaw_rate};
    const vf rotors[4] = {s->front_left, s->front_right, s->back_right, s->back_left};
    vf m[9];
    quadrotor_rotation(s, m);
    UNROLLED for (int k = 0; k < 6; k++) observation[k] = moving[k];
    /* Clipped because rounding may exceed 1. */
    UNROLLED for (int k = 0; k < 9; k++) observation[6 + k] = vclip(m[k], vreal(-1), vreal(1));
    UNROLLED for (int k = 0; k < 3; k++) observation[15 + k] = moving[6 + k];
    UNROLLED for (int k = 0; k < 4; k++) observation[18 + k] = vdiv(rotors[k], p->max_rotor_speed);
}
