# Meseta's commands. Each does its own set-up: a virtual environment in .venv, and Debian packages
# where they are missing and may be installed.

# What .venv is made with. To change it later: make clean, then for example make test PYTHON=python3.13
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SEED   ?= 1
SEEDS  ?= 500
MAKEFLAGS += --no-print-directory
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help

help:                           ## show this list
	@sed -n 's/^\([a-z-]*\): .*## /make \1\t/p' Makefile | expand -t 16

demo: to-run                    ## a master, three agents and two competing frameworks, live
	@$(BIN)/meseta demo

local: to-run                   ## a small cluster on this machine, kept up
	@$(BIN)/meseta local

test: lint types test-only      ## everything that must pass

test-only: to-test              ## the tests alone
	@$(BIN)/pytest -n auto --dist loadgroup

lint: to-test                   ## style, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache

types: to-test                  ## static types
	@$(BIN)/mypy

sim: to-run                     ## replay one simulated run: make sim SEED=42
	@$(BIN)/meseta simulate --seed $(SEED)

sim-many: to-run                ## many seeds: make sim-many SEEDS=1000
	@$(BIN)/meseta simulate --seeds $(SEEDS)

chaos: to-test                  ## kill real processes for five minutes, and count what is lost: nothing
	@$(BIN)/python -m tests.chaos $(CHAOS)

bench: to-bench                 ## all benchmarks, as ratios within one run
	@$(BIN)/python -m benchmarks

proto: to-test                  ## regenerate the protobuf modules from proto/
	@$(BIN)/python tools/make_proto.py

clean:                          ## remove everything that make made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

to-run to-test to-bench:
	@sh tools/setup.sh "$(PYTHON)" $(VENV) $(@:to-%=%)

# Not in parallel, even with -j: what the commands say belongs together.
.NOTPARALLEL:
.PHONY: help demo local test test-only lint types sim sim-many chaos bench proto clean to-run to-test to-bench
