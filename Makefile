# Two commands on a fresh machine: `make run` and `make test`.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: setup setup-dev run demo test check lives bench lock clean
.DEFAULT_GOAL := run

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.development

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Primaries needs Python 3.11 (set PYTHON=/path/to/python3.11)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(BIN)/python
	@echo "Installing dependencies (a minute or two, once)…"
	$(PIP) install --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.development: requirements-dev.txt tests/install-chromium tests/install-haproxy tests/install-kannel | $(BIN)/python
	@echo "Installing dependencies of the tests (a minute or two, once)…"
	$(PIP) install --require-hashes -r requirements-dev.txt
	@tests/install-chromium
	@tests/install-haproxy
	@tests/install-kannel
	@touch $(VENV)/.runtime $@

# Environment, dependencies, database, the first two administrators, both listeners.
run: setup
	@exec $(BIN)/python serve.py

# The same with a living rehearsal primary in data/demo: members, candidates, calls, voters voting.
DEMO_MEMBERS ?= 20000
demo: setup
	@exec $(BIN)/python serve.py --demo --members $(DEMO_MEMBERS)

test: check
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Random lives of cases on both engines, thousands of steps: some minutes.
lives: setup-dev
	LONG_LIVES=1 $(BIN)/python -m pytest tests/cases/test_lives.py

bench: setup-dev
	$(BIN)/python -m benchmarks

# Locks what requirements*.in ask for, with hashes.
lock: setup-dev
	$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes --no-config --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes --no-config --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
