# Every target works on a fresh machine: .venv is made when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Commands are started often, by tests and benchmarks too: they must find compiled modules, as an installed package has.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo demo-fork test check golden bench crash docs clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)  ## apply the storefront, place an order, read it back through the router
	$(BIN)/python examples/storefront/demo.py

demo-fork: $(STAMP)  ## fork the storefront to another region with its data, check it, undo it
	$(BIN)/python examples/storefront/demo_fork.py

test: $(STAMP)  ## everything that .ci/run runs
	$(MAKE) --no-print-directory check-static
	# Three at once on two cores: most of a test with real processes is waiting for them.
	DPAAS_EXAMPLES=60 $(BIN)/pytest -q -n 3 --dist loadfile

check: $(STAMP) check-static  ## the fast checks: style, types, imports, unit tests
	DPAAS_EXAMPLES=20 $(BIN)/pytest -q -n 2 tests/unit tests/golden tests/properties

check-static: $(STAMP)
	$(BIN)/ruff check declarative_paas tests benchmarks
	$(BIN)/ruff format --check declarative_paas tests benchmarks
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

golden: $(STAMP)  ## regenerate golden files after a change that was meant
	UPDATE_GOLDEN=1 $(BIN)/pytest -q tests/unit/preview tests/golden

bench: $(STAMP)  ## measure, print and write benchmarks/results.md
	$(BIN)/python -m benchmarks

crash: $(STAMP)  ## kill applies and destroys everywhere, and print what that left behind
	$(BIN)/python tests/crash/run_all.py

docs: $(STAMP)  ## make the pictures of docs/preview.md anew, and check that every command line in the docs runs
	$(BIN)/python docs/previews/regenerate.py
	$(BIN)/pytest -q tests/architecture

clean:
	rm -rf $(VENV) build *.egg-info
