# demo, test, check, bench: one command each; every one sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
KEEP ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check format bench clean

help:  ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "error: $$($(PYTHON) --version) found; Python 3.11, 3.12 or 3.13 is needed; run: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(STAMP)  ## raw text -> corpus -> tokenizer -> model -> evaluation -> registry -> endpoint, and three questions (KEEP=1 keeps it up)
	$(BIN)/hanlin demo $(if $(KEEP),--keep)

test: $(STAMP)  ## all fast tests
	$(BIN)/python -m pytest

test-slow: $(STAMP)  ## kills, node loss, large runs
	$(BIN)/python -m pytest -m slow

check: $(STAMP)  ## lint, format, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## let ruff write the format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## every benchmark, each against a named peer or limit
	@for each in benchmarks/*.py; do echo "== $$each"; $(BIN)/python $$each || exit 1; done

clean:  ## remove what the demo made (artifacts in demo/)
	rm -rf demo
