# Everything a newcomer needs: `make demo` and `make test`. Each sets up .venv by itself.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help demo test test-all soak test-lowest test-stacks test-recipes check bench format wheel-test clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "isoflop needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(VENV)/.ready  ## train a small ladder, gather it, refit the law, write a report (3 minutes)
	$(BIN)/isoflop demo --dir isoflop-demo

test: $(VENV)/.ready  ## the fast tests
	$(BIN)/pytest -n 2 -m 'not slow and not soak'

test-all: $(VENV)/.ready  ## slow ones too: servers, browsers, notebooks, many starts
	$(BIN)/pytest -n 2 -m 'not soak'

soak: $(VENV)/.ready  ## hundreds of fits a law: coverage of intervals, lowest of many starts (minutes)
	$(BIN)/pytest -n 2 -m soak

test-lowest:  ## the fast tests with the lowest supported versions of the dependencies
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --upgrade pip
	.venv-lowest/bin/python -m pip install --quiet --editable '.[test]' --constraint tests/lowest.txt
	.venv-lowest/bin/pytest -n 2 -m 'not slow and not soak'

test-stacks:  ## with real transformers, Lightning, JAX, TensorBoard, W&B, JupyterLab, marimo (CPU)
	$(PYTHON) -m venv .venv-stacks
	.venv-stacks/bin/python -m pip install --quiet --upgrade pip
	.venv-stacks/bin/python -m pip install --quiet --editable '.[test-stacks]'
	HF_HUB_OFFLINE=1 .venv-stacks/bin/pytest -n 2 tests/plugins/autologgers tests/plugins/collectors \
	  tests/plugins/counting tests/plugins/explorer tests/registry/live

ORCHESTRATORS := .venv-airflow/.ready .venv-prefect/.ready .venv-dagster/.ready
.venv-airflow/.ready: PACKAGES := apache-airflow==3.3.2 apache-airflow-providers-standard==1.21.0
# With fastapi 0.140 Prefect's own server does not start.
.venv-prefect/.ready: PACKAGES := prefect==3.8.8 fastapi==0.139.2
.venv-dagster/.ready: PACKAGES := dagster==1.13.29

$(ORCHESTRATORS):
	$(PYTHON) -m venv $(@D) && $(@D)/bin/python -m pip install --quiet $(PACKAGES) && touch $@

test-recipes: $(VENV)/.ready  ## the schedule recipes in real Airflow, Prefect and Dagster
	$(MAKE) -j3 $(ORCHESTRATORS)
	$(BIN)/pytest -n 2 tests/plugins/schedule_recipes

check: $(VENV)/.ready  ## ruff, mypy strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/.bench: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --editable '.[dev,bench]'
	# It asks for Python 3.12 and runs on 3.11; what it needs beside NumPy and SciPy is polars.
	$(BIN)/python -m pip install --quiet --no-deps --ignore-requires-python simple-scaling-laws==0.2.0
	touch $@

bench: $(VENV)/.bench  ## speed as ratios, side by side in one run
	$(BIN)/python tests/bench/run.py

wheel-test: $(VENV)/.ready  ## build the wheel and try it away from the tree
	sh tests/wheel_test.sh

format: $(VENV)/.ready  ## format the tree
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove what the targets made
	rm -rf $(VENV) .venv-* isoflop-demo dist
