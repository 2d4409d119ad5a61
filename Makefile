# Huifang: `make demo` shows a whole day, `make test` checks everything. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# For example: make test PYTEST_ARGS="-m unit -x"
PYTEST_ARGS ?=
# For example: make demo DEMO_ARGS="--json"
DEMO_ARGS ?=
# For example: make lock LOCK_ARGS=--upgrade
LOCK_ARGS ?=
# For example: make nodes KILLS=50
KILLS ?= 200

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.demo ## from a fresh clone to a finished call-back day (HUIFANG_DEMO_EXIT=1: stop after the summary)
	@$(BIN)/huifang demo $(DEMO_ARGS)

.PHONY: test
test: $(VENV)/.test system-packages lint ## install what the tests need, lint, type-check, run every test
	@# 5: PYTEST_ARGS choose none of these
	$(BIN)/pytest -n 2 tests/unit $(PYTEST_ARGS) || [ $$? -eq 5 ]
	$(BIN)/pytest --ignore=tests/contract/line --ignore=tests/unit $(PYTEST_ARGS) || [ $$? -eq 5 ]
	@# the line's contract waits more than it computes
	$(BIN)/pytest -n 4 tests/contract/line $(PYTEST_ARGS) || [ $$? -eq 5 ]

.PHONY: interop
interop: $(VENV)/.test ## calls through Kamailio, to the telephones of Debian, to and from SIPp (installs them)
	tools/interop-packages.sh
	$(BIN)/pytest tests/interop/check_*.py $(PYTEST_ARGS)

.PHONY: robustness
robustness: $(VENV)/.test system-packages ## a minute of 10,000 hostile datagrams a second while calls go on
	$(BIN)/pytest -s tests/integration/robustness/minute.py $(PYTEST_ARGS)

.PHONY: nodes
nodes: $(VENV)/.test system-packages ## three nodes on PostgreSQL, killed at random 200 times (KILLS=...)
	KILLS=$(KILLS) $(BIN)/pytest tests/integration/nodes/test_kills.py $(PYTEST_ARGS)

.PHONY: lint
lint: $(VENV)/.test ## ruff, mypy (strict) and the import contracts between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tools
	$(BIN)/lint-imports --no-cache

.PHONY: format
format: $(VENV)/.test ## put the code into its shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: docs
docs: $(VENV)/.test ## write the generated documentation anew
	$(BIN)/python tools/settings_doc.py
	$(BIN)/python tools/rules_doc.py

.PHONY: system-packages
system-packages: ## install the programs the tests drive (SIPp, ffmpeg, Chromium, PostgreSQL, a Chinese font)
	@tools/system-packages.sh

.PHONY: lock
lock: $(VENV)/.lock ## resolve the lock files anew from pyproject.toml
	tools/lock.sh $(BIN)/uv $(LOCK_ARGS)

.PHONY: voices
voices: $(VENV)/.voices ## render the prompts of the shipped scripts that have no audio yet
	$(BIN)/huifang prompts render --committed $(VOICES_ARGS)


bench-%: $(VENV)/.test ## run one benchmark of tests/benchmarks: make bench-lines BENCH_ARGS="--help"
	@test -d tests/benchmarks/$* || { echo "no benchmark $*; there are: $$(ls tests/benchmarks)" >&2; exit 2; }
	$(BIN)/python tests/benchmarks/$*/bench_$*.py $(BENCH_ARGS)

.PHONY: clean
clean: ## remove the virtual environment and the caches; var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info

# One stamp a step: a second run installs nothing.
$(VENV)/.python:
	@tools/check-python.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.build: requirements/build.lock | $(VENV)/.python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.lock
	@touch $@

# Source packages are built with the locked setuptools: nothing that runs here is unchecked.
INSTALL := $(BIN)/python -m pip install --no-build-isolation --no-compile

$(VENV)/.demo: requirements/demo.lock pyproject.toml $(VENV)/.build
	@echo "Installing Huifang into $(VENV): about 350 MB to download, one to five minutes, once."
	$(INSTALL) --require-hashes -r requirements/demo.lock
	$(INSTALL) --quiet --no-deps -e .
	@touch $@

$(VENV)/.test: requirements/test.lock pyproject.toml $(VENV)/.build
	@echo "Installing Huifang and its tests into $(VENV): about 500 MB to download, one to five minutes, once."
	$(INSTALL) --require-hashes -r requirements/test.lock
	$(INSTALL) --quiet --no-deps -e .
	@touch $@

$(VENV)/.voices: requirements/voices.lock pyproject.toml $(VENV)/.build
	$(INSTALL) --require-hashes -r requirements/voices.lock
	$(INSTALL) --quiet --no-deps -e .
	@touch $@

$(VENV)/.lock: | $(VENV)/.python
	$(BIN)/python -m pip install --quiet 'uv>=0.9'
	@touch $@
