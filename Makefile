# `make demo` and `make test` on a fresh machine with Python 3.11+, make and git.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One version that is known to work; the library itself takes any from 2.6 on.
TORCH := torch==2.13.0

.PHONY: demo test lint types soak bench clean

demo: $(VENV)/.installed  ## solve a fresh random board with the bundled model
	@$(BIN)/hrm solve --gif thinking.gif

test: $(VENV)/.installed-dev lint types  ## lint, types and tests
	$(BIN)/pytest -n 2

soak: $(VENV)/.installed-dev  ## the long version of the reliability tests
	HRM_SOAK=1 $(BIN)/pytest -n 2 -rP tests/test_kills.py tests/test_faults.py tests/test_fuzz.py \
	    tests/test_distributed.py

bench: $(VENV)/.installed  ## how fast everything is, as ratios measured in one run
	$(BIN)/python benchmarks/bench.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/pyright

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:  ## remove the environment and caches; runs stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .hypothesis
