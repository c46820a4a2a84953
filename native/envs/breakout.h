/* breakout.h: keep a ball in play with a paddle, and break bricks with it.
 * The rules of MinAtar's Breakout (Young & Tian 2019, minatar/environments/breakout.py), in its order. */
#define breakout_observes_bits 1
enum { breakout_side = 10, breakout_bricks = 3 * breakout_side, breakout_all = (1 << breakout_bricks) - 1 };
typedef struct {
    vi ball_row, ball_column, trail_row, trail_column;
    vi course;             /* 0 up left, 1 up right, 2 down right, 3 down left */
    vi paddle, strike;     /* its column in the last row; 1 if the ball struck a brick in the last step */
    vi last_action;
    vi bricks;             /* bit 10 * (row - 1) + column: they lie in rows 1 to 3 */
} breakout_state;
#define PARAMETERS(P) \
    P(sticky_actions, 0, "1", 0, 1) /* the probability that the last action is taken again */
typedef struct { PARAMETERS(MEMBER) } breakout_params;
typedef vi breakout_action; /* 0 stays, 1 left, 2 right */
enum { breakout_observation_size = 4 * breakout_side * breakout_side, breakout_action_size = 1, breakout_actions = 3,
       breakout_agents = 1 };

LANE_FN void breakout_reset(breakout_state *s, rng *r, const breakout_params *p) {
    (void)p;
    vm from_the_right = uniform_int(r, 0, 2) == 1;
    s->ball_row = s->trail_row = vint(3);
    s->ball_column = s->trail_column = vsel_int(from_the_right, vint(9), vint(0));
    s->course = vsel_int(from_the_right, vint(3), vint(2));
    s->paddle = vint(4);
    s->strike = s->last_action = vint(0);
    s->bricks = vint(breakout_all);
}

LANE_FN vm breakout_step(breakout_state *s, const breakout_action *a, rng *r, const breakout_params *p, vf *reward) {
    const vi none = vint(0), one = vint(1), last = vint(breakout_side - 1);
    vi action = a[0];
    if (vany(p->sticky_actions > 0)) /* the only draw of a step, so it shifts no other numbers */
        action = vsel_int(uniform(r, vreal(0), vreal(1)) < p->sticky_actions, s->last_action, action);
    s->last_action = action;
    s->paddle = s->paddle - vsel_int((action == 1) & (s->paddle > 0), one, none) +
                vsel_int((action == 2) & (s->paddle < last), one, none);

    vi row = s->ball_row + vsel_int(s->course >= 2, one, -one);
    vi column = s->ball_column + vsel_int((s->course == 1) | (s->course == 2), one, -one);
    vm wall = (column < 0) | (column > last);
    column = vsel_int(wall, s->ball_column, column);
    vi course = vsel_int(wall, s->course ^ 1, s->course);

    vm ceiling = row < 0;
    vi place = (row - 1) * breakout_side + column;
    vm among = (place >= 0) & (place < breakout_bricks) & vnot(ceiling);
    vi brick = vsel_int(among, one << vsel_int(among, place, none), none);
    /* After a strike the ball passes through the next brick. */
    vm struck = (s->bricks & brick) != 0, breaks = struck & (s->strike == 0);
    vi bricks = vsel_int(breaks, s->bricks & ~brick, s->bricks);

    vm bottom = row == last;
    s->bricks = vsel_int(bottom & (bricks == 0), vint(breakout_all), bricks);
    vm middle = bottom & (s->ball_column == s->paddle), edge = bottom & vnot(middle) & (column == s->paddle);

    course = vsel_int(ceiling | breaks | middle, 3 - course, course); /* as from a mirror */
    s->course = vsel_int(edge, course ^ 2, course);                   /* back the way it came */
    row = vsel_int(ceiling, none, vsel_int(breaks | middle | edge, s->ball_row, row));
    s->trail_row = s->ball_row, s->trail_column = s->ball_column;
    s->ball_row = row, s->ball_column = column;
    s->strike = vsel_int(struck, one, none);
    *reward = vsel(breaks, vreal(1), vreal(0));
    return bottom & vnot(middle) & vnot(edge);
}

/** Writes four bits for each cell, eight cells per word: paddle, ball, the ball's last cell, brick. */
LANE_FN void breakout_observe(const breakout_state *s, rng *r, const breakout_params *p, vi *observation) {
    (void)r, (void)p;
    enum { WORDS = (breakout_observation_size + 31) / 32 };
    const vu none = (vu)vint(0);
    const vi ball = s->ball_row * breakout_side + s->ball_column;
    const vi trail = s->trail_row * breakout_side + s->trail_column;
    const vi paddle = s->paddle + (breakout_side - 1) * breakout_side;
    const vu ball_bit = (vu)vint(2) << (vu)((ball & 7) * 4), trail_bit = (vu)vint(4) << (vu)((trail & 7) * 4);
    const vu paddle_bit = (vu)vint(1) << (vu)((paddle & 7) * 4), bricks = (vu)s->bricks << 2; /* from cell 10 on */
    UNROLLED for (int word = 0; word < WORDS; word++) {
        vu seen = word >= 1 && word <= 4 ? vspread4(bricks >> 8 * (word - 1) & 255) << 3 : none;
        seen |= (vu)vsel_int(ball >> 3 == word, (vi)ball_bit, vint(0));
        seen |= (vu)vsel_int(trail >> 3 == word, (vi)trail_bit, vint(0));
        observation[word] = (vi)(seen | (vu)vsel_int(paddle >> 3 == word, (vi)paddle_bit, vint(0)));
    }
}
