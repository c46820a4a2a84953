// pictures.js: draws the environments. A picture has the size of its box and `draw(d, s, p)`: `d` is a Drawing in whose
// units the box lies, from its upper left corner; `s(name, k = 0)` is a number of the state, `p` the parameters.
// `push(s, x, y)`, where there is one, returns what a push by the vector (x, y), about 1 long, adds to which numbers.
// `fixed` matches the parameters that stand for a map.

const TURN = 2 * Math.PI;

/** A canvas in the units of a box, with a page's colours. A line is never thinner than a pixel. */
export class Drawing {
  constructor(context, colours) {
    this.context = context;
    this.colours = colours;
    this.pixel = 1; // in units
  }

  /** Puts the box's upper left corner at (x, y) pixels; a unit is `scale` pixels. */
  place(x, y, scale) {
    this.context.setTransform(scale, 0, 0, scale, x, y);
    this.pixel = 1 / scale;
  }

  colour(name) {
    return this.colours[name] ?? name;
  }

  line(points, colour, width) {
    const c = this.context;
    c.strokeStyle = this.colour(colour);
    c.lineWidth = Math.max(width, this.pixel);
    c.beginPath();
    c.moveTo(points[0], points[1]);
    for (let k = 2; k < points.length; k += 2) c.lineTo(points[k], points[k + 1]);
    c.stroke();
  }

  disc(x, y, radius, colour) {
    const c = this.context, r = Math.max(radius, this.pixel / 2);
    c.fillStyle = this.colour(colour);
    if (r < 1.5 * this.pixel) return c.fillRect(x - r, y - r, 2 * r, 2 * r);
    c.beginPath();
    c.arc(x, y, r, 0, TURN);
    c.fill();
  }

  ring(x, y, radius, colour, width) {
    const c = this.context;
    c.strokeStyle = this.colour(colour);
    c.lineWidth = Math.max(width, this.pixel);
    c.beginPath();
    c.arc(x, y, Math.max(radius, this.pixel), 0, TURN);
    c.stroke();
  }

  box(x, y, width, height, colour) {
    this.context.fillStyle = this.colour(colour);
    this.context.fillRect(x, y, Math.max(width, this.pixel), Math.max(height, this.pixel));
  }

  /** A cell of a grid, with a gap where there is room for one. */
  cell(row, column, colour) {
    const gap = this.pixel < 0.12 ? 0.05 : 0;
    this.context.fillStyle = this.colour(colour);
    this.context.fillRect(column + gap, row + gap, 1 - 2 * gap, 1 - 2 * gap);
  }

  /** Text, only where it can be read: from 7 pixels on. */
  text(text, x, y, size, colour) {
    if (size < 7 * this.pixel) return;
    const c = this.context;
    c.fillStyle = this.colour(colour);
    c.font = `600 ${size}px system-ui, sans-serif`;
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillText(text, x, y);
  }
}

/** A colour from calm to alarmed: `danger` from 0 to 1. */
function heat(danger) {
  return `hsl(${210 - 200 * Math.min(1, Math.max(0, danger))} 75% 52%)`;
}

const cartpole = {
  width: 3, height: 1.8,
  draw(d, s, p) {
    const x = 1.5 + (s("x") / p.x_limit) * 1.2, y = 1.5, theta = s("theta");
    const length = Math.min(1.4, 1.2 * Math.sqrt(p.half_length / 0.5));
    if (d.pixel < 0.06) d.line([0.1, y + 0.15, 2.9, y + 0.15], "faint", 0.02); // a hundred tracks would hide the poles
    d.box(x - 0.25, y - 0.12, 0.5, 0.24, "ink");
    const tip = [x + Math.sin(theta) * length, y - Math.cos(theta) * length];
    d.line([x, y, ...tip], heat(Math.abs(theta) / p.theta_limit), 0.09);
    if (d.pixel < 0.03) d.disc(x, y, 0.05, "paper");
  },
  push: (s, x) => ({ theta_dot: 1.2 * x, x_dot: 0.4 * x }),
};

const height = (x) => Math.sin(3 * x) * 0.45 + 0.55;
const HILL = Array.from({ length: 37 }, (_, k) => -1.2 + 0.05 * k).flatMap((x) => [x + 1.3, 1.2 - height(x)]);

