# One command for each thing a user or a developer does. `make help` lists them; docs/building.md says more.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

export FIRESTEEL_CACHE := $(abspath $(or $(FIRESTEEL_CACHE),.cache))
export CCACHE_DIR := $(or $(CCACHE_DIR),$(FIRESTEEL_CACHE)/ccache)
export CCACHE_BASEDIR := $(CURDIR)
export JOBS := $(or $(JOBS),$(shell nproc))
python := $(FIRESTEEL_CACHE)/venv/test/bin/python3

.PHONY: help
help: ## List these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1 /p' Makefile | while read -r name text; do printf 'make %-12s %s\n' "$$name" "$$text"; done

.PHONY: quickstart
quickstart: build ## Build, make a sample data set, run all steps on it, show the metrics
	@tools/quickstart build/release/firesteel build/quickstart

.PHONY: build
build: ## Install what the build needs and build build/release/firesteel
	@tools/setup build
	@cmake --preset release >/dev/null
	@cmake --build --preset release --parallel $(JOBS) --target firesteel firesteel-spark

.PHONY: package
package: build ## Make build/package/firesteel-VERSION-linux-ARCH.tar.gz, which runs wherever it is unpacked
	@tools/setup package
	@python3 tools/package.py build/release build/package

.PHONY: test
test: ## Install what the tests need and run them all, then the unit tests with sanitizers
	@tools/setup test
	@tools/test

.PHONY: test-long
test-long: ## Run the tests that take long
	@tools/setup test
	@tools/test slow

.PHONY: bench
bench: ## Measure; BENCH_ARGS goes to bench/run.py
	@tools/setup bench
	@cmake --preset bench >/dev/null
	@cmake --build --preset bench --parallel $(JOBS)
	@$(python) bench/run.py --build-dir build/bench --trainers-python $(FIRESTEEL_CACHE)/venv/bench/bin/python3 $(BENCH_ARGS)

.PHONY: bench-spark
bench-spark: ## Measure the Spark engine beside Spark's own Connect client; BENCH_ARGS goes to bench/spark_run.py
	@tools/setup bench
	@cmake --preset bench >/dev/null
	@cmake --build --preset bench --parallel $(JOBS)
	@$(python) bench/spark_run.py --build-dir build/bench $(BENCH_ARGS)

.PHONY: format
format: ## Lay out every C++ source as .clang-format says
	@tools/setup test
	@$(python) tests/gates/format.py $(FIRESTEEL_CACHE)/venv/test/bin/clang-format --fix

.PHONY: lint
lint: ## Look for bugs with clang-tidy; LINT_FILES limits it
	@tools/setup test
	@cmake --preset release >/dev/null
	@tools/lint build/release $(LINT_FILES)

.PHONY: clean
clean: ## Remove what was built; the cache stays
	rm -rf build
