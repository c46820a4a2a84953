"""How busy the machine is: a process's CPU time and memory, the machine's, and those of Nvidia GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GpuUse:
    """One GPU: its `name`, `percent` of the time at work, memory used and there, in bytes."""

    name: str
    percent: float
    memory: int
    memory_total: int


@dataclass(frozen=True)
class MachineUse:
    """A process and its machine since the last reading.

    cpu is in percent of one core, so that 200 is two cores, and memory in bytes; NaN and 0 once the process has gone.
    machine_cpu is in percent of all cores.
    """

    cpu: float
    memory: int
    machine_cpu: float
    machine_memory: int
    machine_memory_total: int
    gpus: tuple[GpuUse, ...]


class MachineReader:
    """Reads the use that the process `pid` makes of the machine; `local=False`: it runs on another one.

    Raises:
        ImportError: psutil is not installed.
    """

    def __init__(self, pid: int, local: bool = True):
        try:
            import psutil
        except ImportError:
            raise ImportError(
                "reading CPU and memory use needs psutil: pip install 'operant[monitor]'", name="psutil"
            ) from None
        self._psutil: Any = psutil
        self._process: Any = None
        try:
            if local:
                self._process = psutil.Process(pid)
                self._process.cpu_percent()  # the first reading has nothing to compare with
        except psutil.Error:
            self._process = None
        psutil.cpu_percent()
        self._gpus = _gpus()

    def read(self) -> MachineUse:
        """The use since the last call."""
        cpu, memory = float("nan"), 0
        try:
            if self._process is not None:
                cpu, memory = self._process.cpu_percent(), self._process.memory_info().rss
        except self._psutil.Error:
            self._process = None
        whole = self._psutil.virtual_memory()
        return MachineUse(
            cpu,
            memory,
            self._psutil.cpu_percent(),
            whole.total - whole.available,
            whole.total,
            tuple(use for gpu in self._gpus if (use := _gpu_use(gpu)) is not None),
        )


def _gpus() -> list[Any]:
    """Nvidia's handles; none without a GPU, its driver or nvidia-ml-py."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(k) for k in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []


def _gpu_use(handle: Any) -> GpuUse | None:
    import pynvml

    try:
        name = pynvml.nvmlDeviceGetName(handle)
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        percent = float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except pynvml.NVMLError:
        return None
    return GpuUse(name if isinstance(name, str) else name.decode(), percent, int(memory.used), int(memory.total))
