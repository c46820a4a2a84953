"""NVIDIA's engine without a GPU: launches, streams and contexts, the cache folder, and messages about missing parts."""

import ctypes
import re
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
import torch
from fake_driver import CUresult, FakeDriver, FakeNvrtc, FakeTorch

from operant.batch.batch import Batch
from operant.catalog import CATALOG
from operant.cuda import nvidia
from operant.cuda.batch import CudaBatch
from operant.cuda.engine import environment_program
from operant.cuda.open import open_engine
from operant.messages import CudaError

SPEC = CATALOG["CartPole-v1"]


class Gpus:
    """A machine with fake GPUs, and their engines."""

    def __init__(self, monkeypatch, devices=1, **options):
        self.driver, self.nvrtc = FakeDriver(options.get("driver", 13000), devices), options.get("nvrtc", FakeNvrtc())
        self.torch = FakeTorch(self.driver, options.get("capability", (9, 0)))
        monkeypatch.setattr(nvidia, "torch", self.torch)
        monkeypatch.setattr(nvidia, "bindings", lambda: (self.driver, self.nvrtc))
        nvidia._engine.cache_clear()

    def engine(self, index=None):
        return nvidia.nvidia_engine(index)

    def batch(self, num_envs=67, index=None, **options):
        return CudaBatch(SPEC, num_envs, device=self.engine(index), **options)


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    monkeypatch.setenv("OPERANT_CACHE", str(tmp_path / "cache"))
    yield lambda **options: Gpus(monkeypatch, **options)
    nvidia._engine.cache_clear()


def actions(num_envs=67):
    return torch.arange(num_envs) % 2


# Launches.


def test_a_batch_on_a_gpu_returns_the_bits_of_the_cpu_although_nothing_has_run_when_a_step_returns(gpus):
    machine = gpus()
    batch, cpu = machine.batch(max_episode_steps=20), Batch(SPEC, 67, max_episode_steps=20, isa="scalar")
    batch.seed(3), cpu.seed(3)
    given = actions()
    outputs = [batch.reset(), *(batch.step(given) for _ in range(60))]
    assert len(machine.driver.waiting) == 61
    batch.check()
    assert not machine.driver.waiting
    assert cpu.reset().observations.tobytes() == outputs[0].observations.numpy().tobytes()
    for output in outputs[1:]:
        for ours, theirs in zip(cpu.step(given.numpy()), output[:4], strict=False):
            assert ours.tobytes() == theirs.numpy().tobytes()
    assert cpu.get_state().tobytes() == batch.get_state().tobytes()


@pytest.mark.parametrize(("num_envs", "blocks"), [(1, 1), (256, 1), (257, 2), (1000, 4)])
def test_a_launch_has_a_thread_for_every_environment(gpus, num_envs, blocks):
    machine = gpus()
    batch = machine.batch(num_envs)
    batch.seed(0)
    batch.reset()
    assert machine.driver.launches == [("operant_reset", (blocks, 1, 1), (256, 1, 1), 0, 1000)]


def test_kernels_are_launched_on_the_current_stream(gpus):
    machine = gpus()
    machine.driver.streams = {0x51: 1000, 0x52: 1000}
    batch = machine.batch()
    batch.seed(0)
    batch.reset()
    for stream in (0x51, 0x52, 0, 0x51):
        machine.torch.streams[0] = stream
        batch.step(actions())
    assert [launch.stream for launch in machine.driver.launches] == [0, 0x51, 0x52, 0, 0x51]


def test_a_stream_of_another_context_is_refused_by_name_and_nothing_is_launched(gpus):
    machine = gpus(devices=2)
    machine.driver.streams = {0x51: 1001}
    batch = machine.batch(index=0)
    batch.seed(0)
    batch.reset()
    machine.torch.streams[0] = 0x51
    with pytest.raises(CudaError, match=r"current stream belongs to a context other .* torch\.cuda\.Stream\(device="):
        batch.step(actions())
    assert len(machine.driver.launches) == 1
    machine.torch.streams[0] = 0
    batch.step(actions())


def test_default_streams_have_no_context_of_their_own(gpus):
    """cudaStreamLegacy and cudaStreamPerThread are 1 and 2."""
    machine = gpus()
    batch = machine.batch()
    batch.seed(0)
    for handle in (1, 2):
        machine.torch.streams[0] = handle
        batch.reset()
    assert [(launch.stream, launch.context) for launch in machine.driver.launches] == [(1, 1000), (2, 1000)]


