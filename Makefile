# Every target makes its own .venv and installs what it needs; only Python 3.11+ and make are presumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto

.PHONY: help setup setup-dev quickstart test lint check bench docs clean
.DEFAULT_GOAL := help

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.installed  ## what the main job needs (about a minute)

setup-dev: $(VENV)/.installed-dev  ## the same, with tests, checks and docs

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "prepose needs Python 3.11 or newer; found $$($(PYTHON) --version). Name another one: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[synthetic,video]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[synthetic,video,serve,mocap,cluster,search,onnx,hub,dev]'
	@touch $@

quickstart: setup  ## the main job: three worlds, three recipes at equal compute, one page of results
	$(BIN)/prepose quickstart --out quickstart

test: setup-dev  ## all tests
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: setup-dev  ## format, lint, types, import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

check: lint test  ## lint and test

bench: setup-dev  ## speed figures, each as a ratio
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

docs: setup-dev  ## the documentation site, strictly
	$(BIN)/mkdocs build --strict

clean:  ## remove what the targets made, but no data and no runs
	rm -rf $(VENV) site build dist .pytest_cache .ruff_cache
