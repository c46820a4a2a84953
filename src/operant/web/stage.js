// stage.js: a batch as a grid of pictures on a canvas, and the parts that all pages have.

import { openCore, whyNot } from "./core.js";
import { Drawing, pictureOf } from "./pictures.js";

const COLOURS = [
  "paper", "ink", "faint", "field", "accent", "warm", "good", "bad", "ice", "hole", "felt", "card",
];

/** The element of a page with that id. */
export function element(id) {
  return document.getElementById(id);
}

/** Replaces the page by one sentence, for what cannot run here. */
export function refuse(sentence) {
  element("status").textContent = sentence;
  document.documentElement.dataset.state = "refused";
  element("main").hidden = true;
}

/** Runs a page; an error becomes its status. */
export async function runPage(main) {
  const reason = whyNot();
  if (reason) return refuse(`${reason} This page needs it.`);
  try {
    const modules = { vector: element("vector").textContent, scalar: element("scalar").textContent };
    const core = await openCore(modules, new URLSearchParams(location.search).has("scalar"));
    element("isa").textContent = core.isa === "scalar" ? "one lane" : "four lanes of simd128";
    await main(core, JSON.parse(element("data").textContent));
    element("ready").textContent = `${(performance.now() / 1000).toFixed(2)} s`;
    document.documentElement.dataset.state = "running";
  } catch (problem) {
    refuse(`This page failed: ${problem.message}.`);
    throw problem;
  }
}

/** Formats a number with three digits: 12,300,000 as "12.3 million". */
export function short(value) {
  if (!Number.isFinite(value)) return "–";
  const [scale, unit] = value >= 1e6 ? [1e6, " million"] : value >= 1e4 ? [1e3, " thousand"] : [1, ""];
  return `${Number((value / scale).toPrecision(3)).toLocaleString("en")}${unit}`;
}

/** The number of steps a second with random actions, measured for `milliseconds`; then the batch is reset. */
export function measure(batch, milliseconds) {
  batch.reset();
  batch.drawActions();
  batch.step(10);
  const begun = performance.now();
  let steps = 0, passed = 0;
  while ((passed = performance.now() - begun) < milliseconds) {
    batch.drawActions();
    batch.step(50);
    steps += 50 * batch.rows;
  }
  batch.reset();
  return (1000 * steps) / passed;
}

/** Compares the hash of a fixed trajectory with the one that is promised, and writes both down. */
export function certify(core, name, promised) {
  const found = core.certificate(core.find(name));
  const same = found === promised;
  element("hash").textContent = `${name} ${found}`;
  element("verdict").textContent = same ? "✓ the bits of every other machine" : `✗ differs from ${promised}`;
  element("verdict").className = same ? "good" : "bad";
  return same;
}

/** The bounds of a slider: around the default, within the parameter's own bounds. */
function sliderRange({ value, low, high }) {
  const reach = value === 0 ? 1 : 3 * Math.abs(value);
  const from = value > 0 ? 0 : -reach, to = value < 0 ? 0 : reach;
  return [Math.max(low, from), Math.min(high, to)];
}

/** Numbers of a parameter that stand for something else, such as -1 for "the sum of the others", have no slider. */
function hasSlider({ value, low }) {
  return value !== low || value >= 0;
}

/** Lists a batch's parameters in the element `parameters`, each with a slider that sets it, except those `drawn` anew
 *  for every episode and those of which the picture is made. */
export function listParameters(batch, picture, drawn = {}) {
  const list = element("parameters"), isFixed = ({ name }) => name in drawn || picture.fixed?.test(name);
  list.replaceChildren();
  for (const parameter of batch.environment.parameters.filter((each) => hasSlider(each) && !isFixed(each))) {
    const label = document.createElement("label"), input = document.createElement("input");
    const output = document.createElement("output"), name = document.createElement("span");
    name.textContent = parameter.name.replaceAll("_", " ");
    const [low, high] = sliderRange(parameter);
    const unit = ["1", "bool"].includes(parameter.unit) ? "" : parameter.unit.replace(/(?<=[a-z])2/g, "²");
    const truth = parameter.unit === "bool", present = batch.parameters[parameter.name];
    input.type = truth ? "checkbox" : "range";
    input.name = parameter.name;
    if (truth) input.checked = present !== 0;
    else {
      const [min, max] = [Math.min(low, present), Math.max(high, present)];
      Object.assign(input, { min, max, step: "any", value: present });
    }
    const show = (value) => (output.textContent = truth ? (value ? "yes" : "no") : `${+value.toPrecision(3)} ${unit}`);
    show(present);
    input.addEventListener("input", () => {
      const value = truth ? +input.checked : +input.value;
      batch.setParameter(parameter.name, value);
      show(value);
    });
    label.append(name, input, output);
    list.append(label);
  }
}

