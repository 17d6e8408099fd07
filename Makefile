# make lab              open the course in JupyterLab
# make test             run everything: style, unit tests, every notebook
# make quick            in two minutes: style, and the unit tests that are quick: no browser, no kernel, hardly any training
# make scripts          the unit tests of the JavaScript, where there is Node.js
# make notebooks        run every notebook top to bottom and save its outputs
# make resolve          ask pip whether the pins also resolve for Python 3.12 and 3.13
# make bench            train the networks here and by d2l in turn, then bench-explorers
# make bench-explorers  how fast a slider reaches the screen, in JupyterLab and headless Chromium
# make clean            remove the virtual environment and caches
#
# Flags go through ARGS, as in `make lab ARGS="--no-browser --port 8890"`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Tests run in several processes at once, each with its share of the cores; a notebook or module stays in one of them.
PARALLEL ?= -n auto --maxprocesses 4 --max-worker-restart 0 --dist loadscope
READY := $(VENV)/ready
# nbgrader lies apart: beside the rest it would put its own menus into every learner's JupyterLab.
TEACH := $(VENV)/teach
# Node.js lints and tests the explorers' scripts. Nothing else needs it: where it is missing, a line says so.
SCRIPTS := tests/js
ESLINT := $(SCRIPTS)/node_modules/.bin/eslint
NODE_HERE := node -e "const [a, b] = process.versions.node.split('.'); process.exit(a > 18 || (a == 18 && b >= 18) ? 0 : 1)"
NO_NODE := make: no Node.js 18.18 or later here, so the JavaScript is not

# Notebooks run in their own folder, so a relative CNNLAB_DATA is made absolute first. abspath would split it at blanks.
ifdef CNNLAB_DATA
ifeq ($(filter /% ~% '% "%,$(firstword $(CNNLAB_DATA))),)
override CNNLAB_DATA := $(CURDIR)/$(CNNLAB_DATA)
endif
export CNNLAB_DATA
endif

.PHONY: lab test quick lint unit scripts nbval notebooks bench bench-explorers resolve clean

lab: $(READY)
	$(BIN)/python -m cnnlab lab $(ARGS)

test: lint scripts unit nbval

quick: lint scripts $(READY)
	$(BIN)/python -m pytest tests cnnlab $(PARALLEL) -m "not browser and not slow" $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if ! $(NODE_HERE) 2> /dev/null; then echo "$(NO_NODE) linted"; \
	elif ! $(MAKE) --no-print-directory --silent $(ESLINT) 2> /dev/null; then \
	  echo "make: npm cannot install ESLint here, so the JavaScript is not linted"; \
	else echo "$(ESLINT) cnnlab/explore $(SCRIPTS)"; \
	  PYTHON=$(BIN)/python $(ESLINT) --config $(SCRIPTS)/eslint.config.js cnnlab/explore $(SCRIPTS); fi

scripts:
	@if ! $(NODE_HERE) 2> /dev/null; then echo "$(NO_NODE) tested"; \
	else echo "node --test $(SCRIPTS)"; node --test --test-reporter spec $(SCRIPTS)/*.test.js; fi

unit: $(READY) $(TEACH)/ready
	$(BIN)/python -m pytest tests cnnlab $(PARALLEL) --cov --cov-report=term $(ARGS)

nbval: $(READY)
	$(BIN)/python -m pytest --nbval notebooks $(PARALLEL) $(ARGS)

notebooks: $(READY)
	$(BIN)/python tests/notebooks.py $(ARGS)

bench: $(READY)
	$(BIN)/python -m cnnlab.measure.bench $(ARGS)
	$(BIN)/python tests/bench_explorers.py

bench-explorers: $(READY)
	$(BIN)/python tests/bench_explorers.py $(ARGS)

resolve: $(READY)
	@for version in 3.12 3.13; do \
	  $(BIN)/pip install --quiet --dry-run --ignore-installed --only-binary=:all: --python-version $$version \
	    --target $(VENV)/resolve -r requirements.txt && echo "the pins resolve for Python $$version" || exit 1; \
	done

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "make: the course needs Python 3.11 or later; name one, as in: make PYTHON=python3.12 lab"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "make: could not make a virtual environment; on Debian and Ubuntu install python3-venv first"; rm -rf $(VENV); exit 1; }
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $(READY)

$(TEACH)/ready: requirements-teach.txt $(READY)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(TEACH) -r requirements-teach.txt
	@touch $(TEACH)/ready

$(ESLINT): $(SCRIPTS)/package-lock.json
	npm ci --prefix $(SCRIPTS) --no-audit --no-fund --fetch-retries 1 --fetch-retry-mintimeout 1000
	@touch $@

clean:
	rm -rf $(VENV) $(SCRIPTS)/node_modules .pytest_cache .ruff_cache .hypothesis .coverage artifacts
