"""Users' headers with larger states: arrays, bytes, several actions, several agents, one lane."""

# Twelve beds, one of which is watered with one of three cans. 20 bytes are not a multiple of the 16 written at once.
GARDEN = """
typedef struct { vi beds[12]; vf heat[2][3]; vi rain; } garden_state;
#define PARAMETERS(P) P(sun, 0.5, "K", 0, 1)
typedef struct { PARAMETERS(MEMBER) } garden_params;
typedef vi garden_action;
enum { garden_action_size = 2, garden_actions = 12, garden_agents = 1, garden_observation_size = 20 };
static const int32_t garden_action_counts[garden_action_size] = {12, 3};
#define garden_observes_bytes 1
static const lane_int garden_growth[] = {1, 2, 60};

LANE_FN void garden_reset(garden_state *s, rng *r, const garden_params *p) {
    for (int k = 0; k < 12; k++) s->beds[k] = uniform_int(r, 0, 5);
    for (int k = 0; k < 6; k++) s->heat[k / 3][k % 3] = uniform(r, vreal(0), p->sun);
    s->rain = uniform_int(r, 1, 4);
}

LANE_FN vm garden_step(garden_state *s, const garden_action *a, rng *r, const garden_params *p, vf *reward) {
    (void)r;
    vi bed = vpick_int(s->beds, a[0]), grown = bed + vlookup_int(garden_growth, a[1]) * s->rain;
    vput_int(s->beds, a[0], vsel_int(grown > 255, vint(255), grown));
    vf warm = vpick(s->heat[1], a[1]);
    vput(s->heat[1], a[1], warm * R(0.5) + p->sun);
    *reward = vfloat(bed) + warm;
    return grown > 255;
}

LANE_FN void garden_observe(const garden_state *s, rng *r, const garden_params *p, vi *observation) {
    (void)r, (void)p;
    for (int k = 0; k < 12; k++) observation[k] = s->beds[k];
    for (int k = 0; k < 6; k++) observation[12 + k] = vtrunc(s->heat[k / 3][k % 3] * R(64));
    observation[18] = s->rain;
    observation[19] = vint(7);
}
"""
GARDEN_TOML = """
id = "garden-v0"
max_episode_steps = 30
actions = [12, 3]
observation_dtype = "uint8"
reference = "garden_reference:Garden"
[state]
beds = {unit = "cm", integer = true, shape = [12]}
heat = {unit = "K", shape = [2, 3]}
rain = {unit = "1", integer = true}
[observation]
all = {low = 0, high = 255, shape = [4, 5]}
"""
GARDEN_PY = '''
import gymnasium
import numpy as np


class Garden(gymnasium.Env):
    """garden.h in Python."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.beds = [int(self.np_random.integers(0, 5)) for _ in range(12)]
        self.heat = np.array([self.np_random.uniform(0, 0.5) for _ in range(6)]).reshape(2, 3)
        self.rain = int(self.np_random.integers(1, 4))
        return self.observe(), {}

    def step(self, action):
        which, can = action
        bed = self.beds[which]
        grown = bed + (1, 2, 60)[can] * self.rain
        self.beds[which] = min(grown, 255)
        warm = self.heat[1, can]
        self.heat[1, can] = warm * 0.5 + 0.5
        return self.observe(), bed + warm, grown > 255, False, {}

    def observe(self):
        numbers = [*self.beds, *(int(heat * 64) for heat in self.heat.ravel()), self.rain, 7]
        return np.array(numbers, np.uint8).reshape(4, 5)

    @property
    def state(self):
        return np.array([*self.beds, *self.heat.ravel(), self.rain], float)
'''

