# Each target sets up what it needs: Python 3.11 or later and make are enough; uv is used where it is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tests at once: one more than cores, as one that waits for a sensor or a clock needs none.
CORES := getattr(os, "sched_getaffinity", lambda process: range(os.cpu_count() or 1))(0)
AT_ONCE = $(shell $(PYTHON) -c 'import os; print(len($(CORES)) + 1)')

.PHONY: help demo check test consumers soak lint format bench bench-fetching clean

help:
	@echo "make demo    the whole loop on this machine, offline"
	@echo "make check   lint, types, imports, and what is tested without other processes: minutes"
	@echo "make test    lint, types, imports, and every test with coverage"
	@echo "make consumers  the parsers of tools that read exports, for their tests"
	@echo "make soak    hundreds of kills, full disks, damaged files and broken lines; it takes long"
	@echo "make lint    ruff, mypy and import-linter alone"
	@echo "make bench   ratios against the floor, on this machine"
	@echo "make bench-fetching  fetching with a limit of bytes a second for each connection"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "hugflow needs Python 3.11 or later; name one: make PYTHON=python3.12"; exit 1; }
	@echo "installing into $(VENV), once"
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) \
	  && uv pip install --quiet --python $(BIN)/python -e '.[dev]'; \
	else \
	  $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet -e '.[dev]'; \
	fi
	@touch $@

demo: $(READY)
	@$(BIN)/hugflow demo
	@echo "To type only hugflow in this shell: . $(BIN)/activate"

consumers: $(VENV)/consumers

# Parsers of the tools that read our exports. Without what they depend on, such as torch.
$(VENV)/consumers: tests/exports/consumers.txt $(READY)
	@rm -rf $@ $@.part
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --no-deps --python $(BIN)/python --target $@.part -r $<; \
	else \
	  $(BIN)/python -m pip install --quiet --no-deps --target $@.part -r $<; \
	fi
	@mv $@.part $@ && touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy hugflow hugflow_assets resources/hugflow_resources sensors/hugflow_sensors
	$(BIN)/lint-imports

check: lint
	$(BIN)/pytest -q -n $(AT_ONCE) -m "not slow and not soak" --hypothesis-profile=quick

test: lint
	$(BIN)/pytest -n $(AT_ONCE) --dist loadgroup --cov --cov-report=term --cov-fail-under=90

soak: $(READY)
	$(BIN)/pytest tests/crash tests/network tests/e2e tests/dagster/test_platform.py \
	  tests/dagster/test_processes.py tests/dagster/test_layouts_on_main.py tests/corpus \
	  tests/stages/flowing/test_keep.py tests/stages/planning/test_extrapolate.py \
	  -m "" -n auto --dist loadgroup

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python bench/encode.py
	$(BIN)/python bench/quality.py
	$(BIN)/python bench/mp3_quality.py
	$(BIN)/python bench/isolation.py
	$(BIN)/python bench/compare.py
	$(BIN)/python bench/two_workers.py
	$(BIN)/python bench/telling.py
	$(BIN)/python bench/start_up.py
	$(BIN)/python bench/many_files.py
	$(BIN)/python bench/definitions.py
	$(BIN)/python bench/overlaps.py
	$(BIN)/python bench/row_steps.py
	$(BIN)/python bench/serving.py

bench-fetching: $(READY)
	$(BIN)/python bench/fetching.py
	$(BIN)/python bench/behind.py

clean:
	rm -rf $(VENV) demo