const mountain_car = {
  width: 2, height: 1.35,
  draw(d, s, p) {
    const x = s("position"), goal = p.goal_position;
    d.line(HILL, "faint", 0.02);
    d.line([goal + 1.3, 1.2 - height(goal), goal + 1.3, 1 - height(goal)], "ink", 0.02);
    d.box(goal + 1.3, 1 - height(goal), 0.12, 0.08, "good");
    const speed = Math.abs(s("velocity")) / (p.max_speed || 1);
    d.disc(x + 1.3, 1.2 - height(x) - 0.06, 0.07, x >= goal ? "good" : heat(1 - speed));
  },
  push: (s, x) => ({ velocity: 0.03 * x }),
};

const pendulum = {
  width: 2.4, height: 2.4,
  draw(d, s, p) {
    const theta = s("theta"), up = Math.cos(theta);
    const x = 1.2 - Math.sin(theta), y = 1.2 - up;
    d.line([1.2, 1.2, x, y], heat((1 - up) / 2), 0.14);
    d.disc(x, y, 0.12, heat((1 - up) / 2));
    d.disc(1.2, 1.2, 0.06, "ink");
  },
  push: (s, x, y) => ({ theta_dot: 4 * (-x * Math.cos(s("theta")) + y * Math.sin(s("theta"))) }),
};

const acrobot = {
  width: 4.4, height: 4.4,
  draw(d, s, p) {
    const l1 = Math.min(1.1, p.length1), a = s("theta1"), b = a + s("theta2");
    const x1 = 2.2 + Math.sin(a) * l1, y1 = 2.2 + Math.cos(a) * l1, x2 = x1 + Math.sin(b), y2 = y1 + Math.cos(b);
    d.line([0.2, 1.2, 4.2, 1.2], "faint", 0.04);
    d.line([2.2, 2.2, x1, y1], "ink", 0.2);
    d.line([x1, y1, x2, y2], y2 < 1.2 ? "good" : "accent", 0.2);
    d.disc(2.2, 2.2, 0.14, "faint");
    d.disc(x1, y1, 0.14, "faint");
  },
  push: (s, x, y) => ({ theta1_dot: 2 * x, theta2_dot: -3 * x }),
};

const frozen_lake = {
  width: 8, height: 8, fixed: /^(tiles_|columns|last_tile|start_)/,
  draw(d, s, p) {
    const columns = p.columns, rows = Math.ceil((p.last_tile + 1) / columns), size = 8 / Math.max(columns, rows);
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const tile = (p[`tiles_${row}`] >> (2 * column)) & 3;
        d.box(column * size, row * size, size * 0.96, size * 0.96, ["ice", "hole", "good"][tile]);
      }
    const fallen = ((p[`tiles_${s("row")}`] >> (2 * s("column"))) & 3) === 1;
    d.disc((s("column") + 0.5) * size, (s("row") + 0.5) * size, 0.3 * size, fallen ? "bad" : "ink");
  },
};

const cliff_walking = {
  width: 12, height: 4,
  draw(d, s) {
    d.box(0, 0, 12, 4, "field");
    d.box(1, 3, 10, 1, "hole");
    d.box(11, 3, 1, 1, "good");
    d.disc(s("column") + 0.5, s("row") + 0.5, 0.38, "accent");
  },
};

const PLACES = [[0, 0], [0, 4], [4, 0], [4, 3]]; // red, green, yellow, blue: row and column
const PLACE_COLOURS = ["#d8413c", "#2f9e58", "#d6a51c", "#3d7be0"];
const WALLS = [[0, 2], [1, 2], [3, 1], [4, 1], [3, 3], [4, 3]]; // west of these cells

const taxi = {
  width: 5, height: 5,
  draw(d, s) {
    d.box(0, 0, 5, 5, "field");
    PLACES.forEach(([row, column], k) => d.box(column + 0.1, row + 0.1, 0.8, 0.8, PLACE_COLOURS[k]));
    for (const [row, column] of WALLS) d.line([column, row, column, row + 1], "ink", 0.08);
    const passenger = s("passenger"), [row, column] = PLACES[s("destination")];
    d.ring(column + 0.5, row + 0.5, 0.33, "paper", 0.1);
    if (passenger < 4) d.disc(PLACES[passenger][1] + 0.5, PLACES[passenger][0] + 0.5, 0.2, "ink");
    d.box(s("column") + 0.15, s("row") + 0.28, 0.7, 0.44, "ink");
    if (passenger === 4) d.disc(s("column") + 0.5, s("row") + 0.5, 0.17, "paper");
  },
};

