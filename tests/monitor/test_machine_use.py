import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from operant.monitor.machine_use import GpuUse, MachineReader


def test_a_busy_process_uses_a_core_and_memory():
    reader = MachineReader(os.getpid())
    began = time.process_time()
    while time.process_time() - began < 0.3:
        pass
    use = reader.read()
    assert use.cpu > 1
    assert 10e6 < use.memory < use.machine_memory_total
    assert 0 <= use.machine_cpu <= 100
    assert 0 < use.machine_memory < use.machine_memory_total


def test_an_ended_process_uses_nothing():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    reader = MachineReader(process.pid)
    assert reader.read().memory > 0
    process.communicate(b"\n")
    use = reader.read()
    assert str(use.cpu) == "nan"
    assert use.memory == 0
    assert use.machine_memory > 0


def test_the_process_of_another_machine_is_not_looked_for():
    assert MachineReader(os.getpid(), local=False).read().memory == 0


def test_without_psutil_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(ImportError, match=r"needs psutil: pip install 'operant\[monitor\]'"):
        MachineReader(os.getpid())


class NvmlError(Exception):
    pass


def nvml(**changes):
    """A stand-in for pynvml on a machine with one GPU."""
    functions = {
        "NVMLError": NvmlError,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: "NVIDIA H100",
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(used=2 * 10**9, total=80 * 10**9),
        "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=63),
    }
    return SimpleNamespace(**functions | changes)


def fails(*_):
    raise NvmlError


def test_gpus_are_read_if_there_are_any(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    use = MachineReader(os.getpid()).read()
    assert use.gpus == (GpuUse("NVIDIA H100", 63.0, 2 * 10**9, 80 * 10**9),)


@pytest.mark.parametrize(
    "module", [None, nvml(nvmlInit=fails), nvml(nvmlDeviceGetMemoryInfo=fails)], ids=["library", "driver", "reading"]
)
def test_without_library_driver_or_reading_there_is_no_gpu(monkeypatch, module):
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert MachineReader(os.getpid()).read().gpus == ()
