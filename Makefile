# `make demo` and `make test` need Python 3.11 and Git; everything else they install into .venv.

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# What an installation is made from: it is made again when one of these is newer.
SOURCES := pyproject.toml README.md $(shell find modelver ! -name '*.pyc' ! -name __pycache__)

.PHONY: demo test lint test-faults docs clean

demo: .venv/installed
	@$(BIN)/modelver demo

test: .venv/installed-test
	@$(MAKE) --no-print-directory lint
	$(BIN)/pytest -n auto

lint: .venv/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test-faults: .venv/installed-test
	MODELVER_FAULTS=full $(BIN)/pytest -m faults tests/git

docs: .venv/installed-test
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.venv/bin/pip:
	$(PYTHON) -m venv .venv

# Without the former build, a module that was removed would be packed again.
.venv/installed: .venv/bin/pip $(SOURCES)
	@rm -rf build
	$(BIN)/pip install --quiet .
	@touch $@

.venv/installed-test: .venv/bin/pip $(SOURCES)
	@rm -rf build
	$(BIN)/pip install --quiet '.[test]'
	@touch $@ .venv/installed
