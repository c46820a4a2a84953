# make demo      installs the core, Stable-Baselines3 and torch into .venv, measures, and trains PPO on operant/CartPole-v1
# make check     judges a change in two minutes: ruff, mypy, and every test that takes less than half a second
# make test      installs all of development into .venv and runs what a machine with a C compiler can judge
# make test-all  runs the rest: sanitizers, other compilers, architectures, releases and frameworks; `make test-long` the slowest
# make native    builds the C library without Python: build/native/liboperant.a and .so
# make sanitize  runs the C core under AddressSanitizer, UBSan and ThreadSanitizer
# make neon      cross-compiles the core for 64-bit Arm and compares its bits with this machine's
# make windows   does that for Windows, under Wine
# make wasm      does that for WebAssembly, in Node.js
# make macos     cross-compiles the core for macOS, where nothing runs it
# make cross     does all four
# make cuda      compiles what runs on a GPU with nvcc, which needs NVIDIA's CUDA toolkit and no GPU
# make study     trains every algorithm on every classic-control task, 5 seeds each: the table of docs/training.md
# make lint      runs ruff and mypy
# make clean     removes what the others made, .venv included

PYTHON ?= python3
BIN = .venv/bin
BUILD ?= build/native

# The core is compiled again and again: for the environment, the wheel, the C library. ccache does it once where it is
# installed: its folder of compilers comes first. It is not to mind which folder compiles.
CCACHE = $(firstword $(wildcard /usr/lib/ccache /usr/lib64/ccache /opt/homebrew/opt/ccache/libexec))
ifneq ($(CCACHE),)
export PATH := $(CCACHE):$(PATH)
export CCACHE_NOHASHDIR = 1
endif

# Bytecode is cached, whatever the machine says: without it `import torch` takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