/** Calls `draw` with the milliseconds since the last call, at most 100, before every frame. */
export function everyFrame(draw) {
  let last = performance.now();
  const next = (now) => {
    draw(Math.min(100, Math.max(0, now - last)));
    last = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}

/** A canvas with the pictures of the first environments of a batch. */
export class Stage {
  /** `facts` are those of the environment: its state's names, sizes and types. */
  constructor(canvas, facts) {
    this.canvas = canvas;
    this.drawing = new Drawing(canvas.getContext("2d", { alpha: false }), {});
    this.show(facts);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#readColours());
    this.#readColours();
  }

  /** Shows another environment from now on. */
  show(facts) {
    this.picture = pictureOf(facts.header);
    this.places = new Map();
    let place = 0;
    for (const { name, size, integer } of facts.state) {
      this.places.set(name, { place, integer });
      place += size;
    }
  }

  #readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of COLOURS) this.drawing.colours[name] = style.getPropertyValue(`--${name}`).trim();
  }

  /** The number of columns with the largest pictures for `count` environments; and the size of a cell in pixels. */
  #layOut(count) {
    const { canvas, picture } = this, aspect = picture.width / picture.height;
    let best = { columns: 1, cell: 0 };
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns);
      const cell = Math.min(canvas.width / columns, (canvas.height / rows) * aspect);
      if (cell > best.cell) best = { columns, cell };
    }
    this.columns = best.columns;
    this.rows = Math.ceil(count / best.columns);
    this.pitch = { x: canvas.width / this.columns, y: canvas.height / this.rows };
    const margin = best.cell > 40 ? 0.92 : best.cell > 12 ? 0.9 : 0.96;
    this.scale = (best.cell / picture.width) * margin;
  }

  /** Fits the canvas's pixels to its size on the screen. */
  #fit(count) {
    const ratio = Math.min(2, devicePixelRatio || 1), { canvas } = this;
    const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    const key = `${width} ${height} ${count} ${this.picture.width} ${this.picture.height}`;
    if (key === this.key) return;
    this.key = key;
    canvas.width = width;
    canvas.height = height;
    this.#layOut(count);
  }

  /** Reads number k of a part of the state of environment i. */
  reader(batch) {
    const { floats, integers, stride } = batch.state, { places } = this;
    const read = (name, k = 0) => {
      const { place, integer } = places.get(name);
      return (integer ? integers : floats)[(place + k) * stride + read.i];
    };
    read.i = 0;
    return read;
  }

  draw(batch) {
    this.#fit(batch.count);
    const { drawing, picture, columns, pitch, scale } = this, read = this.reader(batch);
    drawing.context.setTransform(1, 0, 0, 1, 0, 0);
    drawing.context.fillStyle = drawing.colours.paper;
    drawing.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const left = (pitch.x - scale * picture.width) / 2, top = (pitch.y - scale * picture.height) / 2;
    const agents = batch.environment.agents;
    for (let i = 0; i < batch.count; i++) {
      read.i = i;
      drawing.place((i % columns) * pitch.x + left, Math.floor(i / columns) * pitch.y + top, scale);
      picture.draw(drawing, read, batch.parameters, agents);
    }
  }

  /** The environment at a place on the screen, or -1; and the vector from its middle, in halves of its cell. */
  at(event, count) {
    const box = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.columns;
    const y = ((event.clientY - box.top) / box.height) * this.rows;
    const i = Math.floor(y) * this.columns + Math.floor(x);
    return { i: i < count ? i : -1, x: 2 * (x % 1) - 1, y: 2 * (y % 1) - 1 };
  }

  /** Adds a push by (x, y) to the state of environment i; returns false if the picture has none. */
  push(batch, i, x, y) {
    if (!this.picture.push) return false;
    const { floats, stride } = batch.state, read = this.reader(batch);
    read.i = i;
    for (const [name, change] of Object.entries(this.picture.push(read, x, y)))
      floats[this.places.get(name).place * stride + i] += change;
    return true;
  }
}
