"""The load of a machine: CPU and memory of one process and of the whole machine, and the use of Nvidia GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GpuUse:
    """One GPU. `percent` is the share of time it was busy; `memory` is in use, `memory_total` exists, in bytes."""

    name: str
    percent: float
    memory: int
    memory_total: int


@dataclass(frozen=True)
class MachineUse:
    """The load of a process and of its machine since the last reading.

    cpu is in percent of one core, so that 200 means two cores; memory is in bytes. They are NaN and 0 after the process
    has ended. machine_cpu is in percent of all cores.
    """

    cpu: float
    memory: int
    machine_cpu: float
    machine_memory: int
    machine_memory_total: int
    gpus: tuple[GpuUse, ...]


class MachineReader:
    """Reads the load of the machine and of its process `pid`; pass `local=False` if `pid` runs on another machine.

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
        """Returns the load since the last call."""
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
    """Returns NVML's handles of the GPUs; an empty list without a GPU, its driver or nvidia-ml-py."""
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
