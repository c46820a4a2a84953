// learn.js: PPO solves CartPole while one watches. The settings are those of examples/train.c.

import { Batch, Trainer } from "./core.js";
import { certify, element, everyFrame, runPage, short, Stage } from "./stage.js";

const TRAINED = 32, SHOWN = 64, JUDGED = 100, STEPS = 32, TOTAL = 400_000, SOLVED = 500;
const SETTINGS = {
  steps: STEPS, epochs: 4, minibatches: 16, hidden: [32], valueHidden: [32], learningRate: 5e-3, gamma: 0.99, lam: 0.9,
};
const PARTS = [[2, 0, 4, 0, 0]]; // four float32
const MOST_MS = 14; // of updates in a frame

class Learn {
  constructor(core, facts) {
    this.core = core;
    this.facts = facts;
    this.stage = new Stage(element("canvas"), facts);
    this.curve = element("curve");
    this.seed = +(new URLSearchParams(location.search).get("seed") ?? 1);
    element("again").addEventListener("click", () => {
      this.seed += 1;
      this.open();
    });
    element("canvas").addEventListener("pointerdown", (event) => {
      const { i, x, y } = this.stage.at(event, SHOWN);
      if (i >= 0) this.stage.push(this.shown, i, -Math.sign(x), -Math.sign(y));
      this.core.c.batch_observe(this.shown.handle);
    });
    certify(core, facts.header, facts.hash);
    this.open();
  }

  open() {
    this.trainer?.close();
    for (const batch of [this.trained, this.shown, this.judge]) batch?.close();
    const limit = this.facts.limit, open = (count, seed) => new Batch(this.core, "cartpole", { count, limit, seed });
    this.trained = open(TRAINED, this.seed * 1_000_000);
    this.shown = open(SHOWN, 1);
    this.judge = open(JUDGED, 7);
    this.trainer = new Trainer(this.core, this.trained, PARTS, { ...SETTINGS, seed: this.seed });
    for (const batch of [this.trained, this.shown]) batch.reset();
    this.updates = this.steps = this.owed = this.milliseconds = this.score = 0;
    this.points = [];
    this.scores = [];
    this.begun = performance.now();
    this.finished = false;
    element("seed").textContent = this.seed;
    element("outcome").textContent = "It begins with random weights.";
    delete document.documentElement.dataset.solved;
  }

  #update() {
    const begun = performance.now();
    this.trainer.anneal(1 - this.steps / TOTAL);
    this.trainer.update();
    this.steps += TRAINED * STEPS;
    this.updates += 1;
    const mean = this.trainer.recentReturn, last = this.steps + TRAINED * STEPS > TOTAL;
    if (mean >= 0.8 * SOLVED || this.updates % 32 === 0 || last) {
      this.score = this.trainer.evaluate(this.judge);
      this.scores.push([this.steps, this.score]);
    }
    this.milliseconds += performance.now() - begun;
    if (Number.isFinite(mean)) this.points.push([this.steps, mean]);
    if (this.score >= SOLVED || last) this.#finish();
  }

  #finish() {
    this.finished = true;
    const seconds = ((performance.now() - this.begun) / 1000).toFixed(1), steps = this.steps.toLocaleString("en");
    const { dataset } = document.documentElement;
    if (this.score >= SOLVED) dataset.solved = seconds;
    element("outcome").textContent =
      this.score >= SOLVED
        ? `Solved after ${steps} steps and ${seconds} seconds: 100 of 100 episodes last until the time limit.`
        : `Not solved within ${steps} steps: the mean return of 100 episodes is ${short(this.score)}.`;
  }

  frame(passed) {
    const begun = performance.now();
    this.owed = Math.min(8, this.owed + (passed / 1000) * +element("pace").value);
    while (!this.finished && this.owed >= 1 && performance.now() - begun < MOST_MS) {
      this.#update();
      this.owed -= 1;
    }
    this.rest = Math.min(3, (this.rest ?? 0) + (passed / 1000) * this.facts.fps);
    for (; this.rest >= 1; this.rest--) {
      this.trainer.act(this.shown);
      this.shown.step();
    }
    this.stage.draw(this.shown);
    this.#drawCurve();
    element("steps").textContent = this.steps.toLocaleString("en");
    element("time").textContent = `${(this.milliseconds / 1000).toFixed(2)} s`;
    element("return").textContent = short(this.trainer.recentReturn);
    element("entropy").textContent = short(this.trainer.metrics.entropy);
    element("weights").textContent = this.trainer.hash;
  }

  #drawCurve() {
    const { curve } = this, ratio = Math.min(2, devicePixelRatio || 1), { colours } = this.stage.drawing;
    const width = curve.clientWidth, height = curve.clientHeight, c = curve.getContext("2d");
    if (curve.width !== Math.round(width * ratio) || curve.height !== Math.round(height * ratio)) {
      curve.width = Math.round(width * ratio);
      curve.height = Math.round(height * ratio);
    }
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.fillStyle = colours.paper;
    c.fillRect(0, 0, width, height);
    const left = 40, right = width - 12, top = 10, bottom = height - 24, most = Math.max(40_000, this.steps);
    const at = ([steps, value]) => [left + ((right - left) * steps) / most, bottom - ((bottom - top) * value) / SOLVED];
    c.font = "12px system-ui, sans-serif";
    c.fillStyle = c.strokeStyle = colours.faint;
    c.lineWidth = 1;
    c.textBaseline = "middle";
    for (const value of [0, 250, 500]) {
      const [, y] = at([0, value]);
      c.globalAlpha = 0.5;
      c.beginPath();
      c.moveTo(left, y);
      c.lineTo(right, y);
      c.stroke();
      c.globalAlpha = 1;
      c.textAlign = "right";
      c.fillText(value, left - 6, y);
    }
    c.textAlign = "right";
    c.fillText(`${short(most)} steps`, right, height - 10);
    c.strokeStyle = colours.accent;
    c.lineWidth = 2;
    c.beginPath();
    for (const point of this.points) c.lineTo(...at(point));
    c.stroke();
    c.fillStyle = colours.good;
    for (const point of this.scores) {
      c.beginPath();
      c.arc(...at(point), 3.5, 0, 2 * Math.PI);
      c.fill();
    }
  }
}

runPage((core, data) => {
  const learn = new Learn(core, data.environment);
  everyFrame((passed) => learn.frame(passed));
});