@pytest.mark.parametrize("current", [[], [1000], [1001], [7]])
def test_each_gpu_has_its_own_kernels_whichever_context_is_current(gpus, current):
    machine = gpus(devices=2)
    batches = [machine.batch(index=index) for index in range(2)]
    machine.driver.contexts[:] = current
    for batch in batches:
        batch.seed(0)
        batch.reset()
        batch.step(actions())
    assert [launch.context for launch in machine.driver.launches] == [1000, 1000, 1001, 1001]
    assert machine.driver.contexts == current


def test_a_thread_that_has_not_used_a_gpu_yet_can_launch(gpus):
    machine = gpus()
    batch = machine.batch()
    batch.seed(0)
    thread = threading.Thread(target=batch.reset)
    thread.start()
    thread.join()
    assert [launch.context for launch in machine.driver.launches] == [1000]


def test_the_context_is_left_when_a_launch_fails(gpus):
    machine = gpus()
    machine.driver.fails["cuLaunchKernel"] = CUresult.CUDA_ERROR_OUT_OF_MEMORY
    batch = machine.batch()
    batch.seed(0)
    with pytest.raises(CudaError, match=r"^CUDA_ERROR_OUT_OF_MEMORY: out of memory \(on cpu\)$"):
        batch.reset()
    assert machine.driver.contexts == []


def test_a_launch_on_a_known_stream_asks_the_driver_only_for_its_context(gpus):
    machine = gpus()
    machine.driver.contexts[:] = [1000]
    machine.driver.streams = {0x51: 1000}
    machine.torch.streams[0] = 0x51
    batch = machine.batch()
    batch.seed(0)
    batch.reset()
    machine.driver.calls.clear()
    batch.step(actions())
    assert machine.driver.calls == ["cuCtxGetCurrent"]  # functions are looked up once
    assert len(machine.driver.launches) == 2


def test_a_program_is_loaded_once_with_all_of_its_kernels(gpus):
    machine = gpus()
    batches = [machine.batch() for _ in range(3)]
    assert len(machine.driver.loaded) == 1 and len({id(batch.kernels) for batch in batches}) == 1
    looked_up = machine.driver.calls.count("cuKernelGetFunction")
    for batch in batches:
        batch.seed(0)
        batch.reset()
        batch.step(actions())
    assert machine.driver.calls.count("cuKernelGetFunction") == looked_up == 3


@pytest.mark.parametrize(
    "call", ["cuDevicePrimaryCtxRetain", "cuLibraryLoadData", "cuLibraryGetKernel", "cuKernelGetFunction"]
)
def test_a_refusal_of_the_driver_is_an_error_with_its_name_and_text(gpus, call):
    machine = gpus()
    machine.driver.fails[call] = CUresult.CUDA_ERROR_INVALID_HANDLE
    with pytest.raises(CudaError, match=r"CUDA_ERROR_INVALID_HANDLE: invalid handle"):
        machine.batch()
    assert machine.driver.contexts == []


def test_memory_of_the_host_is_given_to_only_one_batch(gpus):
    engine = gpus().engine()
    pieces = [engine.host_memory(count) for count in (1, 1, nvidia.PAGE, 3, 2 * nvidia.PAGE, 1)]
    for number, piece in enumerate(pieces):
        assert not piece.any()
        piece.fill_(number + 1)
    assert [piece.tolist() for piece in pieces] == [[number + 1] * len(piece) for number, piece in enumerate(pieces)]


# The cache folder.


def test_a_compiled_program_is_kept_by_content_driver_compiler_and_architecture(gpus, tmp_path, monkeypatch):
    nvrtc = FakeNvrtc()

    def compiled(spec=SPEC, **machine):
        gpus(**{"nvrtc": nvrtc, **machine}).engine().load(environment_program(spec))
        return nvrtc.compiled, len(list((tmp_path / "cache").glob("*.cubin")))

    assert compiled() == (1, 1)
    assert compiled() == (1, 1)
    assert compiled(driver=13010) == (2, 2)
    assert compiled(capability=(8, 0)) == (3, 3)
    nvrtc.version = (12, 9)
    assert compiled() == (4, 4)
    assert compiled(CATALOG["Pendulum-v1"]) == (5, 5)
    monkeypatch.setattr(nvidia, "OPTIONS", (*nvidia.OPTIONS, "--maxrregcount=64"))
    assert compiled() == (6, 6)
    assert compiled() == (6, 6)


