"""Writes an environment of the catalog as one self-contained C header in the form of PufferLib's Ocean.

The header holds the physics of `native/envs/` and the one-lane float32 arithmetic of `native/core/` unchanged, so it
computes the same bits as the core. Code for several lanes, for float64 or for one instruction set is omitted.
"""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from operant.catalog import CATALOG, MULTIAGENT, bare_id
from operant.headers.sources import built_in_header, native_folder
from operant.spec import EnvSpec

# Conditions with a known value: one float lane, and no instruction set.
KNOWN = {"defined(LANES)": "1", "LANES": "1", "EXACT": "0"} | {
    f"defined({cpu})": "0" for cpu in ("__x86_64__", "__aarch64__", "__wasm_simd128__")
}

# Headers that core/target.h joins for batches: rows of several lanes, and the passes over many environments.
LEFT_OUT = ("interleave", "actions", "episodes")

OCEAN = Template("""\
/* ${file}: ${summary}
 * operant's ${id} for PufferLib's Ocean, written by `operant export`. SPDX-License-Identifier: MIT
 *
 * The same seed and actions give the same bits as operant's float32 build: environment i of operant's reset(seed=s) is
 * init(env); env->seed = s + i; c_reset(env). Compile with -ffp-contract=off: with FMA instructions (-march=native, or
 * Arm) a compiler may otherwise round a * b + c once instead of twice. -ffast-math breaks the physics and is refused.
 *
 * When an episode ends in c_step, it is logged and the next one begins at once: the observation is the next episode's
 * first; reward, terminal and truncation belong to the ended one. PufferLib 3.0's env_binding.h gives no truncations.
 * ${binding}
 *
 *   #include "${file}"
 *   #define Env ${struct}
 *   #include "../env_binding.h"
 *   static int my_init(Env* env, PyObject* args, PyObject* kwargs) {
 *       init(env);
 *       env->seed = (uint64_t)unpack(kwargs, "seed");
 *       return 0;
 *   }
 *   static int my_log(PyObject* dict, Log* log) {
 *       assign_to_dict(dict, "score", log->score);
 *       assign_to_dict(dict, "episode_return", log->episode_return);
 *       assign_to_dict(dict, "episode_length", log->episode_length);
 *       return 0;
 *   }
 */
#ifndef ${guard}
#define ${guard}
#ifdef OPERANT_EXPORTED
#error "a C file can include one header of operant export: give each environment its own binding.c"
#endif
#define OPERANT_EXPORTED
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "-ffast-math breaks the physics: angles are reduced by adding and subtracting one large number"
#endif
#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif
#define LANES 1
#define EXACT 0

${core}
${physics}
/* The rest is the same for all environments. */

#define DEFAULT(name, value, unit, low, high) value,
static const double ${name}_defaults[] = {PARAMETERS(DEFAULT)};
enum { ${name}_param_count = sizeof(${name}_params) / sizeof(vf) };

typedef struct Log Log;
struct Log { /* sums over the episodes that ended, once for each agent; PufferLib divides by n */
    float score;          /* the return again, under the name that PufferLib's sweeps read */
    float episode_return;
    float episode_length;
    float n;
};

typedef struct ${struct} ${struct};
struct ${struct} {
    ${observations_member} /* ${rows}[${observation_size}] ${observation} */
    ${actions_member} /* ${rows}[${action_size}] ${action} */
    float *rewards;             /* [${agents}] */
    unsigned char *terminals;   /* [${agents}] 1 where the episode ended by itself */
    unsigned char *truncations; /* [${agents}] 1 where max_episode_steps ended it; may be NULL */
    Log log;
    uint64_t seed;              /* decides the random numbers, together with the episode's number */
    uint32_t episode;           /* episodes begun since init */
    int elapsed;                /* steps of the current episode */
    int max_episode_steps;      /* the time limit; 0 never truncates */
    float episode_return[${name}_agents];
    ${name}_params params;
    ${name}_state state;
};

/** Sets the defaults: parameters, time limit, seed 0, no episode begun. Change them before c_reset. */
static inline void init(${struct} *env) {
    for (int k = 0; k < ${name}_param_count; k++) ((vf *)&env->params)[k] = (real)${name}_defaults[k];
    env->max_episode_steps = ${max_episode_steps};
    env->seed = 0;
    env->episode = 0;
    env->elapsed = 0;
    memset(&env->log, 0, sizeof env->log);
}

/** init, and allocates the arrays, for programs without PufferLib. */
static inline void allocate(${struct} *env) {
    init(env);
    env->observations = (${number} *)calloc(${name}_agents * ${name}_observation_size, sizeof(${number}));
    env->actions = (${action_type} *)calloc(${name}_agents * ${name}_action_size, sizeof(${action_type}));
    env->rewards = (float *)calloc(${name}_agents, sizeof(float));
    env->terminals = (unsigned char *)calloc(${name}_agents, 1);
    env->truncations = (unsigned char *)calloc(${name}_agents, 1);
}

static inline void free_allocated(${struct} *env) {
    free(env->observations);
    free(env->actions);
    free(env->rewards);
    free(env->terminals);
    free(env->truncations);
}

/** The random generator for `purpose`, from its `block` on. */
static inline rng generator(const ${struct} *env, uint32_t purpose, uint32_t block, uint32_t spare) {
    rng r = {(vu)env->seed, (vu)(env->seed >> 32) ^ purpose, env->episode, block, spare, 0, env->elapsed, 0};
    return r;
}

/** Writes the agents' observations. */
static inline void observe(${struct} *env, rng *r) {
    enum { size = ${name}_agents * ${name}_observation_size };
${observe}
}

static inline void c_reset(${struct} *env) {
    env->episode += 1;
    env->elapsed = 0;
    memset(env->episode_return, 0, sizeof env->episode_return);
    rng r = generator(env, FOR_RESET, 0, 0);
    ${name}_reset(&env->state, &r, &env->params);
    observe(env, &r);
}

static inline void c_step(${struct} *env) {
    ${name}_action action[${name}_agents * ${name}_action_size];
    for (int k = 0; k < ${name}_agents * ${name}_action_size; k++) ${take_action}
    rng r = generator(env, FOR_STEP, (uint32_t)env->elapsed * BLOCKS_PER_STEP, env->episode);
    int terminated = ${name}_step(&env->state, action, &r, &env->params, env->rewards) != 0;
    env->elapsed += 1;
    r.elapsed = env->elapsed;
    int truncated = env->elapsed == env->max_episode_steps;
    for (int agent = 0; agent < ${name}_agents; agent++) {
        env->episode_return[agent] += env->rewards[agent];
        env->terminals[agent] = (unsigned char)terminated;
        if (env->truncations) env->truncations[agent] = (unsigned char)truncated;
        if (!terminated && !truncated) continue;
        env->log.score += env->episode_return[agent];
        env->log.episode_return += env->episode_return[agent];
        env->log.episode_length += (float)env->elapsed;
        env->log.n += 1;
    }
    if (terminated || truncated) c_reset(env);
    else observe(env, &r);
}

/** Prints each agent's observation: there is no window. */
static inline void c_render(${struct} *env) {
    static const char *const names[] = {${names}};
    for (int k = 0; k < ${name}_agents * ${name}_observation_size; k++) {
        int d = k % ${name}_observation_size;
        int agent = k / ${name}_observation_size;
        if (d == 0) printf("${id} agent %d episode %u step %d:", agent, env->episode, env->elapsed);
        printf("  %s %.4f%s", names[d], (double)env->observations[k], d + 1 == ${name}_observation_size ? "\\n" : "");
    }
}

/** Nothing to free: the arrays are the caller's. */
static inline void c_close(${struct} *env) { (void)env; }

#undef PARAMETERS
#undef DEFAULT
#undef MEMBER
#undef R
#undef LANES
#undef EXACT
#endif
""")

