/* snake.h: eat fruit and grow, without running into a wall or the snake itself.
 * The telephone game (Nokia 6110, 1997). */
#define snake_observes_bits 1
enum { snake_side = 10, snake_row = (1 << snake_side) - 1, snake_start = 3 };
typedef struct {
    vi head_row, head_column, tail_row, tail_column, fruit_row, fruit_column; /* a full grid's fruit is at -1, -1 */
    vi heading, length;
    /* Bit x: the snake is in column x. Bits 10 + x (low) and 20 + x (high): the direction to its next part. */
    vi rows[snake_side];
} snake_state;
#define PARAMETERS(P)                   \
    P(fruit_reward, 1, "1", -1e6, 1e6)  \
    P(death_reward, -1, "1", -1e6, 1e6) \
    P(step_reward, 0, "1", -1e6, 1e6)
typedef struct { PARAMETERS(MEMBER) } snake_params;
typedef vi snake_action; /* 0 up, 1 right, 2 down, 3 left; an action that would reverse the snake is ignored */
enum {
    snake_observation_size = 4 * snake_side * snake_side, snake_action_size = 1,
    snake_actions = 4, snake_agents = 1
};

/** The steps of a direction downwards and to the right. */
LANE_FN vi snake_down(vi way) { return vsel_int(way == 2, vint(1), vint(0)) - vsel_int(way == 0, vint(1), vint(0)); }
LANE_FN vi snake_right(vi way) { return vsel_int(way == 1, vint(1), vint(0)) - vsel_int(way == 3, vint(1), vint(0)); }

/** The number of set bits among the lowest ten. */
LANE_FN vi snake_count(vi bits) {
    bits = (bits & 0x155) + (bits >> 1 & 0x155);
    bits = (bits & 0x333) + (bits >> 2 & 0x333);
    return (bits & 15) + (bits >> 4 & 15) + (bits >> 8);
}

/** Where `grow` is true, puts the fruit on a free cell, each with equal probability. */
LANE_FN void snake_grow_fruit(snake_state *s, rng *r, vm grow) {
    const vi none = vint(0), nowhere = vint(-1);
    /* The number of free cells before it. */
    vi left = vtrunc(uniform(r, vreal(0), vreal(1)) * vfloat(snake_side * snake_side - s->length));
    vi row = nowhere, column = nowhere, free = none, order = nowhere;
    for (int y = 0; y < snake_side; y++) {
        vi here = ~s->rows[y] & snake_row, count = snake_count(here);
        vm found = (left >= 0) & (left < count);
        row = vsel_int(found, vint(y), row), free = vsel_int(found, here, free), order = vsel_int(found, left, order);
        left = left - count;
    }
    for (int x = 0; x < snake_side; x++) {
        vi bit = free >> x & 1;
        column = vsel_int((bit != 0) & (order == 0), vint(x), column);
        order = order - bit;
    }
    s->fruit_row = vsel_int(grow, row, s->fruit_row), s->fruit_column = vsel_int(grow, column, s->fruit_column);
}

LANE_FN void snake_reset(snake_state *s, rng *r, const snake_params *p) {
    (void)p;
    s->head_row = s->tail_row = s->fruit_row = s->fruit_column = vint(5);
    s->tail_column = vint(3), s->head_column = vint(5);
    s->heading = vint(1), s->length = vint(snake_start);
    for (int y = 0; y < snake_side; y++) s->rows[y] = vint(0);
    s->rows[5] = vint(7 << 3 | 3 << 13); /* columns 3 to 5; the first two lead to the right */
    snake_grow_fruit(s, r, s->length == snake_start);
}

LANE_FN vm snake_step(snake_state *s, const snake_action *a, rng *r, const snake_params *p, vf *reward) {
    const vi none = vint(0), one = vint(1);
    s->heading = vsel_int((a[0] ^ s->heading) == 2, s->heading, a[0]);
    vi row = s->head_row + snake_down(s->heading), column = s->head_column + snake_right(s->heading);
    vm inside = (row >= 0) & (row < snake_side) & (column >= 0) & (column < snake_side);
    vm eats = (row == s->fruit_row) & (column == s->fruit_column);

    vi ahead = none, behind = none; /* the rows of the cell ahead and of the tail */
    for (int y = 0; y < snake_side; y++) {
        ahead = vsel_int(row == y, s->rows[y], ahead);
        behind = vsel_int(s->tail_row == y, s->rows[y], behind);
    }
    vi ahead_bit = vsel_int(inside, one << vsel_int(inside, column, none), none), tail_bit = one << s->tail_column;
    vm makes_room = (row == s->tail_row) & (column == s->tail_column);
    vm dies = vnot(inside) | (((ahead & ahead_bit) != 0) & vnot(makes_room)), follows = vnot(dies) & vnot(eats);
    vi way = (behind >> (s->tail_column + 10) & 1) | (behind >> (s->tail_column + 20) & 1) << 1;

    vi leave = vsel_int(follows, tail_bit | tail_bit << 10 | tail_bit << 20, none);
    vi low = (s->heading & 1) << (s->head_column + 10), high = (s->heading >> 1) << (s->head_column + 20);
    vi turn = vsel_int(dies, none, low | high);
    vi enter = vsel_int(dies, none, ahead_bit);
    for (int y = 0; y < snake_side; y++)
        s->rows[y] = (s->rows[y] & ~vsel_int(s->tail_row == y, leave, none)) | vsel_int(s->head_row == y, turn, none) |
                     vsel_int(row == y, enter, none);
    s->tail_row = s->tail_row + vsel_int(follows, snake_down(way), none);
    s->tail_column = s->tail_column + vsel_int(follows, snake_right(way), none);
    s->head_row = vsel_int(dies, s->head_row, row), s->head_column = vsel_int(dies, s->head_column, column);
    s->length = s->length + vsel_int(eats, one, none);
    if (vany(eats)) snake_grow_fruit(s, r, eats); /* the only draw of a step, so it shifts no other numbers */

    *reward = p->step_reward + vsel(dies, p->death_reward, vsel(eats, p->fruit_reward, vreal(0)));
    return dies | (s->length == snake_side * snake_side);
}

/** Writes four bits for each cell, eight cells per word: head, rest of the snake, tail, fruit. */
LANE_FN void snake_observe(const snake_state *s, rng *r, const snake_params *p, vi *observation) {
    (void)r, (void)p;
    enum { WORDS = (snake_observation_size + 31) / 32 };
    const vi none = vint(0), head = s->head_row * snake_side + s->head_column;
    const vi tail = s->tail_row * snake_side + s->tail_column, fruit = s->fruit_row * snake_side + s->fruit_column;
    const vi head_bit = vint(1) << (head & 7) * 4, tail_bit = vint(4) << (tail & 7) * 4;
    const vu fruit_bit = (vu)vint(8) << (vu)((fruit & 7) * 4);
    UNROLLED for (int word = 0; word < WORDS; word++) {
        const int y = word * 8 / snake_side, x = word * 8 % snake_side; /* of the word's first cell */
        vi body = (s->rows[y] & snake_row) >> x;
        if (x > snake_side - 8 && y + 1 < snake_side) body = body | (s->rows[y + 1] & snake_row) << (snake_side - x);
        vi here = vsel_int(head >> 3 == word, head_bit, none);
        vu seen = vspread4((vu)(body & 255)) << 1 & ~((vu)here << 1);
        seen = seen | (vu)here | (vu)vsel_int(tail >> 3 == word, tail_bit, none);
        observation[word] = (vi)(seen | (vu)vsel_int(fruit >> 3 == word, (vi)fruit_bit, none));
    }
}