/** The value of a hand, in which an ace counts 11 unless that would exceed 21. */
function handValue(sum, totals) {
  const ace = ((totals & ((totals << 1) | 1)) >>> 0) !== 0;
  return ace && sum <= 11 ? sum + 10 : sum;
}

const blackjack = {
  width: 3.2, height: 2,
  draw(d, s) {
    d.box(0, 0, 3.2, 2, "felt");
    const player = handValue(s("player_sum"), s("player_totals")), shown = s("dealer_card");
    [[`${shown === 1 ? "A" : shown}`, "dealer", shown / 21, 0.1], [`${player}`, "player", player / 21, 1.7]].forEach(
      ([text, who, share, x]) => {
        d.box(x, 0.25, 1.4, 1.5, "card");
        d.box(x, 1.75 - 1.5 * Math.min(1, share), 1.4, 1.5 * Math.min(1, share), share > 1 ? "#e5484d" : "#b9d2f3");
        d.text(text, x + 0.7, 0.95, 0.7, "#1b2430");
        d.text(who, x + 0.7, 1.55, 0.28, "#1b2430");
      },
    );
  },
};

const bandit = {
  width: 10, height: 6.4,
  draw(d, s) {
    const arm = s("arm");
    for (let k = 0; k < 10; k++) {
      const mean = Math.max(-3, Math.min(3, s("means", k)));
      d.box(k + 0.1, mean > 0 ? 3.2 - mean : 3.2, 0.8, Math.abs(mean), k === arm ? "accent" : "faint");
    }
    d.line([0, 3.2, 10, 3.2], "ink", 0.05);
    if (arm >= 0) d.disc(arm + 0.5, 3.2 - Math.max(-3, Math.min(3, s("reward"))), 0.28, "bad");
  },
};

const memory = {
  width: 3, height: 1.4,
  draw(d, s, p) {
    const time = s("time"), asked = time > p.delay, cue = s("cue") > 0 ? "accent" : "warm";
    d.ring(0.7, 0.6, 0.4, cue, 0.05);
    if (time === 0) d.disc(0.7, 0.6, 0.4, cue);
    d.text(asked ? "?" : "", 2.2, 0.6, 0.8, "ink");
    if (asked) d.ring(2.2, 0.6, 0.45, "ink", 0.06);
    d.box(0.2, 1.2, 2.6, 0.08, "field");
    d.box(0.2, 1.2, 2.6 * Math.min(1, time / (p.delay + 1)), 0.08, "faint");
  },
};

// Seen from the side and a little from above: x to the right, y away, z up.
const across = (x, y) => 2.6 + x + 0.35 * y;
const down = (y, z) => 3.7 - z - 0.18 * y;

const quadrotor = {
  width: 5.2, height: 4.2,
  draw(d, s, p) {
    const w = p.half_width, x = s("x"), y = s("y"), z = s("z"), big = 5 * Math.max(p.arm, 0.02);
    const floor = [[-w, -w], [w, -w], [w, w], [-w, w], [-w, -w]].flatMap(([a, b]) => [across(a, b), down(b, 0)]);
    d.line(floor, "faint", 0.015);
    const gx = across(p.goal_x, p.goal_y), gy = down(p.goal_y, p.goal_z);
    d.line([gx - 0.12, gy, gx + 0.12, gy], "good", 0.04);
    d.line([gx, gy - 0.12, gx, gy + 0.12], "good", 0.04);
    d.disc(across(x, y), down(y, 0), 0.07, "faint"); // the shadow
    const qw = s("qw"), qx = s("qx"), qy = s("qy"), qz = s("qz");
    const rotors = [["front_left", 1, 1], ["front_right", 1, -1], ["back_right", -1, -1], ["back_left", -1, 1]];
    const places = rotors.map(([, forward, left]) => {
      const bx = forward * big, by = left * big;
      const dx = (1 - 2 * (qy * qy + qz * qz)) * bx + 2 * (qx * qy - qw * qz) * by;
      const dy = 2 * (qx * qy + qw * qz) * bx + (1 - 2 * (qx * qx + qz * qz)) * by;
      const dz = 2 * (qx * qz - qw * qy) * bx + 2 * (qy * qz + qw * qx) * by;
      return [across(x + dx, y + dy), down(y + dy, z + dz)];
    });
    d.line([...places[0], ...places[2]], "ink", 0.05);
    d.line([...places[1], ...places[3]], "ink", 0.05);
    rotors.forEach(([name], k) => {
      d.disc(...places[k], 0.05 + 0.12 * (s(name) / p.max_rotor_speed), k < 2 ? "accent" : "warm");
    });
  },
  push: (s, x, y) => ({ vx: 1.5 * x, vz: -1.5 * y, pitch_rate: 4 * x }),
};

