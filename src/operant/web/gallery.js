// gallery.js: thousands of any environment at once, with its parameters as sliders.

import { Batch } from "./core.js";
import { certify, element, everyFrame, listParameters, measure, runPage, short, Stage } from "./stage.js";

const COUNTS = [1, 16, 64, 256, 1024, 4096, 16384];
const MOST_STEPS_MS = 10; // of a frame
const MEASUREMENTS = 8, MEASURED_MS = 60;

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
    listParameters(this.batch, this.stage.picture);
    certify(this.core, header, facts.hash);
    this.owed = 0;
    this.steps = 0;
    this.since = performance.now();
    element("rate").textContent = element("now").textContent = "…";
    this.rate = 0;
    this.measurements = 0;
  }

  /** Steps as often as the time that passed asks for, but for 10 ms at most; then draws. */
  frame(passed) {
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
    if (this.measurements === 0) this.#measure(); // after the first picture, so that the page is there at once
    else if (performance.now() - this.since > 500) this.#report();
  }

  /** Measures for a moment; the best of several counts, because browsers compile better while code runs. */
  #measure() {
    this.measurements += 1;
    const facts = this.shown, batch = new Batch(this.core, facts.header, { count: 1024, limit: facts.limit });
    batch.bound(facts.low, facts.high);
    this.rate = Math.max(this.rate, measure(batch, MEASURED_MS));
    batch.close();
    element("rate").textContent = short(this.rate);
  }

  #report() {
    const { episodes } = this.batch, passed = performance.now() - this.since;
    element("now").textContent = short((1000 * this.steps) / passed);
    element("episodes").textContent = episodes.count.toLocaleString("en");
    element("return").textContent = short(episodes.meanReturn);
    if (this.measurements < MEASUREMENTS) this.#measure();
    this.steps = 0;
    this.since = performance.now();
  }
}

runPage((core, data) => {
  const gallery = new Gallery(core, data);
  everyFrame((passed) => gallery.frame(passed));
});
