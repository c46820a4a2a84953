"""OperantPufferEnv in PufferLib 3.0: its base class, its three vector backends, its trainer, and Ocean's binding."""

import re
import subprocess
import sys
import sysconfig
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import gymnasium
import numpy as np
import pufferlib
import pufferlib.vector
import pytest
from snippets import run_snippets

pytest.register_assert_rewrite("puffer_cases")
from puffer_cases import *  # noqa: E402, F403
from puffer_cases import PHYSICS, OperantPufferEnv, actions_for  # noqa: E402

EXAMPLES = Path(__file__).parents[4] / "examples"


def test_the_base_class_is_pufferlibs_beside_the_releases_that_it_pins():
    assert issubclass(OperantPufferEnv, pufferlib.PufferEnv)
    assert (gymnasium.__version__, np.__version__.split(".")[0], pufferlib.__version__) == ("0.29.1", "1", 3.0)


@pytest.mark.parametrize("options", [{"backend": "Serial"}, {"backend": "Multiprocessing", "overwork": True}])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "simple_spread-v3"])
def test_serial_and_multiprocessing_return_the_bits_of_one_native_batch(env_id, options):
    def make(num_agents, **options):
        keywords = {"max_episode_steps": 30, "report_interval": 10}
        return pufferlib.vector.make(OperantPufferEnv, env_args=[env_id, num_agents], env_kwargs=keywords, **options)

    native, split = make(12), make(4, num_envs=3, **options)
    random, reports = np.random.default_rng(0), []
    try:
        assert native.reset(seed=0)[0].tobytes() == split.reset(seed=0)[0].tobytes()
        for _ in range(100):
            actions = actions_for(native, random)
            ours, theirs = native.step(actions), split.step(actions)
            assert [array.tobytes() for array in ours[:4]] == [array.tobytes() for array in theirs[:4]]
            reports.append((ours[4], theirs[4]))
    finally:
        native.close()
        split.close()
    ended = [sum(report["n"] for infos in kind for report in infos) for kind in zip(*reports, strict=True)]
    assert ended[0] == ended[1] >= 36


def test_pufferlib_refuses_the_same_misuse_as_of_its_own_environments():
    with pytest.raises(pufferlib.APIUsageError, match="Native vectorization is for PufferEnvs"):
        pufferlib.vector.make(OperantPufferEnv, env_args=["CartPole-v1", 4], num_envs=2)
    serial = pufferlib.vector.make(OperantPufferEnv, env_args=["CartPole-v1", 4], num_envs=2, backend="Serial")
    serial.reset(seed=0)
    with pytest.raises(pufferlib.APIUsageError, match="Actions do not match action space"):
        serial.step(np.full(8, 2, np.int32))


def output_of(name, folder):
    """The output of an example, which must succeed."""
    command = [sys.executable, EXAMPLES / name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_trains_with_puffe_rl(tmp_path):
    means = [float(mean) for mean in re.findall(r"mean return +([\d.]+)", output_of("pufferlib_ppo.py", tmp_path))]
    assert means[0] < 30
    assert max(means) >= 475


@pytest.mark.parametrize("env_id", PHYSICS)
def test_an_exported_environment_builds_against_pufferlibs_binding_and_returns_our_bits(tmp_path, env_id):
    header = OperantPufferEnv(env_id).batch.spec.header
    export = [sys.executable, "-m", "operant.cli.main", "export", env_id, "--pufferlib", "--out", f"{header}.h"]
    (tmp_path / "ocean").mkdir()
    subprocess.run(export, cwd=tmp_path / "ocean", check=True)
    text = (tmp_path / "ocean" / f"{header}.h").read_text()
    example = re.search(r"A binding\.c.*?\n \*\n(.*?)\n \*/", text, re.DOTALL)[1]
    (tmp_path / "ocean" / "binding.c").write_text(re.sub(r"^ \* {0,3}", "", example, flags=re.MULTILINE))
    binding = Path(pufferlib.__file__).parent / "ocean" / "env_binding.h"
    (tmp_path / "env_binding.h").write_text(binding.read_text())
    library = tmp_path / f"binding{sysconfig.get_config_var('EXT_SUFFIX')}"
    includes = [f"-I{sysconfig.get_path('include')}", f"-I{np.get_include()}"]
    flags = ["-O2", "-shared", "-fPIC", "-ffp-contract=off", "-DPLATFORM_DESKTOP"]
    source = tmp_path / "ocean" / "binding.c"
    subprocess.run(["cc", *flags, *includes, source, "-o", library, "-lm"], check=True)
    module = module_from_spec(spec := spec_from_file_location("binding", library))
    spec.loader.exec_module(module)

    ours = OperantPufferEnv(env_id, 6, report_interval=2000)
    arrays = [np.zeros_like(array) for array in (ours.observations, ours.actions, ours.rewards)]
    flags = [np.zeros(ours.num_agents, bool), np.zeros(ours.num_agents, bool)]
    agents = ours.num_agents // 6
    if agents == 1:
        environments = module.vec_init(*arrays, *flags, 6, 3)
    else:
        rows = [slice(agents * i, agents * (i + 1)) for i in range(6)]
        each = [module.env_init(*(a[part] for a in (*arrays, *flags)), 18 + i) for i, part in enumerate(rows)]
        environments = module.vectorize(*each)
    module.vec_reset(environments, 3)
    ours.reset(3)
    random = np.random.default_rng(0)
    for _ in range(2000):
        actions = actions_for(ours, random)
        arrays[1][:] = actions
        module.vec_step(environments)
        infos = ours.step(actions)[4]
        assert arrays[0].tobytes() == ours.observations.tobytes()
        assert arrays[2].tobytes() == ours.rewards.tobytes()
        assert flags[0].tobytes() == ours.terminals.tobytes()
    log = module.vec_log(environments)
    assert {name: log[name] for name in infos[0]} == pytest.approx(infos[0], rel=1e-5)
    module.vec_close(environments)


def test_the_pages_snippets_run():
    names = run_snippets("PufferLib")
    names["envs"].close()
