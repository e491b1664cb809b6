# Everything runs in .venv, which is made when it is needed. `make` says what there is.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-damage test-kill test-mixed test-clients lint check bench clean

help:
	@echo 'make demo    the whole cutover on a local stand-in, in under a minute'
	@echo 'make test    the tests, over real sockets on loopback'
	@echo 'make test-damage'
	@echo '             the long ones: wrong orders, missing checks, every interrupted world'
	@echo 'make test-kill'
	@echo '             every point of death: a run stopped at each request, and taken up again'
	@echo 'make test-mixed'
	@echo '             faults, deaths and other people in any order; SEED=n goes another way, the same each time'
	@echo 'make test-clients'
	@echo '             clients of other people, unmodified, against the sandbox; needs Node and npm'
	@echo 'make lint    format, ruff, mypy --strict, import contracts'
	@echo 'make check   lint and all tests'
	@echo 'make bench   figures: start-up, planning, memory, the sandbox'
	@echo 'make clean   remove what the others made'

$(READY): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[sandbox,dev]'
	@touch $@

demo: $(READY)
	@$(BIN)/python demo/demo.py

test: $(READY)
	$(BIN)/python -m pytest -n 3 --dist worksteal -m 'not damage'

test-damage: $(READY)
	$(BIN)/python -m pytest -n 3 --dist worksteal -m damage

test-kill: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests/kill

test-mixed: $(READY)
	@echo 'seed $(SEED): make test-mixed SEED=$(SEED) goes the same way again'
	SEED=$(SEED) $(BIN)/python -m pytest -n 2 tests/mixed

test-clients: $(READY)
	@$(BIN)/python -m tests.third_party.packages
	$(BIN)/python -m pytest tests/third_party

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

check: lint test test-damage test-kill test-mixed test-clients

bench: $(READY)
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/sandbox.py

clean:
	rm -rf .venv .venv-clients .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
