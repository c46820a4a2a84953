"""Parametrisation: a test asks for `classic_id`, `physics_id`, `isa`, `precision` or `mode`."""

import contextlib
import os

# Before pygame is imported: no display is needed to draw.
os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"
# Before torch is imported: one core for each test, because threads of several tests would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support import CLASSIC_IDS, FAST_ISAS, MODES, PHYSICS, PRECISIONS

# A shell lets its background jobs ignore Ctrl-C, and the processes that tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: the machines that run the tests share their cores. The blob reproduces a failure elsewhere.
settings.register_profile(
    "operant",
    deadline=None,
    derandomize=False,
    print_blob=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("operant")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks as slow what tests/slow.txt lists. A test that `make test` leaves out says why."""
    slow = set(Path(__file__).with_name("slow.txt").read_text().splitlines())
    for item in items:
        if item.nodeid in slow and not item.get_closest_marker("check"):
            item.add_marker("slow")
        for name in ("test_all", "test_long"):
            if any(not mark.args for mark in item.iter_markers(name)):
                raise pytest.UsageError(f"{item.nodeid} is marked {name} without a reason")


def pytest_generate_tests(metafunc):
    """Gives a test each value of the arguments that it names.

    `classic_id`: Gymnasium's classic-control tasks; `physics_id`: one id for each of their headers; `isa`: each float32
    target that runs here.
    """
    values = {
        "classic_id": CLASSIC_IDS,
        "physics_id": PHYSICS,
        "isa": FAST_ISAS,
        "precision": PRECISIONS,
        "mode": MODES,
    }
    marked = {
        name.strip()
        for mark in metafunc.definition.iter_markers("parametrize")
        for name in (mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0])
    }
    for name in metafunc.fixturenames:
        if name in values and name not in marked:
            metafunc.parametrize(name, values[name])


@pytest.fixture(autouse=True, scope="session")
def folders_of_this_session(tmp_path_factory):
    """Keeps the libraries that tests compile in one folder for all pytest workers, and what they trust in another."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["OPERANT_CACHE"] = str(shared / "libraries")
    os.environ["XDG_STATE_HOME"] = str(shared / "state")
    os.environ.pop("OPERANT_TRUST", None)


@pytest.fixture(autouse=True)
def no_process_outlives_its_test(monkeypatch):
    """Kills the processes that a test which failed half-way left running, with those of their session."""
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            started.append((self, options.get("start_new_session")))

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    yield
    for process, leads in started:
        if leads:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


@pytest.fixture(autouse=True)
def no_forced_isa(monkeypatch):
    """Removes OPERANT_ISA: a test that needs a target names it."""
    monkeypatch.delenv("OPERANT_ISA", raising=False)
