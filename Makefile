# manyi: every command a developer needs. `make` prints them; each stands alone in a fresh clone.
# Needs Python 3.11 or newer and make. PYTHON=/path/to/python chooses another interpreter.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STAMP := .venv/.installed
PYTEST_ARGS ?=
# Packages of another checkout must not leak in.
unexport PYTHONPATH PYTHONHOME

##@ Use
.PHONY: setup
setup: $(STAMP) ## create .venv from the locked, hashed requirements (once; again when they change)

.PHONY: demo
demo: $(STAMP) ## broker, store, worker, simulated traffic and the wallboard, on this machine
	@$(BIN)/manyi demo $(DEMO_ARGS)

##@ Develop
.PHONY: test
test: $(STAMP) ## all tests on the embedded broker; PYTEST_ARGS="-k clock" narrows them
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: seeds
seeds: $(STAMP) ## simulated workers, faults drawn from seeds; SEEDS_ARGS="--seeds 5000 --start 100"
	@$(BIN)/python -m tests.simulation $(SEEDS_ARGS)

.PHONY: check
check: format lint types imports tidy ## everything that reads the code without running it

.PHONY: format
format: $(STAMP)
	@$(BIN)/ruff format --check .

.PHONY: lint
lint: $(STAMP)
	@$(BIN)/ruff check .

.PHONY: types
types: $(STAMP)
	@$(BIN)/mypy

.PHONY: imports
imports: $(STAMP)
	@$(BIN)/lint-imports

.PHONY: tidy
tidy: $(STAMP)
	@$(BIN)/python -m pytest -q tests/test_tidy.py

.PHONY: fix
fix: $(STAMP) ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

.PHONY: docs
docs: $(STAMP) ## write the generated documents: records, HTTP, settings
	@.ci/docs $(BIN)/python

.PHONY: bench
bench: $(STAMP) ## run the benchmarks, 25 minutes; BENCH_ARGS="restore --quick" runs one, tiny
	@.ci/bench $(BIN)/python $(BENCH_ARGS)

##@ Apache Kafka (needs Java 17 and Maven; nothing is installed outside the checkout's cache)
.PHONY: kafka
kafka: $(STAMP) ## run a real Apache Kafka in the foreground
	@.ci/kafka $(BIN)/python run

.PHONY: test-kafka
test-kafka: $(STAMP) ## the tests marked `kafka`, on a real Apache Kafka
	@.ci/kafka $(BIN)/python test $(PYTEST_ARGS)

.PHONY: chaos
chaos: $(STAMP) ## workers killed for a quarter of an hour, all compared; CHAOS_ARGS="--kills 10"
	@.ci/kafka $(BIN)/python chaos $(CHAOS_ARGS)

##@ Keep
.PHONY: lock
lock: $(STAMP) ## write requirements*.txt anew from pyproject.toml (run it on Python 3.11)
	@CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile $(LOCK_FLAGS) \
	  --output-file requirements.txt pyproject.toml
	@CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile $(LOCK_FLAGS) --extra dev \
	  --output-file requirements-dev.txt pyproject.toml
	@CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile $(LOCK_FLAGS) \
	  --build-deps-for wheel --only-build-deps --output-file requirements-build.txt pyproject.toml

# No index or download address belongs into a lock: the hashes say what is right, not the place.
LOCK_FLAGS := --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
  --no-emit-trusted-host --strip-extras --allow-unsafe

.PHONY: clean
clean: ## remove .venv, caches and build output
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
	  .benchmarks .import_linter_cache .cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## print this page
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo

$(STAMP): requirements-dev.txt pyproject.toml
	@.ci/setup "$(PYTHON)"
	@touch $@
