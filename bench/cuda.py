"""The rows of `operant bench --device cuda`: environments in a GPU's memory against a copy kernel and against the CPU.

The GPU's work is timed by CUDA events around all calls of a measurement, the CPU's work by the clock.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from operant.batch.core import defaults
from operant.bench import peers
from operant.bench.machine import version
from operant.bench.report import Measure, Row, Target
from operant.bench.timing import Contender, timed
from operant.bench.workloads import STANDARD, Plan
from operant.catalog import CATALOG
from operant.environments.spaces import action_space
from operant.spec import EnvSpec
from operant.workers.choice import available_cores

if TYPE_CHECKING:
    from torch import Tensor

    from operant.cuda.batch import CudaBatch
    from operant.cuda.engine import Engine

SIZE = 1 << 22  # environments; the targets are stated for this size
EMULATED_SIZE = 1 << 10
SMALL_SIZES = (4096, 65_536)
OTHERS = ("MountainCar-v0", "Pendulum-v1", "Acrobot-v1", "Quadrotor-v0", "Snake-v0")
OTHERS_SIZE = 1 << 20
COPY_BYTES, EMULATED_COPY_BYTES = 1 << 30, 1 << 20  # the first is larger than any GPU's caches
ACTION_SETS = 4  # distinct tensors of actions, cycled
GRAPH_STEPS = 32  # the steps of a rollout


@dataclasses.dataclass(frozen=True)
class DevicePlan(Plan):
    """A plan for the rows on a device: "cuda", "cuda:1", or "emulated"."""

    sizes: tuple[int, ...] = (SIZE,)
    device: str = "cuda"

    @functools.cached_property
    def engine(self) -> Engine:
        from operant.cuda.open import open_engine  # imports torch

        return open_engine(self.device)

    @property
    def emulated(self) -> bool:
        return self.engine.device.type != "cuda"

    def target(self, num_envs: int = SIZE, **bound: Any) -> Target | None:
        """Returns a target for CartPole-v1 in batches of SIZE on a GPU, and None for anything else."""
        judged = not self.emulated and (self.spec.id, num_envs) == ("CartPole-v1", SIZE)
        return Target(**bound) if judged else None

    def size(self, num_envs: int) -> int:
        """Returns the size of a batch, which is smaller on the emulated device."""
        return min(num_envs, EMULATED_SIZE) if self.emulated else num_envs

    def titled(self, title: str) -> str:
        return f"{title}, emulated: speeds mean nothing" if self.emulated else title

    @contextlib.contextmanager
    def selected(self) -> Iterator[None]:
        """Makes the GPU PyTorch's current one; raises MemoryError if its memory does not suffice."""
        import torch

        with contextlib.nullcontext() if self.emulated else torch.cuda.device(self.engine.device):
            try:
                yield
            except torch.OutOfMemoryError as problem:
                raise MemoryError(str(problem).splitlines()[0]) from problem


def describe_device(plan: DevicePlan) -> dict[str, str]:
    """Returns the device, its driver and its compiler by name, in the order to print them."""
    emulated = plan.emulated  # first, because it says what to install
    import torch

    facts = {"torch": str(torch.__version__)}
    if emulated:
        return facts | {"device": "emulated: the GPU's code runs thread by thread on the CPU; its speeds mean nothing"}
    properties = torch.cuda.get_device_properties(plan.engine.device)
    driver = getattr(plan.engine, "driver_version", 0)
    facts["GPU"] = (
        f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, {properties.multi_processor_count} SM"
    )
    facts["driver's CUDA"] = f"{driver // 1000}.{driver % 1000 // 10}"
    facts["NVRTC"] = version("nvidia-cuda-nvrtc") or version("nvidia-cuda-nvrtc-cu12") or "not installed"
    return facts


