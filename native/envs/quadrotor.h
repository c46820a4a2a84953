/* quadrotor.h: fly to a point and hover there with four rotors, as a rigid body in three dimensions.
 * Model and numbers of the Crazyflie 2.0: Foerster (2015), as in RotorPy (Folk, Paulos & Kumar 2023): thrust and drag of each
 * rotor at its own airspeed, motors with a lag. Commands as in Molchanov et al. (2019). Two steps of semi-implicit Euler each. */
typedef struct {
    vf x, y, z;                                         /* m; z up, the floor at 0 */
    vf vx, vy, vz;                                      /* m/s */
    vf qw, qx, qy, qz;                                  /* unit quaternion that turns body axes into the world's */
    vf roll_rate, pitch_rate, yaw_rate;                 /* rad/s about the body's axes: x forward, y left, z up */
    vf front_left, front_right, back_right, back_left;  /* rad/s; the first and the third turn clockwise */
} quadrotor_state;
typedef struct {
    vf gravity, mass;                                   /* m/s2, kg */
    vf inertia_x, inertia_y, inertia_z;                 /* kg m2 */
    vf arm;                                             /* m from the centre to a rotor */
    vf thrust_coefficient, torque_coefficient;          /* N/(rad/s)2, N m/(rad/s)2 */
    vf drag_coefficient, inflow_coefficient;            /* N/(rad/s m/s) along the rotor's plane, and across it */
    vf max_rotor_speed, motor_time, dt;                 /* rad/s, s, s */
    vf goal_x, goal_y, goal_z;                          /* m */
    vf half_width, ceiling, max_rate;                   /* m, m, rad/s: beyond, the flight is over */
    vf position_spread, velocity_spread, tilt_spread, rate_spread; /* m, m/s, 1, rad/s: bounds of a fresh state, either sign */
    vf position_cost, velocity_cost, rate_cost;         /* 1/m2, (s/m)2, (s/rad)2 */
} quadrotor_params;
static const double quadrotor_defaults[] = {
    9.81, 0.03, 1.43e-5, 1.43e-5, 2.89e-5, 0.043, 2.3e-8, 7.8e-10, 1.02506e-6, 7.553e-7, 2500, 0.072, 0.01,
    0, 0, 1.5, 2, 3, 35, 1, 0.5, 0.2, 0.5, 4, 0.2, 0.02};
typedef vf quadrotor_action;                            /* each rotor's thrust: -1 none, 1 all it has */
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

/** The rotation matrix of the attitude, row by row: m times a vector of the body's frame is one of the world's. */
LANE_FN void quadrotor_rotation(const quadrotor_state *s, vf *m) {
    vf x = s->qx + s->qx, y = s->qy + s->qy, z = s->qz + s->qz;
    vf wx = s->qw * x, wy = s->qw * y, wz = s->qw * z;
    vf xx = s->qx * x, xy = s->qx * y, xz = s->qx * z, yy = s->qy * y, yz = s->qy * z, zz = s->qz * z;
    m[0] = R(1) - (yy + zz), m[1] = xy - wz, m[2] = xz + wy;
    m[3] = xy + wz, m[4] = R(1) - (xx + zz), m[5] = yz - wx;
    m[6] = xz - wy, m[7] = yz + wx, m[8] = R(1) - (xx + yy);
}

