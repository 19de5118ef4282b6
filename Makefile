# Wattproof. Needs make, git and Python 3.11 or newer; everything else is fetched by the targets.
PYTHON ?= python3
VENV := .venv
VENV_CONTRACTS := .venv-contracts
VENV_BENCH := .venv-bench
VENV_LOCK := .venv-lock
BIN := $(VENV)/bin
NPM := $(BIN)/npm
PIP_FLAGS := --disable-pip-version-check --quiet
INSTALL := -m pip install $(PIP_FLAGS) --require-hashes --no-deps
# Contract suites that set up a world of their own.
SUITES_APART := settlement credits certificates quotas
# Workers of the main test run.
WORKERS ?= 2

RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
CONTRACTS := $(VENV_CONTRACTS)/.ready
BENCH := $(VENV_BENCH)/.ready
NODE_RUNTIME := node_modules/.runtime
NODE_DEV := node_modules/.dev

.DEFAULT_GOAL := help
.PHONY: help setup dev demo browser test test-main test-contracts check format contracts bench soak lock clean python-version

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

python-version:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Wattproof needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }

$(RUNTIME): requirements/main.txt pyproject.toml | python-version
	@echo "Python environment $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(INSTALL) -r requirements/main.txt
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	@echo "Test tools into $(VENV)"
	@$(BIN)/python $(INSTALL) -r requirements/dev.txt
	@touch $@

$(CONTRACTS): requirements/contracts.txt | python-version
	@echo "Contract suites' environment $(VENV_CONTRACTS)"
	@test -x $(VENV_CONTRACTS)/bin/python || $(PYTHON) -m venv $(VENV_CONTRACTS)
	@$(VENV_CONTRACTS)/bin/python $(INSTALL) -r requirements/contracts.txt
	@touch $@

$(BENCH): requirements/bench.txt | python-version
	@echo "What the benchmarks compare with: $(VENV_BENCH)"
	@test -x $(VENV_BENCH)/bin/python || $(PYTHON) -m venv $(VENV_BENCH)
	@$(VENV_BENCH)/bin/python $(INSTALL) -r requirements/bench.txt
	@touch $@

$(NODE_RUNTIME): package.json package-lock.json | $(RUNTIME)
	@echo "Chain node"
	@$(NPM) ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

$(NODE_DEV): package.json package-lock.json | $(RUNTIME)
	@echo "Chain node and Solidity tools"
	@$(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $(NODE_RUNTIME) $@

setup: $(RUNTIME) $(NODE_RUNTIME)  ## Set up what running needs

dev:  ## Set up what developing and testing need
	@$(MAKE) --no-print-directory -j2 $(DEV) $(CONTRACTS) $(NODE_DEV)

demo: setup  ## Run an EV battery-trading day, from twin to audited settlement
	@$(BIN)/wattproof demo

demo-all: setup  ## Run a day of every market and of identities: EV batteries, malls' credits, heat and power, a park, green certificates
	@for market in ev mall chp park quota identity; do $(BIN)/wattproof demo $$market || exit 1; done

check: $(DEV)  ## Lint, format check, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(DEV)  ## Format and fix what can be fixed mechanically
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

browser:  ## Install Chromium for the tests of pages (Debian, as root); elsewhere say what is missing
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Chromium for the tests of pages"; \
	    apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver >/dev/null; \
	  else echo "Without Chromium and ChromeDriver the tests of pages are skipped." >&2; fi; }

test: dev browser  ## Run all checks and tests
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory test-main
	@$(MAKE) --no-print-directory test-contracts

test-main: $(DEV) $(NODE_DEV)  ## Run all tests except the contract suites
	@$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadfile

test-contracts: $(CONTRACTS) $(NODE_DEV)  ## Run the contract suites (ape), as many at a time as WORKERS
	@mkdir -p .build && printf '%s\n' $(SUITES_APART) others | xargs -P $(WORKERS) -I SUITE sh -c \
	  '$(MAKE) --no-print-directory suite-SUITE >.build/SUITE.log 2>&1; ended=$$?; cat .build/SUITE.log; exit $$ended'

# Apart: ape's isolation confuses the session fixtures of suites that set up different worlds.
suite-others:
	@$(VENV_CONTRACTS)/bin/python -m pytest tests/contracts $(SUITES_APART:%=--ignore tests/contracts/%)

suite-%:
	@$(VENV_CONTRACTS)/bin/python -m pytest tests/contracts/$*

contracts: $(DEV) $(NODE_DEV)  ## Compile the contracts into contracts/artifacts
	@$(BIN)/python -m contracts.build

bench: $(DEV) $(NODE_DEV) $(BENCH)  ## Run the benchmarks the README quotes
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

soak: $(DEV) $(NODE_DEV)  ## Run the long crash and load scenarios
	@$(BIN)/python -m pytest tests -m soak --timeout 3600

# Resolved for all platforms and Python versions at once; a registry's address never gets in.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --upgrade \
  --fork-strategy fewest --generate-hashes --no-emit-index-url --no-emit-find-links \
  --no-annotate --no-header

lock: python-version  ## Resolve requirements/*.in anew into the locks
	@$(PYTHON) -m venv $(VENV_LOCK) && $(VENV_LOCK)/bin/pip install $(PIP_FLAGS) uv==0.13.8
	@cd requirements && PATH="$(CURDIR)/$(VENV_LOCK)/bin:$$PATH" && \
	  $(LOCK) main.in -o main.txt && \
	  $(LOCK) dev.in -c main.txt -o dev.txt && \
	  $(LOCK) contracts.in --override contracts-overrides.in -o contracts.txt && \
	  $(LOCK) bench.in -o bench.txt

clean:  ## Remove environments, caches and build output (not your data)
	rm -rf $(VENV) $(VENV_CONTRACTS) $(VENV_BENCH) $(VENV_LOCK) node_modules dist build .build \
	  .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
