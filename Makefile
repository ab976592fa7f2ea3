# Sluicegate's commands. Everything lands in .venv and .data; nothing is installed globally, no root is needed.
SHELL := /bin/bash
PY ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

.PHONY: help setup demo run test check lint types imports bench screenshots mutation docs lock clean package audit

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(BIN)/.ready ## .venv from the lock file

$(BIN)/.ready: requirements.lock pyproject.toml scripts/setup.sh
	@PY=$(PY) bash scripts/setup.sh
	@touch $@

demo: setup ## start everything on this machine and run the main jobs on real bytes (KEEP=1 leaves it running)
	@$(BIN)/python scripts/demo.py $(if $(KEEP),--keep,)

run: setup ## serve on http://127.0.0.1:8787 with the embedded database
	@$(BIN)/python scripts/run.py

test: setup ## every test
	@bash scripts/test.sh $(ARGS)

check: setup lint types imports ## linter, types, import contracts

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

bench: setup ## measure: medians and ratios, as a table and as JSON in .bench/
	@$(BIN)/python -m tests.bench $(ARGS)

screenshots: setup ## pictures of the dashboard in docs/images, from the running product (needs chromium)
	@$(BIN)/python scripts/screenshots.py

mutation: setup ## change one word of an adapter at a time and print how many changes the tests notice (ARGS="torbox")
	@$(BIN)/python scripts/mutation.py $(ARGS)

docs: setup ## the documentation as a site in site/; nothing in it is loaded from another host
	@$(BIN)/python scripts/write_docs.py --check
	@$(BIN)/zensical build --strict --clean

package: setup ## wheel, sdist and bill of materials in dist/; the wheel is tried in a clean environment
	@bash scripts/package.sh

audit: setup ## known vulnerabilities of what is locked; needs the network
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

lock: setup ## renew requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
		--group dev --group docs -o requirements.lock pyproject.toml

clean: ## remove what the commands above made here
	rm -rf .venv .data .bench build dist site .cache
