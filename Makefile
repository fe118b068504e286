# The two commands of TinyScene; each sets up its own environment on a fresh machine.
VENV ?= .venv
# Two processes of tests, each with a thread: more would wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadfile
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(VENV)/bin

.PHONY: help demo test test-fast lint setup clean

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(VENV)/ready  ## the whole line on synthetic recordings, 6 to 15 minutes on two cores
	$(BIN)/tinyscene demo demo

test: $(VENV)/ready  ## all tests, and which were the slowest
	$(PYTEST) --durations 50

test-fast: $(VENV)/ready  ## tests without the long ones
	$(PYTEST) -m "not slow"

lint: $(VENV)/ready  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/ready  ## only the environment

clean:  ## remove the environment and the demo
	rm -rf $(VENV) demo

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@
