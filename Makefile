# Every command sets up what it needs in .venv; a second run takes no set-up time.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo test check generate bench soak screenshots format clean

setup: $(READY)

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)  ## the SDK's main job on localhost, every step verified
	$(BIN)/python examples/demo.py

test: $(READY)  ## all tests
	$(BIN)/python -m pytest

check: $(READY)  ## everything that reads code without running it
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/kraken-codegen lint
	$(BIN)/kraken-codegen check
	$(BIN)/python -m kraken.cli.reference --check docs/commands
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache

generate: $(READY)  ## specs/ -> generated/
	$(BIN)/kraken-codegen build
	$(BIN)/python -m kraken.cli.reference docs/commands

bench: $(READY)  ## side by side with other clients, into docs/benchmarks.md
	$(BIN)/python benchmarks/run.py

soak: $(READY)  ## an hour of simulated market full of trouble, into docs/soak.md
	$(BIN)/python -m tests.soak --output docs/soak.md

screenshots: $(READY)  ## the pictures of docs/terminal.md, from the emulator
	$(BIN)/python docs/screenshots/make.py

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build benchmarks/.cache