const squared = {
  width: 11, height: 11,
  draw(d, s) {
    d.box(0, 0, 11, 11, "field");
    const target = s("target");
    d.cell(Math.floor(target / 11), target % 11, "good");
    d.cell(s("row"), s("column"), "accent");
  },
};

const snake = {
  width: 10, height: 10,
  draw(d, s) {
    d.box(0, 0, 10, 10, "field");
    for (let row = 0; row < 10; row++) {
      const bits = s("rows", row) & 1023;
      for (let column = 0; bits >> column; column++) if ((bits >> column) & 1) d.cell(row, column, "good");
    }
    if (s("fruit_row") >= 0) d.cell(s("fruit_row"), s("fruit_column"), "bad");
    d.cell(s("head_row"), s("head_column"), "ink");
  },
};

const ROW_COLOURS = ["#d8413c", "#d6a51c", "#2f9e58"];

const breakout = {
  width: 10, height: 10,
  draw(d, s) {
    d.box(0, 0, 10, 10, "field");
    const bricks = s("bricks");
    for (let row = 0; row < 3; row++)
      for (let column = 0; column < 10; column++)
        if ((bricks >> (10 * row + column)) & 1) d.cell(row + 1, column, ROW_COLOURS[row]);
    d.cell(s("trail_row"), s("trail_column"), "faint");
    d.cell(s("ball_row"), s("ball_column"), "ink");
    d.cell(9, s("paddle"), "accent");
  },
};

/** Particles in the plane from -1.3 to 1.3; a body is [name, radius, colour], landmarks first. */
function particles(bodies, push) {
  return {
    width: 2.6, height: 2.6,
    draw(d, s, p, agents) {
      d.box(0, 0, 2.6, 2.6, "field");
      for (const [name, radius, colour] of bodies(p, agents))
        d.disc(1.3 + s(`${name}_x`), 1.3 - s(`${name}_y`), radius, colour);
    },
    push,
  };
}

const range = (count) => Array.from({ length: count }, (_, k) => k);
const simple = particles(() => [["landmark_0", 0.08, "good"], ["agent_0", 0.06, "accent"]], (s, x, y) => ({
  agent_0_x_dot: x, agent_0_y_dot: -y,
}));
const simple_spread = particles(
  (p, agents) => [
    ...range(agents).map((k) => [`landmark_${k}`, 0.06, "good"]),
    ...range(agents).map((k) => [`agent_${k}`, Math.min(0.5, p.radius), "accent"]),
  ],
  (s, x, y) => ({ agent_0_x_dot: x, agent_0_y_dot: -y }),
);
const simple_tag = particles(
  (p) => [
    ...range(2).map((k) => [`obstacle_${k}`, Math.min(0.6, p.obstacle_radius), "faint"]),
    ...range(3).map((k) => [`adversary_${k}`, Math.min(0.4, p.adversary_radius), "bad"]),
    ["agent_0", Math.min(0.4, p.agent_radius), "good"],
  ],
  (s, x, y) => ({ agent_0_x_dot: x, agent_0_y_dot: -y }),
);

export const PICTURES = {
  acrobot, bandit, blackjack, breakout, cartpole, cliff_walking, frozen_lake, memory, mountain_car, pendulum,
  quadrotor, simple, simple_spread, simple_tag, snake, squared, taxi,
};

/** The picture of an environment: that of the longest name with which its own begins. */
export function pictureOf(name) {
  const fitting = Object.keys(PICTURES).filter((each) => name === each || name.startsWith(`${each}_`));
  if (!fitting.length) throw new Error(`${name} has no picture`);
  return PICTURES[fitting.reduce((a, b) => (a.length > b.length ? a : b))];
}