def test_a_compiler_that_fails_leaves_nothing_behind(gpus, tmp_path, monkeypatch):
    engine = gpus().engine()
    with monkeypatch.context() as broken:
        broken.setattr(FakeNvrtc, "nvrtcGetCUBIN", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            engine.load(environment_program(SPEC))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]
    engine.load(environment_program(SPEC))


# The architecture to compile for.


@pytest.mark.parametrize(
    ("arch", "driver", "version", "target"),
    [
        (90, 13000, (13, 5), "sm_90"),  # an older driver of the same major version runs the newer compiler's cubin
        (90, 13020, (12, 9), "sm_90"),
        (75, 13000, (13, 0), "sm_75"),
        (89, 12040, (12, 9), "compute_86"),
        (120, 13010, (13, 0), "compute_100"),
    ],
)
def test_a_gpu_that_is_newer_than_the_compiler_gets_ptx(arch, driver, version, target):
    assert nvidia.compile_target(FakeNvrtc(version), arch, driver) == target


@pytest.mark.parametrize(
    ("arch", "driver", "version", "message"),
    [
        (90, 12040, (13, 0), r"driver is too old: it runs CUDA 12\.4, .* CUDA 13\.0: update .*operant\[cuda12\]'\)$"),
        (90, 11080, (12, 9), r"driver is too old: it runs CUDA 11\.8, .* is from CUDA 12\.9: update the driver$"),
        (70, 13000, (13, 0), r"capability 7\.0, .*\(CUDA 13\.0\) supports none below 7\.5: .*operant\[cuda12\]'$"),
        (35, 12040, (12, 9), r"capability 3\.5, .*\(CUDA 12\.9\) supports none below 7\.5$"),
    ],
)
def test_an_old_gpu_or_driver_is_an_error_that_says_which(arch, driver, version, message):
    with pytest.raises(CudaError, match=message):
        nvidia.compile_target(FakeNvrtc(version), arch, driver)


def test_the_real_compiler_has_architectures_of_these_names():
    nvrtc = pytest.importorskip("cuda.bindings.nvrtc")
    assert nvidia.compile_target(nvrtc, 90, 99000) == "sm_90"
    assert re.fullmatch(r"compute_\d+", nvidia.compile_target(nvrtc, 999, 99000))


# Missing parts.


def test_a_gpu_beyond_the_last_is_an_error_that_says_how_many_there_are(gpus):
    gpus(devices=2)
    message = r"^device 'cuda:2' does not exist: PyTorch sees 2 GPU\(s\), numbered from cuda:0$"
    with pytest.raises(CudaError, match=message):
        open_engine("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:-1", "cuda:", "mps", "tpu:0", "cud"])
def test_an_unknown_device_is_an_error_that_lists_the_known_ones(name):
    with pytest.raises(ValueError, match=r"unknown device .*choose from cpu, cuda, cuda:1, emulated"):
        open_engine(name)


def test_a_pytorch_without_cuda_is_named_with_its_version(gpus):
    gpus(devices=0).torch.version.cuda = None
    with pytest.raises(
        CudaError, match=r"^this PyTorch \(2\.13\.0\) is not built for CUDA: install one that is, see http"
    ):
        open_engine("cuda")


def test_a_missing_driver_is_named(gpus, monkeypatch):
    gpus(devices=0)

    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(CudaError, match=r"there is no NVIDIA driver \(libcuda\.so\.1 is not installed\)"):
        open_engine("cuda")


def test_pytorchs_error_about_the_driver_is_passed_on(gpus, monkeypatch):
    machine = gpus(devices=0)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: None)
    with pytest.raises(CudaError, match="no GPU to compute on: check nvidia-smi and the variable CUDA_VISIBLE_DEVICES"):
        open_engine("cuda")

    def too_old():
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).\nPlease update it.")

    machine.torch.cuda.init = too_old
    with pytest.raises(CudaError, match=r"The NVIDIA driver on your system is too old \(found version 11040\)\.$"):
        open_engine("cuda")


