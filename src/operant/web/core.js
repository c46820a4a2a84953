// core.js: the C core in a WebAssembly module, as objects. native/web/web.c is the other side.

// A module with one 128-bit instruction, which only engines with simd128 accept.
const WITH_VECTORS = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);
const DTYPES = [Int32Array, BigInt64Array, Float32Array, Float64Array, Uint8Array, Int8Array, Int16Array];
const ACTIVATIONS = ["tanh", "relu", "silu"];
const LAYERS = 8; // the most hidden layers of a network

/** Returns why pages cannot run here, or "". */
export function whyNot() {
  if (typeof WebAssembly !== "object") return "This browser has no WebAssembly, or it is switched off.";
  return "";
}

/** Returns true if the vector module runs here: it needs simd128, and unpacking needs DecompressionStream. */
export function hasVectors() {
  return typeof DecompressionStream === "function" && WebAssembly.validate(WITH_VECTORS);
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

async function unpacked(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Opens the module of a page: `modules.vector` is base64 of gzip, `modules.scalar` base64. */
export async function openCore(modules, scalar = false) {
  const vectors = !scalar && hasVectors();
  const bytes = vectors ? await unpacked(bytesOf(modules.vector)) : bytesOf(modules.scalar);
  return openBytes(bytes);
}

/** Opens a module from its bytes. */
export async function openBytes(bytes) {
  const { instance } = await WebAssembly.instantiate(bytes, {});
  instance.exports._initialize();
  return new Core(instance.exports);
}

/** The core. `environments` has an object for each environment, in alphabetical order. */
export class Core {
  constructor(exports) {
    this.c = exports;
    this.isa = this.text(exports.isa());
    this.environments = Array.from({ length: exports.environment_count() }, (_, index) => this.#environment(index));
  }

  /** Views `count` numbers in the module's memory; the view is valid until the next call that allocates. */
  view(Type, address, count) {
    return new Type(this.c.memory.buffer, address, count);
  }

  text(address) {
    const bytes = this.view(Uint8Array, address);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  }

  /** Copies numbers into new memory, and returns its address. */
  put(Type, values) {
    const address = this.c.allocate(Math.max(8, values.length * Type.BYTES_PER_ELEMENT));
    if (!address) throw new Error("out of memory");
    this.view(Type, address, values.length).set(values);
    return address;
  }

  find(name) {
    const found = this.environments.find((each) => each.name === name);
    if (!found) throw new Error(`unknown environment ${name}`);
    return found;
  }

  /** The hash of a fixed trajectory as 16 hexadecimal digits: the one that docs/exactness.md promises. */
  certificate(environment) {
    return hexadecimal(this.c.certificate(environment.index));
  }

  #environment(index) {
    const [name, stateSize, paramCount, observationSize, actionSize, actions, agents, dtype, parameters] = this.view(
      Int32Array, this.c.environment(index), 10,
    );
    const described = Array.from({ length: paramCount }, (_, k) => {
      const [parameterName, unit] = this.view(Int32Array, parameters + 32 * k, 2);
      const [value, low, high] = this.view(Float64Array, parameters + 32 * k + 8, 3);
      return { name: this.text(parameterName), unit: this.text(unit), value, low, high };
    });
    return {
      index, name: this.text(name), stateSize, observationSize, actionSize, actions, agents, dtype,
      parameters: described,
    };
  }
}

function hexadecimal(value) {
  return BigInt.asUintN(64, value).toString(16).padStart(16, "0");
}

function check(status, call) {
  if (status !== 0) throw new Error(`${call} failed with status ${status}`);
}

/** N copies of an environment that step together. An episode that ends begins anew in the same step. */
export class Batch {
  /** `limit` is the time limit in steps, 0 for none; environment i has the seed `seed` + i. */
  constructor(core, name, { count, limit = 0, seed = 0 }) {
    this.core = core;
    this.environment = core.find(name);
    this.count = count;
    this.rows = count * this.environment.agents;
    this.parameters = Object.fromEntries(this.environment.parameters.map((each) => [each.name, each.value]));
    this.handle = core.c.batch_open(this.environment.index, count, limit, seed);
    if (!this.handle) throw new Error(`${count} environments need more memory than is available`);
    this.bounds = 0;
  }

  close() {
    this.core.c.batch_close(this.handle);
    this.core.c.release(this.bounds);
    this.handle = this.bounds = 0;
  }

  reset() {
    check(this.core.c.batch_reset(this.handle), "reset");
  }

  step(count = 1) {
    check(this.core.c.batch_step(this.handle, count), "step");
  }

  /** Sets the bounds of random continuous actions: [action size] each. */
  bound(low, high) {
    this.core.c.release(this.bounds);
    this.bounds = this.core.put(Float32Array, [...low, ...high]);
  }

  drawActions() {
    this.core.c.batch_draw_actions(this.handle, this.bounds, this.bounds + 4 * this.environment.actionSize);
  }

  /** Sets a parameter of all environments; a value outside its bounds is refused. */
  setParameter(name, value) {
    const index = this.environment.parameters.findIndex((each) => each.name === name);
    check(this.core.c.batch_set_parameter(this.handle, index, value), `${name} = ${value}`);
    this.parameters[name] = value;
  }

  /** Draws a parameter from [low, high) for every episode from the next reset on. */
  randomize(name, low, high) {
    const index = this.environment.parameters.findIndex((each) => each.name === name);
    check(this.core.c.batch_randomize(this.handle, index, low, high), `${name} from ${low} to ${high}`);
  }

  /** [rows, observation size]. */
  get observations() {
    const Type = DTYPES[this.environment.dtype];
    const count = this.rows * this.environment.observationSize;
    return this.core.view(Type, this.core.c.batch_observations(this.handle), count);
  }

  /** [rows, action size]: integers or floats. */
  get actions() {
    const Type = this.environment.actions ? Int32Array : Float32Array;
    return this.core.view(Type, this.core.c.batch_actions(this.handle), this.rows * this.environment.actionSize);
  }

  /** [rows]. */
  get rewards() {
    return this.core.view(Float32Array, this.core.c.batch_rewards(this.handle), this.rows);
  }

  /** The episodes that have ended since the reset: their number, and their mean return and length. */
  get episodes() {
    const [count, returns, lengths] = this.core.view(Float64Array, this.core.c.batch_episodes(this.handle), 3);
    return { count, meanReturn: returns / count, meanLength: lengths / count };
  }

  /** The state's memory: number k of environment i is at k * stride + i, in `floats` or `integers`. */
  get state() {
    const { c } = this.core;
    const address = c.batch_state(this.handle), stride = c.batch_stride(this.handle);
    const count = this.environment.stateSize * stride;
    const floats = this.core.view(Float32Array, address, count);
    return { floats, integers: this.core.view(Int32Array, address, count), stride };
  }
}

const DEFAULTS = {
  steps: 1, epochs: 1, minibatches: 1, seed: 0, activation: "tanh", squash: false, normalizeObservations: false,
  normalizeRewards: false, hidden: [], valueHidden: [], learningRate: 3e-4, gamma: 0.99, lam: 0.95, clip: 0.2,
  valueCoefficient: 0.5, entropyCoefficient: 0, maxGradNorm: 0.5, logStd: 0, masks: null, low: [], high: [],
};

/** A policy and a value function, and PPO to train them. */
export class Trainer {
  /** `parts` are the inputs: [dtype, offset, count, choices, start] each. The other options are those of DEFAULTS. */
  constructor(core, batch, parts, options = {}) {
    const o = { ...DEFAULTS, ...options };
    this.core = core;
    this.batch = batch;
    this.memory = [
      core.put(Int32Array, parts.flat()),
      o.masks ? core.put(Uint8Array, o.masks.flat()) : 0,
      core.put(Float32Array, o.low),
      core.put(Float32Array, o.high),
      core.put(Uint8Array, new Array(256).fill(0)), // a message
      core.put(Float64Array, new Array(8).fill(0)), // metrics
    ];
    const padded = (widths) => [widths.length, ...widths, ...new Array(LAYERS - widths.length).fill(0)];
    const integers = [
      o.steps, o.epochs, o.minibatches, o.seed, ACTIVATIONS.indexOf(o.activation), o.squash, o.normalizeObservations,
      o.normalizeRewards, ...padded(o.hidden), ...padded(o.valueHidden),
    ];
    const floats = [
      o.learningRate, o.gamma, o.lam, o.clip, o.valueCoefficient, o.entropyCoefficient, o.maxGradNorm, o.logStd,
    ];
    const words = integers.length + floats.length + 5;
    const settings = core.put(Int32Array, new Array(words).fill(0));
    core.view(Int32Array, settings, words).set(integers);
    core.view(Float32Array, settings + 4 * integers.length, floats.length).set(floats);
    const last = [parts.length, ...this.memory.slice(0, 4)];
    core.view(Int32Array, settings + 4 * (integers.length + floats.length), 5).set(last);
    this.handle = core.c.trainer_open(batch.handle, settings, this.memory[4]);
    core.c.release(settings);
    if (!this.handle) throw new Error(core.text(this.memory[4]) || "the policy has too many inputs");
    this.rate = o.learningRate;
    this.clip = o.clip;
  }

  close() {
    this.core.c.trainer_close(this.handle);
    for (const address of this.memory) this.core.c.release(address);
    this.handle = 0;
  }

  /** Multiplies the learning rate by `factor` for the updates from now on. */
  anneal(factor) {
    check(this.core.c.trainer_adjust(this.handle, this.rate * factor, this.clip), "adjust");
  }

  /** Plays a rollout in the batch and learns from it. */
  update() {
    check(this.core.c.trainer_update(this.handle, this.batch.handle, this.memory[5]), "update");
  }

  /** The means over the minibatches of the last update. */
  get metrics() {
    const [policyLoss, valueLoss, entropy, divergence] = this.core.view(Float64Array, this.memory[5], 4);
    return { policyLoss, valueLoss, entropy, divergence };
  }

  /** Plays an episode in each environment of a batch with the most probable actions; returns the mean return. */
  evaluate(batch) {
    return this.core.c.trainer_evaluate(this.handle, batch.handle);
  }

  /** Writes the most probable actions for a batch's observations to its `actions`. */
  act(batch = this.batch) {
    check(this.core.c.trainer_act(this.handle, batch.handle), "act");
  }

  /** The mean return of the last 100 episodes; NaN before one has ended. */
  get recentReturn() {
    return this.core.c.trainer_recent_return(this.handle);
  }

  /** The parameters, in the order of native/train/train.h. */
  get parameters() {
    const count = this.core.c.trainer_parameter_count(this.handle);
    return this.core.view(Float32Array, this.core.c.trainer_parameters(this.handle), count);
  }

  get hash() {
    return hexadecimal(this.core.c.trainer_hash(this.handle));
  }

  /** Takes over a policy: its parameters, those of the value function being 0, and the observations' statistics. */
  restore(weights, moments = null) {
    this.parameters.fill(0).set(weights);
    if (moments) {
      const mean = this.core.put(Float64Array, moments.mean), squares = this.core.put(Float64Array, moments.squares);
      this.core.c.trainer_set_moments(this.handle, moments.count, mean, squares);
      for (const address of [mean, squares]) this.core.c.release(address);
    }
    check(this.core.c.trainer_restored(this.handle), "restore");
  }
}

/** The numbers of base64 of little-endian float32. */
export function floatsOf(base64) {
  return new Float32Array(bytesOf(base64).buffer);
}