ONE_AGENT = "A binding.c, whose module takes num_envs and seed like all of PufferLib's:"
SEVERAL_AGENTS = """\
Its {agents} agents are {agents} consecutive rows of every buffer: make each environment by binding.env_init with its
 * rows, and join them by binding.vectorize. A binding.c:"""
DISCRETE = "action[k] = env->actions[k] < 0 ? 0 : env->actions[k] >= {n} ? {last} : env->actions[k];"
CONTINUOUS = "action[k] = isfinite(env->actions[k]) ? env->actions[k] : 0;"


def exportable() -> dict[str, EnvSpec]:
    """Every environment, by its id and by its header's name (if ids share a header, the newest)."""
    ids = {**CATALOG, **MULTIAGENT}
    variants = [variant for spec in ids.values() for variant in (spec, *spec.variants.values())]
    return {spec.header: spec for spec in variants} | ids


def find_exportable(name: str) -> EnvSpec | None:
    """The environment with a header's name, or with an id in any form; None for an unknown name."""
    return exportable().get(bare_id(name))


def ocean_header(spec: EnvSpec, file: str) -> str:
    """The C header of an environment, which will be named `file`."""
    folder = native_folder()
    target = (folder / "core" / "target.h").read_text(encoding="utf-8")
    core = [name for name in re.findall(r'^#include "core/(\w+)\.h"', target, re.MULTILINE) if name not in LEFT_OUT]
    agents, n = max(1, len(spec.agents)), spec.actions
    if isinstance(n, tuple):
        raise ValueError(f"{spec.id} has actions of several components, which PufferLib's Ocean form does not support")
    number = {"float32": "float", "int64": "int64_t", "uint8": "unsigned char"}[spec.number_type]
    physics = resolve(re.sub(r"\bX\((\w+)\)", rf"{spec.header}_\1", _read(folder, built_in_header(spec.header))))
    return OCEAN.substitute(
        file=file,
        summary=spec.summary[0].lower() + spec.summary[1:],
        id=spec.id,
        name=spec.header,
        struct="".join(part.capitalize() for part in spec.header.split("_")),
        guard=f"OPERANT_{spec.header.upper()}_H",
        binding=ONE_AGENT if agents == 1 else SEVERAL_AGENTS.format(agents=agents),
        core="\n".join(resolve(_read(folder, f"core/{name}.h")) for name in core),
        physics=physics,
        agents=agents,
        rows="" if agents == 1 else f"[{agents}]",
        observation_size=spec.observation_size,
        observe=_observe_lines(spec, physics, number),
        number=number,
        observations_member=f"{number} *observations;".ljust(27),
        observation=", ".join(part.name for part in spec.observation) if agents == 1 else "named in c_render",
        action_type="int" if n else "float",
        actions_member=f"{'int' if n else 'float'} *actions;".ljust(27),
        action_size=1 if n else len(spec.action_bounds),
        action=f"0 to {n - 1}, clipped" if n else "numbers that are not finite count as 0",
        take_action=DISCRETE.format(n=n, last=n - 1) if n else CONTINUOUS,
        max_episode_steps=spec.max_episode_steps or 0,
        names=", ".join(f'"{name}"' for name in spec.observation_names),
    )


