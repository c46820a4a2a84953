# make demo      installs the core, Stable-Baselines3 and torch into .venv, measures, and trains PPO on operant/CartPole-v1
# make check     judges a change in two minutes: ruff, mypy, and every test that takes less than half a second
# make test      installs all development packages into .venv and runs the tests that need no more than a C compiler
# make test-all  runs the rest: sanitizers, other compilers, architectures, releases and frameworks; `make test-long` the slowest
# make native    builds the C library without Python: build/native/liboperant.a and .so, and a program that trains
# make install   puts library and headers under PREFIX=/usr/local, with a pkg-config file; `make uninstall` removes them
# make sanitize  runs the C core under AddressSanitizer, UBSan and ThreadSanitizer
# make sanitize-python  runs the Python suite over a core under AddressSanitizer
# make fuzz      gives the C interface random calls for SECONDS=600, and keeps inputs that reached new code
# make soak      compares all targets over STEPS=1e9 steps, and watches memory
# make neon      cross-compiles the core for 64-bit Arm and compares its bits with this machine's
# make windows   does the same for Windows, under Wine
# make wasm      does the same for WebAssembly, in Node.js
# make macos     cross-compiles the core for macOS, without running it
# make cross     does these four
# make web       compiles the core for pages, and writes those of docs/live.md to build/web
# make cuda      compiles the GPU's kernels with nvcc, which needs NVIDIA's CUDA toolkit but no GPU
# make cuda-wheels  collects what `make cuda-check`, which judges operant on a machine with a GPU, needs there
# make study     makes the trials of STUDY=bench/studies/algorithms.toml, JOBS at a time (all cores): the table of docs/training.md
# make agents    trains the agents that come with operant, and those of a release, in five minutes
# make sdist     builds the source distribution, and from it a wheel for all Pythons, as `make wheel` does
# make wheels    builds the wheels of PYTHONS="python3.11 ..." and of ARM64=--arm64 and tests each in a fresh environment
# make docs      builds the site in build/docs; any warning is an error
# make hashes    completes the table of hashes in docs/exactness.md after an environment was added
# make lint      runs ruff and mypy
# make clean     removes everything that the others made, including .venv

PYTHON ?= python3
BIN = .venv/bin
BUILD ?= build/native
# Made before what needs the environment. A test already runs in one, so it passes INSTALLED=.
INSTALLED = .venv/installed

# The core is compiled several times: for the environment, the wheel, the C library. Where ccache is installed, its folder
# of compilers comes first in PATH, so that each file is compiled once. NOHASHDIR: the result does not depend on the folder.
CCACHE = $(firstword $(wildcard /usr/lib/ccache /usr/lib64/ccache /opt/homebrew/opt/ccache/libexec))
ifneq ($(CCACHE),)
export PATH := $(CCACHE):$(PATH)
export CCACHE_NOHASHDIR = 1
endif

# Bytecode is cached even if the machine's settings disable it: without it `import torch` takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

# Part of correctness; native/build.py reads the same file.
FLAGS = $(shell cat native/flags.txt)
WARNINGS = -Wall -Wextra -Werror
CFLAGS ?=
ENGINES = $(wildcard native/engines/*.c native/engines/*/*.c)
SOURCES = $(wildcard native/core/*.c native/rollout/*.c native/targets/*.c native/train/*.c) $(ENGINES)
HEADERS = $(wildcard native/operant.h native/core/*.h native/engines/*.h native/engines/*/*.h native/platform/*.h \
	native/rollout/*.h native/train/*.h native/envs/*.h native/envs/*/*.h)