@pytest.mark.parametrize(("cuda", "extra"), [("13.0", "cuda"), ("12.8", "cuda12")])
def test_missing_packages_are_named_with_the_extra_for_pytorchs_cuda(monkeypatch, cuda, extra):
    monkeypatch.setattr(nvidia, "torch", SimpleNamespace(version=SimpleNamespace(cuda=cuda)))
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(CudaError, match=rf"Python packages are not installed .*: pip install 'operant\[{extra}\]'$"):
        nvidia.bindings()


def test_a_missing_compiler_library_is_a_missing_package(monkeypatch):
    nvrtc = pytest.importorskip("cuda.bindings.nvrtc")

    def missing():
        raise RuntimeError('Failure finding "libnvrtc.so.13"\nNo such file')

    monkeypatch.setattr(nvrtc, "nvrtcVersion", missing)
    with pytest.raises(CudaError, match=r'not installed \(Failure finding "libnvrtc\.so\.13"\): pip install'):
        nvidia.bindings()


def test_too_little_memory_is_an_error_that_names_num_envs(gpus, monkeypatch):
    machine = gpus()

    def full(*_, **__):
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 15.26 GiB. GPU 0 has 1.20 GiB free. Process 3"
        )

    monkeypatch.setattr(torch, "full", full)
    with pytest.raises(MemoryError, match=r"^num_envs=67 .*: Tried to allocate 15\.26 GiB\. GPU 0 has 1\.20 GiB free"):
        machine.batch()


def test_without_pytorch_the_remedy_is_named():
    script = (
        "import sys; sys.modules['torch'] = None; sys.meta_path.insert(0, type('F', (), {'find_spec': "
        "staticmethod(lambda name, *_: None)})); import importlib.util as u; f = u.find_spec; "
        "u.find_spec = lambda name, *a: None if name == 'torch' else f(name, *a)\n"
        "try:\n    import operant.cuda.batch\nexcept ImportError as problem:\n    print(problem)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "device='cuda' and device='emulated' need PyTorch: pip install 'operant[cuda]'\n"


# The real bindings, as far as they go without a driver.


@pytest.fixture
def bindings():
    driver = pytest.importorskip("cuda.bindings.driver")
    if nvidia.why_no_gpu().startswith("PyTorch finds"):
        pytest.skip("there is a driver, and these calls would reach it")
    return driver


def test_the_real_bindings_accept_the_arguments_of_every_call(bindings):
    """Arguments are converted before the driver is loaded, so wrong ones raise a TypeError."""
    driver = bindings
    kernel, function, library = driver.CUkernel(3), driver.CUfunction(7), driver.CUlibrary(3)
    for name, arguments in {
        "cuDriverGetVersion": (),
        "cuDeviceGet": (0,),
        "cuDevicePrimaryCtxRetain": (driver.CUdevice(0),),
        "cuCtxGetCurrent": (),
        "cuCtxPushCurrent": (driver.CUcontext(1000),),
        "cuCtxPopCurrent": (),
        "cuStreamGetCtx": (0x51,),
        "cuLibraryLoadData": (b"cubin", [], [], 0, [], [], 0),
        "cuLibraryGetKernel": (library, b"operant_step"),
        "cuKernelGetFunction": (kernel,),
        "cuLaunchKernel": (function, 1, 1, 1, 256, 1, 1, 0, 0x51, 0x1000, 0),
        "cuGetErrorName": (driver.CUresult.CUDA_ERROR_INVALID_HANDLE,),
        "cuGetErrorString": (driver.CUresult.CUDA_ERROR_INVALID_HANDLE,),
    }.items():
        with pytest.raises(RuntimeError, match="driver library"):
            getattr(driver, name)(*arguments)
    with pytest.raises(TypeError):
        driver.cuLaunchKernel(function, 1, 1, 1, 256, 1, 1, 0, 0x51, "pointers", 0)
    with pytest.raises(TypeError):
        driver.cuLaunchKernel(function, 1, 1, 1, 256, 1, 1, 0, 0x51, 0x1000)


def test_a_status_of_the_real_bindings_is_a_number(bindings):
    assert int(bindings.CUresult.CUDA_SUCCESS) == 0 and int(bindings.CUcontext(1000)) == 1000
    for result in CUresult:
        assert int(getattr(bindings.CUresult, result.name)) == result


def test_pytorch_for_the_cpu_says_why_it_has_no_gpu():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(CudaError, match=r"not built for CUDA|no NVIDIA driver|finds no GPU"):
        CudaBatch(SPEC, 8, device="cuda")
