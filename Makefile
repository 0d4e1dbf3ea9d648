# SPDX-License-Identifier: Apache-2.0
#
# The commands of a person and of CI. Everything real is in the `harness` command and in tools/make-venv.

PYTHON ?= python3
export PYTHON
# Some images forbid bytecode. A run starts hundreds of interpreters, and each would compile the harness anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# What runs ends with make, also when make is killed outright: the kernel sends SIGTERM in its place.
BOUND := exec setpriv --pdeathsig TERM --
# When this make began; seconds.
BEGAN := $(shell date +%s)

.PHONY: help qualify test test-long soak lint docs prove doctor provision venv venv-dev clean

help:
	@echo 'make qualify    set up, then qualify every bench of boards.yaml and write the report'
	@echo 'make test       set up, then run the tests of the harness itself, lint and types'
	@echo 'make test-long  set up, then run the long tests as well'
	@echo 'make soak       set up, then hostile guests for ten minutes, and what a day of nightly runs would do'
	@echo 'make lint       set up, then check lint, format and types only'
	@echo 'make docs       set up, then make the documentation site'
	@echo 'make prove      set up, then show that the suites detect injected faults'
	@echo 'make doctor     list missing prerequisites and how to install them'
	@echo 'make provision  set up only: virtual environment, QEMU, images'
	@echo 'make clean      remove the virtual environment and what tools left here (not reports, not the cache)'

qualify: provision
	@$(BOUND) $(BIN)/python -m harness qualify

prove: provision
	@$(BOUND) $(BIN)/python -m harness prove

doctor: venv
	@$(BOUND) $(BIN)/python -m harness doctor

provision: venv
	@$(BOUND) $(BIN)/python -m harness provision

lint: venv-dev
	@$(BOUND) $(BIN)/ruff check .
	@$(BOUND) $(BIN)/ruff format --check .
	@$(BOUND) $(BIN)/python -m mypy

test: lint
	@$(BOUND) $(BIN)/python -m harness provision --loopback
	@$(BOUND) $(BIN)/python -m tests
	@echo "make test: passed in $$(($$(date +%s) - $(BEGAN))) s"

test-long: venv-dev
	@$(BOUND) $(BIN)/python -m harness provision --loopback
	@$(BOUND) $(BIN)/python -m pytest tests -m long

soak: venv-dev
	@$(BOUND) $(BIN)/python -m harness provision --loopback
	@$(BOUND) $(BIN)/python -m pytest tests -m soak -s

# tests/test_site.py makes it in the same way.
docs: venv-dev
	@$(BOUND) $(BIN)/python -m sphinx -q -j auto -W --keep-going -c docs . docs/_build
	@echo "make docs: docs/_build/index.html"

venv:
	@$(BOUND) tools/make-venv runtime

venv-dev:
	@$(BOUND) tools/make-venv dev

clean:
	rm -rf .venv docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