ENVIRONMENTS = $(basename $(notdir $(wildcard native/envs/*.h native/envs/variants/*.h)))
LIST = native/build/environments.h
COMPILE = $(CC) $(FLAGS) $(WARNINGS) -I$(dir $(LIST)).. -Inative $(CFLAGS)
PIC ?= -fPIC
LIBRARIES ?= -lm -lpthread -ldl

# A target is five objects: avx2.0.o to avx2.3.o each have a quarter of the environments, avx2.4.o has the rest of the code.
# So compilers run in parallel, and a change to an environment recompiles a quarter of each target. See core/target.h.
GROUPS = 4
PARTS = 0 1 2 3 4
TARGETS = $(filter native/targets/%,$(SOURCES))
OBJECTS = $(patsubst native/%.c,$(BUILD)/%.o,$(filter-out $(TARGETS),$(SOURCES))) \
	$(foreach part,$(PARTS),$(TARGETS:native/%.c=$(BUILD)/%.$(part).o))

.PHONY: demo check test test-all test-long durations test-twin test-compat test-mujoco test-gymnasium venv sdist wheel wheels native install uninstall exercise study agents certificates train-cartpole sanitize \
	sanitize-address sanitize-address-narrow sanitize-address-wide sanitize-thread sanitize-python fuzz soak cross neon \
	windows wasm macos web web-modules cuda cuda-wheels cuda-check lint docs hashes clean FORCE

# The C library.

native: $(BUILD)/liboperant.a $(BUILD)/liboperant.so $(BUILD)/train-cartpole

# The list of the environments is always made, and replaced only if it differs, so that a removed header is noticed.
$(LIST): FORCE
	@mkdir -p $(@D)
	@sh native/environments.sh $(sort $(ENVIRONMENTS)) > $@.$$$$ && \
	if cmp -s $@.$$$$ $@; then rm $@.$$$$; else mv $@.$$$$ $@; fi

# The compiler lists the headers that it read beside each object (-MMD), for the next build.
$(BUILD)/%.o: native/%.c $(LIST) native/flags.txt
	@mkdir -p $(@D)
	$(COMPILE) $(PIC) -MMD -MP -c $< -o $@

$(BUILD)/targets/%.o: $(LIST) native/flags.txt
	@mkdir -p $(@D)
	$(COMPILE) $(PIC) -MMD -MP -DOPERANT_GROUPS=$(GROUPS) -DOPERANT_GROUP=$(subst .,,$(suffix $*)) \
		-c native/targets/$(basename $*).c -o $@

-include $(OBJECTS:.o=.d)
%.d: ;

$(BUILD)/liboperant.a: $(OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/liboperant.so: $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared $(NAMED) $^ $(LIBRARIES) -o $@

# Programs linked with the shared library ask for it by this name when they start. macOS's linker has no such option.
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
SONAME = liboperant.so.$(basename $(VERSION))
NAMED ?= $(if $(filter Linux,$(shell uname -s)),-Wl$(COMMA)-soname$(COMMA)$(SONAME))
COMMA = ,

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PUBLIC = operant.h rollout/rollout.h train/train.h

install: LIB = $(DESTDIR)$(LIBDIR)
install: INCLUDE = $(DESTDIR)$(INCLUDEDIR)/operant
install: native
	mkdir -p "$(LIB)/pkgconfig" "$(INCLUDE)/rollout" "$(INCLUDE)/train"
	install -m 644 $(BUILD)/liboperant.a "$(LIB)"
	install -m 755 $(BUILD)/liboperant.so "$(LIB)/$(SONAME)"
	ln -sf $(SONAME) "$(LIB)/liboperant.so"
	for header in $(PUBLIC); do install -m 644 native/$$header "$(INCLUDE)/$$header" || exit; done
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' -e 's|@LIBRARIES@|$(LIBRARIES)|' native/library/operant.pc.in \
		> "$(LIB)/pkgconfig/operant.pc"

uninstall:
	cd "$(DESTDIR)$(LIBDIR)" && rm -f liboperant.a liboperant.so $(SONAME) pkgconfig/operant.pc
	cd "$(DESTDIR)$(INCLUDEDIR)/operant" && rm -f $(PUBLIC) && rmdir rollout train "$$PWD"

# C programs over the library.

exercise certificates train-cartpole: %: $(BUILD)/%

# See tests/native/soak.c.
STEPS ?= 1e9

soak: $(BUILD)/soak
	$(BUILD)/soak $(STEPS)

LINK = $(COMPILE) $< $(BUILD)/liboperant.a $(LDFLAGS) $(LIBRARIES) -o $@

$(BUILD)/exercise: native/library/exercise.c $(BUILD)/liboperant.a
	$(LINK)

$(BUILD)/certificates: tests/native/certificates.c $(BUILD)/liboperant.a
	$(LINK)

# Static, so that it runs on any machine; some systems have no static C library.
$(BUILD)/train-cartpole: examples/train.c $(BUILD)/liboperant.a
	$(LINK) -static 2> /dev/null || $(LINK)

$(BUILD)/soak: tests/native/soak.c $(BUILD)/liboperant.a
	$(LINK)

$(BUILD)/grouped: tests/engines/grouped.c $(BUILD)/liboperant.a
	$(LINK)

# The functions that each libm may round differently. fmod, fma, sqrt and floor are exact in all of them.
ROUNDED = sin cos sincos sinf cosf exp log log1p pow powf

$(BUILD)/rounded: LDFLAGS += $(ROUNDED:%=-Wl,--wrap=%)
$(BUILD)/rounded: tests/native/rounded.c $(BUILD)/liboperant.a
	$(LINK)

sanitize: sanitize-address sanitize-thread

# Environments that only repeat another's source with a different number of agents are omitted. All others run on one lane
# in both precisions, and on the narrowest vectors, whose last block also has unused lanes. On wider vectors and in threads
# only one environment of each kind runs, because only core/ differs there. Addresses are checked by function calls, which
# halves gcc's time.
ADDRESS = -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	--param asan-instrumentation-with-call-threshold=0 -Wno-unused-command-line-argument
KINDS = cartpole pendulum simple simple_spread_continuous snake taxi

sanitize-address: sanitize-address-narrow sanitize-address-wide

sanitize-address-narrow:
	$(MAKE) exercise BUILD=build/address LIST=build/address/include/build/environments.h \
		ENVIRONMENTS="$(filter-out simple_spread_% simple_tag_continuous,$(ENVIRONMENTS)) simple_spread_continuous" \
		SOURCES="$(filter-out native/targets/avx%.c,$(SOURCES))" CFLAGS="$(ADDRESS) -DOPERANT_NARROW"
	build/address/exercise

sanitize-address-wide:
	$(MAKE) exercise BUILD=build/address-wide LIST=build/address-wide/include/build/environments.h \
		ENVIRONMENTS="$(KINDS)" CFLAGS="$(ADDRESS)"
	build/address-wide/exercise
	build/address-wide/exercise 3

# A few environments are enough, because threads step all of them in the same way.
sanitize-thread:
	$(MAKE) exercise BUILD=build/thread LIST=build/thread/include/build/environments.h \
		ENVIRONMENTS="cartpole pendulum simple_spread_2" CFLAGS="-O1 -g1 -fsanitize=thread"
	build/thread/exercise 3

# The Python suite over an instrumented core: a read or write beyond an array that Python owns ends the process. All targets
# but the widest, which only `sanitize-address-wide` has. Python's own memory comes from malloc, so that it is watched, too;
# what Python still holds at its end is not a leak. torch throws C++ exceptions, which need libstdc++ from the beginning.
# One test limits the address space, of which AddressSanitizer takes terabytes.
SANITIZED = tests/batch tests/environments tests/rollout \
	--deselect tests/environments/test_bad_input.py::test_a_batch_too_large_to_allocate_is_refused

sanitize-python: venv
	$(MAKE) build/sanitized/liboperant.a BUILD=build/sanitized LIST=build/sanitized/include/build/environments.h \
		SOURCES="$(filter-out native/targets/avx%.c,$(SOURCES))" CFLAGS="$(ADDRESS) -DOPERANT_NARROW"
	$(call copy_package,sanitized)
	$(BIN)/python -c "from native.build import ffi; ffi.emit_c_code('build/sanitized/_native.c')"
	$(CC) $(ADDRESS) -shared -fPIC -DPy_LIMITED_API=0x030A0000 -Inative \
		-I$$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('include'))") build/sanitized/_native.c \
		build/sanitized/liboperant.a $(LIBRARIES) -o build/sanitized/operant/_native.abi3.so
	LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libstdc++.so)" \
		ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc PYTHONPATH=build/sanitized $(PYTEST) -m "not test_all and not test_long" $(SANITIZED)

# Coverage-guided fuzzing of the C interface, with Clang's libFuzzer: see tests/native/fuzz.c. One environment of each kind.
# UBSan's other checks take Clang minutes on vectors; gcc's build above has them. AVX2 is the narrowest target of training
# beside the scalar one.
FUZZED = cartpole pendulum simple snake taxi blackjack memory
FUZZ = -O1 -g1 -fsanitize=address,bounds,shift,integer-divide-by-zero,signed-integer-overflow,null,alignment \
	-fno-sanitize-recover=all -mllvm -asan-instrumentation-with-call-threshold=0 \
	-Wno-pass-failed -Wno-unused-command-line-argument
SECONDS ?= 600
KEEP ?= --keep

fuzz:
	$(MAKE) build/fuzz/fuzz CC=clang BUILD=build/fuzz LIST=build/fuzz/include/build/environments.h ENVIRONMENTS="$(FUZZED)" \
		SOURCES="$(filter-out native/targets/avx512.c,$(SOURCES))" \
		CFLAGS="$(FUZZ) -fsanitize=fuzzer-no-link -DOPERANT_NO_AVX512"
	$(PYTHON) tests/native/fuzz.py build/fuzz/fuzz $(SECONDS) $(KEEP)

$(BUILD)/fuzz: LDFLAGS += -fsanitize=fuzzer
$(BUILD)/fuzz: tests/native/fuzz.c tests/native/fuzz_training.h $(BUILD)/liboperant.a
	$(LINK)

# The core for other systems. Each certificate is compared with this machine's: float32 hashes are equal, and float64 hashes
# unless the environment calls a function that another libm rounds differently.

# zig cc is clang with the headers and libraries of all these systems. Never link for this machine with it: its runtime has
# its own libm.
ZIG ?= $(BIN)/python -m ziglang
export ZIG_GLOBAL_CACHE_DIR ?= $(CURDIR)/build/zig
FOR = CC='$(ZIG) cc -target $(1)' AR='$(ZIG) ar'

cross: neon windows wasm macos

neon: CROSS = CC=aarch64-linux-gnu-gcc LDFLAGS=-static
neon: EMULATOR = qemu-aarch64
windows: CROSS = $(call FOR,x86_64-windows-gnu) LDFLAGS=-s PIC= LIBRARIES=
windows: EMULATOR = WINEPREFIX=$(CURDIR)/build/wine WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml= wine
# No engine can be installed there.
wasm: CROSS = $(call FOR,wasm32-wasi -msimd128) LDFLAGS=-s PIC= LIBRARIES= ENGINES=
wasm: EMULATOR = node --no-warnings tests/native/wasi.mjs

neon windows wasm: $(BUILD)/certificates $(BUILD)/rounded
	$(MAKE) certificates BUILD=build/$@ $(CROSS)
	$(BUILD)/certificates > build/$@/hashes-here
	$(BUILD)/rounded > build/$@/rounded
	$(EMULATOR) build/$@/certificates 2 > build/$@/hashes
	$(PYTHON) tests/native/compare_certificates.py build/$@

# These are never run, so they are compiled for size, which is fastest.
macos:
	$(MAKE) native certificates train-cartpole BUILD=build/macos-arm64 $(call FOR,aarch64-macos) CFLAGS=-Os
	$(MAKE) native certificates train-cartpole BUILD=build/macos-x86-64 $(call FOR,x86_64-macos) CFLAGS=-Os

# The core for pages lies beside their scripts, so the wheel has it. It is compiled once for each content of the sources.
web: web-modules
	$(BIN)/python docs/live.py build/web

web-modules: $(INSTALLED)
	$(BIN)/python -m operant.web.modules

cuda: venv
	$(BIN)/python tests/native/cuda_compilers.py build/cuda

# Judges the GPU's code on a machine that has one, in eight minutes; build/cuda-check/report.txt is left. There, only PyTorch,
# NVIDIA's compiler and bindings are needed; the wheels of all else are made here, for that machine's Python.
CUDA_PYTHON ?= $(shell $(PYTHON) -c "import sys; print('.'.join(map(str, sys.version_info[:2])))")

cuda-wheels: wheel
	rm -rf build/cuda-check/wheels
	$(BIN)/pip download --quiet -c constraints.txt --only-binary :all: --python-version $(CUDA_PYTHON) --no-deps \
		-d build/cuda-check/wheels gymnasium cloudpickle farama-notifications typing_extensions cffi pycparser \
		pytest iniconfig pluggy packaging pygments hypothesis sortedcontainers numpy
	cp build/dist/*.whl build/cuda-check/wheels

cuda-check:
	$(PYTHON) tests/cuda/check.py $(CUDA_CHECK)

# Python.

venv: $(INSTALLED)

# torch first and exactly: other versions pull gigabytes. Then what the build needs, so that pip does not fetch a second
# copy of it for an isolated build. Without bytecode, which takes pip 40 s: Python writes that of what it imports, a tenth.
define install
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --no-compile torch==2.13.0
	$(BIN)/pip install --no-compile -c constraints.txt setuptools wheel cffi mypy
	$(BIN)/pip install --no-compile -c constraints.txt --no-build-isolation -e ".[$(1)]"
	touch $@
endef

COMPILED = pyproject.toml setup.py constraints.txt native/build.py native/environments.sh native/flags.txt src/operant/batch/outputs.py $(SOURCES) $(HEADERS)

.venv/installed: $(COMPILED)
	$(call install,dev)

.venv/demo-installed: $(COMPILED)
	$(call install,demo)

# If the development packages are installed, the demo needs no others.
demo: $(if $(wildcard .venv/installed),venv,.venv/demo-installed)
	$(BIN)/operant bench --quick --rows vector
	$(BIN)/python examples/sb3_ppo.py

# Two workers, because the times in CONTRIBUTING.md are for two cores; use `make test WORKERS=8` on a larger machine. Each
# worker gets one half of the tests in order, and takes over some of the other's when it is done. So the fixtures of a
# module are mostly made by one worker.
WORKERS ?= 2
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# Four circles of tests, each run more rarely than the one before. A test is in the second unless a marker says otherwise:
# CONTRIBUTING.md explains them.
check: lint
	$(PYTEST) -m "not slow and not test_all and not test_long"

test: venv
	$(PYTEST) -m "not test_all and not test_long"

# One compatibility environment is installed while tests run in another.
test-all: venv
	$(MAKE) -j2 --output-sync=target test-compat test-twin
	$(MAKE) --output-sync=target sanitize-python
	$(PYTEST) -m test_all

test-long: venv
	$(MAKE) test-mujoco
	$(PYTEST) -m test_long

# MuJoCo's tasks on the oldest MuJoCo, with operant's wheel; .venv has the newest.
test-mujoco: build/dist/built build/mujoco/installed
	build/mujoco/bin/pip install --no-compile --quiet --no-deps --force-reinstall build/dist/*.whl
	PYTHONPATH=tests build/mujoco/bin/python -m pytest --confcutdir=tests/engines -m "not test_all" $(ON_MUJOCO)

ON_MUJOCO = $(foreach name,same_as_gymnasium own_models own_tasks mujoco_contract mujoco_errors mujoco_clock,tests/engines/test_$(name).py)

# Gymnasium's own tests of MuJoCo's tasks on our ids, from a checkout of its repository: make test-gymnasium SOURCE=path
test-gymnasium: venv
	PYTHONPATH=tests/engines MUJOCO_GL=egl $(BIN)/python -m pytest -p redirect -p no:cacheprovider -c /dev/null \
		--rootdir=$(SOURCE) $(SOURCE)/tests/envs/mujoco/test_mujoco_v5.py $(SOURCE)/tests/envs/mujoco/test_mujoco_rendering.py

build/mujoco/installed: tests/engines/oldest.txt
	test -x build/mujoco/bin/python || $(PYTHON) -m venv build/mujoco
	build/mujoco/bin/pip install --no-compile --quiet -r $<
	touch $@

# Measures every test and writes tests/slow.txt, the tests that `make check` omits.
durations: venv
	PYTHONPATH=tests $(PYTEST) -p durations

# A copy of the package in build/$(1), for a build of its own.
define copy_package
	rm -rf build/$(1)/operant
	mkdir -p build/$(1)
	cp -R src/operant build/$(1)/operant
	cp -R bench build/$(1)/operant/bench
	cp -R compat build/$(1)/operant/compat
	cp -R native build/$(1)/operant/native
	rm build/$(1)/operant/native/build.py
endef

# Tests the step path again with outputs.py as Python instead of compiled, in a copy of the package without that extension.
# The long trajectories are omitted, because they judge the physics, and the core is the same library here.
test-twin: venv
	$(call copy_package,twin)
	rm -f build/twin/operant/batch/outputs.*.so build/twin/operant/batch/outputs__mypyc.*.so
	PYTHONPATH=build/twin $(BIN)/python -c "import operant.batch.outputs as o; assert o.__file__.endswith('outputs.py'), o.__file__"
	PYTHONPATH=build/twin $(PYTEST) -m "not test_all and not test_long" $(TWIN_TESTS)

TWIN_TESTS = $(foreach name,lifetime outputs snapshots,tests/batch/test_$(name).py) \
	$(foreach name,bad_input pool single trajectories vector,tests/environments/test_$(name).py)

# The sdist, and the wheel without mypyc that is built from it. The tests of packaging, of the oldest releases and of other
# frameworks' environments install this wheel. A test that makes it already runs in .venv, so it passes INSTALLED=.
INSTALLED = .venv/installed
PACKAGED = $(wildcard *.toml *.txt *.md *.py MANIFEST.in LICENSE .ci/run) $(shell find src bench compat native docs examples tests wheels \
	\( -path native/build -o -name __pycache__ -o -name '*.egg-info' \) -prune -o -type f ! -name '*.so' -print)

wheel sdist: build/dist/built

build/dist/built: $(INSTALLED) $(PACKAGED) | web-modules
	rm -rf $(@D)
	OPERANT_MYPYC=0 $(BIN)/python -m build --no-isolation --outdir $(@D) .
	touch $@

# The wheels that this machine can build, with auditwheel's tag: see wheels/make.py. ARM64= leaves out the emulated machine.
PYTHONS ?= $(BIN)/python
ARM64 ?= --arm64

wheels: build/dist/built
	$(BIN)/python wheels/make.py build/dist/*.tar.gz --python $(PYTHONS) $(ARM64)

# Frameworks with conflicting pins, each in its own virtual environment with operant's wheel.
COMPAT = $(patsubst tests/compat/own_environment/%/requirements.txt,%,$(wildcard tests/compat/own_environment/*/requirements.txt))

test-compat: $(COMPAT:%=test-compat-%)

build/compat/%/installed: tests/compat/own_environment/%/requirements.txt
	test -x build/compat/$*/bin/python || $(PYTHON) -m venv build/compat/$*
	build/compat/$*/bin/pip install --no-compile --quiet -r $<
	touch $@

.PRECIOUS: build/compat/%/installed

test-compat-%: build/dist/built build/compat/%/installed
	build/compat/$*/bin/pip install --no-compile --quiet --no-deps --force-reinstall build/dist/*.whl
	build/compat/$*/bin/python -m pytest --confcutdir=tests/compat/own_environment tests/compat/own_environment/$*

STUDY ?= bench/studies/algorithms.toml
study: venv
	$(BIN)/operant study $(STUDY) $(JOBS:%=--jobs %) --runs build

# Trains the agents that the wheel has, and those of the release's file, from wheels/agents.toml.
agents: venv
	$(BIN)/python wheels/agents.py

lint: venv
	$(BIN)/ruff check .
	$(BIN)/mypy

# With the live pages, for which the core is compiled to WebAssembly, once.
docs: venv web-modules
	$(BIN)/python docs/build_site.py

hashes: venv
	$(BIN)/python docs/hashes.py

clean:
	rm -rf .venv build dist native/build src/*.egg-info src/operant/*.so src/operant/batch/*.so