def cuda_step(plan: DevicePlan) -> Iterator[Row]:
    """Steps on the GPU against its copy kernel and against the CPU."""
    for num_envs in plan.sizes:
        moved = bytes_per_step(plan.spec)
        with contextlib.ExitStack() as stack:
            ours = device_step(stack, plan, plan.spec, num_envs, "operant on the device")
            copy = copy_contender(plan, moved)
            workers = available_cores()
            all_cores = peers.operant_vector(
                stack, plan.spec.id, num_envs, f"operant on the CPU, {workers} worker(s)", workers=workers
            )
            few = min(num_envs, STANDARD)
            one = peers.operant_vector(
                stack, plan.spec.id, few, f"operant on the CPU, one worker, {few:,} environments"
            )
            comparison = plan.compare([ours, copy, all_cores, one])
        title = f"{plan.spec.id}, {num_envs:,} environments, SAME_STEP, copy=False, {moved} bytes a step"
        result = Row("cuda_step", plan.titled(title), comparison, "the device is faster")
        for cpu in (all_cores, one):
            result.add_ratio(cpu.name, f"times {cpu.name}", comparison.ratios(ours.name, cpu.name))
        name = f"{plan.spec.id}, {num_envs:,} environments"
        rates, ratios = comparison.rates(ours.name), comparison.ratios(ours.name, copy.name)
        shares = [100 * ratio for ratio in ratios]
        copied = [moved * rate / 1e9 for rate in comparison.rates(copy.name)]
        result.measures += [
            Measure(name, "steps/s", rates, plan.target(num_envs, at_least=20e9), restated=True),
            Measure(f"{name}: share of the copy's bandwidth", "%", shares, plan.target(num_envs, at_least=60.0)),
            Measure("the copy's bandwidth, read and written", "GB/s", copied),
        ]
        result.notes.append("Bytes that the end of an episode moves in addition are not counted.")
        yield result


def cuda_environments(plan: DevicePlan) -> Iterator[Row]:
    """Other environments on the GPU, each as a share of the copy kernel's bandwidth."""
    num_envs = plan.size(OTHERS_SIZE)
    specs = [CATALOG[name] for name in OTHERS]
    with contextlib.ExitStack() as stack:
        steps = [device_step(stack, plan, spec, num_envs, spec.id) for spec in specs]
        moved = [
            dataclasses.replace(step, work=step.work * bytes_per_step(spec))
            for step, spec in zip(steps, specs, strict=True)
        ]
        copy = copy_contender(plan, 1)
        comparison = plan.compare([*moved, copy])
    title = plan.titled(f"{num_envs:,} environments, SAME_STEP, copy=False")
    result = Row("cuda_environments", title, comparison, "of the copy", ("GB/s", 1e9))
    for step, spec in zip(steps, specs, strict=True):
        result.add_ratio(step.name, f"{step.name}, times the copy", comparison.ratios(step.name, copy.name))
        size = bytes_per_step(spec)
        rates = [rate / size for rate in comparison.rates(step.name)]
        result.measures.append(Measure(f"{spec.id}, {size} bytes a step", "steps/s", rates))
    result.notes.append("A step that draws random numbers moves 12 bytes more; the end of an episode is not counted.")
    yield result


def cuda_graph(plan: DevicePlan) -> Iterator[Row]:
    """Smaller batches on the GPU: one launch per step, and many steps in one CUDA graph."""
    for num_envs in dict.fromkeys(map(plan.size, SMALL_SIZES)):
        with contextlib.ExitStack() as stack:
            each = device_step(stack, plan, plan.spec, num_envs, "a launch a step")
            graph = device_step(stack, plan, plan.spec, num_envs, f"{GRAPH_STEPS} steps a graph", at_once=GRAPH_STEPS)
            cpu = peers.operant_vector(stack, plan.spec.id, num_envs, "operant on the CPU, one worker")
            comparison = plan.compare([each, graph, cpu])
        title = plan.titled(f"{plan.spec.id}, {num_envs:,} environments, SAME_STEP, copy=False")
        result = Row("cuda_graph", title, comparison, "the graph is faster")
        for other in (each, cpu):
            label = f"a graph, {num_envs:,} environments, times {other.name}"
            result.add_ratio(other.name, label, comparison.ratios(graph.name, other.name))
        yield result


ROWS: dict[str, Callable[[DevicePlan], Iterator[Row]]] = {
    each.__name__: each for each in (cuda_step, cuda_environments, cuda_graph)
}
FOR_ANY_ENVIRONMENT = ("cuda_step", "cuda_graph")


