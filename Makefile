# `make demo` and `make test` need nothing but Python 3.11+, its venv module and make.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: docs demo test lint bench faults clean

demo: .venv/.ready
	@$(BIN)/cqrs demo

test: .venv/.ready
	@$(BIN)/python -m pytest -q -n auto

lint: .venv/.ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv/.bench
	@$(BIN)/python -m benchmarks

docs: .venv/.ready
	@$(BIN)/python -m tests.cli_reference

faults: .venv/.ready
	@$(BIN)/python -m pytest -q -rs -m faults

clean:
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# A venv that moved or whose Python went away is made anew; one that `uv run` made has no pip.
.venv/.ready: pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test,lint]' && touch $@

.venv/.bench: .venv/.ready
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[bench]' && touch $@
