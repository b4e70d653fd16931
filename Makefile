# `make plans` and `make test` set up everything they need: a virtual environment with this project and every
# plugin in plugins/, both editable. PYTHON=python3.12 picks another interpreter.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Where the environment forbids Python to keep bytecode (PYTHONDONTWRITEBYTECODE), every start would compile all of it.
BYTECODE := $(BIN)/python -m compileall -q orchharness plugins
DOCS_STAMP := .venv/.docs-installed
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))

ALONE := tests/chaos tests/unit/core/test_core_speed.py tests/plugin/test_plain_speed.py
# Three for two cores: tests of sessions wait as often as they work.
WORKERS ?= $(shell echo $$(( ($$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))

SEED ?= 1
CASES ?= 1000
EXAMPLES ?= 20000
FUZZ_SECONDS ?= 600

.PHONY: plans test agents agents-more test-agents test-agents-more test-browser chaos fuzz format lint types contracts check docs screenshots clean

plans: $(STAMP)
	@$(BYTECODE)
	@$(BIN)/python -m pytest plans/

# What measures time, or kills at the worst moment, has the machine to itself; the rest is shared by its cores.
test: $(STAMP)
	@$(BYTECODE)
	@$(BIN)/python -m pytest $(ALONE)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(addprefix --ignore=,$(ALONE))

# Real agent clients, in the versions that tests/agents/*/package.json name; nothing of them is in the repository.
agents: .agents/clients/.installed

agents-more: .agents/more-clients/.installed

.agents/%/.installed: tests/agents/%/package.json tests/agents/%/package-lock.json
	@command -v node >/dev/null || { echo "make agents: node is missing: install Node.js 20 or newer" >&2; exit 1; }
	@command -v npm >/dev/null || { echo "make agents: npm is missing: install it with Node.js" >&2; exit 1; }
	@mkdir -p .agents/$*
	@cp $^ .agents/$*/
	cd .agents/$* && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Plans run by the real clients against a scripted model, where no network but loopback is: see tests/agents/README.md.
test-agents: $(STAMP) agents
	@$(BYTECODE)
	@$(PYTHON) tests/agents/alone.py $(BIN)/python -m pytest tests/agents -n $(WORKERS) -m "not more"

test-agents-more: $(STAMP) agents agents-more
	@$(BYTECODE)
	@$(PYTHON) tests/agents/alone.py $(BIN)/python -m pytest tests/agents -n 2 -m more

# The report in a real browser: tests/browser. Chromium is Debian's; what drives it comes from PyPI.
test-browser: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[browser]"
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -y -qq chromium >/dev/null; } || { echo "test-browser needs Chromium in the PATH: apt-get install chromium"; exit 1; }
	@ORCH_TEST_BROWSER=1 $(BIN)/python -m pytest tests/browser

# Days of bad luck in an hour or two: see tests/chaos/README.md.
chaos: $(STAMP)
	@$(BYTECODE)
	@CHAOS=long CHAOS_SEED=$(SEED) $(BIN)/python -m pytest tests/chaos
	@ORCH_TEST_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --timeout 0 \
		tests/unit/core/test_core_machine.py tests/unit/core/test_core_resuming.py
	@$(BIN)/python tests/chaos/campaign.py --seed $(SEED) --cases $(CASES)

# Plan files of any bytes, guided by coverage; what breaks a rule is left as .fuzz/crash-…. Then the same by examples.
fuzz: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[fuzz]"
	@mkdir -p .fuzz/corpus
	@$(BIN)/python tests/fuzz/fuzz_plan_files.py -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=.fuzz/ .fuzz/corpus
	@ORCH_TEST_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/unit/planfile/test_plan_fuzz.py --timeout 0

# The site, in docs/_build. Every warning is an error.
docs: screenshots
	@$(BIN)/python -m sphinx -W --keep-going -n -q -b html -c docs . docs/_build
	@echo "docs/_build/index.html"

# Pictures for it. Those of the terminal need nothing; those of the report need Chromium, and are left out without it.
screenshots: $(DOCS_STAMP)
	@$(BYTECODE)
	@$(BIN)/python docs/screenshots.py

format: $(STAMP)
	@$(BIN)/ruff format --check .

lint: $(STAMP)
	@$(BIN)/ruff check .

types: $(STAMP)
	@$(BIN)/mypy

contracts: $(STAMP)
	@$(BIN)/lint-imports

check: format lint types contracts

$(STAMP): pyproject.toml $(addsuffix /pyproject.toml,$(PLUGINS))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]" $(addprefix -e ./,$(PLUGINS))
	@touch $@

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	@touch $@

clean:
	rm -rf .venv .agents .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .fuzz build dist docs/_build docs/_static/shots
