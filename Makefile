# Twofold. `make` lists what there is. Needs Python 3.11 or newer, pip and make.
PYTHON ?= python3
SEEDS ?= 200
FIRST_SEED ?= 1
USERS ?= 16
TIME ?= 20s
PYTEST_ARGS ?=
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.twofold-setup
PIP := $(BIN)/python -m pip --disable-pip-version-check
FAST_TESTS := tests/unit tests/property tests/model tests/contract tests/api tests/style
SOURCES := shared cli connectors write_service read_service indexer infra loadtests examples tests

.DEFAULT_GOAL := help
.PHONY: help setup run demo check test-fast test sim conformance chaos bench load verify rebuild wheel clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Re-made only when the lock or the project's metadata changed.
$(SETUP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("error: Python 3.11 or newer is needed, $(PYTHON) is %d.%d; set PYTHON=..." % v[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked packages into $(VENV) (about a minute the first time)"
	@$(PIP) install --quiet --require-hashes --requirement requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(SETUP) ## Make .venv with the locked packages
	@echo "$(VENV) is ready"

run: $(SETUP) ## Start the engines and the services; prints how to connect; Ctrl-C stops it
	@exec $(BIN)/python -m infra.local.run

demo: $(SETUP) ## Run the quickstart against `make run`, through the official client
	@$(BIN)/python -m examples.quickstart

check: $(SETUP) ## Format, lint, types, import contracts, style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/style $(PYTEST_ARGS)

test-fast: $(SETUP) ## Tests that need no engine (under a minute)
	$(BIN)/pytest -q $(wildcard $(FAST_TESTS)) -m "not engines" $(PYTEST_ARGS)

test: $(SETUP) ## Every test, two side by side (JOBS=2); starts the engines that it needs by itself
	$(BIN)/pytest -n $(JOBS) $(PYTEST_ARGS)

sim: $(SETUP) ## Seeded simulations: make sim SEEDS=200 FIRST_SEED=1
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first-seed $(FIRST_SEED)

conformance: $(SETUP) ## The official client against the services
	$(BIN)/pytest tests/conformance $(PYTEST_ARGS)

chaos: $(SETUP) ## Kill, stop and restart real processes under load
	$(BIN)/pytest tests/chaos $(PYTEST_ARGS)

bench: $(SETUP) ## Measure; writes docs/performance.md's table
	$(BIN)/python -m loadtests.bench

load: $(SETUP) ## Locust users against `make run`, then the audit: USERS=16 TIME=20s
	$(BIN)/locust -f loadtests/locustfile.py --headless -u $(USERS) -r $(USERS) -t $(TIME)

verify: $(SETUP) ## Recompute everything of `make run` from its entries
	$(BIN)/python -m infra.local.attach indexer.verify

rebuild: $(SETUP) ## Fill fresh indices of `make run` and swap them in
	$(BIN)/python -m infra.local.attach indexer.rebuild

wheel: $(SETUP) ## Build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

clean: ## Remove what was built; data of `make run` (.twofold) and .venv stay
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
