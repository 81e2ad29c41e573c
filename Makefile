# make demo and make test do all their own set-up in .venv; nothing else is needed but Python >= 3.12 and a package index.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The tests start some hundred processes of ours: compiled once, each of them starts sooner.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo demo-regression lint bytecode test test-quick bench mutants docs requirements clean

help:
	@echo "make demo             the whole way on this machine, ends in READY"
	@echo "make demo-regression  the same with a worse staging build, ends in NOT READY"
	@echo "make test             lint, types, import rule and all tests"
	@echo "make mutants          disable each rule of the sanitiser in turn: the leak test must notice"
	@echo "make bench            benchmarks (print tables, assert nothing)"
	@echo "make docs             the documentation site, in build/site"

$(READY): requirements.txt pyproject.toml
	@for python in python3.13 python3.12 python3 python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Dress Rehearsal needs Python 3.12 or newer; none was found on the PATH." >&2; exit 1; fi; \
	test -x $(BIN)/python || $$found -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(READY)

setup: $(READY)

demo: $(READY)
	@$(BIN)/replay demo

demo-regression: $(READY)
	@$(BIN)/replay demo --regression

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The byte code of all that the tests import, written once here and not by every one of their processes: two thirds of what
# is installed is never imported, so pip compiles nothing (20 s of the set-up's 50).
bytecode: $(READY)
	@$(BIN)/pytest --collect-only --quiet --quiet --no-header -p no:cacheprovider >$(VENV)/collected || { cat $(VENV)/collected; exit 1; }

# What judges times runs two at a time, when nothing else does; the tests of a file share their runs, and the longest
# files begin first (tests/conftest.py). Most other tests wait for something now and then, so four share two cores, and who
# has no test left takes one of another's.
test: $(READY)
	@$(MAKE) --no-print-directory -j 2 lint bytecode
	$(BIN)/pytest -n 4 --dist worksteal -m "not timed"
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m timed $$(grep -rl "mark.timed" tests --include="*.py")

test-quick: $(READY)
	$(BIN)/pytest -m "not e2e and not leak"

bench: $(READY)
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

# Disables each walker and rule of the sanitiser in turn; a planted value must then be found (about a minute).
mutants: $(READY)
	@$(BIN)/python tests/leak/mutants.py

$(VENV)/docs/.ready: requirements-docs.txt $(READY)
	test -x $(VENV)/docs/bin/python || $(BIN)/python -m venv $(VENV)/docs
	$(VENV)/docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.txt
	@touch $@

# Its reference is made from the code by tests/documentation; any warning is an error.
docs: $(VENV)/docs/.ready
	NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build --quiet --strict
	@echo "build/site/index.html"

# Needs uv; writes no index address into the file.
requirements:
	uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --group dev pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --group docs -o requirements-docs.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