/** h seconds with the motors on their way to `speed`, rad/s. */
LANE_FN void quadrotor_advance(quadrotor_state *s, const vf *speed, const quadrotor_params *p, vf h) {
    vf *const rotors[4] = {&s->front_left, &s->front_right, &s->back_right, &s->back_left};
    static const real forward[4] = {1, 1, -1, -1}, left[4] = {1, -1, -1, 1}, turn[4] = {1, -1, 1, -1};
    vf lag = vmin(vdiv(h, p->motor_time), vreal(1)), reach = p->arm * R(0.7071067811865476);
    vf m[9];
    quadrotor_rotation(s, m);
    vf air_x = m[0] * s->vx + m[3] * s->vy + m[6] * s->vz;
    vf air_y = m[1] * s->vx + m[4] * s->vy + m[7] * s->vz;
    vf air_z = m[2] * s->vx + m[5] * s->vy + m[8] * s->vz;
    vf force_x = vreal(0), force_y = vreal(0), force_z = vreal(0);
    vf torque_x = vreal(0), torque_y = vreal(0), torque_z = vreal(0);
    UNROLLED for (int k = 0; k < 4; k++) {
        *rotors[k] = *rotors[k] + lag * (speed[k] - *rotors[k]);
        vf w = *rotors[k], w2 = w * w, at_x = reach * forward[k], at_y = reach * left[k];
        vf along_x = -(p->drag_coefficient * w * (air_x - s->yaw_rate * at_y));
        vf along_y = -(p->drag_coefficient * w * (air_y + s->yaw_rate * at_x));
        vf up = p->thrust_coefficient * w2 - p->inflow_coefficient * w * (air_z + (s->roll_rate * at_y - s->pitch_rate * at_x));
        force_x = force_x + along_x, force_y = force_y + along_y, force_z = force_z + up;
        torque_x = torque_x + at_y * up;
        torque_y = torque_y - at_x * up;
        torque_z = torque_z + (at_x * along_y - at_y * along_x) + p->torque_coefficient * w2 * turn[k];
    }

    vf roll = s->roll_rate, pitch = s->pitch_rate, yaw = s->yaw_rate;
    s->roll_rate = roll + h * vdiv(torque_x + (p->inertia_y - p->inertia_z) * (pitch * yaw), p->inertia_x);
    s->pitch_rate = pitch + h * vdiv(torque_y + (p->inertia_z - p->inertia_x) * (roll * yaw), p->inertia_y);
    s->yaw_rate = yaw + h * vdiv(torque_z + (p->inertia_x - p->inertia_y) * (roll * pitch), p->inertia_z);
    s->vx = s->vx + h * vdiv(m[0] * force_x + m[1] * force_y + m[2] * force_z, p->mass);
    s->vy = s->vy + h * vdiv(m[3] * force_x + m[4] * force_y + m[5] * force_z, p->mass);
    s->vz = s->vz + h * (vdiv(m[6] * force_x + m[7] * force_y + m[8] * force_z, p->mass) - p->gravity);
    s->x = s->x + h * s->vx, s->y = s->y + h * s->vy, s->z = s->z + h * s->vz;

    vf half = R(0.5) * h, a = half * s->roll_rate, b = half * s->pitch_rate, c = half * s->yaw_rate;
    vf qw = s->qw - (s->qx * a + s->qy * b + s->qz * c), qx = s->qx + (s->qw * a + s->qy * c - s->qz * b);
    vf qy = s->qy + (s->qw * b + s->qz * a - s->qx * c), qz = s->qz + (s->qw * c + s->qx * b - s->qy * a);
    vf norm = vsqrt(qw * qw + qx * qx + qy * qy + qz * qz);
    s->qw = vdiv(qw, norm), s->qx = vdiv(qx, norm), s->qy = vdiv(qy, norm), s->qz = vdiv(qz, norm);
}

LANE_FN vm quadrotor_step(quadrotor_state *s, const quadrotor_action *a, rng *r, const quadrotor_params *p, vf *reward) {
    (void)r;
    vf speed[4], h = R(0.5) * p->dt;
    UNROLLED for (int k = 0; k < 4; k++)
        speed[k] = p->max_rotor_speed * vsqrt(R(0.5) * (vclip(a[k], vreal(-1), vreal(1)) + R(1)));
    quadrotor_advance(s, speed, p, h);
    quadrotor_advance(s, speed, p, h);

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
    UNROLLED for (int k = 0; k < 9; k++) observation[6 + k] = vclip(m[k], vreal(-1), vreal(1)); /* rounding may lead beyond */
    UNROLLED for (int k = 0; k < 3; k++) observation[15 + k] = moving[6 + k];
    UNROLLED for (int k = 0; k < 4; k++) observation[18 + k] = vdiv(rotors[k], p->max_rotor_speed);
}
