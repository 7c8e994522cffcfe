# make quickstart, make test: each installs what is missing first. `make help` lists all.

PYTHON ?= python3
DEVICE ?= $(shell command -v nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu)
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help venv quickstart test lint bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make test ARGS='-m \"not slow\"'     passes arguments to pytest"
	@echo "  make venv DEVICE=cpu               chooses the list in requirements/ (default here: $(DEVICE))"

venv: ## .venv from the pinned lists; does nothing when it is up to date
	@PYTHON="$(PYTHON)" requirements/install.sh $(DEVICE)

quickstart: venv ## train the tiny model by RL, under 10 minutes on 2 cores
	$(BIN)/ponder train configs/quickstart.yaml

test: lint ## style, types, import rules and all tests
	$(BIN)/python -m pytest $(ARGS)

lint: venv ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: venv ## benchmarks beside their yardsticks (no pass or fail)
	@for bench in tests/benchmarks/bench_*.py; do echo "== $$bench"; \
	  $(BIN)/python -m tests.benchmarks.$$(basename $$bench .py) || exit 1; done

clean: ## remove .venv, build/ and caches; runs/ stays
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -not -path './runs/*' -prune -exec rm -rf {} +