def _observe_lines(spec: EnvSpec, physics: str, number: str) -> str:
    """C code that copies the numbers written by X_observe, or unpacks them from its bit strings."""
    call = f"{spec.header}_observe(&env->state, r, &env->params, numbers);"
    bits = re.search(rf"#define {spec.header}_observes_bits (\d)", physics)
    if not bits:
        numbers = [f"{'vf' if number == 'float' else 'vi'} numbers[size];", call]
        lines = [*numbers, f"for (int k = 0; k < size; k++) env->observations[k] = ({number})numbers[k];"]
    else:
        bit = "((vu)numbers[plane * length + k / 32] >> k % 32 & 1)"
        lines = [
            f"enum {{ planes = {bits[1]}, length = (size + 31) / 32 }}; /* 32 numbers a word */",
            "vi numbers[planes * length];",
            call,
            "memset(env->observations, 0, size);",
            "for (int plane = 0; plane < planes; plane++)",
            f"    for (int k = 0; k < size; k++) env->observations[k] |= (unsigned char)({bit} << plane);",
        ]
    return "\n".join(f"    {line}" for line in lines)


def _read(folder: Path, name: str) -> str:
    """A header's text, with the headers of `envs/` that it includes inserted."""
    text = (folder / name).read_text(encoding="utf-8")
    return re.sub(r'^#include "(envs/.+)"$', lambda found: _read(folder, found[1]), text, flags=re.MULTILINE)


def resolve(source: str) -> str:
    """Removes the branches of C source that are dead under KNOWN; other conditions stay."""
    kept: list[str] = []
    # For each conditional around the line: is its current branch live (None: unknown), and has one been live so far.
    live: list[bool | None] = []
    done: list[bool] = []
    for line in source.splitlines():
        directive = re.match(r"#\s*(if|ifdef|ifndef|elif|else|endif)\b(.*)", line)
        if directive and directive[1].startswith("if"):
            live.append(_holds(directive[1], directive[2]))
            done.append(live[-1] is True)
            known = live[-1] is not None
        elif directive:
            known = live[-1] is not None
            if directive[1] == "endif":
                live.pop()
                done.pop()
            elif known:
                live[-1] = not done[-1] and (directive[1] == "else" or _holds("if", directive[2]))
                done[-1] = done[-1] or live[-1] is True
        if not (directive and known) and False not in live:
            kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


def _holds(kind: str, condition: str) -> bool | None:
    """The value of a condition; None if KNOWN does not decide it."""
    text = re.sub(r"/\*.*?\*/", "", condition).strip()
    if kind != "if":
        text = f"defined({text})" if kind == "ifdef" else f"!defined({text})"
    for name, value in KNOWN.items():
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", value, text)
    if not re.fullmatch(r"[\d\s()<>=!&|]+", text):
        return None
    return bool(eval(re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or "))))