# A dial of five marks. Its observation is its position, or its position and the number of turns.
DIAL = """
typedef struct { vi mark, turns; } dial_state;
#define PARAMETERS(P) P(pay, 1, "1", -INFINITY, INFINITY)
typedef struct { PARAMETERS(MEMBER) } dial_params;
typedef vi dial_action;
enum { dial_action_size = 1, dial_actions = 2, dial_agents = 1, dial_observation_size = SIZE };

LANE_FN void dial_reset(dial_state *s, rng *r, const dial_params *p) {
    (void)p;
    s->mark = uniform_int(r, 0, 5);
    s->turns = vint(0);
}
LANE_FN vm dial_step(dial_state *s, const dial_action *a, rng *r, const dial_params *p, vf *reward) {
    (void)r;
    vi next = s->mark + a[0];
    s->mark = vsel_int(next == 5, vint(0), next);
    s->turns = s->turns + a[0];
    *reward = p->pay;
    return s->turns == 9;
}
LANE_FN void dial_observe(const dial_state *s, rng *r, const dial_params *p, vi *observation) {
    (void)r, (void)p;
    observation[0] = s->mark;
    if (SIZE > 1) observation[SIZE - 1] = s->turns;
}
"""
DIAL_TOML = """
id = "dial-v0"
max_episode_steps = 20
actions = 2
observation_kind = "KIND"
[state]
mark = {unit = "1", integer = true}
turns = {unit = "1", integer = true}
[observation]
mark = {low = 0, high = 4}
"""
TURNS = "turns = {low = 0, high = 9}\n"

# Two singers of different pitch, each of which observes 150 numbers and chooses a distance to move and whether to sing.
CHOIR = """
typedef struct { vf pitch[2]; vi sung[2]; } choir_state;
#define PARAMETERS(P) P(step, 0.5, "1", 0, 1)
typedef struct { PARAMETERS(MEMBER) } choir_params;
typedef vi choir_action;
enum { choir_action_size = 2, choir_actions = 3, choir_agents = 2, choir_observation_size = 150 };
static const int32_t choir_action_counts[choir_action_size] = {3, 2};

LANE_FN void choir_reset(choir_state *s, rng *r, const choir_params *p) {
    (void)p;
    for (int agent = 0; agent < 2; agent++) {
        s->pitch[agent] = vfloat(uniform_int(r, 0, 8));
        s->sung[agent] = vint(0);
    }
}
LANE_FN vm choir_step(choir_state *s, const choir_action *a, rng *r, const choir_params *p, vf *reward) {
    (void)r;
    for (int agent = 0; agent < 2; agent++) {
        s->pitch[agent] = s->pitch[agent] + vfloat(a[2 * agent]) * p->step;
        s->sung[agent] = s->sung[agent] + a[2 * agent + 1];
        reward[agent] = vfloat(s->sung[agent]);
    }
    return s->sung[0] + s->sung[1] > 12;
}
LANE_FN void choir_observe(const choir_state *s, rng *r, const choir_params *p, vf *observation) {
    (void)r, (void)p;
    for (int agent = 0; agent < 2; agent++)
        for (int k = 0; k < 150; k++) observation[150 * agent + k] = s->pitch[agent] + R(k);
}
"""
CHOIR_TOML = """
id = "choir-v0"
max_episode_steps = 20
actions = [3, 2]
agents = ["low", "high"]
[state]
pitch = {unit = "1", shape = [2]}
sung = {unit = "1", integer = true, shape = [2]}
[observation]
heard = {low = 0, high = 1000, shape = [150]}
"""

# A counter that branches on its lane, which works only with one lane.
BRANCHES = """
#define branches_one_lane 1
#if LANES == 1
typedef struct { vf height; } branches_state;
#define PARAMETERS(P) P(step, 0.25, "m", 0.1, 1)
typedef struct { PARAMETERS(MEMBER) } branches_params;
typedef vi branches_action;
enum { branches_action_size = 1, branches_actions = 2, branches_agents = 1, branches_observation_size = 1 };
LANE_FN void branches_reset(branches_state *s, rng *r, const branches_params *p) {
    (void)p;
    s->height = uniform(r, vreal(0), vreal(1));
}
LANE_FN vm branches_step(branches_state *s, const branches_action *a, rng *r, const branches_params *p, vf *reward) {
    (void)r;
    if (a[0]) s->height += p->step;
    else while (s->height > 1) s->height -= p->step;
    *reward = s->height;
    return s->height > 3;
}
LANE_FN void branches_observe(const branches_state *s, rng *r, const branches_params *p, vf *observation) {
    (void)r, (void)p;
    observation[0] = s->height;
}
#endif
"""
BRANCHES_TOML = """
id = "branches-v0"
max_episode_steps = 20
actions = 2
[state]
height = "m"
[observation]
height = {low = 0, high = 5}
"""


def write(folder, name, header, toml, reference=""):
    path = folder / f"{name}.h"
    path.write_text(header)
    path.with_suffix(".toml").write_text(toml)
    if reference:
        (folder / f"{name}_reference.py").write_text(reference)
    return path
