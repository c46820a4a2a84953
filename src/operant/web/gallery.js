// gallery.js: thousands of any environment at once, with its parameters as sliders.

import { Batch } from "./core.js";
import { certify, element, measure, runPage, short, Stage } from "./stage.js";

const COUNTS = [1, 16, 64, 256, 1024, 4096, 16384];
const MOST_STEPS_MS = 10; // of a frame

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

class Gallery {
  constructor(core, data) {
    this.core = core;
    this.facts = data.environments;
    this.stage = new Stage(element("canvas"), this.facts[0]);
    for (const facts of this.facts) element("environment").add(new Option(facts.title, facts.header));
    for (const count of COUNTS) element("count").add(new Option(count.toLocaleString("en"), count));
    const wanted = new URLSearchParams(location.search);
    element("environment").value = wanted.get("environment") ?? "cartpole";
    element("count").value = wanted.get("count") ?? 1024;
    for (const id of ["environment", "count"]) element(id).addEventListener("change", () => this.open());
    element("defaults").addEventListener("click", () => this.open());
    this.open();
  }

  open() {
    this.batch?.close();
    const header = element("environment").value, count = +element("count").value;
    const facts = this.facts.find((each) => each.header === header);
    this.shown = facts;
    this.batch = new Batch(this.core, header, { count, limit: facts.limit, seed: 1 });
    this.batch.bound(facts.low, facts.high);
    this.stage.show(facts);
    this.batch.reset();
    element("summary").textContent = facts.summary;
    this.#listParameters();
    certify(this.core, header, facts.hash);
    this.owed = 0;
    this.steps = 0;
    this.since = performance.now();
    element("rate").textContent = element("now").textContent = "…";
    this.unmeasured = true;
  }

  #listParameters() {
    const list = element("parameters");
    list.replaceChildren();
    for (const parameter of this.batch.environment.parameters.filter(hasSlider)) {
      const label = document.createElement("label"), input = document.createElement("input");
      const output = document.createElement("output"), name = document.createElement("span");
      name.textContent = parameter.name.replaceAll("_", " ");
      const [low, high] = sliderRange(parameter), unit = ["1", "bool"].includes(parameter.unit) ? "" : parameter.unit;
      const truth = parameter.unit === "bool";
      input.type = truth ? "checkbox" : "range";
      if (truth) input.checked = parameter.value !== 0;
      else Object.assign(input, { min: low, max: high, step: "any", value: parameter.value });
      const show = (value) => (output.textContent = truth ? (value ? "yes" : "no") : `${+value.toPrecision(3)} ${unit}`);
      show(parameter.value);
      input.addEventListener("input", () => {
        const value = truth ? +input.checked : +input.value;
        this.batch.setParameter(parameter.name, value);
        show(value);
      });
      label.append(name, input, output);
      list.append(label);
    }
  }

  /** Steps as often as the time that passed asks for, but for 10 ms at most; then draws. */
  frame(now) {
    const passed = Math.min(100, now - (this.last ?? now));
    this.last = now;
    this.owed += (passed / 1000) * this.shown.fps * +element("speed").value;
    const begun = performance.now();
    while (this.owed >= 1 && performance.now() - begun < MOST_STEPS_MS) {
      this.batch.drawActions();
      this.batch.step();
      this.owed -= 1;
      this.steps += this.batch.rows;
    }
    this.owed = Math.min(this.owed, 1);
    this.stage.draw(this.batch);
    if (this.unmeasured) this.#measure();
    else if (performance.now() - this.since > 500) this.#report();
  }

  /** Measures after the first picture, so that the page is there at once. */
  #measure() {
    this.unmeasured = false;
    const facts = this.shown, batch = new Batch(this.core, facts.header, { count: 1024, limit: facts.limit });
    batch.bound(facts.low, facts.high);
    const rate = measure(batch, 100);
    batch.close();
    element("rate").textContent = short(rate);
    document.documentElement.dataset.rate = Math.round(rate);
  }

  #report() {
    const { episodes } = this.batch, passed = performance.now() - this.since;
    element("now").textContent = short((1000 * this.steps) / passed);
    element("episodes").textContent = episodes.count.toLocaleString("en");
    element("return").textContent = short(episodes.meanReturn);
    this.steps = 0;
    this.since = performance.now();
  }
}

runPage((core, data) => {
  const gallery = new Gallery(core, data);
  const draw = (now) => {
    gallery.frame(now);
    requestAnimationFrame(draw);
  };
  requestAnimationFrame(draw);
});
