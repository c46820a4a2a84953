// module.mjs: runs a module in Node.js. Usage: node module.mjs MODULE.wasm [POLICIES.json]. Prints JSON.
import { readFile } from "node:fs/promises";
import { Batch, floatsOf, openBytes, Trainer } from "../../src/operant/web/core.js";
import { pictureOf } from "../../src/operant/web/pictures.js";

const [module, policies] = process.argv.slice(2);
const core = await openBytes(await readFile(module));
const base64 = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");

/** Two updates in 32 CartPoles, as on the page that learns. */
function learned() {
  const batch = new Batch(core, "cartpole", { count: 32, limit: 500, seed: 1_000_000 });
  batch.reset();
  const layers = { hidden: [32], valueHidden: [32] }, settings = { steps: 32, epochs: 4, minibatches: 16, lam: 0.9 };
  const trainer = new Trainer(core, batch, [[2, 0, 4, 0, 0]], { ...layers, ...settings, learningRate: 5e-3, seed: 1 });
  for (let update = 0; update < 2; update++) trainer.update();
  return trainer.hash;
}

/** The observations and greedy actions of 40 steps in 5 environments. */
function played({ environment, limit, parameters, parts, network, weights, moments }) {
  const batch = new Batch(core, environment.header, { count: 5, limit, seed: 3 });
  for (const [name, value] of Object.entries(parameters)) batch.setParameter(name, value);
  const trainer = new Trainer(core, batch, parts, { ...network, normalizeObservations: moments !== null });
  trainer.restore(floatsOf(weights), moments);
  batch.reset();
  const steps = [];
  for (let step = 0; step < 40; step++) {
    trainer.act();
    steps.push({ observations: base64(batch.observations), actions: base64(batch.actions) });
    batch.step();
  }
  return steps;
}

const environments = core.environments.map((each) => {
  const { width, height } = pictureOf(each.name);
  const parameters = each.parameters.map((one) => [one.name, one.unit, one.value, `${one.low}`, `${one.high}`]);
  return { name: each.name, hash: core.certificate(each), parameters, picture: width > 0 && height > 0 };
});
const runs = policies ? JSON.parse(await readFile(policies, "utf8")).map(played) : [];
console.log(JSON.stringify({ isa: core.isa, environments, learned: learned(), played: runs }));
