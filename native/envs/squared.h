/* squared.h: walk from the middle of a grid to its target, without leaving the grid and before patience ends.
 * The rules of PufferLib 3.0's ocean/squared/squared.h, but the target is drawn once, among the other cells. */
#define squared_observes_bits 2
enum { squared_side = 11, squared_cells = squared_side * squared_side };
typedef struct { vi row, column, target, ticks; } squared_state; /* the agent's place; a cell; steps taken */
#define PARAMETERS(P) \
    P(patience, 3 * squared_side, "steps", 1, 1e6) /* beyond it the episode is lost */
typedef struct { PARAMETERS(MEMBER) } squared_params;
typedef vi squared_action; /* 0 stays, 1 down, 2 up, 3 left, 4 right */
enum { squared_observation_size = squared_cells, squared_action_size = 1, squared_actions = 5, squared_agents = 1 };

LANE_FN vm squared_inside(const squared_state *s) {
    return (s->row >= 0) & (s->row < squared_side) & (s->column >= 0) & (s->column < squared_side);
}

LANE_FN void squared_reset(squared_state *s, rng *r, const squared_params *p) {
    (void)p;
    vi cell = uniform_int(r, 0, squared_cells - 1);
    s->target = vsel_int(cell >= squared_cells / 2, cell + 1, cell); /* anywhere but in the middle */
    s->row = s->column = vint(squared_side / 2);
    s->ticks = vint(0);
}

LANE_FN vm squared_step(squared_state *s, const squared_action *a, rng *r, const squared_params *p, vf *reward) {
    (void)r;
    const vi none = vint(0), one = vint(1);
    s->ticks = s->ticks + 1;
    s->row = s->row + vsel_int(a[0] == 1, one, none) - vsel_int(a[0] == 2, one, none);
    s->column = s->column + vsel_int(a[0] == 4, one, none) - vsel_int(a[0] == 3, one, none);

    vm lost = (vfloat(s->ticks) > p->patience) | vnot(squared_inside(s));
    vm arrived = vnot(lost) & (s->row * squared_side + s->column == s->target);
    *reward = vsel(lost, vreal(-1), vsel(arrived, vreal(1), vreal(0)));
    return lost | arrived;
}

/** Writes a number for each cell as two planes of bits: 1 for the agent unless it is outside, 2 for the target. */
LANE_FN void squared_observe(const squared_state *s, rng *r, const squared_params *p, vi *observation) {
    (void)r, (void)p;
    enum { WORDS = (squared_cells + 31) / 32 };
    const vi none = vint(0), agent = vsel_int(squared_inside(s), s->row * squared_side + s->column, vint(-1));
    const vi target = vsel_int(s->target == agent, vint(-1), s->target); /* the agent hides the target */
    const vi agent_bit = (vi)((vu)vint(1) << (vu)(agent & 31)), target_bit = (vi)((vu)vint(1) << (vu)(target & 31));
    UNROLLED for (int word = 0; word < WORDS; word++) {
        observation[word] = vsel_int(agent >> 5 == word, agent_bit, none);
        observation[WORDS + word] = vsel_int(target >> 5 == word, target_bit, none);
    }
}
