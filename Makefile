# `make demo` and `make test` need nothing but Python 3.11+, its venv module and make.

PYTHON ?= python3
BIN := .venv/bin
PIP_INSTALL := -m pip install -q --disable-pip-version-check

# Compiled once, not by each of the thousand processes that the tests start.
unexport PYTHONDONTWRITEBYTECODE
# Buffered, as it is where people run it.
unexport PYTHONUNBUFFERED

QUICK := -m "not faults and not slow" --kept-on file
# What depends on the libraries by more than their public ways: there, the slow tests are run against each version too.
VERSIONED := -m "slow and not faults" --kept-on file tests/cli/options tests/domain tests/stores \
	$(foreach name,concurrency failover pooler,--ignore tests/stores/postgres/test_$(name).py)
# The rooms that lean on the libraries most, for a pair of versions that differs from two that are run in full.
LEANING := $(QUICK) tests/cli/options tests/cli/shell tests/domain tests/http tests/scenario

.PHONY: docs pictures site demo quick test both fuzz lowest newest lint bench peers faults image clean

demo: .venv/.ready
	@$(BIN)/cqrs demo

# The tests that say the most a second: every room, in a minute and a half on two cores. tests/slow.py has the rest.
quick: .venv/.ready
	@$(BIN)/python -m pytest -q -n auto $(QUICK)

test: .venv/.ready
	@.ci/programs
	@$(BIN)/python .ci/versions.py test
	@$(BIN)/python -m pytest -q -n auto

# Every test that is not about files, with its stores on a server; `make test` has those that say the most of it.
both: .venv/.ready
	@$(BIN)/python -m pytest -q -n auto --kept-on server

# The floors of pyproject.toml, to the digit, on the oldest Python that is here; its SQLite is that of `make test`.
lowest: .venv-lowest/.ready
	@.venv-lowest/bin/python .ci/versions.py lowest
	@.venv-lowest/bin/python -m pytest -q -n auto -p no:cacheprovider $(QUICK)
	@.venv-lowest/bin/python -m pytest -q -n auto -p no:cacheprovider $(VERSIONED) --ignore tests/stores/sqlite

# The newest Python that is here (nothing downloads one), with the floors and then with the latest releases.
newest:
	@python=$$(.ci/newest-python) || { echo 'newest: no Python above 3.11 on this machine, so no tests on a newer one'; exit 0; } \
	&& { [ "$$(.venv-newest/bin/python -V 2>&1)" = "$$($$python -V 2>&1)" ] || $$python -m venv --clear .venv-newest; } \
	&& .venv-newest/bin/python $(PIP_INSTALL) -e '.[test]' $$($$python .ci/versions.py floors) \
	&& .venv-newest/bin/python .ci/versions.py newest, lowest libraries \
	&& .venv-newest/bin/python -m pytest -q -n auto -p no:cacheprovider $(LEANING) \
	&& .venv-newest/bin/python $(PIP_INSTALL) --upgrade --upgrade-strategy eager -e '.[test]' \
	&& .venv-newest/bin/python .ci/versions.py newest \
	&& .venv-newest/bin/python -m pytest -q -n auto -p no:cacheprovider $(QUICK)

# Requests made of the OpenAPI document, by schemathesis. FUZZ_CASES=100 for longer.
fuzz: .venv/.fuzz
	@$(BIN)/python -m pytest -q tests/http/test_http_fuzz.py -o timeout=900

lint: .venv/.ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pyright
	@$(BIN)/lint-imports

bench: .venv/.bench
	@$(BIN)/python -m benchmarks

# What other stores' suites expect, with those that need other packages.
peers: .venv/.peers
	@$(BIN)/python -m pytest -q -n auto tests/peers tests/transfer/dialects

docs: .venv/.ready
	@$(BIN)/python -m tests.cli_reference
	@$(BIN)/python -m tests.peers.page

# The pictures of the pages in docs/pictures, taken in a browser.
pictures: .venv/.ready
	@.ci/programs
	@$(BIN)/python -m tests.browser.pictures

# The documentation as a site, in `site/`. A link to a page or heading that is not there ends it.
site: .venv/.docs
	@$(BIN)/zensical build --clean --strict

faults: .venv/.ready
	@$(BIN)/python -m pytest -q -rs -m faults --timeout 1800 -o faulthandler_timeout=1790

# The image of samples/http, built and run without an engine. Root, on Debian.
image:
	@bash tests/samples/image.sh

clean:
	@rm -rf .venv .venv-lowest .venv-newest build dist site .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# A venv that moved or whose Python went away is made anew; one that `uv run` made has no pip.
.venv/.ready: pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python $(PIP_INSTALL) -e '.[test,lint]' && touch $@

.venv-lowest/.ready: pyproject.toml .ci/versions.py
	@.venv-lowest/bin/python -m pip --version >/dev/null 2>&1 || $$(python3.11 -c '' 2>/dev/null && echo python3.11 || echo $(PYTHON)) -m venv --clear .venv-lowest
	@.venv-lowest/bin/python $(PIP_INSTALL) -e '.[test]' $$(.venv-lowest/bin/python .ci/versions.py floors) && touch $@

.venv/.peers: .venv/.ready
	@! command -v npm >/dev/null || npm install --silent --prefix .venv/message-db @eventide/message-db@1.3.1
	@$(BIN)/python $(PIP_INSTALL) -e '.[peers]' && touch $@

.venv/.fuzz: .venv/.ready
	@$(BIN)/python $(PIP_INSTALL) -e '.[fuzz]' && touch $@

.venv/.docs: .venv/.ready
	@$(BIN)/python $(PIP_INSTALL) -e '.[docs]' && touch $@

.venv/.bench: .venv/.ready
	@$(BIN)/python $(PIP_INSTALL) -e '.[bench]' && touch $@