def bytes_per_step(spec: EnvSpec) -> int:
    """Counts the bytes that one step of one environment reads and writes in a GPU's memory; see native/cuda/layout.h.

    Each environment reads and writes its state and its elapsed steps. Each row reads the action (int32 or float32),
    reads and writes the episode's return, and writes the observation, the reward and two flags. Parameters are the same
    for all environments and stay in the caches.
    """
    components = len(spec.action_counts) + len(spec.action_bounds)
    number = np.dtype(spec.number_type).itemsize
    row = 4 * components + 2 * 4 + number * spec.observation_size + 4 + 2
    return 2 * 4 * spec.state_size + 2 * 4 + max(1, len(spec.agents)) * row


def device_step(
    stack: contextlib.ExitStack, plan: DevicePlan, spec: EnvSpec, num_envs: int, name: str, *, at_once: int = 1
) -> Contender:
    """Makes a contender whose call is `at_once` steps of a batch on the device, in SAME_STEP mode.

    Several steps are one CUDA graph.
    """
    from operant.cuda.batch import CudaBatch
    from operant.cuda.graphs import WARM_UPS, Graph

    batch = CudaBatch(
        spec,
        num_envs,
        device=plan.engine,
        autoreset="SameStep",
        max_episode_steps=spec.max_episode_steps,
        copy=False,
    )
    stack.callback(batch.close)
    stack.callback(batch.check)
    batch.seed(0)
    batch.reset()
    endless = itertools.cycle(prepare_actions(batch))

    def step() -> None:
        for _ in range(at_once):
            batch.step(next(endless))

    call: Callable[[], object] = step
    if at_once > 1:
        call = Graph(step, plan.engine.device)
        for _ in range(WARM_UPS + 1):  # the last call records the graph
            call()
    return Contender(name, timed_on(plan.engine, call), float(num_envs * at_once))


def prepare_actions(batch: CudaBatch) -> list[Tensor]:
    """Draws random actions on the batch's device: `ACTION_SETS` tensors of int32 or float32."""
    import torch

    space: Any = action_space(batch.spec, defaults(batch.spec))
    generator = torch.Generator(batch.device).manual_seed(0)
    sets = (torch.rand(batch.actions.shape, generator=generator, device=batch.device) for _ in range(ACTION_SETS))
    if batch.actions.discrete:
        counts = torch.tensor(batch.spec.action_counts, device=batch.device)
        counts = counts if len(batch.actions.shape) > 1 else counts[0]
        return [torch.minimum((uniform * counts).int(), counts.int() - 1) for uniform in sets]
    low, high = (torch.from_numpy(np.asarray(bound, np.float32)).to(batch.device) for bound in (space.low, space.high))
    return [low + (high - low) * uniform for uniform in sets]


def copy_contender(plan: DevicePlan, unit: int) -> Contender:
    """Makes a contender of `torch.Tensor.copy_` on the device; its work is the bytes read and written over `unit`."""
    import torch

    size = EMULATED_COPY_BYTES if plan.emulated else COPY_BYTES
    source, target = (torch.zeros(size, dtype=torch.uint8, device=plan.engine.device) for _ in range(2))
    name = f"copy_ of {size >> 20:,} MiB" + (f", {unit} bytes as a step" if unit > 1 else "")
    return Contender(name, timed_on(plan.engine, lambda: target.copy_(source)), 2 * size / unit)


def timed_on(engine: Engine, call: Callable[[], object]) -> Callable[[int], float]:
    """Returns a `Contender.measure` for a call that starts work on the device: it times the work from start to end."""
    import torch

    if engine.device.type != "cuda":
        return timed(call)

    def measure(calls: int) -> float:
        event: Any = torch.cuda.Event
        begun, ended = event(enable_timing=True), event(enable_timing=True)
        begun.record()
        for _ in itertools.repeat(None, calls):
            call()
        ended.record()
        ended.synchronize()
        return float(begun.elapsed_time(ended)) / 1e3

    return measure
