# Everything runs in an environment of its own (.venv); every target does its own set-up and may be run again.
# What one needs: Python >= 3.11 with venv, make, a C++ compiler (llama.cpp is compiled once, 5 to 8 minutes).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEMO   := results/demo.duckdb

.DEFAULT_GOAL := help
.PHONY: help setup demo test fast lint format reproduce proof bench browser screenshots clean

help: ## Show this.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Make .venv with everything in it (idempotent).

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Python {v[0]}.{v[1]} is too old: 3.11 or newer is needed. Type: make setup PYTHON=python3.12")'
	@echo "== environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "== packages (the first time llama.cpp is compiled: 5 to 8 minutes)"
	@# LLAVA_BUILD=OFF leaves out the vision tools, which nothing here uses, and halves the compile time.
	CMAKE_ARGS="$${CMAKE_ARGS:--DLLAVA_BUILD=OFF}" $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]'
	@touch $@
	@echo "== ready: $(BIN)/harness --help"

demo: $(READY) ## Train tiny, score it on primer and HumanEval, then improve it in a loop until its gate passes.
	@echo "== tiny: a Llama of a million parameters, trained here from a seed (once, about four minutes on two cores)"
	@echo "== eval: the GGUF on primer and on HumanEval (164 programs, run in the sandbox)"
	$(BIN)/harness eval tiny --suite primer --suite humaneval --db $(DEMO)
	@echo "== that model as a file: $$(ls $${HARNESS_HOME:-results}/models/*/tiny.gguf)"
	@echo "== the same command again asks the model nothing"
	$(BIN)/harness eval tiny --suite primer --suite humaneval --db $(DEMO) --quiet --json | $(BIN)/python -c 'import json, sys; d = json.load(sys.stdin); print("asked:", d["asked"])'
	@echo "== a loop: the gate fails, failures are clustered, rows are made for them, tiny is trained, the gate decides again"
	$(BIN)/harness improve quickstart --db $(DEMO) || test $$? -eq 1
	@echo "== next: $(BIN)/harness why quickstart --db $(DEMO)"
	@echo "==       $(BIN)/harness show quickstart-1 --groups --db $(DEMO)"
	@echo "==       $(BIN)/harness dashboard --db $(DEMO)"
	@echo "==       $(BIN)/harness eval YOUR.gguf --suite humaneval"

test: $(READY) lint ## All checks and all tests (what CI runs).
	$(BIN)/python -m pytest

fast: $(READY) lint ## All checks and the fast tests.
	$(BIN)/python -m pytest -m "not slow"

lint: $(READY) ## Format, lint, types, floors.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY) ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reproduce: $(READY) ## Score recorded outputs of real models beside their published scores; rewrites docs/reproduction.md.
	$(BIN)/python tests/reproduce/run.py --write

proof: $(READY) ## Does aiming at clusters of failures teach more? Two proofs with sealed samples; rewrites docs/proof.md.
	$(BIN)/python tests/proof/primer.py --write
	$(BIN)/python tests/proof/bbh.py --write

bench: $(READY) ## Ratios against peers and limits, measured in one run each.
	@for script in tests/bench/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

browser: ## Install Debian's Chromium, which the tests of the dashboard drive (as root; CHROMIUM=PROGRAM names another).
	@command -v "$${CHROMIUM:-chromium}" >/dev/null || command -v google-chrome >/dev/null \
	  || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; }

screenshots: $(READY) ## Every page of the dashboard over the demo's database, light and dark, into results/screenshots.
	$(BIN)/python tests/dashboards/screenshots.py $(DEMO) --scheme light dark

clean: ## Remove caches and builds; results/ and .venv stay.
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -type d -exec rm -rf {} +
