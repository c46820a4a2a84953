// play.js: a trained policy plays its environment, and the mouse disturbs it.

import { Batch, floatsOf, Trainer } from "./core.js";
import { certify, element, everyFrame, listParameters, runPage, short, Stage } from "./stage.js";

const COUNTS = [1, 4, 16, 64, 256, 1024];
const MARK_MS = 350; // for which a push is shown

class Play {
  constructor(core, data) {
    this.core = core;
    this.policies = data.policies;
    this.stage = new Stage(element("canvas"), this.policies[0].environment);
    this.marks = [];
    this.policies.forEach((policy, k) => element("policy").add(new Option(policy.title, k)));
    element("which").hidden = this.policies.length === 1;
    for (const count of COUNTS) element("count").add(new Option(count.toLocaleString("en"), count));
    element("count").value = new URLSearchParams(location.search).get("count") ?? 16;
    for (const id of ["policy", "count"]) element(id).addEventListener("change", () => this.open());
    for (const id of ["again", "defaults"]) element(id).addEventListener("click", () => this.open());
    this.#listen();
    this.open();
  }

  open() {
    this.trainer?.close();
    this.batch?.close();
    const policy = this.policies[+element("policy").value], facts = policy.environment;
    const count = +element("count").value;
    this.policy = policy;
    this.batch = new Batch(this.core, facts.header, { count, limit: policy.limit, seed: 1 });
    this.batch.bound(facts.low, facts.high);
    for (const [name, value] of Object.entries(policy.parameters)) this.batch.setParameter(name, value);
    for (const [name, [low, high]] of Object.entries(policy.ranges)) this.batch.randomize(name, low, high);
    const options = { ...policy.network, normalizeObservations: policy.moments !== null };
    this.trainer = new Trainer(this.core, this.batch, policy.parts, options);
    this.trainer.restore(floatsOf(policy.weights), policy.moments);
    this.stage.show(facts);
    this.batch.reset();
    this.owed = this.steps = 0;
    element("summary").textContent = `${facts.summary} ${policy.summary}`;
    this.stage.canvas.style.cursor = this.stage.picture.push ? "grab" : "";
    element("hint").textContent = this.stage.picture.push
      ? "Click on a picture to push it away from there, or drag it along."
      : "This environment has nothing that could be pushed: change its parameters below.";
    listParameters(this.batch, this.stage.picture, policy.ranges);
    certify(this.core, facts.header, facts.hash);
  }

  #listen() {
    const { canvas } = this.stage;
    let dragged = null;
    canvas.addEventListener("pointerdown", (event) => {
      const { i, x, y } = this.stage.at(event, this.batch.count);
      const far = Math.hypot(x, y) || 1;
      dragged = { i, x: event.clientX, y: event.clientY };
      this.#push(i, -x / far, -y / far, event);
    });
    addEventListener("pointerup", () => (dragged = null));
    canvas.addEventListener("pointermove", (event) => {
      if (!dragged) return;
      const x = (event.clientX - dragged.x) / 60, y = (event.clientY - dragged.y) / 60;
      if (Math.hypot(x, y) < 0.2) return;
      this.#push(dragged.i, x, y, event);
      dragged.x = event.clientX;
      dragged.y = event.clientY;
    });
  }

  #push(i, x, y, event) {
    if (i < 0 || !this.stage.push(this.batch, i, x, y)) return;
    this.core.c.batch_observe(this.batch.handle);
    const box = this.stage.canvas.getBoundingClientRect();
    this.marks.push({ x: event.clientX - box.left, y: event.clientY - box.top, dx: x, dy: y, at: performance.now() });
    document.documentElement.dataset.pushes = +(document.documentElement.dataset.pushes ?? 0) + 1;
  }

  frame(passed) {
    this.owed = Math.min(4, this.owed + (passed / 1000) * this.policy.environment.fps * +element("speed").value);
    for (; this.owed >= 1; this.owed--) {
      if (element("actor").value === "policy") this.trainer.act();
      else this.batch.drawActions();
      this.batch.step();
      this.steps += this.batch.rows;
    }
    this.stage.draw(this.batch);
    this.#drawMarks();
    const { episodes } = this.batch;
    element("steps").textContent = this.steps.toLocaleString("en");
    element("episodes").textContent = episodes.count.toLocaleString("en");
    element("return").textContent = short(episodes.meanReturn);
    element("length").textContent = short(episodes.meanLength);
  }

  /** Draws the last pushes as arrows that fade. */
  #drawMarks() {
    const { drawing, canvas } = this.stage, ratio = canvas.width / canvas.clientWidth, now = performance.now();
    this.marks = this.marks.filter((mark) => now - mark.at < MARK_MS);
    drawing.place(0, 0, ratio);
    for (const { x, y, dx, dy, at } of this.marks) {
      drawing.context.globalAlpha = 1 - (now - at) / MARK_MS;
      drawing.line([x, y, x + 28 * dx, y + 28 * dy], "bad", 4);
      drawing.disc(x + 28 * dx, y + 28 * dy, 5, "bad");
    }
    drawing.context.globalAlpha = 1;
  }
}

runPage((core, data) => {
  const play = new Play(core, data);
  everyFrame((passed) => play.frame(passed));
});
