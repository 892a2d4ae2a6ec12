# Meseta's commands. Each does its own set-up: a virtual environment in .venv, and Debian packages
# where they are missing and may be installed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SEED   ?= 1
SEEDS  ?= 200
MAKEFLAGS += --no-print-directory
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help

help:            ## show this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/: .*##/:\t/' | expand -t 14

demo: $(VENV)/.run                 ## a master, three agents and two competing frameworks, live
	@$(BIN)/meseta demo

local: $(VENV)/.run                ## a small cluster on this machine, kept up
	@$(BIN)/meseta local

test: lint types test-only         ## everything that must pass

test-only: $(VENV)/.test           ## the tests alone
	@$(BIN)/pytest -n auto --dist loadgroup

lint: $(VENV)/.test                ## style, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache

types: $(VENV)/.test               ## static types
	@$(BIN)/mypy

sim: $(VENV)/.run                  ## replay one simulated run: make sim SEED=42
	@$(BIN)/meseta simulate --seed $(SEED)

sim-many: $(VENV)/.run             ## many seeds: make sim-many SEEDS=1000
	@$(BIN)/meseta simulate --seeds $(SEEDS)

bench: $(VENV)/.bench              ## all benchmarks, as ratios within one run
	@$(BIN)/python -m benchmarks

proto: $(VENV)/.test               ## regenerate the protobuf modules from proto/
	@$(BIN)/python tools/make_proto.py

clean:           ## remove everything that make made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.run: pyproject.toml tools/setup.sh
	@sh tools/setup.sh $(PYTHON) $(VENV) run

$(VENV)/.test: pyproject.toml tools/setup.sh tools/install_pymesos.py
	@sh tools/setup.sh $(PYTHON) $(VENV) test

$(VENV)/.bench: pyproject.toml tools/setup.sh
	@sh tools/setup.sh $(PYTHON) $(VENV) bench

.PHONY: help demo local test test-only lint types sim sim-many bench proto clean