# Part of correctness; native/build.py reads the same file.
FLAGS = $(shell cat native/flags.txt)
WARNINGS = -Wall -Wextra -Werror
CFLAGS ?=
SOURCES = $(wildcard native/core/*.c native/rollout/*.c native/targets/*.c)
HEADERS = $(wildcard native/operant.h native/core/*.h native/platform/*.h native/rollout/*.h native/envs/*.h native/envs/*/*.h)
ENVIRONMENTS = $(basename $(notdir $(wildcard native/envs/*.h)))
LIST = native/build/environments.h
COMPILE = $(CC) $(FLAGS) $(WARNINGS) -I$(dir $(LIST)).. -Inative $(CFLAGS)
PIC ?= -fPIC
LIBRARIES ?= -lm -lpthread -ldl

# A target is five objects: avx2.0.o to avx2.3.o have a quarter of the environments each, avx2.4.o all the rest. So compilers
# run side by side, and after a change to an environment a quarter of each target is compiled. See core/target.h.
GROUPS = 4
PARTS = 0 1 2 3 4
TARGETS = $(filter native/targets/%,$(SOURCES))
OBJECTS = $(patsubst native/%.c,$(BUILD)/%.o,$(filter-out $(TARGETS),$(SOURCES))) \
	$(foreach part,$(PARTS),$(TARGETS:native/%.c=$(BUILD)/%.$(part).o))

.PHONY: demo check test test-all test-long durations test-twin test-compat venv wheel native exercise study certificates sanitize \
	sanitize-address sanitize-address-narrow sanitize-address-wide sanitize-thread cross neon windows wasm macos cuda lint \
	clean FORCE

# The C library.

native: $(BUILD)/liboperant.a $(BUILD)/liboperant.so

# Lists the environments. It is always made and only replaced if it differs, so that a header that was removed is noticed.
$(LIST): FORCE
	@mkdir -p $(@D)
	@sh native/environments.sh $(sort $(ENVIRONMENTS)) > $@.$$$$ && \
	if cmp -s $@.$$$$ $@; then rm $@.$$$$; else mv $@.$$$$ $@; fi

# The compiler notes beside each object which headers it read (-MMD), for the next time.
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
	$(CC) $(CFLAGS) $(LDFLAGS) -shared $^ $(LIBRARIES) -o $@

# C programs over the library.

exercise certificates: %: $(BUILD)/%

LINK = $(COMPILE) $< $(BUILD)/liboperant.a $(LDFLAGS) $(LIBRARIES) -o $@

$(BUILD)/exercise: native/library/exercise.c $(BUILD)/liboperant.a
	$(LINK)

$(BUILD)/certificates: tests/native/certificates.c $(BUILD)/liboperant.a
	$(LINK)

# The functions that a libm may round in its own way: fmod, fma, sqrt and floor are exact in all of them.
ROUNDED = sin cos sincos sinf cosf exp log log1p pow powf

$(BUILD)/rounded: LDFLAGS += $(ROUNDED:%=-Wl,--wrap=%)
$(BUILD)/rounded: tests/native/rounded.c $(BUILD)/liboperant.a
	$(LINK)

sanitize: sanitize-address sanitize-thread

# Without the environments that are another's source once more, with other numbers of agents. All others run on one lane in
# both precisions, and on the narrowest vectors, which like all have lanes without an environment in their last block. On
# wider vectors and in threads runs one of each kind: it is core/ that differs there. Addresses are checked by calls, which
# take gcc half the time to compile.
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

# Threads do not care which environment they step.
sanitize-thread:
	$(MAKE) exercise BUILD=build/thread LIST=build/thread/include/build/environments.h \
		ENVIRONMENTS="cartpole pendulum simple_spread_2" CFLAGS="-O1 -g1 -fsanitize=thread"
	build/thread/exercise 3

# The core for other systems. Each certificate is compared with this machine's: float32 hashes are equal, and so are those of
# float64 unless the environment calls a function that another libm rounds differently.

# Clang with the headers and libraries of all these systems. Never link for this one with it: its runtime has a libm of its own.
ZIG ?= $(BIN)/python -m ziglang
export ZIG_GLOBAL_CACHE_DIR ?= $(CURDIR)/build/zig
FOR = CC='$(ZIG) cc -target $(1)' AR='$(ZIG) ar'

cross: neon windows wasm macos

neon: CROSS = CC=aarch64-linux-gnu-gcc LDFLAGS=-static
neon: EMULATOR = qemu-aarch64
windows: CROSS = $(call FOR,x86_64-windows-gnu) LDFLAGS=-s PIC= LIBRARIES=
windows: EMULATOR = WINEPREFIX=$(CURDIR)/build/wine WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml= wine
wasm: CROSS = $(call FOR,wasm32-wasi -msimd128) LDFLAGS=-s PIC= LIBRARIES=
wasm: EMULATOR = node --no-warnings tests/native/wasi.mjs

neon windows wasm: $(BUILD)/certificates $(BUILD)/rounded
	$(MAKE) certificates BUILD=build/$@ $(CROSS)
	$(BUILD)/certificates > build/$@/hashes-here
	$(BUILD)/rounded > build/$@/rounded
	$(EMULATOR) build/$@/certificates 2 > build/$@/hashes
	$(PYTHON) tests/native/compare_certificates.py build/$@

# Nothing runs these, so they are compiled for size: that is soonest done.
macos:
	$(MAKE) native certificates BUILD=build/macos-arm64 $(call FOR,aarch64-macos) CFLAGS=-Os
	$(MAKE) native certificates BUILD=build/macos-x86-64 $(call FOR,x86_64-macos) CFLAGS=-Os

cuda: venv
	$(BIN)/python tests/native/cuda_compilers.py build/cuda

# Python.

venv: .venv/installed

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

# What development has installed is enough.
demo: $(if $(wildcard .venv/installed),venv,.venv/demo-installed)
	$(BIN)/operant bench --quick --rows vector
	$(BIN)/python examples/sb3_ppo.py

# Two workers, as many as the machine has cores that CONTRIBUTING.md states times of; `make test WORKERS=8` on a larger one.
# A worker gets one half of the tests in their order, and what the other has left when it is done: so a module's fixtures
# are made by one worker.
WORKERS ?= 2
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# Four circles of tests, each run more rarely than the one before. A test is in the second unless a marker says otherwise:
# CONTRIBUTING.md explains them.
check: lint
	$(PYTEST) -m "not slow and not test_all and not test_long"

test: venv
	$(PYTEST) -m "not test_all and not test_long"

# One environment is installed while tests run in another.
test-all: venv
	$(MAKE) -j2 --output-sync=target test-compat test-twin
	$(PYTEST) -m test_all

test-long: venv
	$(PYTEST) -m test_long

# Measures every test and writes tests/slow.txt: those that `make check` leaves out.
durations: venv
	PYTHONPATH=tests $(PYTEST) -p durations

# The step path once more with outputs.py as Python instead of compiled: a copy of the package without that extension.
# Without the long trajectories, which judge the physics: that is the same library here.
test-twin: venv
	rm -rf build/twin
	mkdir -p build/twin
	cp -R src/operant build/twin/operant
	cp -R bench build/twin/operant/bench
	cp -R compat build/twin/operant/compat
	cp -R native build/twin/operant/native
	rm build/twin/operant/native/build.py
	rm -f build/twin/operant/batch/outputs.*.so build/twin/operant/batch/outputs__mypyc.*.so
	PYTHONPATH=build/twin $(BIN)/python -c "import operant.batch.outputs as o; assert o.__file__.endswith('outputs.py'), o.__file__"
	PYTHONPATH=build/twin $(PYTEST) -m "not test_all and not test_long" $(TWIN_TESTS)

TWIN_TESTS = $(foreach name,lifetime outputs snapshots,tests/batch/test_$(name).py) \
	$(foreach name,bad_input pool single trajectories vector,tests/environments/test_$(name).py)

# The sdist, and the wheel without mypyc that is built from it: the tests of packaging, of the oldest releases and of other
# frameworks' environments install this one. A test that makes it is run by what is installed: it says INSTALLED=.
INSTALLED = .venv/installed
PACKAGED = $(wildcard *.toml *.txt *.md *.py MANIFEST.in LICENSE .ci/run) $(shell find src bench compat native docs examples tests \
	\( -path native/build -o -name __pycache__ -o -name '*.egg-info' \) -prune -o -type f ! -name '*.so' -print)

wheel: build/dist/built

build/dist/built: $(INSTALLED) $(PACKAGED)
	rm -rf $(@D)
	OPERANT_MYPYC=0 $(BIN)/python -m build --no-isolation --outdir $(@D) .
	touch $@

# Frameworks whose pins conflict with the others', each in a virtual environment of its own with operant's wheel.
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

study: venv
	$(BIN)/python -m operant.bench.study

lint: venv
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf .venv build dist native/build src/*.egg-info src/operant/*.so src/operant/batch/*.so
